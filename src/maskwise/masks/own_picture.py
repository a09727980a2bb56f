"""A mask from a picture of the user's: an RGBA PNG, and a TOML file that says where it sits.

    name = "club"
    title = "our club's mask"
    image = "club.png"         # beside the TOML file
    stand_off = 0.08           # optional: how far it bulges, in distances of the eyes

    [anchors]                  # px of the picture, from its upper left corner
    nose_top = [400, 60]
    left_cheek = [760, 150]    # left and right are the wearer's
    right_cheek = [40, 150]
    chin = [400, 620]

The picture is drawn onto the unrolled face by a thin-plate spline through the anchors, and lit
and cut like every other mask.
"""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maskwise.errors import ConfigurationError, ImageError
from maskwise.image import describe, load
from maskwise.masks.catalogue import MaskType
from maskwise.masks.own import check_name
from maskwise.masks.surface import ARC_MAX, Y_TOP, Bulge, Shape
from maskwise.types import F32, F64, U8, MaskSpec

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

if TYPE_CHECKING:
    from maskwise.masks.sheet import Sheet

ANCHORS: Final[dict[str, tuple[float, float]]] = {
    "nose_top": (0.0, 0.29),
    "left_cheek": (1.17, 0.74),
    "right_cheek": (-1.17, 0.74),
    "chin": (0.0, 1.81),
    "mouth": (0.0, 1.004),
    "left_jaw": (1.20, 1.36),
    "right_jaw": (-1.20, 1.36),
    "left_ear": (1.74, 0.06),
    "right_ear": (-1.74, 0.06),
}
"""Places on the face, sheet coordinates; the first four must be given.

nose_top: where the upper edge crosses the nose (it moves with the spec's coverage). cheek: the
upper corner of a surgical mask, before the ear, as low as the nostrils. jaw: its lower corner.
ear: where the upper loop ends.
"""
_NEEDED: Final = ("nose_top", "left_cheek", "right_cheek", "chin")
_KEYS: Final = ("name", "title", "image", "stand_off", "anchors")
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_LONGEST: Final = 4096
_SMALLEST: Final = 8
_NET: Final = 16  # nodes a unit that the spline is evaluated at


@dataclass(frozen=True, slots=True, eq=False)
class _Picture:
    """Paints the picture. rgba: (H, W, 4) float32, 0..1, premultiplied. anchors: px of it.

    color: the mean colour, that of the palette: another one tints the picture.
    """

    rgba: F32
    anchors: dict[str, tuple[float, float]]
    color: str

    def __call__(self, sheet: Sheet, spec: MaskSpec) -> None:
        import cv2

        where, size = self._map(sheet, spec.coverage)
        rgba = self.rgba
        # As many px a unit as the sheet has, or what is thinner would break up.
        scale = 1.0 / max(1.0, size / sheet.density)
        if scale < 1:
            small = tuple(max(1, round(n * scale)) for n in rgba.shape[1::-1])
            rgba = np.asarray(cv2.resize(rgba, small, interpolation=cv2.INTER_AREA), np.float32)
            where = where * np.float32(scale)
        column, row = (np.ascontiguousarray(where[..., k]) - np.float32(0.5) for k in (0, 1))
        painted = cv2.remap(rgba, column, row, cv2.INTER_LINEAR)
        sheet.cover[...] = painted[..., 3]
        straight = painted[..., :3] / np.maximum(painted[..., 3:], np.float32(1e-6))
        sheet.color[...] = np.clip(straight * _tint(self.color, spec.color), 0, 1)

    def _map(self, sheet: Sheet, coverage: float) -> tuple[F32, float]:
        """(H, W, 2) px of the picture for each of the sheet's; and px a unit at the mouth."""
        import cv2

        places = {name: ANCHORS[name] for name in self.anchors}
        places["nose_top"] = (0.0, 0.50 - 0.42 * coverage)
        spline = _spline(
            np.array(list(places.values()), np.float64),
            np.array([self.anchors[name] for name in places], np.float64),
        )
        rows, width = sheet.cover.shape
        tall, wide = (round(n / sheet.density * _NET) for n in (rows, width))
        arc = (np.arange(wide) + 0.5) / _NET - ARC_MAX
        y = (np.arange(tall) + 0.5) / _NET + Y_TOP
        net = np.stack(np.meshgrid(arc, y), axis=-1)
        coarse = _at(spline, net.reshape(-1, 2)).reshape(tall, wide, 2).astype(np.float32)
        fine = cv2.resize(coarse, (width, rows), interpolation=cv2.INTER_LINEAR)
        step = np.array([[-0.5, 1.0], [0.5, 1.0], [0.0, 0.7], [0.0, 1.3]])
        at = _at(spline, step)
        across, down = at[1] - at[0], (at[3] - at[2]) / 0.6
        return np.asarray(fine, np.float32), float(max(np.hypot(*across), np.hypot(*down)))


