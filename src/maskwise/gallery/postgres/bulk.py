"""Many rows into a table at once, by COPY in its binary form (PostgreSQL's page on COPY).

An INSERT of as many rows takes several times as long: psycopg and the server both read its text.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from psycopg import sql

from maskwise.gallery.postgres.halves import Half
from maskwise.gallery.postgres.link import Connection

_HEAD: Final = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
_END: Final = struct.pack(">h", -1)
_NULL: Final = struct.pack(">i", -1)
_CHUNK: Final = 1 << 18  # bytes given to the server at a time

Value = bool | int | float | str | bytes | Half | None
"""For columns of type boolean, bigint, double precision, text, bytea and halfvec."""


def put(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]
) -> None:
    """Add rows, numbered in their order; raises psycopg.Error."""
    query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = struct.pack(">h", len(columns))
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        some = bytearray(_HEAD)
        for row in rows:
            some += count
            for value in row:
                some += _field(value)
            if len(some) > _CHUNK:
                copy.write(bytes(some))
                some.clear()
        copy.write(bytes(some) + _END)


def _field(value: Value) -> bytes:
    if value is None:
        return _NULL
    if isinstance(value, bool):  # before int, which it is, too
        return struct.pack(">i?", 1, value)
    if isinstance(value, int):
        return struct.pack(">iq", 8, value)
    if isinstance(value, float):
        return struct.pack(">id", 8, value)
    if isinstance(value, str):
        value = value.encode()
    data = value.data if isinstance(value, Half) else value
    return struct.pack(">i", len(data)) + data
