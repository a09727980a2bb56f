"""The people of a gallery: names, listings, renaming, deleting."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

import numpy as np
import pytest

from maskwise.errors import InputError, SubjectError
from maskwise.gallery import Gallery, GallerySize, NewReference
from maskwise.testing.enrolments import (
    ENCODER,
    axis,
    reference,
    sha256,
    virtual,
)
from maskwise.testing.gallery_contract.base import WEARS, GalleryTests
from maskwise.types import NO_MASK, Template, Wear


class PeopleContract(GalleryTests):
    """See ``GalleryContract``."""

    def test_two_people_become_one(self, gallery: Gallery) -> None:
        both = reference("both.jpg", [(NO_MASK, axis(5))])
        gallery.enrol("Ann", [reference("1.jpg", [(NO_MASK, axis(0)), (virtual(), axis(1))]), both])
        gallery.enrol("Bob", [reference("2.jpg", [(virtual(), axis(2))]), both])
        ann, bob = gallery.show("Ann"), gallery.show("Bob")
        (before,) = gallery.search(axis(2)[None], wear="masked", top=1)[0]
        assert before.subject == "Bob"
        result = gallery.merge("Bob", "Ann")
        assert (result.subject, result.into, result.moved, result.dropped) == ("Bob", "Ann", 1, 1)
        assert result.wiped or result.remains
        whole = gallery.show("Ann")
        assert [p.subject for p in gallery.people()] == ["Ann"]
        assert (whole.subject_id, whole.created_at) == (ann.subject_id, ann.created_at)
        kept = {r.reference_id for r in (*ann.references, bob.references[0])}
        assert {r.reference_id for r in whole.references} == kept
        assert gallery.size() == GallerySize(1, 3, 4)
        for wear in WEARS:
            found = gallery.search(np.stack([axis(0), axis(2)]), wear=wear, top=3)
            assert [[c.subject_id for c in row] for row in found] == [[ann.subject_id]] * 2
        (after,) = gallery.search(axis(2)[None], wear="masked", top=1)[0]
        assert (after.score, after.reference_id) == (1, bob.references[0].reference_id)
        assert gallery.integrity_check() == []

    def test_merging_what_is_not_there_changes_nothing(self, gallery: Gallery) -> None:
        gallery.enrol("Ann", [reference("1.jpg", [(NO_MASK, axis(0))])])
        before = gallery.show("Ann")
        for one, other, error in (
            ("Ann", "Ann", InputError),
            ("Bob", "Ann", SubjectError),
            ("Ann", "Bob", SubjectError),
        ):
            with pytest.raises(error):
                gallery.merge(one, other)
        assert gallery.show("Ann") == before

    @pytest.mark.parametrize(
        "name",
        [
            "Åsa Ünlü",
            "山田 太郎",
            "😷",
            "caf\udce9",
            "a\x00b",
            "x" * 200,
            "a/b",
            "O'Hara; --",
            "\ud800",
        ],
    )
    def test_any_name_and_source_is_kept(self, gallery: Gallery, name: str) -> None:
        gallery.enrol(name, [reference(f"/photos/{name}/1.jpg", [(NO_MASK, axis(0))])])
        (candidate,) = gallery.search(axis(0)[None], wear="bare", top=1)[0]
        assert (candidate.subject, candidate.reference) == (name, f"/photos/{name}/1.jpg")
        assert [p.subject for p in gallery.people()] == [name]
        assert gallery.show(name).references[0].source == f"/photos/{name}/1.jpg"
        assert gallery.integrity_check() == []
        gallery.delete(name)

    def test_one_name_however_it_is_typed(self, gallery: Gallery) -> None:
        gallery.enrol("Rene\u0301", [reference("e\u0301.jpg", [(NO_MASK, axis(0))])])
        gallery.enrol(" Ren\u00e9 ", [reference("b.jpg", [(NO_MASK, axis(1))])])
        (person,) = gallery.people()
        assert (person.subject, person.references) == ("Ren\u00e9", 2)
        # A source is a path: it stays as it is.
        assert gallery.show("Rene\u0301").references[0].source == "e\u0301.jpg"

    def test_show_tells_all_that_was_enrolled(self, gallery: Gallery) -> None:
        photo = reference("a.jpg", [(NO_MASK, axis(0)), (virtual("n95", 3), axis(1))])
        result = gallery.enrol("Ann", [photo])
        gallery.enrol("Ann", [reference("b.jpg", [(Wear("real", type="cloth"), axis(1))])])
        shown = gallery.show("Ann")
        assert (shown.subject_id, shown.subject) == (result.subject_id, "Ann")
        assert shown.created_at.endswith("+00:00")
        first, second = shown.references
        assert (first.source, first.photo_sha256) == ("a.jpg", sha256("a.jpg"))
        assert (first.box, first.ipd_px) == ((1.5, -2.0, 30.0, 40.25), 21.5)
        assert (first.detector_id, first.masks) == ("detector/1", ("n95",))
        assert [t.wear for t in first.templates] == [NO_MASK, virtual("n95", 3)]
        assert {t.encoder_id for t in first.templates} == {ENCODER}
        assert [t.wear.label for t in second.templates] == ["real:cloth"]

    def test_missing_facts_stay_missing(self, gallery: Gallery) -> None:
        template = Template(axis(0), ENCODER, NO_MASK, quality=0.25)
        photo = NewReference(
            "<memory>",
            [template],
            photo_sha256=sha256("a"),
            box=None,
            ipd_px=None,
            detector_id="d",
            masks=(),
        )
        gallery.enrol("Ann", [photo])
        (shown,) = gallery.show("Ann").references
        assert (shown.box, shown.ipd_px, shown.masks) == (None, None, ())
        assert shown.templates[0].quality == 0.25

    def test_people_are_listed_by_name_with_counts(self, gallery: Gallery) -> None:
        gallery.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(0))])])
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0)), (virtual(), axis(1))])])
        gallery.enrol("Ann", [reference("c.jpg", [(NO_MASK, axis(0))])])
        listed = [(p.subject, p.references, p.templates) for p in gallery.people()]
        assert listed == [("Ann", 2, 3), ("Bob", 1, 1)]
        stats = gallery.stats()
        assert stats.size == gallery.size() == GallerySize(2, 3, 4)
        assert (stats.encoder_id, stats.dim) == (ENCODER, 16)
        assert stats.by_wear == {"none": 3, "virtual:surgical": 1}

    def test_rename_moves_a_person_and_nothing_else(self, gallery: Gallery) -> None:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        gallery.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(1))])])
        before = gallery.search(axis(0)[None], wear="bare", top=1)[0][0]
        gallery.rename("Ann", "Anna")
        after = gallery.search(axis(0)[None], wear="bare", top=1)[0][0]
        assert (after.subject, after.subject_id) == ("Anna", before.subject_id)
        assert [p.subject for p in gallery.people()] == ["Anna", "Bob"]
        with pytest.raises(SubjectError, match="Ann"):
            gallery.rename("Ann", "Cleo")
        with pytest.raises(SubjectError, match="taken"):
            gallery.rename("Anna", "Bob")
        with pytest.raises(InputError):
            gallery.rename("Anna", "  ")
        gallery.rename("Anna", "Anna")
        assert [p.subject for p in gallery.people()] == ["Anna", "Bob"]

    def test_delete_removes_a_person_and_nobody_else(self, gallery: Gallery) -> None:
        templates = [(NO_MASK, axis(0)), (virtual(), axis(1))]
        gallery.enrol("Ann", [reference("a.jpg", templates), reference("c.jpg", templates)])
        gallery.enrol("Bob", [reference("b.jpg", templates)])
        assert len(gallery.search(axis(0)[None], wear="bare", top=5)[0]) == 2
        result = gallery.delete("Ann")
        assert (result.subject, result.references, result.templates) == ("Ann", 2, 4)
        for wear in WEARS:
            found = gallery.search(axis(0)[None], wear=wear, top=5)[0]
            assert [c.subject for c in found] == ["Bob"]
        assert gallery.size() == GallerySize(1, 1, 2)
        for call in (gallery.delete, gallery.show):
            with pytest.raises(SubjectError, match="Ann"):
                call("Ann")
        assert gallery.integrity_check() == []

    def test_whoever_comes_after_a_deletion_is_somebody_else(self, gallery: Gallery) -> None:
        first = gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        gallery.search(axis(0)[None], wear="bare", top=1)
        gallery.delete("Ann")
        second = gallery.enrol("Ann", [reference("b.jpg", [(NO_MASK, axis(1))])])
        assert first.subject_id != second.subject_id
        (candidate,) = gallery.search(axis(0)[None], wear="bare", top=1)[0]
        assert (candidate.reference, candidate.score) == ("b.jpg", 0)
