"""A score -> log-likelihood ratio -> probability: fitted maps, as they are applied.

``evaluate.llr`` fits them and tells what they mean; ``decide`` applies them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from maskwise.errors import EvaluationError
from maskwise.types import F64


class LlrMap(Protocol):
    """A fitted map."""

    def llr(self, scores: npt.ArrayLike) -> F64:
        """The natural logarithm of the likelihood ratio, of the shape of ``scores``."""
        ...

    def to_json(self) -> dict[str, Any]:
        """What ``map_from_json`` reads."""
        ...


@dataclass(frozen=True, slots=True)
class LogisticMap:
    """LLR = slope x score + offset, held to low..high."""

    slope: float
    offset: float
    low: float
    high: float

    def llr(self, scores: npt.ArrayLike) -> F64:
        """As ``LlrMap.llr``."""
        out: F64 = np.clip(
            self.slope * np.asarray(scores, np.float64) + self.offset, self.low, self.high
        )
        return out

    def to_json(self) -> dict[str, Any]:
        """As ``LlrMap.to_json``."""
        return {
            "kind": "logistic",
            "slope": self.slope,
            "offset": self.offset,
            "low": self.low,
            "high": self.high,
        }


@dataclass(frozen=True, slots=True)
class PavMap:
    """A rising line through the corners of a staircase: ``scores`` rise, ``llrs`` do not fall."""

    scores: tuple[float, ...]
    llrs: tuple[float, ...]

    def llr(self, scores: npt.ArrayLike) -> F64:
        """As ``LlrMap.llr``; flat beyond both ends."""
        out: F64 = np.interp(np.asarray(scores, np.float64), self.scores, self.llrs)
        return out

    def to_json(self) -> dict[str, Any]:
        """As ``LlrMap.to_json``."""
        return {"kind": "pav", "scores": list(self.scores), "llrs": list(self.llrs)}


def map_from_json(given: Any) -> LlrMap:
    """What ``to_json`` wrote; EvaluationError for anything else."""
    try:
        fields = {key: value for key, value in given.items() if key != "kind"}
        if given["kind"] == "logistic":
            made = LogisticMap(**{key: float(value) for key, value in fields.items()})
            finite = np.isfinite([made.slope, made.offset, made.low, made.high]).all()
            if finite and made.slope >= 0 and made.low <= made.high:
                return made
        if given["kind"] == "pav":
            steps = PavMap(**{key: tuple(map(float, value)) for key, value in fields.items()})
            x, y = np.array(steps.scores), np.array(steps.llrs)
            fits = len(x) == len(y) > 0 and bool(np.isfinite([x, y]).all())
            if fits and (np.diff(x) > 0).all() and (np.diff(y) >= 0).all():
                return steps
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EvaluationError(f"no map of scores: {error!r}") from error
    raise EvaluationError(f"no map of scores that rises: {str(given)[:80]}")


def probability(llr: npt.ArrayLike, prior: float) -> F64:
    """That two faces are one person, with ``prior`` before they were compared; 0 < prior < 1."""
    if not 0 < prior < 1:
        raise EvaluationError(f"the prior is a probability above 0 and below 1, got {prior}")
    total = np.asarray(llr, np.float64) + math.log(prior / (1 - prior))
    out: F64 = np.exp(-np.logaddexp(0.0, -total))
    return out
