"""The file of a search index: codes, keys and owners of templates (docs/gallery-format.md).

It is read once, into memory, and never mapped: so whoever deletes somebody can overwrite what it
holds of them, and no reader finds its memory changed or gone.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import numpy.typing as npt

from maskwise.gallery.index.codes import Levels, nibbles, packed_shape
from maskwise.gallery.index.protocol import I64
from maskwise.gallery.index.scanning import Scanner
from maskwise.types import U8

MAGIC: Final = b"MSWGIDX1"
HEAD: Final = 8192
"""Bytes of the head: ``MAGIC``, the CRC-32 of what follows (little-endian), JSON, spaces."""

CHUNK: Final = 1 << 20
"""Each section has a CRC-32 for every so many bytes of it, so that little is read to change it."""

WEARS: Final = ("bare", "masked")


class DamagedIndexError(Exception):
    """The file is none, is cut off, or a checksum does not hold; never leaves the gallery."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Templates of one kind of wear, by rising key. packed: see ``codes.pack``; keys, owners:
    (N,) int64."""

    levels: Levels
    packed: U8
    keys: I64
    owners: I64


@dataclass(frozen=True, slots=True)
class Head:
    """What an index says of itself.

    build: of this file, random, and the same after an erasure. encoder: its id. removals, last:
    the gallery's setting ``removals`` and its highest template.id when this was true. fitted: how
    many templates there were when the levels were fitted. samples: keys of some templates with
    the CRC-32 of their vectors. parts: where its sections lie. gone: rows that were erased.
    """

    build: str
    encoder: str
    dim: int
    removals: int
    last: int
    written_at: str
    fitted: int
    samples: tuple[tuple[int, int], ...]
    parts: Mapping[str, Mapping[str, tuple[int, int]]] = field(default_factory=dict)
    gone: int = 0

    def count(self, wear: str) -> int:
        """How many rows a part has, those that were erased among them."""
        return self.parts[wear]["keys"][1] // 8 if wear in self.parts else 0


def write(path: Path, head: Head, parts: Mapping[str, Part]) -> Head:
    """Fill the file ``path``; returns the head with the places. Raises OSError."""
    places: dict[str, dict[str, tuple[int, int]]] = {}
    with path.open("r+b") as file:
        file.seek(HEAD)
        for wear, part in parts.items():
            places[wear] = {}
            for name, array in _arrays(part).items():
                data = _bytes(array)
                places[wear][name] = file.tell(), len(data)
                file.write(data)
                file.write(_checks(data).tobytes())
        head = replace(head, parts=places)
        _write_head(file, head)
    return head


def read_head(path: Path) -> Head:
    """Raises DamagedIndexError, FileNotFoundError and OSError; reads ``HEAD`` bytes."""
    with path.open("rb") as file:
        head = _decode(file.read(HEAD))
        need = max(
            (
                at + size + 4 * -(-size // CHUNK)
                for p in head.parts.values()
                for at, size in p.values()
            ),
            default=HEAD,
        )
        if os.fstat(file.fileno()).st_size < need:
            raise DamagedIndexError("it is cut off")
    return head


def read_part(path: Path, build: str, wear: str) -> tuple[Head, Scanner, I64, I64]:
    """The templates of one wear, ready to be scanned, and the head as it is now.

    Raises DamagedIndexError, also when another index stands there by now; and OSError.
    """
    with path.open("rb") as file:
        head = _decode(file.read(HEAD))
        if head.build != build:
            raise DamagedIndexError("it was replaced meanwhile")
        places, count = head.parts[wear], head.count(wear)
        low, step = (np.empty(head.dim, np.float32) for _ in range(2))
        keys, owners = np.empty(count, np.int64), np.empty(count, np.int64)
        for name, array in (("low", low), ("step", step), ("keys", keys), ("owners", owners)):
            _read(file, places[name], array)
        scanner = Scanner(Levels(low, step), count)
        if places["codes"][1] != int(np.prod(packed_shape(count, head.dim))):
            raise DamagedIndexError("its sections do not fit together")
        _read(file, places["codes"], *scanner.pieces)
    return head, scanner, keys, owners


def read_keys(path: Path, build: str, wear: str) -> tuple[Head, I64]:
    """The keys of one wear as they are now: 0 for what was erased. Raises as ``read_part``."""
    with path.open("rb") as file:
        head = _decode(file.read(HEAD))
        if head.build != build:
            raise DamagedIndexError("it was replaced meanwhile")
        keys = np.empty(head.count(wear), np.int64)
        if wear in head.parts:
            _read(file, head.parts[wear]["keys"], keys)
    return head, keys


def erase(path: Path, gone: I64, before: int, now: int) -> int:
    """Overwrite with zeros what the file holds of the templates ``gone`` (keys, int64).

    before, now: ``removals`` before and after; the file stays up to date when it was so before,
    and else holds for no gallery.
    Returns how many rows went. Broken off, it holds for no gallery. One process at a time.
    Raises DamagedIndexError and OSError.
    """
    with path.open("r+b") as file:
        head, count = _decode(file.read(HEAD)), 0
        # Broken off from here on, it holds for no gallery.
        _write_head(file, replace(head, removals=-1))
        for wear, places in head.parts.items():
            keys = np.empty(head.count(wear), np.int64)
            _read(file, places["keys"], keys)
            rows = np.flatnonzero(np.isin(keys, gone) & (keys > 0))
            count += len(rows)
            _mask(file, places["codes"], *nibbles(rows, head.dim))
            for name in ("keys", "owners"):
                at = (rows[:, None] * 8 + np.arange(8)).ravel()
                _mask(file, places[name], at, np.zeros(len(at), np.uint8))
        erased = set(gone.tolist())
        head = replace(
            head,
            # Never kept as it was: after an erasure that was taken back, it may lie ahead of the
            # gallery's count, which would catch up with it.
            removals=now if head.removals == before else -1,
            samples=tuple(s for s in head.samples if s[0] not in erased),
            gone=head.gone + count,
        )
        _write_head(file, head)
    return count


def wipe(path: Path) -> None:
    """Overwrite the whole file with zeros, then delete it. Raises OSError; none there is fine."""
    try:
        with path.open("r+b") as file:
            left = os.fstat(file.fileno()).st_size
            while left > 0:
                left -= file.write(bytes(min(left, CHUNK)))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
    except FileNotFoundError:
        return


def _write_head(file: IO[bytes], head: Head) -> None:
    """After all that was written before, for good."""
    file.flush()
    os.fsync(file.fileno())
    file.seek(0)
    file.write(_encode(head))
    file.flush()
    os.fsync(file.fileno())


def _arrays(part: Part) -> dict[str, npt.NDArray[Any]]:
    return {
        "low": part.levels.low.astype("<f4"),
        "step": part.levels.step.astype("<f4"),
        "keys": part.keys.astype("<i8"),
        "owners": part.owners.astype("<i8"),
        "codes": part.packed,
    }


def _bytes(array: npt.NDArray[Any]) -> memoryview:
    """Of a contiguous array, not copied."""
    flat: Any = array.reshape(-1).view(np.uint8)
    return memoryview(flat)


def _checks(*pieces: memoryview) -> npt.NDArray[np.uint32]:
    """Of a section that lies in memory in pieces."""
    sums, left = [], 0
    for data in pieces:
        at = 0
        while at < len(data):
            if not left:
                sums.append(0)
                left = CHUNK
            some = data[at : at + left]
            sums[-1] = zlib.crc32(some, sums[-1])
            at, left = at + len(some), left - len(some)
    return np.array(sums, "<u4")


def _read(file: IO[bytes], place: tuple[int, int], *into: npt.NDArray[Any]) -> None:
    """Fill arrays, one after the other, with a section whose checksums hold."""
    at, size = place
    pieces = [_bytes(array) for array in into]
    if sum(map(len, pieces)) != size:
        raise DamagedIndexError("its sections do not fit together")
    file.seek(at)
    for data in pieces:
        if file.readinto(data) != len(data):  # type: ignore[attr-defined]
            raise DamagedIndexError("it is cut off")
    if file.read(4 * -(-size // CHUNK)) != _checks(*pieces).tobytes():
        raise DamagedIndexError("a checksum does not hold")


def _mask(file: IO[bytes], place: tuple[int, int], at: I64, masks: U8) -> None:
    """Keep the bits ``masks`` (N,) of the bytes ``at`` (N,) of a section, and no others there."""
    begin, size = place
    chunks = at // CHUNK
    for chunk in np.unique(chunks).tolist():
        file.seek(begin + chunk * CHUNK)
        data = np.frombuffer(file.read(min(CHUNK, size - chunk * CHUNK)), np.uint8).copy()
        here = chunks == chunk
        np.bitwise_and.at(data, at[here] - chunk * CHUNK, masks[here])
        _patch(file, place, chunk, data.tobytes())


def _patch(file: IO[bytes], place: tuple[int, int], chunk: int, data: bytes) -> None:
    """Write a piece of a section anew, and its checksum."""
    begin, size = place
    file.seek(begin + chunk * CHUNK)
    file.write(data)
    file.seek(begin + size + 4 * chunk)
    file.write(zlib.crc32(data).to_bytes(4, "little"))


def _encode(head: Head) -> bytes:
    fields = {name: getattr(head, name) for name in Head.__slots__}
    text = json.dumps({"format": 1, **fields}).encode("ascii")
    body = text.ljust(HEAD - len(MAGIC) - 4)
    if len(body) + len(MAGIC) + 4 > HEAD:
        raise DamagedIndexError("its head is too long")
    return MAGIC + zlib.crc32(body).to_bytes(4, "little") + body


def _decode(data: bytes) -> Head:
    body = data[len(MAGIC) + 4 :]
    if len(data) < HEAD or not data.startswith(MAGIC):
        raise DamagedIndexError("it is no search index")
    if zlib.crc32(body) != int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "little"):
        raise DamagedIndexError("the checksum of its head does not hold")
    try:
        fields = json.loads(body)
        if fields.pop("format") != 1:
            raise ValueError
        samples = tuple((int(key), int(check)) for key, check in fields.pop("samples"))
        parts = {
            wear: {name: (int(at), int(size)) for name, (at, size) in places.items()}
            for wear, places in fields.pop("parts").items()
        }
        return Head(samples=samples, parts=parts, **fields)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DamagedIndexError("it is of another version") from error
