"""The figures of ``maskwise evaluate detection``, as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from maskwise.cli.output import print_table, printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maskwise.evaluate.detection.figures import Figures
    from maskwise.evaluate.intervals import Rate

_COLUMNS: Final = (
    *("detector", "photos", "with a face", "boxes", "recall", "precision", "overlap"),
    *("ms a photo", "ms a megapixel"),
)
_JUDGED: Final = ("recall", "precision", "overlap")
_WORDS: Final = """\
Recall: faces found, of those that are there. Precision: boxes over such a face, of all but those
over faces that do not count and those that are less high than such; a box over a face that the
truth lacks counts against it: see the sheets of extra boxes. In brackets: 95 % intervals, faces
taken as independent. Overlap: median of intersection over union, over the faces found.
"""


def print_figures(found: Sequence[Figures], truth: str) -> None:
    """Side by side, then recall and precision in parts. truth: a sentence on it."""
    from maskwise.evaluate.detection.figures import ALL, wears_in
    from maskwise.evaluate.detection.tables import bands_in, number

    judged = [one for one in found if one.judged]
    click.echo(f"{printable(truth)}\n")
    columns = _COLUMNS if judged else tuple(c for c in _COLUMNS if c not in _JUDGED)
    cells = [
        {
            "detector": one.name,
            "photos": f"{one.photos:,}",
            "with a face": _share(one.with_face),
            "boxes": f"{one.faces:,}",
            "recall": _share(one.recall.get(ALL, {}).get(ALL)),
            "precision": _share(one.precision.get(ALL)),
            "overlap": number(one.overlap, 2),
            "ms a photo": number(one.ms_photo),
            "ms a megapixel": number(one.ms_megapixel),
        }
        for one in found
    ]
    print_table(
        columns,
        [[row[column] for column in columns] for row in cells],
        right=("photos", "boxes", "overlap", "ms a photo", "ms a megapixel"),
    )
    if not judged:
        return
    bands = bands_in([rates for one in judged for rates in one.recall.values()])
    click.echo("Recall, by what the face wears and by its height:\n")
    print_table(
        ("detector", "wear", "all", *bands),
        [
            (one.name, wear, *(_share(one.recall[wear].get(band)) for band in (ALL, *bands)))
            for one in judged
            for wear in wears_in(one)
        ],
    )
    bands = bands_in([one.precision for one in judged])
    click.echo("Precision, by the height of the box:\n")
    print_table(
        ("detector", "all", *bands),
        [
            (one.name, *(_share(one.precision.get(band)) for band in (ALL, *bands)))
            for one in judged
        ],
    )
    click.echo(_WORDS)


def _share(rate: Rate | None) -> str:
    from maskwise.evaluate.report.words import NOTHING, percent, percent_range

    if rate is None or not rate.trials:
        return NOTHING
    return f"{percent(rate.value)} ({percent_range(rate.interval())}) of {rate.trials:,}"
