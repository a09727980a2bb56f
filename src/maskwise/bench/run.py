"""The benchmark: all contestants on each photo in turn, and what comes of it.

A photo is looked at by maskwise and by each peer within one second or so, so that a busy machine
slows all alike; a ratio is the median over the photos of the two times on the same photo.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from maskwise.bench.contestant import REFERENCES, Contestant, Look
from maskwise.bench.ours import STAGES, WHOLE, Ours
from maskwise.bench.peers import MATCHES
from maskwise.errors import ImageError

PAUSE_S: Final = 0.1
"""Before each look: threads of NumPy and ONNX Runtime spin for some 50 ms after their work, and
on two cores made what came next slower by a third."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Of ``count`` values: the median, and what a tenth of them lies below and above."""

    count: int
    median: float
    p10: float
    p90: float


@dataclass(slots=True)
class PeerLooks:
    """A peer and its looks beside ours: (step -> seconds, our look at the same photo)."""

    contestant: Contestant
    pairs: list[tuple[Look, Look]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Rounds:
    """What was looked at. interrupted: not all of it."""

    ours: list[Look] = field(default_factory=list)
    whole: list[Look] = field(default_factory=list)
    peers: dict[str, PeerLooks] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


def readable(photos: Sequence[Path], ours: Ours) -> tuple[list[Path], dict[str, str]]:
    """Those photos that can be decoded, and why the others cannot; opens the models on the way."""
    found: list[Path] = []
    unreadable: dict[str, str] = {}
    for path in photos:
        try:
            picture = ours.recognizer.load(path)
        except ImageError as error:
            unreadable[str(path)] = str(error)
            continue
        if not found:
            ours.answer(picture)
        found.append(path)
    return found, unreadable


def look_at_all(
    photos: Sequence[Path],
    ours: Ours,
    peers: Mapping[str, Contestant],
    repeat: int,
    on_photo: Callable[[], None] = lambda: None,
) -> Rounds:
    """Every photo ``repeat`` times by every contestant. Ctrl-C ends it with what there is.

    The first photo is looked at once before, outside the time: models open, caches fill.
    """
    rounds = Rounds(peers={name: PeerLooks(one) for name, one in peers.items()})
    try:
        _look(photos[0], ours, rounds, keep=False)
        for _ in range(repeat):
            for path in photos:
                _look(path, ours, rounds, keep=True)
                on_photo()
    except KeyboardInterrupt:
        rounds.interrupted = True
    return rounds


def _look(path: Path, ours: Ours, rounds: Rounds, *, keep: bool) -> None:
    time.sleep(PAUSE_S)
    look = ours.look_at(path)
    time.sleep(PAUSE_S)
    whole = ours.whole(path)
    if keep:
        rounds.ours.append(look)
        rounds.whole.append(whole)
    for peer in rounds.peers.values():
        time.sleep(PAUSE_S)
        try:
            theirs = peer.contestant.look_at(path)
        except Exception as error:  # theirs, and of any kind: a format that it cannot read
            peer.failed[str(path)] = f"{type(error).__name__}: {error}"
            continue
        if keep:
            peer.pairs.append((theirs, look))


def spread(values: Sequence[float]) -> Spread | None:
    """None of nothing."""
    if not values:
        return None
    p10, middle, p90 = (float(v) for v in np.quantile(values, [0.1, 0.5, 0.9]))
    return Spread(len(values), middle, p10, p90)


def stage_rows(rounds: Rounds) -> list[dict[str, Any]]:
    """A row each of ``STAGES``, then of ``WHOLE``: ms a photo, or a face where it is by face."""
    rows = []
    for units, looks in ((STAGES, rounds.ours), (WHOLE, rounds.whole)):
        for name, per in units.items():
            values = [
                1000 * look.seconds[name] / (look.faces if per == "face" else 1)
                for look in looks
                if name in look.seconds
            ]
            rows.append({"stage": name, "per": per, **_ms(spread(values))})
    return rows


def whole_row(rounds: Rounds, name: str) -> dict[str, Any]:
    """Of ``identify`` or ``enrol``: photos a second and ms a face over all, and the spread."""
    seconds = sum(look.seconds[name] for look in rounds.whole)
    faces = sum(look.faces for look in rounds.whole)
    return {
        "photos_per_second": len(rounds.whole) / seconds if seconds else None,
        "ms_per_face": 1000 * seconds / faces if faces else None,
    }


def peer_row(peer: PeerLooks) -> dict[str, Any]:
    """ms a photo of each step and of all, theirs and ours, and theirs by ours on the same photo."""
    steps = []
    for step, stages in [*MATCHES.items(), ("all", ())]:
        theirs, ours = [], []
        for look, own in peer.pairs:
            if step == "all":
                wanted = [stage for s in look.seconds for stage in MATCHES[s]]
                theirs.append(sum(look.seconds.values()))
            elif step in ("decode", "detect") or (
                step in look.seconds and look.faces and own.faces
            ):
                wanted = list(stages)
                theirs.append(look.seconds[step])
            else:
                continue
            ours.append(sum(own.seconds.get(stage, 0.0) for stage in wanted))
        if not theirs or not all(ours):
            continue
        steps.append(
            {
                "step": step,
                "ms": _ms(spread([1000 * t for t in theirs])),
                "maskwise_ms": _ms(spread([1000 * t for t in ours])),
                "ratio": _plain(spread([t / o for t, o in zip(theirs, ours, strict=True)])),
            }
        )
    return {
        "photos": len(peer.pairs),
        "faces": sum(look.faces for look, _ in peer.pairs),
        "maskwise_faces": sum(own.faces for _, own in peer.pairs),
        "steps": steps,
        "failed": peer.failed,
    }


def _ms(found: Spread | None) -> dict[str, Any]:
    return {
        "count": found.count if found else 0,
        "median_ms": found.median if found else None,
        "p10_ms": found.p10 if found else None,
        "p90_ms": found.p90 if found else None,
    }


def _plain(found: Spread | None) -> dict[str, Any] | None:
    return None if found is None else {"median": found.median, "p10": found.p10, "p90": found.p90}


def settings(photos: Sequence[Path], repeat: int, threads: int | None) -> dict[str, Any]:
    """What else a figure depends on."""
    return {
        "photos": len(photos),
        "repeat": repeat,
        "threads": threads,
        "references": REFERENCES,
    }
