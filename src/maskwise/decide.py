"""Score + operating point of the wear pair -> Decision.

The shipped operating points stand in ``operating_points.json``: for each encoder and wear pair
a table of false match rates (FMR) and the lowest threshold that keeps to them, with the number
of trials behind it. ``training/operating_points/`` makes it. A calibration of one's own lies beside
the gallery (``own_calibration``).

A threshold here means "at most": among the non-mated comparisons it was fitted on, no more than
the target share has score >= threshold. Identification is open set (ISO/IEC 19795-1): with R
independent references, FPIR = 1 - (1 - FMR)^R, so each comparison is held to
FMR = 1 - (1 - FPIR)^(1/R), and the threshold rises with the gallery.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import numpy as np

from maskwise import uncalibrated
from maskwise.errors import ConfigurationError
from maskwise.likelihood import LlrMap, is_bound, map_from_json
from maskwise.types import (
    CalibratedBy,
    Candidate,
    Decision,
    OperatingPoint,
    Outcome,
    WearPair,
)

DEFAULT_FMR: Final = 1e-3
DEFAULT_FPIR: Final = 0.01
_CLOSE: Final = 1e-9
_CROSS: Final = " x "  # between the encoders of references and probes
REAL_MASKS: Final = (
    "both faces wear real masks; the threshold was fitted on drawn ones, so its error rate is not "
    "known for such a pair"
)


@dataclass(frozen=True, slots=True)
class OperatingCurve:
    """Thresholds of one wear pair. fmr falls, thresholds rise; non_mated: trials behind it.

    scores_to_llr: the map of its scores, where one was fitted.
    Raises ConfigurationError for a table that is none.
    """

    fmr: tuple[float, ...]
    thresholds: tuple[float, ...]
    non_mated: int
    calibrated_on: str
    scores_to_llr: LlrMap | None = None

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
    """The thresholds of one encoder, by wear pair.

    source: whose they are. fallback: decides where these have no curve, or were fitted on too few
    trials for the FMR that is asked for; its thresholds then count, but none below these.
    default_fmr: what ``verify`` decides at where nothing else is asked for.
    """

    def __init__(
        self,
        encoder_id: str,
        curves: Mapping[WearPair, OperatingCurve],
        *,
        source: CalibratedBy = "given",
        fallback: OperatingPoints | None = None,
        default_fmr: float = DEFAULT_FMR,
    ) -> None:
        if not 0 < default_fmr < 1:
            raise ConfigurationError(
                f"the target FMR is a share above 0 and below 1: {default_fmr}"
            )
        self.encoder_id = encoder_id
        self.source: CalibratedBy = source
        self._curves = dict(curves)
        self._fallback = fallback
        self.default_fmr = default_fmr

    @classmethod
    def shipped(cls, encoder_id: str) -> OperatingPoints:
        """The points that ship for ``encoder_id``; ConfigurationError when it has none."""
        table = _shipped_table()["encoders"].get(encoder_id)
        if table is None:
            raise ConfigurationError(
                f"the encoder {encoder_id} has no calibrated thresholds, so no score of it can "
                "be turned into a decision; use a calibrated encoder, calibrate it yourself "
                "(maskwise calibrate), or read the scores yourself"
            )
        curves = {pair: curve_from_json(row) for pair, row in table.items()}
        return cls(encoder_id, curves, source="shipped")

    @classmethod
    def uncalibrated(cls, encoder_id: str) -> OperatingPoints:
        """None at all: scores rank, every decision is "insufficient" and says what to do."""
        return cls(encoder_id, {})

    @classmethod
    def shipped_or_none(cls, encoder_id: str) -> OperatingPoints | None:
        """As ``shipped``; None when ``encoder_id`` has no calibrated thresholds."""
        return cls.shipped(encoder_id) if encoder_id in _shipped_table()["encoders"] else None

    def at_fmr(self, pair: WearPair, target_fmr: float) -> OperatingPoint:
        """The operating point of ``pair`` for an FMR of at most ``target_fmr`` (0 < fmr < 1).

        Where no calibration reaches so far, the result is not ``supported`` and its
        ``target_fmr`` is the nearest FMR that one supports.
        Raises ConfigurationError for another FMR, and where ``pair`` was not calibrated.
        """
        if not 0 < target_fmr < 1:
            raise ConfigurationError(f"the target FMR is a share above 0 and below 1: {target_fmr}")
        curve = self._curves.get(pair)
        fallback = self._fallback if self._fallback and pair in self._fallback.pairs else None
        if curve is None:
            if fallback is not None:
                return fallback.at_fmr(pair, target_fmr)
            raise ConfigurationError(
                f"the encoder {self.encoder_id} has no calibrated thresholds for {pair} pairs; "
                f"there are: {', '.join(sorted(self._curves)) or 'none'}"
            )
        threshold, reached = curve.threshold(target_fmr)
        supported = reached <= target_fmr * (1 + _CLOSE)
        if fallback is not None and not supported:
            beyond = fallback.at_fmr(pair, target_fmr)
            if beyond.target_fmr < reached:
                # Never below its own last row: a smaller FMR must not have a lower threshold.
                return replace(beyond, threshold=max(threshold, beyond.threshold))
        return OperatingPoint(
            threshold,
            reached,
            self.encoder_id,
            pair,
            curve.calibrated_on,
            self.source,
            supported,
        )

    @property
    def pairs(self) -> frozenset[WearPair]:
        """The wear pairs that there are thresholds for."""
        found = frozenset(self._curves)
        return found | self._fallback.pairs if self._fallback else found

    def llr(self, score: float, pair: WearPair) -> float | None:
        """The log-likelihood ratio of ``score``; None where no map was fitted for ``pair``."""
        scores_to_llr = self._scores_to_llr(pair)
        if scores_to_llr is None or not math.isfinite(score):
            return None
        return float(scores_to_llr.llr(score))

    def llr_is_bound(self, score: float, pair: WearPair) -> bool:
        """Whether ``llr`` is as strong as its map can say: the true one may be stronger."""
        llr, scores_to_llr = self.llr(score, pair), self._scores_to_llr(pair)
        return llr is not None and scores_to_llr is not None and is_bound(llr, scores_to_llr.ends)

    def _scores_to_llr(self, pair: WearPair) -> LlrMap | None:
        curve = self._curves.get(pair)
        if curve is not None and curve.scores_to_llr is not None:
            return curve.scores_to_llr
        return self._fallback._scores_to_llr(pair) if self._fallback else None

    def verify(
        self,
        score: float,
        pair: WearPair,
        target_fmr: float | None = None,
        *,
        both_real_masks: bool = False,
    ) -> Decision:
        """1:1: match when ``score`` reaches the threshold of ``pair``.

        target_fmr: None: ``default_fmr``.
        both_real_masks: neither mask was drawn; the decision then says what that means.
        """
        if not self.pairs:
            return Decision("insufficient", score, None, reasons=(self._uncalibrated,))
        wanted = self.default_fmr if target_fmr is None else target_fmr
        point = self.at_fmr(pair, wanted)
        reasons = self._remarks(wanted, point, "the target is ")
        reasons += (REAL_MASKS,) if both_real_masks else ()
        return Decision(
            _outcome(score, point),
            score,
            point,
            reasons=reasons,
            llr=self.llr(score, pair),
            llr_is_bound=self.llr_is_bound(score, pair),
        )

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
        if not self.pairs:
            return Decision(
                "insufficient", best.score, None, target_fpir, people, (self._uncalibrated,)
            )
        wanted = comparison_fmr(target_fpir, references)
        pair = wear_pair(best, probe_masked)
        point = self.at_fmr(pair, wanted)
        reasons = self._remarks(
            wanted, point, f"an FPIR of {target_fpir:g} over {references} enrolled photos needs "
        )
        reasons += (REAL_MASKS,) if probe_masked and best.wear.kind == "real" else ()
        return Decision(
            _outcome(best.score, point),
            best.score,
            point,
            target_fpir,
            people,
            reasons,
            self.llr(best.score, pair),
            self.llr_is_bound(best.score, pair),
        )

    def other_wear_shift(
        self, probe_masked: bool, references: int, target_fpir: float = DEFAULT_FPIR
    ) -> float:
        """What ``Gallery.search`` adds to scores of templates that wear other than the probe.

        The threshold of like pairs less that of unlike ones, for this gallery's size; 0 where
        either is not calibrated, so that a gallery without unlike pairs needs no curve for them.
        """
        like: WearPair = "masked-masked" if probe_masked else "bare-bare"
        if not {like, "bare-masked"} <= self.pairs:
            return 0.0
        wanted = comparison_fmr(target_fpir, references)
        unlike = self.at_fmr("bare-masked", wanted).threshold
        return self.at_fmr(like, wanted).threshold - unlike

    @property
    def _uncalibrated(self) -> str:
        shipped = [(references_of(p), probes_of(p)) for p in _shipped_table()["encoders"]]
        if _CROSS in self.encoder_id:
            pair = references_of(self.encoder_id), probes_of(self.encoder_id)
            return uncalibrated.of_two(*pair, shipped)
        return uncalibrated.of_one(self.encoder_id, shipped)

    def _remarks(self, wanted: float, point: OperatingPoint, lead: str) -> tuple[str, ...]:
        """What is to be said of a point for an FMR of ``wanted``; lead: who wants it."""
        reasons = []
        if self.source == "own" != point.calibration:
            curve = self._curves.get(point.wear_pair)
            why = "has none for this pair" if curve is None else f"reaches {curve.fmr[-1]:.1e} only"
            reasons.append(
                f"{lead}an FMR of {wanted:.1e}; the calibration beside the gallery {why}, so "
                "the shipped thresholds decide"
            )
        if not point.supported:
            reasons.append(
                f"unsupported: {lead}an FMR of {wanted:.1e}; the calibration reaches down to "
                f"{point.target_fmr:.1e} only, so more strangers than asked may pass"
            )
        return tuple(reasons)


def pair_id(references: str | None, probes: str) -> str:
    """What the thresholds of one encoder's probes against another's references are filed under.

    The encoder's id where both are one.
    """
    return probes if references in (None, probes) else f"{references}{_CROSS}{probes}"


def references_of(pair: str) -> str:
    """The encoder of the references that thresholds are for; pair: as ``pair_id`` gives it."""
    return pair.partition(_CROSS)[0]


def probes_of(pair: str) -> str:
    """Likewise of the probes."""
    return pair.partition(_CROSS)[2] or pair


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


@lru_cache(maxsize=1)
def _shipped_table() -> Any:
    text = resources.files("maskwise").joinpath("operating_points.json").read_text("utf-8")
    return json.loads(text)


def curve_from_json(row: Mapping[str, Any]) -> OperatingCurve:
    """A wear pair's row of a calibration file, its map of scores included where it has one.

    Raises ConfigurationError, EvaluationError, KeyError, TypeError or ValueError for what is none.
    """
    return OperatingCurve(
        tuple(map(float, row["fmr"])),
        tuple(map(float, row["threshold"])),
        int(row["non_mated"]),
        str(row["calibrated_on"]),
        map_from_json(row["llr"]) if "llr" in row else None,
    )
