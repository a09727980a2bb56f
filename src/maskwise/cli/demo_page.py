"""The page that shows the demo's pictures: one static file, no script, nothing from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Final
from urllib.parse import quote

from maskwise.cli.files import PAGE_MARK
from maskwise.cli.output import printable

_STYLE: Final = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem;
  padding: 0 1rem; color: #1e1e1e; background: #fafaf8 }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .25rem .75rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left }
main { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)) }
figure { margin: 0 } figure img { width: 100%; height: auto }
figcaption { overflow-wrap: anywhere } img.sheet { max-width: 100% }
.right { color: #0072b2 } .wrong { color: #a84a00; font-weight: bold }
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture of the page. verdict: "right", "wrong" ... or "" where nothing tells."""

    path: Path
    caption: str
    verdict: str = ""


def page(
    title: str,
    sentences: Sequence[str],
    *,
    table: tuple[Sequence[str], Sequence[Sequence[str]]] | None,
    sheet: Path | None,
    pictures: Sequence[Shown],
    folder: Path,
) -> bytes:
    """The HTML of the page that lies in ``folder``, UTF-8."""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        PAGE_MARK,
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{_text(title)}</h1>",
        *(f"<p>{_text(sentence)}</p>" for sentence in sentences),
    ]
    if table is not None:
        columns, rows = table
        parts += ["<table><tr>", *(f"<th>{_text(c)}</th>" for c in columns), "</tr>"]
        parts += ["<tr>" + "".join(f"<td>{_text(c)}</td>" for c in row) + "</tr>" for row in rows]
        parts.append("</table>")
    if sheet is not None:
        address = _address(sheet, folder)
        parts += [
            "<h2>One person wearing every mask</h2>",
            f'<a href="{address}"><img class="sheet" src="{address}" alt="contact sheet"></a>',
        ]
    parts += ["<h2>Probes</h2><main>", *(_figure(shown, folder) for shown in pictures)]
    parts.append("</main></body></html>")
    return "\n".join(parts).encode("utf-8", "backslashreplace") + b"\n"


def _figure(shown: Shown, folder: Path) -> str:
    address = _address(shown.path, folder)
    name = shown.verdict.replace(" ", "-")
    said = f' <span class="{name}">{_text(shown.verdict)}</span>' if shown.verdict else ""
    return (
        f'<figure><a href="{address}"><img loading="lazy" src="{address}" alt=""></a>'
        f"<figcaption>{_text(shown.caption)}{said}</figcaption></figure>"
    )


def _address(path: Path, folder: Path) -> str:
    return quote(os.fsencode(path.relative_to(folder).as_posix()))


def _text(text: str) -> str:
    return escape(printable(text))
