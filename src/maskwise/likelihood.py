"""A score -> log-likelihood ratio -> probability, or words: fitted maps, as they are applied.

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

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest LLR that it gives: all that its trials can show."""
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

    @property
    def ends(self) -> tuple[float, float]:
        """As ``LlrMap.ends``."""
        return self.low, self.high

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

    @property
    def ends(self) -> tuple[float, float]:
        """As ``LlrMap.ends``."""
        return self.llrs[0], self.llrs[-1]

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


def is_bound(llr: float, ends: tuple[float, float]) -> bool:
    """Whether ``llr``, of a map with these ``ends``, is the strongest of its sign that it gives.

    More trials might show a stronger one, so it is to be read as "at least".
    """
    low, high = ends
    return llr >= high > 0 or llr <= low < 0


def in_words(llr: float, *, bound: bool = False) -> str:
    """``1,200 times likelier for one person than for two``; bound: ``at least 1,200 times ...``.

    An LLR so near 0 that it is no 1.05 times is "as likely for one person as for two".
    """
    times = math.exp(min(abs(llr), 700.0))
    if times < 1.05:
        return "as likely for one person as for two"
    shown = f"{float(f'{times:.2g}'):,.0f}" if times >= 10 else f"{times:.1f}"
    order = "one person than for two" if llr > 0 else "two people than for one"
    return f"{'at least ' if bound else ''}{shown} times likelier for {order}"
