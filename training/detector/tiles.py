"""What canvases are made of: tiles of 250 x 250 px, bare, in drawn masks, and without faces.

``pack`` puts the labelled photos into one file of some 40 MB, to be carried to where training
runs; ``Tiles`` draws fresh masks on them in processes of its own, round by round: round, tile
and seed decide each of them, whatever the number of processes.
"""

from __future__ import annotations

import argparse
import json
import mmap
import multiprocessing
import sys
from multiprocessing.pool import AsyncResult, Pool
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import shared_memory

U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]

SIDE: Final = 250
FACES: Final = 16
"""Of one tile; photos that show more are left out."""

_QUALITY: Final = 82
_STYLES: Final = ("proper", "under-nose", "under-chin", "slipped")
# Of the faces in masks: a flat shape instead of a drawn mask, hands and scarves in the rough.
_ROUGH: Final = 0.12
# Of the tiles without a face: what a first network took for one, signs and letters, masks that
# nobody wears, hands.
_TAKEN, _SIGNS, _ALONE, _HANDS = 0.35, 0.25, 0.1, 0.1


class Photos(NamedTuple):
    """N labelled tiles. faces: (N, FACES, 16) float32 in px of the tile: box x1, y1, x2, y2, the
    five points, kind (1 a face, 2 neither face nor background, 0 none), points are sound.
    real: shows real masks, gets none on top. taken: (M, 5) photo and box of what a first network
    took for a face and is none.
    """

    data: U8
    ends: npt.NDArray[np.int64]
    faces: F32
    real: npt.NDArray[np.bool_]
    taken: F32

    def picture(self, k: int) -> U8:
        """(SIDE, SIDE, 3) uint8 RGB, black where the photo ends."""
        start = 0 if k == 0 else int(self.ends[k - 1])
        decoded = cv2.imdecode(self.data[start : int(self.ends[k])], cv2.IMREAD_COLOR)
        assert decoded is not None
        rgb = cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB)
        out = np.zeros((SIDE, SIDE, 3), np.uint8)
        out[: rgb.shape[0], : rgb.shape[1]] = rgb
        return out


def pack(labels: Path, out: Path, root: Path, part: str) -> None:
    """Photos of ``part`` from ``labels`` (of ``label.py``) into ``out``, an .npz."""
    from label import rwmfd_part
    from photos import part_of

    # What a first network found and the teachers had not: a face, or 0, by eye.
    seen = json.loads((Path(__file__).resolve().parent / "looked_at.json").read_text())
    taken: list[list[float]] = []
    chunks: list[bytes] = []
    faces: list[F32] = []
    real: list[bool] = []
    for name, one in json.loads(labels.read_text()).items():
        masked = name.startswith("rwmfd-dev/")
        here = rwmfd_part(Path(name).name) if masked else part_of(Path(name).parent.name)
        rows = [(row, 1) for row in one["faces"]] + [(row, 2) for row in one["neither"]]
        rows += [(row[:4], 2) for row in seen.get(name, []) if row[4]]
        if here != part or len(rows) > FACES or not one["faces"]:
            continue
        picture = cv2.imread(str(root / name))
        if picture is None:
            continue
        scale = min(SIDE / max(picture.shape[:2]), 1.0)
        if scale < 1:
            size = tuple(max(int(side * scale), 1) for side in picture.shape[1::-1])
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        table = np.zeros((FACES, 16), np.float32)
        for k, (row, kind) in enumerate(rows):
            table[k, : min(len(row), 14)] = row[:14]
            table[k, :14] *= scale
            table[k, 14] = kind
            # Of real masks YuNet only guesses what is beneath.
            table[k, 15] = float(kind == 1 and row[15]) * (0.25 if masked else 1.0)
        taken += [
            [len(chunks), *(v * scale for v in row[:4])] for row in seen.get(name, []) if not row[4]
        ]
        chunks.append(
            cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])[1].tobytes()
        )
        faces.append(table)
        real.append(masked)
    np.savez(
        out,
        data=np.frombuffer(b"".join(chunks), np.uint8),
        ends=np.cumsum([len(chunk) for chunk in chunks]),
        faces=np.stack(faces),
        real=np.array(real),
        taken=np.array(taken, np.float32).reshape(-1, 5),
    )
    print(f"{out.name}: {len(faces)} photos, {out.stat().st_size / 2**20:.1f} MiB")


