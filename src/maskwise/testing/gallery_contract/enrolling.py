"""What enrolment stores, and when it stores nothing."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from maskwise.errors import InputError, StorageError
from maskwise.gallery import Gallery, GallerySize, NewReference
from maskwise.testing.enrolments import (
    REAL,
    axis,
    mix,
    reference,
    sha256,
    unit_vectors,
    virtual,
)
from maskwise.testing.gallery_contract.base import GalleryTests
from maskwise.types import NO_MASK


class EnrollingContract(GalleryTests):
    """See ``GalleryContract``."""

    def test_an_empty_gallery_answers_everything(self, gallery: Gallery) -> None:
        assert isinstance(gallery, Gallery)
        assert gallery.where
        assert gallery.encoder_id is None
        assert gallery.encoder_space is None
        gallery.check_encoder("any")
        assert gallery.size() == GallerySize(0, 0, 0)
        assert gallery.people() == []
        assert gallery.search(unit_vectors(2), wear="bare", top=3) == [[], []]
        assert not gallery.holds("Ann", sha256("a.jpg"), ())
        assert gallery.integrity_check() == []
        stats = gallery.stats()
        assert (stats.encoder_id, stats.dim, stats.by_wear) == (None, None, {})

    def test_the_same_photo_again_adds_and_replaces_without_duplicates(
        self, gallery: Gallery
    ) -> None:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0)), (virtual("n95"), axis(1))])])
        before = gallery.show("Ann").references[0]
        more = [(NO_MASK, axis(2)), (virtual("n95", 7), axis(3)), (virtual("gas"), axis(4))]
        result = gallery.enrol("Ann", [reference("a.jpg", more)])
        assert (result.references, result.templates) == (1, 3)
        assert gallery.size() == GallerySize(1, 1, 3)
        (after,) = gallery.show("Ann").references
        assert after.reference_id == before.reference_id
        assert [t.wear for t in after.templates] == [wear for wear, _ in more]
        assert after.masks == ("n95", "gas")
        scores = gallery.search(np.stack([axis(0), axis(2)]), wear="bare", top=1)
        assert [c.score for (c,) in scores] == [0, 1]
        # Fewer masks leave the others where they are.
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(5)), (virtual("gas"), axis(6))])])
        labels = sorted(t.wear.label for t in gallery.show("Ann").references[0].templates)
        assert labels == ["none", "virtual:gas", "virtual:n95"]
        # Seen as masked this time: the same face as it is, so it replaces the bare template.
        gallery.enrol("Ann", [reference("a.jpg", [(REAL, axis(7))])])
        labels = sorted(t.wear.label for t in gallery.show("Ann").references[0].templates)
        assert labels == ["real", "virtual:gas", "virtual:n95"]

    def test_a_photo_twice_in_one_call_is_one_reference(self, gallery: Gallery) -> None:
        photo = reference("a.jpg", [(NO_MASK, axis(0))])
        assert gallery.enrol("Ann", [photo, photo]).references == 1
        assert gallery.size() == GallerySize(1, 1, 1)

    def test_one_photo_of_two_people_is_two_references(self, gallery: Gallery) -> None:
        photo = reference("both.jpg", [(NO_MASK, axis(0))])
        gallery.enrol("Ann", [photo])
        gallery.enrol("Bob", [photo])
        assert gallery.size() == GallerySize(2, 2, 2)

    def test_holds_knows_photo_person_and_masks(self, gallery: Gallery) -> None:
        templates = [(NO_MASK, axis(0)), (virtual("n95"), axis(1)), (virtual("gas"), axis(2))]
        gallery.enrol("Ann", [reference("a.jpg", templates)])
        # Masks count as asked for, drawn or not: a face in a real mask gets none.
        gallery.enrol("Bob", [reference("b.jpg", [(REAL, axis(3))], masks=["n95"])])
        assert gallery.holds("Ann", sha256("a.jpg"), ["gas", "n95"])
        assert gallery.holds("Ann", sha256("a.jpg"), ["n95"])
        assert gallery.holds("Ann", sha256("a.jpg"), [])
        assert not gallery.holds("Ann", sha256("a.jpg"), ["n95", "cloth"])
        assert not gallery.holds("Ann", sha256("b.jpg"), [])
        assert not gallery.holds("Bob", sha256("a.jpg"), [])
        assert gallery.holds("Bob", sha256("b.jpg"), ["n95"])
        assert not gallery.holds("Bob", sha256("b.jpg"), ["n95", "gas"])

    def test_a_refused_enrolment_changes_nothing(self, gallery: Gallery) -> None:
        good = reference("a.jpg", [(NO_MASK, axis(0))])
        other = reference("b.jpg", [(NO_MASK, axis(0))], encoder="encoder-b")
        for name, photos in (("Ann", []), ("Ann", [good, other]), (" ", [good]), ("", [good])):
            with pytest.raises(InputError):
                gallery.enrol(name, photos)
        with pytest.raises(InputError, match="200"):
            gallery.enrol("x" * 201, [good])
        assert gallery.size() == GallerySize(0, 0, 0)
        assert gallery.encoder_id is None

    def test_many_people_are_enrolled_at_once_or_none(self, gallery: Gallery) -> None:
        def people(last: str) -> Iterator[tuple[str, list[NewReference]]]:
            yield "Ada", [reference("a.jpg", [(NO_MASK, axis(0))])]
            yield "Bo", [reference("b.jpg", [(NO_MASK, axis(1))])]
            yield last, [reference("c.jpg", [(NO_MASK, axis(0))])]

        with pytest.raises(InputError, match="cannot be empty"):
            gallery.enrol_all(people(" "))
        assert gallery.size() == GallerySize(0, 0, 0)
        done = gallery.enrol_all(people("Ada"))
        assert [(d.references, d.templates) for d in done] == [(1, 1)] * 3
        assert done[0].subject_id == done[2].subject_id
        assert gallery.size() == GallerySize(2, 3, 3)
        assert gallery.enrol_all([]) == []

    def test_a_closed_gallery_says_so(self, gallery: Gallery) -> None:
        with gallery as same:
            assert same is gallery
        gallery.close()
        with pytest.raises(StorageError, match="open the gallery again"):
            gallery.size()

    def test_what_another_connection_does_is_seen_at_once(
        self, gallery: Gallery, again: Gallery
    ) -> None:
        def found() -> list[str]:
            return [c.subject for c in gallery.search(axis(0)[None], wear="bare", top=9)[0]]

        assert found() == []
        again.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        assert found() == ["Ann"]
        again.enrol("Bob", [reference("b.jpg", [(NO_MASK, mix(0, 1, 0.5))])])
        assert found() == ["Ann", "Bob"]
        again.enrol("Ann", [reference("a.jpg", [(NO_MASK, mix(0, 1, 0.1))])])
        assert found() == ["Bob", "Ann"]
        again.rename("Ann", "Anna")
        assert found() == ["Bob", "Anna"]
        again.delete("Bob")
        assert found() == ["Anna"]
        again.delete("Anna")
        assert found() == []
        again.enrol("Cleo", [reference("c.jpg", [(NO_MASK, axis(0))], encoder="encoder-b")])
        assert found() == ["Cleo"]
        assert gallery.encoder_id == "encoder-b"

    def test_what_was_stored_is_there_after_reopening(
        self, gallery: Gallery, connect: Callable[[], Gallery], again: Gallery
    ) -> None:
        again.close()
        vectors = unit_vectors(3)
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, v) for v in vectors])])
        shown, found = gallery.show("Ann"), gallery.search(vectors, wear="bare", top=1)
        gallery.close()
        reopened = connect()
        assert reopened.show("Ann") == shown
        assert reopened.search(vectors, wear="bare", top=1) == found
