"""A connection that takes SQL as SQLite writes it, for what both engines share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from maskwise.gallery.postgres.link import Connection

_NAMED: Final = re.compile(r":(\w+)")


class PostgresRows:
    """``maskwise.gallery.rows.Rows`` on a transaction of PostgreSQL's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def execute(self, query: str, values: Any = (), /) -> Any:
        """Run it with psycopg's placeholders; no literal ``?``, ``:`` or ``%`` may stand in it."""
        if isinstance(values, Mapping):
            query = _NAMED.sub(r"%(\1)s", query)
        else:
            query = query.replace("?", "%s")
        return self._connection.execute(query.encode(), values or None)
