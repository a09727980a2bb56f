"""Encoders that are an ONNX file and a description of what goes in and what comes out."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
import numpy.typing as npt

from maskwise.errors import ConfigurationError, ModelError
from maskwise.types import F32, U8, ChipSpec, check_chips

if TYPE_CHECKING:
    from maskwise.encode.network import Network
    from maskwise.models import ModelFile

Color = Literal["rgb", "bgr"]
Layout = Literal["nchw", "nhwc"]
Triple = tuple[float, float, float]

_SHORTEST: Final = 1e-12  # a vector that is shorter has no direction


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """Pixels of 0..255 -> what a file takes: (pixel - mean) / std.

    mean, std: one number for all three channels, or three in the order of ``color``; kept to six
    digits, which are those of ``tag``. color: the order of the file's channels. layout: whether
    its channels stand before or after rows and columns.
    Raises ConfigurationError for numbers that are not finite and a std that is not over 0.
    """

    mean: Triple = (127.5, 127.5, 127.5)
    std: Triple = (127.5, 127.5, 127.5)
    color: Color = "rgb"
    layout: Layout = "nchw"

    def __post_init__(self) -> None:
        for name in ("mean", "std"):
            values = tuple(float(f"{value:.6g}") for value in getattr(self, name))
            if len(values) != 3 or not all(map(math.isfinite, values)):
                raise ConfigurationError(f"{name}: expected three finite numbers, got {values}")
            object.__setattr__(self, name, values)
        if min(self.std) <= 0:
            raise ConfigurationError(f"std: expected numbers over 0, got {self.std}")

    @property
    def untouched(self) -> bool:
        """True where the file takes the pixels as they are."""
        return set(self.mean) == {0.0} and set(self.std) == {1.0}

    @property
    def tag(self) -> str:
        """Short, for an encoder's id: ``rgb-m127.5-s127.5``. The layout changes no template."""
        return f"{self.color}-m{_digits(self.mean)}-s{_digits(self.std)}"

    def __call__(self, chips: U8, dtype: npt.DTypeLike = np.float32) -> npt.NDArray[Any]:
        """(N, S, S, 3) uint8 RGB chips -> a contiguous array of ``dtype`` in the file's layout.

        In float32 the difference is multiplied by 1 / std, as OpenCV's blobFromImages does: the
        numbers that insightface gives its files, to the bit.
        """
        given = chips[..., ::-1] if self.color == "bgr" else chips
        if self.layout == "nchw":
            given = given.transpose(0, 3, 1, 2)
        if self.untouched:
            return np.ascontiguousarray(given, dtype)
        shape = (3, 1, 1) if self.layout == "nchw" else (3,)
        mean = np.array(self.mean, np.float32).reshape(shape)
        scale = (1 / np.array(self.std)).astype(np.float32).reshape(shape)
        out = np.empty(given.shape, np.float32)
        np.subtract(given, mean, out=out)
        out *= scale
        return out.astype(dtype, copy=False)


def _digits(values: Triple) -> str:
    shown = [f"{value:g}" for value in values]
    return shown[0] if len(set(shown)) == 1 else "_".join(shown)


