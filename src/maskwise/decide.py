"""Score + operating point of the wear pair -> Decision.

The shipped operating points stand in ``operating_points.json``: for each encoder and wear pair
a table of false match rates (FMR) and the lowest threshold that keeps to them, with the number
of trials behind it. ``training/operating_points/`` makes it.

A threshold here means "at most": among the non-mated comparisons it was fitted on, no more than
the target share has score >= threshold. Identification is open set (ISO/IEC 19795-1): with R
independent references, FPIR = 1 - (1 - FMR)^R, so each comparison is held to
FMR = 1 - (1 - FPIR)^(1/R), and the threshold rises with the gallery.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import numpy as np

from maskwise.errors import ConfigurationError
from maskwise.types import Candidate, Decision, OperatingPoint, Outcome, WearPair

DEFAULT_FMR: Final = 1e-3
DEFAULT_FPIR: Final = 0.01
REAL_MASKS: Final = (
    "both faces wear real masks; the threshold was fitted on drawn ones, so its error rate is not "
    "known for such a pair"
)


@dataclass(frozen=True, slots=True)
class OperatingCurve:
    """Thresholds of one wear pair. fmr falls, thresholds rise; non_mated: trials behind it.

    Raises ConfigurationError for a table that is none.
    """

    fmr: tuple[float, ...]
    thresholds: tuple[float, ...]
    non_mated: int
    calibrated_on: str

    def __post_init__(self) -> None:
        fmr, thresholds = np.array(self.fmr), np.array(self.thresholds)
        if not (
            0 < len(fmr) == len(thresholds)
            and ((fmr > 0) & (fmr <= 1)).all()
            and (np.diff(fmr) < 0).all()
            and np.isfinite(thresholds).all()
            and (np.diff(thresholds) >= 0).all()
        ):
            raise ConfigurationError(
                "operating points: expected FMRs in (0, 1] that fall and as many thresholds that "
                f"do not, got {self.fmr} and {self.thresholds}"
            )

    def threshold(self, target_fmr: float) -> tuple[float, float]:
        """The threshold for ``target_fmr``, and the FMR that it really stands for.

        Linear in log10(FMR) between the table's rows. Beyond the ends of the table the end
        is returned: the second value then differs from the target.
        """
        reached = min(max(target_fmr, self.fmr[-1]), self.fmr[0])
        logs = -np.log10(np.array(self.fmr))
        return float(np.interp(-math.log10(reached), logs, self.thresholds)), reached


class OperatingPoints:
    """The thresholds of one encoder, by wear pair."""

    def __init__(self, encoder_id: str, curves: Mapping[WearPair, OperatingCurve]) -> None:
        self.encoder_id = encoder_id
        self._curves = dict(curves)

    @classmethod
    def shipped(cls, encoder_id: str) -> OperatingPoints:
        """The points that ship for ``encoder_id``; ConfigurationError when it has none."""
        table = _shipped_table()["encoders"].get(encoder_id)
        if table is None:
            raise ConfigurationError(
                f"the encoder {encoder_id} has no calibrated thresholds, so no score of it can "
                "be turned into a decision; use a calibrated encoder or read the scores yourself"
            )
        return cls(encoder_id, {pair: _curve(row) for pair, row in table.items()})

    def at_fmr(self, pair: WearPair, target_fmr: float) -> OperatingPoint:
        """The operating point of ``pair`` for an FMR of at most ``target_fmr`` (0 < fmr < 1).

        Where the calibration does not reach so far, ``target_fmr`` of the result is the
        nearest FMR that it supports.
        Raises ConfigurationError for another FMR, and where ``pair`` was not calibrated.
        """
        if not 0 < target_fmr < 1:
            raise ConfigurationError(f"the target FMR is a share above 0 and below 1: {target_fmr}")
        curve = self._curves.get(pair)
        if curve is None:
            raise ConfigurationError(
                f"the encoder {self.encoder_id} has no calibrated thresholds for {pair} pairs; "
                f"there are: {', '.join(sorted(self._curves)) or 'none'}"
            )
        threshold, reached = curve.threshold(target_fmr)
        return OperatingPoint(threshold, reached, self.encoder_id, pair, curve.calibrated_on)

    def verify(
        self,
        score: float,
        pair: WearPair,
        target_fmr: float = DEFAULT_FMR,
        *,
        both_real_masks: bool = False,
    ) -> Decision:
        """1:1: match when ``score`` reaches the threshold of ``pair``.

        both_real_masks: neither mask was drawn; the decision then says what that means.
        """
        point = self.at_fmr(pair, target_fmr)
        reasons = _unsupported(target_fmr, point, "the target is ")
        reasons += (REAL_MASKS,) if both_real_masks else ()
        return Decision(_outcome(score, point), score, point, None, None, reasons)

    def identify(
        self,
        candidates: tuple[Candidate, ...],
        probe_masked: bool,
        people: int,
        references: int,
        target_fpir: float = DEFAULT_FPIR,
    ) -> Decision:
        """1:N: match when the best candidate reaches the threshold for this gallery's size.

        candidates: as ``Gallery.search`` ranks them with ``other_wear_shift``, so that the first
        one has the largest margin over its threshold. people, references: how many the gallery
        holds.
        """
        if not 0 < target_fpir < 1:
            raise ConfigurationError(
                f"the target FPIR is a share above 0 and below 1: {target_fpir}"
            )
        if not candidates:
            reason = "nobody is enrolled in this gallery"
            return Decision("no_match", None, None, target_fpir, people, (reason,))
        best = candidates[0]
        wanted = comparison_fmr(target_fpir, references)
        point = self.at_fmr(wear_pair(best, probe_masked), wanted)
        reasons = _unsupported(
            wanted, point, f"an FPIR of {target_fpir:g} over {references} enrolled photos needs "
        )
        reasons += (REAL_MASKS,) if probe_masked and best.wear.kind == "real" else ()
        return Decision(
            _outcome(best.score, point), best.score, point, target_fpir, people, reasons
        )

    def other_wear_shift(
        self, probe_masked: bool, references: int, target_fpir: float = DEFAULT_FPIR
    ) -> float:
        """What ``Gallery.search`` adds to scores of templates that wear other than the probe.

        The threshold of like pairs less that of unlike ones, for this gallery's size; 0 where
        either is not calibrated, so that a gallery without unlike pairs needs no curve for them.
        """
        like: WearPair = "masked-masked" if probe_masked else "bare-bare"
        if not {like, "bare-masked"} <= self._curves.keys():
            return 0.0
        wanted = comparison_fmr(target_fpir, references)
        unlike = self.at_fmr("bare-masked", wanted).threshold
        return self.at_fmr(like, wanted).threshold - unlike


def comparison_fmr(target_fpir: float, references: int) -> float:
    """The FMR that each of ``references`` comparisons may have for an FPIR of ``target_fpir``."""
    return -math.expm1(math.log1p(-target_fpir) / max(references, 1))


def wear_pair(candidate: Candidate, probe_masked: bool) -> WearPair:
    """The wear pair of a probe and the template that won."""
    reference_masked = candidate.wear.kind in ("virtual", "real")
    if reference_masked and probe_masked:
        return "masked-masked"
    return "bare-masked" if reference_masked or probe_masked else "bare-bare"


def _outcome(score: float, point: OperatingPoint) -> Outcome:
    return "match" if score >= point.threshold else "no_match"


def _unsupported(target: float, point: OperatingPoint, lead: str) -> tuple[str, ...]:
    if point.target_fmr <= target * (1 + 1e-9):
        return ()
    return (
        f"{lead}an FMR of {target:.1e}; the calibration reaches down to "
        f"{point.target_fmr:.1e} only, so more strangers than asked may pass",
    )


@lru_cache(maxsize=1)
def _shipped_table() -> Any:
    text = resources.files("maskwise").joinpath("operating_points.json").read_text("utf-8")
    return json.loads(text)


def _curve(row: Mapping[str, Any]) -> OperatingCurve:
    return OperatingCurve(
        tuple(row["fmr"]), tuple(row["threshold"]), int(row["non_mated"]), row["calibrated_on"]
    )
