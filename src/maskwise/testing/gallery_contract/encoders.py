"""A gallery and its encoder."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Iterator

import pytest

from maskwise.errors import EncoderMismatchError, InputError
from maskwise.gallery import Gallery, GallerySize, NewReference, ReferenceDetails
from maskwise.testing.enrolments import (
    ENCODER,
    axis,
    kept_face,
    reference,
    virtual,
)
from maskwise.testing.gallery_contract.base import GalleryTests
from maskwise.types import NO_MASK, Template


class EncodersContract(GalleryTests):
    """See ``GalleryContract``."""

    def test_one_encoder_a_gallery(self, gallery: Gallery) -> None:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        gallery.check_encoder(ENCODER)
        with pytest.raises(EncoderMismatchError, match="another gallery"):
            gallery.check_encoder("encoder-b")
        other = reference("b.jpg", [(NO_MASK, axis(0))], encoder="encoder-b")
        with pytest.raises(EncoderMismatchError, match="encoder-b"):
            gallery.enrol("Bob", [other])
        wide = reference("b.jpg", [(NO_MASK, axis(0, 32))])
        with pytest.raises(InputError, match="16 numbers"):
            gallery.enrol("Bob", [wide])
        assert gallery.size() == GallerySize(1, 1, 1)
        gallery.delete("Ann")
        assert gallery.encoder_id is None
        gallery.check_encoder("encoder-b")
        gallery.enrol("Bob", [other])
        assert gallery.encoder_id == "encoder-b"

    def test_templates_of_one_space_compare(self, gallery: Gallery) -> None:
        gallery.check_comparable("any")
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))], space="space-1")])
        assert gallery.encoder_space == gallery.stats().encoder_space == "space-1"
        gallery.check_comparable(ENCODER, "space-1")
        gallery.check_comparable(ENCODER)
        gallery.check_comparable("student", "space-1")
        for other in (("student", "space-2"), ("student", ""), ("student", ENCODER)):
            with pytest.raises(EncoderMismatchError, match="student") as caught:
                gallery.check_comparable(*other)
            assert ENCODER in str(caught.value)
            assert "maskwise gallery re-encode --encoder" in str(caught.value)
        # To compare is not to enrol: a gallery holds templates of one encoder.
        with pytest.raises(EncoderMismatchError, match="re-encode"):
            gallery.check_encoder("student")
        photo = reference("b.jpg", [(NO_MASK, axis(1))], encoder="student", space="space-1")
        with pytest.raises(EncoderMismatchError, match="student"):
            gallery.enrol("Bob", [photo])

    def test_of_one_file_by_other_landmarks_the_detector_is_what_differs(
        self, gallery: Gallery
    ) -> None:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        with pytest.raises(EncoderMismatchError, match="enrolled with \\(--detector\\), enrol"):
            gallery.check_encoder(f"{ENCODER}/other-chip")
        with pytest.raises(EncoderMismatchError, match="use that encoder, enrol"):
            gallery.check_encoder("encoder-a/9999/other-chip")

    def test_an_encoder_without_a_space_is_its_own(self, gallery: Gallery) -> None:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        assert gallery.stats().encoder_space == ENCODER
        gallery.check_comparable("student", ENCODER)
        # What the encoder says later counts.
        for photo, space in (("b.jpg", "space-1"), ("c.jpg", "")):
            gallery.enrol("Ann", [reference(photo, [(NO_MASK, axis(0))], space=space)])
            assert gallery.encoder_space == "space-1"

    def test_every_reference_moves_to_another_encoder(self, gallery: Gallery) -> None:
        old = [(NO_MASK, axis(0)), (virtual("n95", 3), axis(1))]
        gallery.enrol("Ann", [reference("a.jpg", old, kept=kept_face()), reference("c.jpg", old)])
        gallery.enrol("Bob", [reference("b.jpg", old[:1])])
        assert len(gallery.search(axis(0)[None], wear="bare", top=5)[0]) == 2
        ann, bob = gallery.show("Ann"), gallery.show("Bob")
        new = {
            person.references[k].reference_id: moved(person.references[k], number)
            for number, (person, k) in enumerate(((ann, 0), (ann, 1), (bob, 0)))
        }
        size = gallery.replace_templates("encoder-b", reversed(new.items()))
        assert size == gallery.size() == GallerySize(2, 3, 5)
        assert (gallery.encoder_id, gallery.encoder_space) == ("encoder-b", "space-b")
        assert gallery.stats().dim == 32
        for before in (ann, bob):
            after = gallery.show(before.subject)
            assert (after.subject_id, after.created_at) == (before.subject_id, before.created_at)
            for was, now in zip(before.references, after.references, strict=True):
                assert now.detector_id == "detector/2"
                assert now.box == (0.0, 0.0, 9.0, 9.0)
                for name in ("reference_id", "source", "photo_sha256", "masks", "created_at"):
                    assert getattr(now, name) == getattr(was, name)
                assert now.kept_bytes == was.kept_bytes
                assert [t.wear for t in now.templates] == [t.wear for t in was.templates]
                found = gallery.templates(now.reference_id)
                wanted = new[now.reference_id].templates
                assert [t.vector.tolist() for t in found] == [t.vector.tolist() for t in wanted]
        (candidate,) = gallery.search(axis(2, 32)[None], wear="bare", top=1)[0]
        assert (candidate.subject, candidate.score) == ("Bob", 1)
        with pytest.raises(EncoderMismatchError):
            gallery.check_encoder(ENCODER)
        assert gallery.integrity_check() == []

    def test_the_same_encoder_again_is_fine(self, gallery: Gallery) -> None:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        (was,) = gallery.show("Ann").references
        new = reference("a.jpg", [(NO_MASK, axis(1))], space="space-1")
        gallery.replace_templates(ENCODER, [(was.reference_id, new)])
        assert [c.score for c in gallery.search(axis(1)[None], wear="bare", top=1)[0]] == [1]
        assert (gallery.encoder_id, gallery.encoder_space) == (ENCODER, "space-1")
        assert gallery.size() == GallerySize(1, 1, 1)

    def test_references_and_people_may_be_left_behind(self, gallery: Gallery) -> None:
        photos = [reference(name, [(NO_MASK, axis(0))]) for name in ("a.jpg", "c.jpg")]
        gallery.enrol("Ann", photos)
        gallery.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(0))], kept=kept_face())])
        first, second = gallery.show("Ann").references
        (bob,) = gallery.show("Bob").references
        size = gallery.replace_templates(
            "encoder-b",
            [
                (first.reference_id, None),
                (second.reference_id, moved(second)),
                (bob.reference_id, None),
            ],
        )
        assert size == GallerySize(1, 1, 1)
        assert [p.subject for p in gallery.people()] == ["Ann"]
        assert gallery.stats().kept_faces == 0
        assert gallery.integrity_check() == []

    def test_a_move_that_is_refused_or_fails_changes_nothing(self, gallery: Gallery) -> None:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0)), (virtual(), axis(1))])])
        gallery.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(0))])])
        (ann,), (bob,) = gallery.show("Ann").references, gallery.show("Bob").references
        one, two = (ann.reference_id, moved(ann)), (bob.reference_id, moved(bob))
        before = [gallery.show(name) for name in ("Ann", "Bob")]
        other = reference("b.jpg", [(NO_MASK, axis(0))], encoder="encoder-c")
        narrow = reference("b.jpg", [(NO_MASK, axis(0))], encoder="encoder-b", space="space-b")
        more = reference("b.jpg", [(NO_MASK, axis(0))], encoder="encoder-b", masks=["n95"])
        renamed = reference("x.jpg", [(NO_MASK, axis(0))], encoder="encoder-b")

        def dies() -> Iterator[tuple[str, NewReference | None]]:
            yield one
            raise KeyboardInterrupt

        wrong: list[tuple[str, list[tuple[str, NewReference | None]]]] = [
            ("1 references were not named", [one]),
            ("no reference 'x'", [one, ("x", moved(bob))]),
            ("named twice", [one, one]),
            ("expected templates of encoder-b, got encoder-c", [one, (bob.reference_id, other)]),
            ("one width", [one, (bob.reference_id, narrow)]),
            ("enrolled anew", [one, (bob.reference_id, more)]),
            ("enrolled anew", [one, (bob.reference_id, renamed)]),
            ("nobody would be left", [(ann.reference_id, None), (bob.reference_id, None)]),
        ]
        for sentence, references in wrong:
            with pytest.raises(InputError, match=sentence):
                gallery.replace_templates("encoder-b", references)
        with pytest.raises(KeyboardInterrupt):
            gallery.replace_templates("encoder-b", dies())
        assert [gallery.show(name) for name in ("Ann", "Bob")] == before
        gallery.check_encoder(ENCODER)
        assert len(gallery.search(axis(0)[None], wear="bare", top=5)[0]) == 2
        assert gallery.replace_templates("encoder-b", [one, two]) == GallerySize(2, 2, 3)

    def test_a_move_is_seen_by_another_connection(self, gallery: Gallery, again: Gallery) -> None:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        assert len(again.search(axis(0)[None], wear="bare", top=1)[0]) == 1
        (ann,) = gallery.show("Ann").references
        gallery.replace_templates("encoder-b", [(ann.reference_id, moved(ann, 3))])
        (candidate,) = again.search(axis(3, 32)[None], wear="bare", top=1)[0]
        assert candidate.score == 1
        assert again.encoder_id == "encoder-b"


def moved(old: ReferenceDetails, number: int = 0) -> NewReference:
    """The reference under encoder-b of 32 numbers, found by another detector."""
    templates = [
        Template(axis(number + 8 * k, 32), "encoder-b", t.wear) for k, t in enumerate(old.templates)
    ]
    return NewReference(
        old.source,
        templates,
        photo_sha256=old.photo_sha256,
        box=(0, 0, 9, 9),
        ipd_px=4.5,
        detector_id="detector/2",
        masks=old.masks,
        space="space-b",
    )
