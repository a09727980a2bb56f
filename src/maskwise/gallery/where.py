"""Path or URL -> Gallery, and where the user's own gallery lies."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from maskwise.errors import ConfigurationError
from maskwise.gallery.gallery import Gallery
from maskwise.paths import expanded

if TYPE_CHECKING:
    from maskwise.gallery.encryption.keys import OwnerKey

PATH_VARIABLE: Final = "MASKWISE_GALLERY"
"""The environment variable that names the default gallery's file."""

BEFORE: Final = ".before-"
"""Between a gallery's name and a time, for what ``maskwise gallery re-encode`` replaced."""

DRAFT: Final = ".re-encoding-"
"""Between a gallery's name and a hash, for what an interrupted re-encoding had done."""

_FILE: Final = "gallery.sqlite3"
_MEMORY: Final = ":memory:"
# Two letters at least: C:\\ is a drive.
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")


def default_place() -> str:
    """The user's own gallery: $MASKWISE_GALLERY (a path or URL), else in the user's data folder."""
    named = os.environ.get(PATH_VARIABLE)
    if named:
        return named
    import platformdirs

    return str(Path(platformdirs.user_data_dir("maskwise", appauthor=False)) / _FILE)


def open_gallery(
    where: str | os.PathLike[str] | None,
    *,
    create: bool = True,
    key: OwnerKey | Literal["from the environment"] | None = "from the environment",
) -> Gallery:
    """Open a gallery, made first when there is none and ``create`` is set.

    where: a file's path; ``sqlite:///relative/path`` or ``sqlite:////absolute/path``; None or
    ``":memory:"`` for one that ends with the process; ``postgresql://user@host/database`` for one
    on a server (docs/postgresql.md); ``qdrant+https://host:6333/collection`` for one on Qdrant, or
    ``qdrant+path:///folder/collection`` in its local mode (docs/qdrant.md).
    key: opens it where it is encrypted, and encrypts one with nobody in it (docs/encryption.md):
    one of ``maskwise.gallery.encryption.keys``; None for none; else what $MASKWISE_KEY_FILE or
    $MASKWISE_KEY_ENV names, where one of them is set.
    Raises GalleryKeyError when it is encrypted and the key is missing or another one, or it is
    in clear and a key was given; ConfigurationError for a URL of another engine; StorageError
    when the file is missing (``create=False``), locked, or may not be read or written;
    GalleryFormatError when it is no gallery, is damaged, or was written by a newer version.
    """
    from maskwise.gallery.encryption import settling
    from maskwise.gallery.sqlite import SqliteGallery

    if is_postgres(where):
        settling.refuse(key, "a gallery on PostgreSQL")
        return _postgres(os.fspath(where or ""), create)
    if is_qdrant(where):
        settling.refuse(key, "a gallery on Qdrant")
        return _qdrant(os.fspath(where or ""), create)
    path = _file_or_memory(where)
    if path == _MEMORY:
        settling.refuse(key, "a gallery in memory")
        return SqliteGallery.in_memory()
    owner = settling.chosen(key)
    gallery = SqliteGallery.open(expanded(path), create=create, key=owner)
    try:
        settling.settle(gallery, key, owner)
    except BaseException:
        gallery.close()
        raise
    return gallery


def gallery_file(where: str | os.PathLike[str] | None) -> Path | None:
    """The file that ``open_gallery`` would open; None for one in memory or on a server.

    Raises ConfigurationError as ``open_gallery``. Nothing is opened or made.
    """
    if is_postgres(where) or is_qdrant(where):
        return None
    path = _file_or_memory(where)
    return None if path == _MEMORY else expanded(path)


def is_postgres(where: str | os.PathLike[str] | None) -> bool:
    """Whether that is the URL of a gallery on PostgreSQL."""
    scheme = None if where is None else _SCHEME.match(os.fspath(where))
    return scheme is not None and scheme[1].lower() in ("postgresql", "postgres")


def is_qdrant(where: str | os.PathLike[str] | None) -> bool:
    """Whether that is the URL of a gallery on Qdrant, its local mode included."""
    scheme = None if where is None else _SCHEME.match(os.fspath(where))
    return scheme is not None and scheme[1].lower().startswith("qdrant+")


def without_secrets(where: str) -> str:
    """A path, or a server's URL without password and parameters (but schema); for messages."""
    scheme = _SCHEME.match(where)
    if scheme is None or scheme[1].lower() == "sqlite":
        return where
    if is_qdrant(where):
        from maskwise.gallery.qdrant.place import without_key

        return without_key(where)
    # From the last @: a password may hold one.
    credentials, at, place = where[scheme.end() :].rpartition("@")
    place, _, parameters = place.partition("?")
    kept = "&".join(part for part in parameters.split("&") if part.startswith("schema="))
    return f"{scheme[0]}{credentials.partition(':')[0]}{at}{place}{'?' if kept else ''}{kept}"


def _postgres(url: str, create: bool) -> Gallery:
    try:
        from maskwise.gallery.postgres import PostgresGallery
    except ImportError as error:
        if not (error.name or "").startswith("psycopg") and "libpq" not in str(error):
            raise
        raise ConfigurationError(
            'a gallery on PostgreSQL needs more packages: pip install "maskwise[postgres]"'
        ) from error
    return PostgresGallery.open(url, create=create)


def _qdrant(url: str, create: bool) -> Gallery:
    try:
        from maskwise.gallery.qdrant.engine import QdrantGallery
    except ImportError as error:
        if not (error.name or "").startswith("qdrant_client"):
            raise
        raise ConfigurationError(
            'a gallery on Qdrant needs another package: pip install "maskwise[qdrant]"'
        ) from error
    return QdrantGallery.open(url, create=create)


def copies_beside(gallery: Path) -> list[Path]:
    """What ``maskwise gallery re-encode`` left beside a gallery: files that still hold people."""
    names = (f"{gallery.name}{BEFORE}", f"{gallery.name}{DRAFT}")
    try:
        return sorted(
            path
            for path in gallery.parent.iterdir()
            if path.name.startswith(names) and not path.name.endswith(("-wal", "-shm"))
        )
    except OSError:
        return []


def _file_or_memory(where: str | os.PathLike[str] | None) -> str:
    path = _MEMORY if where is None else os.fspath(where)
    scheme = _SCHEME.match(path)
    if scheme is not None:
        # The URL itself may hold a password: messages name the scheme only.
        if scheme[1].lower() != "sqlite":
            raise ConfigurationError(
                f"no gallery engine {scheme[1]!r}; there are: a file's path, sqlite:///PATH, "
                "postgresql://USER@HOST/DATABASE, qdrant+https://HOST:PORT/COLLECTION"
            )
        rest = path[scheme.end() :]
        if rest and not rest.startswith("/"):
            raise ConfigurationError(
                f"{path}: write sqlite:///relative/path or sqlite:////absolute/path"
            )
        path = rest[1:] or _MEMORY
    if not path:
        raise ConfigurationError("the gallery's path is empty; name a file")
    return path
