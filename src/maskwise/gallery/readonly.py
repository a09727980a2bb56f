"""Galleries that may be read and not written: a read-only file, folder or medium.

A gallery keeps a log (``NAME-wal``) and an index of it (``NAME-shm``) beside it while it is open.
Where these cannot be made, SQLite opens it only as *immutable*: then nothing is locked, and it
takes for granted that nobody else changes the file. Where somebody can (another user, another
machine that has the medium writable), a search may see half of a change, or call the file
damaged. So that is done only where the log cannot be made and none with content is there, whose
enrolments an immutable reader would not see.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

from maskwise.errors import GalleryFormatError, StorageError
from maskwise.gallery.encryption.vault import Vault, VaultConnection
from maskwise.gallery.migrations import MIGRATIONS, format_of


def may_write(path: Path) -> bool:
    """Whether this process may write the file and make files beside it.

    ``os.access`` knows permissions and read-only mounts, also for root.
    """
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)


def connect(
    path: Path,
    busy_timeout_s: float,
    check_ours: Callable[[sqlite3.Connection, Path], None],
    vault: Vault,
) -> VaultConnection:
    """Open the gallery at ``path`` for reading alone.

    Raises GalleryFormatError for a file of an older format, which a write would have to bring
    up, StorageError where a log with content cannot be read, sqlite3.Error and OSError.
    """
    log = path.with_name(f"{path.name}-wal")
    # Another process that may write has it open: with its files, reading is safe and current.
    connection = None
    if _has_content(log) or log.with_name(f"{path.name}-shm").exists():
        connection = _tried(path, "mode=ro", busy_timeout_s)
        if connection is None and _has_content(log):
            raise StorageError(
                f"{path}: {log.name} beside it holds enrolments that are not in the file yet, "
                "and cannot be read without writing; open the gallery once where it may be "
                "written (maskwise gallery stats), or copy both files to a folder of your own"
            )
    if connection is None and os.access(path.parent, os.W_OK | os.X_OK):
        connection = _tried(path, "mode=ro", busy_timeout_s)
    if connection is None:
        connection = _opened(path, "mode=ro&immutable=1", busy_timeout_s)
    try:
        check_ours(connection, path)
        found = format_of(connection)
        if found < len(MIGRATIONS):
            raise GalleryFormatError(
                f"{path} has gallery format {found}, must be brought to {len(MIGRATIONS)}, and "
                "may not be written; open it once where it may (maskwise gallery stats), or copy "
                "the file to a folder of your own"
            )
        connection.execute("PRAGMA temp_store = MEMORY")
        vault.prepare(connection)
        vault.look(connection)
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _has_content(log: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return log.stat().st_size > 0
    return False


def _tried(path: Path, how: str, busy_timeout_s: float) -> VaultConnection | None:
    connection = _opened(path, how, busy_timeout_s)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if "unable to open" in str(error) or "readonly" in str(error):
            return None
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _opened(path: Path, how: str, busy_timeout_s: float) -> VaultConnection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
        factory=VaultConnection,
    )
