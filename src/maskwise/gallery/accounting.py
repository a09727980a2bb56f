"""What a gallery can answer for: an audit log, consent, and how long people are kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NoReturn

from maskwise.errors import ConfigurationError
from maskwise.gallery.audit import AuditEntry, AuditReport, Details, clean_actor, default_actor
from maskwise.gallery.consent import Consent, DueSubject
from maskwise.gallery.records import DeleteResult


class Accounting(ABC):
    """The part of ``Gallery`` that keeps account. An engine that has none raises, and says so.

    Where there is a log, every call that changes the gallery adds an entry for each person it
    touches, in the same transaction: both are stored or neither. Its actor is ``actor``.
    An engine that keeps no consent raises ConfigurationError for references that bring one.
    """

    _actor: str | None = None

    @property
    @abstractmethod
    def where(self) -> str:
        """The path or URL, without secrets; for messages."""

    @property
    def actor(self) -> str:
        """Who acts, for the log: as set, else $MASKWISE_ACTOR, else the system's user name."""
        return self._actor or default_actor()

    @actor.setter
    def actor(self, name: str) -> None:
        """InputError for an empty name or one of more than 200 characters."""
        self._actor = clean_actor(name)

    def audit_log(self, *, since: str = "", subject: str | None = None) -> list[AuditEntry]:
        """The entries, oldest first.

        since: a time as entries have it. subject: of this person only: a name, or the uid of
        somebody who may be deleted; SubjectError where it is neither.
        """
        self._keeps_none()

    def verify_audit(self, expect: str | None = None) -> AuditReport:
        """Look for entries that were changed, removed or moved; see ``audit_check.verify``."""
        self._keeps_none()

    def record(self, action: str, *, subject_id: str | None = None, details: Details) -> AuditEntry:
        """Add an entry for what was done beside the gallery; details hold counts and ids only."""
        self._keeps_none()

    def set_consent(self, subject: str, note: Consent) -> None:
        """Note what somebody agreed to, and until when; SubjectError when nobody is called so."""
        self._keeps_none()

    @property
    def retention_days(self) -> int | None:
        """How many days after their newest photo people are due; None: kept without limit."""
        self._keeps_none()

    def set_retention_days(self, days: int | None) -> None:
        """Set that limit; nobody is deleted by this alone."""
        self._keeps_none()

    def due(self, *, days: int | None = None, by_date: bool = True) -> list[DueSubject]:
        """Whose time is over, the longest first.

        days: with a newest photo older than this; None: age does not count. by_date: those whose
        own date has passed.
        """
        self._keeps_none()

    def delete_due(
        self, subject_id: str, *, days: int | None = None, by_date: bool = True
    ) -> DeleteResult | None:
        """Delete a person if their time is over; None when it is no longer, or nobody is there."""
        self._keeps_none()

    def _keeps_none(self) -> NoReturn:
        raise ConfigurationError(
            f"{self.where}: this engine keeps no audit log, consent or retention; "
            "galleries in a file and on PostgreSQL do"
        )
