"""What the network should have said: cells are given to faces by what it says well already.

Task-aligned assignment (Feng et al., TOOD, arXiv:2108.07755): of the cells within a face, the
ones whose score and box are best together learn it, with a score target that grows with the
overlap. Scores: binary cross entropy; boxes: complete IoU (Zheng et al., arXiv:1911.08287);
points: smooth L1 of distances in face sizes.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from compose import Canvases
from network import STRIDES, distances
from torch import Tensor
from torch.nn import functional

_CELLS: Final = 10
_SCORE_POWER: Final = 0.5
_OVERLAP_POWER: Final = 4.0
# A cell may learn a face whose centre is this many cells away.
_NEAR: Final = 2.5
# px of the face's height that each grid is for, with overlap.
_SIZES: Final = ((0.0, 72.0), (36.0, 200.0), (100.0, 1e9))
_BOX, _POINTS = 2.0, 4.0


class Cells(NamedTuple):
    """Of all grids of one size: centres (N, 2) px, strides (N,), sizes (N, 2) from, to, px."""

    centres: Tensor
    strides: Tensor
    sizes: Tensor


def cells(side: int, device: torch.device) -> Cells:
    """Row by row, grid after grid."""
    centres, strides, sizes = [], [], []
    for stride, size in zip(STRIDES, _SIZES, strict=True):
        axis = (torch.arange(side // stride, device=device) + 0.5) * stride
        grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).reshape(-1, 2)
        centres.append(grid)
        strides.append(torch.full((len(grid),), float(stride), device=device))
        sizes.append(torch.tensor(size, device=device).expand(len(grid), 2))
    return Cells(torch.cat(centres), torch.cat(strides), torch.cat(sizes))


def complete_iou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """(..., 4) boxes -> intersection over union, and the complete one."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    inner = (high - low).clamp(min=0).prod(-1)
    size_a, size_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    iou = inner / (size_a.prod(-1) + size_b.prod(-1) - inner + 1e-6)
    hull = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    apart = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2).pow(2).sum(-1)
    angle = torch.atan(size_a[..., 0] / size_a[..., 1].clamp(min=1e-3))
    other = torch.atan(size_b[..., 0] / size_b[..., 1].clamp(min=1e-3))
    shape = 4 / torch.pi**2 * (angle - other) ** 2
    with torch.no_grad():
        weight = shape / (1 - iou + shape + 1e-6)
    return iou, iou - apart / (hull.pow(2).sum(-1) + 1e-6) - weight * shape


def loss(
    grids: list[tuple[Tensor, Tensor]], truth: Canvases, at: Cells
) -> tuple[Tensor, dict[str, float]]:
    """The sum to bring down, and its parts for the log."""
    scores = torch.cat([score for score, _ in grids], 1).float()
    places = torch.cat([place for _, place in grids], 1).float()
    sides = distances(places) * at.strides[:, None]
    boxes = torch.cat([at.centres - sides[..., :2], at.centres + sides[..., 2:]], -1)
    points = places[..., 4:].unflatten(-1, (5, 2)) * at.strides[:, None, None] + at.centres[:, None]
    with torch.no_grad():
        target, face = _assigned(scores.sigmoid(), boxes, truth, at)
        neither = _within(at.centres, truth.boxes, truth.kinds == 2) & (face < 0)
    count = target.sum().clamp(min=1)
    entropy = functional.binary_cross_entropy_with_logits(scores, target, reduction="none")
    # Quality focal: what is right already weighs little (Li et al., arXiv:2006.04388).
    entropy = entropy * (scores.detach().sigmoid() - target).abs().pow(1.5)
    score_loss = (entropy * ~neither).sum() / count
    canvas, cell = torch.nonzero(face >= 0, as_tuple=True)
    mine = face[canvas, cell]
    weight = target[canvas, cell]
    wanted = truth.boxes[canvas, mine]
    _, complete = complete_iou(boxes[canvas, cell], wanted)
    box_loss = ((1 - complete) * weight).sum() / count
    size = (wanted[:, 2:] - wanted[:, :2]).prod(-1).clamp(min=1).sqrt()
    apart = (points[canvas, cell] - truth.points[canvas, mine]) / size[:, None, None]
    point_loss = functional.smooth_l1_loss(
        apart, torch.zeros_like(apart), beta=0.02, reduction="none"
    ).mean((1, 2))
    point_loss = (point_loss * weight * truth.sound[canvas, mine]).sum() / count
    total = score_loss + _BOX * box_loss + _POINTS * 5 * point_loss
    parts = {"score": score_loss, "box": box_loss, "points": point_loss}
    return total, {key: float(value.detach()) for key, value in parts.items()}


def _within(centres: Tensor, boxes: Tensor, which: Tensor) -> Tensor:
    """(B, N) whether a cell's centre lies in any of ``which`` boxes (B, G, 4)."""
    inside = (centres[None, None] >= boxes[:, :, None, :2]) & (
        centres[None, None] <= boxes[:, :, None, 2:]
    )
    return (inside.all(-1) & which[..., None]).any(1)


def _assigned(scores: Tensor, boxes: Tensor, truth: Canvases, at: Cells) -> tuple[Tensor, Tensor]:
    """Score targets (B, N), and the face each cell learns (B, N), -1 for none."""
    faces = truth.boxes
    middle = (faces[..., :2] + faces[..., 2:]) / 2
    size = faces[..., 2:] - faces[..., :2]
    iou, _ = complete_iou(boxes[:, None], faces[:, :, None])
    apart = (at.centres[None, None] - middle[:, :, None]).abs().amax(-1)
    # Near its middle: near in cells, but within the face, and for the smallest at least one cell.
    near = torch.minimum(_NEAR * at.strides, size.amin(-1)[..., None] / 2)
    near = torch.maximum(near, at.strides / 2 + 1e-3)
    high = size[..., 1:]
    fits = (high >= at.sizes[:, 0]) & (high < at.sizes[:, 1])
    able = (apart <= near) & fits & (truth.kinds == 1)[..., None]
    good = scores[:, None].pow(_SCORE_POWER) * iou.pow(_OVERLAP_POWER) * able + able * 1e-9
    most = min(_CELLS, good.shape[-1])
    best, where = good.topk(most, -1)
    chosen = torch.zeros_like(good, dtype=torch.bool).scatter_(-1, where, best > 0)
    # A cell that two faces want learns the one it overlaps more.
    claim = torch.where(chosen, iou + 1e-6, torch.zeros_like(iou))
    value, face = claim.max(1)
    face = torch.where(value > 0, face, torch.full_like(face, -1))
    taken = chosen & (
        torch.arange(faces.shape[1], device=faces.device)[None, :, None] == face[:, None]
    )
    good = good * taken
    peak = good.amax(-1, keepdim=True).clamp(min=1e-12)
    # The best cell of each face aims at its overlap, at least at half: early boxes are poor.
    goal = (iou * taken).amax(-1, keepdim=True).clamp(min=0.5)
    target = (good / peak * goal).amax(1)
    return target.clamp(0, 1), face
