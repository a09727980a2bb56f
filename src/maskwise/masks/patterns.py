"""What is woven into a cloth, dyed or printed on it, in units of the eye distance.

Everything is drawn from the seed alone, from continuous functions or outlines, so that it looks
the same at any density of the sheet.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Final, TypeAlias

import cv2
import numpy as np

from maskwise.masks import motifs, pictures
from maskwise.masks.fabrics import Cut, Layer
from maskwise.masks.parts import step
from maskwise.masks.sheet import Sheet, rgb
from maskwise.types import F32, MaskSpec

_TAG: Final = 0x70  # keeps the pattern's random numbers apart from the cloth's
_EDGE: Final = 0.007  # how softly one yarn's colour ends, units


def printed(sheet: Sheet, spec: MaskSpec) -> F32:
    """(H, W, 3) or (3,) float32: the colour that ``spec`` has over ``sheet``, or a window of it.

    Raises ConfigurationError when a picture is missing or has changed since its spec was made.
    """
    return colored(Cut(sheet, spec), spec)


def colored(cut: Cut, spec: MaskSpec, turn: float = 0.0, shift: float = 0.0) -> F32:
    """(h, w, 3) or (3,) float32: the colour of the fine layer of ``cut``.

    turn: radians that the cloth is cut across its thread. shift: units along it, so that two
    pieces of one cloth differ. Raises ConfigurationError as ``printed`` does.
    """
    base = rgb(spec.color)
    if spec.pattern == "text":
        return pictures.lettered(cut.fine, spec, base, contrast(base))
    if spec.pattern == "image":
        return pictures.pictured(cut.fine, spec)
    if spec.pattern not in _DRAWN:
        return base
    return _DRAWN[spec.pattern](_Cloth(cut, spec, turn, shift))


def contrast(base: F32) -> F32:
    """Off-white on what is dark, near black on what is light."""
    return rgb("#f1efe9") if luma(base) < 0.5 else rgb("#1d1e22")


def luma(color: F32) -> float:
    """Brightness of (3,) float32 RGB, 0..1."""
    return float(color @ np.array([0.299, 0.587, 0.114], np.float32))


class _Cloth:
    """What a pattern is drawn on: its place, its random numbers and its colours.

    inks: the base and four others that go with it, (5, 3) float32. turn: radians.
    """

    def __init__(self, cut: Cut, spec: MaskSpec, turn: float, shift: float) -> None:
        self.rng = np.random.default_rng((spec.seed, _TAG))
        self.inks = _inks(rgb(spec.color), self.rng)
        self.turn, self.shift = turn + float(self.rng.normal(0, 0.07)), shift
        self.cut, self.fine = cut, cut.fine
        self.soft = Layer(cut.soft.arc, cut.soft.y, cut.soft.density, self.rng)

    def axes(self, turn: float = 0.0, layer: Layer | None = None) -> tuple[F32, F32]:
        """(h, w) each: across and along the thread, units; of the fine layer by default."""
        on = self.fine if layer is None else layer
        c, s = np.float32(np.cos(self.turn + turn)), np.float32(np.sin(self.turn + turn))
        arc, y = on.arc + np.float32(self.shift), on.y - np.float32(1)
        return arc * c + y * s, y * c - arc * s

    def plain(self) -> F32:
        """(3, h, w): the base all over."""
        return np.repeat(self.inks[0], self.fine.shape[0] * self.fine.shape[1]).reshape(
            3, *self.fine.shape
        )


def _inks(base: F32, rng: np.random.Generator) -> F32:
    """The base, two colours as a maker of cloth would set on it, and two more.

    White and black go with everything; a tone of the base and its complement are next.
    """
    hue, light, strong = colorsys.rgb_to_hls(*(float(v) for v in base))
    bright = light < 0.5
    tone = (hue, light + (0.28 if bright else -0.28), 0.9 * strong)
    across = (hue + 0.5 + rng.normal(0, 0.06), 0.66 if bright else 0.34, 0.32)
    beside = (hue + rng.choice((-1, 1)) * 0.1, 0.66 if bright else 0.34, 0.55)
    offered = [rgb("#f1efe9"), rgb("#1e1f24")]
    offered += [
        np.array(colorsys.hls_to_rgb(h % 1, *ls), np.float32) for h, *ls in (tone, across, beside)
    ]
    # What is too near in brightness would not be seen as a pattern.
    apart = np.array([abs(luma(c) - luma(base)) for c in offered])
    weight = np.array([5, 3, 2, 1.5, 1.5]) * np.clip((apart - 0.12) * 6, 0.001, 1)
    order = rng.choice(5, size=5, replace=False, p=weight / weight.sum())
    return np.stack([base, *(offered[k] for k in order[:4])])


Pattern: TypeAlias = Callable[[_Cloth], F32]


def _dye(planes: F32, amount: F32, ink: F32) -> None:
    """Lay ``ink`` over (3, h, w) ``planes`` where ``amount``, (h, w), is, in place."""
    for k, value in enumerate(ink):
        planes[k] += amount * (value - planes[k])


def _merged(planes: F32) -> F32:
    return np.asarray(cv2.merge(list(planes)), np.float32)


def _band(x: F32, period: float, width: float, at: float = 0.0) -> F32:
    """1 on bands ``width`` wide, one a ``period``, the first centred on ``at``; 0 between."""
    turns = (x - np.float32(at)) * np.float32(1 / period)
    off = np.abs(turns - np.rint(turns)) * np.float32(period)
    return step(np.float32(width / 2) - off, _EDGE)


def _checks(cloth: _Cloth) -> F32:
    u, v = cloth.axes()
    planes, rng, inks = cloth.plain(), cloth.rng, cloth.inks
    kind = rng.integers(3)
    if kind == 0:  # gingham: equal bands both ways, twice as strong where they cross
        period = rng.uniform(0.12, 0.28)
        for x in (u, v):
            _dye(planes, 0.5 * _band(x, period, period / 2), inks[1])
    elif kind == 1:  # tartan: broad bands, and thin lines of a third colour beside them
        period = rng.uniform(0.38, 0.6)
        broad, line = rng.uniform(0.35, 0.5) * period, rng.uniform(0.04, 0.07) * period
        for x in (u, v):
            _dye(planes, 0.5 * _band(x, period, broad), inks[1])
            for at in (-0.09, 0.09):
                _dye(planes, 0.6 * _band(x, period, line, at * period), inks[2])
            _dye(planes, 0.6 * _band(x, period, line, 0.5 * period), inks[2])
    else:  # buffalo check: large squares
        period = rng.uniform(0.30, 0.48)
        for x in (u, v):
            _dye(planes, 0.55 * _band(x, period, period / 2), inks[1])
    return _merged(planes)


def _stripes(cloth: _Cloth) -> F32:
    rng, inks, planes = cloth.rng, cloth.inks, cloth.plain()
    turn = rng.choice((0.0, np.pi / 2, np.pi / 4), p=(0.45, 0.35, 0.2))
    u, _ = cloth.axes(float(turn))
    kind = rng.integers(3)
    if kind == 0:
        period = rng.uniform(0.12, 0.34)
        _dye(planes, _band(u, period, period * rng.uniform(0.4, 0.6)), inks[1])
    elif kind == 1:  # thin lines far apart
        period = rng.uniform(0.10, 0.2)
        _dye(planes, 0.9 * _band(u, period, 0.22 * period), inks[1])
    else:  # a group of several widths
        period = rng.uniform(0.35, 0.6)
        for width, at, ink in ((0.30, 0.0, 1), (0.08, 0.28, 2), (0.05, 0.38, 1), (0.08, 0.5, 2)):
            _dye(planes, _band(u, period, width * period, at * period), inks[ink])
    return _merged(planes)


def _dots(cloth: _Cloth) -> F32:
    u, v = cloth.axes(float(cloth.rng.choice((0.0, np.pi / 4))))
    rng, planes = cloth.rng, cloth.plain()
    period = np.float32(rng.uniform(0.14, 0.30))
    radius = period * np.float32(rng.uniform(0.18, 0.30))
    second = 2 if rng.random() < 0.3 else 1
    for k, ink in ((0.0, 1), (0.5, second)):
        a, b = (x / period + np.float32(k) for x in (u, v))
        off = cv2.magnitude(a - np.rint(a), b - np.rint(b)) * period
        _dye(planes, step(radius - off, _EDGE), cloth.inks[ink])
    return _merged(planes)


def _camouflage(cloth: _Cloth) -> F32:
    rng, base, planes = cloth.rng, cloth.inks[0], cloth.plain()
    hue, light, strong = colorsys.rgb_to_hls(*(float(v) for v in base))
    # Forest and desert are of one family each: the base's, paler, browner and darker.
    pale = colorsys.hls_to_rgb(hue, min(light * 0.6 + 0.36, 0.85), strong * 0.6)
    brown = colorsys.hls_to_rgb((hue * 0.5 + 0.04) % 1, max(light * 0.62, 0.1), strong * 0.8)
    dark = colorsys.hls_to_rgb(hue, max(light * 0.28, 0.05), strong * 0.6)
    size = float(rng.uniform(0.8, 1.25))
    digital = rng.random() < 0.3
    soft = cloth.soft
    for ink, share in ((pale, 0.45), (brown, 0.55), (dark, 1.0)):
        field = soft.noise(0.30 * size, 0.17 * size)
        field = field + 0.45 * soft.noise(0.12 * size, 0.08 * size)
        if digital:
            grain = soft.noise(0.08)
            amount = _squared(cloth.fine, cloth.cut.upsampled(field + 0.5 * grain), share)
        else:
            amount = step(cloth.cut.upsampled(field) - np.float32(share), 0.05)
        _dye(planes, amount, np.asarray(ink, np.float32))
    return _merged(planes)


def _squared(layer: Layer, field: F32, share: float) -> F32:
    """1 where ``field`` is above ``share``, in squares of 1/32 unit that lie on the sheet."""
    picks = []
    for at in (layer.y[:, 0], layer.arc[0]):
        middle = (np.floor(at * np.float32(32)) + np.float32(0.5)) / np.float32(32)
        picks.append(np.rint((middle - at[0]) * layer.density).astype(int).clip(0, len(at) - 1))
    return np.asarray(field[picks[0]][:, picks[1]] > share, np.float32)


def _tie_dye(cloth: _Cloth) -> F32:
    # The dye bleeds: nothing about it is finer than the soft layer.
    rng, inks, soft = cloth.rng, cloth.inks, cloth.soft
    u, v = cloth.axes(layer=soft)
    du, dv = u - np.float32(rng.normal(0, 0.3)), v - np.float32(rng.normal(0, 0.2))
    away = np.sqrt(du * du + dv * dv)
    mess = np.float32(0.09) * soft.noise(0.35) + np.float32(0.06) * soft.noise(0.10)
    kind = rng.integers(3)
    if kind == 0:  # twisted about a point: arms that wind outwards
        arms = np.float32(rng.integers(2, 4) / (2 * np.pi))
        phase = np.arctan2(dv, du) * arms + away * np.float32(rng.uniform(0.7, 1.3))
    elif kind == 1:  # tied at a point: rings
        phase = away * np.float32(rng.uniform(1.0, 1.8))
    else:  # crumpled
        phase = np.float32(0.38) * soft.noise(0.45) + np.float32(0.12) * u
    phase = phase + mess
    table = _gradient(np.stack([inks[0], inks[1], inks[0] * 0.75 + 0.1, inks[3]]), rng)
    at = ((phase - np.floor(phase)) * np.float32(len(table) - 1)).astype(np.intp)
    # Where the dye has pooled the colour is deeper.
    pool = np.clip(np.float32(0.06) * soft.noise(0.05) + np.float32(0.96), 0.8, 1.05)
    dyed = cv2.multiply(table[at], cv2.merge([pool, pool, pool]))
    return cloth.cut.upsampled(np.asarray(dyed, np.float32))


def _gradient(inks: F32, rng: np.random.Generator, size: int = 512) -> F32:
    """(size, 3): round through the inks and back, each with a plateau."""
    n = len(inks)
    widths = rng.uniform(0.7, 1.3, n)
    ends = np.cumsum(widths) / widths.sum() * n
    t = np.interp(np.linspace(0, n, size), [0, *ends], np.arange(n + 1))
    k = np.minimum(t.astype(int), n - 1)
    blend = step((t - k) - 0.6, 0.3)[:, None]
    return np.asarray(inks[k] * (1 - blend) + inks[(k + 1) % n] * blend, np.float32)


def _floral(cloth: _Cloth) -> F32:
    return motifs.flowers(cloth.fine, cloth.rng, cloth.inks, cloth.turn, cloth.shift)


def _paisley(cloth: _Cloth) -> F32:
    return motifs.paisley(cloth.fine, cloth.rng, cloth.inks, cloth.turn, cloth.shift)


_DRAWN: Final[dict[str, Pattern]] = {
    "checks": _checks,
    "stripes": _stripes,
    "dots": _dots,
    "floral": _floral,
    "paisley": _paisley,
    "tie-dye": _tie_dye,
    "camouflage": _camouflage,
}
