"""How well a classifier tells drawn masks from real ones: AUC, 0.5 where it cannot.

    MASKWISE_DATA=... python benchmarks/mask_realism/real_or_drawn.py [--not-masked FILE] [--json FILE]

Four questions, each asked of our masks and of flat ones (benchmarks/flat_masks.py):

- same photo: the masked faces of RWMFD as they are, and with a mask drawn over the real one. The
  photo is the same, so the source cannot be what tells them apart. "inside": only what lies under
  the drawn mask, the rest of both chips grey, which leaves cloth, light and softness. "lower": the
  face below the eyes, with edges, fit, and what sticks out of the real mask beneath.
- two sources: RWMFD's real masks, and masks drawn on bare faces of LFW's report people, below the
  eyes. "source alone": the same two sets above the eyes' lower lids, where no mask is; the part of
  such an AUC that masks have nothing to do with.
- carried over to MFR2: learned from "same photo, lower", judged on MFR2's real masks and masks
  drawn on the same people's bare crops, which nothing was learned from.

"equal": both sides brought to 75 px and through one JPEG, so that neither resolution nor
compression tells. Features: the trunk of dlib's encoder, or gradients and local binary patterns;
a logistic regression over them, five folds by photo. Of several penalties the one that tells them
apart best counts: a weak judge must not pass for a good mask. Nothing that was fitted is kept.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from rich.progress import track
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import faces as found  # noqa: E402
import resnet  # noqa: E402

from maskwise.align import transform_of, warp  # noqa: E402
from maskwise.types import F32, F64, U8, Bool, Image, Landmarks  # noqa: E402

DRAWS, FOLDS, REPLICATES = 3, 5, 500
LEAST_IPD_PX = 12.0
"""Smaller faces show no mask that anybody could tell from another: they would only blur the AUC."""
PENALTIES = (1e-4, 1e-3, 1e-2)
LOWER, UPPER = 54, 50
"""Rows of the chip: masks lie below the first, the eyes end above the second."""
EQUAL_PX, EQUAL_JPEG = 75, 80
GREY = 128
I64 = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


@dataclass(frozen=True, eq=False)
class Chips:
    """Chips of one kind. group: (N,) which photo (or person), the same in all kinds of a set.

    cover: (N, 150, 150) bool, where the drawn mask lies; None where none was drawn.
    """

    pixels: U8
    group: I64
    cover: Bool | None = None


def bare(faces: Sequence[found.Face]) -> Chips:
    """The faces as they are; every one is its own group."""
    pixels = [found.chip(face.picture(), face.landmarks) for face in faces]
    return Chips(np.stack(pixels), np.arange(len(faces)))


def drawn(
    faces: Sequence[found.Face], how: str, seed: int, finder: found.Finder | None = None
) -> list[Chips]:
    """DRAWS times all faces in random masks. With ``finder`` the masked face is looked for anew."""
    out = []
    for draw in range(DRAWS):
        rng = np.random.default_rng([seed, draw])
        pixels, covers = [], []
        for face in track(faces, f"masks: {how}, {draw + 1} of {DRAWS}", console=found.CONSOLE):
            worn, alpha = found.dressed(face.picture(), face.landmarks, how, rng)
            at = (finder.again(worn, face.landmarks) if finder else None) or face.landmarks
            pixels.append(found.chip(worn, at))
            covers.append(_cover(alpha, at))
        out.append(Chips(np.stack(pixels), np.arange(len(faces)), np.stack(covers)))
    return out


def _cover(alpha: U8, at: Landmarks) -> Bool:
    """(150, 150) bool: well inside the mask, 3 px of the chip from its edge."""
    picture = Image(np.repeat(alpha[..., None], 3, axis=2))
    chip = warp(picture, transform_of(at, found.FIVE_CHIP), found.FIVE_CHIP.size)[..., 0]
    solid = (chip > 250).astype(np.uint8)
    return np.asarray(cv2.erode(solid, np.ones((7, 7), np.uint8), borderValue=0) > 0)


def inside(pixels: U8, cover: Bool) -> U8:
    return np.where(cover[..., None], pixels, np.uint8(GREY))


def lower(pixels: U8) -> U8:
    out = pixels.copy()
    out[:, :LOWER] = GREY
    return out


def upper(pixels: U8) -> U8:
    out = pixels.copy()
    out[:, UPPER:] = GREY
    return out


def equal(pixels: U8) -> U8:
    """At one resolution and through one JPEG."""
    out = np.empty_like(pixels)
    for k, chip in enumerate(pixels):
        small = cv2.resize(chip, (EQUAL_PX, EQUAL_PX), interpolation=cv2.INTER_AREA)
        data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, EQUAL_JPEG])[1]
        small = cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1]
        out[k] = cv2.resize(small, chip.shape[:2], interpolation=cv2.INTER_CUBIC)
    return out


class Trunk:
    """The encoder's first eight blocks, averaged over 4 x 4 cells: what the mask state sees."""

    def __init__(self) -> None:
        data = resnet.build_trunk(8, 4).SerializeToString()
        self._session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])

    def __call__(self, pixels: U8) -> F32:
        starts = range(0, len(pixels), 32)
        return np.concatenate(
            [self._session.run(None, {"chips": pixels[k : k + 32]})[0] for k in starts]
        )


