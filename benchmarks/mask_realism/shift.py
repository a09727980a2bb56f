"""What a drawn mask does to a template, beside what the same person's real masks do.

    MASKWISE_DATA=... python benchmarks/mask_realism/shift.py [--json FILE]

mfr2-dev has people with bare crops and crops in real masks. A shift is a difference of mean
templates (dlib-resnet-v1, unit length): real, of the masked crops less the bare ones; drawn, of
the bare crops wearing masks less the same crops bare. For every person:

- cosine: between the two shifts; 1: in the same direction.
- length: of the drawn shift over the real one's.
- explained: 1 - |real - drawn|^2 / |real|^2; 1: the drawn shift is the real one, 0: no nearer to
  it than no mask at all, below: away from it.

Rows of masks: ours at random; ours of the type and colour that the person's labels name; flat
ones. Controls: the real shift of other people (their mean, and one at a time); the difference of
two bare photos of the same person, which is what other photos alone do; and the real shift from
one half of a person's photos beside that from the other half, disjoint, which is as alike as
shifts of so few photos can be. A drawn shift shares its bare photos with the real one, which
flatters it: "held out" rows draw on one bare crop and take the real shift from the others.
Intervals by a bootstrap over people: 18 at most, so they are wide.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import faces as found  # noqa: E402

from maskwise import encode, masks  # noqa: E402
from maskwise.types import F64, Image, MaskSpec  # noqa: E402

DRAWS, SPLITS, REPLICATES = 8, 20, 2000
HOWS = ("ours", "ours as labelled", "flat")
# The labels of mfr2-dev: which type and colour of the catalogue comes nearest.
_COLORS = {
    "surgical": {"blue": "#8fbfe0", "white": "#f2f4f4", "black": "#2a2b2e", "green": "#9ccfbd"},
    "cloth": {"black": "#26272b", "white": "#f0eee8", "purple": "#6a4a86", "red": "#8a1f2d"},
}
_GROUPS: dict[str, Callable[[str], bool]] = {
    "surgical": lambda label: label.startswith("surgical"),
    "cloth": lambda label: label.startswith("cloth"),
    "N95, N99": lambda label: label.startswith("N9"),
}
Arrow = F64
"""(128,): a difference of templates."""


@dataclass(eq=False)
class Person:
    """Templates of one person. bare: (B, 128). masked: label -> (M, 128).

    worn: how -> (B, DRAWS, 128); labels: what each draw of "ours as labelled" stands for.
    """

    bare: F64
    masked: dict[str, F64]
    worn: dict[str, F64]
    labels: list[str] = field(default_factory=list)

    def real(self, bare: Sequence[int] | None = None, group: str | None = None) -> Arrow | None:
        """The real shift, from these bare crops and masks of this group; None without any."""
        kept = [t for name, t in self.masked.items() if group is None or _GROUPS[group](name)]
        chosen = self.bare if bare is None else self.bare[list(bare)]
        if not kept or not len(chosen):
            return None
        return np.asarray(np.concatenate(kept).mean(0) - chosen.mean(0))

    def drawn(self, how: str, on: Sequence[int] | None = None, group: str | None = None) -> Arrow:
        """The drawn shift, on these bare crops, by draws that stand for this group."""
        rows = slice(None) if on is None else list(on)
        draws = [k for k, name in enumerate(self.labels)
                 if group is None or how != "ours as labelled" or _GROUPS[group](name)]  # fmt: skip
        return np.asarray((self.worn[how][rows][:, draws] - self.bare[rows][:, None]).mean((0, 1)))


def labelled(label: str, rng: np.random.Generator) -> MaskSpec:
    """A mask of the label's type and colour, as high and as folded as random ones are."""
    like = found.spec_of(rng)
    kind, _, color = label.partition("_")
    if kind in ("N95", "N99"):
        return masks.spec_for("n95", seed=like.seed, coverage=like.coverage)
    if kind not in _COLORS:
        return like
    pattern = None if color != "textured" else str(rng.choice(["checks", "stripes", "dots"]))
    return masks.spec_for(
        kind,
        color=_COLORS[kind].get(color, like.color),
        pattern=pattern,
        seed=like.seed,
        coverage=like.coverage,
    )


