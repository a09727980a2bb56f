"""Files of pairs -> rows: LFW's format (MFR2's is the same), and CSV (docs/evaluation-inputs.md).

Nothing here looks at a photo: a row names two of them as the file does.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final, Literal, NoReturn

from maskwise.errors import InputError

PairsFormat = Literal["auto", "lfw", "csv"]

_TRUTH: Final = {
    **dict.fromkeys(("1", "true", "yes", "mated"), True),
    **dict.fromkeys(("0", "false", "no", "non-mated"), False),
}
_COLUMNS: Final = ("a", "b", "same")
_OTHER_COLUMNS: Final = ("subject_a", "subject_b", "fold")
_LARGEST_NUMBER: Final = 9  # digits


@dataclass(frozen=True, slots=True)
class Row:
    """One trial of a file. line: where it stands, from 1.

    a, b: the photos below the folder of photos, with "/"; LFW's format gives no suffix.
    subjects: whom they show, None where the file does not say. attributes: as ``Rows`` names them.
    """

    line: int
    a: str
    b: str
    mated: bool
    fold: int | None = None
    subjects: tuple[str, str] | None = None
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file, in its order, and the names of their attributes."""

    rows: tuple[Row, ...]
    attributes: tuple[str, ...] = ()


def parse_pairs(content: bytes, name: str, format: PairsFormat = "auto") -> Rows:
    """The rows of a file of pairs. name: for messages, and its suffix tells CSV.

    Raises InputError that names file and line for everything that is not of the format.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        _fail(name, line, "not UTF-8 text; save the file as UTF-8")
    if format == "auto":
        first = next((line for line in text.split("\n") if line.strip()), "")
        is_csv = Path(name).suffix.lower() in (".csv", ".tsv") or "," in first or ";" in first
        format = "csv" if is_csv else "lfw"
    rows = _csv_rows(text, name) if format == "csv" else Rows(tuple(_lfw_rows(text, name)))
    if not rows.rows:
        raise InputError(f"{name}: no pairs in this file")
    return rows


def fail_at(name: str, row: Row, problem: str) -> NoReturn:
    """Raise InputError for what is wrong with a row."""
    _fail(name, row.line, problem)


def _fail(name: str, line: int, problem: str) -> NoReturn:
    raise InputError(f"{name}, line {line}: {problem}")


def _lfw_rows(text: str, name: str) -> Iterator[Row]:
    lines = [(number, _fields(line)) for number, line in enumerate(text.split("\n"), 1)]
    lines = [(number, fields) for number, fields in lines if fields]
    header: tuple[int, ...] = ()
    if lines and len(lines[0][1]) <= 2 and all(map(_is_number, lines[0][1])):
        header = tuple(map(int, lines.pop(0)[1]))
    each = header[-1] if header else 0
    folds = header[0] if len(header) == 2 else 1
    if header and (len(lines) != 2 * each * folds or not lines):
        raise InputError(
            f"{name}, line 1: the header promises {folds} x ({each} mated + {each} non-mated) = "
            f"{2 * each * folds} pairs, and the file has {len(lines)}; restore the whole file, or "
            "delete the header to use what is there (without folds)"
        )
    for index, (number, fields) in enumerate(lines):
        row = _lfw_row(name, number, fields, index // (2 * each) if len(header) == 2 else None)
        if header and row.mated != (index % (2 * each) < each):
            wanted = "non-mated" if row.mated else "mated"
            _fail(name, number, f"the header promises a {wanted} pair here; see the format")
        yield row


def _lfw_row(name: str, line: int, fields: Sequence[str], fold: int | None) -> Row:
    if len(fields) not in (3, 4):
        _fail(
            name,
            line,
            "expected 3 columns (name, number, number) or 4 (name, number, name, number) with "
            f"tabs or spaces between, got {len(fields)}",
        )
    people = (fields[0], fields[0] if len(fields) == 3 else fields[2])
    numbers = (fields[1], fields[-1])
    for text in numbers:
        if not _is_number(text) or int(text) < 1:
            _fail(name, line, f"expected the number of a photo, from 1 up, got {text!r}")
    a, b = (
        f"{person}/{person}_{int(number):04d}"
        for person, number in zip(people, numbers, strict=True)
    )
    for person in people:
        if "/" in person or "\\" in person or person in (".", ".."):
            _fail(name, line, f"{person!r} is no person's name")
    return _checked(name, Row(line, a, b, people[0] == people[1], fold, people))


def _fields(line: str) -> list[str]:
    line = line.strip(" \r")
    return [part.strip() for part in line.split("\t")] if "\t" in line else line.split()


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _LARGEST_NUMBER


def _csv_rows(text: str, name: str) -> Rows:
    first = next((line for line in text.split("\n") if line.strip()), "")
    delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    places: dict[str, int] = {}
    rows: list[Row] = []
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if not places:
                places = _columns(name, reader.line_num, fields)
                width = len(fields)
                if fields[places["same"]].strip().lower() not in _TRUTH:
                    continue
            if len(fields) != width:
                _fail(name, reader.line_num, f"expected {width} columns, got {len(fields)}")
            rows.append(_csv_row(name, reader.line_num, fields, places))
    except csv.Error as error:
        _fail(name, reader.line_num, f"not CSV ({error})")
    return Rows(tuple(rows), tuple(key for key in places if key not in _COLUMNS + _OTHER_COLUMNS))


def _columns(name: str, line: int, fields: Sequence[str]) -> dict[str, int]:
    """Where each column stands, by the header, or by place where the first row is a pair."""
    heads = [field.strip() for field in fields]
    if len(heads) >= 3 and heads[2].lower() in _TRUTH:
        extra = {f"column{n + 1}": n for n in range(3, len(heads))}
        return {**{key: n for n, key in enumerate(_COLUMNS)}, **extra}
    known = (*_COLUMNS, *_OTHER_COLUMNS)
    heads = [head.lower() if head.lower() in known else head for head in heads]
    if not set(_COLUMNS) <= set(heads):
        _fail(
            name,
            line,
            "expected a header with the columns a, b and same, or a pair: two photos and 1 (same "
            f"person) or 0; got {', '.join(heads)}",
        )
    if ("subject_a" in heads) != ("subject_b" in heads):
        _fail(name, line, "subject_a and subject_b come together")
    if len(set(heads)) < len(heads) or "" in heads:
        _fail(name, line, "each column needs a name of its own")
    return {head: n for n, head in enumerate(heads)}


def _csv_row(name: str, line: int, fields: Sequence[str], places: dict[str, int]) -> Row:
    def of(column: str) -> str:
        return fields[places[column]].strip()

    mated = _TRUTH.get(of("same").lower())
    if mated is None:
        _fail(name, line, f"same: expected 1 (same person) or 0, got {of('same')!r}")
    fold: int | None = None
    if "fold" in places:
        if not _is_number(of("fold")):
            _fail(name, line, f"fold: expected a whole number from 0 up, got {of('fold')!r}")
        fold = int(of("fold"))
    subjects = None
    if "subject_a" in places:
        subjects = (of("subject_a"), of("subject_b"))
        if not all(subjects) or (subjects[0] == subjects[1]) != mated:
            _fail(name, line, f"same is {of('same')}, and the people are {subjects}")
    a, b = (_relative(name, line, of(column)) for column in "ab")
    extra = [of(key) for key in places if key not in _COLUMNS + _OTHER_COLUMNS]
    return _checked(name, Row(line, a, b, mated, fold, subjects, tuple(extra)))


def _relative(name: str, line: int, text: str) -> str:
    path = PurePosixPath(text.replace("\\", "/"))
    if not path.name or path.is_absolute() or ".." in path.parts or ":" in path.parts[0]:
        _fail(name, line, f"{text!r}: expected the path of a photo inside the folder of photos")
    return str(path)


def _checked(name: str, row: Row) -> Row:
    if row.a == row.b:
        _fail(name, row.line, f"{row.a} is compared with itself, which is no trial")
    return row
