"""Every value that crosses from one stage to the next: NumPy and the standard library only.

All are frozen; arrays are copied when needed, checked, and made read-only.

Frame: a point (x, y) is in pixels, x to the right, y down, and (0, 0) is the CENTRE of the
top-left pixel (as in OpenCV and dlib). Box corners are points of the same frame.
See docs/adr/0001-pixel-coordinates.md.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from maskwise.errors import InputError

U8: TypeAlias = npt.NDArray[np.uint8]
F32: TypeAlias = npt.NDArray[np.float32]
F64: TypeAlias = npt.NDArray[np.float64]
Bool: TypeAlias = npt.NDArray[np.bool_]

Scheme = Literal["five", "dlib5", "ibug68"]
"""Landmark schemes. They are never mixed; left and right are the subject's.

- ``five``: right eye centre, left eye centre, nose tip, right mouth corner, left mouth corner.
- ``dlib5``: left eye outer corner, left eye inner corner, right eye outer corner,
  right eye inner corner, nose base (the order of dlib's 5-point predictor: the subject's
  left eye stands at the right of the picture).
- ``ibug68``: the 68 points of iBUG 300-W.
"""

SCHEME_POINTS: Final[dict[str, int]] = {"five": 5, "dlib5": 5, "ibug68": 68}

Fit = Literal["picture", "chip"]
"""Where a chip's misfit to its reference points is least; see ``ChipSpec``."""

WearKind = Literal["none", "virtual", "real", "unknown"]
WearStyle = Literal["proper", "under-nose", "under-chin"]
"""How a mask is worn: over nose and mouth, over the mouth with the tip of the nose out, or below
both."""
WearPair = Literal["bare-bare", "bare-masked", "masked-masked"]
"""What the two faces wear; which of them is the probe makes no difference. ``masked-masked``
compares a masked probe with a person's virtually masked templates (the best of them counts)."""

ALPHA_CELLS: Final = 38
"""Cells a side of ``MaskState.alpha``."""

Outcome = Literal["match", "no_match", "insufficient"]
CalibratedBy = Literal["shipped", "own", "given"]
"""Whose thresholds: those that ship, those beside the gallery, or those a program handed in."""


def _frozen(array: npt.ArrayLike, dtype: type, shape: tuple[int | None, ...], name: str) -> Any:
    """Copy ``array`` to ``dtype``, check it against ``shape`` (None: any) and make it read-only.

    Bytes are not made from wider numbers: that would cut them off without a word.
    """
    try:
        given = np.asarray(array)
        if dtype is np.uint8 and given.dtype != np.uint8:
            raise TypeError(f"got {given.dtype}")
        out: npt.NDArray[Any] = np.array(given, dtype=dtype, order="C")
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: expected an array of {dtype.__name__} ({error})") from error
    if out.ndim != len(shape) or any(
        want is not None and have != want for have, want in zip(out.shape, shape, strict=True)
    ):
        want_text = "(" + ", ".join("any" if s is None else str(s) for s in shape) + ")"
        raise InputError(f"{name}: expected shape {want_text}, got {out.shape}")
    if out.dtype.kind == "f" and not np.isfinite(out).all():
        raise InputError(f"{name}: holds NaN or infinite values")
    out.flags.writeable = False
    return out