class Templates:
    """Faces -> templates; counts the masked faces that YuNet lost, which keep their bare points."""

    def __init__(self, finder: found.Finder) -> None:
        self._finder, self._encoder = finder, encode.create("dlib-resnet-v1")
        self.lost: Counter[str] = Counter()

    def of(self, faces: Sequence[found.Face]) -> F64:
        chips = [found.chip(face.picture(), face.landmarks) for face in faces]
        return self._encoder.encode_batch(np.stack(chips)).astype(np.float64)

    def wearing(self, face: found.Face, how: str, labels: Sequence[str], seed: int) -> F64:
        """(DRAWS, 128): one bare crop in as many masks."""
        rng = np.random.default_rng(seed)
        picture, chips = face.picture(), []
        for label in labels:
            if how == "ours as labelled":
                spec = labelled(label, rng)
                worn: Image = masks.wear_on_image(picture, [face.landmarks], [spec]).image
            else:
                worn = found.dressed(picture, face.landmarks, how, rng)[0]
            at = self._finder.again(worn, face.landmarks)
            self.lost[how] += at is None
            chips.append(found.chip(worn, at or face.landmarks))
        return self._encoder.encode_batch(np.stack(chips)).astype(np.float64)


def people(finder: found.Finder, seed: int) -> tuple[dict[str, Person], Templates, found.Set]:
    """Everybody of mfr2-dev with a bare and a masked crop."""
    crops, templates = found.mfr2(finder), Templates(finder)
    out = {}
    names = sorted({face.person for face in crops.faces})
    for n, name in enumerate(track(names, "people", console=found.CONSOLE)):
        mine = crops.where(lambda f, name=name: f.person == name)  # type: ignore[misc]
        bare = [face for face in mine if face.label == "no-mask"]
        real = [face for face in mine if face.label != "no-mask"]
        if not bare or not real:
            continue
        labels = [real[k % len(real)].label for k in range(DRAWS)]
        worn = {
            how: np.stack([templates.wearing(face, how, labels, seed + 100 * n + k)
                           for k, face in enumerate(bare)])
            for how in HOWS
        }  # fmt: skip
        masked = {
            label: templates.of([face for face in real if face.label == label])
            for label in sorted({face.label for face in real})
        }
        out[name] = Person(templates.of(bare), masked, worn, labels)
    return out, templates, crops


def compared(drawn: Arrow, real: Arrow) -> F64:
    """(3,): cosine, length, explained."""
    size = float(real @ real)
    cosine = float(drawn @ real) / np.sqrt(size * float(drawn @ drawn))
    rest = real - drawn
    return np.array([cosine, np.sqrt(float(drawn @ drawn) / size), 1 - float(rest @ rest) / size])


def halves(person: Person, rng: np.random.Generator) -> F64 | None:
    """The real shift of half the photos beside that of the other half; None with too few."""
    masked = np.concatenate(list(person.masked.values()))
    if min(len(person.bare), len(masked)) < 2:
        return None
    out = []
    for _ in range(SPLITS):
        parts = [rng.permutation(len(side)) for side in (person.bare, masked)]
        one, other = (
            masked[parts[1][k::2]].mean(0) - person.bare[parts[0][k::2]].mean(0) for k in (0, 1)
        )
        out.append(compared(one, other))
    return np.asarray(np.mean(out, 0))


def held_out(person: Person, of: Callable[[int], Arrow]) -> F64 | None:
    """``of(k)`` of each bare crop beside the real shift from the others; None with one crop."""
    count = len(person.bare)
    if count < 2:
        return None
    out = []
    for k in range(count):
        real = person.real([j for j in range(count) if j != k])
        if real is not None:
            out.append(compared(of(k), real))
    return np.asarray(np.mean(out, 0))


