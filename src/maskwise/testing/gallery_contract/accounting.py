"""The audit log, consent and retention; an engine without them says so."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import pytest

from maskwise.errors import ConfigurationError, InputError, SubjectError
from maskwise.gallery import Consent, Gallery
from maskwise.testing.enrolments import axis, kept_face, reference
from maskwise.testing.gallery_contract.base import GalleryTests
from maskwise.types import NO_MASK

LATER = "2099-01-31T00:00:00.000+00:00"
LONG_AGO = "2001-01-31T00:00:00.000+00:00"


class AccountingContract(GalleryTests):
    """See ``GalleryContract``. Set ``keeps_account = False`` for an engine without a log."""

    keeps_account: ClassVar[bool] = True

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        if self.keeps_account:
            yield
            return
        with pytest.raises(ConfigurationError, match="keeps no audit log"):
            yield
        pytest.skip("this engine keeps no account, and says so")

    def test_every_write_is_an_entry(self, gallery: Gallery) -> None:
        gallery.actor = "Ada"
        photo = reference("a.jpg", [(NO_MASK, axis(0))], kept=kept_face(1))
        uid = gallery.enrol("Ann", [photo]).subject_id
        with self._kept():
            gallery.verify_audit()
        gallery.rename("Ann", "Anna")
        gallery.set_consent("Anna", Consent("form 12", LATER))
        gallery.delete("Anna")
        entries = [e for e in gallery.audit_log(subject=uid) if e.action != "begin"]
        assert [e.action for e in entries] == ["enrol", "rename", "consent", "delete"]
        assert {(e.actor, e.subject_id) for e in entries} == {("Ada", uid)}
        assert entries[0].details == {"references": 1, "templates": 1, "kept_faces": 1}
        counts = {"references": 1, "templates": 1, "kept_faces": 1}
        assert entries[-1].details == {**counts, "why": "asked"}
        assert gallery.verify_audit().faults == ()

    def test_entries_are_chained_and_the_last_hash_pins_them(self, gallery: Gallery) -> None:
        with self._kept():
            pinned = gallery.verify_audit().last_hash
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        log = gallery.audit_log()
        assert [e.seq for e in log] == list(range(1, len(log) + 1))
        assert [e.prev_hash for e in log[1:]] == [e.hash for e in log[:-1]]
        report = gallery.verify_audit(pinned)
        assert (report.entries, report.last_hash) == (len(log), log[-1].hash)
        assert (report.faults, report.after_expected) == ((), 1)
        (fault,) = gallery.verify_audit("ab" * 32).faults
        assert "the end of the log was cut off" in fault
        with pytest.raises(InputError, match="64 hex digits"):
            gallery.verify_audit("abc")

    def test_what_raises_leaves_no_entry(self, gallery: Gallery) -> None:
        with self._kept():
            before = gallery.audit_log()
        photo = reference("a.jpg", [(NO_MASK, axis(0))])
        other = reference("b.jpg", [(NO_MASK, axis(0))], encoder="another/1")
        for call in (
            lambda: gallery.enrol_all([("Ann", [photo]), ("Bob", [other])]),
            lambda: gallery.rename("Ann", "Bob"),
            lambda: gallery.delete("Ann"),
            lambda: gallery.set_consent("Ann", Consent("x")),
        ):
            with pytest.raises(Exception, match=r"nobody|one encoder"):
                call()
        assert gallery.audit_log() == before

    def test_consent_comes_with_an_enrolment_and_goes_with_the_person(
        self, gallery: Gallery
    ) -> None:
        photo = reference("a.jpg", [(NO_MASK, axis(0))])
        with self._kept():
            gallery.enrol("Ann", [replace(photo, consent=Consent("form 12", LATER))])
        shown = gallery.show("Ann")
        assert (shown.consent, shown.expires_at) == ("form 12", LATER)
        # Neither is touched by an enrolment that says nothing, and each alone can be changed.
        gallery.enrol("Ann", [reference("b.jpg", [(NO_MASK, axis(0))])])
        assert gallery.show("Ann").consent == "form 12"
        gallery.set_consent("Ann", Consent(expires_at=""))
        shown = gallery.show("Ann")
        assert (shown.consent, shown.expires_at) == ("form 12", None)
        gallery.set_consent("Ann", Consent(""))
        assert gallery.show("Ann").consent == ""
        assert "form 12" not in str(gallery.audit_log())
        with pytest.raises(SubjectError, match="Bob"):
            gallery.set_consent("Bob", Consent("x"))

    def test_who_is_due_goes(self, gallery: Gallery) -> None:
        with self._kept():
            assert gallery.due() == []
        for name, expires in (("Ann", LONG_AGO), ("Bob", LATER), ("Cid", None)):
            photo = reference(f"{name}.jpg", [(NO_MASK, axis(0))])
            gallery.enrol(name, [replace(photo, consent=Consent(expires_at=expires))])
        (ann,) = gallery.due(days=1)
        assert (ann.subject, ann.reason, ann.since) == ("Ann", "expired", LONG_AGO)
        assert gallery.due(days=1, by_date=False) == []
        bob = gallery.show("Bob").subject_id
        assert gallery.delete_due(bob) is None
        result = gallery.delete_due(ann.subject_id)
        assert result is not None
        assert (result.subject, result.references) == ("Ann", 1)
        assert result.wiped or result.remains
        assert gallery.delete_due(ann.subject_id) is None
        assert [p.subject for p in gallery.people()] == ["Bob", "Cid"]
        assert gallery.audit_log()[-1].details["why"] == "expired"

    def test_the_limit_is_kept(self, gallery: Gallery) -> None:
        with self._kept():
            limits = [gallery.retention_days]
        for days in (30, None):
            gallery.set_retention_days(days)
            limits.append(gallery.retention_days)
        assert limits == [None, 30, None]
        told = [dict(e.details) for e in gallery.audit_log() if e.action == "retention"]
        assert told == [{"days": 30, "was": None}, {"days": None, "was": 30}]
        with pytest.raises(InputError, match="days"):
            gallery.set_retention_days(0)

    def test_who_comes_back_after_a_deletion_is_told(self, gallery: Gallery) -> None:
        with self._kept():
            gallery.verify_audit()
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        uid = gallery.show("Ann").subject_id
        records = list(gallery.export())
        gallery.delete("Ann")
        assert gallery.restore(records) == 1
        assert gallery.verify_audit().faults == ()
        entries = gallery.audit_log(subject=uid)
        assert [e.action for e in entries] == ["enrol", "delete", "import"]
        assert entries[-1].details == {"after_deletion": True}
        gallery.delete("Ann")
        assert gallery.verify_audit().faults == ()
