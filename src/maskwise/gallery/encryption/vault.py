"""What a connection to a gallery seals and opens, and with which keys.

Readers name the views ``clear_template`` and ``clear_face`` instead of the tables: there the
vectors and faces are as they were enrolled, whether the gallery is encrypted or not. Writers call
``sealed_templates`` and ``sealed_face``. In a gallery in clear all of that costs next to nothing.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, Final

from maskwise.errors import GalleryError, GalleryFormatError, GalleryKeyError
from maskwise.gallery.encryption import data_keys, envelope
from maskwise.gallery.encryption.envelope import Cipher, TagError, about
from maskwise.gallery.encryption.keys import OwnerKey

TEMPLATE_FIELDS: Final = (
    "t.id, (SELECT r.uid FROM main.reference r WHERE r.id = t.reference_id),"
    " (SELECT s.uid FROM main.reference r JOIN main.subject s ON s.id = r.subject_id"
    " WHERE r.id = t.reference_id),"
    " (SELECT e.name FROM main.encoder e WHERE e.id = t.encoder_id),"
    " t.wear, t.mask_type, t.mask_spec, t.quality, t.created_at"
)
"""What a template belongs to, in the order of its associated data."""

FACE_FIELDS: Final = (
    "(SELECT r.uid FROM main.reference r WHERE r.id = k.reference_id),"
    " (SELECT s.uid FROM main.reference r JOIN main.subject s ON s.id = r.subject_id"
    " WHERE r.id = k.reference_id)"
)
"""The same of a kept face."""

_CLEAR: Final = "NOT EXISTS (SELECT 1 FROM main.data_key)"
_VIEWS: Final = (
    "CREATE TEMP VIEW clear_template AS SELECT t.id AS id, t.reference_id AS reference_id,"
    " t.encoder_id AS encoder_id, t.wear AS wear, t.mask_type AS mask_type,"
    " t.mask_spec AS mask_spec, t.quality AS quality, t.created_at AS created_at,"
    f" CASE WHEN t.key_id IS NULL AND {_CLEAR} THEN t.vector"
    f" ELSE opened_template(t.key_id, t.vector, {TEMPLATE_FIELDS}) END AS vector"
    " FROM main.template t",
    "CREATE TEMP VIEW clear_face AS SELECT k.reference_id AS reference_id,"
    f" CASE WHEN k.key_id IS NULL AND {_CLEAR} THEN k.face"
    f" ELSE opened_face(k.key_id, k.face, {FACE_FIELDS}) END AS face"
    " FROM main.kept_face k",
)

Fields = Sequence[str | int | float | None]


class VaultConnection(sqlite3.Connection):
    """A connection that carries its vault."""

    vault: Vault | None = None


class Vault:
    """The keys of one connection's gallery. where: for messages. key: the owner's, or None."""

    def __init__(self, where: str, key: OwnerKey | None = None) -> None:
        self.where = where
        self.key = key
        self.data_key: str | None = None
        """The uid of the one that seals; None: the gallery is in clear."""
        self._ciphers: dict[int, tuple[str, Cipher]] = {}
        self._newest = 0
        self._fault: GalleryError | None = None
        self._found: list[str] | None = None

    def prepare(self, connection: VaultConnection) -> None:
        """Give a connection its views; before it is set to read alone."""
        connection.vault = self
        # Whoever may write to the file could put in a trigger that stores what we open.
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.create_function("opened_template", -1, self._opened_template)
        connection.create_function("opened_face", -1, self._opened_face)
        for view in _VIEWS:
            connection.execute(view)

    def look(self, connection: sqlite3.Connection) -> None:
        """Take note of the gallery's data keys as they are in this transaction.

        Raises GalleryKeyError without the owner's key or with another one, and GalleryFormatError.
        """
        held = data_keys.read(connection)
        self._ciphers = {
            of.id: (of.uid, known[1])
            if (known := self._ciphers.get(of.id)) is not None and known[0] == of.uid
            else (of.uid, Cipher(data_keys.unwrap(of, self.key, self.where)))
            for of in held
        }
        self._newest = held[-1].id if held else 0
        self.data_key = held[-1].uid if held else None

    @contextlib.contextmanager
    def in_words(self) -> Iterator[None]:
        """Raise what went wrong in a view as what it is, not as SQLite says it."""
        self._fault = None
        try:
            yield
        except sqlite3.Error as error:
            if self._fault is None:
                raise
            raise self._fault from error

    @contextlib.contextmanager
    def noting(self) -> Iterator[list[str]]:
        """What does not open comes as NULL, with a sentence in this list, instead of an error."""
        self._found = []
        try:
            yield self._found
        finally:
            self._found = None

    # Sealing.

    def seal(self, connection: sqlite3.Connection, values: Sequence[tuple[bytes, bytes]]) -> Any:
        """(plain, about) -> the row of the key and the sealed values; expects the write lock.

        A data key that has sealed enough hands over to a fresh one first.
        """
        (sealed,) = connection.execute(
            "SELECT sealed FROM data_key WHERE id = ?", (self._newest,)
        ).fetchone()
        if sealed + len(values) > envelope.MOST_SEALED:
            self.renew(connection)
        cipher = self._ciphers[self._newest][1]
        connection.execute(
            "UPDATE data_key SET sealed = sealed + ? WHERE id = ?", (len(values), self._newest)
        )
        return self._newest, [cipher.seal(plain, of) for plain, of in values]

    def renew(self, connection: sqlite3.Connection) -> str:
        """A fresh data key, which seals from now on; its uid. Raises GalleryKeyError."""
        newest = data_keys.read(connection)[-1]
        secret = None if self.key is None else self.key.secret(newest.lock)
        if secret is None:
            raise GalleryKeyError(
                f"{self.where} got another owner's key since it was opened; open it again with the "
                f"{newest.lock}"
            )
        uid = data_keys.add(connection, newest.owner, newest.lock, secret)
        self.look(connection)
        return uid

    def unseal(self, what: str, name: object, key: int | None, sealed: bytes, of: bytes) -> bytes:
        """A stored value in clear; what, name: it, for messages. Raises GalleryFormatError."""
        why = "is in clear in an encrypted gallery: another program put it there"
        if key is not None:
            known = self._ciphers.get(key)
            why = f"is sealed by a data key, {key}, that is not there"
            if known is not None:
                try:
                    return known[1].unseal(sealed, of)
                except TagError:
                    why = (
                        "was changed, or moved here from another row, person or gallery: its tag "
                        "does not hold"
                    )
        raise GalleryFormatError(
            f"{self.where}: {what} {name} {why}; `maskwise gallery check` names all such, restore "
            "a backup"
        )

    # Of the views.

    def _opened_template(self, key: int | None, sealed: bytes, *fields: Any) -> bytes | None:
        return self._opened("template", fields[0], key, sealed, about("template", *fields))

    def _opened_face(self, key: int | None, sealed: bytes, *fields: Any) -> bytes | None:
        return self._opened("the kept face of", fields[0], key, sealed, about("face", *fields))

    def _opened(
        self, what: str, name: object, key: int | None, sealed: bytes, of: bytes
    ) -> bytes | None:
        try:
            return self.unseal(what, name, key, sealed, of)
        except GalleryFormatError as error:
            if self._found is not None:
                self._found.append(str(error).removeprefix(f"{self.where}: ").partition(";")[0])
                return None
            self._fault = error
            raise


def vault_of(connection: sqlite3.Connection) -> Vault | None:
    """The vault of a connection to an encrypted gallery; None where that is in clear."""
    vault = connection.vault if isinstance(connection, VaultConnection) else None
    return None if vault is None or vault.data_key is None else vault


def sealed_templates(
    connection: sqlite3.Connection, reference: int, encoder: int, rows: Sequence[tuple[Any, ...]]
) -> list[tuple[Any, ...]]:
    """Rows for the table ``template``, as they are to be stored.

    rows: wear, mask_type, mask_spec, quality, vector, created_at. Returns id (None: the next one),
    these with the vector sealed where the gallery is encrypted, and the row of the key, or None.
    """
    vault = vault_of(connection)
    if vault is None or not rows:
        return [(None, *row, None) for row in rows]
    (last,) = connection.execute(
        "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'template'), 0)"
    ).fetchone()
    (reference_uid, subject_uid, encoder_name) = connection.execute(
        "SELECT r.uid, s.uid, (SELECT name FROM encoder WHERE id = ?)"
        " FROM reference r JOIN subject s ON s.id = r.subject_id WHERE r.id = ?",
        (encoder, reference),
    ).fetchone()
    ids = range(last + 1, last + 1 + len(rows))
    key, sealed = vault.seal(
        connection,
        [
            (
                row[4],
                about("template", id_, reference_uid, subject_uid, encoder_name, *row[:4], row[5]),
            )
            for id_, row in zip(ids, rows, strict=True)
        ],
    )
    return [
        (id_, *row[:4], value, row[5], key)
        for id_, row, value in zip(ids, rows, sealed, strict=True)
    ]


def sealed_face(
    connection: sqlite3.Connection, reference: int, face: bytes
) -> tuple[bytes, int | None]:
    """A kept face as it is to be stored, and the row of the key, or None."""
    vault = vault_of(connection)
    if vault is None:
        return face, None
    uids = connection.execute(
        "SELECT r.uid, s.uid FROM reference r JOIN subject s ON s.id = r.subject_id WHERE r.id = ?",
        (reference,),
    ).fetchone()
    key, (sealed,) = vault.seal(connection, [(face, about("face", *uids))])
    return sealed, key
