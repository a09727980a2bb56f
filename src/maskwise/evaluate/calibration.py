"""Scores of trials -> thresholds that mean something, and LLRs, for each wear pair.

People whose results are reported take no part in fitting: whoever calibrates names them, and an
overlap is refused. ``calibration_file`` keeps what is fitted here.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from maskwise.decide import OperatingCurve, OperatingPoints
from maskwise.errors import EvaluationError
from maskwise.evaluate.llr import (
    LlrMap,
    cllr,
    fit_logistic,
    fit_pav,
    min_cllr,
)
from maskwise.evaluate.scores import Provenance, Scores
from maskwise.evaluate.verification import checked, threshold_for_fmr
from maskwise.types import WearPair

LEAST_MATED: Final = 30
"""Fewer mated trials than this fit nothing: whatever their FNMR, 30 errors are not among them
(the rule of 30, see ``verification.LEAST_ERRORS``)."""
LEAST_MATCHES: Final = 10
"""False matches behind the last row of a table. With 10 the true FMR lies between 0.48 and 1.84
times the stated one at 95 % (Poisson, Garwood 1936), if trials are independent; what a report
calls supported needs 30 (``verification.LEAST_ERRORS``)."""
HIGHEST_FMR: Final = 0.1
ROWS_A_DECADE: Final = 4

MapKind = Literal["logistic", "pav"]


@dataclass(frozen=True, slots=True)
class PairCalibration:
    """One wear pair: thresholds, the map of its scores, and the counts behind both.

    cllr: of the map on the trials it was fitted on, in bits; min_cllr: of the best rising map.
    """

    curve: OperatingCurve
    scores_to_llr: LlrMap
    mated: int
    non_mated: int
    people: int
    cllr: float
    min_cllr: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The wear pairs of one encoder. refused: wear pair -> why it is not calibrated.

    target_fmr: what ``verify`` decides at by it; None: its own default.
    """

    encoder_id: str
    pairs: Mapping[WearPair, PairCalibration]
    provenance: Provenance
    refused: Mapping[str, str]
    target_fmr: float | None = None

    def operating_points(self) -> OperatingPoints:
        """What ``decide`` asks for thresholds; the shipped ones play no part."""
        curves = {
            pair: replace(found.curve, scores_to_llr=found.scores_to_llr)
            for pair, found in self.pairs.items()
        }
        return OperatingPoints(self.encoder_id, curves, source="own")


def calibrate(
    scores: Scores,
    *,
    reported_people: Collection[str],
    calibrated_on: str,
    kind: MapKind = "logistic",
    least_matches: float = LEAST_MATCHES,
) -> Calibration:
    """Fit each wear pair of ``scores`` that has trials enough.

    reported_people: whose results are reported; () says that none are. calibrated_on: in words,
    printed with decisions. Trials of unknown wear are left out; a wear pair with too few trials
    is refused and named; mated trials of the same two photos count once there, however often masks
    were drawn on them. Of the provenance, settings and notes are left out, as they may hold names
    and paths. Raises EvaluationError when people of ``scores`` are reported too, and when no wear
    pair can be fitted.
    """
    check_disjoint(scores.people(), reported_people)
    wear_pairs, fine, codes = scores.wear_pair(), ~scores.failed, scores.subject_codes()
    fitted: dict[WearPair, PairCalibration] = {}
    refused: dict[str, str] = {}
    for pair in wear_pairs.values:
        here = wear_pairs.where(pair) & fine
        known = known_pair(pair)
        if known is None:
            refused[pair] = f"{int(here.sum())} trials of which one side's wear is not known"
            continue
        try:
            check_mated(_distinct(scores.pairs[here & scores.mated]))
            fitted[known] = fit_pair(
                scores.scores[here & scores.mated],
                scores.scores[here & ~scores.mated],
                people=len(np.unique(codes[here])),
                calibrated_on=calibrated_on,
                kind=kind,
                least_matches=least_matches,
            )
        except EvaluationError as error:
            refused[pair] = str(error)
    if not fitted:
        why = "; ".join(f"{pair}: {problem}" for pair, problem in refused.items())
        raise EvaluationError(f"nothing to calibrate: {why or 'there is no trial'}")
    return Calibration(
        scores.provenance.encoder_id,
        MappingProxyType(fitted),
        replace(scores.provenance, settings=MappingProxyType({}), notes=()),
        MappingProxyType(refused),
    )


