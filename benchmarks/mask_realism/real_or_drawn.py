"""How well a classifier tells drawn masks from real ones: AUC, 0.5 where it cannot.

    MASKWISE_DATA=... python benchmarks/mask_realism/real_or_drawn.py [--json FILE]

Four questions, each asked of our masks and of flat ones (benchmarks/flat_masks.py):

- same photo: the masked faces of RWMFD as they are, and with a mask drawn over the real one. The
  photo is the same, so the source cannot be what tells them apart. "inside": only what lies under
  the drawn mask, the rest of both chips grey, which leaves cloth, light and softness. "lower": the
  face below the eyes, with edges, fit, and what sticks out of the real mask beneath.
- two sources: RWMFD's real masks, and masks drawn on bare faces of LFW's report people, below the
  eyes. "source alone": the same two sets above the eyes' lower lids, where no mask is; the part of
  such an AUC that masks have nothing to do with. "both real": RWMFD's real masks and MFR2's.
- carried over to MFR2: learned from "same photo, lower", judged on MFR2's real masks and masks
  drawn on the same people's bare crops, which nothing was learned from.

"equal": both sides brought to 75 px and through one JPEG, so that neither resolution nor
compression tells. Features: the trunk of dlib's encoder, or gradients and local binary patterns;
see judge.py.
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
from rich.progress import track

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import faces as found  # noqa: E402
from judge import I64, Trunk, carried, texture, told_apart  # noqa: E402

from maskwise.align import transform_of, warp  # noqa: E402
from maskwise.types import F32, U8, Bool, Image, Landmarks  # noqa: E402

DRAWS = 3
LEAST_IPD_PX = 12.0
"""Smaller faces show no mask that anybody could tell from another: they would only blur the AUC."""
LOWER, UPPER = 54, 50
"""Rows of the chip: masks lie below the first, the eyes end above the second."""
EQUAL_PX, EQUAL_JPEG = 75, 80
GREY = 128


@dataclass(frozen=True, eq=False)
class Chips:
    """Chips of one kind. group: (N,) which photo (or person), the same in all kinds of a set.

    cover: (N, 150, 150) bool, where the drawn mask lies; None where none was drawn. kinds: of it.
    """

    pixels: U8
    group: I64
    cover: Bool | None = None
    kinds: Sequence[str] = ()


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
        pixels, covers, kinds = [], [], []
        for face in track(faces, f"masks: {how}, {draw + 1} of {DRAWS}", console=found.CONSOLE):
            worn, alpha, kind = found.dressed(face.picture(), face.landmarks, how, rng)
            at = (finder.again(worn, face.landmarks) if finder else None) or face.landmarks
            pixels.append(found.chip(worn, at))
            covers.append(_cover(alpha, at))
            kinds.append(kind)
        out.append(Chips(np.stack(pixels), np.arange(len(faces)), np.stack(covers), kinds))
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
        pair = (see(equal(lower(real.pixels))), see(equal(lower(mfr2_real.pixels))))
        groups = (real.group, mfr2_real.group + len(real.group))
        yield f"two sources, both real|equal|{feature}|none", told_apart([(*pair, *groups)], seed)
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
                kinds = [d.kinds for d in over]
                yield f"same photo, inside|{look}|{feature}|{how}", told_apart(both, seed, kinds)
                kept = see(through(lower(real.pixels)))
                seen = [see(through(lower(d.pixels))) for d in over]
                both = [(kept, d, real.group, real.group) for d in seen]
                yield f"same photo, lower|{look}|{feature}|{how}", told_apart(both, seed, kinds)
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
        line = f"{question:28}{look:10}{feature:12}{how:8}{row['auc']:7.3f}"
        line += f"{f'{low:.3f} to {high:.3f}':>17}{row['real']:7}{count:>11}"
        for kind, (value, of) in row.get("kinds", {}).items() if look == "equal" else ():
            line += f"\n{'':4}{kind} {value:.3f} ({of:.0f})"
        print(line, flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps({"seed": arguments.seed, "rows": out}, indent=1))


if __name__ == "__main__":
    main()
