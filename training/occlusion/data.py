"""The pool of samples: drawn once, shard by shard, and kept in ``work/pool``.

A shard hangs on the seed and its number alone: not on the number of workers, nor on what was there
before. Drawing costs more than learning, so the network sees each sample a few times, mirrored and
lit otherwise each time (see ``Pool.batch``).
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from sample import PLAIN, TRAINING, WHATS, Recipe, designs, sample

_HERE = Path(__file__).resolve().parent
sys.path.append(str(_HERE.parent / "encoder"))
from chips import FACES, Faces, load

POOL = _HERE / "work" / "pool"
SHARD = 2048
_GROUP = 256
"""Samples that share one set of masks: to paint a mask costs as much as to lay it on ten faces."""
_DESIGNS = 44
"""Masks of a group; with a quarter as many under the chin less than ``maskwise.masks`` keeps."""
_SMALL = 0.12
"""Share that is made to look as a small face enlarged."""
_HELD = 1_000_000
"""Number of the first held-back shard."""


@dataclass(frozen=True)
class Samples:
    """N samples, see ``sample.Sample``. what: indices of WHATS. photo: index into the faces."""

    pixels: npt.NDArray[np.uint8]
    alpha: npt.NDArray[np.uint8]
    style: npt.NDArray[np.float32]
    kind: npt.NDArray[np.int64]
    told: npt.NDArray[np.bool_]
    what: npt.NDArray[np.int64]
    photo: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.what)


def joined(parts: list[Samples]) -> Samples:
    """One after the other."""
    names = [f.name for f in fields(Samples)]
    return Samples(*(np.concatenate([getattr(p, n) for p in parts]) for n in names))


def drawn(
    faces: Faces,
    photos: npt.NDArray[np.int64],
    seed: int,
    number: int,
    recipe: Recipe,
    *,
    count: int = SHARD,
) -> Samples:
    """The samples of one shard: random ones of ``photos``, each person about evenly."""
    of = faces.people[photos]
    _, where, often = np.unique(of, return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(often[where.reshape(-1)])
    rng = np.random.default_rng([seed, number])
    chosen = rng.choice(photos, count, p=weight / weight.sum())
    made = []
    for k, photo in enumerate(chosen.tolist()):
        if k % _GROUP == 0:
            masks = designs(np.random.default_rng([seed, number, k]), _DESIGNS)
        rng = np.random.default_rng([seed, number, k, 1])
        whole = faces.pixels(photo), faces.points[photo], faces.five[photo], faces.to_chip(photo)
        made.append(sample(whole, rng, masks, recipe))
    return Samples(
        np.stack([s.pixels for s in made]),
        np.stack([s.alpha for s in made]),
        np.stack([s.style for s in made]),
        np.array([s.kind for s in made]),
        np.array([s.told for s in made]),
        np.array([WHATS.index(s.what) for s in made]),
        chosen,
    )


def _path(folder: Path, seed: int, number: int, recipe: Recipe, limit: int) -> Path:
    key = hashlib.sha256(repr((asdict(recipe), limit)).encode()).hexdigest()[:6]
    return folder / f"{seed}-{key}-{number:07d}.npz"


def _draw(job: tuple[Path, int, int, Recipe, bool, int, Path]) -> None:
    faces_file, seed, number, recipe, held, limit, path = job
    cv2.setNumThreads(1)
    os.nice(5)
    faces = load(faces_file)
    photos = np.flatnonzero(faces.train != held)
    made = drawn(faces, photos[: limit or None], seed, number, recipe)
    unfinished = path.with_suffix(".part.npz")
    np.savez(unfinished, **{f.name: getattr(made, f.name) for f in fields(Samples)})
    unfinished.replace(path)


def pool(
    shards: int,
    seed: int,
    workers: int,
    *,
    held: int = 0,
    limit: int = 0,
    faces: Path = FACES,
    folder: Path = POOL,
    wait: bool = True,
) -> tuple[Samples, dict[str, Samples]]:
    """The training samples, and the held-back ones ``plain`` and ``hard``; what lacks is drawn.

    limit: of photos, for a trial. held: shards of each held-back set. wait: False: of the
    training shards only those that are there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    jobs = []
    for name, recipe in (("plain", PLAIN), ("hard", TRAINING)):
        jobs += [(name, _HELD + k, recipe, True) for k in range(held)]
    jobs += [("train", k, TRAINING, False) for k in range(shards)]
    listed = []
    for name, number, recipe, back in jobs:
        path = _path(folder, seed, number, recipe, limit)
        listed.append((name, (faces, seed, number, recipe, back, limit, path)))
    missing = [job for name, job in listed if not job[-1].exists() and (wait or name != "train")]
    if missing:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as crew:
            for k, _ in enumerate(crew.map(_draw, missing)):
                print(f"shard {k + 1} of {len(missing)}", file=sys.stderr, flush=True)
    sets: dict[str, list[Samples]] = {"train": [], "plain": [], "hard": []}
    for name, job in listed:
        if job[-1].exists():
            with np.load(job[-1], allow_pickle=False) as file:
                sets[name].append(Samples(*(file[f.name] for f in fields(Samples))))
    return joined(sets["train"]), {k: joined(sets[k]) for k in ("plain", "hard") if sets[k]}


def batches(samples: Samples, size: int, rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    """The places of one epoch's batches, shuffled; what does not fill the last is left out."""
    order = rng.permutation(len(samples))
    return [np.sort(order[k : k + size]) for k in range(0, len(order) - size + 1, size)]


def varied(
    pixels: npt.NDArray[np.uint8], alpha: npt.NDArray[np.uint8], rng: np.random.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """(N, 75, 75, 3) and (N, 38, 38): half of them mirrored, in other light, a few small."""
    count, side = pixels.shape[:2]
    mirrored = rng.random(count) < 0.5
    pixels, alpha = pixels.copy(), alpha.copy()
    pixels[mirrored] = pixels[mirrored, :, ::-1]
    alpha[mirrored] = alpha[mirrored, :, ::-1]
    for k in np.flatnonzero(rng.random(count) < _SMALL):
        # Eyes 8 to 19 px apart.
        less = (round(side * rng.uniform(0.28, 0.7)),) * 2
        small = cv2.resize(pixels[k], less, interpolation=cv2.INTER_AREA)
        pixels[k] = cv2.resize(small, (side, side), interpolation=cv2.INTER_LINEAR)
    gain = 1 + 0.12 * rng.normal(size=(count, 1, 1, 1)) + 0.04 * rng.normal(size=(count, 1, 1, 3))
    offset = 8 * rng.normal(size=(count, 1, 1, 1))
    lit = pixels * gain.astype(np.float32) + offset.astype(np.float32)
    return np.clip(lit, 0, 255, out=lit), alpha


if __name__ == "__main__":
    import argparse

    parser = argparse.ArgumentParser(description="Draw the pool ahead of the training.")
    parser.add_argument("--shards", type=int, default=48)
    parser.add_argument("--held", type=int, default=2)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--limit", type=int, default=0, help="photos, for a trial")
    told = parser.parse_args()
    training, back = pool(told.shards, told.seed, told.workers, held=told.held, limit=told.limit)
    print(len(training), {name: len(part) for name, part in back.items()})
