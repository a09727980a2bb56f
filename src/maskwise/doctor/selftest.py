"""The shipped pipeline on synthetic people that ship with it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from maskwise.doctor.finding import Finding

if TYPE_CHECKING:
    from pathlib import Path


def verify_samples(chosen: Mapping[str, str]) -> Iterator[Finding]:
    """Two photos of one person are more alike than those of two people, and it decides so."""
    from maskwise.pipeline import Recognizer

    one, other = _people()
    recognizer = Recognizer(**chosen)  # type: ignore[arg-type]
    recognizer.verify(one[0], one[0])  # opens the models
    began = time.perf_counter()
    same = recognizer.verify(one[0], one[1])
    took = (time.perf_counter() - began) * 1000
    apart = recognizer.verify(one[0], other[0])
    names = f"{one[0].parent.name} and {other[0].parent.name}"
    remedy = "run maskwise demo, and look at its page; reinstall maskwise where it is wrong too"
    scores = (same.decision.score, apart.decision.score)
    if scores[0] is None or scores[1] is None:
        says = f"no face found in a photo of {names}"
        yield Finding("self-test", "samples", "wrong", says, remedy)
        return
    outcomes = (same.decision.outcome, apart.decision.outcome)
    says = f"{names}: {scores[0]:.2f} with oneself, {scores[1]:.2f} with the other; {took:.0f} ms"
    if scores[0] <= scores[1] or outcomes[1] == "match" or outcomes[0] == "no_match":
        yield Finding("self-test", "samples", "wrong", says, remedy)
    elif outcomes == ("match", "no_match"):
        yield Finding("self-test", "samples", "ok", f"{says} for two photos")
    else:
        yield Finding("self-test", "samples", "note", says, "; ".join(same.decision.reasons))


def _people() -> tuple[list[Path], list[Path]]:
    from maskwise import samples

    folders = sorted(path for path in samples.people().iterdir() if path.is_dir())
    one, other = (sorted(folder.glob("*.jpg"))[:2] for folder in folders[:2])
    return one, other
