"""The figures of parts of the trials."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

import numpy as np

from maskwise.errors import EvaluationError
from maskwise.evaluate.breakdown import Summary, summarise
from maskwise.evaluate.scores import Scores
from maskwise.evaluate.verification import TARGET_FMRS, FoldAccuracy, fold_accuracy
from maskwise.types import Bool

_GRID: Final = tuple(float(f"{v:.4g}") for v in 10.0 ** np.arange(-6.75, 0, 0.25))
"""FMRs at which a DET curve's interval is computed."""


@dataclass
class Figures:
    """Each computed once however often it is shown."""

    scores: Scores
    replicates: int
    seed: int
    _known: dict[tuple[str, bool], Summary] = field(default_factory=dict)

    def accuracy(self, keep: Bool) -> FoldAccuracy | None:
        """Over the folds of the list; None where it has none, or some fold lacks trials."""
        if self.scores.fold is None:
            return None
        try:
            return fold_accuracy(
                self.scores.scores[keep], self.scores.mated[keep], self.scores.fold[keep]
            )
        except EvaluationError:
            return None

    def of(self, keep: Bool, name: str, *, curve: bool = False) -> Summary:
        """curve: at the FMRs of a DET curve too."""
        trials = sha256(np.packbits(keep).tobytes()).hexdigest()
        for key in ((trials, True), (trials, curve)):
            if key in self._known:
                return self._known[key]
        part = self.scores if keep.all() else self.scores.subset(keep)
        lowest = 1 / max(int(np.count_nonzero(~part.mated & ~part.failed)), 1)
        grid = [t for t in _GRID if curve and t >= lowest and t not in TARGET_FMRS]
        found = summarise(
            part,
            name,
            target_fmrs=(*TARGET_FMRS, *grid),
            replicates=self.replicates,
            seed=self.seed,
        )
        self._known[trials, curve] = found
        return found
