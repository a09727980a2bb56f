"""How good a face must be: the limits in ``maskwise.quality``.

    MASKWISE_DATA=... python training/quality/measure.py [--kinds smaller,blurred] [--masked]

Photos of LFW's calibrate people (see ../photos.py) are made worse step by step, found, encoded and
compared with the untouched photos of the same people and of the others. The threshold is that of
FMR 1e-3 among the untouched. For each step: what ``quality.measure`` says (median, 10th and 90th
percentile), the share of mated comparisons that are lost (FNMR), of non-mated ones that pass (FMR),
and of faces that the detector misses. Below each kind: the measured value at which the FNMR is
twice, and five times, that of the untouched photos, and at which a quarter is lost.

--masked: the probes wear random drawn masks, worsened with the photo, and are compared with the
templates of the default masks drawn on the untouched chips, the best of which counts.
The steps' templates are kept in ``work/``; a run that was broken off goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parent)]
from photos import photos
from spoil import KINDS, Spoil, untouched

from maskwise import detect, encode, image, masks
from maskwise.align import align
from maskwise.quality import PRESETS, Quality, judged, measure
from maskwise.stages import landmarks_of
from maskwise.types import F32, F64, Bool, Chip, Detection, Image, Landmarks

WORK = Path(__file__).resolve().parent / "work"
LEAST_PHOTOS, MOST_PHOTOS = 3, 4
"""Of a person."""
FMR = 1e-3
MOST_MISSED = 0.8
FIELDS = [field.name for field in fields(Quality)]
DETECTOR, ENCODER = detect.create(), encode.create()


@dataclass(frozen=True, eq=False)
class Photos:
    """N photos and where their faces are; people (N,) str."""

    pictures: list[Image]
    landmarks: list[Landmarks]
    people: np.ndarray

    def __iter__(self) -> Iterator[tuple[Image, Landmarks]]:
        return zip(self.pictures, self.landmarks, strict=True)


@dataclass(frozen=True, eq=False)
class Probes:
    """What became of N photos: templates (N, D), measured (N, len(FIELDS)), found (N,)."""

    vectors: F32
    measured: F64
    found: Bool


def chosen() -> Photos:
    every = photos("calibrate")
    count, taken = Counter(path.parent.name for path in every), Counter[str]()
    out = Photos([], [], np.array([]))
    people = []
    for path in every:
        person = path.parent.name
        if count[person] < LEAST_PHOTOS or taken[person] == MOST_PHOTOS:
            continue
        picture = image.load(path)
        middle = np.array([picture.width - 1, picture.height - 1]) / 2
        face = nearest(DETECTOR.detect(picture), middle)
        if face is not None:
            taken[person] += 1
            people.append(person)
            out.pictures.append(picture)
            out.landmarks.append(landmarks_of(face))
    return replace(out, people=np.array(people))


def nearest(found: Sequence[Detection], place: F64) -> Detection | None:
    def far(face: Detection) -> float:
        return float(np.hypot(*(face.box.reshape(2, 2).mean(0) - place)))

    return min(found, key=far, default=None)


def probes(faces: Photos, label: str, spoil: Spoil, amount: float) -> Probes:
    """The photos made worse, and what the pipeline makes of them; chips and templates are kept."""
    key = f"{DETECTOR.id} {ENCODER.id} {len(faces.people)}"
    digest = hashlib.sha256(key.encode()).hexdigest()[:8]
    kept = WORK / f"{label}-{amount:.4f}-{digest}.npz"
    spec = ENCODER.chip_spec
    if not kept.exists():
        chance = np.random.default_rng(zlib.crc32(f"{label} {amount:.4f}".encode()))
        chips: list[Chip] = []
        found = np.zeros(len(faces.people), bool)
        for index, (picture, points) in enumerate(faces):
            pixels, onto = spoil(picture.pixels, points, amount, chance)
            worse, there = Image(pixels), points.mapped(onto)
            face = nearest(DETECTOR.detect(worse), there.points.mean(0).astype(np.float64))
            if face is None:
                continue
            off = np.hypot(*(landmarks_of(face).points - there.points).T).mean()
            if off < there.ipd_px:
                found[index] = True
                chips.append(align(worse, landmarks_of(face), spec))
        vectors = np.zeros((len(found), ENCODER.dim), np.float32)
        if chips:
            vectors[found] = ENCODER.encode_batch(np.stack([chip.pixels for chip in chips]))
        WORK.mkdir(exist_ok=True)
        np.savez_compressed(
            kept,
            vectors=vectors,
            found=found,
            pixels=np.array([chip.pixels for chip in chips], np.uint8),
            transforms=np.array([chip.transform for chip in chips]),
            points=np.array([chip.landmarks.points for chip in chips]),
        )
    data = dict(np.load(kept))
    measured = np.full((len(data["found"]), len(FIELDS)), np.nan)
    rows = [
        astuple(measure(Chip(pixels, transform, spec, Landmarks(spec.scheme, points))))
        for pixels, transform, points in zip(
            data["pixels"], data["transforms"], data["points"], strict=True
        )
    ]
    if rows:
        measured[data["found"]] = np.array(rows, np.float64)
    return Probes(data["vectors"], measured, data["found"])


def masked(faces: Photos) -> tuple[F32, Photos]:
    """Templates (N, M, D) of the chips with each default mask drawn, and the photos wearing one."""
    specs = [masks.spec_for(name) for name in masks.DEFAULT_TYPES]
    chips = [align(picture, points, ENCODER.chip_spec) for picture, points in faces]
    worn, _ = masks.wear_on_chips(chips, specs)
    vectors = ENCODER.encode_batch(worn.reshape(-1, *worn.shape[2:]))
    # Other masks than those of the templates: the kind in turn, all else by chance.
    chance = np.random.default_rng(5)
    wearing = [
        masks.wear_on_image(picture, [points], [masks.random_spec(chance)]).image
        for picture, points in faces
    ]
    return vectors.reshape(len(chips), len(specs), -1), replace(faces, pictures=wearing)


def scores(probe: Probes, references: F32) -> F64:
    """(N, N): probes of the found faces by the references' photos, the best template of each."""
    return np.einsum("nd,rmd->nrm", probe.vectors, references).max(2).astype(np.float64)


