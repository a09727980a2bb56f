"""Deleting somebody everywhere, and the receipt that says so."""

from __future__ import annotations

import json
import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from maskwise.erasure import Receipt, erase
from maskwise.errors import StorageError, SubjectError
from maskwise.evaluate import template_cache
from maskwise.evaluate.template_cache import Entry, TemplateCache
from maskwise.gallery import Consent, open_gallery
from maskwise.gallery.copies import copies_with
from maskwise.gallery.sqlite import SqliteGallery
from maskwise.testing.enrolments import axis, kept_face, reference, sha256, unit_vectors
from maskwise.types import NO_MASK

VECTOR = unit_vectors(1, 64, seed=5)[0]
ANN = reference("/photos/annabella.jpg", [(NO_MASK, VECTOR)], kept=kept_face(1))
BOB = reference("/photos/bob.jpg", [(NO_MASK, unit_vectors(1, 64, seed=6)[0])])


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "cache"
    monkeypatch.setattr(template_cache, "default_folder", lambda: place)
    monkeypatch.setenv("MASKWISE_ACTOR", "Ada")
    return place


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "here" / "people.sqlite3"
    with open_gallery(path) as gallery:
        gallery.enrol("Annabella", [replace(ANN, consent=Consent("form 12"))])
        gallery.enrol("Bob", [BOB])
    return path


def left_of_ann(folder: Path) -> list[str]:
    """Files that hold her name, her path, her photo's hash, or a piece of her vector or face."""
    assert ANN.kept is not None
    pieces = [b"nnabella", b"form 12", sha256(ANN.source).encode(), ANN.kept[100:140]]
    pieces += [bytes.fromhex(sha256(ANN.source)), *_pieces(VECTOR.tobytes())]
    files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
    return [p.name for p in files if any(piece in p.read_bytes() for piece in pieces)]


def _pieces(data: bytes) -> list[bytes]:
    return [data[start : start + 16] for start in range(0, len(data), 16)]


def test_the_receipt_says_what_was_removed(path: Path) -> None:
    with open_gallery(path) as gallery:
        uid = gallery.show("Annabella").subject_id
        receipt = erase(gallery, " Annabella ")
        entry = gallery.audit_log()[-1]
        told = receipt.as_json()
        assert json.loads(json.dumps(told)) == told
        assert (told["format"], told["version"]) == ("maskwise-deletion", 1)
        assert (told["subject"], told["subject_id"], told["actor"]) == ("Annabella", uid, "Ada")
        assert told["removed"] == {
            "photos": 1,
            "templates": 1,
            "kept_faces": 1,
            "index_entries": 1,
            "cached_templates": 0,
        }
        assert told["wiped"] is True
        assert told["audit"] == {"seq": entry.seq, "hash": entry.hash}
        assert told["deleted_at"] == entry.at
        assert (entry.action, entry.subject_id, entry.actor) == ("delete", uid, "Ada")
        assert told["calibration"] == {"file": None, "names_the_person": False}
        assert (told["copies_left"], told["copies_deleted"], told["problems"]) == ([], [], [])
        # What the receipt says can be checked for as long as the log is there.
        assert gallery.verify_audit(told["audit"]["hash"]).faults == ()
        lines = receipt.lines()
        assert lines[0] == "deleted Annabella: 1 photo, 1 template, 1 kept face"
        assert any(entry.hash in line for line in lines)
        with pytest.raises(SubjectError):
            erase(gallery, "Annabella")


def test_copies_that_hold_the_person_are_named_and_deleted_when_asked(path: Path) -> None:
    names = [f"{path.name}.{tail}" for tail in ("before-1.db", "before-2.db", "re-encoding-ab")]
    first, second, draft = (path.with_name(name) for name in names)
    with open_gallery(path) as gallery:
        gallery.save_copy(first)
        reference_id = gallery.show("Annabella").references[0].reference_id
        gallery.rename("Annabella", "Anna")
        with open_gallery(draft) as other:
            other.enrol(reference_id, [replace(ANN, kept=None)])
        for place in (second, path.with_name(f"{path.name}.before-3.db")):
            gallery.save_copy(place)
        with open_gallery(second) as other:
            other.delete("Anna")
        path.with_name(f"{path.name}.before-3.db").write_bytes(b"no gallery")
        before = sorted(p.name for p in path.parent.iterdir())
        found = copies_with(path, gallery.show("Anna"))
        # To look leaves no log beside a copy.
        assert sorted(p.name for p in path.parent.iterdir()) == before
        assert [(copy.path.name, copy.holds) for copy in found] == [
            (first.name, True),
            (f"{path.name}.before-3.db", None),
            (draft.name, True),
        ]
        receipt = erase(gallery, "Anna", with_copies=True)
        assert [p.name for p in receipt.copies_deleted] == [copy.path.name for copy in found]
        assert receipt.copies_left == ()
        assert left_of_ann(path.parent) == []
        last = gallery.audit_log()[-1]
        assert (last.action, dict(last.details)) == ("delete-copies", {"copies": 3})
        assert gallery.verify_audit().faults == ()
    assert second.exists()