def load_own(path: str | Path) -> MaskType:
    """The mask of a TOML file; its specs carry ``path`` as their type, and a hash as detail.

    The hash is of both files, so that a spec does not draw another mask after they changed.
    Raises ConfigurationError, with the remedy, when a file cannot be read or is not as the
    module says: anchors missing, outside the picture or with left and right swapped; a picture
    that is no PNG or has no transparency.
    """
    where = describe(str(path))
    content = _bytes(Path(path), where)
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{where}: not a mask file in TOML: {error}") from error
    unknown = sorted(table.keys() - set(_KEYS))
    if unknown:
        raise ConfigurationError(
            f"{where}: unknown key {unknown[0]!r}; there are: {', '.join(_KEYS)}"
        )
    name, title, image = (_text(table, key, where) for key in ("name", "title", "image"))
    check_name(name, where)
    stand_off = _number(table.get("stand_off", 0.08), "stand_off", where)
    if not 0 <= stand_off <= 0.4:
        raise ConfigurationError(f"{where}: stand_off must be from 0 to 0.4, got {stand_off}")
    png = _bytes(Path(path).parent / image, f"{where}: image {image!r}")
    pixels = _rgba(png, f"{where}: image {image!r}")
    anchors = _anchors(table.get("anchors"), pixels, where)
    scale = min(1.0, _LONGEST / max(pixels.shape[:2]))
    rgba = _premultiplied(pixels, scale)
    color = _mean_color(pixels)
    anchors = {key: (x * scale, y * scale) for key, (x, y) in anchors.items()}
    digest = hashlib.sha256(hashlib.sha256(content).digest() + hashlib.sha256(png).digest())
    return MaskType(
        str(path),
        title,
        ((color, 1.0),),
        ("plain",),
        Shape(bulges=(Bulge(0.0, 1.05, 0.75, 0.55, stand_off),)),
        draw=_Picture(rgba, anchors, color),
        detail=f"sha256={digest.hexdigest()}",
    )


def _bytes(path: Path, where: str) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigurationError(f"{where}: cannot be read: {reason}") from error


def _text(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f'{where}: needs {key} = "..."')
    return value


