"""Right and wrong, where the names of the probes tell whom they show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from maskwise.cli.inputs import as_name

if TYPE_CHECKING:
    from maskwise.answers import Identification

Verdict = Literal["right", "wrong", "not accepted", "no face"]

VERDICTS: Final[tuple[Verdict, ...]] = ("right", "wrong", "not accepted", "no face")

_BARE: Final = {"bare", "unmasked", "nomask"}
_MASKED: Final = {"mask", "masked", "random"}


@dataclass(frozen=True, slots=True)
class Truth:
    """What a probe's path says. subject: None for nobody of the people. masked: None: not said."""

    subject: str | None
    masked: bool | None

    @classmethod
    def of(cls, relative: Path, people: Collection[str]) -> Truth:
        """Read ``relative``: a folder named after one of ``people``, or a file name so begun.

        ``Ada/2.jpg``, ``Ada_2.jpg`` and ``Ada_bare.jpg`` show Ada. The last part "bare", or
        "masked" or a mask's type, says what is worn.
        """
        stem = as_name(relative.stem)
        for part in map(as_name, relative.parts[:-1]):
            if part in people:
                return cls(part, _worn(stem))
        begun = [name for name in people if re.match(re.escape(name) + r"(?![^\W_])", stem)]
        subject = max(begun, key=len, default=None)
        return cls(subject, _worn(stem if subject is None else stem[len(subject) :]))


def _worn(text: str) -> bool | None:
    from maskwise.masks import types

    # The last word counts: a mask drawn on Ada_bare.jpg gives Ada_bare_surgical.jpg.
    for word in reversed(re.split(r"[\W_]+", text.lower())):
        if word in _BARE:
            return False
        if word in _MASKED or word in types():
            return True
    return None


@dataclass(slots=True)
class Tally:
    """Counts of verdicts, and of nearest people who are the right ones, by group of probes."""

    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)
    nearest_right: Counter[str] = field(default_factory=Counter)

    def add(self, truth: Truth, result: Identification | None) -> None:
        """Count one probe; result: of its main face, None where there is none."""
        group = _group(truth, result)
        self.verdicts[group, verdict(truth, result)] += 1
        if result is not None and result.candidates and truth.subject is not None:
            self.nearest_right[group] += result.candidates[0].subject == truth.subject

    def rows(self) -> list[list[str]]:
        """One row a group: name, probes, each of VERDICTS, nearest is right."""
        out = []
        for group in dict.fromkeys(group for group, _ in sorted(self.verdicts, key=_order)):
            counts = [self.verdicts[group, verdict] for verdict in VERDICTS]
            nearest = "" if group.startswith("strangers") else str(self.nearest_right[group])
            out.append([group, str(sum(counts)), *map(str, counts), nearest])
        return out


def verdict(truth: Truth, result: Identification | None) -> Verdict:
    """What one answer is worth. A stranger who is taken for nobody is right."""
    if result is None:
        return "no face"
    if result.decision.outcome != "match":
        return "not accepted" if truth.subject is not None else "right"
    right = result.candidates[0].subject == truth.subject
    return "right" if right else "wrong"


def _group(truth: Truth, result: Identification | None) -> str:
    who = "enrolled" if truth.subject is not None else "strangers"
    masked = truth.masked
    if masked is None and result is not None:
        masked = result.face.mask.worn
    return f"{who}, {'wear unknown' if masked is None else 'masked' if masked else 'bare'}"


def _order(key: tuple[str, str]) -> tuple[bool, str]:
    return key[0].startswith("strangers"), key[0]