def check_chips(chips: object, size: int) -> None:
    """InputError unless ``chips`` is an (N, size, size, 3) uint8 array."""
    if not isinstance(chips, np.ndarray):
        got = type(chips).__name__
    elif chips.dtype != np.uint8 or chips.ndim != 4 or chips.shape[1:] != (size, size, 3):
        got = f"{chips.shape} {chips.dtype}"
    else:
        return
    raise InputError(f"chips: expected an (N, {size}, {size}, 3) uint8 RGB array, got {got}")


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A decoded picture.

    pixels: (H, W, 3) uint8 RGB, C-contiguous, read-only, upright (EXIF applied).
    source: where it came from, as it was given; for messages.
    """

    pixels: U8
    source: str = "<array>"

    def __post_init__(self) -> None:
        # Pictures are large: adopt a read-only contiguous array, copy anything else.
        pixels = np.asarray(self.pixels)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise InputError(
                "Image.pixels: expected (H, W, 3) uint8 with a pixel or more, "
                f"got {pixels.shape} {pixels.dtype}"
            )
        if pixels.flags.writeable or not pixels.flags.c_contiguous:
            pixels = np.array(pixels, order="C")
            pixels.flags.writeable = False
            object.__setattr__(self, "pixels", pixels)

    @property
    def height(self) -> int:
        """Rows."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.pixels.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Landmarks:
    """Named points of one face in pixels of the frame they were found in.

    scheme: which points; see ``Scheme``. points: (K, 2) float32 (x, y).
    visible: (K,) bool; default all True.
    """

    scheme: Scheme
    points: F32
    visible: Bool = field(default_factory=lambda: np.zeros(0, bool))

    def __post_init__(self) -> None:
        if self.scheme not in get_args(Scheme):
            raise InputError(f"Landmarks.scheme: {self.scheme!r} is none of {get_args(Scheme)}")
        k = SCHEME_POINTS[self.scheme]
        object.__setattr__(self, "points", _frozen(self.points, np.float32, (k, 2), "points"))
        visible = self.visible if np.size(self.visible) else np.ones(k, bool)
        object.__setattr__(self, "visible", _frozen(visible, np.bool_, (k,), "visible"))

    @property
    def eyes(self) -> F64:
        """(2, 2) float64: the subject's right eye centre, then the left, in px.

        Midpoint of the two corners where the scheme has corners, and of the six lid points
        in ``ibug68``.
        """
        p = self.points.astype(np.float64)
        if self.scheme == "five":
            return p[:2]
        if self.scheme == "dlib5":
            return np.stack([p[2:4].mean(0), p[0:2].mean(0)])
        return np.stack([p[36:42].mean(0), p[42:48].mean(0)])

    @property
    def ipd_px(self) -> float:
        """Distance between the two eye centres in px."""
        right, left = self.eyes
        return float(np.hypot(*(left - right)))

    def mapped(self, transform: npt.ArrayLike) -> Landmarks:
        """The same landmarks after a (2, 3) affine ``transform`` (new = A @ (x, y, 1))."""
        m = np.asarray(transform, np.float64)
        points = self.points.astype(np.float64) @ m[:, :2].T + m[:, 2]
        return Landmarks(self.scheme, points.astype(np.float32), self.visible)


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """One face that was found.

    box: (4,) float32 x1, y1, x2, y2 in px of the source picture (may reach outside it).
    score: the detector's own confidence, higher is surer; no probability.
    landmarks: where the detector gives some.
    """

    box: F32
    score: float
    landmarks: Landmarks | None = None

    def __post_init__(self) -> None:
        box = _frozen(self.box, np.float32, (4,), "Detection.box")
        if box[2] <= box[0] or box[3] <= box[1]:
            raise InputError(f"Detection.box: expected x1 < x2 and y1 < y2, got {box.tolist()}")
        object.__setattr__(self, "box", box)

    @property
    def area(self) -> float:
        """Area of the box in px²."""
        x1, y1, x2, y2 = (float(v) for v in self.box)
        return (x2 - x1) * (y2 - y1)


