"""Batches of fresh chips, drawn by worker processes in the order that the seed says.

Every sample hangs on seed, epoch, photo and the batch that it is in: not on the number of workers,
nor on how far another run got.
"""

from __future__ import annotations

import mmap
import multiprocessing
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from chips import Faces
from draw import SIZE, TRAINING, Recipe, Style, design, pair

from maskwise.types import U8

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import shared_memory

_SLOTS = 3
"""Batches that a worker may be ahead."""
_PHOTOS_EACH = 8
"""Of a person and epoch, at most: a few people have a hundred and more."""
_DESIGNS = 48
"""Masks that are painted for a batch; less than ``maskwise.masks`` keeps, 64."""
_PATIENCE_S = 300.0


@dataclass(frozen=True)
class Task:
    """A batch to draw. number: within the epoch. photos: indices into the faces. style: None: by
    chance."""

    epoch: int
    number: int
    photos: npt.NDArray[np.int64]
    style: Style | None = None
    recipe: Recipe = TRAINING


@dataclass(frozen=True)
class Batch:
    """bare, masked: (N, 150, 150, 3) uint8 RGB, valid until the next batch. flat: (N,) bool,
    masks of that style. task: what was asked for."""

    bare: U8
    masked: U8
    flat: npt.NDArray[np.bool_]
    task: Task


def order(people: npt.NDArray[np.int64], seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Indices of an epoch's photos: two of a person, where there are, stand side by side.

    people: (N,) the person of each. Of a person at most _PHOTOS_EACH, others each epoch.
    """
    rng = np.random.default_rng([seed, epoch, 0])
    shuffled = rng.permutation(len(people))
    by_person = shuffled[np.argsort(people[shuffled], kind="stable")]
    cuts = np.flatnonzero(np.diff(people[by_person])) + 1
    groups = []
    for photos in np.split(by_person, cuts):
        kept = photos[:_PHOTOS_EACH]
        groups += [kept[k : k + 2] for k in range(0, len(kept), 2)]
    return np.concatenate([groups[k] for k in rng.permutation(len(groups))])


def epoch_tasks(
    people: npt.NDArray[np.int64], seed: int, epoch: int, size: int, recipe: Recipe = TRAINING
) -> list[Task]:
    """The batches of one epoch; what does not fill the last one is left out."""
    photos = order(people, seed, epoch)
    starts = range(0, len(photos) - size + 1, size)
    return [Task(epoch, k // size, photos[k : k + size], None, recipe) for k in starts]


class Drawers:
    """Worker processes that fill batches in memory they share with this one.

    size: photos in a batch, at most.
    """

    def __init__(self, faces: Faces, seed: int, size: int, workers: int) -> None:
        self._size = size
        self._chip = SIZE * SIZE * 3
        context = multiprocessing.get_context("spawn")
        self._workers = []
        self._files = []
        for _ in range(workers):
            memory, file = shared_memory.create(_SLOTS * 2 * size * self._chip)
            self._files.append(file)
            ours, theirs = context.Pipe()
            process = context.Process(
                target=_work, args=(faces, seed, size, file, theirs), daemon=True
            )
            process.start()
            theirs.close()
            self._workers.append((process, ours, memory))

    def batches(self, tasks: Iterable[Task]) -> Iterator[Batch]:
        """The batches of ``tasks``, in their order; tasks are taken as far ahead as is drawn.

        To be run to its end before the next call.
        """
        coming = iter(tasks)
        sent: deque[Task] = deque()
        taken = given = 0
        count = len(self._workers)
        while True:
            while taken - given < _SLOTS * count and (task := next(coming, None)) is not None:
                self._workers[taken % count][1].send((taken // count % _SLOTS, task))
                sent.append(task)
                taken += 1
            if not sent:
                return
            process, pipe, memory = self._workers[given % count]
            if not pipe.poll(_PATIENCE_S):
                raise RuntimeError(f"worker {process.pid} drew nothing for {_PATIENCE_S:.0f} s")
            flat = pipe.recv()
            if isinstance(flat, str):
                raise RuntimeError(flat)
            pixels = _slot(memory, given // count % _SLOTS, self._size)
            task = sent.popleft()
            n = len(task.photos)
            yield Batch(pixels[0, :n], pixels[1, :n], flat, task)
            given += 1

    def close(self) -> None:
        """End the processes."""
        for process, _, _ in self._workers:
            process.terminate()
        for process, pipe, _ in self._workers:
            process.join()
            pipe.close()
        for file in self._files:
            file.unlink(missing_ok=True)


def _slot(memory: mmap.mmap, slot: int, size: int) -> U8:
    count = 2 * size * SIZE * SIZE * 3
    flat = np.frombuffer(memory, np.uint8, count, slot * count)
    return flat.reshape(2, size, SIZE, SIZE, 3)


def _work(faces: Faces, seed: int, size: int, file: Path, pipe: Connection) -> None:
    cv2.setNumThreads(1)
    memory = shared_memory.attach(file)
    while True:
        try:
            slot, task = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        try:
            pixels = _slot(memory, slot, size)
            flat = np.zeros(len(task.photos), bool)
            style = (None, "drawn", "flat").index(task.style)
            rng = np.random.default_rng([seed, task.epoch, 0, task.number, style])
            designs = [design(rng) for _ in range(_DESIGNS)]
            for k, photo in enumerate(task.photos.tolist()):
                # The style is part of it, or a photo's two masks would be placed alike.
                rng = np.random.default_rng([seed, task.epoch, photo + 1, 0, style])
                pixels[0, k], pixels[1, k], worn = pair(
                    (faces.pixels(photo), faces.points[photo], faces.to_chip(photo)),
                    rng,
                    task.recipe,
                    designs,
                    task.style,
                )
                flat[k] = worn == "flat"
            pipe.send(flat)
        except Exception as error:
            pipe.send(f"{type(error).__name__} in a worker: {error}")
            return
