"""Faces that are kept for other encoders, only where that was asked for."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

from pathlib import Path

import pytest

from maskwise.errors import InputError, StorageError, SubjectError
from maskwise.gallery import Gallery, open_gallery
from maskwise.testing.enrolments import axis, kept_face, reference, sha256, virtual
from maskwise.testing.gallery_contract.base import GalleryTests
from maskwise.types import NO_MASK


class KeepingContract(GalleryTests):
    """See ``GalleryContract``."""

    def test_no_face_is_kept_unless_one_comes_along(self, gallery: Gallery) -> None:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        (shown,) = gallery.show("Ann").references
        assert shown.kept_bytes == 0
        assert gallery.kept_face(shown.reference_id) is None
        assert gallery.stats().kept_faces == 0
        assert gallery.holds("Ann", sha256("a.jpg"), [])
        assert not gallery.holds("Ann", sha256("a.jpg"), [], kept=True)

    def test_a_kept_face_comes_back_as_it_was(self, gallery: Gallery) -> None:
        face = kept_face(1)
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))], kept=face)])
        gallery.enrol("Bob", [reference("a.jpg", [(NO_MASK, axis(1))])])
        (shown,) = gallery.show("Ann").references
        assert gallery.kept_face(shown.reference_id) == face
        assert shown.kept_bytes == len(face)
        assert gallery.stats().kept_faces == 1
        assert gallery.holds("Ann", sha256("a.jpg"), [], kept=True)
        assert not gallery.holds("Bob", sha256("a.jpg"), [], kept=True)
        assert gallery.integrity_check() == []

    def test_the_same_photo_again_brings_replaces_or_leaves_the_face(
        self, gallery: Gallery
    ) -> None:
        for face, found in (
            (None, None),
            (kept_face(1), kept_face(1)),
            (None, kept_face(1)),
            (kept_face(2), kept_face(2)),
        ):
            gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))], kept=face)])
            (shown,) = gallery.show("Ann").references
            assert gallery.kept_face(shown.reference_id) == found
        assert gallery.stats().kept_faces == 1

    def test_a_face_goes_with_its_person(self, gallery: Gallery) -> None:
        for name in ("Ann", "Bob"):
            photo = reference(name, [(NO_MASK, axis(0))], kept=kept_face(1))
            gallery.enrol(name, [photo])
        gone = gallery.show("Ann").references[0].reference_id
        gallery.delete("Ann")
        assert gallery.stats().kept_faces == 1
        with pytest.raises(SubjectError, match=gone):
            gallery.kept_face(gone)

    def test_what_is_no_face_is_refused(self) -> None:
        for bad in (b"", "text", 5):
            with pytest.raises(InputError, match="kept"):
                reference("a.jpg", [(NO_MASK, axis(0))], kept=bad)  # type: ignore[arg-type]

    def test_templates_come_back_as_they_were(self, gallery: Gallery) -> None:
        given = [(NO_MASK, axis(0)), (virtual("n95", 3), axis(1))]
        gallery.enrol("Ann", [reference("a.jpg", given), reference("b.jpg", given[:1])])
        first, _ = gallery.show("Ann").references
        found = gallery.templates(first.reference_id)
        assert [t.wear for t in found] == [wear for wear, _ in given]
        assert [t.vector.tolist() for t in found] == [vector.tolist() for _, vector in given]
        assert {t.encoder_id for t in found} == {first.templates[0].encoder_id}
        with pytest.raises(SubjectError, match="no reference 'x'"):
            gallery.templates("x")

    def test_a_copy_is_a_gallery_of_its_own(self, gallery: Gallery, tmp_path: Path) -> None:
        given = [(NO_MASK, axis(0)), (virtual("n95", 3), axis(1))]
        gallery.enrol("Ann", [reference("a.jpg", given, kept=kept_face(1), space="space-1")])
        place = tmp_path / "new folder" / "copy.db"
        gallery.save_copy(place)
        gallery.enrol("Bob", [reference("b.jpg", given)])
        with open_gallery(place, create=False, key=gallery.key) as copy:
            assert [p.subject for p in copy.people()] == ["Ann"]
            assert copy.show("Ann") == gallery.show("Ann")
            assert copy.encoder_space == "space-1"
            assert copy.integrity_check() == []
            (candidate,) = copy.search(axis(0)[None], wear="bare", top=5)[0]
            assert candidate.subject == "Ann"
        held = place.read_bytes()
        with pytest.raises(StorageError, match="already"):
            gallery.save_copy(place)
        assert place.read_bytes() == held
        assert [p.name for p in place.parent.iterdir()] == ["copy.db"]
