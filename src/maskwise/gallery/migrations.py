"""The schema, step by step. Append only: a step that was released is never edited.

Step n takes a file from format n - 1 to n (``PRAGMA user_version``). What the tables and
columns mean stands in docs/gallery-format.md.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from typing import Final

import numpy as np

from maskwise.gallery import audit

APPLICATION_ID: Final = 0x4D535747
"""``PRAGMA application_id`` of a gallery: the letters MSWG."""

Step = Callable[[sqlite3.Connection], None]


def _v1_people_and_templates(connection: sqlite3.Connection) -> None:
    for statement in (
        f"PRAGMA application_id = {APPLICATION_ID}",
        """CREATE TABLE setting (
            key TEXT PRIMARY KEY NOT NULL,
            value NOT NULL
        ) WITHOUT ROWID""",
        """CREATE TABLE encoder (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            dim INTEGER NOT NULL CHECK (dim > 0),
            created_at TEXT NOT NULL
        )""",
        """CREATE TABLE subject (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 32),
            name BLOB NOT NULL UNIQUE CHECK (typeof(name) = 'blob'),
            created_at TEXT NOT NULL
        )""",
        """CREATE TABLE reference (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 32),
            subject_id INTEGER NOT NULL REFERENCES subject (id) ON DELETE CASCADE,
            source BLOB NOT NULL CHECK (typeof(source) = 'blob'),
            photo_sha256 TEXT NOT NULL CHECK (length(photo_sha256) = 64),
            box TEXT,
            ipd_px REAL,
            detector TEXT NOT NULL,
            masks TEXT NOT NULL,
            created_at TEXT NOT NULL,
            UNIQUE (subject_id, photo_sha256)
        )""",
        """CREATE TABLE template (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            reference_id INTEGER NOT NULL REFERENCES reference (id) ON DELETE CASCADE,
            encoder_id INTEGER NOT NULL REFERENCES encoder (id),
            wear TEXT NOT NULL CHECK (wear IN ('none', 'virtual', 'real', 'unknown')),
            mask_type TEXT,
            mask_spec TEXT CHECK ((mask_spec IS NOT NULL) = (wear = 'virtual')),
            quality REAL,
            vector BLOB NOT NULL CHECK (typeof(vector) = 'blob'),
            created_at TEXT NOT NULL
        )""",
        "CREATE INDEX template_reference ON template (reference_id)",
        # Indexes in memory append while this stands still, and start anew when it moves.
        "INSERT INTO setting VALUES ('removals', 0)",
        """CREATE TRIGGER template_removed AFTER DELETE ON template BEGIN
            UPDATE setting SET value = value + 1 WHERE key = 'removals';
        END""",
        """CREATE TRIGGER template_changed AFTER UPDATE ON template BEGIN
            UPDATE setting SET value = value + 1 WHERE key = 'removals';
        END""",
    ):
        connection.execute(statement)


def _v2_spaces_and_kept_faces(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE encoder ADD COLUMN space TEXT NOT NULL DEFAULT ''")
    for key, name in connection.execute("SELECT id, name FROM encoder").fetchall():
        # Ids of format 1 begin with the network and its hash; another chip, or another way to
        # prepare it, is the same space. Ids of another form (imported ones) are one of their own.
        network = re.match(r"[^/]+/[0-9a-f]{12}(?=/)", name)
        space = name if network is None else network[0]
        connection.execute("UPDATE encoder SET space = ? WHERE id = ?", (space, key))
    connection.execute(
        """CREATE TABLE kept_face (
            reference_id INTEGER PRIMARY KEY NOT NULL
                REFERENCES reference (id) ON DELETE CASCADE,
            face BLOB NOT NULL CHECK (typeof(face) = 'blob')
        )"""
    )


def _v3_virtual_templates_lean(connection: sqlite3.Connection) -> None:
    # As enrolment makes them from now on (maskwise.virtual), by the share of that day.
    share = np.float32(0.35)
    bare = "SELECT reference_id, vector FROM template WHERE wear = 'none'"
    for reference, blob in connection.execute(bare).fetchall():
        face = np.frombuffer(blob, "<f4")
        drawn = connection.execute(
            "SELECT id, vector FROM template WHERE reference_id = ? AND wear = 'virtual'",
            (reference,),
        ).fetchall()
        for key, worn in drawn:
            if len(worn) != len(blob):  # damaged, which `gallery check` says
                continue
            vector = share * face + (1 - share) * np.frombuffer(worn, "<f4")
            vector /= np.linalg.norm(vector)
            connection.execute(
                "UPDATE template SET vector = ? WHERE id = ?",
                (vector.astype("<f4").tobytes(), key),
            )


def _v4_consent_and_audit(connection: sqlite3.Connection) -> None:
    for statement in (
        "ALTER TABLE subject ADD COLUMN consent BLOB"
        " CHECK (consent IS NULL OR typeof(consent) = 'blob')",
        "ALTER TABLE subject ADD COLUMN expires_at TEXT",
        """CREATE TABLE audit (
            seq INTEGER PRIMARY KEY NOT NULL,
            at TEXT NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            subject TEXT,
            details TEXT NOT NULL,
            prev_hash TEXT NOT NULL CHECK (length(prev_hash) = 64),
            hash TEXT NOT NULL UNIQUE CHECK (length(hash) = 64)
        )""",
        "CREATE INDEX audit_subject ON audit (subject)",
        # Also against INSERT OR REPLACE, which deletes without the trigger for it.
        """CREATE TRIGGER audit_appended BEFORE INSERT ON audit
        WHEN NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM audit)
            OR NEW.prev_hash <> coalesce(
                (SELECT hash FROM audit ORDER BY seq DESC LIMIT 1), printf('%064d', 0))
        BEGIN
            SELECT RAISE(ABORT, 'the audit log is append-only: this entry does not follow');
        END""",
        """CREATE TRIGGER audit_updated BEFORE UPDATE ON audit BEGIN
            SELECT RAISE(ABORT, 'the audit log is append-only: entries are never changed');
        END""",
        """CREATE TRIGGER audit_deleted BEFORE DELETE ON audit BEGIN
            SELECT RAISE(ABORT, 'the audit log is append-only: entries are never deleted');
        END""",
    ):
        connection.execute(statement)
    audit.take_over(connection, "begin", audit.default_actor())


def _v5_encryption(connection: sqlite3.Connection) -> None:
    for statement in (
        """CREATE TABLE owner_key (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            kind TEXT NOT NULL CHECK (kind IN ('file', 'phrase')),
            fingerprint TEXT NOT NULL UNIQUE CHECK (length(fingerprint) = 16),
            salt BLOB CHECK ((salt IS NOT NULL) = (kind = 'phrase')),
            n INTEGER CHECK ((n IS NOT NULL) = (kind = 'phrase')),
            r INTEGER CHECK ((r IS NOT NULL) = (kind = 'phrase')),
            p INTEGER CHECK ((p IS NOT NULL) = (kind = 'phrase')),
            created_at TEXT NOT NULL
        )""",
        """CREATE TABLE data_key (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            uid TEXT NOT NULL UNIQUE CHECK (length(uid) = 32),
            owner_key_id INTEGER NOT NULL REFERENCES owner_key (id),
            wrapped BLOB NOT NULL CHECK (typeof(wrapped) = 'blob'),
            sealed INTEGER NOT NULL DEFAULT 0,
            created_at TEXT NOT NULL
        )""",
        "ALTER TABLE template ADD COLUMN key_id INTEGER REFERENCES data_key (id)",
        "ALTER TABLE kept_face ADD COLUMN key_id INTEGER REFERENCES data_key (id)",
        # A template that is sealed by another key is the same template: indexes in memory stay.
        "DROP TRIGGER template_changed",
        """CREATE TRIGGER template_changed AFTER UPDATE ON template
        WHEN OLD.key_id IS NEW.key_id BEGIN
            UPDATE setting SET value = value + 1 WHERE key = 'removals';
        END""",
    ):
        connection.execute(statement)


MIGRATIONS: Final[tuple[Step, ...]] = (
    _v1_people_and_templates,
    _v2_spaces_and_kept_faces,
    _v3_virtual_templates_lean,
    _v4_consent_and_audit,
    _v5_encryption,
)


def migrate(connection: sqlite3.Connection, steps: tuple[Step, ...] = MIGRATIONS) -> None:
    """Bring a gallery (or an empty database) to the newest format, each step whole or not at all.

    ``connection`` is in autocommit mode. Two processes may do this at once: each step looks
    again, once it has the write lock, whether it is still due. Raises sqlite3.Error.
    """
    while format_of(connection) < len(steps):
        connection.execute("BEGIN IMMEDIATE")
        try:
            due = format_of(connection)
            if due < len(steps):
                steps[due](connection)
                connection.execute(f"PRAGMA user_version = {due + 1}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def format_of(connection: sqlite3.Connection) -> int:
    """The number of steps that the file has taken."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
