"""What was seen, one line of JSON each, in the output folder.

A line is added when it is known whole. So a run may be broken off anywhere; the next one goes on
with what has no line yet. The lines hold places of faces, never a pixel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final

from maskwise.errors import ConfigurationError, OutputError
from maskwise.image import describe

_FORMAT: Final = "maskwise-journal"
_VERSION: Final = 1


class Journal:
    """A journal, open for adding; as a context manager it closes itself.

    kind: what the lines are of. anew: begin with nothing. Values are what JSON can hold, by a key.
    Raises ConfigurationError for a file that is no such journal, OutputError where it cannot be
    read or written.
    """

    def __init__(self, path: Path, kind: str, *, anew: bool = False) -> None:
        self.path = path
        self._known: dict[str, Any] = {}
        head = {"format": _FORMAT, "version": _VERSION, "kind": kind}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            whole = 0 if anew and not path.exists() else self._read(head)
            self._file: BinaryIO = path.open("ab")
            if anew:
                self._known, whole = {}, 0
            self._file.truncate(whole)  # what was half written
        except OSError as error:
            raise self._failed(error) from error
        if not whole:
            self._write(head)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def get(self, key: str) -> Any | None:
        """What was added under ``key``."""
        return self._known.get(key)

    def add(self, key: str, value: Any) -> None:
        """A line more; it is on its way to the disk when this returns."""
        self._write({"key": key, "value": value})
        self._known[key] = value

    def _read(self, head: Mapping[str, Any]) -> int:
        """Take in what is there. Returns how many bytes are whole lines."""
        if not self.path.exists():
            return 0
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        lines = content[:whole].splitlines()
        if not whole:
            if not json.dumps(head).encode().startswith(content):
                raise self._no_journal()
            return 0
        try:
            if json.loads(lines[0]) != head:
                raise self._no_journal()
            for line in lines[1:]:
                row = json.loads(line)
                self._known[row["key"]] = row["value"]
        except (ValueError, KeyError, TypeError) as error:
            raise self._no_journal() from error
        return whole

    def _write(self, row: Mapping[str, Any]) -> None:
        try:
            self._file.write(json.dumps(row, allow_nan=False).encode() + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._failed(error) from error

    def _no_journal(self) -> ConfigurationError:
        return ConfigurationError(
            f"{describe(self.path)}: is not what this maskwise keeps there, or damaged; delete it, "
            "or name another folder with --out"
        )

    def _failed(self, error: OSError) -> OutputError:
        why = error.strerror or error
        return OutputError(
            f"{describe(self.path)}: cannot be written ({why}); choose another folder with --out"
        )
