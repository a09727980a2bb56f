"""A page of tables and small pictures: no script, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from typing import Final, TypeAlias

from maskwise.evaluate.report import canvas
from maskwise.evaluate.report.page import PAGE_MARK
from maskwise.evaluate.report.parts import Plot
from maskwise.evaluate.report.tables import Table
from maskwise.evaluate.report.words import markup

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Whatever slipped through: no script runs, and nothing is fetched."""

_CARE: Final = (
    "These thumbnails show people, and so do the sheets beside this page. Do not pass them on to "
    "anybody who may not see their photos; with --no-thumbnails there are none."
)


@dataclass(frozen=True, slots=True)
class Shots:
    """Small pictures. shots: address and caption. files: the sheets with more of them."""

    title: str
    intro: str
    shots: tuple[tuple[str, str], ...]
    files: tuple[str, ...] = ()


Block: TypeAlias = "Table | Plot | Shots | str"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and what stands under it; a str is a paragraph."""

    title: str
    blocks: tuple[Block, ...]


def page(
    title: str, lead: Sequence[str], sections: Sequence[Section], footer: Sequence[str]
) -> bytes:
    """The HTML, UTF-8."""
    style = (
        resources.files("maskwise.evaluate.report").joinpath("page.css").read_text("utf-8")
        + f"@media screen and (prefers-color-scheme: dark) {{{canvas.style(dark=True)}}}"
    )
    links = "".join(
        f'<li><a href="#section-{n}">{markup(section.title)}</a></li>'
        for n, section in enumerate(sections)
    )
    pictures = any(isinstance(b, Shots) for section in sections for b in section.blocks)
    body = [
        f"<header><h1>{markup(title)}</h1></header>",
        f'<nav aria-label="Contents"><ul>{links}</ul></nav>',
        '<ul class="summary">' + "".join(f"<li>{markup(line)}</li>" for line in lead) + "</ul>",
        *([f'<p class="care">{markup(_CARE)}</p>'] if pictures else []),
        *(
            f'<section><h2 id="section-{n}">{markup(section.title)}</h2>\n'
            + "\n".join(map(_block, section.blocks))
            + "</section>"
            for n, section in enumerate(sections)
        ),
        "<footer>" + "".join(f"<p class=note>{markup(line)}</p>" for line in footer) + "</footer>",
    ]
    html = "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            PAGE_MARK,
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{markup(title)}</title>",
            f"<style>{style}</style></head><body>",
            *body,
            "</body></html>\n",
        ]
    )
    return html.encode("utf-8")


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return block.html()
    if isinstance(block, str):
        return f"<p>{markup(block)}</p>"
    if isinstance(block, Plot):
        return (
            f'<div class="plots"><figure id="{escape(block.key)}">{block.canvas.svg(alone=False)}'
            f"<p>{markup(block.caption)}</p></figure></div>"
        )
    items = "".join(
        f'<li><img src="{escape(address)}" alt="" loading="lazy"><b>{markup(caption)}</b></li>'
        for address, caption in block.shots
    )
    files = "".join(f'<li><a href="{escape(file)}">{markup(file)}</a></li>' for file in block.files)
    return (
        f"<figure><figcaption>{markup(block.title)}</figcaption>"
        f'<p class=note>{markup(block.intro)}</p><ul class="cases">{items}</ul>'
        + (f"<p class=note>As sheets:</p><ul>{files}</ul>" if files else "")
        + "</figure>"
    )
