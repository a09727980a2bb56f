"""Write the sample pictures: src/maskwise/samples/people and probes.

    python training/sample_people/make.py

needs work/model.npz and work/real.npz. The people are picked by hand from the sheet of
candidates.py; of each, photos are drawn until enough pass the same checks as in gate.py.
"""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import cv2
import numpy as np
from photos import HERE
from PIL import Image as Pillow
from render import Model, Person, photo, plain_shot, random_person, random_shot
from stages import Face, Real, Stages, distances

from maskwise import masks
from maskwise.types import U8, Image

SEED = 7
OUT = HERE.parent.parent / "src" / "maskwise" / "samples"
PEOPLE = {
    "Amina": 344, "Bram": 733, "Chiara": 720, "Diego": 557, "Esi": 840, "Greta": 302,
    "Hiro": 276, "Ingrid": 951, "Jonas": 311, "Kofi": 1144, "Luca": 423, "Mei": 1008,
}  # fmt: skip
"""Invented first names, and which candidate each is."""
STRANGERS = [984, 861, 62, 863]
TYPES = ("surgical", "kn95", "cloth", "n95", "gas")
ENROLLED, BARE, MASKED = 2, 1, 2
QUALITY = 85


def jpeg(pixels: U8) -> tuple[bytes, U8]:
    """The file, and the pixels that it decodes to."""
    out = io.BytesIO()
    Pillow.fromarray(pixels).save(out, "JPEG", quality=QUALITY, optimize=True)
    return out.getvalue(), np.asarray(Pillow.open(out).convert("RGB"))


class Maker:
    def __init__(self) -> None:
        self.model, self.stages = Model(), Stages()
        self.real = Real()
        # As near as the nearest fifth of strangers' photos are, with and without masks: no nearer.
        train = self.real.vectors("train")
        self.nearest = {
            "bare": distances(self.real.vectors("calibrate", "report"), train).min(1),
            "masked": distances(self.real.data["masked_strangers"], train).min(1),
        }
        self.plain = {}
        for index in (*PEOPLE.values(), *STRANGERS):
            face = self.stages.face(photo(self.model, self.person(index), plain_shot()))
            if face is None:
                raise SystemExit(f"candidate {index}: no face found")
            self.plain[index] = face.vector

    def private(self, face: Face, kind: str) -> bool:
        nearest = distances(face.vector[None], self.real.vectors()).min()
        return bool(nearest > np.quantile(self.nearest[kind], 0.2))

    def person(self, index: int) -> Person:
        return random_person(np.random.default_rng([SEED, index]), self.model)

    def shots(self, index: int, count: int) -> list[tuple[U8, Face]]:
        """Photos of one person that are alike enough to match, but not the same."""
        person, kept = self.person(index), []
        for attempt in range(90):
            shot = random_shot(np.random.default_rng([SEED, index, attempt]))
            pixels = photo(self.model, person, shot)
            face = self.stages.face(jpeg(pixels)[1])
            if face is None or len(face.detections) != 1:
                continue
            others = np.stack([v for i, v in self.plain.items() if i != index])
            if not self.private(face, "bare") or distances(face.vector[None], others).min() < 0.43:
                continue
            if kept:
                near = distances(face.vector[None], np.stack([k[1].vector for k in kept]))
                if near.max() > 0.31 or near.min() < 0.10:
                    continue
            kept.append((pixels, face))
            if len(kept) == count:
                return kept
        raise SystemExit(f"candidate {index}: only {len(kept)} of {count} photos; pick another")

    def masked(self, pixels: U8, face: Face, kind: str, seed: int) -> bytes:
        """The photo with a mask, as a file; the detector must still find the one face."""
        for attempt in range(12):
            spec = masks.random_spec(np.random.default_rng([SEED, seed, attempt]), kind)
            worn = masks.wear_on_image(Image(pixels), [face.landmarks], [spec]).image
            data, decoded = jpeg(worn.pixels)
            again = self.stages.face(decoded)
            found = again is not None and len(again.detections) == 1
            if found and self.private(again, "masked"):
                return data
        raise SystemExit(f"no {kind} mask of seed {seed} passes")


def save(path: Path, data: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return len(data)


def main() -> None:
    cv2.setNumThreads(1)
    maker, size = Maker(), 0
    for folder in ("people", "probes"):
        shutil.rmtree(OUT / folder, ignore_errors=True)
    for order, (name, index) in enumerate(PEOPLE.items()):
        shots = maker.shots(index, ENROLLED + BARE + MASKED)
        for number, (pixels, _) in enumerate(shots[:ENROLLED], 1):
            size += save(OUT / "people" / name / f"{number}.jpg", jpeg(pixels)[0])
        size += save(OUT / "probes" / f"{name}_bare.jpg", jpeg(shots[ENROLLED][0])[0])
        for number, (pixels, face) in enumerate(shots[ENROLLED + BARE :]):
            kind = TYPES[(order + 2 * number) % len(TYPES)]
            data = maker.masked(pixels, face, kind, index * 10 + number)
            size += save(OUT / "probes" / f"{name}_{kind}.jpg", data)
        print(name, flush=True)
    for order, index in enumerate(STRANGERS, 1):
        (bare, _), (other, face) = maker.shots(index, 2)
        size += save(OUT / "probes" / f"stranger-{order}_bare.jpg", jpeg(bare)[0])
        kind = TYPES[2 * order % len(TYPES)]
        data = maker.masked(other, face, kind, index * 10)
        size += save(OUT / "probes" / f"stranger-{order}_{kind}.jpg", data)
    print(f"{size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