def fit_pair(
    mated: npt.ArrayLike,
    non_mated: npt.ArrayLike,
    *,
    people: int,
    calibrated_on: str,
    kind: MapKind = "logistic",
    least_matches: float = LEAST_MATCHES,
) -> PairCalibration:
    """One wear pair. Raises EvaluationError for fewer than ``LEAST_MATED`` mated trials, and for
    too few non-mated ones to reach ``HIGHEST_FMR``.
    """
    count = np.size(mated)
    check_mated(count)
    fit = fit_logistic if kind == "logistic" else fit_pav
    curve = fit_curve(non_mated, calibrated_on=calibrated_on, least_matches=least_matches)
    scores_to_llr: LlrMap = fit(mated, non_mated)
    return PairCalibration(
        curve,
        scores_to_llr,
        count,
        int(np.size(non_mated)),
        people,
        cllr(scores_to_llr.llr(mated), scores_to_llr.llr(non_mated)),
        min_cllr(mated, non_mated),
    )


def check_mated(count: int) -> None:
    """EvaluationError, with why and what to do, for fewer than ``LEAST_MATED`` mated trials."""
    if count < LEAST_MATED:
        raise EvaluationError(
            f"{count} mated trials are too few to calibrate with ({LEAST_MATED} at least): how "
            "often somebody is not recognised could not be told from chance; add photos, two or "
            "more of each person (n photos of a person make n (n - 1) / 2 mated trials)"
        )


def _distinct(pairs: npt.NDArray[np.int32]) -> int:
    """How many unordered pairs of photos (T, 2) holds."""
    return len(np.unique(np.sort(pairs, axis=1), axis=0))


def fit_curve(
    non_mated: npt.ArrayLike,
    *,
    calibrated_on: str,
    least_matches: float = LEAST_MATCHES,
) -> OperatingCurve:
    """The table of ``decide``: at each FMR the lowest threshold that keeps to it.

    From ``HIGHEST_FMR`` down, ``ROWS_A_DECADE`` rows, and one at least_matches / N, beyond which
    nothing is said. Raises EvaluationError where N is too small for a single row.
    """
    scores = checked(non_mated, "non-mated")
    lowest = least_matches / scores.size
    if not 0 < lowest <= HIGHEST_FMR:
        raise EvaluationError(
            f"{scores.size} non-mated trials are too few to calibrate with "
            f"({least_matches / HIGHEST_FMR:.0f} at least); add photos of more people"
        )
    steps = np.arange(0, np.log10(HIGHEST_FMR / lowest) * ROWS_A_DECADE)
    rates = HIGHEST_FMR * 10.0 ** (-steps / ROWS_A_DECADE)
    # A row close above the last one would tell nothing more.
    rates = np.append(rates[rates > lowest * 1.2], lowest)
    # The FMR is rounded for readers before its threshold is picked, so that "at most" holds; the
    # last is rounded up, as its trials must lead one to expect least_matches.
    shown = [float(f"{rate:.4g}") for rate in rates]
    shown[-1] = shown[-1] if shown[-1] >= lowest else float(f"{lowest * 1.0005:.4g}")
    ordered = np.sort(scores)
    thresholds = tuple(threshold_for_fmr(ordered, rate) for rate in shown)
    return OperatingCurve(tuple(shown), thresholds, scores.size, calibrated_on)


def check_disjoint(calibration: Collection[str], reported: Collection[str]) -> None:
    """EvaluationError where somebody is in both sets of people."""
    both = sorted(set(calibration) & set(reported))
    if both:
        names = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
        raise EvaluationError(
            f"{len(both)} of the people to calibrate on are reported too ({names}): thresholds "
            "would know their answers; split the people, by person and not by photo"
        )


def check_target(calibration: Calibration, pair: WearPair, target_fmr: float) -> float:
    """The threshold of ``pair`` for ``target_fmr``.

    Raises EvaluationError, with what would be needed, where the trials do not reach so far.
    """
    found = calibration.pairs.get(pair)
    if found is None:
        why = calibration.refused.get(pair, "there was no such trial")
        raise EvaluationError(f"{pair} is not calibrated: {why}")
    threshold, reached = found.curve.threshold(target_fmr)
    if reached > target_fmr * (1 + 1e-9):
        needed = round(found.curve.fmr[-1] * found.non_mated) / target_fmr
        raise EvaluationError(
            f"{pair}: an FMR of {target_fmr:g} is not supported by {found.non_mated:,} non-mated "
            f"trials, which reach {reached:.2g}; it needs {needed:,.0f}"
        )
    return threshold


def known_pair(word: str) -> WearPair | None:
    """``word`` if it is a wear pair."""
    for pair in get_args(WearPair):
        if word == pair:
            return pair  # type: ignore[no-any-return]
    return None
