"""Figures of points under masks -> the folder with the page, the list and the sheets."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from maskwise import image, masks
from maskwise.errors import ImageError
from maskwise.evaluate.detection import tiles
from maskwise.evaluate.detection.files import PAGE, Written, lines, write_file
from maskwise.evaluate.detection.page import Block, Section, Shots, page
from maskwise.evaluate.detection.steadiness import STATUSES, Steady
from maskwise.evaluate.detection.steady_figures import (
    ALL_MASKS,
    BARE,
    POINTS,
    TAIL,
    Pair,
    SteadyFigures,
    pair_row,
    steady_json,
)
from maskwise.evaluate.detection.tables import share
from maskwise.evaluate.detection.tiles import FOUND, TRUTH, Marks
from maskwise.evaluate.detection.write import About
from maskwise.evaluate.report.tables import Cell, Figure, Table, columns
from maskwise.evaluate.report.words import count, percent, slug
from maskwise.types import F32, U8, Image, Landmarks

FORMAT: Final = "maskwise-landmarks"
VERSION: Final = 1

_ROWS: Final = 8
_WORST: Final = 48
_COLUMNS: Final = 8
_ON_PAGE: Final = 16


def table(found: Sequence[SteadyFigures]) -> Table:
    """One row a detector and mask."""
    heads = [
        ("detector", "detector"),
        ("mask", "mask"),
        ("lost", "faces lost", "not found again under the mask"),
        ("median", "all points, median"),
        ("p95", "all points, 95 %"),
    ]
    for point in POINTS:
        key = point.replace(" ", "_")
        heads += [(f"{key}_median", f"{point}, median"), (f"{key}_p95", f"{point}, 95 %")]
    rows: list[tuple[Cell, ...]] = []
    for one in found:
        for name, errors in one.masks.items():
            figures = [
                Figure(errors.quantile(part, at))
                for at in (None, *range(len(POINTS)))
                for part in (0.5, TAIL)
            ]
            lost = None if name == BARE else share(errors.lost)
            rows.append((one.name, name, lost, *figures))
    return Table(
        "steadiness",
        "How far the points move under a mask, in distances of the eyes",
        columns(*heads),
        tuple(rows),
        notes=("Left and right are the subject's. 95 %: the 95th percentile.",),
    )


def to_json(found: Sequence[SteadyFigures], about: About) -> dict[str, Any]:
    """What ``landmarks.json`` holds."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "command": about.command,
        "images": str(about.images),
        "truth": about.truth,
        "settings": dict(about.settings),
        "detectors": [steady_json(one) for one in found],
        "unread": dict(about.unread),
        "notes": list(about.notes),
    }


def write_landmarks(
    found: Sequence[SteadyFigures],
    folder: Path,
    about: About,
    *,
    thumbnails: bool = True,
    on_sheet: Callable[[], None] = lambda: None,
) -> Written:
    """Write the page, ``landmarks.json``, ``pairs.jsonl``, the table and sheets, as
    ``write_detection`` does. Raises OutputError where files cannot be written.
    """
    out = Written(folder / PAGE)
    figures = table(found)
    sections = [Section("Figures", (figures,))]
    taken: set[str] = set()
    for one in found:
        key = slug(one.name, taken)
        blocks: list[Block] = [_statuses(one)]
        if thumbnails:
            painter = _Painter(about.images, folder, out)
            blocks += painter.blocks(one, key)
        on_sheet()
        sections.append(Section(one.name, tuple(blocks)))
    for kind in ("points", "worst", "lost", "worn"):
        for path in (folder / "sheets").glob(f"{kind}-*.png"):
            if path not in out.files:  # of an earlier run, and of other figures
                path.unlink(missing_ok=True)
    rows = [pair_row(one.name, pair) for one in found for pair in one.pairs]
    write_file(out, folder / "tables" / f"{figures.key}.csv", figures.csv())
    write_file(out, folder / "pairs.jsonl", lines(rows))
    content = json.dumps(to_json(found, about), allow_nan=False, indent=1).encode() + b"\n"
    write_file(out, folder / "landmarks.json", content)
    lead = [about.truth, *map(summary, found), *about.notes]
    if about.unread:
        named = "; ".join(list(about.unread.values())[:10])
        lead.append(f"{count(len(about.unread), 'photo')} cannot be read: {named}")
    footer = [
        "Beside this page lie landmarks.json, pairs.jsonl, tables/ (CSV) and, unless there are no "
        "thumbnails, sheets/ (PNG).",
        "*: 95 % intervals; faces are taken as independent, which is rather too narrow.",
        f"Command: {about.command}",
    ]
    write_file(out, out.page, page("How steady the points are", lead, sections, footer))
    return out


