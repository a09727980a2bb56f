"""Tables of a report: one value, three forms (HTML, CSV, JSON)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, Final, TypeAlias

from maskwise.evaluate.intervals import Interval, Rate
from maskwise.evaluate.report.words import NOTHING, markup, percent, percent_range, score, shown

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula, and runs it."""


@dataclass(frozen=True, slots=True)
class Share:
    """A rate with the counts behind it and its interval."""

    rate: Rate
    interval: Interval | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A number that is no count. kind: ``share`` (shown in percent) or ``score``."""

    value: float | None
    kind: str = "share"
    interval: Interval | None = None


_KINDS: Final[dict[str, Callable[[float], str]]] = {"share": percent, "score": score}

Cell: TypeAlias = "str | int | Share | Figure | None"


@dataclass(frozen=True, slots=True)
class Column:
    """key: in CSV and JSON. title: in the page. hint: what the title means, shown on hovering."""

    key: str
    title: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """key: the file's name. rows: as long as ``columns``. notes: sentences below the table.

    shown_rows: how many the page shows; the files have all.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    shown_rows: int = 200

    def records(self) -> list[dict[str, Any]]:
        """For JSON: a dict a row, with numbers as they are and None for what is not known."""
        return [
            dict(
                pair
                for column, cell in zip(self.columns, row, strict=True)
                for pair in _flat(column.key, cell)
            )
            for row in self.rows
        ]

    def csv(self) -> bytes:
        """UTF-8 with a header. A text that a spreadsheet would run gets a ``'`` before it."""
        records = self.records()
        keys = list(dict.fromkeys(key for record in records for key in record))
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(keys or [column.key for column in self.columns])
        for record in records:
            writer.writerow([_csv_cell(record.get(key)) for key in keys])
        return out.getvalue().encode("utf-8")

    def html(self) -> str:
        """A figure with the table, which scrolls inside its box where the page is narrow."""
        numeric = [
            all(not isinstance(row[place], str) for row in self.rows)
            for place in range(len(self.columns))
        ]
        head = "".join(
            f"<th scope=col{_class(numeric[place])}{_hint(column.hint)}>{markup(column.title)}</th>"
            for place, column in enumerate(self.columns)
        )
        body = "".join(
            "<tr>"
            + "".join(
                f"<{_tag(place)}{_class(numeric[place])}{_across(span)}>{_html_cell(cell)}"
                f"</{_tag(place)[:2]}>"
                for place, span, cell in _spans(row)
            )
            + "</tr>\n"
            for row in self.rows[: self.shown_rows]
        )
        notes = list(self.notes)
        if len(self.rows) > self.shown_rows:
            notes.append(
                f"{len(self.rows) - self.shown_rows:,} more rows stand in tables/{self.key}.csv."
            )
        return (
            f'<figure class="table" id="{escape(self.key)}"><figcaption>{markup(self.title)}'
            f'</figcaption><div class="scroll" tabindex=0 role=region '
            f'aria-label="{escape(shown(self.title))}"><table><thead><tr>{head}</tr></thead>\n'
            f"<tbody>{body}</tbody></table></div>"
            + "".join(f"<p class=note>{markup(note)}</p>" for note in notes)
            + "</figure>\n"
        )


def jsonable(value: float | None) -> float | None:
    """JSON has neither NaN nor infinity."""
    return value if value is not None and math.isfinite(value) else None


def _flat(key: str, cell: Cell) -> Iterator[tuple[str, Any]]:
    if isinstance(cell, Share):
        yield key, jsonable(cell.rate.value)
        yield f"{key}_errors", cell.rate.errors
        yield f"{key}_trials", cell.rate.trials
        yield from _flat_interval(key, cell.interval)
    elif isinstance(cell, Figure):
        yield key, jsonable(cell.value)
        yield from _flat_interval(key, cell.interval)
    else:
        yield key, cell


def _flat_interval(key: str, interval: Interval | None) -> Iterator[tuple[str, Any]]:
    if interval is not None:
        yield f"{key}_low", jsonable(interval.low)
        yield f"{key}_high", jsonable(interval.high)
        yield f"{key}_interval", interval.method


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        text = value.encode("utf-8", "backslashreplace").decode()
        return f"'{text}" if text.startswith(_FORMULA) else text
    return "" if value is None else value


def _html_cell(cell: Cell) -> str:
    if isinstance(cell, str):
        # Not broken at its hyphens.
        return f"<span class=nb>{markup(cell)}</span>" if len(cell) <= 20 else markup(cell)
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, Share):
        return _html_share(cell)
    if cell is None or cell.value is None:
        return NOTHING
    text = markup(_KINDS[cell.kind](cell.value))
    # Replicates that are all alike (scores that never meet) say nothing of the spread.
    if cell.interval is None or cell.interval.low == cell.interval.high:
        return text
    return f"{text} <small>{markup(percent_range(cell.interval))}{_mark(cell.interval)}</small>"


def _html_share(cell: Share) -> str:
    if not cell.rate.trials:
        return f"{NOTHING} <small>no trials</small>"
    small = f"{cell.rate.errors:,} of {cell.rate.trials:,}"
    if cell.interval is not None:
        small = f"{markup(percent_range(cell.interval))}{_mark(cell.interval)}<br>{small}"
    return f"{markup(percent(cell.rate.value))} <small>{small}</small>"


def _mark(interval: Interval) -> str:
    """Intervals that take trials as independent are marked; the page says what the mark means."""
    return "" if interval.method.startswith("bootstrap") else "*"


def _spans(row: Sequence[Cell]) -> Iterator[tuple[int, int, Cell]]:
    """Place, how many columns, cell: a text takes the room of what is not known before it."""
    last = len(row) - 1
    empty = 0
    while empty < last and row[last - 1 - empty] is None:
        empty += 1
    if not (empty > 1 and isinstance(row[last], str) and row[last]):
        empty = 0
    for place in range(last - empty):
        yield place, 1, row[place]
    yield last, empty + 1, row[last]


def _across(span: int) -> str:
    return f" colspan={span}" if span > 1 else ""


def _tag(place: int) -> str:
    return "td" if place else "th scope=row"


def _class(numeric: bool) -> str:
    return " class=n" if numeric else ""


def _hint(hint: str) -> str:
    return f' title="{escape(hint)}"' if hint else ""


def columns(*given: Sequence[str]) -> tuple[Column, ...]:
    """Columns of (key, title) or (key, title, hint)."""
    return tuple(Column(*one) for one in given)