def load(file: Path) -> Photos:
    """What ``pack`` wrote."""
    with np.load(file) as packed:
        return Photos(
            packed["data"], packed["ends"], packed["faces"], packed["real"], packed["taken"]
        )


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
            _Shared.pixels[tile] = _empty(rng)
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
    specs = [masks.random_spec(rng, styles=_STYLES) for _ in rows]
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


def _empty(rng: np.random.Generator) -> U8:
    """No face: the surroundings of one, enlarged; often masks that nobody wears, or skin."""
    chance = rng.random()
    if chance < _TAKEN and len(_Shared.photos.taken):
        return _taken(rng)
    photo = int(rng.integers(len(_Shared.photos.faces)))
    pixels, faces = _Shared.photos.picture(photo), _Shared.photos.faces[photo]
    out = _surroundings(pixels, faces[faces[:, 14] > 0], rng)
    chance -= _TAKEN
    if chance < _SIGNS:
        _signs(out, rng)
    elif chance < _SIGNS + _ALONE:
        out = _worn_by_nobody(out, rng)
    elif chance < _SIGNS + _ALONE + _HANDS:
        _limbs(out, rng)
    return out


def _taken(rng: np.random.Generator) -> U8:
    """What was taken for a face, in the middle of some of its surroundings."""
    for _ in range(20):
        photo, *box = _Shared.photos.taken[int(rng.integers(len(_Shared.photos.taken)))]
        x1, y1, x2, y2 = (float(v) for v in box)
        centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
        half = max(x2 - x1, y2 - y1) * rng.uniform(0.6, 1.0)
        faces = _Shared.photos.faces[int(photo)]
        faces = faces[faces[:, 14] > 0]
        apart = (faces[:, :2] >= centre + half).any(1) | (faces[:, 2:4] <= centre - half).any(1)
        if apart.all():
            break
    else:
        half = max(x2 - x1, y2 - y1) / 2
    factor = SIDE / 2 / half
    move = SIDE / 2 - factor * centre
    into = np.array([[factor, 0, move[0]], [0, factor, move[1]]])
    cut = cv2.warpAffine(
        _Shared.photos.picture(int(photo)), into, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def _signs(pixels: U8, rng: np.random.Generator) -> None:
    """Letters, strokes like those of Chinese signs, squares of a QR code, rings and spokes."""
    paper, ink = (tuple(float(v) for v in rng.uniform(0, 255, 3)) for _ in range(2))
    for _ in range(int(rng.integers(1, 4))):
        size = float(np.exp(rng.uniform(np.log(20), np.log(160))))
        x, y = (int(v) for v in rng.uniform(-0.2 * size, SIDE - 0.5 * size, 2))
        if rng.random() < 0.6:
            wide = rng.uniform(0.8, 3)
            cv2.rectangle(pixels, (x, y), (int(x + wide * size), int(y + size)), paper, -1)
        thick = max(int(size * rng.uniform(0.03, 0.14)), 1)
        kind = rng.integers(4)
        if kind == 0:
            text = "".join(chr(int(c)) for c in rng.integers(48, 123, int(rng.integers(1, 6))))
            font = int(rng.integers(8))
            cv2.putText(
                pixels, text, (x, int(y + 0.8 * size)), font, size / 30, ink, thick, cv2.LINE_AA
            )
        elif kind == 1:
            for mark in range(int(rng.integers(1, 4))):
                for _ in range(int(rng.integers(4, 10))):
                    lanes = rng.integers(1, 8, 3) / 8
                    a = [lanes[0], lanes[1]], [lanes[0], lanes[2]]
                    start, end = (np.array(p if rng.random() < 0.5 else p[::-1]) * size for p in a)
                    there = np.array([x + mark * size, y])
                    cv2.line(
                        pixels,
                        (there + start).astype(int).tolist(),
                        (there + end).astype(int).tolist(),
                        ink,
                        thick,
                        cv2.LINE_AA,
                    )
        elif kind == 2:
            blocks = (rng.random((int(rng.integers(4, 20)),) * 2) < 0.5).astype(np.uint8)
            shape = cv2.resize(blocks, (int(size), int(size)), interpolation=cv2.INTER_NEAREST)
            x, y = max(x, 0), max(y, 0)
            part = pixels[y : y + int(size), x : x + int(size)]
            part[shape[: part.shape[0], : part.shape[1]] > 0] = ink
        else:
            middle = (int(x + size / 2), int(y + size / 2))
            for share in rng.uniform(0.1, 0.5, int(rng.integers(1, 4))):
                cv2.circle(
                    pixels,
                    middle,
                    max(int(share * size), 1),
                    ink,
                    thick if rng.random() < 0.7 else -1,
                    cv2.LINE_AA,
                )
            for angle in np.linspace(0, 2 * np.pi, int(rng.integers(1, 9)))[:-1]:
                end = np.array(middle) + 0.45 * size * np.array([np.cos(angle), np.sin(angle)])
                cv2.line(pixels, middle, end.astype(int).tolist(), paper, thick, cv2.LINE_AA)
    soft = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.5, 1.5))
    pixels[:] = (soft + rng.normal(0, 3, pixels.shape)).clip(0, 255).astype(np.uint8)


