"""Which thresholds a report draws: those that decisions use, else some picked on the trials."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from maskwise.decide import OperatingPoints, comparison_fmr
from maskwise.errors import ConfigurationError
from maskwise.evaluate.calibration import known_pair
from maskwise.evaluate.identification import threshold_for_fpir
from maskwise.evaluate.report.words import percent, score
from maskwise.evaluate.scores import DECIDED, UNKNOWN, Labels, Scores, wear_kind
from maskwise.evaluate.searches import Searches
from maskwise.evaluate.verification import threshold_for_fmr, unsupported
from maskwise.types import OperatingPoint


@dataclass(frozen=True, slots=True)
class Limit:
    """The threshold of a wear pair. target: FMR or FPIR meant. calibrated_on: "" where it was
    picked on these very trials, so that its FMR says nothing of others. short: what was asked for
    and is beyond the calibration, in words; "" where it is not.
    """

    threshold: float
    target: float
    calibrated_on: str
    short: str = ""

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
                short = (
                    ""
                    if point.supported
                    else f"the lowest that it supports ({target_fmr:.2g} was asked for)"
                )
                found[name] = Limit(point.threshold, point.target_fmr, point.calibrated_on, short)
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
    """The threshold of ``identify`` for ``searches`` on one scale (``on_one_scale``), else one
    picked on these searches; None without a stranger.
    """
    known = _levels(searches, points, target_fpir)
    if known:
        main = next(iter(known.values()))
        short = (
            ""
            if all(point.supported for point in known.values())
            else f"which it does not support over {searches.references:,} enrolled photos: more "
            "strangers may pass"
        )
        return Limit(main.threshold, target_fpir, main.calibrated_on, short)
    strangers = int(np.count_nonzero(~searches.mated))
    if not strangers:
        return None
    target = own_target(strangers, target_fpir, "non-mated searches")
    return Limit(threshold_for_fpir(searches, target), target, "")


def on_one_scale(
    searches: Searches, points: OperatingPoints | None, target_fpir: float
) -> tuple[Searches, str]:
    """The searches, so that one threshold decides all of them as ``identify`` does; and a sentence.

    Bare and masked probes have a threshold each. Where there are both, scores of the rarer are
    shifted by the difference, so that each lies as far from the threshold as from its own; ""
    and the searches as they are where there is one kind, or no calibration.
    """
    known = _levels(searches, points, target_fpir)
    if len(known) < 2:
        return searches, ""
    pairs, scored = _like_pairs(searches), searches.probe_failure.where("")
    (main, level), *others = known.items()
    shift = np.zeros(len(searches))
    said = []
    for pair, point in others:
        here = scored & (pairs == pair)
        shift[here] = level.threshold - point.threshold
        said.append(
            f"{np.count_nonzero(here):,} searches are decided by the threshold for {pair}, "
            f"{score(point.threshold)}; here their scores are shifted by "
            f"{level.threshold - point.threshold:+.4f}, so that the one for {main}, "
            f"{score(level.threshold)}, serves for all."
        )
    moved = replace(
        searches,
        mate_score=searches.mate_score + shift,
        other_score=searches.other_score + shift,
    )
    return moved, " ".join(said)


def _levels(
    searches: Searches, points: OperatingPoints | None, target_fpir: float
) -> dict[str, OperatingPoint]:
    """Wear pair -> its threshold, the most frequent first; {} where one is not calibrated.

    All scores of a search are on the scale of like pairs (``score_searches``).
    """
    pairs = _like_pairs(searches)
    kinds = Counter(pairs[searches.probe_failure.where("")].tolist()).most_common()
    if points is None or not kinds:
        return {}
    wanted = comparison_fmr(target_fpir, searches.references)
    found: dict[str, OperatingPoint] = {}
    for name, _ in kinds:
        pair = known_pair(name)
        if pair is None:
            return {}
        try:
            found[name] = points.at_fmr(pair, wanted)
        except ConfigurationError:
            return {}
    return found


def _like_pairs(searches: Searches) -> npt.NDArray[np.str_]:
    """(S,) whose threshold decides: by what the pipeline takes the probe for, where that is told,
    else by what it wears."""
    told = dict(searches.attributes).get(DECIDED)
    if told is not None:
        return told.words()
    like = {"none": "bare-bare", "unknown": UNKNOWN}
    words = [like.get(wear_kind(word), "masked-masked") for word in searches.probe_wear.values]
    return Labels.coded(searches.probe_wear.codes, words).words()


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
    short = f", {limit.short}" if limit.short else ""
    return f"calibrated on {limit.calibrated_on}, for an {rate} of {percent(limit.target)}{short}"


def caution(limits: Iterable[Limit], rate: str) -> Iterator[str]:
    """What to think of thresholds that were picked on the trials they are judged on."""
    if any(limit.own for limit in limits):
        yield (
            f"Thresholds that were picked on these very trials meet their {rate} by choice: what "
            f"{rate} other people would see is not known from this report."
        )
