"""The gate of the sample pictures: a table, and exit status 1 when anything fails.

    python training/sample_people/gate.py [--real training/sample_people/work/real.npz]

1. The default detector finds exactly one face in every picture.
2. Bare pictures of one person match, those of different people do not, at the shipped threshold
   for FMR 1e-3, with a margin; the best virtually masked template of the right person beats all
   others for every masked probe; no stranger is accepted at the demo's FPIR.
3. No picture is nearer to a real person of lfw-dev than strangers' photos are: the nearest
   similarity of each to the train people, and to all people, against that of real photos of the
   calibrate and report people to the train people; masked pictures against such photos wearing
   masks of the same kinds. (work/real.npz, by photos.py)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np
from photos import WORK, read
from stages import Face, Stages

from maskwise import masks, samples
from maskwise.decide import OperatingPoints, comparison_fmr
from maskwise.types import F32

MARGIN = 0.01
"""How far scores (cosines) must keep from the threshold, on either side."""


class Report:
    def __init__(self) -> None:
        self.failures = 0

    def line(self, name: str, value: str, ok: bool | None = None) -> None:
        self.failures += ok is False
        mark = {None: "", True: "ok", False: "FAILED"}[ok]
        print(f"{name:<58} {value:<34} {mark}")


def owner(path: Path) -> str:
    return path.parent.name if path.parent.parent.name == "people" else path.stem.split("_")[0]


def bare(path: Path) -> bool:
    return path.parent.name != "probes" or path.stem.endswith("_bare")


def spread(values: F32) -> str:
    low, middle, high = np.quantile(values, [0, 0.5, 1])
    return f"{low:.3f} .. {middle:.3f} .. {high:.3f}"


def identities(report: Report, stages: Stages, faces: dict[Path, Face]) -> None:
    points = OperatingPoints.shipped(stages.encoder.id)
    threshold = points.at_fmr("bare-bare", 1e-3).threshold
    plain = [p for p in faces if bare(p)]
    vectors = np.stack([faces[p].vector for p in plain])
    names = np.array([owner(p) for p in plain])
    upper = np.triu(np.ones((len(plain), len(plain)), bool), 1)
    same = names[:, None] == names[None]
    scores = vectors @ vectors.T
    mated, other = scores[upper & same], scores[upper & ~same]
    report.line("threshold for FMR 1e-3, bare-bare (cosine)", f"{threshold:.4f}")
    low, high = threshold + MARGIN, threshold - MARGIN
    report.line(f"{len(mated)} mated pairs, min .. median .. max", spread(mated), mated.min() > low)
    report.line(f"{len(other)} non-mated pairs", spread(other), other.max() < high)
    report.line(
        "mated pairs are not copies (max < 0.997)", f"{mated.max():.4f}", mated.max() < 0.997
    )

    enrolled = [p for p in faces if p.parent.name != "probes"]
    subjects = np.array([owner(p) for p in enrolled])
    specs = [masks.spec_for(kind) for kind in masks.DEFAULT_TYPES]
    pixels, _ = masks.wear_on_chips([faces[p].chip for p in enrolled], specs)
    worn = np.stack([stages.encoder.encode_batch(row) for row in pixels])
    references = np.stack([faces[p].vector for p in enrolled])
    fmr = comparison_fmr(0.01, len(enrolled))
    right = {"bare": 0, "masked": 0}
    known, passed, strangers, gaps = {"bare": 0, "masked": 0}, {"bare": 0, "masked": 0}, 0, []
    for path in (p for p in faces if p.parent.name == "probes"):
        kind = "bare" if bare(path) else "masked"
        vector = faces[path].vector
        score = references @ vector if kind == "bare" else (worn @ vector).max(1)
        point = points.at_fmr("bare-bare" if kind == "bare" else "masked-masked", fmr).threshold
        if owner(path).startswith("stranger"):
            if score.max() >= point:
                strangers += 1
                print(f"  accepted as {subjects[score.argmax()]}: {path.name} {score.max():.4f}")
            continue
        mine = subjects == owner(path)
        known[kind] += 1
        gaps.append(float(score[mine].max() - score[~mine].max()))
        if gaps[-1] <= 0:
            print(f"  rank 1 is another: {path.name}")
        right[kind] += gaps[-1] > 0
        passed[kind] += gaps[-1] > 0 and score.max() >= point
    for kind, count in known.items():
        report.line(f"rank 1 of {count} {kind} probes", f"{right[kind]}", right[kind] == count)
        report.line(f"  and accepted at FPIR 1 %, {kind}", f"{passed[kind]}")
    report.line("smallest lead of the right person", f"{min(gaps):.4f}")
    report.line("strangers accepted at FPIR 1 %", f"{strangers}", strangers == 0)


def privacy(report: Report, faces: dict[Path, Face], path: Path) -> None:
    data = dict(np.load(path))
    train = data["folds"] == "train"
    strangers = {"bare": data["vectors"][~train], "masked": data["masked_strangers"]}
    for kind in ("bare", "masked"):
        chosen = [p for p in faces if bare(p) == (kind == "bare")]
        vectors = np.stack([faces[p].vector for p in chosen])
        real = (strangers[kind] @ data["vectors"][train].T).max(1)
        text = " ".join(f"{q:.3f}" for q in np.quantile(real, [0.05, 0.5, 0.95, 0.99]))
        report.line(f"{len(real)} real strangers, {kind}, to train: 5 50 95 99 %", text)
        for against, rows in (("train", train), ("all", np.ones_like(train))):
            each = vectors @ data["vectors"][rows].T
            near = each.max(1)
            worst = int(near.argmax())
            report.line(
                f"{len(near)} {kind} pictures to {against} people ({int(rows.sum())} photos)",
                spread(near),
                bool(
                    near.max() <= np.quantile(real, 0.95)
                    and np.median(near) <= np.median(real) + 0.005
                ),
            )
            report.line("  nearest", f"{chosen[worst].parent.name}/{chosen[worst].name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--real", type=Path, default=WORK / "real.npz")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    stages, report, faces = Stages(), Report(), {}
    paths = sorted(samples.people().glob("*/*.jpg")) + sorted(samples.probes().glob("*.jpg"))
    wrong = []
    for path in paths:
        face = stages.face(read(path))
        if face is not None:
            faces[path] = face
        if face is None or len(face.detections) != 1:
            wrong.append(path.name)
    size = sum(p.stat().st_size for p in paths)
    subjects = {owner(p) for p in paths}
    report.line(
        "pictures, identities (strangers included), size",
        f"{len(paths)}, {len(subjects)}, {size / 1000:.0f} kB",
    )
    report.line(
        "pictures with exactly one face", f"{len(paths) - len(wrong)} {wrong or ''}", not wrong
    )
    identities(report, stages, faces)
    privacy(report, faces, arguments.real)
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
