"""qdrant+...:// -> where the collections are and how they are kept, and a name to print."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from maskwise.errors import ConfigurationError

KEY_VARIABLE: Final = "MASKWISE_QDRANT_API_KEY"
"""The environment variable of the API key, where the URL has none."""

DEFAULT_COLLECTION: Final = "maskwise"
DEFAULT_PORT: Final = 6333
DEFAULT_DEPTH: Final = 600
"""HNSW's ``hnsw_ef``: that of the gallery on PostgreSQL, where 400 and less missed people."""
DEFAULT_TIMEOUT_S: Final = 30

QUANTIZATIONS: Final = ("none", "int8", "binary")

# What Qdrant takes for a name, less what a URL would have to escape; room for our endings.
_COLLECTION: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")
_WRITE: Final = (
    "qdrant+http://HOST:PORT/COLLECTION, qdrant+https://HOST:PORT/COLLECTION or "
    f"qdrant+path:///FOLDER/COLLECTION; a server's API key is best put into {KEY_VARIABLE}"
)
_UNREADABLE: Final = (
    f"the gallery's URL cannot be read (it is not shown, it may hold an API key); write {_WRITE}, "
    "and in a key every character that is no letter or digit as %XX"
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How the collections are made; None: not named, so what they are, or the default, stays.

    shards, replicas: numbers. quantization: of ``QUANTIZATIONS``. on_disk: originals on disk.
    """

    shards: int | None = None
    replicas: int | None = None
    quantization: str | None = None
    on_disk: bool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """url: of the server, None for a folder. folder: of local mode. shown: without the key.

    depth: HNSW's ``hnsw_ef``. timeout_s: of one request.
    """

    collection: str
    shown: str
    url: str | None = None
    folder: Path | None = None
    key: str | None = field(default=None, repr=False)
    settings: Settings = Settings()
    depth: int = DEFAULT_DEPTH
    timeout_s: int = DEFAULT_TIMEOUT_S


def parse(url: str) -> Place:
    """The place that a URL names; ConfigurationError, which never quotes it, when it is none."""
    scheme, _, rest = url.partition("://")
    kind = scheme.lower().removeprefix("qdrant+")
    if kind == "path":
        return _local(rest)
    if kind not in ("http", "https"):
        raise ConfigurationError(f"no such way to Qdrant; write {_WRITE}")
    try:
        parts = urlsplit(f"{kind}://{rest}")
        port = parts.port or DEFAULT_PORT
    except ValueError:
        raise ConfigurationError(_UNREADABLE) from None  # it may quote pieces of a key
    # An @, / or # of a key that was not escaped would shift its pieces into host and path.
    after_host = rest.partition("/")[2]
    if not parts.hostname or parts.netloc.count("@") > 1 or "@" in after_host or parts.fragment:
        raise ConfigurationError(_UNREADABLE)
    given = _parameters(
        parts.query,
        *("shards", "replicas", "quantization", "on_disk"),
        *("ef_search", "timeout", "insecure", "api_key"),
    )
    collection = _collection(parts.path.strip("/"), _UNREADABLE)
    key = _key(parts, given)
    if key and kind == "http" and not _is_here(parts.hostname) and not _flag(given, "insecure"):
        raise ConfigurationError(
            f"an API key would go to {parts.hostname} unencrypted, and faces with it; write "
            "qdrant+https://, or, where the network itself is encrypted, add ?insecure=true"
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Place(
        collection,
        f"qdrant+{kind}://{host}:{port}/{collection}",
        url=f"{kind}://{host}:{port}",
        key=key,
        settings=_settings(given),
        depth=_number(given, "ef_search", 1, 10_000) or DEFAULT_DEPTH,
        timeout_s=_number(given, "timeout", 1, 3600) or DEFAULT_TIMEOUT_S,
    )


def without_key(url: str) -> str:
    """The URL as it may be printed, also one that cannot be read."""
    try:
        return parse(url).shown
    except ConfigurationError:
        return f"{url.partition('://')[0]}://..."


def as_settings(stored: object) -> Settings:
    """What a gallery's head says of its settings."""
    known = stored if isinstance(stored, dict) else {}
    return Settings(**{f.name: known.get(f.name) for f in fields(Settings)})


def _local(rest: str) -> Place:
    """The folder as it is typed, and its last part as the collection."""
    path, _, query = rest.partition("?")
    _parameters(query)
    folder, _, collection = path.rstrip("/").rpartition("/")
    name = _collection(collection, "a gallery in a folder: write qdrant+path:///FOLDER/COLLECTION")
    if not folder and not path.startswith("/"):
        raise ConfigurationError("a gallery in a folder: write qdrant+path:///FOLDER/COLLECTION")
    place = Path(folder or "/").expanduser()
    return Place(name, f"qdrant+path://{folder}/{name}", folder=place)


def _collection(name: str, otherwise: str) -> str:
    name = name or DEFAULT_COLLECTION
    if "/" in name:
        raise ConfigurationError(otherwise)
    if not _COLLECTION.fullmatch(name):
        raise ConfigurationError(
            "the gallery's URL: a collection's name has letters, digits, _ and -, at most 200"
        )
    return name


def _key(parts: SplitResult, given: dict[str, str]) -> str | None:
    """From user:password (either may be the key), ?api_key=, or the environment."""
    in_front = parts.password or parts.username
    return unquote(in_front or "") or given.get("api_key") or os.environ.get(KEY_VARIABLE) or None


def _parameters(query: str, *known: str) -> dict[str, str]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    if any(name not in known for name in given):
        says = f"there are: {', '.join(k for k in known if k != 'api_key')}" if known else "none"
        raise ConfigurationError(f"the gallery's URL has a parameter that is not known; {says}")
    return given


def _settings(given: dict[str, str]) -> Settings:
    quantization = given.get("quantization")
    if quantization not in (None, *QUANTIZATIONS):
        raise ConfigurationError(
            f"the gallery's URL: quantization= takes one of {', '.join(QUANTIZATIONS)}"
        )
    return Settings(
        _number(given, "shards", 1, 10_000),
        _number(given, "replicas", 1, 100),
        quantization,
        _flag(given, "on_disk") if "on_disk" in given else None,
    )


def _number(given: dict[str, str], name: str, low: int, high: int) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ConfigurationError(
            f"the gallery's URL: {name}= takes a whole number from {low} to {high}"
        )
    return int(text)


def _flag(given: dict[str, str], name: str) -> bool:
    text = given.get(name, "false")
    if text not in ("true", "false"):
        raise ConfigurationError(f"the gallery's URL: {name}= takes true or false")
    return text == "true"


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
