"""Photos -> the encodings of references and of masked probes, made once and kept in ``../work``."""

from __future__ import annotations

import csv
import hashlib
import json
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.progress import track

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE.parents[1] / "benchmarks")]
import flat_masks
from photos import WORK, Part, data_folder, photos

from maskwise import Recognizer, masks, quality
from maskwise.answers import Face
from maskwise.cover import FLAT, cover
from maskwise.errors import InputError
from maskwise.masks.catalogue import DRAWING_VERSION
from maskwise.types import F32, U8, Chip, Image, Landmarks

TYPES = tuple(name for name, entry in masks.TYPES.items() if entry.frequency > 0)
"""What a reference may be enrolled in: all that are met without being asked for."""
OTHERS = tuple(name for name in TYPES if name not in masks.DEFAULT_TYPES)
"""What drawn probes wear: never a type that is enrolled by default."""
LOOKS = ("bare", *TYPES, "cover mean", "cover mask", "upper")
"""Of a reference. The last three also of a probe, after the photo as it is."""
PROBE_LOOKS = ("as it is", *LOOKS[-3:])
KINDS = ("drawn", "flat")
"""Probes in LFW: our generator's, and the other one's."""
_CONSOLE = Console(stderr=True)


@dataclass(frozen=True, eq=False)
class Encoded:
    """R references and P probes.

    references: (R, L, D) float32, by ``LOOKS``. blur: (R,) of the reference photo. probes:
    (P, 4, D), by ``PROBE_LOOKS``. people, photos: whose, and which. worn: (P,), the type of mask;
    kinds: (P,), of ``KINDS``, or "real".
    """

    references: F32
    blur: npt.NDArray[np.float64]
    reference_people: npt.NDArray[np.str_]
    reference_photos: npt.NDArray[np.str_]
    probes: F32
    probe_people: npt.NDArray[np.str_]
    probe_photos: npt.NDArray[np.str_]
    worn: npt.NDArray[np.str_]
    kinds: npt.NDArray[np.str_]

    def of_kind(self, kind: str) -> Encoded:
        """The same with the probes of one kind."""
        kept = {name: getattr(self, name)[self.kinds == kind] for name in _PROBE_COLUMNS}
        return Encoded(**{**vars(self), **kept})


_PROBE_COLUMNS = ("probes", "probe_people", "probe_photos", "worn", "kinds")


class Maker:
    """One encoder's; with whichever landmarks it wants."""

    def __init__(self, encoder: str) -> None:
        self.recognizer = Recognizer(encoder=encoder)
        self.specs = [masks.spec_for(kind) for kind in TYPES]
        # No encoding hangs on the mask state.
        models = {k: v for k, v in self.recognizer.models.items() if k != "mask"}
        told = [models, DRAWING_VERSION, [spec.to_json() for spec in self.specs], LOOKS]
        self.key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]

    def face(self, picture: Image) -> Face | None:
        """The dominant one; None where none is found."""
        try:
            return self.recognizer.dominant(picture)[0]
        except InputError:
            return None

    def reference(self, chip: Chip) -> F32:
        """(L, D)."""
        worn, _ = masks.wear_on_chips([chip], self.specs)
        return self._encode([chip.pixels[None], worn[0], *_covered(chip)])

    def probe(self, picture: Image) -> F32 | None:
        """(4, D); None where no face is found."""
        face = self.face(picture)
        return (
            None if face is None else self._encode([face.chip.pixels[None], *_covered(face.chip)])
        )

    def _encode(self, chips: list[U8]) -> F32:
        return self.recognizer.encoder.encode_batch(np.concatenate(chips))


def _covered(chip: Chip) -> list[U8]:
    pixels = chip.pixels[None]
    upper = pixels.copy()
    points = chip.spec.reference
    # Eyes come first in every scheme of five, then the nose.
    eyes, nose = (
        (points[:2, 1], points[2, 1])
        if chip.spec.scheme != "dlib5"
        else (points[:4, 1], points[4, 1])
    )
    upper[:, round(float(eyes.mean() + nose) / 2) :] = FLAT
    return [cover(pixels, "mean", chip.spec), cover(pixels, "mask", chip.spec), upper]


