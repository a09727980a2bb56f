"""Which thresholds a report draws: those that decisions use, else some picked on the trials."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from maskwise.decide import OperatingPoints, comparison_fmr
from maskwise.errors import ConfigurationError
from maskwise.evaluate.calibration import known_pair
from maskwise.evaluate.identification import threshold_for_fpir
from maskwise.evaluate.report.words import percent
from maskwise.evaluate.scores import Scores
from maskwise.evaluate.searches import Searches
from maskwise.evaluate.verification import threshold_for_fmr, unsupported


@dataclass(frozen=True, slots=True)
class Limit:
    """The threshold of a wear pair. target: FMR or FPIR meant. calibrated_on: "" where it was
    picked on these very trials, so that its FMR says nothing of others.
    """

    threshold: float
    target: float
    calibrated_on: str

    @property
    def own(self) -> bool:
        """Picked on the trials that it is counted on."""
        return not self.calibrated_on


def points_for(encoder_id: str, given: OperatingPoints | None) -> OperatingPoints | None:
    """``given``, else what ships for the encoder; None where nothing does.

    Raises ConfigurationError for points of another encoder.
    """
    if given is not None:
        if given.encoder_id != encoder_id:
            raise ConfigurationError(
                f"the thresholds are of the encoder {given.encoder_id}, and the scores of "
                f"{encoder_id}; scores of one say nothing to the other: calibrate for this one"
            )
        return given
    try:
        return OperatingPoints.shipped(encoder_id)
    except ConfigurationError:
        return None


def of_trials(
    scores: Scores, points: OperatingPoints | None, target_fmr: float
) -> dict[str, Limit]:
    """Wear pair -> its threshold; without one where no non-mated trial tells."""
    pairs, fine = scores.wear_pair(), ~scores.failed
    found: dict[str, Limit] = {}
    for name in pairs.values:
        pair = known_pair(name)
        if points is not None and pair is not None:
            try:
                point = points.at_fmr(pair, target_fmr)
                found[name] = Limit(point.threshold, point.target_fmr, point.calibrated_on)
                continue
            except ConfigurationError:
                pass  # not calibrated for this pair
        strangers = scores.scores[pairs.where(name) & fine & ~scores.mated]
        if strangers.size:
            target = own_target(strangers.size, target_fmr, "non-mated trials")
            found[name] = Limit(threshold_for_fmr(strangers, target), target, "")
    return found


def of_searches(
    searches: Searches, points: OperatingPoints | None, target_fpir: float
) -> Limit | None:
    """The threshold of ``identify`` where all searches are of one calibrated wear pair, else one
    picked on these searches; None without a stranger.
    """
    kinds = {
        (a.partition(":")[0], b.partition(":")[0])
        for a in searches.reference_wear.values
        for b in searches.probe_wear.values
    }
    if points is not None and len(kinds) == 1:
        ((reference, probe),) = kinds
        masked = sum(kind in ("virtual", "real") for kind in (reference, probe))
        pair = known_pair(("bare-bare", "bare-masked", "masked-masked")[masked])
        if "unknown" not in (reference, probe) and pair is not None:
            try:
                wanted = comparison_fmr(target_fpir, searches.references)
                point = points.at_fmr(pair, wanted)
                return Limit(point.threshold, target_fpir, point.calibrated_on)
            except ConfigurationError:
                pass
    strangers = int(np.count_nonzero(~searches.mated))
    if not strangers:
        return None
    target = own_target(strangers, target_fpir, "non-mated searches")
    return Limit(threshold_for_fpir(searches, target), target, "")


def own_target(trials: int, wanted: float, what: str) -> float:
    """``wanted``, or the next decade that ``trials`` support, up to 0.1."""
    target = wanted
    while target < 0.1 and unsupported(trials, target, what):
        target = min(0.1, target * 10)
    return target


def origin(limit: Limit, rate: str) -> str:
    """Where a threshold comes from. rate: ``FMR`` or ``FPIR``."""
    if limit.own:
        return f"picked on these very trials, for an {rate} of at most {percent(limit.target)}"
    return f"calibrated on {limit.calibrated_on}, for an {rate} of {percent(limit.target)}"


def caution(limits: Iterable[Limit], rate: str) -> Iterator[str]:
    """What to think of thresholds that were picked on the trials they are judged on."""
    if any(limit.own for limit in limits):
        yield (
            f"Thresholds that were picked on these very trials meet their {rate} by choice: what "
            f"{rate} other people would see is not known from this report."
        )
