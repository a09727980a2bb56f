"""Train the detector.

    python training/detector/train.py --photos training/work/detector/train.npz --out DIR

One command, seeded; broken off, it goes on from the last checkpoint in DIR. Several networks can
learn from the same canvases: ``--student NAME=JSON`` with ``Network``'s arguments.
Writes log.jsonl and, of each student, NAME.pt (the running mean of its weights).
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any, Final

import torch
from compose import Composer
from loss import Cells, cells, loss
from network import Network
from tiles import Tiles
from torch import Tensor, nn

_LOG_EVERY: Final = 100
_MEAN: Final = 0.999
# Canvas sides, and how often; larger ones in smaller batches.
_SIDES: Final = ((320, 0.7), (224, 0.12), (640, 0.18))


class Student:
    """One network with its optimiser and the running mean of its weights."""

    def __init__(self, name: str, given: dict[str, Any], device: torch.device, rate: float) -> None:
        self.name, self.rate, self.only_scores = name, rate, False
        self.network = Network(**given).to(device, memory_format=torch.channels_last)
        self.mean = copy.deepcopy(self.network).eval()
        plain = [p for p in self.network.parameters() if p.ndim < 2]
        heavy = [p for p in self.network.parameters() if p.ndim >= 2]
        groups = [{"params": heavy, "weight_decay": 0.02}, {"params": plain, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=rate)

    def step(self, images: Tensor, truth: Any, at: Cells, share: float) -> dict[str, float]:
        """One step at ``share`` of the way, 0..1."""
        warm = min(share / 0.02, 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * warm * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share)))
        self.network.train()
        if self.only_scores:
            self.network.eval()
        on_gpu = images.device.type == "cuda"
        with torch.autocast(images.device.type, torch.bfloat16, enabled=on_gpu):
            grids = self.network(images)
        total, parts = loss(grids, truth, at)
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        learning = [p for p in self.network.parameters() if p.requires_grad]
        nn.utils.clip_grad_norm_(learning, 5.0)
        self.optimizer.step()
        with torch.no_grad():
            ours, theirs = self.mean.state_dict(), self.network.state_dict()
            keep = min(_MEAN, share * 50)
            floats = [k for k, v in ours.items() if v.is_floating_point()]
            torch._foreach_lerp_([ours[k] for k in floats], [theirs[k] for k in floats], 1 - keep)
        return parts

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "mean": self.mean.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    def keep_all_but_scores(self) -> None:
        """Learn the last layers of the scores alone, norms as they are: for more negatives."""
        self.only_scores = True
        for name, weight in self.network.named_parameters():
            weight.requires_grad = ".score." in name

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """Another run's."""
        self.network.load_state_dict(weights)
        self.mean.load_state_dict(weights)

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.mean.load_state_dict(state["mean"])
        self.optimizer.load_state_dict(state["optimizer"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=12000, help="at most")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--round", type=int, default=400, help="steps between fresh masks")
    parser.add_argument("--masked", type=int, default=3, help="masked tiles a photo and round")
    parser.add_argument("--empty", type=int, default=3000, help="tiles without a face")
    parser.add_argument("--workers", type=int, default=max((os.cpu_count() or 2) - 1, 1))
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=float, help="stop after this, to go on another time")
    parser.add_argument("--within", type=float, help="end after so many minutes, not after --steps")
    parser.add_argument("--student", action="append", metavar="NAME=JSON")
    parser.add_argument("--start", type=Path, help="weights of one student to go on from")
    parser.add_argument("--only-scores", action="store_true", help="keep all other layers")
    parser.add_argument("--empty-share", type=float, default=0.2, help="of tiles without a face")
    options = parser.parse_args()
    begun = time.monotonic()
    options.out.mkdir(parents=True, exist_ok=True)
    tiles = Tiles(
        options.photos,
        masked=options.masked,
        empty=options.empty,
        workers=options.workers,
        seed=options.seed,
    )
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    named = [one.split("=", 1) for one in options.student or ["base={}"]]
    students = [Student(name, json.loads(text), device, options.rate) for name, text in named]
    if options.start:
        students[0].begin_with(torch.load(options.start, device))
    if options.only_scores:
        for student in students:
            student.keep_all_but_scores()
    faces = torch.from_numpy(tiles.layout.faces).to(device)
    checkpoint = options.out / "checkpoint.pt"
    start = 0
    saved = torch.load(checkpoint, device) if checkpoint.exists() else None
    if saved:
        start = saved["step"]
        for student in students:
            student.restore(saved["students"][student.name])
    turn = start // options.round
    tiles.begin(turn)
    composer: Composer | None = None
    grids = {side: cells(side, device) for side, _ in _SIDES}
    log = (options.out / "log.jsonl").open("a")
    sums: dict[str, float] = {}
    step, share = start, 0.0
    while share < 1 and step < options.steps:
        if step % options.round == 0 or composer is None:
            pixels = torch.from_numpy(tiles.drawn()).to(device)
            if composer is None:
                weights = _weights(tiles, options.masked, options.empty_share)
                composer = Composer(pixels, faces, weights.to(device), options.seed + turn)
            else:
                composer.refresh(pixels)
            if device.type == "cpu":
                composer.levels = [level.clone() for level in composer.levels]
            turn += 1
            tiles.begin(turn)
        side = _side(step)
        count = max(round(options.batch * min((320 / side) ** 2, 1.5)), 2)
        truth = composer.batch(count, side)
        images = truth.images.to(memory_format=torch.channels_last)
        spent = (time.monotonic() - begun) / 60
        share = min(spent / options.within, 1.0) if options.within else step / options.steps
        for student in students:
            parts = student.step(images, truth, grids[side], share)
            for key, value in parts.items():
                sums[f"{student.name}.{key}"] = sums.get(f"{student.name}.{key}", 0.0) + value
        step += 1
        if step % _LOG_EVERY == 0:
            line = {key: round(value / _LOG_EVERY, 5) for key, value in sums.items()}
            log.write(json.dumps({"step": step, "share": round(share, 4), **line}) + "\n")
            log.flush()
            rate = (step - start) / (time.monotonic() - begun)
            print(step, f"{share:.3f}", line, f"{rate:.1f} steps/s", flush=True)
            sums = {}
        late = options.minutes and time.monotonic() - begun > options.minutes * 60
        if late or step % options.round == 0 or step == options.steps or share >= 1:
            _save(checkpoint, {"step": step, "students": {s.name: s.state() for s in students}})
            for student in students:
                _save(options.out / f"{student.name}.pt", student.mean.state_dict())
        if late:
            print(f"stopped at {step} of {options.steps}; the same command goes on")
            break
    tiles.close()


