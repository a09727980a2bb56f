"""The detector's network: plain strided convolutions down to 8 px, separable ones from there.

Three grids of cells of 8, 16 and 32 px; each cell gives a score, the distances from its centre to
the sides of a box, and five points, as in FCOS (Tian et al., arXiv:1904.01355). What a coarse grid
knows is added to the finer one (feature pyramid, Lin et al., arXiv:1612.03144).
"""

from __future__ import annotations

import copy
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDES: Final = (8, 16, 32)
# Distances are exp(x) strides: 20 cells of 32 px, half of a 1280 px frame, are exp(3).
_MOST: Final = 4.0
_WHITE: Final = 128.0
# The score with which training begins: few cells are faces (Lin et al., arXiv:1708.02002).
_PRIOR: Final = 0.01


def _plain(inside: int, out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(True)
    )


class Separable(nn.Module):
    """Every channel by itself, then all of each place; added to what came in where that fits."""

    def __init__(self, inside: int, out: int, *, stride: int = 1, size: int = 3) -> None:
        super().__init__()
        self.depth = nn.Conv2d(inside, inside, size, stride, size // 2, groups=inside, bias=False)
        self.depth_norm = nn.BatchNorm2d(inside)
        self.point = nn.Conv2d(inside, out, 1, bias=False)
        self.point_norm = nn.BatchNorm2d(out)
        self.residual = stride == 1 and inside == out

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, out, H / stride, W / stride)."""
        y = functional.relu(self.depth_norm(self.depth(x)))
        y = self.point_norm(self.point(y))
        return functional.relu(x + y if self.residual else y)


class Head(nn.Module):
    """Of one grid: what it sees, and 1 + 4 + 10 numbers a cell."""

    def __init__(self, wide: int) -> None:
        super().__init__()
        self.score = nn.Sequential(Separable(wide, wide), nn.Conv2d(wide, 1, 1))
        self.place = nn.Sequential(Separable(wide, wide), nn.Conv2d(wide, 14, 1))
        nn.init.constant_(self.score[1].bias, -torch.log(torch.tensor(1 / _PRIOR - 1)).item())
        nn.init.zeros_(self.place[1].weight)
        nn.init.constant_(self.place[1].bias[:4], 0.7)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (N, cells) and places (N, cells, 14): box logarithms, then points."""
        score = self.score(x).flatten(1)
        return score, self.place(x).permute(0, 2, 3, 1).flatten(1, 2)


class Network(nn.Module):
    """widths: channels of the stem, and of the grids of 8, 16, 32 px; neck: of all heads."""

    def __init__(
        self,
        stem: tuple[int, int] = (16, 32),
        widths: tuple[int, int, int] = (64, 96, 128),
        depths: tuple[int, int, int] = (2, 3, 4),
        neck: int = 64,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _plain(3, stem[0], 2), _plain(stem[0], stem[1], 2), _plain(stem[1], widths[0], 2)
        )
        self.fine = nn.Sequential(*[Separable(widths[0], widths[0]) for _ in range(depths[0])])
        self.middle = nn.Sequential(
            Separable(widths[0], widths[1], stride=2),
            *[Separable(widths[1], widths[1]) for _ in range(depths[1])],
        )
        self.coarse = nn.Sequential(
            Separable(widths[1], widths[2], stride=2),
            # Wide: a face that fills the frame is seen whole.
            *[Separable(widths[2], widths[2], size=5) for _ in range(depths[2])],
        )
        self.aside = nn.ModuleList([nn.Conv2d(w, neck, 1) for w in widths])
        self.joined = nn.ModuleList([Separable(neck, neck) for _ in range(2)])
        self.heads = nn.ModuleList([Head(neck) for _ in STRIDES])

    def forward(self, image: Tensor) -> list[tuple[Tensor, Tensor]]:
        """image: (N, 3, H, W) RGB 0..255, sides multiples of 32. One pair a grid, see ``Head``."""
        # No mean is taken off: what lies around a picture is black for every convolution.
        return self.grids(image / _WHITE)

    def grids(self, scaled: Tensor) -> list[tuple[Tensor, Tensor]]:
        """As ``forward``, of colours of 0..2."""
        fine = self.fine(self.stem(scaled))
        middle = self.middle(fine)
        coarse = self.aside[2](self.coarse(middle))
        middle = self.joined[1](
            self.aside[1](middle) + functional.interpolate(coarse, scale_factor=2.0)
        )
        fine = self.joined[0](
            self.aside[0](fine) + functional.interpolate(middle, scale_factor=2.0)
        )
        return [head(x) for head, x in zip(self.heads, (fine, middle, coarse), strict=True)]


def distances(places: Tensor) -> Tensor:
    """(..., 14) -> (..., 4) left, top, right, bottom in strides, from the cell's centre."""
    return places[..., :4].clamp(max=_MOST).exp()


class Exported(nn.Module):
    """The network with the outputs of the shipped file, the scale of colours in its weights."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).eval()
        with torch.no_grad():
            self.network.stem[0][0].weight /= _WHITE

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """score, box, points of 8, 16, 32 px: see docs/detectors.md."""
        grids = self.network.grids(image)
        scores = [torch.sigmoid(score).unsqueeze(2) for score, _ in grids]
        boxes = [distances(place) for _, place in grids]
        return (*scores, *boxes, *[place[..., 4:] for _, place in grids])
