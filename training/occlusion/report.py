"""What a mask state says of faces that it has not learnt from: errors, calibration, time.

    MASKWISE_DATA=... python training/occlusion/report.py work/run/mask-state.onnx [work/trunk.onnx]

A file with one output is a probability alone (trunk.py). Prints, and with --out writes, a table a
file; see reported.py for the faces.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE))
from reported import Reported, lfw, mfr2, rwmfd
from sample import KINDS

from maskwise.align import FIVE_CHIP
from maskwise.occlusion.mask_state_net import TOLD, TYPE_SHARE

FAMILIES = {
    "surgical": "surgical",
    "n95": "respirator",
    "n99": "respirator",
    "kn95": "respirator",
    "duckbill": "respirator",
    "n95-like": "respirator",
    "cloth": "cloth",
    "gas": "gas",
    "bandana": "wrap",
    "gaiter": "wrap",
    "scarf": "wrap",
    "shield": "shield",
}
"""Types that look alike at this size are one family; the others are "other"."""
_BINS = 15
_CLEAR = 0.2


class Model:
    """An ONNX file on one thread."""

    def __init__(self, path: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.name = str(path)
        self.whole = len(self.session.get_outputs()) > 1

    def __call__(self, chips: npt.NDArray[np.uint8]) -> list[np.ndarray]:
        """probability, and where the file has them style, type and alpha."""
        parts = [
            self.session.run(None, {"chips": chips[k : k + 32]}) for k in range(0, len(chips), 32)
        ]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]


def ece(probability: np.ndarray, truth: np.ndarray) -> float:
    """Expected calibration error: mean |share that is true - mean probability| of 15 equal bins."""
    where = np.minimum((probability * _BINS).astype(int), _BINS - 1)
    total = 0.0
    for k in range(_BINS):
        of = where == k
        if of.any():
            total += of.sum() * abs(float(truth[of].mean()) - float(probability[of].mean()))
    return total / len(truth)


def log_loss(probability: np.ndarray, truth: np.ndarray) -> float:
    p = np.clip(np.where(truth, probability, 1 - probability), 1e-7, 1)
    return float(-np.log(p).mean())


def covers(part: Reported) -> np.ndarray:
    """(N,) bool: a mask covers the mouth."""
    return np.isin(part.wear, ("proper", "nose-out"))


def lines(model: Model, sets: dict[str, Reported]) -> Iterator[str]:
    """The table of one file."""
    said = {name: model(part.pixels) for name, part in sets.items()}
    for name, part in sets.items():
        called = said[name][0] >= 0.5
        truth = covers(part)
        told = []
        if truth.any():
            told.append(f"{int((~called & truth).sum())} of {int(truth.sum())} masked missed")
        if (~truth).any():
            told.append(
                f"{int((called & ~truth).sum())} of {int((~truth).sum())} bare called masked"
            )
        if truth.any() and (~truth).any():
            balanced = (called[truth].mean() + (~called)[~truth].mean()) / 2
            told.append(f"balanced accuracy {balanced:.4f}")
        yield f"{name}: {', '.join(told)}"
        if name in ("ours", "flat", "hard", "rwmfd"):
            yield from by_label(part, called)
    for name, parts in (("LFW", ("bare", "ours", "flat")), ("mfr2-dev", ("mfr2",))):
        probability = np.concatenate([said[p][0] for p in parts])
        truth = np.concatenate([covers(sets[p]) for p in parts])
        yield (
            f"calibration on {name}: ECE {ece(probability, truth):.4f}, "
            f"log loss {log_loss(probability, truth):.4f}"
        )
    if model.whole:
        for name in ("ours", "flat"):
            yield from finer(name, sets[name], said[name])
        yield from real(sets, said)
        for name in ("bare", "bare-dlib5"):
            covered = said[name][3] >= 128
            share = covered[:, 9:38, 4:34].mean((1, 2))
            yield (
                f"alpha, {name}: {100 * share.mean():.2f} % of the face called covered, over a "
                f"tenth on {int((share > 0.1).sum())} of {len(share)}, any cell of the chip on "
                f"{int(covered.any((1, 2)).sum())}"
            )


def by_label(part: Reported, called: np.ndarray) -> Iterator[str]:
    """Shares called masked, by what is worn."""
    labels = part.wear if part.kind[0].count("|") or part.kind[0] == "" else part.kind
    labels = np.char.add(np.char.add(part.wear, " "), labels) if labels is part.kind else labels
    counts = [
        f"{label} {int(called[labels == label].sum())}/{int((labels == label).sum())}"
        for label in np.unique(labels)
    ]
    yield f"  called masked: {', '.join(counts)}"


def finer(name: str, part: Reported, said: list[np.ndarray]) -> Iterator[str]:
    """Style, type and alpha of drawn masks."""
    probability, style, kinds, alpha = said
    truth = covers(part)
    sure = truth & (np.abs(part.nose - 0.5) > 0.5 - _CLEAR)
    covered = part.nose > 0.5
    nose = style[:, 1] >= style[:, 2]
    shares = [(nose == covered)[sure & (covered == c)] for c in (True, False)]
    told = ", ".join(
        f"{word} {int(s.sum())}/{len(s)}"
        for word, s in zip(("covered", "out"), shares, strict=True)
        if len(s)
    )
    yield f"{name}, nose right (masks on whose tip it is clear): {told}"
    chin = part.wear == "under-chin"
    if chin.any():
        found = style.argmax(1) == 3
        yield f"{name}, under the chin: {int(found[chin].sum())}/{int(chin.sum())} found"
    names = np.array(KINDS)[kinds.argmax(1)]
    of = truth & (probability >= 0.5)
    right = names == part.kind
    family = np.array([FAMILIES.get(k, "other") for k in names])
    wanted = np.array([FAMILIES.get(k, "other") for k in part.kind])
    yield (
        f"{name}, type of the found: {right[of].mean():.3f} right, family "
        f"{(family == wanted)[of].mean():.3f}; "
        + ", ".join(
            f"{k} {int(right[of & (part.kind == k)].sum())}/{int((of & (part.kind == k)).sum())}"
            for k in np.unique(part.kind[of])
        )
    )
    seen, there = alpha >= 128, part.alpha >= 128
    rows = truth & there.any((1, 2))
    overlap = (seen & there)[rows].sum((1, 2)) / (seen | there)[rows].sum((1, 2))
    at = np.round((FIVE_CHIP.reference - 0.5) / 4).astype(int)
    same = [(seen[:, y, x] == there[:, y, x])[rows].mean() for x, y in at]
    words = ("right eye", "left eye", "nose", "right of the mouth", "left of the mouth")
    yield (
        f"{name}, landmarks covered or not as in truth: "
        + ", ".join(f"{word} {share:.3f}" for word, share in zip(words, same, strict=True))
    )
    yield (
        f"{name}, alpha: mean IoU {overlap.mean():.4f}, tenth percentile "
        f"{np.quantile(overlap, 0.1):.3f}, mean absolute difference "
        f"{np.abs(alpha[rows].astype(float) - part.alpha[rows]).mean() / 255:.4f}"
    )


def real(sets: dict[str, Reported], said: dict[str, list[np.ndarray]]) -> Iterator[str]:
    """Type and style of real masks."""
    part, (probability, _, kinds, _) = sets["mfr2"], said["mfr2"]
    of = covers(part) & (probability >= 0.5)
    family = np.array([FAMILIES.get(KINDS[k], "other") for k in kinds.argmax(1)])
    for name in np.unique(part.kind[of]):
        words, counts = np.unique(family[of & (part.kind == name)], return_counts=True)
        told = ", ".join(f"{w} {c}" for w, c in zip(words, counts, strict=True))
        yield f"mfr2, family said of {name}: {told}"
    part, (probability, style, kinds, _) = sets["rwmfd"], said["rwmfd"]
    table = np.array([k.split("|") for k in part.kind])
    best = np.array(["none", "proper", "nose-out", "under-chin"])[style.argmax(1)]
    for title, chosen in (
        ("random", table[:, 1] == "random"),
        ("random of unseen batches", (table[:, 1] == "random") & (table[:, 2] == "report")),
        ("random and extra", np.ones(len(part), bool)),
    ):
        told = []
        for wear in ("proper", "nose-out", "under-chin", "none", "hand-or-other"):
            of = chosen & (part.wear == wear)
            if of.any():
                words, counts = np.unique(best[of], return_counts=True)
                answers = ", ".join(f"{w} {c}" for w, c in zip(words, counts, strict=True))
                told.append(f"{wear} ({int(of.sum())}): {answers}")
        yield f"rwmfd, {title}: {'; '.join(told)}"
        covered = style[:, 1] >= 0.5
        known = chosen & (part.wear != "hand-or-other")
        by = [(covered == c)[known & ((part.wear == "proper") == c)] for c in (True, False)]
        told_by = ", ".join(
            f"{word} {int(s.sum())}/{len(s)}"
            for word, s in zip(("covered", "bare"), by, strict=True)
        )
        right = np.concatenate(by).mean()
        yield (
            f"rwmfd, {title}: nose covered or not: {told_by}; {right:.3f} right, balanced "
            f"{np.mean([s.mean() for s in by]):.3f}"
        )
    family = np.array([FAMILIES.get(KINDS[k], "other") for k in kinds.argmax(1)])
    for name in ("surgical", "n95-like", "cloth", "gas", "other"):
        of = (table[:, 0] == name) & (probability >= 0.5)
        words, counts = np.unique(family[of], return_counts=True)
        told_by = ", ".join(f"{w} {c}" for w, c in zip(words, counts, strict=True))
        yield f"rwmfd, family said of {name}: {told_by}"
    for name in ("mfr2", "rwmfd"):
        yield told_types(name, sets[name], said[name])


def told_types(name: str, part: Reported, said: list[np.ndarray]) -> str:
    """The types that the package tells of real masks, and how many are of the right family."""
    probability, _, kinds, _ = said
    labels = np.array([k.split("|")[0] for k in part.kind])
    best = np.array(KINDS)[kinds.argmax(1)]
    told = (probability >= 0.5) & (kinds.max(1) >= TYPE_SHARE) & np.isin(best, TOLD)
    told &= ~np.isin(labels, ("", "unknown"))
    family = np.array([FAMILIES.get(k, "other") for k in best])
    right = family == np.array([FAMILIES.get(k, "other") for k in labels])
    by = ", ".join(
        f"{f} {int(right[told & (family == f)].sum())}/{int((told & (family == f)).sum())}"
        for f in np.unique(family[told])
    )
    return (
        f"{name}, types told (share {TYPE_SHARE:g} or more): {int(right[told].sum())} of "
        f"{int(told.sum())} right, of {int((probability >= 0.5).sum())} masks; {by}"
    )


def times(models: list[Model], chip: npt.NDArray[np.uint8], rounds: int = 300) -> Iterator[str]:
    """ms a face, one thread, the files by turns."""
    taken: dict[str, list[float]] = {m.name: [] for m in models}
    for _ in range(rounds):
        for model in models:
            began = time.perf_counter()
            model.session.run(None, {"chips": chip[None]})
            taken[model.name].append(1e3 * (time.perf_counter() - began))
    for name, ms in taken.items():
        low, middle = np.quantile(ms, [0.05, 0.5])
        yield f"{name}: {middle:.2f} ms a face, one thread (5th percentile {low:.2f})"


def main() -> None:
    parser = argparse.ArgumentParser(description="Report on a mask state.")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, help="a text file, too")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    sets = lfw() | {"mfr2": mfr2(), "rwmfd": rwmfd()}
    models = [Model(path) for path in arguments.files]
    told = []
    for model in models:
        told.append(f"# {Path(model.name).name}")
        told += list(lines(model, sets))
    told.append("# time")
    told += list(times(models, sets["bare"].pixels[0]))
    print("\n".join(told))
    if arguments.out:
        arguments.out.write_text("\n".join(told) + "\n", "utf-8")


if __name__ == "__main__":
    main()