def texture(pixels: U8) -> F32:
    """(N, 1431): gradients by direction in 10 x 10 cells, local binary patterns in 3 x 3."""
    return np.stack([_texture(cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY)) for chip in pixels])


def _texture(grey: U8) -> F32:
    g = grey.astype(np.float32)
    dx, dy = cv2.Sobel(g, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(g, cv2.CV_32F, 0, 1, ksize=1)
    direction = np.minimum((np.arctan2(dy, dx) % np.pi) / np.pi * 9, 8.999).astype(int)
    size = len(g)
    cell = np.arange(size) * 10 // size
    place = (cell[:, None] * 10 + cell[None]) * 9 + direction
    hog = np.bincount(place.ravel(), np.hypot(dx, dy).ravel(), 900).reshape(100, 9)
    hog /= np.sqrt((hog**2).sum(1, keepdims=True) + 100.0)
    centre = g[1:-1, 1:-1]
    around = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    code = np.zeros(centre.shape, int)
    for bit, (y, x) in enumerate(around):
        code += (g[y : y + size - 2, x : x + size - 2] >= centre).astype(int) << bit
    third = np.arange(size - 2) * 3 // (size - 2)
    place = (third[:, None] * 3 + third[None]) * 59 + _UNIFORM[code]
    lbp = np.bincount(place.ravel(), minlength=531) / centre.size * 9
    return np.concatenate([hog.ravel(), np.sqrt(lbp)]).astype(np.float32)


def _uniform() -> I64:
    """Ojala, Pietikainen and Maenpaa 2002: patterns of at most two changes have their own bins."""
    turns = [bin(c ^ ((c >> 1) | ((c & 1) << 7))).count("1") for c in range(256)]
    out = np.full(256, 58, np.int64)
    out[[c for c in range(256) if turns[c] <= 2]] = np.arange(58)
    return out


_UNIFORM = _uniform()


def judged(x: F32, truth: Bool, group: I64, seed: int, penalty: float) -> F64:
    """(N,) scores by a judge that saw no chip of the same group."""
    folds = np.random.default_rng(seed).permutation(group.max() + 1)[group] % FOLDS
    out = np.empty(len(x))
    for fold in range(FOLDS):
        test = folds == fold
        model = LogisticRegression(C=penalty, max_iter=300, tol=1e-3, class_weight="balanced")
        out[test] = model.fit(x[~test], truth[~test]).decision_function(x[test])
    return out


def scaled(x: F32) -> F32:
    """Every feature of unit variance, turned onto N axes: the same judge at less cost."""
    x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-6)
    if x.shape[1] <= len(x):
        return x
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    return np.asarray(u * s, np.float32)


def auc(score: F64, truth: Bool, weight: F64 | None = None) -> float:
    """The probability that a real mask scores above a drawn one, ties for half."""
    w = np.ones(len(score)) if weight is None else weight
    values, place = np.unique(score, return_inverse=True)
    yes = np.bincount(place, w * truth, len(values))
    no = np.bincount(place, w * ~truth, len(values))
    total = yes.sum() * no.sum()
    return float((yes * (np.cumsum(no) - no / 2)).sum() / total) if total else float("nan")


def measured(sets: Sequence[tuple[F64, Bool, I64]], seed: int) -> dict[str, Any]:
    """Mean AUC of the draws and its interval: the groups are drawn, the same for every draw."""
    count = max(int(group.max()) for _, _, group in sets) + 1
    rng = np.random.default_rng(seed)
    replicates = []
    for _ in range(REPLICATES):
        times = np.bincount(rng.integers(count, size=count), minlength=count).astype(float)
        replicates.append(np.mean([auc(s, t, times[g]) for s, t, g in sets]))
    low, high = np.nanquantile(replicates, [0.025, 0.975])
    score, truth, group = sets[0]
    return {
        "auc": float(np.mean([auc(s, t) for s, t, _ in sets])),
        "interval": [float(low), float(high)],
        "real": int(truth.sum()),
        "drawn": int((~truth).sum()),
        "draws": len(sets),
        "groups": len(np.unique(group)),
    }


def told_apart(pairs: Sequence[tuple[F32, F32, I64, I64]], seed: int) -> dict[str, Any]:
    """Of several (real, drawn, their groups): the AUC by the penalty that tells them apart best."""
    sets = []
    for real, drawn_, group, other in pairs:
        x = scaled(np.concatenate([real, drawn_]))
        truth = np.arange(len(x)) < len(real)
        sets.append((x, truth, np.concatenate([group, other])))
    best: tuple[float, float, list[tuple[F64, Bool, I64]]] | None = None
    for penalty in PENALTIES:
        scores = [(judged(x, t, g, seed, penalty), t, g) for x, t, g in sets]
        mean = float(np.mean([auc(s, t) for s, t, _ in scores]))
        if best is None or mean > best[0]:
            best = mean, penalty, scores
    assert best is not None
    return {**measured(best[2], seed), "penalty": best[1]}


