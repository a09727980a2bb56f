"""maskwise's own encoder: dlib's ResNet v1, taught to see past masks; 128 numbers."""

from __future__ import annotations

from typing import ClassVar

from maskwise import models
from maskwise.align import FIVE_CHIP
from maskwise.encode.dlib_resnet import DlibResnet
from maskwise.types import ChipSpec


class MaskwiseV1(DlibResnet):
    """The Encoder of ``maskwise-v1.onnx``: the network and the cost of ``DlibResnet``.

    It was taught to give a masked face the numbers that the stock network gives the same face
    bare (training/encoder/), so it declares that one's space. Raises as ``DlibResnet``.
    """

    model: ClassVar[str] = "maskwise-v1"

    @property
    def space(self) -> str:
        """That of ``dlib-resnet-v1``: templates of both may be compared."""
        return f"{DlibResnet.model}/{models.entry(DlibResnet.model).sha256[:12]}"

    @property
    def chip_spec(self) -> ChipSpec:
        """``FIVE_CHIP``: dlib's, placed by a detector's five points, which a mask moves little."""
        return FIVE_CHIP
