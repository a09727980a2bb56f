"""What canvases are made of: tiles of 250 x 250 px, bare, in drawn masks, and without faces.

``Tiles`` draws fresh masks on the packed photos in processes of its own, round by round: round,
tile and seed decide each of them, whatever the number of processes.
"""

from __future__ import annotations

import mmap
import multiprocessing
import sys
from multiprocessing.pool import AsyncResult, Pool
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from empties import empty_tile
from packed import F32, FACES, SIDE, STYLES, U8, Photos, load

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import shared_memory

# Of the faces in masks: a flat shape instead of a drawn mask, hands and scarves in the rough.
_ROUGH: Final = 0.12


class Layout(NamedTuple):
    """Which tile is what: first all photos bare, then masked ones, then those without a face.

    sources: (T,) the photo of each tile; -1: no face.
    """

    sources: npt.NDArray[np.int64]
    faces: F32


def lay_out(photos: Photos, masked: int, empty: int) -> Layout:
    """masked: tiles in drawn masks of each photo (of those in real masks: the photo as it is)."""
    count = len(photos.faces)
    sources = np.concatenate([np.tile(np.arange(count), 1 + masked), np.full(empty, -1)])
    faces = np.zeros((len(sources), FACES, 16), np.float32)
    faces[sources >= 0] = photos.faces[sources[sources >= 0]]
    return Layout(sources, faces)


class _Shared:
    """What each process knows; set once in it."""

    photos: Photos
    layout: Layout
    pixels: U8
    seed: int


def _begin(file: Path, masked: int, empty: int, memory: Path, seed: int) -> None:
    cv2.setNumThreads(1)
    _Shared.photos, _Shared.seed = load(file), seed
    _Shared.layout = lay_out(_Shared.photos, masked, empty)
    _Shared.pixels = _as_tiles(shared_memory.attach(memory))


def _as_tiles(memory: mmap.mmap) -> U8:
    return np.frombuffer(memory, np.uint8).reshape(-1, SIDE, SIDE, 3)


def _make(job: tuple[int, int, int]) -> None:
    """Tiles start to end of a round."""
    turn, start, end = job
    count = len(_Shared.photos.faces)
    for tile in range(start, end):
        rng = np.random.default_rng([_Shared.seed, turn, tile])
        source = int(_Shared.layout.sources[tile])
        if source < 0:
            _Shared.pixels[tile] = empty_tile(_Shared.photos, rng)
        elif tile < count or _Shared.photos.real[source]:
            _Shared.pixels[tile] = _Shared.photos.picture(source)
        else:
            _Shared.pixels[tile] = _masked(
                _Shared.photos.picture(source), _Shared.photos.faces[source], rng
            )


def _masked(pixels: U8, faces: F32, rng: np.random.Generator) -> U8:
    """Every face in a mask, mostly drawn, sometimes a flat shape."""
    from maskwise import masks
    from maskwise.errors import MaskwiseError
    from maskwise.types import Image, Landmarks

    rough = rng.random() < _ROUGH
    rows = [row for row in faces if row[14] == 1]
    if rough:
        pixels = pixels.copy()
        for row in rows:
            _cover(pixels, row, rng)
        return pixels
    points = [Landmarks("five", row[4:14].reshape(5, 2)) for row in rows]
    specs = [masks.random_spec(rng, styles=STYLES) for _ in rows]
    try:
        return np.asarray(masks.wear_on_image(Image(pixels, ""), points, specs).image.pixels)
    except MaskwiseError:  # points that no mask fits: a flat shape does
        pixels = pixels.copy()
        for row in rows:
            _cover(pixels, row, rng)
        return pixels


def _cover(pixels: U8, row: F32, rng: np.random.Generator) -> None:
    """A ragged shape of one colour, or of another part of the photo, over mouth and chin."""
    box, points = row[:4], row[4:14].reshape(5, 2)
    wide, high = box[2] - box[0], box[3] - box[1]
    top = points[2, 1] + rng.normal(-0.03, 0.06) * high
    left, right = box[0] - rng.uniform(-0.1, 0.15) * wide, box[2] + rng.uniform(-0.1, 0.15) * wide
    bottom = box[3] + rng.uniform(-0.05, 0.4) * high
    along = np.linspace(0, 1, 7)
    jitter = rng.normal(0, 0.025, (2, 7, 2)) * [wide, high]
    upper = np.stack([left + along * (right - left), np.full(7, top)], 1) + jitter[0]
    lower = np.stack([right - along * (right - left), np.full(7, bottom)], 1) + jitter[1]
    shape = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillPoly(shape, [np.concatenate([upper, lower]).astype(np.int32)], 255, cv2.LINE_AA)
    alpha = cv2.GaussianBlur(shape, (0, 0), 0.7).astype(np.float32)[..., None] / 255
    if rng.random() < 0.4:
        paint = np.roll(pixels, rng.integers(40, 210, 2), (0, 1)).astype(np.float32)
    else:
        shade = np.linspace(1, rng.uniform(0.6, 1.1), len(pixels))[:, None, None]
        paint = (rng.uniform(0, 255, 3) * shade + rng.normal(0, 4, pixels.shape)).clip(0, 255)
    pixels[:] = (pixels * (1 - alpha) + paint * alpha).astype(np.uint8)


class Tiles:
    """The tiles of round after round, drawn while the last round's are used."""

    def __init__(self, file: Path, *, masked: int, empty: int, workers: int, seed: int) -> None:
        photos = load(file)
        self.layout, self.real = lay_out(photos, masked, empty), photos.real
        memory, self._file = shared_memory.create(len(self.layout.sources) * SIDE * SIDE * 3)
        self.pixels: U8 = _as_tiles(memory)
        self._pool: Pool = multiprocessing.get_context("spawn").Pool(
            workers, _begin, (file, masked, empty, self._file, seed)
        )
        self._drawn: AsyncResult[Any] | None = None

    def begin(self, turn: int) -> None:
        """Draw round ``turn`` in the background, over the last one."""
        starts = range(0, len(self.pixels), 64)
        jobs = [(turn, start, min(start + 64, len(self.pixels))) for start in starts]
        self._drawn = self._pool.map_async(_make, jobs, chunksize=1)

    def drawn(self) -> U8:
        """(T, SIDE, SIDE, 3) uint8 of the round begun last, once it is there."""
        assert self._drawn is not None
        self._drawn.get()
        return self.pixels

    def close(self) -> None:
        """End the processes."""
        self._pool.terminate()
        self._pool.join()
        self._file.unlink(missing_ok=True)