def plain(name: str) -> str:
    """An output's name as it stands in an id; one with other signs ends in a part of its hash."""
    kept = re.sub(r"[^A-Za-z0-9._]", "_", name)[:40]
    return kept if kept == name else f"{kept}_{hashlib.sha256(name.encode()).hexdigest()[:6]}"


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What an ONNX file wants and gives.

    name: the first part of the id. chip: the faces it wants. dim: how many numbers it gives;
    None: as many as come out. output: of a file with several. space: see ``Encoder``; None: one
    of its own. flip: the mean of the chip's numbers and its mirror image's.
    advice: what to do when the file turns out to want or to give something else.
    """

    name: str
    chip: ChipSpec
    preprocessing: Preprocessing = Preprocessing()
    dim: int | None = None
    output: str | None = None
    space: str | None = None
    flip: bool = False
    advice: str = ""

    @property
    def tag(self) -> str:
        """All that changes a template but the file and the chip. ``l2-1``: of unit length."""
        parts = [self.preprocessing.tag, "l2-1"]
        if self.flip:
            parts.insert(1, "flip")
        if self.output is not None:
            parts.insert(0, plain(self.output))
        return "-".join(parts)


class OnnxEncoder:
    """An Encoder that is an ONNX file. The file is looked for and opened at the first use.

    describe: gives the file and what it wants; is called once.
    threads, device: see ``maskwise.models.open_file``.
    Every property and call raises what ``describe`` raises, ModelError when the file cannot be
    opened or is no encoder of that description, and ConfigurationError for threads and devices
    that cannot be.
    """

    def __init__(
        self,
        describe: Callable[[], tuple[ModelFile, EncoderSpec]],
        *,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        self._describe = describe
        self._threads = threads
        self._device = device

    @cached_property
    def _described(self) -> tuple[ModelFile, EncoderSpec]:
        return self._describe()

    @cached_property
    def _network(self) -> Network:
        from maskwise.encode.network import Network

        return Network(self.file, self.spec, threads=self._threads, device=self._device)

    @property
    def file(self) -> ModelFile:
        """The weights."""
        return self._described[0]

    @property
    def spec(self) -> EncoderSpec:
        """What the file wants and gives."""
        return self._described[1]

    @property
    def id(self) -> str:
        """``<name>/<12 hex digits of the file's sha256>/<chip>/<pre-processing>``.

        The last part reads like ``rgb-m127.5-s127.5-l2-1``: the order of the channels, mean and
        standard deviation, ``flip`` where the mirror image is encoded too, and the version of what
        is done with the output (scaled to unit length). An output's name stands before it.
        """
        spec = self.spec
        return f"{spec.name}/{self.file.sha256[:12]}/{spec.chip.name}/{spec.tag}"

    @property
    def space(self) -> str:
        """As the description says; else ``<name>/<12 digits>`` and the output, if named."""
        if self.spec.space is not None:
            return self.spec.space
        own = f"{self.spec.name}/{self.file.sha256[:12]}"
        return own if self.spec.output is None else f"{own}/{plain(self.spec.output)}"

    @property
    def chip_spec(self) -> ChipSpec:
        """The chips that ``encode_batch`` wants."""
        return self.spec.chip

    @property
    def dim(self) -> int:
        """How many numbers a template has. Opens the file where the description does not say."""
        return self._network.dim if self.spec.dim is None else self.spec.dim

    def encode_batch(self, chips: U8) -> F32:
        """(N, S, S, 3) uint8 RGB chips -> (N, D) float32 rows of unit length; N may be 0.

        Raises InputError on another shape or dtype, and ModelError, besides what stands above,
        when the file gives a vector that is no number or has no direction.
        """
        vectors = self.describe_batch(chips)
        lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
        bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > _SHORTEST)))
        if len(bad):
            what = "zeros" if lengths[bad[0], 0] <= _SHORTEST else "no finite numbers"
            raise ModelError(
                f"{self.file.path} gave {what} for {len(bad)} of {len(chips)} chips: it is no "
                f"encoder, is damaged, or wants other pixels than {self.spec.preprocessing.tag}"
            )
        return np.asarray(vectors / lengths, np.float32)

    def describe_batch(self, chips: U8) -> F32:
        """The numbers as the file gives them: (N, S, S, 3) uint8 RGB -> (N, D) float32.

        Raises as ``encode_batch``, but takes any numbers.
        """
        spec = self.spec
        check_chips(chips, spec.chip.size)
        if not len(chips):
            return np.zeros((0, self.dim), np.float32)
        rows = self._network.run(chips)
        if spec.flip:
            rows = (rows + self._network.run(chips[:, :, ::-1])) / np.float32(2)
        return rows
