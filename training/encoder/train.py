"""Adapt dlib's CC0 network to masked faces: one stream of fresh chips, any number of students.

    PYTHONPATH=src python training/encoder/train.py --minutes 90 \\
        --student 'joined={"classes": 0.1, "relation": 0.5}'

Reads work/faces.npz (chips.py). Every student starts from the stock network (or from --start) and
gets the same batches; the learning rate falls to nought over --epochs, or over what --minutes
leaves of the run, so a run always ends finished. Writes to --out: log.jsonl, a line an epoch and
student, and NAME.onnx, the mean of each student's weights; and checkpoint.pt beside the faces, from
which --resume goes on. Samples hang on the seed, not on the number of workers; by --epochs a run
can be repeated up to the rounding of the device.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from chips import FACES, Faces, load
from data import Batch, Drawers, Task, epoch_tasks
from draw import SIZE
from losses import Targets
from network import Network, export, read
from student import Config, Student, mixed
from torch import Tensor
from validate import HeldBack, figures, held_back, templates, vectors

_HELD_BATCH = 64
_WARM_UP = 0.05
_LAST_S = 25.0
"""Of a budget in minutes, kept for the last validation and the export."""
_SHARES = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Of the student's weights in the mixtures with the stock network's that are looked at."""


class Teacher:
    """What the stock network says of the train photos: the mean of four looks at each.

    Placed by dlib's points and by the detector's, as it is and mirrored: less of what is said then
    hangs on the place, and a student of one look comes nearer to the person.
    """

    def __init__(self, stock: Network, faces: Faces, device: torch.device) -> None:
        photos = np.flatnonzero(faces.train)
        cuts = np.empty((2, len(photos), SIZE, SIZE, 3), np.uint8)
        for k, photo in enumerate(photos):
            pixels = faces.pixels(photo)
            cv2.warpAffine(pixels, faces.to_stock_chip(photo), (SIZE, SIZE), cuts[0, k])
            cv2.warpAffine(pixels, faces.to_chip(photo), (SIZE, SIZE), cuts[1, k])
        looks = [c for cut in cuts for c in (cut, np.ascontiguousarray(cut[:, :, ::-1]))]
        said = torch.stack([vectors(stock, look, device) for look in looks])
        self._lengths = said.norm(dim=2).mean(0)
        said = torch.nn.functional.normalize(said, dim=2).mean(0)
        self._templates = torch.nn.functional.normalize(said, dim=1)
        people = np.unique(faces.people[photos], return_inverse=True)[1].reshape(-1)
        self._people = torch.from_numpy(people).to(device)
        sums = said.new_zeros(int(people.max()) + 1, said.shape[1])
        sums.index_add_(0, self._people, self._templates)
        self._centres = torch.nn.functional.normalize(sums, dim=1)
        self._row = np.full(len(faces), -1)
        self._row[photos] = np.arange(len(photos))

    def targets(self, photos: np.ndarray) -> Targets:
        """Of these photos, indices into the faces."""
        rows = torch.from_numpy(self._row[photos]).to(self._people.device)
        people = self._people[rows]
        own = self._centres[people]
        return Targets(self._templates[rows], self._lengths[rows], own, people, self._centres)


