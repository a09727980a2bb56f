"""What a report consists of, before it is written in any form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from maskwise.evaluate.report.canvas import Canvas
from maskwise.evaluate.report.tables import Cell, Table, columns
from maskwise.evaluate.scores import Labels, Provenance, Scores, wear_kind
from maskwise.evaluate.searches import Searches

MOST_GROUPS: Final = 24
"""A column of more different words than this (a person's name, a date) makes no groups."""

MOST_ROWS: Final = 100_000
"""Of a list of failures, in the files too; counts are always complete."""


@dataclass(frozen=True, slots=True, eq=False)
class Plot:
    """key: the files' name. data: what is drawn, for JSON. caption: how to read it."""

    key: str
    canvas: Canvas
    data: Mapping[str, Any]
    caption: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A photo of the score file. caption: whom it shows, and in what."""

    photo: str
    caption: str


@dataclass(frozen=True, slots=True)
class Case:
    """One trial or search that went wrong, or nearly. wrong: it did."""

    pictures: tuple[Picture, ...]
    caption: str
    wrong: bool


@dataclass(frozen=True, slots=True)
class Cases:
    """The worst of a kind."""

    key: str
    title: str
    intro: str
    cases: tuple[Case, ...]


@dataclass(frozen=True, slots=True)
class Card:
    """A figure to take in at a glance. what: it is the share of. small: on what condition."""

    title: str
    figure: str
    what: str
    small: str


Block: TypeAlias = "Table | Plot | Cases | str"


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """A heading, and what stands under it; a str is a paragraph."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """All of one score file. summary: sentences. headline: figures for the comparison of parts."""

    key: str
    name: str
    kind: str
    summary: tuple[str, ...]
    sections: tuple[Section, ...]
    provenance: Provenance
    content_sha256: str
    cards: tuple[Card, ...] = ()
    headline: tuple[tuple[Cell, ...], ...] = ()
    traces: tuple[Any, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def blocks(self, kind: type[Any]) -> list[Any]:
        """All tables, or plots, or cases, in the page's order."""
        return [b for section in self.sections for b in section.blocks if isinstance(b, kind)]


def groupings(data: Scores | Searches) -> tuple[dict[str, Labels], list[str]]:
    """The user's columns that make groups, and sentences on those that do not."""
    made, notes = {}, []
    for name, labels in dict(data.attributes).items():
        if 1 < len(labels.values) <= MOST_GROUPS:
            made[name] = labels
        elif len(labels.values) > MOST_GROUPS:
            notes.append(
                f"The column {name!r} has {len(labels.values):,} different words and makes no "
                f"groups; {MOST_GROUPS} are the most."
            )
    return made, notes


def provenance_section(data: Scores | Searches, content_sha256: str, prefix: str) -> Section:
    """What the scores were made of."""
    given = data.provenance
    rows: list[tuple[Cell, ...]] = [
        ("encoder", given.encoder_id),
        *((f"model: {name}", value) for name, value in sorted(given.models.items())),
        ("photos, SHA-256", given.data_sha256),
        ("trials, SHA-256", given.trials_sha256),
        ("scores, SHA-256 of the content", content_sha256),
        ("maskwise", given.version),
        ("seed", str(given.seed)),
        ("made", given.created),
        *((f"setting: {name}", value) for name, value in sorted(given.settings.items())),
    ]
    table = Table(
        f"{prefix}provenance",
        "What these scores were made of",
        columns(("what", "what"), ("value", "value")),
        tuple(rows),
    )
    return Section("Provenance", (table, *given.notes))


def worn(label: str) -> str:
    """``virtual:cloth`` -> what a caption says."""
    kind, _, name = label.partition(":")
    wear_kind(label)
    return {
        "none": "bare",
        "real": "real mask",
        "unknown": "wear unknown",
        "virtual": f"virtual mask{': ' + name if name else ''}",
    }[kind]