@dataclass(frozen=True, slots=True, eq=False)
class ChipSpec:
    """Where an encoder wants the face: a square of ``size`` px and reference points in it.

    name: short and stable; part of the encoder_id. scheme: of the points.
    reference: (K, 2) float64 px in the chip. used: (K,) bool, two True or more, the points that
    place the chip where they are visible; default all. References of the others may mean nothing.
    fit: where the squares of the misfit are least, in the picture (as dlib places its chips) or in
    the chip (as insightface and OpenCV do).
    """

    name: str
    size: int
    scheme: Scheme
    reference: F64
    used: Bool = field(default_factory=lambda: np.zeros(0, bool))
    fit: Fit = "picture"

    def __post_init__(self) -> None:
        if self.fit not in get_args(Fit):
            raise InputError(f"ChipSpec.fit: {self.fit!r} is none of {get_args(Fit)}")
        if self.scheme not in get_args(Scheme):
            raise InputError(f"ChipSpec.scheme: {self.scheme!r} is none of {get_args(Scheme)}")
        if self.size < 1:
            raise InputError(f"ChipSpec.size: expected 1 px or more, got {self.size}")
        k = SCHEME_POINTS[self.scheme]
        object.__setattr__(
            self, "reference", _frozen(self.reference, np.float64, (k, 2), "ChipSpec.reference")
        )
        used = self.used if np.size(self.used) else np.ones(k, bool)
        object.__setattr__(self, "used", _frozen(used, np.bool_, (k,), "ChipSpec.used"))
        if self.used.sum() < 2:
            raise InputError(
                f"ChipSpec.used: a chip needs two points or more, got {self.used.sum()}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Chip:
    """An aligned face.

    pixels: (S, S, 3) uint8 RGB. transform: (2, 3) float64, source px -> chip px.
    landmarks: of this face, in chip px.
    """

    pixels: U8
    transform: F64
    spec: ChipSpec
    landmarks: Landmarks

    def __post_init__(self) -> None:
        s = self.spec.size
        object.__setattr__(self, "pixels", _frozen(self.pixels, np.uint8, (s, s, 3), "Chip.pixels"))
        object.__setattr__(
            self, "transform", _frozen(self.transform, np.float64, (2, 3), "Chip.transform")
        )


@dataclass(frozen=True, slots=True)
class MaskSpec:
    """Enough to draw the same virtual mask again.

    type: a name of the catalogue. color: "#rrggbb". pattern: "plain" or a pattern's name.
    detail: what the pattern shows where its name does not tell (a text; a picture's path and
    hash). wear_style: "proper" or another of ``masks.STYLES``. coverage: 0..1, how far up the
    nose, 0.5 usual.
    seed: of the small random variations. version: of the drawing code; another version may
    draw other pixels.
    """

    type: str
    color: str
    pattern: str = "plain"
    wear_style: str = "proper"
    coverage: float = 0.5
    seed: int = 0
    version: int = 4
    detail: str = ""

    def to_json(self) -> str:
        """One line of JSON with sorted keys; ``from_json`` reads it back to an equal value."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> MaskSpec:
        """Read what ``to_json`` wrote; InputError on anything else."""
        try:
            spec = cls(**json.loads(text))
        except (TypeError, ValueError) as error:
            raise InputError(f"not a mask spec: {text!r} ({error})") from error
        for name, kinds in _MASK_SPEC_KINDS.items():
            if type(getattr(spec, name)) not in kinds:
                raise InputError(f"not a mask spec: {text!r} ({name} is of the wrong type)")
        return spec


_MASK_SPEC_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "type": (str,),
    "color": (str,),
    "pattern": (str,),
    "wear_style": (str,),
    "coverage": (float, int),
    "seed": (int,),
    "version": (int,),
    "detail": (str,),
}


@dataclass(frozen=True, slots=True)
class Wear:
    """What the face of a template wears; ``virtual`` comes with the spec it was drawn from."""

    kind: WearKind
    spec: MaskSpec | None = None
    type: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(WearKind) or (self.kind == "virtual") != (
            self.spec is not None
        ):
            raise InputError(f"Wear: kind {self.kind!r} with spec {self.spec!r} cannot be")

    @property
    def label(self) -> str:
        """``none``, ``virtual:surgical``, ``real``, ``real:cloth`` or ``unknown``: for people."""
        detail = self.spec.type if self.spec is not None else self.type
        return self.kind if detail is None else f"{self.kind}:{detail}"


NO_MASK: Final = Wear("none")


@dataclass(frozen=True, slots=True, eq=False)
class MaskState:
    """What a face wears, and what is covered of it.

    probability: 0..1 that a mask covers mouth and chin. type: kind of mask, None where nothing
    tells. coverage: 0..1 of the chip's pixels that are covered, None where nothing tells.
    style: how the mask is worn; ``under-chin`` is not ``worn``. None without a mask, and where
    nothing tells.
    alpha: (38, 38) uint8, C-contiguous, read-only; 0 free to 255 covered, by a mask, a hand or a
    thing. None where nothing tells. Frame: the chip that the classifier looked at, brought to
    150 px; cell (r, c) is of the 4x4 px about row 4 r + 0.5 and column 4 c + 0.5. Resized to
    152 px (OpenCV's INTER_LINEAR) and cut to [1:151] it lies on the chip's pixels:
    ``occlusion.alpha_on_chip``.
    Raises InputError for another style, and for an alpha of another shape or dtype.
    """

    probability: float
    type: str | None = None
    coverage: float | None = None
    style: WearStyle | None = None
    alpha: U8 | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.style is not None and self.style not in get_args(WearStyle):
            raise InputError(f"MaskState.style: {self.style!r} is none of {get_args(WearStyle)}")
        if self.alpha is not None:
            alpha = _frozen(self.alpha, np.uint8, (ALPHA_CELLS, ALPHA_CELLS), "MaskState.alpha")
            object.__setattr__(self, "alpha", alpha)

    @property
    def worn(self) -> bool:
        """True from a probability of one half up."""
        return self.probability >= 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """What an encoder says of one face.

    vector: (D,) float32 of unit length. encoder_id: weights' hash, chip spec and
    pre-processing; only templates of one encoder_id compare. wear: what the face wore.
    quality: 0..1 or None where nothing measured it.
    """

    vector: F32
    encoder_id: str
    wear: Wear
    quality: float | None = None

    def __post_init__(self) -> None:
        vector = _frozen(self.vector, np.float32, (None,), "Template.vector")
        length = float(np.linalg.norm(vector))
        if abs(length - 1.0) > 1e-3:
            raise InputError(f"Template.vector: expected unit length, got {length:.4f}")
        object.__setattr__(self, "vector", vector)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One person of the gallery, as near as the best of their templates is to the probe.

    rank: from 1, the most likely first. subject: the person's name. reference: the enrolled
    photo's source. wear: of the template that won. score: higher is more alike.
    """

    rank: int
    subject_id: str
    subject: str
    reference_id: str
    reference: str
    score: float
    wear: Wear


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold and what it means. Accept when score >= threshold.

    target_fmr: share of non-mated comparisons that pass, at most. calibrated_on: in words.
    supported: False where a smaller FMR was asked for than the calibration's trials can show;
    target_fmr is then the smallest that they show.
    """

    threshold: float
    target_fmr: float
    encoder_id: str
    wear_pair: WearPair
    calibrated_on: str
    calibration: CalibratedBy = "given"
    supported: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from the best score.

    outcome: match | no_match | insufficient. score: of the best candidate, None without one.
    target_fpir and gallery_size: set when identifying, None when verifying.
    reasons: sentences for people, empty when there is nothing to add.
    llr: natural logarithm of how much likelier such a score is for one person than for two; None
    where the calibration has no map of scores (see docs/calibration.md). llr_is_bound: it is as
    strong as the calibration's trials can show, so that it is to be read as "at least".
    """

    outcome: Outcome
    score: float | None
    operating_point: OperatingPoint | None
    target_fpir: float | None = None
    gallery_size: int | None = None
    reasons: tuple[str, ...] = ()
    llr: float | None = None
    llr_is_bound: bool = False
