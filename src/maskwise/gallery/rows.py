"""SQL that both SQLite and PostgreSQL run: what account is kept by is written once."""

from __future__ import annotations

from typing import Any, Protocol


class Rows(Protocol):
    """A connection in a transaction: ``sqlite3.Connection``, or one that looks like it.

    Parameters are ``?`` or ``:name``; columns are called as docs/gallery-format.md has them.
    """

    def execute(self, query: str, values: Any = ..., /) -> Any:
        """Run it; what comes back has ``fetchone`` and ``fetchall``, and gives its rows."""


def on_sqlite(rows: Rows) -> bool:
    """Whether that is SQLite: for what the two tell of themselves."""
    import sqlite3

    return isinstance(rows, sqlite3.Connection)
