"""The sha256 of models that nobody has told us: written down at the first pull, checked since.

One JSON file in the store: ``{NAME: {"sha256", "size", "at", "from"}}``.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from maskwise.errors import ModelError
from maskwise.models.writing import write_whole

FILE: Final = "trusted.json"


@dataclass(frozen=True, slots=True)
class Seen:
    """What came the first time: 64 hex digits, bytes, when (ISO 8601), and whence."""

    sha256: str
    size: int
    at: str
    source: str


def recorded(folder: Path, name: str) -> Seen | None:
    """What was written down of ``name``; ModelError when the file is damaged."""
    return _read(folder).get(name)


def record(folder: Path, name: str, sha256: str, size: int, source: str) -> None:
    """Write down what ``name`` is; OutputError when it cannot be."""
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    _write(folder, {**_read(folder), name: Seen(sha256, size, at, source)})


def forget(folder: Path, name: str) -> None:
    """The next pull of ``name`` may bring another file."""
    rest = _read(folder)
    if rest.pop(name, None) is not None:
        _write(folder, rest)


def _read(folder: Path) -> dict[str, Seen]:
    path = folder / FILE
    try:
        found = json.loads(path.read_text("utf-8"))
        seen = {name: Seen(**values) for name, values in found.items()}
        if not all(
            isinstance(one.sha256, str) and isinstance(one.size, int) for one in seen.values()
        ):
            raise ValueError("a sha256 or a size is none")
        return seen
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ModelError(
            f"{path} cannot be read ({error}): delete it, and pull again what it told of"
        ) from error


def _write(folder: Path, seen: dict[str, Seen]) -> None:
    values = {name: asdict(one) for name, one in sorted(seen.items())}
    write_whole(folder / FILE, json.dumps(values, indent=2).encode())
