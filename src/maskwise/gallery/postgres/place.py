"""postgresql://... -> how to connect, and a name for it that may be printed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from maskwise.errors import ConfigurationError

DEFAULT_SCHEMA: Final = "maskwise"

DEFAULT_DEPTH: Final = 600
"""HNSW's ``ef_search``; pgvector's default of 40 misses people (docs/postgresql.md)."""

_DEEPEST: Final = 1000  # pgvector's limit

# What PostgreSQL takes without quotes, and never one of its own.
_SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")
_OURS: Final = ("schema", "ef_search")
_UNREADABLE: Final = (
    "the gallery's URL cannot be read (it is not shown, it may hold a password); write "
    "postgresql://USER@HOST:PORT/DATABASE, in user and password every character that is no letter "
    "or digit as %XX (@ is %40, / is %2F)"
)


@dataclass(frozen=True, slots=True)
class Place:
    """conninfo: for libpq. schema: holds the tables. shown: the URL without secrets.

    depth: HNSW's ``ef_search``.
    """

    conninfo: dict[str, str] = field(repr=False)
    schema: str
    shown: str
    depth: int = DEFAULT_DEPTH

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be in a message."""
        return tuple(
            self.conninfo[key] for key in ("password", "sslpassword") if self.conninfo.get(key)
        )


def parse(url: str) -> Place:
    """The place that a URL names; ConfigurationError, which never quotes it, when it is none.

    Parameters are libpq's, and two of ours: ``schema``, by which several galleries share a
    database, and ``ef_search``, how deep the index is searched.
    """
    head, _, query = url.partition("?") if "@" not in url.partition("?")[2] else (url, "", "")
    rest = head.partition("://")[2]
    authority, _, path = rest.partition("/")
    # An @ or / of a password that was not escaped would shift its pieces into host and port.
    if authority.count("@") > 1 or "@" in path:
        raise ConfigurationError(_UNREADABLE)
    pairs = parse_qsl(query, keep_blank_values=True)
    schema = dict(pairs).get("schema", DEFAULT_SCHEMA)
    if not _SCHEMA.fullmatch(schema):
        raise ConfigurationError(
            "the gallery's URL: schema= takes a name of lower-case letters, digits and _, at most "
            "63, that does not begin with pg_"
        )
    depth = dict(pairs).get("ef_search", str(DEFAULT_DEPTH))
    if not depth.isascii() or not depth.isdigit() or not 1 <= int(depth) <= _DEEPEST:
        raise ConfigurationError(
            f"the gallery's URL: ef_search= takes a whole number from 1 to {_DEEPEST}"
        )
    left = urlencode([pair for pair in pairs if pair[0] not in _OURS], quote_via=quote)
    try:
        found = conninfo_to_dict(f"postgresql://{rest}{'?' if left else ''}{left}")
    except psycopg.ProgrammingError:
        raise ConfigurationError(_UNREADABLE) from None  # it may quote pieces of a password
    conninfo = {key: str(value) for key, value in found.items() if value is not None}
    if not all(port.isdigit() for port in conninfo.get("port", "0").split(",") if port):
        raise ConfigurationError(_UNREADABLE)
    return Place(conninfo, schema, _shown(conninfo, schema), int(depth))


def _shown(conninfo: dict[str, str], schema: str) -> str:
    """Like the URL, from what is no secret: user, hosts, ports, database and schema."""
    user = f"{quote(conninfo['user'])}@" if conninfo.get("user") else ""
    hosts = conninfo.get("host", "").split(",")
    ports = conninfo.get("port", "").split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    where = ",".join(
        f"{_host(host)}{':' if port else ''}{port}" for host, port in zip(hosts, ports, strict=True)
    )
    database = quote(conninfo.get("dbname", ""), safe="")
    named = "" if schema == DEFAULT_SCHEMA else f"?schema={schema}"
    return f"postgresql://{user}{where}/{database}{named}"


def _host(host: str) -> str:
    return f"[{host}]" if ":" in host else quote(host, safe="")
