"""Train the mask state: worn or not, how, of which type, and what is covered.

    PYTHONPATH=src python training/occlusion/train.py --minutes 30

Reads ../encoder/work/faces.npz (see ../encoder/chips.py), draws what the pool lacks (data.py),
trains, fits the calibration on the calibrate people and writes mask-state.onnx to --out, beside
log.jsonl: a line an epoch, then the calibration. checkpoint.pt lies beside the pool; --resume goes
on from it. Samples, their order and the first weights hang on the seed; by --epochs a run can be
repeated up to rounding. Needs torch and onnx.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE))
from calibrate import figures, fitted, said_of
from data import FACES, POOL, Samples, batches, joined, pool, varied
from export import export
from network import Network, loss
from torch import Tensor

_WARM_UP = 0.04
_MEAN = 0.998
"""Share that the running mean of the weights keeps at a step; the mean is what is exported."""


def factor(over: float) -> float:
    """Share of the full learning rate: up in a straight line, down in half a cosine."""
    if over < _WARM_UP:
        return max(over / _WARM_UP, 0.02)
    return max(0.5 * (1 + math.cos(math.pi * min((over - _WARM_UP) / (1 - _WARM_UP), 1))), 1e-3)


class Run:
    """The network, the mean of its weights, the optimiser, the log and the checkpoint."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        torch.manual_seed(arguments.seed)
        self.arguments = arguments
        self.network = Network().to(memory_format=torch.channels_last).train()
        self.averaged = copy.deepcopy(self.network).requires_grad_(False).eval()
        matrices = [p for p in self.network.parameters() if p.ndim > 1]
        vectors = [p for p in self.network.parameters() if p.ndim <= 1]
        groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=arguments.lr, weight_decay=0.03)
        self.epoch = self.step = 0
        self.spent_s = 0.0
        self.sums: dict[str, float] = {}
        self.counted = 0
        arguments.out.mkdir(parents=True, exist_ok=True)

    def learn(self, samples: Samples, rows: np.ndarray, rate: float) -> None:
        """One step."""
        rng = np.random.default_rng([self.arguments.seed, self.epoch, self.step])
        pixels, alpha = varied(samples.pixels[rows], samples.alpha[rows], rng)
        said = self.network(torch.from_numpy(pixels).permute(0, 3, 1, 2))
        terms = loss(
            said,
            torch.from_numpy(samples.style[rows]),
            torch.from_numpy(samples.kind[rows]),
            torch.from_numpy(alpha).float() / 255,
            torch.from_numpy(samples.told[rows]),
        )
        for group in self.optimizer.param_groups:
            group["lr"] = self.arguments.lr * rate
        self.optimizer.zero_grad(set_to_none=True)
        total: Tensor = torch.stack(list(terms.values())).sum()
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        self.optimizer.step()
        self.step += 1
        keep = min(_MEAN, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            ours, theirs = self.averaged.state_dict(), self.network.state_dict()
            for name, value in ours.items():
                if value.is_floating_point():
                    value.lerp_(theirs[name], 1 - keep)
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value.detach())
        self.counted += 1

    def write(self, line: dict[str, Any]) -> None:
        """To the log and the screen."""
        with (self.arguments.out / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    def validated(self, held: dict[str, Samples]) -> None:
        """A line of the log."""
        line: dict[str, Any] = {"epoch": self.epoch, "steps": self.step}
        line |= {"seconds": round(self.spent_s)}
        line |= {k: round(v / max(self.counted, 1), 4) for k, v in self.sums.items()}
        self.sums, self.counted = {}, 0
        for name, samples in held.items():
            line[name] = figures(said_of(self.averaged, samples), samples)
        self.write(line)

    def save(self) -> None:
        kept = {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": (self.epoch, self.step, self.spent_s),
        }
        unfinished = self.arguments.checkpoint.with_suffix(".part")
        torch.save(kept, unfinished)
        unfinished.replace(self.arguments.checkpoint)

    def restore(self) -> None:
        kept = torch.load(self.arguments.checkpoint)
        self.network.load_state_dict(kept["network"])
        self.averaged.load_state_dict(kept["averaged"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.epoch, self.step, self.spent_s = kept["progress"]


def train(run: Run, samples: Samples, held: dict[str, Samples]) -> None:
    """Until the minutes or epochs are over."""
    arguments = run.arguments
    steps = len(samples) // arguments.batch
    before_s, began_s = run.spent_s, time.monotonic()
    saved_s = run.spent_s
    over = 0.0
    while over < 1:
        rng = np.random.default_rng([arguments.seed, run.epoch])
        for rows in batches(samples, arguments.batch, rng)[run.step % steps :]:
            by_time = run.spent_s / (60 * arguments.minutes) if arguments.minutes else 0.0
            by_step = run.step / (steps * arguments.epochs) if arguments.epochs else 0.0
            over = max(by_time, by_step)
            if over >= 1:
                break
            run.learn(samples, rows, factor(over))
            run.spent_s = before_s + time.monotonic() - began_s
            if run.step % 50 == 0:
                print(f"step {run.step} of epoch {run.epoch}, {over:.3f}", file=sys.stderr)
            if run.spent_s - saved_s > 120:
                saved_s = run.spent_s
                run.save()
        else:
            run.epoch += 1
            run.validated(held)
    run.validated(held)
    run.save()


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the mask state.")
    parser.add_argument("--minutes", type=float, default=0.0, help="of training, drawing apart")
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--shards", type=int, default=56, help="of 2,048 samples each")
    parser.add_argument("--held", type=int, default=2, help="shards of each held-back set")
    parser.add_argument("--workers", type=int, default=1, help="that draw")
    parser.add_argument("--as-it-is", action="store_true", help="draw no training shards")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--limit", type=int, default=0, help="train photos, for a trial")
    parser.add_argument("--faces", type=Path, default=FACES)
    parser.add_argument("--out", type=Path, default=POOL.parent / "run")
    parser.add_argument("--checkpoint", type=Path, default=POOL.parent / "checkpoint.pt")
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.minutes or arguments.epochs):
        parser.error("say --minutes or --epochs")
    torch.set_num_threads(arguments.threads)
    samples, held = pool(
        arguments.shards,
        arguments.seed,
        arguments.workers,
        held=arguments.held,
        limit=arguments.limit,
        faces=arguments.faces,
        wait=not arguments.as_it_is,
    )
    run = Run(arguments)
    if arguments.resume and arguments.checkpoint.exists():
        run.restore()
    told = {k: v for k, v in vars(arguments).items() if isinstance(v, int | float)}
    run.write({"samples": len(samples), "held": {k: len(v) for k, v in held.items()}, **told})
    train(run, samples, held)
    both = joined(list(held.values()))
    calibration = fitted(said_of(run.averaged, both), both)
    run.write({"calibration": asdict(calibration)})
    export(run.averaged, calibration, arguments.out / "mask-state.onnx")


if __name__ == "__main__":
    main()
