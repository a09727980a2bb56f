"""The half of a gallery in tables that keeps account: audit log, deletions, consent, retention."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime, timezone
from typing import Final, TypeVar

from maskwise.errors import InputError, StorageError, SubjectError
from maskwise.gallery import audit, audit_check, codec, consent
from maskwise.gallery.audit import AuditEntry, AuditReport, Details
from maskwise.gallery.consent import Consent, DueSubject
from maskwise.gallery.gallery import Gallery
from maskwise.gallery.records import (
    DeleteResult,
    GallerySize,
    MergeResult,
    NewReference,
    clean_name,
)
from maskwise.gallery.rows import Rows

_Done = TypeVar("_Done")
_UID: Final = re.compile(r"[0-9a-f]{32}")
_IMPORTED: Final = "imported"  # detector_id of references that had no photo


class AccountedGallery(Gallery):
    """What the engines with tables do for ``Accounting``, on the transactions that they give."""

    # Of the engine.

    @abstractmethod
    def _read_rows(self) -> AbstractContextManager[Rows]:
        """One state of the gallery, whatever others write meanwhile."""

    @abstractmethod
    def _write_rows(self) -> AbstractContextManager[Rows]:
        """Everything done inside is stored at the end, or nothing."""

    @abstractmethod
    def _moved(self, connection: Rows, subject: int) -> None:
        """References of others are that person's now: bring up to date what hangs on it."""

    def _resealing(self, connection: Rows, subject: int) -> AbstractContextManager[None]:
        return nullcontext()  # where references change hands; for engines that encrypt

    @abstractmethod
    def _erase(self, act: Callable[[Rows], _Done]) -> tuple[_Done, bool, str]:
        """Do what deletes in a transaction, then wipe what that left.

        Returns what ``act`` gave, whether no byte is left, and what remains, in words.
        """

    # The log.

    def audit_log(self, *, since: str = "", subject: str | None = None) -> list[AuditEntry]:
        """The entries, oldest first."""
        with self._read_rows() as connection:
            uid = None if subject is None else self._uid(connection, subject)
            return audit.entries(connection, since=since, subject_id=uid)

    def verify_audit(self, expect: str | None = None) -> AuditReport:
        """Look for entries that were changed, removed or moved."""
        with self._read_rows() as connection:
            return audit_check.verify(connection, expect)

    def record(self, action: str, *, subject_id: str | None = None, details: Details) -> AuditEntry:
        """Add an entry for what was done beside the gallery."""
        with self._write_rows() as connection:
            return self._log(connection, action, subject_id, details)

    def _uid(self, connection: Rows, subject: str) -> str:
        row = connection.execute(
            "SELECT uid FROM subject WHERE name = ?", (codec.encode_text(clean_name(subject)),)
        ).fetchone()
        if row is not None:
            return str(row[0])
        told = connection.execute("SELECT 1 FROM audit WHERE subject = ?", (subject,)).fetchone()
        if told is None or not _UID.fullmatch(subject):
            raise SubjectError(
                f"nobody in {self.where} is called {subject!r}, and the log has no such uid; a "
                "person who was deleted is found by the uid of the deletion's receipt"
            )
        return subject

    def _log(
        self,
        connection: Rows,
        action: str,
        subject_id: str | None = None,
        details: Details | None = None,
    ) -> AuditEntry:
        return audit.append(
            connection, action, actor=self.actor, subject_id=subject_id, details=details
        )

    def _log_enrolment(
        self,
        connection: Rows,
        subject: tuple[int, str],
        references: Sequence[NewReference],
        templates: int,
    ) -> None:
        """subject: row and uid; writes the consent that came along, too."""
        imported = all(r.detector_id == _IMPORTED for r in references)
        details: dict[str, int | str | bool | None] = {
            "references": len({r.photo_sha256 for r in references}),
            "templates": templates,
            "kept_faces": sum(r.kept is not None for r in references),
        }
        for given in (r.consent for r in references):
            if given is not None:
                consent.note(connection, subject[0], given)
                details |= _consent_details(given)
        self._log(connection, "import" if imported else "enrol", subject[1], details)

    def _log_renaming(self, connection: Rows, subject: int) -> None:
        row = connection.execute("SELECT uid FROM subject WHERE id = ?", (subject,)).fetchone()
        self._log(connection, "rename", row[0])

    def _log_re_encoding(self, connection: Rows, before: set[str]) -> None:
        """before: everybody who was there, by uid."""
        for uid in sorted(before - everybody(connection)):
            self._log(connection, audit.REMOVED, uid, {"why": "re-encode"})
        size = _size(connection)
        details = {
            "people": size.people,
            "references": size.references,
            "templates": size.templates,
        }
        self._log(connection, "re-encode", None, details)

    def _log_restoring(self, connection: Rows, references: int) -> None:
        """One entry for all who came, and one for each who had been deleted before."""
        audit.take_over(connection, "take-over", self.actor, references)
        returned = connection.execute(
            "SELECT DISTINCT s.uid FROM audit d JOIN subject s ON s.uid = d.subject"
            " WHERE d.action = ? AND NOT EXISTS (SELECT 1 FROM audit a WHERE"
            f" a.subject = d.subject AND a.seq > d.seq AND a.action IN {audit.ADDED})",
            (audit.REMOVED,),
        ).fetchall()
        for (uid,) in returned:
            self._log(connection, "import", uid, {"after_deletion": True})

    def _log_copy(self) -> None:
        try:
            with self._write_rows() as connection:
                size = _size(connection)
                self._log(connection, "copy", None, {"people": size.people})
        except StorageError as error:
            # A gallery that may only be read can be copied: there is no place for the entry.
            if "readonly" not in str(error.__cause__):
                raise

    # Deleting.

    def delete(self, subject: str) -> DeleteResult:
        """Delete a person with all references and templates, bytes and all."""

        def act(connection: Rows) -> DeleteResult:
            return self._delete(connection, self._row_of(connection, subject), "asked")

        result, wiped, remains = self._erase(act)
        return replace(result, wiped=wiped, remains=remains)

    def merge(self, subject: str, into: str) -> MergeResult:
        """Make one person of two, in one transaction."""

        def act(connection: Rows) -> MergeResult:
            gone, stays = self._row_of(connection, subject), self._row_of(connection, into)
            if gone == stays:
                raise InputError(f"{clean_name(into)} is one person already; name two")
            uids = [
                connection.execute("SELECT uid FROM subject WHERE id = ?", (key,)).fetchone()[0]
                for key in (gone, stays)
            ]
            with self._resealing(connection, gone):
                moved = connection.execute(
                    "UPDATE reference SET subject_id = ? WHERE subject_id = ? AND photo_sha256 NOT"
                    " IN (SELECT photo_sha256 FROM reference WHERE subject_id = ?)",
                    (stays, gone, stays),
                ).rowcount
            self._moved(connection, stays)
            left = self._delete(connection, gone, "merged")
            self._log(connection, "merge", uids[1], {"from": uids[0], "references": moved})
            return MergeResult(left.subject, clean_name(into), moved, left.references, False)

        result, wiped, remains = self._erase(act)
        return replace(result, wiped=wiped, remains=remains)

    def _delete(self, connection: Rows, key: int, why: str) -> DeleteResult:
        uid, name = connection.execute(
            "SELECT uid, name FROM subject WHERE id = ?", (key,)
        ).fetchone()
        references, templates, kept = connection.execute(
            "SELECT count(DISTINCT r.id), count(t.id), (SELECT count(*) FROM kept_face k"
            " JOIN reference o ON o.id = k.reference_id WHERE o.subject_id = ?)"
            " FROM reference r LEFT JOIN template t ON t.reference_id = r.id"
            " WHERE r.subject_id = ?",
            (key, key),
        ).fetchone()
        connection.execute("DELETE FROM subject WHERE id = ?", (key,))
        connection.execute("DELETE FROM encoder WHERE NOT EXISTS (SELECT 1 FROM template)")
        counts = {"references": references, "templates": templates, "kept_faces": kept}
        entry = self._log(connection, audit.REMOVED, uid, {**counts, "why": why})
        return DeleteResult(codec.decode_text(name), references, templates, False, uid, kept, entry)

    # Consent and retention.

    def set_consent(self, subject: str, note: Consent) -> None:
        """Note what somebody agreed to, and until when."""

        def act(connection: Rows) -> None:
            key = self._row_of(connection, subject)
            (uid,) = connection.execute("SELECT uid FROM subject WHERE id = ?", (key,)).fetchone()
            consent.note(connection, key, note)
            self._log(connection, "consent", uid, _consent_details(note))

        self._erase(act)  # the old note goes as an old name does

    @property
    def retention_days(self) -> int | None:
        """How many days after their newest photo people are due; None: kept without limit."""
        with self._read_rows() as connection:
            return consent.retention_days(connection)

    def set_retention_days(self, days: int | None) -> None:
        """Set that limit; nobody is deleted by this alone."""
        if days is not None:
            consent.check_days(days, "retention_days")
        with self._write_rows() as connection:
            was = consent.retention_days(connection)
            consent.set_retention_days(connection, days)
            self._log(connection, "retention", None, {"days": days, "was": was})

    def due(self, *, days: int | None = None, by_date: bool = True) -> list[DueSubject]:
        """Whose time is over, the longest first."""
        with self._read_rows() as connection:
            return consent.due(connection, _now(), days=days, by_date=by_date)

    def delete_due(
        self, subject_id: str, *, days: int | None = None, by_date: bool = True
    ) -> DeleteResult | None:
        """Delete a person if their time is over."""

        def act(connection: Rows) -> DeleteResult | None:
            # Asked again: a new photo or a later date may have come meanwhile.
            found = consent.due(
                connection, _now(), days=days, by_date=by_date, subject_id=subject_id
            )
            if not found:
                return None
            key = self._row_of(connection, found[0].subject)
            return self._delete(connection, key, found[0].reason)

        result, wiped, remains = self._erase(act)
        return None if result is None else replace(result, wiped=wiped, remains=remains)

    def _row_of(self, connection: Rows, subject: str) -> int:
        name = clean_name(subject)
        row = connection.execute(
            "SELECT id FROM subject WHERE name = ?", (codec.encode_text(name),)
        ).fetchone()
        if row is None:
            raise SubjectError(
                f"nobody in {self.where} is called {name!r}; `maskwise gallery list` shows who is"
            )
        return int(row[0])


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _size(connection: Rows) -> GallerySize:
    counts = (
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("subject", "reference", "template")
    )
    return GallerySize(*counts)


def everybody(connection: Rows) -> set[str]:
    """All people, by uid."""
    return {uid for (uid,) in connection.execute("SELECT uid FROM subject")}


def _consent_details(given: Consent) -> dict[str, int | str | bool | None]:
    """What the log says of it: that a note was made, never which; and the date."""
    told: dict[str, int | str | bool | None] = {}
    if given.text is not None:
        told["consent"] = bool(given.text)
    if given.expires_at is not None:
        told["expires_at"] = given.expires_at or None
    return told
