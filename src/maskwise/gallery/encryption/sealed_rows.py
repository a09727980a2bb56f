"""The rows of an encrypted gallery that are sealed: read, opened, stored anew.

The functions expect to run in a write transaction and raise sqlite3.Error, and GalleryFormatError
for a row that does not open.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from maskwise.gallery.encryption.envelope import about
from maskwise.gallery.encryption.vault import FACE_FIELDS, TEMPLATE_FIELDS, Vault

AT_ONCE: Final = 1000
"""Rows in memory."""


class Row(NamedTuple):
    """A stored value: its row, itself, what it belongs to, and the row of its data key."""

    key: int
    value: bytes
    about: bytes
    key_id: int | None


@dataclass(frozen=True, slots=True)
class Table:
    """What is sealed. key: the column that names a row. word: for messages."""

    name: str
    key: str
    column: str
    kind: str
    word: str
    select: str

    def row(self, row: tuple[Any, ...]) -> Row:
        """What ``select`` gave, with the associated data made of its fields."""
        key, key_id, value, *fields = row
        return Row(key, value, about(self.kind, *fields), key_id)

    def store(
        self, connection: sqlite3.Connection, values: Sequence[tuple[bytes, int | None, int]]
    ) -> None:
        """values: the value, the row of its data key, and its own."""
        connection.executemany(
            f"UPDATE {self.name} SET {self.column} = ?, key_id = ? WHERE {self.key} = ?", values
        )


TABLES: Final = (
    Table(
        "template", "id", "vector", "template", "template",
        f"SELECT t.id, t.key_id, t.vector, {TEMPLATE_FIELDS} FROM template t",
    ),
    Table(
        "kept_face", "reference_id", "face", "face", "the kept face of reference",
        f"SELECT k.reference_id, k.key_id, k.face, {FACE_FIELDS} FROM kept_face k",
    ),
)  # fmt: skip


def all_rows(connection: sqlite3.Connection, table: Table) -> Iterator[list[Row]]:
    """All rows, some at a time; they may be changed meanwhile."""
    after = 0
    while True:
        rows = connection.execute(
            f"{table.select} WHERE {table.key} > ? ORDER BY 1 LIMIT ?", (after, AT_ONCE)
        ).fetchall()
        if not rows:
            return
        after = int(rows[-1][0])
        yield [table.row(row) for row in rows]


def with_key(
    values: list[bytes], key_id: int, rows: list[Row]
) -> list[tuple[bytes, int | None, int]]:
    """What ``Table.store`` takes."""
    return [(value, key_id, row.key) for value, row in zip(values, rows, strict=True)]


def opened(vault: Vault, table: Table, row: Row) -> bytes:
    """The value in clear."""
    return vault.unseal(table.word, row.key, row.key_id, row.value, row.about)


@contextlib.contextmanager
def resealing(connection: sqlite3.Connection, vault: Vault, subject: int) -> Iterator[None]:
    """References of that person become another's inside: their rows are sealed anew afterwards."""
    if vault.data_key is None:
        yield
        return
    held = []
    for table in TABLES:
        rows = connection.execute(
            f"{table.select} WHERE reference_id IN (SELECT id FROM reference WHERE subject_id = ?)",
            (subject,),
        ).fetchall()
        held += [(table, row.key, opened(vault, table, row)) for row in map(table.row, rows)]
    yield
    for table, key, plain in held:
        row = table.row(
            connection.execute(f"{table.select} WHERE {table.key} = ?", (key,)).fetchone()
        )
        key_id, sealed = vault.seal(connection, [(plain, row.about)])
        table.store(connection, with_key(sealed, key_id, [row]))
