"""Mask or not, learned from drawn masks alone and judged on real ones.

    MASKWISE_DATA=... python benchmarks/mask_realism/classifier.py [--not-masked FILE] [--json FILE]

The recipe of the first mask state (training/occlusion/trunk.py): a logistic regression on the
trunk of dlib's encoder. Trained twice on the same photos of LFW's train people, bare and wearing
random masks: ours, and flat ones (benchmarks/flat_masks.py). The penalty is chosen on calibrate
people. Real masks are never trained on, nor looked at to choose anything. The mask state that
ships is judged beside them as it is. Needs scikit-learn.

LFW's faces are large and sharp, RWMFD's mostly small. "any size" is the same recipe with every
training chip a second time, as if its face had been small and squeezed by JPEG; and "small LFW"
are LFW's bare faces brought to the sizes of RWMFD's, so that softness alone cannot pass for a mask.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from rich.progress import track

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import faces as found  # noqa: E402

sys.path.insert(0, str(HERE.parents[1] / "training" / "occlusion"))
import resnet  # noqa: E402
import train as recipe  # noqa: E402

from maskwise import occlusion  # noqa: E402
from maskwise.evaluate.intervals import Rate, wilson  # noqa: E402
from maskwise.types import U8, Bool  # noqa: E402

TRAIN, CHECK, REPORT = 1500, 500, 1000
MASKS_EACH = 2
SHIPPED = "shipped mask state"


def learned_from(
    finder: found.Finder, faces: Sequence[found.Face], how: str, seed: int
) -> tuple[U8, Bool, int]:
    """Chips bare and wearing MASKS_EACH masks, the truth, and how often YuNet lost the face.

    A masked face is looked for anew, as real ones are; one that is lost keeps its bare points.
    """
    rng = np.random.default_rng(seed)
    chips, truth, lost = [], [], 0
    for face in track(faces, f"masks: {how}", console=found.CONSOLE):
        picture = face.picture()
        chips.append(found.chip(picture, face.landmarks))
        truth.append(False)
        for _ in range(MASKS_EACH):
            worn = found.dressed(picture, face.landmarks, how, rng)[0]
            points = finder.again(worn, face.landmarks)
            lost += points is None
            chips.append(found.chip(worn, points or face.landmarks))
            truth.append(True)
    return np.stack(chips), np.array(truth), lost


def shrunk(chips: U8, ipds_px: npt.ArrayLike, rng: np.random.Generator) -> U8:
    """The chips as if the eyes had been so far apart in the photo, (N,) px, and it a JPEG."""
    out = np.empty_like(chips)
    size = found.FIVE_CHIP.size
    whole = float(np.hypot(*(found.FIVE_CHIP.reference[1] - found.FIVE_CHIP.reference[0])))
    for k, ipd in enumerate(np.asarray(ipds_px, float)):
        side = int(np.clip(round(size * ipd / whole), 8, size))
        small = cv2.resize(chips[k], (side, side), interpolation=cv2.INTER_AREA)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 96))]
        data = cv2.imencode(".jpg", small[..., ::-1], quality)[1]
        small = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
        out[k] = cv2.resize(small, (size, size), interpolation=cv2.INTER_LINEAR)
    return out


def at_any_size(chips: U8, truth: Bool, seed: int) -> tuple[U8, Bool]:
    """Every chip as it is, and once more with its eyes 4 to 50 px apart."""
    rng = np.random.default_rng(seed)
    ipds = np.exp(rng.uniform(np.log(4), np.log(50), len(chips)))
    return np.concatenate([chips, shrunk(chips, ipds, rng)]), np.concatenate([truth, truth])


def chips_of(faces: Sequence[found.Face]) -> U8:
    return np.stack([found.chip(face.picture(), face.landmarks) for face in faces])


def balanced(masked: Rate, bare: Rate) -> dict[str, Any]:
    """Accuracies with Wilson's intervals, and of their mean by Newcombe's square-and-add.

    Newcombe 1998, Statistics in Medicine 17: each limit lies as far from the estimate as the
    root of the summed squares of the parts' distances.
    """
    ends = [(r.value, wilson(r).low, wilson(r).high) for r in (masked, bare)]
    middle = sum(value for value, _, _ in ends) / 2
    down = np.sqrt(sum((value - low) ** 2 for value, low, _ in ends)) / 2
    up = np.sqrt(sum((high - value) ** 2 for value, _, high in ends)) / 2
    return {
        "masked": [masked.errors, masked.trials, *ends[0]],
        "bare": [bare.errors, bare.trials, *ends[1]],
        "balanced": [middle, float(middle - down), float(middle + up)],
    }


def right(worn: Bool, truth: bool) -> Rate:
    """How many of these were called what they are; ``errors`` counts the right ones here."""
    return Rate(int((worn == truth).sum()), len(worn))


def main() -> None:
    parser = found.options(__doc__)
    parser.add_argument("--not-masked", type=Path, default=found.WORK / "rwmfd-not-masked.csv")
    parser.add_argument("--photos", type=int, nargs=3, default=[TRAIN, CHECK, REPORT])
    arguments = parser.parse_args()
    finder = found.Finder(arguments.yunet)
    seed = arguments.seed

    rwmfd, mfr2 = found.rwmfd(finder), found.mfr2(finder)
    report = found.lfw(finder, "report", arguments.photos[2], seed)
    removed = found.not_masked(arguments.not_masked)
    sets = {
        "RWMFD masked": rwmfd.faces,
        "MFR2 masked": mfr2.where(lambda f: f.label != "no-mask"),
        "MFR2 bare": mfr2.where(lambda f: f.label == "no-mask"),
        "LFW bare": report.faces,
    }
    pixels = {name: chips_of(faces) for name, faces in sets.items()}
    sizes = np.array([face.landmarks.ipd_px for face in rwmfd.faces])
    rng = np.random.default_rng(seed)
    pixels["small LFW bare"] = shrunk(
        pixels["LFW bare"], rng.choice(sizes, len(pixels["LFW bare"])), rng
    )

    trunk = resnet.build_trunk(recipe.BLOCK, recipe.POOL)
    made = {name: recipe.features(trunk, chips) for name, chips in pixels.items()}
    parts = [found.lfw(finder, "train", arguments.photos[0], seed),
             found.lfw(finder, "calibrate", arguments.photos[1], seed)]  # fmt: skip
    calls: dict[str, dict[str, Bool]] = {}
    notes: dict[str, str] = {}
    for how in ("ours", "flat"):
        (x, t, lost), (cx, ct, _) = (
            learned_from(finder, part.faces, how, seed + k) for k, part in enumerate(parts)
        )
        chips = f"{(~t).sum()} bare and {t.sum()} masked chips, YuNet lost {lost} of the masked"
        for name in (how, f"{how}, any size"):
            if name != how:
                (x, t), (cx, ct) = at_any_size(x, t, seed), at_any_size(cx, ct, seed + 1)
            weight, bias, penalty = recipe.fit(
                recipe.features(trunk, x), t, recipe.features(trunk, cx), ct
            )
            notes[name] = f"{chips}; penalty {penalty:g}"
            calls[name] = {kind: f @ weight + bias >= 0 for kind, f in made.items()}
    shipped = occlusion.create()
    calls[SHIPPED] = {
        name: np.array([state.worn for state in shipped.classify(chips)])
        for name, chips in pixels.items()
    }
    notes[SHIPPED] = shipped.id

    masked = np.array([face.name not in removed for face in rwmfd.faces])
    tell = [
        f"RWMFD: {len(rwmfd.faces)} faces, {len(rwmfd.missed)} photos without one; "
        f"{(~masked).sum()} taken out by eye: "
        + ", ".join(f"{n} {why}" for why, n in Counter(
            removed[f.name] for f in rwmfd.faces if f.name in removed).items()),
        f"MFR2: {len(mfr2.faces)} faces, {len(mfr2.missed)} missed; "
        f"LFW report: {len(report.faces)} faces, {len(report.missed)} missed",
        "",
        f"{'learned from':22}{'judged on':28}{'masked right':>34}{'bare right':>34}"
        f"{'balanced accuracy':>26}",
    ]  # fmt: skip
    out: dict[str, Any] = {"seed": seed, "notes": notes, "rows": []}
    for how, called in calls.items():
        rows = {
            "RWMFD, cleaned, and LFW": (called["RWMFD masked"][masked], called["LFW bare"]),
            "RWMFD, cleaned, small LFW": (
                called["RWMFD masked"][masked],
                called["small LFW bare"],
            ),
            "RWMFD, raw, and LFW": (called["RWMFD masked"], called["LFW bare"]),
            "MFR2": (called["MFR2 masked"], called["MFR2 bare"]),
            "all, cleaned": (
                np.concatenate([called["RWMFD masked"][masked], called["MFR2 masked"]]),
                np.concatenate([called["LFW bare"], called["MFR2 bare"]]),
            ),
        }
        for name, (positive, negative) in rows.items():
            row = balanced(right(positive, True), right(negative, False))
            out["rows"].append({"learned_from": how, "judged_on": name, **row})
            tell.append(f"{how:22}{name:28}{_rate(row['masked']):>34}{_rate(row['bare']):>34}"
                        f"{_range(row['balanced']):>26}")  # fmt: skip
        seen = called["MFR2 masked"]
        lost = Counter(
            face.label for face, w in zip(sets["MFR2 masked"], seen, strict=True) if not w
        )
        small = masked & (sizes < 12)
        tell.append(
            f"{'':22}called bare: MFR2 {dict(lost) or 'none'}; cleaned RWMFD with eyes nearer than "
            f"12 px {(~called['RWMFD masked'][small]).sum()} of {small.sum()}"
        )
        if how != SHIPPED:
            # For whoever cleans the list: by name, so only into the folder that git ignores.
            wrong = [
                f.name for f, w in zip(rwmfd.faces, called["RWMFD masked"], strict=True) if not w
            ]
            (found.WORK / f"rwmfd-called-bare-{how.replace(', ', '-')}.txt").write_text(
                "\n".join(wrong) + "\n"
            )
    tell += ["", *(f"{how}: {note}" for how, note in notes.items())]
    print("\n".join(tell))
    if arguments.json:
        arguments.json.write_text(json.dumps(out, indent=1))


def _rate(numbers: Sequence[float]) -> str:
    count, total, value, low, high = numbers
    return f"{count:.0f} of {total:.0f} = {value:.3f} ({low:.3f}-{high:.3f})"


def _range(numbers: Sequence[float]) -> str:
    return f"{numbers[0]:.4f} ({numbers[1]:.4f}-{numbers[2]:.4f})"


if __name__ == "__main__":
    main()
