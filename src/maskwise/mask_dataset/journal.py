"""The memory of a run: a line of JSON for every photo that is done, in the output folder.

A line is added when all files of its photo are there, whole. So a run can be broken off anywhere,
by Ctrl-C, a full disk or a power cut; the next one goes on with the photos that have no line,
whose files are gone or of another size, or that have changed since. The first line holds the
settings; a folder takes the masks of one set of settings only.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from maskwise.errors import ConfigurationError, OutputError
from maskwise.image import describe
from maskwise.mask_dataset.work import Outcome, Status

NAME: Final = ".maskwise.journal"

_FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Done:
    """A photo that is done. files: size by name. at: where its line begins."""

    status: Status
    reason: str
    bare: list[str]
    files: dict[str, int]
    pictures: int
    stamp: list[int]
    at: int


class Journal:
    """The journal of an output folder, open for adding; one process at a time has it.

    head: what was fixed when it was begun besides the settings. done: every photo that has a
    line, by its relative path.
    Raises ConfigurationError when the folder was filled with other settings or another run works
    there, and OutputError when it cannot be written.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any], head: Mapping[str, Any]) -> None:
        self.path = folder / NAME
        self.done: dict[str, Done] = {}
        wanted: dict[str, Any] = json.loads(json.dumps(settings))
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise self._failed(error) from error
        try:
            _lock(self._file, self.path)
            known = self._read(wanted)
            self.head: dict[str, Any] = dict(head) if known is None else known
            if known is None:
                self._write({"format": _FORMAT, "settings": wanted, "head": self.head})
        except BaseException:
            self.close()
            raise

    def add(self, outcome: Outcome, source: str) -> None:
        """A photo is done, and its files are there. OutputError when that cannot be noted."""
        line = {"stamp": stamp(source), **asdict(outcome)}
        at = os.lseek(self._file, 0, os.SEEK_END)
        self._write(line)
        self.done[outcome.relative] = _done(line, at)

    def still_holds(self, relative: str, source: str | None, folder: Path) -> bool:
        """Whether the photo's files are there as they were noted, and it has not changed since.

        source: where the photo lies; None: it is not among this run's.
        """
        done = self.done.get(relative)
        if done is None or (source is not None and stamp(source) != done.stamp):
            return False
        try:
            return all((folder / f).stat().st_size == n for f, n in done.files.items())
        except OSError:
            return False

    def rows(self, relative: str) -> list[dict[str, Any]]:
        """The rows of a photo that is done. They are read when asked for: there may be millions."""
        with self.path.open("rb") as file:
            file.seek(self.done[relative].at)
            rows: list[dict[str, Any]] = json.loads(file.readline())["rows"]
        return rows

    def close(self) -> None:
        """Let another run have it."""
        os.close(self._file)

    def _read(self, settings: dict[str, Any]) -> dict[str, Any] | None:
        """Read all whole lines; what follows them (a line cut short) is cut off."""
        good, head = 0, None
        with self.path.open("rb") as file:
            for line in file:
                value = _parsed(line)
                if value is None:
                    break
                if head is None:
                    self._check(value, settings)
                    head = dict(value["head"])
                else:
                    self.done[value["relative"]] = _done(value, good)
                good += len(line)
        # Cut short in its first line it is begun again.
        if head is None and not self._cut_short():
            raise ConfigurationError(
                f"{describe(self.path)}: no journal of maskwise; name another folder with --out"
            )
        os.ftruncate(self._file, good)
        return head

    def _cut_short(self) -> bool:
        content = self.path.read_bytes()
        return content == b"" or (content.startswith(b'{"format"') and b"\n" not in content)

    def _check(self, value: dict[str, Any], settings: dict[str, Any]) -> None:
        if value.get("format") != _FORMAT or not isinstance(value.get("settings"), dict):
            raise ConfigurationError(
                f"{describe(self.path)}: written by another version of maskwise; name another "
                "folder with --out"
            )
        old = value["settings"]
        changed = [k for k in {**old, **settings} if old.get(k) != settings.get(k)]
        if changed:
            told = "; ".join(
                f"{k}: {_shown(old.get(k))} there, {_shown(settings.get(k))} now" for k in changed
            )
            raise ConfigurationError(
                f"{describe(self.path.parent)} holds masks of other settings ({told}); name "
                "another folder with --out, or the same settings"
            )

    def _write(self, value: dict[str, Any]) -> None:
        line = json.dumps(value, ensure_ascii=True, allow_nan=False).encode() + b"\n"
        try:
            # At once: a line stands whole in the file, or it is the last one and cut short.
            if os.write(self._file, line) != len(line):
                raise OSError(28, "No space left on device")
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> OutputError:
        why = error.strerror or error
        return OutputError(
            f"{describe(self.path)}: cannot be written ({why}); free some space or choose another "
            "folder, and run the same command again: it goes on from there"
        )


def stamp(source: str) -> list[int]:
    """Size and time of change of a photo; [] where it is not there."""
    try:
        status = Path(source).stat()
    except (OSError, ValueError):
        return []
    return [status.st_size, status.st_mtime_ns]


def _done(line: Mapping[str, Any], at: int) -> Done:
    kept = {k: line[k] for k in ("status", "reason", "bare", "files", "pictures", "stamp")}
    return Done(**kept, at=at)


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line) if line.endswith(b"\n") else None
    except ValueError:
        return None
    return value if isinstance(value, dict) and ("head" in value or "stamp" in value) else None


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _lock(file: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ConfigurationError(
            f"{describe(path.parent)}: another run of maskwise is writing there; wait for its "
            "end, or name another folder with --out"
        ) from error
    except OSError:  # a file system without locks
        return