def table(found_people: dict[str, Person], seed: int) -> dict[str, list[F64]]:
    """Row -> (3,) figures of each person that has them."""
    rng = np.random.default_rng(seed)
    everyone = list(found_people.values())
    real = [person.real() for person in everyone]
    out: dict[str, list[F64]] = {}

    def add(row: str, figures: F64 | None) -> None:
        if figures is not None:
            out.setdefault(row, []).append(figures)

    for how in HOWS:
        for person, shift in zip(everyone, real, strict=True):
            add(how, compared(person.drawn(how), shift))  # type: ignore[arg-type]
    for how in HOWS:
        for p in everyone:
            add(f"{how}, held out", held_out(p, lambda k, p=p, how=how: p.drawn(how, [k])))  # type: ignore[misc]
    for n, (person, shift) in enumerate(zip(everyone, real, strict=True)):
        others = [r for k, r in enumerate(real) if k != n]
        add("others' real masks, their mean", compared(np.mean(others, 0), shift))  # type: ignore[arg-type]
        each = [compared(r, shift) for r in others]  # type: ignore[arg-type]
        add("others' real masks, one at a time", np.mean(each, 0))
        add("own real masks, half and half", halves(person, rng))
        if len(person.bare) > 1:
            add("two bare photos", compared(person.bare[0] - person.bare[1], shift))  # type: ignore[arg-type]
    for group in _GROUPS:
        for how in HOWS:
            for person in everyone:
                shift = person.real(group=group)
                if shift is not None:
                    add(f"{group}: {how}", compared(person.drawn(how, group=group), shift))
    for what in ("", ", held out"):
        pairs = zip(out[f"ours{what}"], out[f"flat{what}"], strict=True)
        out[f"ours less flat{what}"] = [ours - flat for ours, flat in pairs]
    return out


def mean_shifts(found_people: dict[str, Person], seed: int) -> dict[str, dict[str, Any]]:
    """The mean shift of all people, drawn beside real: what no single photo blurs."""
    everyone = list(found_people.values())
    real = np.stack([person.real() for person in everyone])  # type: ignore[misc]
    out = {}
    for how in HOWS:
        drawn = np.stack([person.drawn(how) for person in everyone])
        rng = np.random.default_rng(seed)
        chosen = rng.integers(len(real), size=(REPLICATES, len(real)))
        replicates = [compared(drawn[c].mean(0), real[c].mean(0)) for c in chosen]
        out[how] = summary(compared(drawn.mean(0), real.mean(0)), replicates, len(real))
    return out


def summary(value: F64, replicates: Sequence[F64] | F64, count: int) -> dict[str, Any]:
    low, high = np.quantile(np.asarray(replicates), [0.025, 0.975], axis=0)
    names = ("cosine", "length", "explained")
    return {"people": count} | {
        name: [float(value[k]), float(low[k]), float(high[k])] for k, name in enumerate(names)
    }


def main() -> None:
    parser = found.options(__doc__)
    arguments = parser.parse_args()
    finder = found.Finder(arguments.yunet)
    everyone, templates, crops = people(finder, arguments.seed)
    out: dict[str, Any] = {"seed": arguments.seed, "lost": dict(templates.lost), "rows": {}}
    for row, figures in table(everyone, arguments.seed).items():
        values = np.stack(figures)
        rng = np.random.default_rng(arguments.seed)
        chosen = rng.integers(len(values), size=(REPLICATES, len(values)))
        out["rows"][row] = summary(values.mean(0), values[chosen].mean(1), len(values))
    for how, figures in mean_shifts(everyone, arguments.seed).items():
        out["rows"][f"mean of all people: {how}"] = figures
    bare = sum(len(person.bare) for person in everyone.values())
    real = sum(len(t) for person in everyone.values() for t in person.masked.values())
    print(
        f"MFR2: {len(everyone)} people with both, {bare} bare and {real} masked crops, "
        f"{DRAWS} masks a bare crop; {len(crops.missed)} crops without a face; YuNet lost "
        + ", ".join(f"{n} ({how})" for how, n in templates.lost.items())
        + f" of {bare * DRAWS} drawn\n"
    )
    print(f"{'masks':36}{'people':>7}{'cosine':>26}{'length':>26}{'explained':>26}")
    for row, figures in out["rows"].items():
        cells = "".join(
            f"{f'{figures[n][0]:.3f} ({figures[n][1]:.3f} to {figures[n][2]:.3f})':>26}"
            for n in ("cosine", "length", "explained")
        )
        print(f"{row:36}{figures['people']:7}{cells}")
    if arguments.json:
        arguments.json.write_text(json.dumps(out, indent=1))


if __name__ == "__main__":
    main()
