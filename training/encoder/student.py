"""One network that learns: its weights, their running mean, its optimiser, what it is asked."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import numpy as np
import torch
from losses import Losses, Targets, loss
from network import Network
from torch import Tensor

_LEAST_SIZE = 0.005
"""Of a tensor, for its learning rate."""
_SHARE = {"drawn": 0.5, "flat": 0.35}
"""Of a batch that a student gets which sees one style; a little less than there is of it."""


@dataclass(frozen=True)
class Config:
    """How one student learns.

    lr: of the last layers, at its highest, as a share of each tensor's own size (root mean square):
    those of late blocks are a hundredth of the first ones'. Each block before has ``layer_decay``
    times the lr of the next. frozen: blocks that stay as they are, and the stem with them. mean:
    share that the running mean of the weights keeps at a step. styles: masks that it is shown.
    export: whether its network is written.
    """

    losses: Losses = field(default_factory=Losses)
    lr: float = 0.003
    layer_decay: float = 0.9
    weight_decay: float = 1e-4
    clip: float = 1.0
    frozen: int = 0
    mean: float = 0.998
    styles: Literal["all", "drawn", "flat"] = "all"
    export: bool = True

    @classmethod
    def from_json(cls, text: str) -> Config:
        """Of a JSON object; keys are those of Config and of Losses, ValueError for others."""
        given: dict[str, Any] = json.loads(text or "{}")
        ours = {f.name for f in fields(cls)} - {"losses"}
        theirs = {f.name for f in fields(Losses)}
        unknown = sorted(set(given) - ours - theirs)
        if unknown:
            raise ValueError(f"no setting {unknown[0]!r}; there are: {sorted(ours | theirs)}")
        losses = Losses(**{k: v for k, v in given.items() if k in theirs})
        return cls(losses=losses, **{k: v for k, v in given.items() if k in ours})


class Student:
    """A network in training. ``network`` is what learns, ``averaged`` the mean of its weights."""

    def __init__(self, name: str, config: Config, stock: Network, device: torch.device) -> None:
        self.name, self.config, self.device = name, config, device
        self.network = copy.deepcopy(stock).to(device, memory_format=torch.channels_last).train()
        self.network.freeze(config.frozen)
        self.averaged = copy.deepcopy(self.network).requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(
            self._groups(), weight_decay=config.weight_decay, fused=device.type == "cuda"
        )
        self.steps = 0
        self._sums: dict[str, Tensor] = {}
        self._counted = 0

    def _groups(self) -> list[dict[str, Any]]:
        parts = [self.network.stem, *self.network.blocks, self.network.head]
        groups = []
        for k, part in enumerate(parts):
            for tensor in part.parameters():
                if tensor.requires_grad:
                    size = max(float(tensor.detach().square().mean().sqrt()), _LEAST_SIZE)
                    lr = self.config.lr * size * self.config.layer_decay ** (len(parts) - 1 - k)
                    groups.append({"params": [tensor], "lr": lr, "full_lr": lr})
        return groups

    def step(
        self, bare: Tensor, masked: Tensor, flat: np.ndarray, targets: Targets, factor: float
    ) -> None:
        """Learn from a batch: (N, 150, 150, 3) uint8 each. factor: share of the full lr."""
        if self.config.styles != "all":
            wanted = np.flatnonzero(flat == (self.config.styles == "flat"))
            # Always as many: a new size would be tuned for anew.
            wanted = np.resize(wanted, int(len(flat) * _SHARE[self.config.styles]))
            rows = torch.from_numpy(wanted).to(self.device)
            bare, masked = bare[rows], masked[rows]
            targets = Targets(
                targets.templates[rows],
                targets.lengths[rows],
                targets.own[rows],
                targets.people[rows],
                targets.centres,
            )
        for group in self.optimizer.param_groups:
            group["lr"] = factor * group["full_lr"]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.device.type == "cuda"):
            out = self.network(torch.cat([bare, masked]))
        out = out.float()
        terms = loss(out[: len(bare)], out[len(bare) :], targets, self.config.losses)
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        free = [p for p in self.network.parameters() if p.requires_grad]
        terms["gradient"] = torch.nn.utils.clip_grad_norm_(free, self.config.clip)
        self.optimizer.step()
        self.steps += 1
        self._average()
        for name, value in terms.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach()
        self._counted += 1

    def _average(self) -> None:
        # At the start the mean is of few steps: it keeps less.
        keep = min(self.config.mean, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            torch._foreach_lerp_(
                list(self.averaged.parameters()), list(self.network.parameters()), 1 - keep
            )

    def told(self) -> dict[str, float]:
        """Means of the loss terms since the last call."""
        means = {k: round(float(v) / self._counted, 5) for k, v in self._sums.items()}
        self._sums, self._counted = {}, 0
        return means

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "steps": self.steps,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self.network.load_state_dict(state["network"])
        self.averaged.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.steps = state["steps"]


def mixed(stock: Network, student: Network, share: float) -> Network:
    """The network whose weights are ``share`` the student's and the rest the stock network's."""
    out = copy.deepcopy(student)
    with torch.no_grad():
        for ours, theirs in zip(out.parameters(), stock.parameters(), strict=True):
            ours.copy_(torch.lerp(theirs.to(ours.device), ours, share))
    return out
