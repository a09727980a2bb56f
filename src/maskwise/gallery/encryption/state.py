"""How a gallery is encrypted, and by which keys; no key is needed to tell."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maskwise.gallery.encryption import data_keys
from maskwise.gallery.encryption.keys import Lock
from maskwise.gallery.encryption.sealed_rows import TABLES

RESIDUE: Final = "encryption_residue"
"""A setting that is there from the moment of encryption until nothing in clear is left."""


@dataclass(frozen=True, slots=True)
class KeyState:
    """How a gallery is encrypted.

    lock: what opens it. data_key: the uid of the key that seals, since ``created_at``, ``sealed``
    values so far. pending: values that an older data key seals still (the change of the data key
    goes on from there). residue: it was encrypted, and what was there in clear is not overwritten
    yet.
    """

    lock: Lock
    data_key: str
    created_at: str
    sealed: int
    pending: int
    residue: bool


def state(connection: sqlite3.Connection) -> KeyState | None:
    """How the gallery is encrypted; None: it is in clear. No key is needed."""
    held = data_keys.read(connection)
    if not held:
        return None
    newest = held[-1]
    pending = 0
    if len(held) > 1:
        for table in TABLES:
            pending += connection.execute(
                f"SELECT count(*) FROM {table.name} WHERE key_id IS NOT ?", (newest.id,)
            ).fetchone()[0]
    residue = connection.execute("SELECT 1 FROM setting WHERE key = ?", (RESIDUE,)).fetchone()
    return KeyState(
        newest.lock, newest.uid, newest.created_at, newest.sealed, pending, residue is not None
    )


def peek(path: Path) -> KeyState | None:
    """How the gallery in that file is encrypted; None where it is not, or is no gallery.

    Nothing is changed, and no key is needed.
    """
    # Immutable: no -wal and -shm come to lie beside it; with a log there, that must be read, too.
    mode = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    try:
        with contextlib.closing(
            sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True, timeout=5)
        ) as connection:
            return state(connection)
    except sqlite3.Error:
        return None