def lfw(encoder: str, part: Part, most: int, least: int = 1) -> Encoded:
    """The part's photos, at most ``most`` a person, each as reference and as two masked probes.

    least: only people with as many photos. Masks are drawn on the whole photo, and the face looked
    for anew.
    """
    maker = Maker(encoder)
    return _kept(f"{maker.key}-{part}-{most}-{least}", lambda: _lfw(maker, part, most, least))


def mfr2(encoder: str) -> Encoded:
    """MFR2's development photos: bare ones as references, really masked ones as probes."""
    maker = Maker(encoder)
    return _kept(f"{maker.key}-mfr2", lambda: _mfr2(maker))


def _kept(name: str, make: Any) -> Encoded:
    file = WORK / "comparison" / f"{name}.npz"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **vars(make()))
    return Encoded(**np.load(file))


class _Rows:
    def __init__(self) -> None:
        self.references: list[tuple[F32, float, str, str]] = []
        self.probes: list[tuple[F32, str, str, str, str]] = []

    def encoded(self) -> Encoded:
        vectors, blur, people, names = zip(*self.references, strict=True)
        probes, whose, of, worn, kinds = zip(*self.probes, strict=True)
        return Encoded(
            np.stack(vectors),
            np.array(blur),
            np.array(people),
            np.array(names),
            np.stack(probes),
            np.array(whose),
            np.array(of),
            np.array(worn),
            np.array(kinds),
        )


def _lfw(maker: Maker, part: Part, most: int, least: int) -> Encoded:
    rows = _Rows()
    count = Counter(path.parent.name for path in photos(part))
    seen: Counter[str] = Counter()
    for path in track(photos(part), f"LFW, {part}", console=_CONSOLE):
        person = path.parent.name
        seen[person] += 1
        if seen[person] > most or count[person] < least:
            continue
        picture = maker.recognizer.load(path)
        face = maker.face(picture)
        if face is None:
            continue
        blur = quality.measure(face.chip).blur
        rows.references.append((maker.reference(face.chip), blur, person, path.name))
        for kind, (worn, shown) in _masked(picture, face.landmarks, path.name).items():
            made = maker.probe(shown)
            if made is not None:
                rows.probes.append((made, person, path.name, worn, kind))
    return rows.encoded()


def _masked(picture: Image, points: Landmarks, name: str) -> dict[str, tuple[str, Image]]:
    """Kind -> type of mask, and the picture in it; the same for a photo's name."""
    rng = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))
    weights = np.array([masks.TYPES[kind].frequency for kind in OTHERS])
    kind = str(rng.choice(OTHERS, p=weights / weights.sum()))
    spec = masks.random_spec(rng, kind)
    other, seed = str(rng.choice(list(flat_masks.KINDS))), int(rng.integers(1, 1_000_000))
    flat = Image(flat_masks.wear(picture.pixels, points, other, seed)[0])
    drawn = masks.wear_on_image(picture, [points], [spec]).image
    return {"drawn": (kind, drawn), "flat": (other, flat)}


def _mfr2(maker: Maker) -> Encoded:
    folder = data_folder()
    rows = _Rows()
    with (folder / "mfr2-dev-labels.csv").open() as file:
        listed = list(csv.DictReader(file))
    for row in track(listed, "MFR2", console=_CONSOLE):
        person, number = row["name"], int(row["index"])
        path = next((folder / "mfr2-dev").glob(f"{person}/{person}_{number:04d}.*"))
        picture = maker.recognizer.load(path)
        face = maker.face(picture)
        if face is None:
            continue
        if row["mask"] == "no-mask":
            blur = quality.measure(face.chip).blur
            rows.references.append((maker.reference(face.chip), blur, person, str(number)))
        elif (made := maker.probe(picture)) is not None:
            rows.probes.append((made, person, str(number), row["mask"].partition("_")[0], "real"))
    return rows.encoded()