def summary(one: SteadyFigures) -> str:
    """A sentence."""
    errors = one.masks[ALL_MASKS]
    middle, tail = errors.quantile(0.5), errors.quantile(TAIL)
    if middle is None or tail is None:
        return f"{one.name}: nothing could be measured; {_statuses(one)}"
    return (
        f"{one.name}: under masks the points are off by {percent(middle)} of the distance of the "
        f"eyes (median; 95th percentile {percent(tail)}), and {errors.lost.errors:,} of "
        f"{count(errors.lost.trials, 'face')} lost."
    )


def _statuses(one: SteadyFigures) -> str:
    words = [f"{count(n, 'photo')}: {STATUSES[status]}" for status, n in one.statuses.items()]
    return "; ".join(words) + "." if words else "No photo."


class _Painter:
    """Draws photos in their masks again, with the points."""

    def __init__(self, images: Path, folder: Path, out: Written) -> None:
        self._images, self._folder, self._out = images, folder, out

    def blocks(self, one: SteadyFigures, key: str) -> list[Block]:
        made: list[Block] = []
        lost = [pair for pair in one.pairs if pair.errors is None]
        worst = [pair for pair in one.pairs if pair.errors is not None][:_WORST]
        for kind, title, pairs in (
            ("worst", "The largest errors", worst),
            ("lost", f"Faces lost under a mask, {len(lost):,}", lost[:_WORST]),
        ):
            drawn = self._pairs(pairs)
            if drawn:
                made.append(self._shots(f"{kind}-{key}", f"{one.name}: {title}", drawn, _COLUMNS))
        worn = self._worn(one)
        if worn:
            title = f"{one.name}: on masks that were worn already"
            made.append(self._shots(f"worn-{key}", title, worn, _COLUMNS))
        rows = self._rows(one)
        if rows:
            wide = 1 + len([name for name in one.masks if name not in (BARE, ALL_MASKS)])
            title = f"{one.name}: bare, and under each mask"
            made.insert(0, self._shots(f"points-{key}", title, rows, wide))
        return made

    def _shots(self, key: str, title: str, drawn: list[tuple[str, U8]], wide: int) -> Shots:
        file = f"sheets/{key}.png"
        write_file(self._out, self._folder / file, tiles.png(tiles.sheet(title, drawn, wide)))
        return Shots(
            title,
            "Blue: the truth, and what places the mask. Red: what was found. The number: the mean "
            "error of the five points.",
            tuple((tiles.address(pixels), words) for words, pixels in drawn[:_ON_PAGE]),
            (file,),
        )

    def _rows(self, one: SteadyFigures) -> list[tuple[str, U8]]:
        """Some photos, spread evenly: bare, then each mask."""
        by_photo: dict[str, list[Pair]] = {}
        for pair in one.pairs:
            by_photo.setdefault(pair.photo, []).append(pair)
        photos = sorted(by_photo)
        chosen = photos[:: max(1, -(-len(photos) // _ROWS))]
        order = list(one.masks)
        out = []
        for photo in chosen:
            picture = self._load(photo)
            if picture is None:
                continue
            pairs = sorted(by_photo[photo], key=lambda pair: order.index(pair.mask))
            first = pairs[0].steady
            out.append(("bare", _tile(picture, first, first.bare)))
            out += [self._masked(picture, pair) for pair in pairs]
        return out

    def _worn(self, one: SteadyFigures) -> list[tuple[str, U8]]:
        """Real masks, spread evenly over the photos: there is no truth to measure these by."""
        out = []
        for photo in list(one.worn)[:: max(1, -(-len(one.worn) // _WORST))]:
            picture = self._load(photo)
            if picture is not None:
                steady = one.worn[photo]
                out.append((Path(photo).stem[:20], _tile(picture, steady, steady.bare)))
        return out

    def _pairs(self, pairs: Sequence[Pair]) -> list[tuple[str, U8]]:
        out = []
        for pair in pairs:
            picture = self._load(pair.photo)
            if picture is not None:
                out.append(self._masked(picture, pair))
        return out

    def _masked(self, picture: Image, pair: Pair) -> tuple[str, U8]:
        one, under = pair.steady, pair.steady.masks[pair.mask]
        assert one.truth is not None
        worn = masks.wear_on_image(picture, [Landmarks("five", one.truth)], [under.spec])
        words = "lost" if pair.errors is None else percent(float(pair.errors.mean()), 2)
        return f"{pair.mask}  {words}", _tile(worn.image, one, under.points)

    def _load(self, photo: str) -> Image | None:
        try:
            return image.load(self._images / photo)
        except ImageError as error:
            self._out.not_shown[photo] = str(error)
            return None


def _tile(picture: Image, one: Steady, points: F32 | None) -> U8:
    assert one.box is not None
    assert one.truth is not None
    found = () if points is None else ((points, FOUND),)
    return tiles.tile(
        picture, one.box, Marks(points=((one.truth, TRUTH), *found)), margin=tiles.CLOSE
    )
