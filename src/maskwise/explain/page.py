"""The same as a page: one file, no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from maskwise.annotate import FaceLabel, draw_labels
from maskwise.explain import words
from maskwise.explain.values import FaceExplanation

_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

_OVERVIEW_PX: Final = 1200

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #222; --soft: #5c5c5c; --paper: #fafaf8; --rule: #d9d9d4;
  --care: #a84a00 }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e6e6e6; --soft: #a8a8a8; --paper: #1b1d21; --rule: #3a3d42; --care: #f08c3a } }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; margin: 0 auto;
  max-width: 76rem; padding: 1.5rem 1rem 4rem; color: var(--ink); background: var(--paper);
  overflow-wrap: break-word }
h1 { font-size: 1.6rem } h2 { font-size: 1.3rem; margin-top: 2.5rem } h3 { font-size: 1.05rem }
img { display: block; width: 100%; max-width: 75rem; height: auto; border: 1px solid var(--rule);
  border-radius: 6px }
p, li, dd { max-width: 46rem } ul { padding-left: 1.2rem }
.columns { display: grid; gap: 0 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)) }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .8rem .25rem 0; text-align: left; border-bottom: 1px solid var(--rule) }
td.n, th.n { text-align: right }
.care { border: 1px solid var(--care); border-radius: 4px; padding: .5rem .8rem; font-size: .9rem }
dt { font-weight: 600; margin-top: .6rem } dd { margin: 0 }
"""

_READ: Final = (
    (
        "The landmarks",
        "Where the detector took the eyes, the nose tip and the corners of the mouth to be. Rings "
        "are points that are covered or outside the picture: they are guesses.",
    ),
    (
        "What the encoder gets",
        "All that counts for the score: the face, turned upright and cut out. Beside it is what it "
        "was compared with, as the encoder got that. A face in a mask is compared with photos in "
        "masks: real ones, or drawn by maskwise on the enrolled photo.",
    ),
    (
        "For and against",
        "One part of the face after another is covered by a patch of grey, and the score is "
        "computed again. Blue: the score falls, the part speaks for the match. Orange: it rises, "
        "the part speaks against. This is a sensitivity, not a proof: parts work together, a patch "
        "of grey is itself something to see, and another encoder may go by other parts.",
    ),
    (
        "The scale",
        "The grey wedge is how many strangers get such a score or a higher one when they are "
        "compared with one photo. The line is what was needed. It moves up with the number of "
        "photos enrolled, so that no more strangers are taken for somebody.",
    ),
    (
        "Times likelier",
        "How much more often one person's photos get this score than photos of two people do. How "
        "likely it is that this is the person depends on what was known before, too.",
    ),
)

_CARE: Final = (
    "This page shows faces, also one of an enrolled photo. Pass it on only to people who may see "
    "them. Nothing of it was stored in the gallery."
)


def page(
    title: str, faces: Sequence[tuple[FaceExplanation, bytes]], *, mark: str, models: str
) -> bytes:
    """The HTML, UTF-8. faces: of one picture, with their cards as JPEG.

    mark: a tag by which our pages are known. models: what the result was produced by, for the end.
    """
    body = [f"<h1>{_text(title)}</h1>"]
    if len(faces) > 1:
        body.append(_img(_overview([e for e, _ in faces]), "the photo, its faces numbered"))
    for number, (e, jpeg) in enumerate(faces, 1):
        which = f"Face {number} of {len(faces)}: " if len(faces) > 1 else ""
        body.append(f"<h2>{_text(which + words.verdict(e))}</h2>{_face(e, jpeg)}")
    body.append(f'<p class="care">{_text(_CARE)}</p><h2>How to read it</h2><dl>')
    body += [f"<dt>{_text(word)}</dt><dd>{_text(said)}</dd>" for word, said in _READ]
    body.append(f"</dl><p><small>{_text(models)}</small></p>")
    html = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        mark,
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer">',
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>",
        *body,
        "</body></html>\n",
    ]
    return "\n".join(html).encode("utf-8")


def _face(e: FaceExplanation, jpeg: bytes) -> str:
    said = f"{words.verdict(e)}; {words.score_words(e)}"
    parts = [] if e.parts is None else words.parts_words(e.parts)
    columns = [
        _section("What was seen", words.seen_words(e)),
        _section("What it was compared with", [words.against_words(e)]),
        _section("What the score means", [words.score_words(e), *words.meaning(e)]),
        _section("What is to be added", words.remarks(e)),
        _section("Which parts count", parts),
        _candidates(e),
    ]
    return f'{_img(jpeg, said)}\n<div class="columns">{"".join(filter(None, columns))}</div>'


def _overview(faces: Sequence[FaceExplanation]) -> bytes:
    """The whole picture as JPEG: which face is which."""
    from PIL import Image as Pillow

    labels = [
        FaceLabel(
            (float(x1), float(y1), float(x2), float(y2)),
            e.decision.outcome,
            (f"face {number}: {words.verdict(e)}",),
        )
        for number, e in enumerate(faces, 1)
        for x1, y1, x2, y2 in [e.face.detection.box]
    ]
    picture = Pillow.fromarray(draw_labels(faces[0].image, labels).pixels)
    picture.thumbnail((_OVERVIEW_PX, _OVERVIEW_PX))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=88)
    return out.getvalue()


def _img(jpeg: bytes, said: str) -> str:
    address = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode('ascii')}"
    return f'<img src="{address}" alt="{_text(said)}">'


def _section(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{_text(line)}</li>" for line in lines)
    return f"<section><h3>{_text(title)}</h3><ul>{items}</ul></section>\n" if items else ""


def _candidates(e: FaceExplanation) -> str:
    rows = "".join(
        f"<tr><td>{c.rank}</td><td>{_text(c.subject)}</td><td class=n>{c.score:.3f}</td>"
        f"<td>{_text(c.reference)}</td><td>{_text(words.in_wear(c.wear))}</td></tr>"
        for c in e.candidates
    )
    head = "<tr><th></th><th>who</th><th class=n>score</th><th>photo</th><th></th></tr>"
    if not rows:
        return ""
    return f"<section><h3>The nearest people</h3><table>{head}{rows}</table></section>"


def _text(text: str) -> str:
    """For HTML; control characters and what turns the text round as they are written."""
    shown = "".join(
        c if c.isprintable() or c in "\u200c\u200d" else c.encode("unicode_escape").decode("ascii")
        for c in text
    )
    return escape(shown)
