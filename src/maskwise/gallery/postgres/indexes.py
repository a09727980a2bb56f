"""The HNSW indexes: two an encoder, of bare and of masked templates.

Partial indexes make the filter by wear exact and free. Their expression fixes the width, which
differs from encoder to encoder. They are made when the gallery outgrows ``EXACT_LIMIT``: until
then every search is exact, enrolment is cheaper, and deleted rows can be wiped at once. The
server keeps them as new as the table; lost ones are made by the next enrolment.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from psycopg import sql

from maskwise.gallery.postgres.link import Connection

EXACT_LIMIT: Final = 5000
"""Up to so many templates a search is one NumPy product in memory, exact: 10 MB at 512 numbers,
less than a millisecond a probe."""

LINKS: Final = 24
"""HNSW's ``m``; pgvector's default is 16. What it brings: docs/postgresql.md."""

BUILD_DEPTH: Final = 128
"""HNSW's ``ef_construction``; pgvector's default is 64."""

WIDEST: Final = 4000
"""The widest ``halfvec`` that pgvector indexes. Wider ones are searched row by row."""

_PREFIX: Final = "template_near_"


class EncoderRow(NamedTuple):
    """The row of ``encoder``."""

    id: int
    name: str
    dim: int
    space: str


def encoder_of(connection: Connection) -> EncoderRow | None:
    """The gallery's encoder; None while it is empty."""
    row = connection.execute("SELECT id, name, dim, space FROM encoder ORDER BY id").fetchone()
    return None if row is None else EncoderRow(*row)


def is_small(connection: Connection) -> bool:
    """Whether there are at most ``EXACT_LIMIT`` templates (counts no further)."""
    row = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM template LIMIT %s) AS few", (EXACT_LIMIT + 1,)
    ).fetchone()
    return row is not None and row[0] <= EXACT_LIMIT


def present(connection: Connection) -> set[str]:
    """The names of the indexes that can be used."""
    rows = connection.execute(
        "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = 'template'::regclass AND i.indisvalid AND c.relname LIKE %s",
        (_PREFIX.replace("_", r"\_") + "%",),
    )
    return {name for (name,) in rows}


def names(encoder_id: int) -> dict[bool, str]:
    """The indexes of an encoder, by whether they hold the masked templates."""
    return {masked: f"{_PREFIX}{encoder_id}_{'masked' if masked else 'bare'}" for masked in _KINDS}


_KINDS: Final = (False, True)


def keep_up(connection: Connection) -> None:
    """Make the indexes that are due and drop those of encoders that are gone; in a transaction.

    Only who owns the table may: of other users it is left undone, which costs time, not answers.
    """
    encoder = encoder_of(connection)
    wanted = {} if encoder is None else names(encoder.id)
    there = present(connection)
    stale = sorted(there - set(wanted.values()))
    missing = {masked: name for masked, name in wanted.items() if name not in there}
    if encoder is None or encoder.dim > WIDEST or (missing and is_small(connection)):
        missing = {}
    if not (stale or missing) or not _is_ours(connection):
        return
    for name in stale:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    if encoder is None:
        return
    for masked, name in missing.items():
        # One that is there under the name is not valid.
        connection.execute(sql.SQL("DROP INDEX IF EXISTS {}").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL(
                "CREATE INDEX {} ON template USING hnsw (({}) halfvec_ip_ops)"
                " WITH (m = {}, ef_construction = {}) WHERE {}"
            ).format(
                sql.Identifier(name),
                nearness(encoder.dim),
                sql.Literal(LINKS),
                sql.Literal(BUILD_DEPTH),
                kind(encoder.id, masked),
            )
        )
        # ANALYZE would keep some vectors as samples, where no vacuum reaches them.
        connection.execute(
            sql.SQL("ALTER INDEX {} ALTER COLUMN 1 SET STATISTICS 0").format(sql.Identifier(name))
        )


def _is_ours(connection: Connection) -> bool:
    """Whether this user is the table's owner, or of the owner's role."""
    row = connection.execute(
        "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = 'template'::regclass"
    ).fetchone()
    return row is not None and bool(row[0])


def nearness(dim: int) -> sql.Composable:
    """The expression that is indexed. Unit vectors: their inner product is the cosine."""
    return sql.SQL("near::halfvec({})").format(sql.Literal(dim))


def kind(encoder_id: int, masked: bool) -> sql.Composable:
    """The condition of an index, word for word, so that the planner knows it again."""
    return sql.SQL("encoder_id = {} AND {}").format(
        sql.Literal(encoder_id), sql.SQL("masked" if masked else "NOT masked")
    )