class Feed:
    """Batches onto the device, through pinned memory where that is CUDA's."""

    def __init__(self, size: int, device: torch.device) -> None:
        self._device = device
        self._next = 0
        if device.type == "cuda":
            shape = (2, size, SIZE, SIZE, 3)
            self._pinned = [torch.empty(shape, dtype=torch.uint8, pin_memory=True) for _ in "ab"]
            self._copied = [torch.cuda.Event() for _ in "ab"]

    def on_device(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The bare and the masked chips."""
        both = torch.from_numpy(batch.bare), torch.from_numpy(batch.masked)
        if self._device.type != "cuda":
            return both[0].clone(), both[1].clone()
        self._next = 1 - self._next
        pinned, copied = self._pinned[self._next], self._copied[self._next]
        copied.synchronize()
        pinned[0].copy_(both[0])
        pinned[1].copy_(both[1])
        there = pinned.to(self._device, non_blocking=True)
        copied.record()
        return there[0], there[1]


class Clock:
    """How much of the run is over, by epochs or by the time since ``started``."""

    def __init__(self, arguments: argparse.Namespace, epoch_steps: int, spent_s: float) -> None:
        self._steps = arguments.epochs * epoch_steps if arguments.epochs else 0
        self._budget_s = 60 * arguments.minutes - _LAST_S if arguments.minutes else math.inf
        self._begin_s = time.monotonic()
        # What the set-up took is no part of the schedule, and of the budget.
        self._set_up_s = self._begin_s - _STARTED
        self._spent_s = spent_s

    def spent_s(self) -> float:
        """Of training, also before a --resume."""
        return self._spent_s + time.monotonic() - self._begin_s

    def over(self, step: int) -> float:
        """0..1 and more."""
        by_time = self.spent_s() / max(self._budget_s - self._set_up_s, 1.0)
        return max(step / self._steps, by_time) if self._steps else by_time


_STARTED = time.monotonic()


def factor(over: float) -> float:
    """Share of the full learning rate: up in a straight line, down in half a cosine."""
    if over < _WARM_UP:
        return max(over / _WARM_UP, 0.02)
    return 0.5 * (1 + math.cos(math.pi * min((over - _WARM_UP) / (1 - _WARM_UP), 1)))


class Run:
    """The students, the log and the checkpoint of one run."""

    def __init__(self, arguments: argparse.Namespace, held: HeldBack, device: torch.device) -> None:
        self.arguments, self.held, self.device = arguments, held, device
        self.stock = read().to(device)
        self.old = templates(self.stock, held.stock, device)
        start = read(arguments.start).to(device) if arguments.start else self.stock
        self.students = []
        for text in arguments.student or ["joined="]:
            name, _, settings = text.partition("=")
            self.students.append(Student(name, Config.from_json(settings), start, device))
        self.epoch, self.step = 0, 0
        arguments.out.mkdir(parents=True, exist_ok=True)
        self.log = arguments.out / "log.jsonl"

    def write(self, line: dict[str, Any]) -> None:
        """To the log and the screen."""
        with self.log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)

    def begin(self) -> None:
        """A line for the stock network."""
        self.write({"student": "stock", **figures(self.stock, self.held, self.old, self.device)})

    def validated(self, spent_s: float) -> None:
        """A line for each student."""
        for student in self.students:
            found = figures(student.averaged, self.held, self.old, self.device)
            line = {"student": student.name, "epoch": self.epoch, "seconds": round(spent_s, 1)}
            self.write({**line, "steps": student.steps, "loss": student.told(), **found})

    def save(self, spent_s: float) -> None:
        """The checkpoint and the networks so far."""
        state = {s.name: s.state() for s in self.students}
        kept = {"students": state, "epoch": self.epoch, "step": self.step, "spent_s": spent_s}
        unfinished = self.arguments.checkpoint.with_suffix(".part")
        torch.save(kept, unfinished)
        unfinished.replace(self.arguments.checkpoint)
        self.export()

    def restore(self) -> float:
        """Go on from the checkpoint; the seconds that it had trained."""
        kept = torch.load(self.arguments.checkpoint, map_location=self.device)
        for student in self.students:
            student.restore(kept["students"][student.name])
        self.epoch, self.step = kept["epoch"], kept["step"]
        return float(kept["spent_s"])

    def export(self) -> None:
        """Every student's mean network as ONNX, stored as the shipped one is."""
        for student in self.students:
            if student.config.export:
                export(student.averaged, self.arguments.out / f"{student.name}.onnx")

    def mixtures(self) -> None:
        """What mixtures with the stock network do, a line each."""
        for student, share in itertools.product(self.students, _SHARES):
            network = mixed(self.stock, student.averaged, share)
            found = figures(network, self.held, self.old, self.device)
            self.write({"student": student.name, "share": share, **found})


def tasks(
    people: np.ndarray, photos: np.ndarray, seed: int, first: int, size: int
) -> Iterator[Task]:
    """Without end, from epoch ``first``; people: of ``photos``."""
    for epoch in itertools.count(first):
        for task in epoch_tasks(people, seed, epoch, size):
            yield Task(epoch, task.number, photos[task.photos])


def learn(run: Run, faces: Faces, teacher: Teacher, drawers: Drawers) -> None:
    """Train all students until the clock has run out."""
    arguments = run.arguments
    spent_s = run.restore() if arguments.resume else 0.0
    photos = np.flatnonzero(faces.train)
    people = faces.people[photos]
    steps = len(epoch_tasks(people, arguments.seed, 0, arguments.batch))
    if not steps:
        raise SystemExit(f"--batch {arguments.batch}: an epoch has fewer photos, {len(photos)}")
    clock = Clock(arguments, steps, spent_s)
    feed = Feed(arguments.batch, run.device)
    saved_s = clock.spent_s()
    waited_s, begun = 0.0, run.step
    stream = drawers.batches(tasks(people, photos, arguments.seed, run.epoch, arguments.batch))
    while (over := clock.over(run.step)) < 1:
        asked_s = time.monotonic()
        batch = next(stream)
        waited_s += time.monotonic() - asked_s
        if batch.task.epoch > run.epoch:
            run.epoch = batch.task.epoch
            if run.epoch % arguments.validate_every == 0:
                run.validated(clock.spent_s())
                print(f"waited {waited_s:.1f} s for chips, {run.step} steps", flush=True)
            if clock.spent_s() - saved_s > arguments.save_s:
                run.save(clock.spent_s())
                saved_s = clock.spent_s()
        bare, masked = feed.on_device(batch)
        targets = teacher.targets(batch.task.photos)
        for student in run.students:
            student.step(bare, masked, batch.flat, targets, factor(over))
        run.step += 1
        if run.device.type == "cuda" and run.step % 8 == 0:
            torch.cuda.synchronize()  # The clock is to tell what is done, not what is asked for.
    if run.step > begun:
        run.epoch += 1
        run.validated(clock.spent_s())
        run.save(clock.spent_s())


def main() -> None:
    parser = argparse.ArgumentParser(description="Adapt the encoder to masked faces.")
    parser.add_argument("--student", action="append", help="NAME={JSON of its settings}")
    parser.add_argument("--start", type=Path, help="an ONNX file to go on from; else the stock one")
    parser.add_argument("--minutes", type=float, help="of the whole run, set-up included")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--batch", type=int, default=256, help="photos a step")
    parser.add_argument("--workers", type=int, default=max(1, (os.cpu_count() or 2) - 2))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faces", type=Path, default=FACES)
    parser.add_argument("--limit", type=int, help="train photos, for a trial")
    parser.add_argument("--out", type=Path, default=FACES.parent / "run")
    parser.add_argument("--checkpoint", type=Path, default=FACES.parent / "checkpoint.pt")
    parser.add_argument("--validate-every", type=int, default=1, help="epochs")
    parser.add_argument("--save-s", type=float, default=60, help="seconds between checkpoints")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--no-mixtures", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.epochs or arguments.minutes):
        parser.error("say --epochs or --minutes")
    if arguments.resume and not arguments.checkpoint.exists():
        parser.error(f"--resume: there is no {arguments.checkpoint}")
    log = arguments.out / "log.jsonl"
    if not arguments.resume and log.exists():
        parser.error(f"{log} is of another run; name another --out, or go on with --resume")
    faces = load(arguments.faces)
    if arguments.limit:
        train, rest = np.flatnonzero(faces.train), np.flatnonzero(~faces.train)
        faces = faces.taken(np.concatenate([train[: arguments.limit], rest[: arguments.limit]]))
    # Forks come before CUDA.
    size = max(arguments.batch, _HELD_BATCH)
    drawers = Drawers(faces, arguments.seed, size, arguments.workers)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(arguments.seed)
    torch.backends.cudnn.benchmark = True
    held = held_back(faces, drawers, _HELD_BATCH)
    run = Run(arguments, held, device)
    teacher = Teacher(run.stock, faces, device)
    print(f"ready after {time.monotonic() - _STARTED:.1f} s on {device}", flush=True)
    if not arguments.resume:
        run.begin()
    learn(run, faces, teacher, drawers)
    if not arguments.no_mixtures:
        run.mixtures()
    drawers.close()


if __name__ == "__main__":
    main()
