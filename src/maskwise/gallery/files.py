"""Opening a gallery's SQLite file, and SQLite's errors in words that name file and remedy."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from maskwise.errors import GalleryError, GalleryFormatError, StorageError
from maskwise.gallery import readonly
from maskwise.gallery.encryption.keys import OwnerKey
from maskwise.gallery.encryption.vault import Vault, VaultConnection
from maskwise.gallery.migrations import APPLICATION_ID, MIGRATIONS, format_of, migrate

BUSY_TIMEOUT_S: Final = 30.0
"""How long a call waits for another process that is writing."""

_MAGIC: Final = b"SQLite format 3\x00"
_DAMAGED: Final = ("malformed", "not a database", "constraint failed", "corrupt")


def connect_memory() -> VaultConnection:
    """A new gallery that ends with its connection."""
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, factory=VaultConnection
    )
    _configure(connection)
    migrate(connection)
    Vault(":memory:").prepare(connection)
    return connection


def connect_file(
    path: Path,
    *,
    create: bool = True,
    busy_timeout_s: float = BUSY_TIMEOUT_S,
    key: OwnerKey | None = None,
) -> VaultConnection:
    """Open the gallery at ``path``, brought to the newest format; the errors of open_gallery.

    key: opens it where it is encrypted.
    """
    vault = Vault(str(path), key)
    with translated(str(path)):
        if not _is_there(path):
            if not create:
                raise StorageError(
                    f"{path}: there is no gallery yet; enrol someone first: "
                    "maskwise enrol PEOPLE_DIR"
                )
            _create(path)
        _check_header(path)
        try:
            if readonly.may_write(path):
                return _writable(path, busy_timeout_s, vault)
            return readonly.connect(path, busy_timeout_s, _check_ours, vault)
        except UnicodeDecodeError as error:  # SQLite quotes a damaged schema
            raise sqlite3.DatabaseError(f"malformed: {error.object!r:.200}") from error


def _writable(path: Path, busy_timeout_s: float, vault: Vault) -> VaultConnection:
    connection = _connect(path, busy_timeout_s)
    try:
        # Before anything is set: the file of another program stays as it is.
        _check_ours(connection, path)
        _configure(connection)
        migrate(connection)
        vault.prepare(connection)
        vault.look(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def copy_to(
    connection: sqlite3.Connection, path: Path, before_it_appears: Callable[[], None]
) -> None:
    """The gallery as it stands, in a new file that appears whole; raises OSError, sqlite3.Error.

    FileExistsError when there is a file of that name: none is ever written over.
    before_it_appears: called once the copy is made; when it raises, there is none.
    """
    with draft_beside(path) as draft:
        copy = _connect(draft, BUSY_TIMEOUT_S)
        try:
            connection.backup(copy)
        finally:
            copy.close()
        if not _is_there(path):
            before_it_appears()
        publish_new(draft, path)


def write_new(path: Path, fill: Callable[[sqlite3.Connection], None]) -> None:
    """A new gallery that ``fill`` puts rows into, in one transaction; it appears whole.

    Raises OSError, sqlite3.Error; FileExistsError when there is a file of that name.
    """
    with draft_beside(path) as draft:
        connection = _connect(draft, BUSY_TIMEOUT_S)
        try:
            _configure(connection)
            migrate(connection)
            Vault(str(path)).prepare(connection)
            connection.execute("BEGIN IMMEDIATE")
            fill(connection)
            connection.execute("COMMIT")
        finally:
            connection.close()
        publish_new(draft, path)


@contextlib.contextmanager
def draft_beside(path: Path) -> Iterator[Path]:
    """An empty file of another name in the same folder, mode 0600; it is gone at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".maskwise-{secrets.token_hex(8)}.new")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield draft
    finally:
        for name in (draft.name, f"{draft.name}-wal", f"{draft.name}-shm"):
            with contextlib.suppress(FileNotFoundError):
                draft.with_name(name).unlink()


