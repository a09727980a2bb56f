"""Whole references that leave a gallery and come back, on this engine or another."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from maskwise.errors import EncoderMismatchError, InputError, SubjectError
from maskwise.gallery import Gallery, StoredReference, open_gallery
from maskwise.testing.enrolments import REAL, axis, kept_face, reference, unit_vectors, virtual
from maskwise.testing.gallery_contract.base import WEARS, GalleryTests
from maskwise.types import NO_MASK


def fill(gallery: Gallery) -> None:
    """Three people whose names are not in the order of their enrolment."""
    vectors = unit_vectors(8)
    for name in ("Zoe", "Ann", "é \udcff"):
        for number in range(2):
            # Each photo has its own: of equal ones of one person any may be told.
            bare = vectors[len(name) + 2 * number]
            given = [(NO_MASK, bare), (virtual("n95", 3), vectors[4]), (REAL, axis(1))]
            photo = reference(
                f"{name}/{number}\udcfe.jpg",
                given[: 1 + number * 2],
                space="space-1",
                masks=("n95", "surgical"),
                kept=kept_face(number) if number else None,
            )
            gallery.enrol(name, [photo])
    # A late photo of the first person: it comes with that person, not at the end.
    gallery.enrol("Zoe", [reference("late.jpg", [(NO_MASK, vectors[7])], space="space-1")])


def contents(gallery: Gallery) -> list[tuple[str, str]]:
    """What ``export`` gives: ids and hashes."""
    return [(record.reference_id, record.sha256()) for record in gallery.export()]


class MovingContract(GalleryTests):
    """See ``GalleryContract``."""

    def test_an_empty_gallery_exports_nothing(self, gallery: Gallery) -> None:
        assert list(gallery.export()) == []
        assert gallery.restore([]) == 0
        assert gallery.encoder_id is None

    def test_an_export_is_whole_and_in_the_order_of_enrolment(self, gallery: Gallery) -> None:
        fill(gallery)
        records = list(gallery.export())
        assert [r.subject for r in records] == ["Zoe"] * 3 + ["Ann"] * 2 + ["é \udcff"] * 2
        for record in records:
            shown = gallery.show(record.subject)
            assert (record.subject_id, record.subject_created_at) == (
                shown.subject_id,
                shown.created_at,
            )
            (details,) = [r for r in shown.references if r.reference_id == record.reference_id]
            photo = record.photo
            assert (record.created_at, photo.source, photo.box, photo.ipd_px, photo.masks) == (
                details.created_at,
                details.source,
                details.box,
                details.ipd_px,
                details.masks,
            )
            assert record.template_times == tuple(t.created_at for t in details.templates)
            assert [t.wear for t in photo.templates] == [t.wear for t in details.templates]
            held = gallery.templates(record.reference_id)
            assert [t.vector.tobytes() for t in photo.templates] == [
                t.vector.tobytes() for t in held
            ]
            assert photo.kept == gallery.kept_face(record.reference_id)
            assert record.encoder == (gallery.encoder_id, "space-1", 16)

    def test_an_export_goes_on_after_any_reference(self, gallery: Gallery) -> None:
        fill(gallery)
        whole = contents(gallery)
        for number, (uid, _) in enumerate(whole):
            rest = [(r.reference_id, r.sha256()) for r in gallery.export(after=uid)]
            assert rest == whole[number + 1 :]
        with pytest.raises(SubjectError, match="x"):
            gallery.export(after="x")

    def test_a_gallery_may_be_used_while_it_is_exported(self, gallery: Gallery) -> None:
        fill(gallery)
        records = gallery.export()
        next(records)
        gallery.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(2))], space="space-1")])
        assert gallery.size().people == 4
        assert len(list(records)) in (6, 7)

    def test_what_was_exported_comes_back_as_it_was(self, gallery: Gallery) -> None:
        with open_gallery(None) as other:
            fill(other)
            records = list(other.export())
            assert gallery.restore(records[:3]) == 3
            assert gallery.restore(iter(records)) == len(records) - 3
            assert gallery.restore(records) == 0
            assert contents(gallery) == contents(other)
            assert gallery.people() == other.people()
            for person in other.people():
                assert gallery.show(person.subject) == other.show(person.subject)
            assert gallery.encoder_space == "space-1"
            assert gallery.integrity_check() == []
            for wear in WEARS:
                probes = unit_vectors(8)
                assert [
                    [(c.subject_id, c.reference) for c in found]
                    for found in gallery.search(probes, wear=wear, top=3)
                ] == [
                    [(c.subject_id, c.reference) for c in found]
                    for found in other.search(probes, wear=wear, top=3)
                ]

    def test_equal_scores_keep_their_order_in_a_copy(self, gallery: Gallery) -> None:
        with open_gallery(None) as other:
            for name in ("Zoe", "Ann", "Mia"):
                other.enrol(name, [reference(f"{name}.jpg", [(NO_MASK, axis(0))])])
            gallery.restore(other.export())
        (found,) = gallery.search(axis(0)[None], wear="bare", top=3)
        assert [c.subject for c in found] == ["Zoe", "Ann", "Mia"]

    def test_what_cannot_be_restored_changes_nothing(self, gallery: Gallery) -> None:
        with open_gallery(None) as other:
            fill(other)
            first, second, *_, last = other.export()
        gallery.restore([first])
        before = contents(gallery)
        changed = dataclasses.replace(first, created_at="2020-01-01T00:00:00.000+00:00")
        renamed = dataclasses.replace(second, subject="Zoe 2")
        taken = dataclasses.replace(last, subject="Zoe")
        twin = dataclasses.replace(first, reference_id="0" * 32)
        for bad in (changed, renamed, taken, twin):
            with pytest.raises(InputError):
                gallery.restore([last, bad] if bad is not taken else [second, taken])
            assert contents(gallery) == before
        foreign = dataclasses.replace(
            last,
            photo=reference("f.jpg", [(NO_MASK, axis(0))], encoder="other", space="o"),
            template_times=(last.created_at,),
        )
        with pytest.raises(EncoderMismatchError):
            gallery.restore([second, foreign])
        assert contents(gallery) == before

    def test_a_broken_generator_restores_nothing(self, gallery: Gallery) -> None:
        with open_gallery(None) as other:
            fill(other)
            records = list(other.export())

        def breaking() -> Iterator[StoredReference]:
            yield from records[:3]
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            gallery.restore(breaking())
        assert contents(gallery) == []
        assert gallery.size().people == 0
        assert gallery.restore(records) == len(records)
