"""What a deletion leaves on the server's disk, and getting rid of it.

PostgreSQL leaves a deleted row where it is until it is vacuumed, and its bytes until something
else comes to that place. VACUUM FULL writes the tables anew, without them.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from maskwise.errors import MaskwiseError
from maskwise.gallery.postgres.indexes import present
from maskwise.gallery.postgres.link import Connection, Link

_TABLES = ("template", "kept_face", "reference", "subject")
_BY_HAND = "VACUUM FULL, at a quiet time, writes its tables anew (docs/postgresql.md)"
LARGE = (
    "the rows are gone from tables and index; the server reuses their bytes after its next vacuum. "
    + _BY_HAND
)
IN_USE = (
    "the rows are gone; the server did not write its tables anew, since a process was using the "
    "gallery or this user does not own them: their bytes are on its disk until the next deletion "
    "that can. " + _BY_HAND
)


def transaction_id(connection: Connection) -> str:
    """Of the transaction that deletes; before its end."""
    row = connection.execute("SELECT pg_current_xact_id()::xid::text").fetchone()
    assert row is not None
    return str(row[0])


def wipe(link: Link, deleted_by: str) -> str:
    """Write a small gallery's tables anew; "" when that was done, else what remains and why.

    deleted_by: ``transaction_id``, which has ended. A large gallery is left to the server: its
    index would have to be built again. Raises nothing: what was asked for is done and stored.
    """
    try:
        with link.reading() as connection:
            if present(connection):
                return LARGE
            if _is_seen(connection, deleted_by):
                return IN_USE
        tables = sql.SQL(", ").join(sql.Identifier(link.place.schema, name) for name in _TABLES)
        # Skipping rather than waiting: readers would queue up behind it.
        warnings = link.alone(sql.SQL("VACUUM (FULL, SKIP_LOCKED) {}").format(tables))
    except (MaskwiseError, psycopg.Error):
        return IN_USE
    return IN_USE if warnings else ""


def _is_seen(connection: Connection, deleted_by: str) -> bool:
    """Whether a session, a standby or a prepared transaction may still see what was deleted."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM ("
        " SELECT backend_xmin AS x FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND (datname = current_database() OR datname IS NULL)"
        " UNION ALL SELECT xmin FROM pg_replication_slots"
        " UNION ALL SELECT transaction FROM pg_prepared_xacts) AS old"
        " WHERE x IS NOT NULL AND age(x) >= age(%s::text::xid))",
        (deleted_by,),
    ).fetchone()
    return row is None or bool(row[0])
