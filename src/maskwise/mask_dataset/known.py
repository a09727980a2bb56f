"""Files of faces that are known: nothing needs to be looked for, which is the slow part.

JSON lines, a face each: ``{"source": "a/1.jpg", "box": [x1, y1, x2, y2], "landmarks": {"scheme":
"five", "points": [[x, y], ...]}}``; the box may be left out. A manifest of ours is such a file,
and so is what ``maskwise identify --json`` prints, where its pictures were named as they lie in
the folder. CSV: the column ``source`` (or ``file``), then either ``landmarks`` (JSON) and
``scheme``, as in our manifest, or ``x0``, ``y0``, ``x1``, ``y1`` ...; and ``left``, ``top``,
``right``, ``bottom`` for the box. Without a scheme five points are ``five``, 68 ``ibug68``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Final

import numpy as np

from maskwise.errors import ConfigurationError
from maskwise.image import describe
from maskwise.mask_dataset.faces import Place
from maskwise.types import Landmarks, Scheme

_SCHEMES: Final[dict[int, Scheme]] = {5: "five", 68: "ibug68"}


def read_landmarks(path: Path) -> dict[str, tuple[Place, ...]]:
    """The faces of each photo, by its path below the folder given, with slashes.

    A face that stands in several rows counts once. Raises ConfigurationError, naming file and
    row, for what cannot be read.
    """
    name = describe(path)
    try:
        text = path.read_bytes().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise ConfigurationError(f"{name}: cannot be read ({error.strerror or error})") from error
    faces: dict[str, list[Place]] = {}
    seen: set[tuple[str, bytes]] = set()
    rows = _json_rows(text) if text.lstrip().startswith("{") else _csv_rows(text)
    number = 0
    try:
        for number, row in rows:  # noqa: B007  told when it fails
            source = _source(row)
            places = faces.setdefault(source, [])
            place = _place(row)
            if place is None:
                continue
            key = (source, place.landmarks.points.tobytes())
            if key not in seen:
                seen.add(key)
                places.append(place)
    except (ValueError, KeyError, TypeError, csv.Error) as error:
        raise ConfigurationError(
            f"{name}, after row {number}: no landmarks ({_told(error)}); see docs/mask-datasets.md"
        ) from error
    if not faces:
        raise ConfigurationError(f"{name}: holds no rows; see docs/mask-datasets.md")
    return {source: tuple(places) for source, places in faces.items()}


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            row = json.loads(line)
            # As identify prints it.
            yield number, {**row, **(row.get("face") if isinstance(row.get("face"), dict) else {})}


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, row in enumerate(csv.DictReader(io.StringIO(text)), 1):
        found: dict[str, Any] = dict(row)
        if row.get("landmarks"):
            found["landmarks"] = {"points": json.loads(row["landmarks"])}
        elif row.get("x0"):
            count = sum(1 for k in range(len(row)) if row.get(f"x{k}"))
            found["landmarks"] = {"points": [(row[f"x{k}"], row[f"y{k}"]) for k in range(count)]}
        if isinstance(found.get("landmarks"), dict) and row.get("scheme"):
            found["landmarks"]["scheme"] = row["scheme"]
        if row.get("left"):
            found["box"] = [row[k] for k in ("left", "top", "right", "bottom")]
        yield number, found


def _source(row: Mapping[str, Any]) -> str:
    for key in ("source", "file", "image"):
        if row.get(key):
            return PurePath(str(row[key])).as_posix()
    raise KeyError("source")


def _place(row: Mapping[str, Any]) -> Place | None:
    given = row.get("landmarks")
    if not given:
        return None
    points = np.array(given["points"], np.float32)
    scheme: Scheme | None = given.get("scheme") or _SCHEMES.get(len(points))
    if scheme is None:
        raise ValueError(f"{len(points)} points of no scheme; 5 or 68 need none")
    box = row.get("box")
    if not box:
        return Place(Landmarks(scheme, points))
    x1, y1, x2, y2 = (float(v) for v in box)
    return Place(Landmarks(scheme, points), (x1, y1, x2, y2))


def _told(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"lacks {error.args[0]}"
    return str(error) or type(error).__name__