def publish_new(draft: Path, path: Path) -> None:
    """Give a finished draft its name; FileExistsError when the name is taken."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    if not _publish(draft, path):
        raise FileExistsError(errno.EEXIST, "there is a file of that name already", str(path))


@contextlib.contextmanager
def translated(where: str) -> Iterator[None]:
    """Raise sqlite3 and OS errors as StorageError or GalleryFormatError that name ``where``."""
    try:
        yield
    except GalleryError:
        raise
    except sqlite3.Error as error:
        raise _in_words(where, error) from error
    except FileExistsError as error:
        raise StorageError(f"{where}: there is something of that name already; name another") from (
            error
        )
    except OSError as error:
        reason = error.strerror or str(error)
        raise StorageError(
            f"{where}: {reason}; check the path, its permissions and the free space"
        ) from error


def _in_words(where: str, error: sqlite3.Error) -> GalleryError:
    # The text, not sqlite_errorcode: Python 3.10 has none.
    text = str(error)
    if any(word in text for word in _DAMAGED):
        return GalleryFormatError(
            f"{where}: the gallery is damaged ({text}); restore a backup, or move the file away "
            "and enrol again"
        )
    if "locked" in text or "busy" in text:
        remedy = "another process has been writing to it for long; wait for it or end it"
    elif "full" in text:
        remedy = "free some disk space and run it again; the last step was not stored"
    elif "readonly" in text or "read-only" in text:
        remedy = (
            "this gallery can be searched and not changed: make the file and its folder writable "
            "for you, or copy it to where you may write (maskwise gallery backup)"
        )
    elif "unable to open" in text:
        remedy = "check that its folder exists and that you may write there"
    elif "closed" in text:
        remedy = "open the gallery again"
    else:
        remedy = "check the disk and its free space; the last step was not stored"
    return StorageError(f"{where}: {text}; {remedy}")


def _is_there(path: Path) -> bool:
    # Unlike Path.exists, this does not take "may not look" for "is not there".
    try:
        path.stat()
    except FileNotFoundError:
        return False
    return True


def _check_header(path: Path) -> None:
    """Raise GalleryFormatError for what SQLite would take over or fail at later."""
    if path.is_dir():
        raise GalleryFormatError(f"{path} is a folder; name a file for the gallery")
    if not path.is_file():
        raise GalleryFormatError(f"{path} is not a regular file; name a file for the gallery")
    with path.open("rb") as file:
        head = file.read(len(_MAGIC))
    if not head:
        raise GalleryFormatError(
            f"{path} is empty (0 bytes), so it is no gallery; delete it or name another file, "
            "then enrol: maskwise enrol PEOPLE_DIR"
        )
    if head != _MAGIC:
        raise GalleryFormatError(f"{path} is no gallery; name another file for it")


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise GalleryFormatError(
            f"{path} is an SQLite database but no gallery; name another file for it"
        )
    found, known = format_of(connection), len(MIGRATIONS)
    if found > known:
        raise GalleryFormatError(
            f"{path} has gallery format {found} and this version of maskwise knows up to "
            f"{known}; upgrade maskwise: pip install --upgrade maskwise"
        )


def _connect(path: Path, busy_timeout_s: float) -> VaultConnection:
    # mode=rw: never makes a file. The URI keeps any byte of the name, "?" and "#" included.
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=busy_timeout_s,
        isolation_level=None,
        check_same_thread=False,
        factory=VaultConnection,
    )


def _configure(connection: sqlite3.Connection) -> None:
    # FULL: in WAL mode, NORMAL may lose the last enrolments when the power fails.
    # secure_delete: what is deleted is overwritten with zeros.
    # temp_store: no copy of a template goes to a temporary file.
    for pragma in (
        "journal_mode = WAL",
        "foreign_keys = ON",
        "synchronous = FULL",
        "secure_delete = ON",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _create(path: Path) -> None:
    """Make an empty gallery at ``path`` that appears whole: half of one is never to be seen.

    Only its owner may read it (mode 0600). When another process is faster, its file stays.
    """
    with draft_beside(path) as draft:
        connection = _connect(draft, BUSY_TIMEOUT_S)
        try:
            _configure(connection)
            migrate(connection)
        finally:
            connection.close()
        _publish(draft, path)


def _publish(draft: Path, path: Path) -> bool:
    """Whether the name was free, and is the draft's now."""
    try:
        os.link(draft, path)
    except FileExistsError:
        return False
    except (OSError, AttributeError):
        # A file system without hard links. Renaming replaces on POSIX, but then only a file
        # that another process made since we looked.
        if _is_there(path):
            return False
        draft.rename(path)
    _sync_folder(path.parent)
    return True


def _sync_folder(folder: Path) -> None:
    """Make the new name in ``folder`` last through a power failure, where the system can."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
