"""Galleries as JSON lines: written whole, read with the line of what is wrong.

docs/moving-galleries.md tells what stands in the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from maskwise.errors import GalleryError, InputError, StorageError
from maskwise.gallery.files import draft_beside, publish_new, translated
from maskwise.gallery.gallery import Gallery
from maskwise.gallery.stored import StoredReference, as_line
from maskwise.image import describe

FORMAT: Final = "maskwise-gallery"
VERSION: Final = 1
_HEAD: Final = b'{"format":"maskwise-gallery"'
_LINE_LIMIT: Final = 64 << 20
"""Bytes a line: a reference with a kept face and a hundred templates takes a few hundred kB."""


@dataclass(frozen=True, slots=True)
class Header:
    """The first line. encoder, space, dim: None for a gallery with nobody in it."""

    encoder: str | None
    space: str | None
    dim: int | None


def export(gallery: Gallery, path: Path, on_rows: Callable[[int], None] | None = None) -> int:
    """Write everybody to a new file, which appears whole; returns how many references.

    Only its owner may read it (mode 0600). Raises StorageError when it cannot be written or is
    there already.
    """
    with translated(str(path)), draft_beside(path) as draft:
        with draft.open("wb") as file:
            count = _write(gallery, file, on_rows)
        publish_new(draft, path)
    return count


def _write(gallery: Gallery, file: BinaryIO, on_rows: Callable[[int], None] | None) -> int:
    digest, count = hashlib.sha256(), 0

    def put(value: dict[str, Any]) -> None:
        line = as_line(value) + b"\n"
        digest.update(line)
        file.write(line)

    encoder: tuple[Any, Any, Any] | None = None
    for record in gallery.export():
        if encoder is None:
            encoder = record.encoder
            put(_header(*encoder))
        if record.encoder != encoder:
            raise StorageError("the gallery moved to another encoder meanwhile; export it again")
        put(record.to_json())
        count += 1
        if on_rows is not None:
            on_rows(1)
    if encoder is None:
        put(_header(None, None, None))
    file.write(as_line({"end": count, "sha256": digest.hexdigest()}) + b"\n")
    return count


def _header(encoder: str | None, space: str | None, dim: int | None) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "encoder": encoder,
        "space": space,
        "dim": dim,
    }


def is_export(path: Path) -> bool:
    """Whether the file begins as ``export`` begins one; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(_HEAD)) == _HEAD
    except (OSError, ValueError):
        return False


def read(path: Path) -> Iterator[StoredReference]:
    """The references in the file, one after the other; it is whole when the end is reached.

    Raises InputError, naming file and line, at the first line that is wrong, when lines are
    missing at the end, and when the sha256 of the last line does not hold.
    """
    source = describe(path)
    with translated(source), path.open("rb") as file:
        digest = hashlib.sha256()
        line = file.readline(_LINE_LIMIT)
        header = _read_header(line, source)
        digest.update(line)
        number, count = 1, 0
        while line := file.readline(_LINE_LIMIT):
            number += 1
            where = f"{source}: line {number}"
            value = _object(line, where)
            if "end" in value:
                _check_end(value, count, digest.hexdigest(), where)
                if file.read(1):
                    raise InputError(f"{where}: more follows after the last line; export it again")
                return
            digest.update(line)
            yield _record(value, header, where)
            count += 1
    raise InputError(
        f"{source}: ends after line {number}, without its last line: it is not whole; copy or "
        "export it again"
    )


def count(path: Path) -> int:
    """How many references the file holds, all of them checked; raises as ``read``."""
    return sum(1 for _ in read(path))


def _read_header(line: bytes, source: str) -> Header:
    where = f"{source}: line 1"
    value = _object(line, where)
    if value.get("format") != FORMAT:
        raise InputError(f"{where}: no export of a gallery")
    if value.get("version") != VERSION:
        raise InputError(
            f"{where}: version {value.get('version')!r} of the format, and this maskwise reads "
            f"{VERSION}; upgrade maskwise: pip install --upgrade maskwise"
        )
    texts = [value.get("encoder"), value.get("space")]
    dim = value.get("dim")
    if set(value) != set(_header(None, None, None)) or not (
        (texts == [None, None] and dim is None)
        or (all(isinstance(t, str) and t for t in texts) and type(dim) is int and dim > 0)
    ):
        raise InputError(f"{where}: encoder, space and dim are not as they should be")
    return Header(texts[0], texts[1], dim)


def _record(value: dict[str, Any], header: Header, where: str) -> StoredReference:
    if header.encoder is None or header.space is None:
        raise InputError(f"{where}: a reference, where the first line names no encoder")
    try:
        record = StoredReference.from_json(value, header.encoder, header.space)
    except (InputError, GalleryError) as error:
        raise InputError(f"{where}: {error}; export it again") from error
    if record.encoder[2] != header.dim:
        raise InputError(f"{where}: {record.encoder[2]} numbers, where {header.dim} are due")
    return record


def _check_end(value: dict[str, Any], count: int, sha256: str, where: str) -> None:
    if value.get("end") != count:
        raise InputError(
            f"{where}: {count} references came before, where {value.get('end')} are due; lines "
            "are missing or came twice: export it again"
        )
    if value.get("sha256") != sha256:
        raise InputError(f"{where}: the sha256 does not hold: a line was changed; export it again")


def _object(line: bytes, where: str) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise InputError(f"{where}: ends in the middle; copy or export the file again")
    try:
        value = json.loads(line, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not JSON ({error}); export it again") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected a JSON object")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a field comes twice")
    return value