def _number(value: object, key: str, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ConfigurationError(f"{where}: {key} must be a number, got {value!r}")
    return float(value)


def _rgba(png: bytes, where: str) -> U8:
    """(H, W, 4) uint8, straight alpha."""
    import io

    from PIL import Image as Pillow

    if not png.startswith(_PNG):
        raise ConfigurationError(f"{where} is no PNG; save it as PNG with transparency")
    try:
        load(png)  # refuses what is damaged or too large; it lays transparency over white
        with Pillow.open(io.BytesIO(png)) as picture:
            clear = picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info
            pixels = np.asarray(picture.convert("RGBA"), np.uint8)
    except (ImageError, OSError) as error:
        raise ConfigurationError(f"{where} cannot be read: {error}") from error
    if not clear:
        raise ConfigurationError(
            f"{where} has no alpha channel; make what is not mask transparent, and save as RGBA"
        )
    if pixels[..., 3].max() < 128:
        raise ConfigurationError(f"{where} is all transparent; there is nothing to draw")
    return pixels


def _anchors(given: object, pixels: U8, where: str) -> dict[str, tuple[float, float]]:
    if not isinstance(given, dict):
        raise ConfigurationError(f"{where}: needs a table [anchors] with {', '.join(_NEEDED)}")
    missing = [name for name in _NEEDED if name not in given]
    if missing:
        raise ConfigurationError(f"{where}: anchors lack {', '.join(missing)}; add px = [x, y]")
    height, width = pixels.shape[:2]
    out: dict[str, tuple[float, float]] = {}
    for name, point in given.items():
        if name not in ANCHORS:
            raise ConfigurationError(
                f"{where}: no anchor {name!r}; there are: {', '.join(ANCHORS)}"
            )
        if not isinstance(point, list) or len(point) != 2:
            raise ConfigurationError(f"{where}: anchor {name} must be [x, y], got {point!r}")
        x, y = (_number(v, f"anchor {name}", where) for v in point)
        if not (0 <= x <= width and 0 <= y <= height):
            raise ConfigurationError(
                f"{where}: anchor {name} = [{x:g}, {y:g}] lies outside the picture of "
                f"{width} x {height} px"
            )
        out[name] = (x, y)
    for part in ("cheek", "jaw", "ear"):
        pair = out.get(f"left_{part}"), out.get(f"right_{part}")
        if pair[0] and pair[1] and pair[0][0] <= pair[1][0]:
            raise ConfigurationError(
                f"{where}: left_{part} must stand to the right of right_{part} in the picture: "
                "left and right are the wearer's; swap the two"
            )
    if out["chin"][1] <= out["nose_top"][1]:
        raise ConfigurationError(f"{where}: nose_top must stand above chin; swap the two")
    wide = out["left_cheek"][0] - out["right_cheek"][0]
    if min(wide, out["chin"][1] - out["nose_top"][1]) < _SMALLEST:
        raise ConfigurationError(
            f"{where}: cheeks, or nose_top and chin, are less than {_SMALLEST} px apart; "
            "take a larger picture"
        )
    return out


def _premultiplied(pixels: U8, scale: float) -> F32:
    import cv2

    rgba = pixels.astype(np.float32) * np.float32(1 / 255)
    rgba[..., :3] *= rgba[..., 3:]
    if scale < 1:
        size = tuple(max(1, round(n * scale)) for n in pixels.shape[1::-1])
        rgba = np.asarray(cv2.resize(rgba, size, interpolation=cv2.INTER_AREA), np.float32)
    rgba.flags.writeable = False
    return np.asarray(rgba, np.float32)


def _mean_color(pixels: U8) -> str:
    weight = pixels[..., 3:].astype(np.float64)
    mean = (pixels[..., :3] * weight).sum((0, 1)) / weight.sum()
    return "#{:02x}{:02x}{:02x}".format(*np.rint(mean).astype(int))


def _tint(own: str, wanted: str) -> F32:
    """(3,) what the picture's colours are multiplied by; 1 where its own colour is wanted."""
    a, b = (np.array([int(c[k : k + 2], 16) for k in (1, 3, 5)], np.float32) for c in (own, wanted))
    return np.asarray((b + 1) / (a + 1), np.float32)


def _spline(at: F64, values: F64) -> tuple[F64, F64]:
    """Thin-plate spline through ``values`` (K, 2) at the places (K, 2): places, coefficients."""
    count = len(at)
    affine = np.hstack([np.ones((count, 1)), at])
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(at, at)
    system[:count, count:], system[count:, :count] = affine, affine.T
    right = np.vstack([values, np.zeros((3, 2))])
    return at, np.asarray(np.linalg.solve(system, right), np.float64)


def _at(spline: tuple[F64, F64], places: F64) -> F64:
    """(N, 2) values of the spline."""
    at, weights = spline
    affine = np.hstack([np.ones((len(places), 1)), places])
    return np.asarray(np.hstack([_kernel(places, at), affine]) @ weights, np.float64)


def _kernel(a: F64, b: F64) -> F64:
    square = ((a[:, None] - b[None]) ** 2).sum(-1)
    return np.asarray(square * np.log(np.maximum(square, 1e-12)), np.float64)
