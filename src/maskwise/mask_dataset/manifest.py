"""The manifest: one row a face of every picture, and one for every photo that gave none."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, Final

Row = Mapping[str, Any]

COLUMNS: Final = (
    *("file", "source", "status", "reason", "face", "type", "wear_style", "spec"),
    *("coverage", "covered_landmarks", "left", "top", "right", "bottom", "scheme", "landmarks"),
    *("alpha", "original", "sha256", "source_sha256"),
)
"""Of the CSV. JSON lines have ``box`` for left to bottom, and the scheme within ``landmarks``."""


class Manifest:
    """Writes rows to open binary files as they come, which are one photo's at a time.

    JSON lines are ASCII with sorted keys. CSV is UTF-8 with ``COLUMNS``, lines end in LF, and
    cells that hold lists or objects are JSON.
    """

    def __init__(self, csv_file: BinaryIO | None, jsonl_file: BinaryIO | None) -> None:
        self._csv, self._jsonl = csv_file, jsonl_file
        self._text = io.StringIO(newline="")
        self._writer = csv.DictWriter(self._text, COLUMNS, lineterminator="\n", restval="")
        self._writer.writeheader()

    def add(self, rows: Iterable[Row]) -> None:
        """The rows of one photo; they are sorted by picture and face."""
        for row in sorted(rows, key=lambda r: (r.get("file", ""), int(r.get("face", -1)))):
            if self._jsonl is not None:
                line = json.dumps(row, sort_keys=True, allow_nan=False) + "\n"
                self._jsonl.write(line.encode("ascii"))
            if self._csv is not None:
                self._writer.writerow(_cells(row))
        self.flush()

    def flush(self) -> None:
        """Write what is held back."""
        if self._csv is not None:
            # A byte of a file name that is no UTF-8 is written as it was.
            self._csv.write(self._text.getvalue().encode("utf-8", "surrogateescape"))
        self._text.seek(0)
        self._text.truncate()


def _cells(row: Row) -> dict[str, object]:
    cells = dict(row)
    box, landmarks = cells.pop("box", None), cells.pop("landmarks", None)
    if box is not None:
        cells.update(zip(("left", "top", "right", "bottom"), box, strict=True))
    if landmarks is not None:
        cells.update(scheme=landmarks["scheme"], landmarks=landmarks["points"])
    return {k: _cell(v) for k, v in cells.items()}


def _cell(value: object) -> object:
    if isinstance(value, dict | list):
        return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return value
