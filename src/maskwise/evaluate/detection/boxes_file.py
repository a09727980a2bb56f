"""A file of boxes -> the faces of each photo: CSV or JSON lines.

docs/detection-evaluation.md tells the columns.
"""

from __future__ import annotations

import csv
import io
import json
import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from maskwise.errors import EvaluationError
from maskwise.evaluate.detection.matching import clipped
from maskwise.evaluate.detection.truth import Face
from maskwise.image import describe
from maskwise.types import Landmarks

SIDES: Final = ("x1", "y1", "x2", "y2")
POINTS: Final = tuple(
    f"{name}_{axis}"
    for name in ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
    for axis in "xy"
)
"""Columns of the five points, in the order of the scheme ``five``; left is the subject's."""

_TRUE: Final = ("1", "true", "yes", "masked")
_FALSE: Final = ("0", "false", "no", "bare")
_DELIMITERS: Final = ",;\t"
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True, eq=False)
class BoxesFile:
    """photos: path below the folder -> its faces, () for a photo without any; and the line that
    each face stands in. Photos that are not here have no truth."""

    name: str
    photos: Mapping[str, tuple[Face, ...]]
    lines: Mapping[str, tuple[int, ...]]

    def faces(self, photo: str, size: tuple[int, int]) -> list[Face] | None:
        """Of ``photo``, which is ``size`` (width, height) px, boxes cut off at its edges.

        None where the file does not name it. Raises EvaluationError for a box that lies outside.
        """
        if photo not in self.photos:
            return None
        out = []
        for face, line in zip(self.photos[photo], self.lines[photo], strict=True):
            (box,) = clipped(face.box, *size)
            if not (box[2:] > box[:2]).all():
                raise EvaluationError(
                    f"{self.name}, line {line}: the box {_shown(face.box)} lies outside of "
                    f"{photo}, "
                    f"which is {size[0]} x {size[1]} px; boxes are x1, y1, x2, y2 in px of the "
                    "upright photo"
                )
            out.append(Face(box, face.ignored, face.masked, face.points))
        return out


def read_boxes(path: str | Path, photos: Sequence[str]) -> BoxesFile:
    """The boxes of ``path`` for ``photos``, paths below the folder with "/".

    Raises EvaluationError, naming the line, for a file that cannot be read, a row that is none, a
    box without area, and a photo that is not there.
    """
    name = describe(path)
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = "no UTF-8" if isinstance(error, UnicodeDecodeError) else _why(error)
        raise EvaluationError(f"{name}: cannot be read ({why}); name a file of boxes") from error
    known = {_normal(photo): photo for photo in photos}
    found: dict[str, list[tuple[Face, int]]] = {}
    missing: list[str] = []
    rows = _json_rows(text, name) if text.lstrip().startswith("{") else _csv_rows(text, name)
    for line, row in rows:
        at = f"{name}, line {line}"
        given = row.get("file")
        if not isinstance(given, str) or not given:
            raise EvaluationError(f"{at}: no file; every row names a photo as file")
        photo = known.get(_normal(given))
        if photo is None:
            missing.append(f"{given} (line {line})")
            continue
        faces = found.setdefault(photo, [])
        face = _face(row, at)
        if face is not None:
            faces.append((face, line))
    if missing:
        more = f" and {len(missing) - _MOST_NAMED:,} more" if len(missing) > _MOST_NAMED else ""
        raise EvaluationError(
            f"{name}: names photos that are not there: {', '.join(missing[:_MOST_NAMED])}{more}; "
            "write paths below the folder of --images"
        )
    if not found:
        raise EvaluationError(f"{name}: holds no row; write one a face: file,x1,y1,x2,y2")
    return BoxesFile(
        name,
        {photo: tuple(face for face, _ in faces) for photo, faces in found.items()},
        {photo: tuple(line for _, line in faces) for photo, faces in found.items()},
    )


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", PurePosixPath(text.replace("\\", "/")).as_posix())


def _json_rows(text: str, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    # Not str.splitlines: U+2028 may stand in a JSON string.
    for line, one in enumerate(text.split("\n"), 1):
        if not one.strip():
            continue
        try:
            row = json.loads(one)
        except ValueError as error:
            raise EvaluationError(f"{name}, line {line}: is no JSON ({error})") from error
        if not isinstance(row, dict):
            raise EvaluationError(
                f"{name}, line {line}: expected an object, got {one.strip()[:40]}"
            )
        box = row.pop("box", None)
        if box is not None:
            if not isinstance(box, list) or len(box) != len(SIDES):
                raise EvaluationError(f"{name}, line {line}: box: expected [x1, y1, x2, y2]")
            row |= dict(zip(SIDES, box, strict=True))
        points = row.pop("points", None)
        if points is not None:
            try:
                flat = [value for x, y in points for value in (x, y)]
                row |= dict(zip(POINTS, flat, strict=True))
            except (TypeError, ValueError) as error:
                raise EvaluationError(
                    f"{name}, line {line}: points: expected five [x, y]"
                ) from error
        yield line, row


def _csv_rows(text: str, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    try:
        for cells in reader:
            values = [cell.strip() for cell in cells]
            if not any(values):
                continue
            if header is None:
                header = [value.lower() for value in values]
                lacking = [key for key in ("file", *SIDES) if key not in header]
                if lacking:
                    raise EvaluationError(
                        f"{name}, line {reader.line_num}: no column {', '.join(lacking)}; the "
                        "first line names the columns: file,x1,y1,x2,y2 and, if you like, masked"
                    )
                continue
            if len(values) != len(header):
                raise EvaluationError(
                    f"{name}, line {reader.line_num}: expected {len(header)} cells, got "
                    f"{len(values)}"
                )
            pairs = zip(header, values, strict=True)
            yield reader.line_num, {key: value for key, value in pairs if value != ""}
    except csv.Error as error:
        raise EvaluationError(f"{name}, line {reader.line_num}: is no CSV ({error})") from error


def _face(row: Mapping[str, Any], at: str) -> Face | None:
    """None for a row without a box: a photo without a face."""
    sides = [row.get(key) for key in SIDES]
    if all(side is None for side in sides):
        return None
    box = np.array(_numbers(sides, SIDES, at))
    if not (box[2:] > box[:2]).all():
        raise EvaluationError(
            f"{at}: the box {_shown(box)} has no area; write x1 < x2 and y1 < y2 (not width and "
            "height)"
        )
    given = [row.get(key) for key in POINTS]
    points = None
    if any(value is not None for value in given):
        pairs = np.array(_numbers(given, POINTS, at), np.float32).reshape(-1, 2)
        points = Landmarks("five", pairs)
    return Face(box, bool(_truth(row, "ignored", at)), _truth(row, "masked", at), points)


def _numbers(values: Sequence[Any], keys: Sequence[str], at: str) -> list[float]:
    out = []
    for key, value in zip(keys, values, strict=True):
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        # Beyond 10 million no picture reaches, and float32 loses pixels.
        if not math.isfinite(number) or abs(number) > 1e7:
            got = "nothing" if value is None else repr(value)
            raise EvaluationError(f"{at}: {key}: expected a number of px, got {got}")
        out.append(number)
    return out


def _truth(row: Mapping[str, Any], key: str, at: str) -> bool | None:
    value = row.get(key)
    if value is None or isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in (*_TRUE, *_FALSE):
        raise EvaluationError(f"{at}: {key}: expected yes or no, got {value!r}")
    return word in _TRUE


def _shown(box: Sequence[float] | np.ndarray[Any, Any]) -> str:
    return ", ".join(f"{float(side):g}" for side in box)


def _why(error: OSError | ValueError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
