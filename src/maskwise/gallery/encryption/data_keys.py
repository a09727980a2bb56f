"""The tables of an encrypted gallery's keys: random data keys, wrapped by the owner's.

The newest data key seals what is new; older ones are there until nothing is sealed by them. The
functions expect to run in a transaction and raise sqlite3.Error.
"""

from __future__ import annotations

import sqlite3
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from maskwise.errors import GalleryFormatError, GalleryKeyError
from maskwise.gallery.encryption.envelope import Cipher, Cost, TagError, about, new_key
from maskwise.gallery.encryption.keys import HOW, Lock, OwnerKey


@dataclass(frozen=True, slots=True)
class DataKey:
    """A row of ``data_key`` with the lock of its owner's key.

    id: its row; uid: its name, 32 hex digits; sealed: how many values it has sealed; owner: the
    row of the lock.
    """

    id: int
    uid: str
    wrapped: bytes
    sealed: int
    created_at: str
    owner: int
    lock: Lock


def read(connection: sqlite3.Connection) -> list[DataKey]:
    """All of them, the oldest first; [] for a gallery in clear. GalleryFormatError for damage."""
    rows = connection.execute(
        "SELECT d.id, d.uid, d.wrapped, d.sealed, d.created_at, o.id, o.kind, o.fingerprint,"
        " o.salt, o.n, o.r, o.p FROM data_key d LEFT JOIN owner_key o ON o.id = d.owner_key_id"
        " ORDER BY d.id"
    ).fetchall()
    return [_data_key(row) for row in rows]


def _data_key(row: tuple[Any, ...]) -> DataKey:
    key, uid, wrapped, sealed, created_at, owner, kind, fingerprint, salt, n, r, p = row
    if owner is None:
        raise GalleryFormatError(
            f"the key {uid} belongs to an owner's key that is not there; restore a backup"
        )
    cost = None if n is None else Cost(n, r, p)
    lock = Lock(kind, fingerprint, salt, cost)
    return DataKey(key, uid, wrapped, sealed, created_at, owner, lock)


def count(connection: sqlite3.Connection) -> int:
    """How many data keys there are; 0: the gallery is in clear."""
    return int(connection.execute("SELECT count(*) FROM data_key").fetchone()[0])


def unwrap(of: DataKey, owner: OwnerKey | None, where: str) -> bytes:
    """The 32 bytes of a data key.

    Raises GalleryKeyError, naming what to do, without an owner's key or with another one, and
    GalleryFormatError when the wrapped key was changed.
    """
    if owner is None:
        raise GalleryKeyError(f"{where} is encrypted, and opens with the {of.lock}; give it: {HOW}")
    secret = owner.secret(of.lock)
    if secret is None:
        given = "pass phrase" if owner.kind == "phrase" else str(owner.new_lock())
        raise GalleryKeyError(
            f"{where} is encrypted, and opens with the {of.lock}, not with the {given} that was "
            f"given; give that one: {HOW}"
        )
    try:
        return Cipher(secret).unseal(of.wrapped, _about(of.uid, of.lock))
    except TagError as error:
        raise GalleryFormatError(
            f"{where}: its data key {of.uid} was changed or is damaged; restore a backup"
        ) from error


def add_lock(connection: sqlite3.Connection, lock: Lock) -> int:
    """The row of a new owner's key."""
    cost = lock.cost
    cursor = connection.execute(
        "INSERT INTO owner_key (kind, fingerprint, salt, n, r, p, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            lock.kind,
            lock.fingerprint,
            lock.salt,
            *((None, None, None) if cost is None else (cost.n, cost.r, cost.p)),
            _now(),
        ),
    )
    return int(cursor.lastrowid or 0)


def add(connection: sqlite3.Connection, owner: int, lock: Lock, secret: bytes) -> str:
    """A fresh data key, which seals from now on; its uid. secret: of the owner's key."""
    uid = uuid.uuid4().hex
    connection.execute(
        "INSERT INTO data_key (uid, owner_key_id, wrapped, created_at) VALUES (?, ?, ?, ?)",
        (uid, owner, Cipher(secret).seal(new_key(), _about(uid, lock)), _now()),
    )
    return uid


def rewrap(
    connection: sqlite3.Connection, old: OwnerKey | None, new: OwnerKey, where: str
) -> tuple[Lock, Lock]:
    """Wrap all data keys by another owner's key; the locks before and now. Raises as ``unwrap``."""
    held = read(connection)
    plain = [unwrap(of, old, where) for of in held]
    lock = new.new_lock()
    secret = new.secret(lock)
    assert secret is not None
    before = held[-1].lock
    if lock.fingerprint == before.fingerprint:
        raise GalleryKeyError(f"{where} opens with this key already; name another, new one")
    owner = add_lock(connection, lock)
    for of, key in zip(held, plain, strict=True):
        connection.execute(
            "UPDATE data_key SET wrapped = ?, owner_key_id = ? WHERE id = ?",
            (Cipher(secret).seal(key, _about(of.uid, lock)), owner, of.id),
        )
    connection.execute("DELETE FROM owner_key WHERE id <> ?", (owner,))
    return before, lock


def _about(uid: str, lock: Lock) -> bytes:
    return about("data key", uid, lock.kind, lock.fingerprint)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