def crossing(values: Sequence[float], lost: Sequence[float], limit: float) -> float:
    """Where ``lost`` first goes beyond ``limit``, between two steps; NaN where it does not."""
    for index in range(1, len(lost)):
        low, high = lost[index - 1], lost[index]
        if low <= limit < high:
            share = (limit - low) / (high - low)
            return values[index - 1] + share * (values[index] - values[index - 1])
    return float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--masked", action="store_true")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    faces = chosen()
    mated = faces.people[:, None] == faces.people[None]
    np.fill_diagonal(mated, False)
    others = faces.people[:, None] != faces.people[None]
    label = "bare"
    first = probes(faces, label, untouched, 0)
    references = first.vectors[:, None]
    if given.masked:
        label = "masked"
        references, faces = masked(faces)
        first = probes(faces, label, untouched, 0)
    base = scores(first, references)
    seen = first.found[:, None]
    threshold = float(np.quantile(base[others & seen], 1 - FMR, method="higher"))
    print(
        f"{label}: {len(faces.people)} photos of {len(set(faces.people))} people, "
        f"{mated.sum()} mated and {others.sum()} non-mated comparisons; {ENCODER.id}; "
        f"threshold {threshold:.4f}"
    )
    for kind in given.kinds.split(","):
        spoil, told, amounts = KINDS[kind]
        columns = [FIELDS.index(field) for field in told]
        heads = "".join(f"{field:>10} {'10 %':>7} {'90 %':>7}" for field in told)
        print(f"\n{kind}\n{'step':>9}{heads} {'FNMR':>7} {'FMR':>8} {'missed':>7}")
        medians: list[F64] = []
        lost: list[float] = []
        for amount in (None, *amounts):
            probe = first if amount is None else probes(faces, f"{label}-{kind}", spoil, amount)
            step = "none" if amount is None else f"{amount:.3f}"
            missed = float((~probe.found).mean())
            if missed > MOST_MISSED:
                print(f"{step:>9}  too few found: {missed:.1%} missed")
                continue
            table, seen = scores(probe, references), probe.found[:, None]
            low, median, high = np.percentile(
                probe.measured[probe.found][:, columns], (10, 50, 90), 0
            )
            lost.append(float((table[mated & seen] < threshold).mean()))
            medians.append(median)
            passed = float((table[others & seen] >= threshold).mean())
            shown = "".join(
                f"{three[0]:10.3f} {three[1]:7.3f} {three[2]:7.3f}"
                for three in zip(median, low, high, strict=True)
            )
            print(f"{step:>9}{shown} {lost[-1]:7.1%} {passed:8.2e} {missed:7.1%}", flush=True)
        for number, field in enumerate(told):
            values = [float(median[number]) for median in medians]
            twice, five, quarter = (
                crossing(values, lost, v) for v in (2 * lost[0], 5 * lost[0], 0.25)
            )
            print(f"  {field}: FNMR twice at {twice:.3f}, 5x at {five:.3f}, 25 % at {quarter:.3f}")
    if not given.masked:
        refused(first)


def refused(probe: Probes) -> None:
    """Prints the share of untouched photos that each preset refuses, and for what."""
    rows = [Quality(*row) for row in probe.measured[probe.found]]
    for name, limits in PRESETS.items():
        reasons = [judged(row, limits) for row in rows]
        codes = Counter(reason.code for found in reasons for reason in found)
        share = sum(map(bool, reasons)) / len(rows)
        print(f"{name}: {share:.1%} of the untouched photos refused {dict(codes)}")


if __name__ == "__main__":
    main()