def carried(
    learn: Sequence[tuple[F32, F32]], real: F32, drawn_: Sequence[F32], people: I64, seed: int
) -> dict[str, Any]:
    """AUC on (real, drawn) of judges fitted on ``learn``; people: (N real + N drawn,)."""
    best: tuple[float, float, list[tuple[F64, Bool, I64]]] | None = None
    truth = np.arange(len(people)) < len(real)
    for penalty in PENALTIES:
        scores = []
        for (yes, no), worn in zip(learn, drawn_, strict=True):
            x = np.concatenate([yes, no])
            mean, scale = x.mean(0), np.maximum(x.std(0), 1e-6)
            model = LogisticRegression(C=penalty, max_iter=300, tol=1e-3)
            model.fit((x - mean) / scale, np.arange(len(x)) < len(yes))
            test = (np.concatenate([real, worn]) - mean) / scale
            scores.append((model.decision_function(test), truth, people))
        middle = float(np.mean([auc(s, t) for s, t, _ in scores]))
        if best is None or middle > best[0]:
            best = middle, penalty, scores
    assert best is not None
    return {**measured(best[2], seed), "penalty": best[1]}


def rows(
    finder: found.Finder, removed: dict[str, str], count: int, seed: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and figures of every row, as they come."""
    features: dict[str, Callable[[U8], F32]] = {"trunk": Trunk(), "texture": texture}

    def large(face: found.Face) -> bool:
        return face.landmarks.ipd_px >= LEAST_IPD_PX

    worn = found.rwmfd(finder).where(lambda f: large(f) and f.name not in removed)[:count]
    plain = found.lfw(finder, "report", len(worn), seed).where(large)
    crops = found.mfr2(finder)
    masked = crops.where(lambda f: f.label != "no-mask")
    naked = crops.where(lambda f: f.label == "no-mask")
    real, source, mfr2_real = bare(worn), bare(plain), bare(masked)
    names = sorted({face.person for face in crops.faces})
    people = np.array([names.index(face.person) for face in [*masked, *naked]])
    for feature, see in features.items():
        pair = (see(equal(upper(real.pixels))), see(equal(upper(source.pixels))))
        groups = (real.group, source.group + len(real.group))
        yield (
            f"two sources, source alone|equal|{feature}|none",
            told_apart([(*pair, *groups)], seed),
        )
    for how in ("ours", "flat"):
        over = drawn(worn, how, seed)
        on_lfw = drawn(plain, how, seed + 1, finder)
        on_mfr2 = drawn(naked, how, seed + 2, finder)
        for feature, see in features.items():
            for look, through in (("as drawn", lambda p: p), ("equal", equal)):
                both = [
                    (see(through(inside(real.pixels, d.cover))),
                     see(through(inside(d.pixels, d.cover))), real.group, d.group)
                    for d in over
                ]  # fmt: skip
                yield f"same photo, inside|{look}|{feature}|{how}", told_apart(both, seed)
                kept = see(through(lower(real.pixels)))
                seen = [see(through(lower(d.pixels))) for d in over]
                both = [(kept, d, real.group, real.group) for d in seen]
                yield f"same photo, lower|{look}|{feature}|{how}", told_apart(both, seed)
            # The last look was the equal one: so are the two comparisons of different photos.
            apart = [
                (kept, see(equal(lower(d.pixels))), real.group, d.group + len(real.group))
                for d in on_lfw
            ]
            yield f"two sources, lower|equal|{feature}|{how}", told_apart(apart, seed)
            test = [see(equal(lower(d.pixels))) for d in on_mfr2]
            mine = see(equal(lower(mfr2_real.pixels)))
            yield (
                f"carried over to MFR2|equal|{feature}|{how}",
                carried([(kept, d) for d in seen], mine, test, people, seed),
            )


def main() -> None:
    parser = found.options(__doc__)
    parser.add_argument("--not-masked", type=Path, default=found.WORK / "rwmfd-not-masked.csv")
    parser.add_argument("--count", type=int, default=10_000, help="photos of RWMFD, at most")
    arguments = parser.parse_args()
    finder = found.Finder(arguments.yunet)
    removed = found.not_masked(arguments.not_masked)
    out = []
    print(f"{'question':28}{'look':10}{'judge sees':12}{'masks':8}{'AUC':>7}{'95 %':>17}"
          f"{'real':>7}{'drawn':>11}", flush=True)  # fmt: skip
    for name, row in rows(finder, removed, arguments.count, arguments.seed):
        question, look, feature, how = name.split("|")
        out.append({"question": question, "look": look, "judge": feature, "masks": how, **row})
        low, high = row["interval"]
        count = f"{row['draws']} x {row['drawn']}"
        print(f"{question:28}{look:10}{feature:12}{how:8}{row['auc']:7.3f}"
              f"{f'{low:.3f} to {high:.3f}':>17}{row['real']:7}{count:>11}", flush=True)  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps({"seed": arguments.seed, "rows": out}, indent=1))


if __name__ == "__main__":
    main()
