"""What it gains and costs to align on the visible landmarks alone, with the models that ship.

    MASKWISE_DATA=... python benchmarks/visible_alignment.py [--pairs FILE] [--json FILE]

The last table of docs/why-zeroed-landmarks.md: `subset_alignment.py` is the question's, with dlib's
encoder; this is ours: the detector's own five points, `maskwise-v1`, a masked probe against the
reference in each virtual mask. Photos, trials, intervals and failures are those of that script.
Rows:

- all five: what ships;
- eyes, eyes+nose: both photos by these points alone, masked or not;
- visible: a chip by all five, the mask state's alpha on it, and the chip once more by the points
  that lie free, where these are two or more. A bare reference is placed by all five, then.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import subset_alignment as question
from ingredients import Finder
from photos import data_folder  # on the path by the import above

from maskwise import encode, masks, occlusion
from maskwise.align import FIVE_CHIP, align
from maskwise.landmarks import subsets
from maskwise.types import F64, Chip, Landmarks
from maskwise.virtual import virtual_vectors

ROWS = ("all", "eyes", "eyes+nose", "visible")


class Describer:
    """Faces -> unit vectors."""

    def __init__(self) -> None:
        self._encoder = encode.create(encode.DEFAULT)
        self._mask_state = occlusion.create(occlusion.DEFAULT)
        self._specs = [masks.spec_for(name) for name in masks.DEFAULT_TYPES]
        self.left_out = np.zeros(5, int)

    def chips(self, faces: Sequence[question.Face], row: str) -> list[Chip]:
        """One a face, placed as ``row`` says."""
        return [align(f.picture, self._points(f, row), FIVE_CHIP) for f in faces]

    def _points(self, face: question.Face, row: str) -> Landmarks:
        points = face.points["five"]
        if row != "visible":
            return subsets.keep(points, row)
        chip = align(face.picture, points, FIVE_CHIP)
        alpha = self._mask_state.classify(chip.pixels[None])[0].alpha
        assert alpha is not None
        free = occlusion.visible_landmarks(points, alpha, FIVE_CHIP)
        if free.visible.sum() < 2:
            return points
        self.left_out += ~free.visible
        return free

    def vectors(self, chips: Sequence[Chip]) -> F64:
        """(N, D)."""
        pixels = np.stack([chip.pixels for chip in chips])
        parts = [self._encoder.encode_batch(pixels[k : k + 32]) for k in range(0, len(pixels), 32)]
        return np.concatenate(parts).astype(np.float64)

    def worn(self, chips: Sequence[Chip]) -> F64:
        """(N, M, D): in each of the virtual masks that enrolment draws, as it keeps them."""
        # A mask is drawn by all five points of the bare face, whichever of them placed the chip.
        whole = [
            replace(chip, landmarks=Landmarks("five", chip.landmarks.points)) for chip in chips
        ]
        drawn = [masks.wear_on_chips([chip], self._specs)[0][0] for chip in whole]
        bare = self.vectors(chips).astype(np.float32)
        kept = [
            virtual_vectors(face, self._encoder.encode_batch(pixels))
            for face, pixels in zip(bare, drawn, strict=True)
        ]
        return np.stack(kept).astype(np.float64)


def rows_of(
    condition: question.Condition, describer: Describer, left_out: dict[str, list[int]]
) -> Iterator[question.Row]:
    """Those of one condition. left_out: gets how often "visible" left out each point."""
    first = describer.worn if "masked" in condition.name else describer.vectors
    for row in ROWS:
        describer.left_out[:] = 0
        chips = [describer.chips(faces, row) for faces in (condition.first, condition.second)]
        left_out[condition.name] = describer.left_out.tolist()
        sides = first(chips[0]), describer.vectors(chips[1])
        distances = [question.distances(*sides, t) for t in (condition.mated, condition.non_mated)]
        yield row, "none", distances[0], distances[1]


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    spans = [
        f"({low:.1%} to {high:.1%})"
        for low, high in (row["fnmr_interval"], row["less_first_interval"])
    ]
    return (
        f"{row['aligned_on']:12}{row['missed'][0]:4} = {row['fnmr']:5.1%}{spans[0]:>19}"
        f"{row['less_first']:>+10.1%}{spans[1]:>19}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--pairs", type=Path, help="default: $MASKWISE_DATA/lfw-dev-pairs.txt")
    parser.add_argument("--json", type=Path, help="write all figures there")
    arguments = parser.parse_args()
    pairs = arguments.pairs or data_folder() / "lfw-dev-pairs.txt"
    finder, describer = Finder(), Describer()
    conditions = [*question.lfw(finder, pairs, "report"), question.mfr2(finder)]
    report, left_out = {}, dict[str, list[int]]()
    for c in conditions:
        report[c.name] = question.table(c, rows_of(c, describer, left_out), lambda _: None)
        print(
            f"\n{c.name}: {len(c.mated)} mated and {len(c.non_mated)} non-mated trials; "
            f"{c.failures}\n{'':12}{'FNMR at FMR 1 %':>31}{'less the first row':>29}"
        )
        print("\n".join(map(line, report[c.name])))
        faces = len(c.first) + len(c.second)
        print(f"visible left out, of {faces} each: {left_out[c.name]}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1), "utf-8")


if __name__ == "__main__":
    main()
