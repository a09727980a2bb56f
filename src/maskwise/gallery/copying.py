"""One gallery's people into another, on any engine: resumable, and compared at the end."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np

from maskwise.errors import ConfigurationError, InputError
from maskwise.gallery.gallery import Gallery
from maskwise.gallery.records import GallerySize, ProbeWear
from maskwise.gallery.stored import StoredReference
from maskwise.types import F32, Candidate

BATCH: Final = 256
"""References a transaction: what a kill may cost, and what other writers wait for."""
PROBES: Final = 64
"""Templates that are looked up in both galleries; twice each, as bare and as masked."""
TOP: Final = 10
EXACT: Final = 5000
"""Templates up to which every engine searches exactly; beyond, an index may miss somebody."""
MISSED: Final = 0.02
"""The share of people in which answers may then differ: each of two indexes may miss one in a
hundred (``index_care.LEAST_RECALL``)."""
SCORE_TOLERANCE: Final = 1e-5
"""How far a score may differ: engines add up in another order (float32 has 6e-8 a step)."""

_SEED: Final = 20260301


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What a copy did and how the two galleries compare.

    copied: references stored now; already: that an earlier run had stored. probes: how many
    searches were made in both. problems: sentences, each a difference; [] for a true copy.
    missed: people that one of two indexes did not find, few enough to be no problem.
    retention_days: the limit, where it was copied too: the source has one and the target had none.
    """

    size: GallerySize
    copied: int
    already: int
    probes: int
    problems: tuple[str, ...]
    missed: int = 0
    retention_days: int | None = None


def copy(
    source: Gallery,
    target: Gallery,
    *,
    verify: bool = True,
    on_copied: Callable[[int], None] | None = None,
    on_verified: Callable[[int], None] | None = None,
) -> CopyReport:
    """Copy everybody into ``target``, which is empty or holds a part of such a copy.

    A batch is one transaction, so a run that ends early leaves whole references, and the next
    one goes on: what is there is compared by its hash and not stored again. verify: compare
    counts, the hash and the order of every reference, and the answers to sampled probes.
    How long people are kept goes along where the target has no limit, and both engines keep one.
    on_copied, on_verified: told how many more references were dealt with.
    Raises InputError when the target holds others, or the same with other content: nothing is
    stored then. Raises what ``Gallery.restore`` raises.
    """
    there = {record.reference_id: record.sha256() for record in target.export()}
    if there:
        _check_part(source, target, there)
    already = len(there)
    copied = 0
    todo = source.export()
    with target.loading():
        while some := list(itertools.islice(todo, BATCH)):
            new = [record for record in some if record.reference_id not in there]
            copied += target.restore(new) if new else 0
            if on_copied is not None:
                on_copied(len(some))
    days = _carry_limit(source, target)
    problems: list[str] = []
    probes = missed = 0
    if verify:
        problems, sample = _compare(source, target, on_verified)
        found, missed = _other_answers(source, target, sample)
        probes = len(sample) * len(get_args(ProbeWear))
        problems += found
    return CopyReport(target.size(), copied, already, probes, tuple(problems), missed, days)


def _carry_limit(source: Gallery, target: Gallery) -> int | None:
    try:
        days, own = source.retention_days, target.retention_days
    except ConfigurationError:
        return None
    if days is None or own is not None:
        return None
    target.set_retention_days(days)
    return days


def _check_part(source: Gallery, target: Gallery, there: dict[str, str]) -> None:
    left = dict(there)
    for record in source.export():
        held = left.pop(record.reference_id, None)
        if held is not None and held != record.sha256():
            raise InputError(
                f"{target.where} holds the reference {record.reference_id} ({record.subject}) "
                f"with other content than {source.where}: it was changed since it was copied; "
                "copy into a new gallery"
            )
    if left:
        raise InputError(
            f"{target.where} holds {len(left)} photos that {source.where} has not; a copy goes "
            "into an empty gallery, or on from a copy that was interrupted: name another one"
        )


def _compare(
    source: Gallery, target: Gallery, told: Callable[[int], None] | None
) -> tuple[list[str], list[F32]]:
    """Differences, and some templates of the source, drawn evenly from all of it."""
    problems: list[str] = []
    if source.size() != target.size():
        problems.append(f"the counts differ: {source.size()} and {target.size()}")
    if (source.encoder_id, source.encoder_space) != (target.encoder_id, target.encoder_space):
        problems.append("the encoder or its space differs")
    rng = random.Random(_SEED)
    sample: list[F32] = []
    different = 0
    for number, (mine, other) in enumerate(
        itertools.zip_longest(_told(source.export(), told), target.export())
    ):
        if mine is None or other is None or mine.sha256() != other.sha256():
            different += 1
            if different <= 5:
                some = mine or other
                assert some is not None
                problems.append(f"reference {some.reference_id} ({some.subject}) differs")
        if mine is not None:  # A reservoir: each reference with the same chance.
            place = number if number < PROBES else rng.randrange(number + 1)
            if place < PROBES:
                vector = rng.choice(mine.photo.templates).vector
                sample[place : place + 1] = [vector]
    if different > 5:
        problems.append(f"{different} references differ in all")
    return problems, sample


def _told(
    records: Iterable[StoredReference], told: Callable[[int], None] | None
) -> Iterator[StoredReference]:
    for record in records:
        yield record
        if told is not None:
            told(1)


def _other_answers(source: Gallery, target: Gallery, sample: list[F32]) -> tuple[list[str], int]:
    """Problems, and in how many people the answers differ."""
    if not sample:
        return [], 0
    probes = np.stack(sample).astype(np.float32)
    exact = source.size().templates <= EXACT
    wrong = missed = asked = 0
    for wear in get_args(ProbeWear):
        for mine, other in zip(
            source.search(probes, wear=wear, top=TOP),
            target.search(probes, wear=wear, top=TOP),
            strict=True,
        ):
            misses = _misses(mine, other)
            wrong += misses > 0
            missed += misses
            asked += len(mine)
    problems = []
    if exact and wrong:
        problems = [f"{wrong} of {2 * len(sample)} sampled searches give other people or scores"]
    elif missed > MISSED * asked:
        problems = [f"sampled searches differ in {missed} of {asked} people: an index misses them"]
    return problems, missed


def _misses(mine: Sequence[Candidate], other: Sequence[Candidate]) -> int:
    """In how many people two answers differ.

    People within the tolerance of one another may change places, also at the end.
    """
    a, b = ({c.subject_id: c.score for c in found} for found in (mine, other))
    last = [min(found.values(), default=0.0) + 2 * SCORE_TOLERANCE for found in (a, b)]
    return (
        sum(abs(a[uid] - b[uid]) > SCORE_TOLERANCE for uid in a.keys() & b.keys())
        + max(
            sum(score > last[0] for uid, score in a.items() if uid not in b),
            sum(score > last[1] for uid, score in b.items() if uid not in a),
        )
        + abs(len(a) - len(b))
    )
