"""Figures of detectors -> the folder with the page, the lists, the sheets and the tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from maskwise.evaluate.detection import tables
from maskwise.evaluate.detection.figures import ALL, Figures, figures_json
from maskwise.evaluate.detection.files import PAGE, Written, lines, write_file
from maskwise.evaluate.detection.page import Block, Section, page
from maskwise.evaluate.detection.shots import Cutter, Numbered, numbered
from maskwise.evaluate.report.tables import Table
from maskwise.evaluate.report.words import count, slug

FORMAT: Final = "maskwise-detection"
VERSION: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class About:
    """What was evaluated, for the page and JSON. truth: in words. settings: of the run."""

    images: Path
    command: str
    truth: str
    settings: Mapping[str, Any]
    unread: Mapping[str, str]
    notes: tuple[str, ...] = ()


def to_json(found: Sequence[Figures], about: About) -> dict[str, Any]:
    """What ``detection.json`` holds."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "command": about.command,
        "images": str(about.images),
        "truth": about.truth,
        "settings": dict(about.settings),
        "detectors": [figures_json(one) for one in found],
        "unread": dict(about.unread),
        "notes": list(about.notes),
    }


def write_detection(
    found: Sequence[Figures],
    folder: Path,
    about: About,
    *,
    thumbnails: bool = True,
    seed: int = 0,
    on_sheet: Callable[[], None] = lambda: None,
) -> Written:
    """Write the page, ``detection.json``, ``misses.jsonl``, ``extra.jsonl``, tables and sheets.

    Files of an earlier run are replaced one by one, whole; sheets that this run does not make
    anew are deleted, since they would belong to other figures. seed: which faces are shown where
    there are more than ``ON_SHEETS``. Raises OutputError where files cannot be written.
    """
    out = Written(folder / PAGE)
    misses, extra = numbered(found)
    shots = Cutter(about.images, folder, out, seed)
    sections = _sections(found, shots if thumbnails else None, misses, extra, on_sheet)
    shots.tidy()
    for block in [b for s in sections for b in s.blocks]:
        if isinstance(block, Table):
            write_file(out, folder / "tables" / f"{block.key}.csv", block.csv())
    write_file(out, folder / "misses.jsonl", lines(miss for _, miss in misses))
    write_file(out, folder / "extra.jsonl", lines(one for _, one in extra))
    content = json.dumps(to_json(found, about), allow_nan=False, indent=1).encode() + b"\n"
    write_file(out, folder / "detection.json", content)
    footer = [
        "Beside this page lie detection.json, misses.jsonl, extra.jsonl, tables/ (CSV) and, unless "
        "there are no thumbnails, sheets/ (PNG).",
        "*: 95 % intervals; faces are taken as independent, which is rather too narrow.",
        f"Command: {about.command}",
    ]
    lead = [about.truth, *_summary(found), *about.notes, *_unread(about.unread)]
    write_file(out, out.page, page("How well faces are found", lead, sections, footer))
    return out


def _sections(
    found: Sequence[Figures],
    shots: Cutter | None,
    misses: Numbered,
    extra: Numbered,
    on_sheet: Callable[[], None],
) -> list[Section]:
    judged = [one for one in found if one.judged]
    first: list[Block] = [tables.side_by_side(found)]
    if judged:
        first += [tables.recall_table(judged), tables.precision_table(judged)]
        plot = tables.curve_plot(judged)
        first += [] if plot is None else [plot]
    sections = [Section("Figures", tuple(first))]
    taken: set[str] = set()
    for one in judged if shots is not None else ():
        assert shots is not None
        key = slug(one.name, taken)
        blocks: list[Block] = []
        for kind, intro, rows in (
            ("misses", "Faces of the truth that no box found, the largest first", misses),
            ("extra", "Boxes that the truth lacks, the surest first", extra),
        ):
            own = [(what, row) for what, row in rows if row["detector"] == one.name]
            if own:
                blocks.append(shots.make(f"{kind}-{key}", kind, intro, own, one.name))
            on_sheet()
        sections.append(Section(one.name, tuple(blocks) or ("Nothing missed, nothing extra.",)))
    return sections


def _summary(found: Sequence[Figures]) -> list[str]:
    out = []
    for one in found:
        rate = one.with_face
        words = f"{one.name}: a face in {rate.errors:,} of {count(rate.trials, 'photo')}"
        if one.judged:
            recall, small = one.recall[ALL][ALL], sum(not box.counted for box in one.extra)
            words += (
                f"; found {recall.errors:,} of {count(recall.trials, 'face')}, and "
                f"{count(len(one.extra), 'box', 'boxes')} that the truth lacks"
            )
            words += f" ({small:,} of them less high than what counts)" if small else ""
        out.append(f"{words}.")
    return out


def _unread(unread: Mapping[str, str]) -> list[str]:
    if not unread:
        return []
    named = "; ".join(list(unread.values())[:10])
    return [f"{count(len(unread), 'photo')} cannot be read, and count nowhere: {named}"]
