"""What a student is asked for. Vectors here are of unit length unless said; the teacher's are too.

dlib's vectors all share a large mean: two photos of one person have a cosine of 0.91 to 0.97,
two strangers 0.84 (0.1 % of pairs 0.92 and more). Weights and margins below are in that scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Losses:
    """Weights of the losses; 0: not there.

    distil: masked student -> target, the blend of the photo's bare template (1 - person) and the
    mean of the person's (person). kind: of distance, "squared" is that of vectors as they come.
    bare: bare student -> the photo's own template. norm: length of both, relative to the teacher's.
    classes: softmax over all people's mean templates, fixed, with ``margin`` (CosFace) and
    ``scale``. hinge: the ``hardest`` strangers in the batch are to be less alike than ``apart``,
    another photo of the person more than ``together``. relation: the batch's similarities are to
    be the teacher's.
    """

    distil: float = 1.0
    kind: Literal["cosine", "squared"] = "cosine"
    person: float = 0.5
    bare: float = 1.0
    norm: float = 0.02
    classes: float = 0.0
    margin: float = 0.03
    scale: float = 64.0
    hinge: float = 0.0
    hardest: int = 8
    apart: float = 0.89
    together: float = 0.95
    relation: float = 0.0


@dataclass(frozen=True)
class Targets:
    """What the teacher says of the photos of a batch.

    templates: (N, 128) unit. lengths: (N,) before. own: (N, 128) unit, the person's mean.
    people: (N,) int64. centres: (P, 128) unit, of all people.
    """

    templates: Tensor
    lengths: Tensor
    own: Tensor
    people: Tensor
    centres: Tensor


def loss(bare: Tensor, masked: Tensor, targets: Targets, weights: Losses) -> dict[str, Tensor]:
    """The terms, each with its weight: their sum is to be made small.

    bare, masked: (N, 128) and (M, 128), the student's vectors as they come; M is N, or less where
    a student leaves a style out: ``targets`` are then of the M (bare ones too).
    """
    unit_bare, unit_masked = functional.normalize(bare, dim=1), functional.normalize(masked, dim=1)
    terms: dict[str, Tensor] = {}
    if weights.distil:
        goal = functional.normalize(
            torch.lerp(targets.templates, targets.own, weights.person), dim=1
        )
        if weights.kind == "cosine":
            terms["distil"] = weights.distil * 10 * (1 - (unit_masked * goal).sum(1)).mean()
        else:
            away = masked - goal * targets.lengths[:, None]
            terms["distil"] = weights.distil * 2.5 * away.square().sum(1).mean()
    if weights.bare:
        terms["bare"] = weights.bare * 10 * (1 - (unit_bare * targets.templates).sum(1)).mean()
    if weights.norm:
        both = torch.cat([bare, masked]).norm(dim=1) / targets.lengths.repeat(2)
        terms["norm"] = weights.norm * (both - 1).square().mean()
    if weights.classes:
        terms["classes"] = weights.classes * _classes(unit_bare, unit_masked, targets, weights)
    if weights.hinge:
        terms["hinge"] = weights.hinge * _hinge(unit_bare, unit_masked, targets, weights)
    if weights.relation:
        terms["relation"] = weights.relation * _relation(unit_bare, unit_masked, targets)
    return terms


def _classes(bare: Tensor, masked: Tensor, targets: Targets, weights: Losses) -> Tensor:
    people = targets.people.repeat(2)
    cosines = torch.cat([bare, masked]) @ targets.centres.T
    margins = torch.zeros_like(cosines)
    margins[torch.arange(len(people), device=people.device), people] = weights.margin
    return functional.cross_entropy(weights.scale * (cosines - margins), people)


def _hinge(bare: Tensor, masked: Tensor, targets: Targets, weights: Losses) -> Tensor:
    """Masked against bare (teacher's and student's) and against masked."""
    same = targets.people[:, None] == targets.people[None]
    itself = torch.eye(len(same), dtype=torch.bool, device=same.device)
    total = masked.new_zeros(())
    for others in (targets.templates, bare, masked):
        alike = masked @ others.T
        strangers = alike.masked_fill(same, -1).topk(min(weights.hardest, len(alike)), 1).values
        total = total + functional.relu(strangers - weights.apart).square().sum(1).mean()
        mates = functional.relu(weights.together - alike).square()
        mates = mates.masked_fill(~same | itself, 0).sum(1)
        total = total + mates.mean()
    return 100 * total / 3


def _relation(bare: Tensor, masked: Tensor, targets: Targets) -> Tensor:
    wanted = targets.templates @ targets.templates.T
    others = ~torch.eye(len(wanted), dtype=torch.bool, device=wanted.device)
    crossed = (masked @ bare.T - wanted)[others].square().mean()
    within = (masked @ masked.T - wanted)[others].square().mean()
    return 200 * (crossed + within)
