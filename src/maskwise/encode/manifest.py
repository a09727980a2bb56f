"""A user's manifest of an encoder: a TOML file that says what an ONNX file wants and gives.

    name = "my-adaface"       # the first part of the encoder's id
    file = "adaface.onnx"     # beside the TOML file; or sha256 of a file that the store knows
    licence = "MIT"
    size = 112                # px of a chip's side
    points = "arcface-112"    # where the face lies in it
    color = "bgr"             # the order of the file's channels
    scale = "1/255"           # the file takes (pixel * scale - mean) / std
    mean = 0.5
    std = 0.5
    output = "feature"        # where there are several

docs/encoders.md tells all keys.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import numpy as np

from maskwise.encode.chips import LEAST, MOST, arcface_chip, dlib_chip
from maskwise.encode.onnx_encoder import Color, EncoderSpec, Layout, Preprocessing, Triple
from maskwise.errors import ConfigurationError
from maskwise.paths import expanded
from maskwise.types import ChipSpec, Fit

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

SUFFIX: Final = ".toml"
KEYS: Final = (
    *("name", "file", "sha256", "licence"),
    *("size", "points", "fit", "color", "scale", "mean", "std", "layout"),
    *("output", "dim", "space", "flip"),
    *("about", "origin", "trained_on", "paper"),
)
"""All keys; the last four are for people."""

RESERVED: Final = ("arcface", "dlib-resnet-v1", "file", "maskwise-v1", "sface")
"""Names of encoders that a manifest cannot take."""

POINTS: Final = ("arcface-112", "arcface-128", "dlib")
"""Reference points by name; or five points [x, y] in px of the chip."""

_LONGEST: Final = 100_000  # bytes; a manifest has some hundred
_MOST_NUMBERS: Final = 65_536

# What comes out of pixels of 0..255: for real files at least 1 wide, and at most 255 from zero.
_NARROWEST, _FARTHEST = 0.05, 300.0

_Choice = TypeVar("_Choice", bound=str)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a TOML file says.

    path: its own. file: of the weights, None where only ``sha256`` tells which. sha256: 64 hex
    digits or None. licence: as the user wrote it. spec: what the file wants and gives; its space
    is None where none was declared.
    """

    path: Path
    file: Path | None
    sha256: str | None
    licence: str
    spec: EncoderSpec


def read_manifest(path: Path) -> Manifest:
    """The manifest ``path``; the file that it describes is neither looked for nor opened.

    Raises ConfigurationError in one line, with the remedy, when it cannot be read, is no TOML,
    lacks a key or has one that is unknown, of the wrong type or senseless.
    """
    table = _Table(path)
    table.check_keys()
    name = table.matching("name", r"[a-z0-9][a-z0-9._-]{0,63}", "a-z, 0-9, ., - and _, up to 64")
    if name in RESERVED:
        raise table.error(f"the name {name!r} is taken; choose another")
    sha256 = None
    if "sha256" in table:
        sha256 = table.matching("sha256", r"[0-9a-f]{64}", "64 hex digits, lower case")
    if "file" not in table and sha256 is None:
        raise table.error('needs file = "NAME.onnx", which lies beside it, or sha256 = "..."')
    file = path.parent / expanded(table.text("file")) if "file" in table else None
    for key in ("about", "origin", "trained_on", "paper"):
        if key in table:
            table.text(key)
    size = table.whole("size", LEAST, MOST)
    spec = EncoderSpec(
        name,
        _chip(table, size),
        _preprocessing(table),
        dim=table.whole("dim", 1, _MOST_NUMBERS) if "dim" in table else None,
        output=table.text("output") if "output" in table else None,
        space=_space(table),
        flip=table.truth("flip"),
        advice=f"correct {path}",
    )
    return Manifest(path, file, sha256, table.text("licence"), spec)


