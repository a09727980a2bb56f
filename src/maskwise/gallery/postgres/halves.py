"""float32 vectors -> pgvector's ``halfvec``, on the wire.

The Python package pgvector is not needed for that: the server finds out the type of a parameter
from where it stands, and the bytes are few lines.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from psycopg import Connection
from psycopg.adapt import Dumper
from psycopg.pq import Format

from maskwise.types import F32

ERROR: Final = 1.1e-3
"""How far the inner product of two ``halfvec`` may be from that of the unit vectors that they
were. Rounding to binary16 moves a unit vector by at most 2**-11 = 4.9e-4 (Euclidean; IEEE 754,
round to nearest), so two of them the product by 9.8e-4; the rest is room for pgvector's sums in
binary32."""


class Half:
    """A vector (D,) as ``halfvec_recv`` reads it: D and 0 as int16, D binary16, big-endian."""

    __slots__ = ("data",)

    def __init__(self, vector: F32) -> None:
        head = np.array([len(vector), 0], ">i2").tobytes()
        self.data = head + np.asarray(vector).astype(">f2").tobytes()


class _HalfDumper(Dumper):
    format = Format.BINARY
    oid = 0  # that of an extension's type differs from database to database

    def dump(self, obj: Any) -> bytes:
        data: bytes = obj.data
        return data


def register(connection: Connection[Any]) -> None:
    """Let this connection take ``Half`` as a parameter."""
    connection.adapters.register_dumper(Half, _HalfDumper)
