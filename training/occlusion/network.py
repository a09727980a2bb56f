"""The network: one chip at half its size in, what is worn and what is covered out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from sample import KINDS, STYLES
from torch import Tensor, nn
from torch.nn import functional

MEAN, SCALE = 120.0, 1 / 64
WIDTHS = (16, 32, 64, 128)


class Unit(nn.Sequential):
    """A 3x3 (or 1x1) convolution, normalised, and ReLU where ``active``."""

    def __init__(
        self, inputs: int, outputs: int, size: int = 3, stride: int = 1, active: bool = True
    ):
        conv = nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False)
        parts: list[nn.Module] = [conv, nn.BatchNorm2d(outputs)]
        super().__init__(*parts, *([nn.ReLU(inplace=True)] if active else []))


class Block(nn.Module):
    """Residual: two convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = Unit(width, width), Unit(width, width, active=False)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


@dataclass(frozen=True)
class Said:
    """Logits: style (N, 4) of STYLES, kind (N, 11) of KINDS, alpha (N, 38, 38)."""

    style: Tensor
    kind: Tensor
    alpha: Tensor


class Network(nn.Module):
    """pixels (N, 3, 75, 75) float of 0..255 -> Said."""

    def __init__(self, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        self.widths = widths
        a, b, c, d = widths
        self.stem = Unit(3, a, 5, 2)  # 38
        self.low = Block(a)
        self.to_b, self.b = Unit(a, b, stride=2), Block(b)  # 19
        self.to_c, self.c = Unit(b, c, stride=2), Block(c)  # 10
        self.to_d, self.d = Unit(c, d, stride=2), Block(d)  # 5
        self.style = nn.Linear(2 * d, len(STYLES))
        self.kind = nn.Linear(2 * d, len(KINDS))
        # The alpha: back up, with what is finer added.
        self.up_c = Unit(d, b, 1)
        self.from_c, self.at_c = Unit(c, b, 1), Unit(b, b)
        self.from_b, self.at_b = Unit(b, b, 1), Unit(b, a)
        self.from_a, self.at_a = Unit(a, a, 1), Unit(a, a)
        self.alpha = nn.Conv2d(a, 1, 1)

    def forward(self, pixels: Tensor) -> Said:
        x = (pixels - MEAN) * SCALE
        a = self.low(self.stem(x))
        b = self.b(self.to_b(a))
        c = self.c(self.to_c(b))
        d = self.d(self.to_d(c))
        pooled = torch.cat([d.mean((2, 3)), d.amax((2, 3))], 1)
        up = self.at_c(doubled(self.up_c(d), c) + self.from_c(c))
        up = self.at_b(doubled(up, b) + self.from_b(b))
        up = self.at_a(doubled(up, a) + self.from_a(a))
        return Said(self.style(pooled), self.kind(pooled), self.alpha(up)[:, 0])


def doubled(x: Tensor, like: Tensor) -> Tensor:
    """Each cell four times; what is beyond ``like`` is cut off."""
    x = functional.interpolate(x, scale_factor=2, mode="nearest")
    return x[:, :, : like.shape[2], : like.shape[3]]


def loss(said: Said, style: Tensor, kind: Tensor, alpha: Tensor, told: Tensor) -> dict[str, Tensor]:
    """Terms to be added up. style: (N, 4) shares; kind: (N,), -1: no matter; alpha: (N, 38, 38),
    0..1; told: (N,) bool, whether alpha counts."""
    by_pixel = functional.binary_cross_entropy_with_logits(said.alpha, alpha, reduction="none")
    weight = told.float()[:, None, None]
    covered = torch.sigmoid(said.alpha) * weight
    both = (covered * alpha).sum((1, 2))
    overlap = (2 * both + 10) / (covered.sum((1, 2)) + (alpha * weight).sum((1, 2)) + 10)
    counted = kind >= 0
    kinds = functional.cross_entropy(said.kind, kind, ignore_index=-1, reduction="sum")
    return {
        "style": functional.cross_entropy(said.style, style),
        "kind": 0.3 * kinds / counted.sum().clamp(min=1),
        "alpha": 2.0 * (by_pixel * weight).mean(),
        "overlap": 0.3 * (1 - overlap).mean(),
    }


def worn_logit(style: Tensor) -> Tensor:
    """(N,): log of the odds that mouth and chin are covered by a mask, before calibration."""
    return torch.logsumexp(style[:, 1:3], 1) - torch.logsumexp(style[:, [0, 3]], 1)