def _weights(tiles: Tiles, masked: int, empty_share: float) -> Tensor:
    """Of tiles that show a face 45 : 38 : 17 are bare, in drawn masks, in real ones."""
    sources = tiles.layout.sources
    count = int(sources.max()) + 1
    index = torch.arange(len(sources))
    weights = torch.ones(len(sources))
    bare = index < count
    weights[bare] = 0.45 * (1 - empty_share) / count
    weights[~bare] = 0.38 * (1 - empty_share) / (count * masked)
    real = torch.from_numpy(tiles.real)[torch.from_numpy(sources).clamp(min=0)]
    real &= torch.from_numpy(sources >= 0)
    weights[real] = 0.17 * (1 - empty_share) / max(int(real.sum()), 1)
    empty = torch.from_numpy(sources < 0)
    weights[empty] = empty_share / max(int(empty.sum()), 1)
    return weights


def _side(step: int) -> int:
    """By the step alone, so that a run that goes on does the same."""
    place = (step * 0.61803398875) % 1.0
    for side, share in _SIDES:
        place -= share
        if place < 0:
            return side
    return _SIDES[0][0]


def _save(file: Path, state: dict[str, Any]) -> None:
    partial = file.with_suffix(".part")
    torch.save(state, partial)
    partial.replace(file)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