class _Table:
    """The keys of a TOML file; every value is checked when it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as stream:
                content = stream.read(_LONGEST + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise self.error(f"cannot be read: {reason}") from error
        if len(content) > _LONGEST:
            raise self.error("is too long for a manifest of an encoder")
        try:
            self._values: Mapping[str, Any] = tomllib.loads(content.decode("utf-8"))
        # ValueError: also a number of thousands of digits. RecursionError: nested as deep.
        except (ValueError, RecursionError) as error:
            raise self.error(f"is no manifest in TOML: {error}") from error

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def error(self, text: str) -> ConfigurationError:
        return ConfigurationError(f"{self.path}: {text}")

    def check_keys(self) -> None:
        unknown = sorted(self._values.keys() - set(KEYS))
        if unknown:
            raise self.error(f"unknown key {unknown[0]!r}; there are: {', '.join(KEYS)}")

    def value(self, key: str, example: str) -> Any:
        if key not in self._values:
            raise self.error(f"needs {key} = {example}")
        return self._values[key]

    def text(self, key: str) -> str:
        value = self.value(key, '"..."')
        if not isinstance(value, str) or not value.strip() or "\n" in value or "\0" in value:
            raise self.error(f"{key} must be a text of one line, got {value!r}")
        return value

    def matching(self, key: str, pattern: str, words: str) -> str:
        value = self.text(key)
        if not re.fullmatch(pattern, value):
            raise self.error(f"{key} must be {words}, got {value!r}")
        return value

    def choice(self, key: str, choices: tuple[_Choice, ...], default: _Choice | None) -> _Choice:
        if key not in self._values and default is not None:
            return default
        shown = " or ".join(f'"{choice}"' for choice in choices)
        value = self.value(key, shown)
        for choice in choices:
            if value == choice:
                return choice
        raise self.error(f"{key} must be {shown}, got {value!r}")

    def whole(self, key: str, least: int, most: int) -> int:
        value = self.value(key, "a whole number")
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(f"{key} must be a whole number, {least} to {most}, got {value!r}")
        return value

    def truth(self, key: str) -> bool:
        value = self._values.get(key, False)
        if not isinstance(value, bool):
            raise self.error(f"{key} must be true or false, got {value!r}")
        return value

    def triple(self, key: str) -> Triple:
        value = self.value(key, "a number, or three in the order of color")
        values = value if isinstance(value, list) else [value] * 3
        if len(values) != 3 or not all(_is_number(v) for v in values):
            raise self.error(f"{key} must be a number, or three in a list, got {value!r}")
        return float(values[0]), float(values[1]), float(values[2])

    def scale(self) -> Fraction:
        value = self._values.get("scale", 1)
        if isinstance(value, str) and (
            m := re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", value)
        ):
            above, below = int(m[1]), int(m[2])
            found = Fraction(above, below) if below else Fraction(0)
        elif _is_number(value):
            found = Fraction(value)
        else:
            raise self.error(f'scale must be a number or like "1/255", got {value!r}')
        if found <= 0:
            raise self.error(f"scale must be over 0, got {value!r}")
        return found


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) < 1e9  # not NaN either; a whole number may be too large for a float


def _preprocessing(table: _Table) -> Preprocessing:
    """The manifest's mean and std are of scaled pixels, ours of 0..255."""
    scale = table.scale()
    mean, std = table.triple("mean"), table.triple("std")
    if min(std) <= 0:
        raise table.error(f"std must be over 0, got {min(std):g}")
    color = table.choice("color", get_args(Color), None)
    layout = table.choice("layout", get_args(Layout), "nchw")
    for m, s in zip(mean, std, strict=True):
        low, high = -m / s, (255 * float(scale) - m) / s
        if high - low < _NARROWEST or max(-low, high) > _FARTHEST:
            raise table.error(
                f"pixels of 0 to 255 would become {low:.4g} to {high:.4g}, which no encoder "
                "wants; (pixel * scale - mean) / std is what it takes: mean = 0.5 and std = 0.5 "
                'go with scale = "1/255", mean = 127.5 and std = 127.5 with scale = 1'
            )
    return Preprocessing(_scaled(mean, scale), _scaled(std, scale), color, layout)


def _scaled(values: Triple, scale: Fraction) -> Triple:
    a, b, c = (float(Fraction(value) / scale) for value in values)
    return a, b, c


def _chip(table: _Table, size: int) -> ChipSpec:
    points = table.value("points", f'"{POINTS[0]}" or five points [x, y] in px of the chip')
    if isinstance(points, list):
        chip = _own_chip(table, points, size)
    elif points == "dlib":
        chip = dlib_chip(size)
    elif points in POINTS:
        chip = arcface_chip(size, int(points.rpartition("-")[2]))
    else:
        raise table.error(
            f"points must be one of {', '.join(POINTS)}, or five points [x, y], got {points!r}"
        )
    fits: tuple[Fit, ...] = get_args(Fit)
    fit = table.choice("fit", fits, chip.fit)
    return chip if fit == chip.fit else replace(chip, name=f"{chip.name}-fit-{fit}", fit=fit)


def _own_chip(table: _Table, points: list[Any], size: int) -> ChipSpec:
    if len(points) != 5 or not all(
        isinstance(point, list) and len(point) == 2 and all(map(_is_number, point))
        for point in points
    ):
        raise table.error(
            "points must be five [x, y]: right eye, left eye, nose tip, right and left corner of "
            f"the mouth, got {points!r}"
        )
    reference = np.array(points, np.float64)
    right_eye, left_eye, _, right_mouth, left_mouth = reference
    if right_eye[0] >= left_eye[0] or right_mouth[0] >= left_mouth[0]:
        raise table.error(
            "points: left and right are the subject's, so the right eye and the right corner of "
            "the mouth stand at the left of the chip; swap them"
        )
    if max(right_eye[1], left_eye[1]) >= min(right_mouth[1], left_mouth[1]):
        raise table.error("points: the eyes must stand above the mouth; y grows downwards")
    if reference.min() < -size or reference.max() > 2 * size or np.ptp(reference, axis=0).min() < 2:
        raise table.error(f"points must be px of the chip, which is {size} px wide, got {points!r}")
    digest = hashlib.sha256(";".join(f"{x:.3f},{y:.3f}" for x, y in reference).encode())
    return ChipSpec(
        f"five-{size}-{digest.hexdigest()[:8]}", size, "five", reference.round(3), fit="chip"
    )


def _space(table: _Table) -> str | None:
    if "space" not in table:
        return None
    words = "a-z, 0-9, ., -, _ and /, up to 100"
    return table.matching("space", r"[a-z0-9][a-z0-9._/-]{0,99}", words)
