"""Encrypting a gallery, changing its keys, and taking the encryption away again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from maskwise.errors import ConfigurationError, StorageError
from maskwise.gallery import indexing
from maskwise.gallery.encryption import data_keys
from maskwise.gallery.encryption.keys import Lock, OwnerKey
from maskwise.gallery.encryption.sealed_rows import TABLES, Table, all_rows, opened, with_key
from maskwise.gallery.encryption.state import RESIDUE, KeyState, state
from maskwise.gallery.encryption.vault import Vault
from maskwise.gallery.files import translated
from maskwise.gallery.index.file import wipe

Step = Callable[[int], None]
Writing = Callable[[], AbstractContextManager[sqlite3.Connection]]
Log = Callable[..., Any]

BATCH: Final = 1000
"""Values that a change of the data key seals anew in one transaction: some 50 ms for others."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What was done. templates, faces: that were sealed or opened. data_key: the uid of the key.

    wiped: whether no byte of what was there before is left in the gallery's files; False when
    another process reads: then the same command does that later.
    """

    data_key: str
    templates: int
    faces: int
    wiped: bool


class Encryption:
    """That of one gallery in a file. Methods raise as the gallery's, and GalleryKeyError."""

    def __init__(
        self,
        path: Path,
        vault: Vault,
        *,
        reading: Writing,
        writing: Writing,
        log: Log,
        empty_log: Callable[[], bool],
    ) -> None:
        self._path = path
        self._vault = vault
        self._reading = reading
        self._writing = writing
        self._log = log
        self._empty_log = empty_log

    def state(self) -> KeyState | None:
        """None for a gallery in clear."""
        with self._reading() as connection:
            return state(connection)

    def encrypt(self, key: OwnerKey, step: Step | None = None) -> Changed:
        """Seal all templates and kept faces under a fresh data key: all or nothing.

        Then what was there in clear is overwritten, the search index beside the gallery, too. A
        gallery that was encrypted by an interrupted call with this key is finished.
        step: told how many values more were sealed.
        """
        lock = key.new_lock()  # before anybody waits: scrypt takes its time
        before, self._vault.key = self._vault.key, self._vault.key or key
        try:
            with self._writing() as connection:
                if (found := state(connection)) is not None:
                    if not found.residue:
                        raise ConfigurationError(
                            f"{self._vault.where} is encrypted already, and opens with the "
                            f"{found.lock}; another key: `maskwise gallery key change`"
                        )
                    done = found.data_key, 0, 0
                else:
                    done = self._encrypt(connection, key, lock, step)
        except BaseException:
            self._vault.key = before
            raise
        return Changed(*done, self.finish())

    def _encrypt(
        self, connection: sqlite3.Connection, key: OwnerKey, lock: Lock, step: Step | None
    ) -> tuple[str, int, int]:
        self._vault.key = key
        secret = key.secret(lock)
        assert secret is not None
        uid = data_keys.add(connection, data_keys.add_lock(connection, lock), lock, secret)
        self._vault.look(connection)
        # Written before the rows: a gallery without this and with a key is clean.
        connection.execute("INSERT OR REPLACE INTO setting VALUES (?, 1)", (RESIDUE,))
        counts = [0, 0]
        for number, table in enumerate(TABLES):
            for rows in all_rows(connection, table):
                key_row, sealed = self._vault.seal(
                    connection, [(row.value, row.about) for row in rows]
                )
                table.store(connection, with_key(sealed, key_row, rows))
                counts[number] += len(rows)
                _told(step, len(rows))
        details = {"key": uid, "templates": counts[0], "kept_faces": counts[1]}
        self._log(connection, "encrypt", None, details)
        return uid, counts[0], counts[1]

    def finish(self) -> bool:
        """Overwrite what may be left in clear; whether that is done. Nothing else is changed."""
        place = indexing.place_beside(self._path)
        try:
            wipe(place)
            indexing.wipe_drafts(place)
        except OSError as error:
            raise StorageError(
                f"{place}: {error.strerror}; the gallery is encrypted, but this index holds its "
                "templates in clear: delete it"
            ) from error
        with translated(self._vault.where):
            if not (_rewritten(self._path) and self._empty_log()):
                return False
        with self._writing() as connection:
            connection.execute("DELETE FROM setting WHERE key = ?", (RESIDUE,))
        return True

    def decrypt(self, step: Step | None = None) -> Changed:
        """Store everything in clear again: all or nothing."""
        with self._writing() as connection:
            found = self._state(connection)
            counts = [0, 0]
            for number, table in enumerate(TABLES):
                for rows in all_rows(connection, table):
                    values = [(opened(self._vault, table, row), None, row.key) for row in rows]
                    table.store(connection, values)
                    counts[number] += len(rows)
                    _told(step, len(rows))
            for of in ("data_key", "owner_key"):
                connection.execute(f"DELETE FROM {of}")
            connection.execute("DELETE FROM setting WHERE key = ?", (RESIDUE,))
            details = {"key": found.data_key, "templates": counts[0], "kept_faces": counts[1]}
            self._log(connection, "decrypt", None, details)
            self._vault.look(connection)
        return Changed(found.data_key, counts[0], counts[1], self._empty_log())

    def change_owner(self, key: OwnerKey) -> tuple[Lock, Lock]:
        """Have another owner's key open the gallery, at once; the locks before and now.

        Only the wrapped data keys are written. Processes that have it open go on.
        """
        with self._writing() as connection:
            self._state(connection)
            before, now = data_keys.rewrap(connection, self._vault.key, key, self._vault.where)
            details = {"before": before.fingerprint, "now": now.fingerprint}
            self._log(connection, "change-key", None, details)
        self._vault.key = key
        self._empty_log()  # it holds the data keys as the old key wrapped them
        return before, now

    def rotate(self, step: Step | None = None) -> Changed:
        """Seal everything by a fresh data key, and drop the old one.

        What is enrolled meanwhile is sealed by the fresh one at once, and others read and write
        all the time: each batch is a transaction. An interrupted call leaves values of both keys,
        which open as ever; the next call goes on, with the same fresh key.
        """
        with self._writing() as connection:
            found = self._state(connection)
            if not found.pending and data_keys.count(connection) == 1:
                uid = self._vault.renew(connection)
                self._log(connection, "new-data-key", None, {"before": found.data_key, "now": uid})
        counts = [0, 0]
        for number, table in enumerate(TABLES):
            after = 0
            while True:
                with self._writing() as connection:
                    done, after = self._reseal(connection, table, after)
                if not done:
                    break
                counts[number] += done
                _told(step, done)
        return self._drop_old(counts)

    def _reseal(self, connection: sqlite3.Connection, table: Table, after: int) -> tuple[int, int]:
        newest = data_keys.read(connection)[-1].id
        rows = connection.execute(
            f"{table.select} WHERE {table.key} > ? AND key_id IS NOT ? ORDER BY 1 LIMIT ?",
            (after, newest, BATCH),
        ).fetchall()
        if not rows:
            return 0, after
        found = [table.row(row) for row in rows]
        key_row, sealed = self._vault.seal(
            connection, [(opened(self._vault, table, row), row.about) for row in found]
        )
        table.store(connection, with_key(sealed, key_row, found))
        return len(rows), int(rows[-1][0])

    def _drop_old(self, counts: list[int]) -> Changed:
        with self._writing() as connection:
            newest = data_keys.read(connection)[-1]
            for table in TABLES:
                left = connection.execute(
                    f"SELECT count(*) FROM {table.name} WHERE key_id IS NOT ?", (newest.id,)
                ).fetchone()[0]
                if left:
                    raise StorageError(
                        f"{self._vault.where}: another fresh data key came meanwhile; run it again"
                    )
            dropped = connection.execute(
                "DELETE FROM data_key WHERE id <> ?", (newest.id,)
            ).rowcount
            if dropped:
                details = {"key": newest.uid, "templates": counts[0], "kept_faces": counts[1]}
                self._log(connection, "drop-data-key", None, details)
        return Changed(newest.uid, counts[0], counts[1], self._empty_log())

    def _state(self, connection: sqlite3.Connection) -> KeyState:
        found = state(connection)
        if found is None:
            raise ConfigurationError(
                f"{self._vault.where} is not encrypted, so nothing was done; `maskwise gallery "
                "encrypt` encrypts it"
            )
        return found


def _rewritten(path: Path) -> bool:
    """Write the file anew, row by row, so that no free place in it holds what was there before.

    False when others keep it open in a way that does not allow it.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=30, isolation_level=None
    )
    with contextlib.closing(connection):
        connection.execute("PRAGMA secure_delete = ON")
        try:
            # What it puts into a temporary file is sealed by now; in memory it may not fit.
            connection.execute("VACUUM")
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                return False
            raise
    return True


def _told(step: Step | None, more: int) -> None:
    if step is not None:
        step(more)
