"""Misses and extra boxes as rows of files, as thumbnails and on sheets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from maskwise import image
from maskwise.errors import ImageError
from maskwise.evaluate.detection import tiles
from maskwise.evaluate.detection.figures import Extra, Figures, Miss, wear_of
from maskwise.evaluate.detection.files import Written, write_file
from maskwise.evaluate.detection.page import Shots
from maskwise.evaluate.detection.tiles import FOUND, TRUTH, Marks
from maskwise.types import U8

ON_SHEETS: Final = 240
"""Faces a detector and kind that sheets show; of more, so many are drawn by lot."""

_A_SHEET: Final = 48
_COLUMNS: Final = 8
_ON_PAGE: Final = 24

Numbered = list[tuple["Miss | Extra", dict[str, Any]]]


def numbered(found: Sequence[Figures]) -> tuple[Numbered, Numbered]:
    """Misses and extra boxes with the rows of their files; numbers from 1 for each detector."""
    misses: Numbered = []
    extra: Numbered = []
    for one in found:
        for number, miss in enumerate(one.misses, 1):
            misses.append((miss, _miss_row(one.name, number, miss)))
        for number, box in enumerate(one.extra, 1):
            extra.append((box, _extra_row(one.name, number, box)))
    return misses, extra


def _miss_row(name: str, number: int, miss: Miss) -> dict[str, Any]:
    return {
        "detector": name,
        "number": number,
        "photo": miss.photo,
        "box": _rounded(miss.face.box),
        "height_px": round(miss.face.height_px, 2),
        "wear": wear_of(miss.face),
        "teacher_score": miss.face.score,
        "nearest_overlap": round(miss.nearest, 4),
    }


def _extra_row(name: str, number: int, extra: Extra) -> dict[str, Any]:
    return {
        "detector": name,
        "number": number,
        "photo": extra.photo,
        "box": _rounded(extra.detection.box),
        "height_px": round(float(extra.box[3] - extra.box[1]), 2),
        "score": float(extra.detection.score),
        "overlap_with_truth": round(extra.beside, 4),
        "counted": extra.counted,
    }


def _rounded(box: Iterable[float]) -> list[float]:
    return [round(float(v), 2) for v in box]


class Cutter:
    """Cuts faces out of photos, each photo opened once."""

    def __init__(self, images: Path, folder: Path, out: Written, seed: int) -> None:
        self._images, self._folder, self._out, self._seed = images, folder, out, seed

    def make(self, key: str, kind: str, intro: str, rows: Numbered, name: str) -> Shots:
        """Thumbnails of ``rows``, and their sheets, ``key`` in their names."""
        chosen = self._chosen(rows)
        made = self._tiles(chosen, kind)
        title = f"{name}: {kind}, {len(rows):,}"
        if len(chosen) < len(rows):
            intro += f"; {len(chosen):,} of {len(rows):,}, drawn by lot"
        files = []
        for part, start in enumerate(range(0, len(made), _A_SHEET), 1):
            file = f"sheets/{key}-{part}.png"
            sheet = tiles.sheet(f"{title} ({part})", made[start : start + _A_SHEET], _COLUMNS)
            write_file(self._out, self._folder / file, tiles.png(sheet))
            files.append(file)
        intro += ". " + (
            "Blue: the truth. Number, height and the best overlap of a box."
            if kind == "misses"
            else "Red: the box. Number, score and height."
        )
        return Shots(
            title,
            intro + f" The first {min(len(made), _ON_PAGE)} of them here.",
            tuple((tiles.address(pixels), words) for words, pixels in made[:_ON_PAGE]),
            tuple(files),
        )

    def tidy(self) -> None:
        """Delete sheets of an earlier run that have no successor."""
        for kind in ("misses", "extra"):
            for path in (self._folder / "sheets").glob(f"{kind}-*.png"):
                if path not in self._out.files:
                    path.unlink(missing_ok=True)

    def _chosen(self, rows: Numbered) -> Numbered:
        if len(rows) <= ON_SHEETS:
            return rows
        rng = np.random.default_rng(self._seed)
        return [rows[at] for at in np.sort(rng.choice(len(rows), ON_SHEETS, replace=False))]

    def _tiles(self, rows: Numbered, kind: str) -> list[tuple[str, U8]]:
        made: dict[int, tuple[str, U8]] = {}
        photos: dict[str, list[int]] = {}
        for at, (what, _) in enumerate(rows):
            photos.setdefault(what.photo, []).append(at)
        for photo, places in photos.items():
            try:
                picture = image.load(self._images / photo)
            except ImageError as error:
                self._out.not_shown[photo] = str(error)
                continue
            for at in places:
                what, row = rows[at]
                box = what.face.box if isinstance(what, Miss) else what.box
                colour = TRUTH if isinstance(what, Miss) else FOUND
                pixels = tiles.tile(picture, box, Marks(((box, colour),)))
                made[at] = _words(row, kind), pixels
        return [made[at] for at in sorted(made)]


def _words(row: Mapping[str, Any], kind: str) -> str:
    height = f"{row['height_px']:.0f} px"
    if kind == "extra":
        return f"{row['number']}  {row['score']:.2f}  {height}"
    return f"{row['number']}  {height}  {row['nearest_overlap']:.2f}"
