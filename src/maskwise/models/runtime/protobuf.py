"""Protobuf's wire format, as far as a reader needs it: the fields of a message, one by one.

See https://protobuf.dev/programming-guides/encoding/. Nothing is trusted: what is no message
raises DamagedError, and no field reaches beyond the bytes that there are.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Final, NamedTuple

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5

_MOST_FIELDS: Final = 500_000  # of one message; the largest networks have some ten thousand


class DamagedError(Exception):
    """The bytes are no message."""


class Field(NamedTuple):
    """number: of the field. wire: its kind. value: of a VARINT. start, end: of its bytes."""

    number: int
    wire: int
    value: int
    start: int
    end: int


def fields(data: mmap.mmap, at: int, end: int) -> Iterator[Field]:
    """Of the message in ``data[at:end]``, in order; DamagedError where it is none."""
    for _ in range(_MOST_FIELDS):
        if at == end:
            return
        key, start = varint(data, at, end)
        number, wire = key >> 3, key & 7
        value = 0
        if wire == VARINT:
            value, at = varint(data, start, end)
        elif wire == BYTES:
            size, start = varint(data, start, end)
            at = start + size
        elif wire in (FIXED32, FIXED64):
            at = start + (4 if wire == FIXED32 else 8)
        else:
            raise DamagedError(f"nothing of the kind {wire} can stand at byte {start}")
        if number == 0 or at > end:
            raise DamagedError(f"what begins at byte {start} does not end where it should")
        yield Field(number, wire, value, start, at)
    raise DamagedError(f"it has more than {_MOST_FIELDS} parts")


def varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """The number at byte ``at``, 0 to 2^64 - 1, and where the next thing begins."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise DamagedError(f"no number ends at byte {at}")


def number_of(field: Field) -> int:
    """Of an int64 field; DamagedError for another kind."""
    must_be(field, VARINT)
    return signed(field.value)


def signed(value: int) -> int:
    """What a number of ``varint`` is as an int64."""
    return value - (1 << 64) if value >> 63 else value


def must_be(field: Field, wire: int) -> None:
    """DamagedError for a field of another kind."""
    if field.wire != wire:
        raise DamagedError(f"another kind of thing stands at byte {field.start}")