def _surroundings(pixels: U8, faces: F32, rng: np.random.Generator) -> U8:
    """A part without a face, brought to the size of a tile; a plain colour where there is none."""
    for _ in range(24):
        side = int(rng.integers(32, 140))
        x, y = (int(v) for v in rng.integers(0, SIDE - side, 2))
        low, high = faces[:, :2] - 0.15 * (faces[:, 2:4] - faces[:, :2]), faces[:, 2:4]
        apart = (low >= [x + side, y + side]).any(1) | (high <= [x, y]).any(1)
        if apart.all():
            part = pixels[y : y + side, x : x + side]
            return np.asarray(
                cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8
            )
    plain = rng.uniform(0, 255, 3) + rng.normal(0, rng.uniform(1, 12), (SIDE, SIDE, 1))
    return plain.clip(0, 255).astype(np.uint8)


def _worn_by_nobody(pixels: U8, rng: np.random.Generator) -> U8:
    """One or two masks on points of no face, from small to so near that only cloth is seen."""
    from maskwise import masks
    from maskwise.errors import MaskwiseError
    from maskwise.types import Image, Landmarks

    front = np.array([[-1, -0.9], [1, -0.9], [0, 0.2], [-0.8, 1.1], [0.8, 1.1]], np.float32)
    points = []
    for _ in range(int(rng.integers(1, 3))):
        angle, size = rng.normal(0, 0.5), float(np.exp(rng.uniform(np.log(8), np.log(90))))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        centre = rng.uniform(20, SIDE - 20, 2)
        points.append(Landmarks("five", ((front @ turn) * size + centre).astype(np.float32)))
    specs = [masks.random_spec(rng, styles=_STYLES) for _ in points]
    try:
        return np.asarray(masks.wear_on_image(Image(pixels, ""), points, specs).image.pixels)
    except MaskwiseError:
        return pixels


def _limbs(pixels: U8, rng: np.random.Generator) -> None:
    """Hands in the rough: some thick strokes and a palm in a colour of skin."""
    tone = np.array([224, 172, 140]) * rng.uniform(0.3, 1.05) + rng.normal(0, 8, 3)
    colour = tuple(float(v) for v in tone.clip(0, 255))
    centre, size = rng.uniform(60, SIDE - 60, 2), rng.uniform(15, 60)
    angle = rng.uniform(0, 2 * np.pi)
    cv2.circle(pixels, centre.astype(int).tolist(), int(size * 0.6), colour, -1, cv2.LINE_AA)
    for k in range(int(rng.integers(3, 6))):
        way = angle + (k - 2) * rng.uniform(0.2, 0.4)
        tip = centre + size * rng.uniform(1.2, 1.9) * np.array([np.cos(way), np.sin(way)])
        cv2.line(
            pixels,
            centre.astype(int).tolist(),
            tip.astype(int).tolist(),
            colour,
            max(int(size * 0.25), 1),
            cv2.LINE_AA,
        )
    pixels[:] = (
        (cv2.GaussianBlur(pixels, (0, 0), 1.2) + rng.normal(0, 3, pixels.shape))
        .clip(0, 255)
        .astype(np.uint8)
    )


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


def main() -> None:
    parser = argparse.ArgumentParser(description="Pack the labelled photos for training.")
    parser.add_argument("--part", default="train", choices=("train", "calibrate", "report"))
    options = parser.parse_args()
    from photos import WORK, data_folder

    folder = WORK / "detector"
    pack(folder / "labels.json", folder / f"{options.part}.npz", data_folder(), options.part)


if __name__ == "__main__":
    main()