@pytest.mark.skipif(os.name != "posix", reason="an open file cannot be deleted here")
def test_a_copy_is_overwritten_before_it_is_deleted(path: Path) -> None:
    copy = path.with_name(f"{path.name}.before-1.db")
    with open_gallery(path) as gallery:
        gallery.save_copy(copy)
        size = copy.stat().st_size
        with copy.open("rb") as file:
            erase(gallery, "Annabella", with_copies=True)
            assert not copy.exists()
            assert file.read() == bytes(size)


def test_copies_stay_unless_it_is_asked(path: Path) -> None:
    copy = path.with_name(f"{path.name}.before-1.db")
    with open_gallery(path) as gallery:
        gallery.save_copy(copy)
        receipt = erase(gallery, "Annabella")
        assert [c.path for c in receipt.copies_left] == [copy]
        assert receipt.as_json()["copies_left"] == [{"path": str(copy), "readable": True}]
        assert left_of_ann(path.parent) == [copy.name]


def test_somebody_of_that_name_or_photo_in_an_old_copy_counts(path: Path) -> None:
    copy = path.with_name(f"{path.name}.before-1.db")
    with open_gallery(path) as gallery:
        gallery.save_copy(copy)
        gallery.delete("Annabella")
        gallery.enrol("Somebody", [ANN])  # the same photo
        assert [c.holds for c in copies_with(path, gallery.show("Somebody"))] == [True]
        other = reference("x.jpg", [(NO_MASK, VECTOR)])
        gallery.enrol("Annabella", [other])  # the same name
        assert [c.holds for c in copies_with(path, gallery.show("Annabella"))] == [True]
        gallery.enrol("Cid", [other])
        assert copies_with(path, gallery.show("Cid")) == []


def test_what_evaluations_keep_of_the_photos_goes(path: Path, cache: Path) -> None:
    with TemplateCache.open(cache) as opened:
        made_by = opened.pipeline({"encoder": "a"})
        entry = Entry("found", vector=VECTOR)
        opened.add(made_by, [(p.photo_sha256, "as-is", entry) for p in (ANN, BOB)])
        opened.add(made_by, [(ANN.photo_sha256, "masked", entry)])
    with open_gallery(path) as gallery:
        receipt = erase(gallery, "Annabella")
    assert (receipt.cached, receipt.problems) == (2, ())
    with TemplateCache.open(cache) as opened:
        assert opened.count() == (1, 1)
        assert opened.get(made_by, ANN.photo_sha256) == {}
        assert opened.get(made_by, BOB.photo_sha256)
        assert opened.forget([ANN.photo_sha256]) == 0


def test_a_deletion_that_fails_leaves_gallery_and_copies(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = path.with_name(f"{path.name}.before-1.db")

    def fails(*_: object) -> None:
        raise StorageError("disk full")

    with open_gallery(path) as gallery:
        gallery.save_copy(copy)
        before = copy.read_bytes(), gallery.audit_log()
        monkeypatch.setattr(SqliteGallery, "_delete", fails)
        with pytest.raises(StorageError, match="disk full"):
            erase(gallery, "Annabella", with_copies=True)
        assert (copy.read_bytes(), gallery.audit_log()) == before
        assert gallery.show("Annabella").consent == "form 12"


def test_no_cache_is_made(path: Path, cache: Path) -> None:
    with open_gallery(path) as gallery:
        assert erase(gallery, "Annabella").cached == 0
    assert not cache.exists()


def test_what_fails_after_the_deletion_is_told(path: Path, cache: Path) -> None:
    cache.mkdir()
    (cache / template_cache.FILE).write_bytes(b"x" * 100)
    with open_gallery(path) as gallery:
        receipt = erase(gallery, "Annabella")
        assert [p.subject for p in gallery.people()] == ["Bob"]
    (problem,) = receipt.problems
    assert problem.startswith("the cache of evaluations may hold this person: ")
    assert problem in receipt.lines()


def test_a_calibration_beside_the_gallery_stays_and_is_named(path: Path) -> None:
    own = path.with_name(f"{path.name}.calibration.json")
    own.write_text("{}")
    with open_gallery(path) as gallery:
        receipt = erase(gallery, "Annabella")
    assert receipt.as_json()["calibration"] == {"file": str(own), "names_the_person": False}
    assert any(str(own) in line and "no name" in line for line in receipt.lines())
    assert own.read_text() == "{}"


def test_a_gallery_in_memory_has_a_receipt_too() -> None:
    with open_gallery(None) as gallery:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        receipt = erase(gallery, "Ann", with_copies=True)
    assert isinstance(receipt, Receipt)
    assert (receipt.where, receipt.copies_left, receipt.calibration) == (":memory:", (), None)


def test_a_copy_that_shares_its_bytes_is_unlinked_not_zeroed(path: Path, tmp_path: Path) -> None:
    copy, wanted = path.with_name(f"{path.name}.before-1.db"), tmp_path / "wanted.db"
    with open_gallery(path) as gallery:
        gallery.save_copy(copy)
        try:
            wanted.hardlink_to(copy)
        except OSError:
            pytest.skip("no hard links here")
        erase(gallery, "Annabella", with_copies=True)
    assert not copy.exists()
    connection = sqlite3.connect(wanted)
    assert connection.execute("SELECT count(*) FROM subject").fetchone() == (2,)
    connection.close()
