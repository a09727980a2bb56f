"""The report as one HTML page: no script, and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Final

from maskwise.evaluate.report import canvas
from maskwise.evaluate.report.parts import Block, Cases, Part, Plot
from maskwise.evaluate.report.tables import Table
from maskwise.evaluate.report.words import markup

PAGE_MARK: Final = '<meta name="generator" content="maskwise">'
"""Only a page that carries it is replaced."""

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""Whatever slipped through: no script runs, and nothing is fetched."""

_WORDS: Final = (
    ("mated, non-mated", "A comparison of one person with themselves, and of two people."),
    ("FMR", "Of comparisons of different people, the share that pass as one person."),
    ("FNMR", "Of comparisons of one person, the share that do not pass."),
    ("threshold", "A comparison passes when its score is the threshold or more."),
    ("EER", "The rate where FMR and FNMR are equal: for comparing systems, not for use."),
    ("FTA, FTE", "Probes, and references, of which no template could be made."),
    ("GFAR, GFRR", "FMR and FNMR with those failures folded in, as rejections."),
    ("FPIR, FNIR", "In searches: strangers who are named, and enrolled people who are not."),
    ("wear pair", "What the reference wears and what the probe wears."),
    (
        "interval",
        "95 % confidence, by drawing people anew (bootstrap). With *: the trials are taken as "
        "independent (fewer than ten people, or no error at all), which is too narrow.",
    ),
    ("not supported", "Too few trials: fewer than 30 errors would be expected (rule of 30)."),
)

_CARE: Final = (
    "These thumbnails show people. Do not pass this page on to anybody who may not see their "
    "photos; a report without them is made with --no-thumbnails. They show the photos as they "
    "are: a virtual mask is not drawn."
)


def page(
    title: str,
    lead: str,
    compared: Sequence[Table | Plot],
    parts: Sequence[Part],
    *,
    pictures: Mapping[str, Mapping[str, str]] | None,
    footer: Sequence[str],
) -> bytes:
    """The HTML, UTF-8. pictures: part's key -> photo -> address; None for no thumbnails."""
    body = [
        f"<header><h1>{markup(title)}</h1><p class=lead>{markup(lead)}</p></header>",
        _nav(parts),
    ]
    if compared:
        body.append("<section><h2>Side by side</h2>" + _blocks(compared, None) + "</section>")
    body += [_part(part, None if pictures is None else pictures.get(part.key)) for part in parts]
    words = "".join(f"<dt>{markup(word)}</dt><dd>{markup(said)}</dd>" for word, said in _WORDS)
    body.append(f"<section><h2 id=words>What the words mean</h2><dl>{words}</dl></section>")
    body.append(
        "<footer>" + "".join(f"<p class=note>{markup(line)}</p>" for line in footer) + "</footer>"
    )
    style = (
        resources.files(__package__).joinpath("page.css").read_text("utf-8")
        + f"@media screen and (prefers-color-scheme: dark) {{{canvas.style(dark=True)}}}"
    )
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


def _nav(parts: Sequence[Part]) -> str:
    links = [f'<li><a href="#part-{part.key}">{markup(part.name)}</a></li>' for part in parts]
    if len(parts) == 1:
        links = [
            f'<li><a href="#{_anchor(parts[0], section.title)}">{markup(section.title)}</a></li>'
            for section in parts[0].sections
        ]
    links.append('<li><a href="#words">What the words mean</a></li>')
    return f'<nav aria-label="Contents"><ul>{"".join(links)}</ul></nav>'


def _part(part: Part, pictures: Mapping[str, str] | None) -> str:
    kind = "Verification" if part.kind == "trials" else "Identification"
    summary = "".join(f"<li>{markup(sentence)}</li>" for sentence in part.summary)
    sections = "".join(
        f'<section><h3 id="{_anchor(part, section.title)}">{markup(section.title)}</h3>\n'
        f"{_blocks(section.blocks, pictures)}</section>\n"
        for section in part.sections
    )
    cards = "".join(
        f"<li><b>{markup(card.title)}</b><strong>{markup(card.figure)}</strong>"
        f"<span>{markup(card.what)}</span><small>{markup(card.small)}</small></li>"
        for card in part.cards
    )
    return (
        f'<section class="part"><h2 id="part-{part.key}">{kind}: {markup(part.name)}</h2>\n'
        + (f'<ul class="cards">{cards}</ul>\n' if cards else "")
        + f'<ul class="summary">{summary}</ul>\n{sections}</section>'
    )


def _blocks(blocks: Sequence[Block], pictures: Mapping[str, str] | None) -> str:
    """In order; plots that follow one another stand side by side, as far as there is room."""
    made, row, cared = [], [], False
    for block in blocks:
        if isinstance(block, Plot):
            row.append(
                f'<figure id="{escape(block.key)}">{block.canvas.svg(alone=False)}'
                f"<p>{markup(block.caption)}</p></figure>"
            )
            continue
        if row:
            made.append(f'<div class="plots">{"".join(row)}</div>')
            row = []
        if isinstance(block, Table):
            made.append(block.html())
        elif isinstance(block, str):
            made.append(f"<p>{markup(block)}</p>")
        elif isinstance(block, Cases) and pictures is not None:
            if not cared:
                made.append(f'<p class="care">{markup(_CARE)}</p>')
                cared = True
            made.append(_cases(block, pictures))
    if row:
        made.append(f'<div class="plots">{"".join(row)}</div>')
    return "\n".join(made)


def _cases(cases: Cases, pictures: Mapping[str, str]) -> str:
    items = []
    for case in cases.cases:
        shots = "".join(
            f"<div>{_picture(pictures.get(one.photo))}<span>{markup(one.caption)}</span></div>"
            for one in case.pictures
        )
        wrong, two = ' class="wrong"' if case.wrong else "", "two" if len(case.pictures) > 1 else ""
        said = "" if case.wrong else " (right)"
        items.append(
            f'<li{wrong}><div class="{two}">{shots}</div><b>{markup(case.caption)}{said}</b></li>'
        )
    return (
        f'<figure id="{escape(cases.key)}"><figcaption>{markup(cases.title)}</figcaption>'
        f'<p class=note>{markup(cases.intro)}</p><ul class="cases">{"".join(items)}</ul></figure>'
    )


def _picture(address: str | None) -> str:
    if address is None:
        return '<div class="none">no picture</div>'
    return f'<img src="{escape(address)}" alt="" loading="lazy">'


def _anchor(part: Part, title: str) -> str:
    return escape(f"section-{part.key}--{title.lower().replace(' ', '-')}")
