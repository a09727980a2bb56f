"""What every gallery must do: subclass ``GalleryContract`` in the engine's tests."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pytest

from maskwise.errors import EncoderMismatchError, InputError, StorageError, SubjectError
from maskwise.gallery import Gallery, GallerySize, NewReference, ProbeWear
from maskwise.testing.enrolments import (
    ENCODER,
    REAL,
    axis,
    brute_force,
    mix,
    reference,
    sha256,
    unit_vectors,
    virtual,
)
from maskwise.types import F32, NO_MASK, Template, Wear

WEARS: Final[tuple[ProbeWear, ...]] = ("bare", "masked")


class GalleryContract:
    """Override ``connect``; pytest then runs these tests on it."""

    @pytest.fixture
    def connect(self) -> Callable[[], Gallery]:
        """Opens the store of this test, which starts empty. May be called again where the
        engine keeps its store outside the process; otherwise override ``again`` to skip."""
        raise NotImplementedError("override the fixture `connect`")

    @pytest.fixture
    def gallery(self, connect: Callable[[], Gallery]) -> Gallery:
        """The gallery under test."""
        return connect()

    @pytest.fixture
    def again(self, gallery: Gallery, connect: Callable[[], Gallery]) -> Gallery:
        """A second connection to the store of ``gallery``."""
        return connect()

    def test_an_empty_gallery_answers_everything(self, gallery: Gallery) -> None:
        assert isinstance(gallery, Gallery)
        assert gallery.where
        assert gallery.encoder_id is None
        gallery.check_encoder("any")
        assert gallery.size() == GallerySize(0, 0, 0)
        assert gallery.people() == []
        assert gallery.search(unit_vectors(2), wear="bare", top=3) == [[], []]
        assert not gallery.holds("Ann", sha256("a.jpg"), ())
        assert gallery.integrity_check() == []
        stats = gallery.stats()
        assert (stats.encoder_id, stats.dim, stats.by_wear) == (None, None, {})

    def test_who_was_enrolled_is_found(self, gallery: Gallery) -> None:
        result = gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        gallery.enrol("Bob", [reference("b.jpg", [(NO_MASK, axis(1))])])
        assert (result.references, result.templates) == (1, 1)
        first, second = gallery.search(mix(0, 1, 0.8)[None], wear="bare", top=5)[0]
        assert (first.rank, first.subject, first.reference) == (1, "Ann", "a.jpg")
        assert (second.rank, second.subject, second.reference) == (2, "Bob", "b.jpg")
        assert first.score == pytest.approx(0.8, abs=1e-6)
        assert second.score == pytest.approx(0.6, abs=1e-6)
        assert first.subject_id == result.subject_id != second.subject_id
        assert first.reference_id == gallery.show("Ann").references[0].reference_id
        assert first.wear == NO_MASK
        assert gallery.size() == GallerySize(2, 2, 2)
        assert gallery.encoder_id == ENCODER

    def test_probes_are_answered_in_their_order(self, gallery: Gallery) -> None:
        for number in range(4):
            name = f"person {number}"
            gallery.enrol(name, [reference(name, [(NO_MASK, axis(number))])])
        order = [2, 0, 3, 1]
        found = gallery.search(np.stack([axis(n) for n in order]), wear="bare", top=1)
        assert [c.subject for (c,) in found] == [f"person {n}" for n in order]

    def test_a_person_stands_once_with_the_best_template(self, gallery: Gallery) -> None:
        photos = [
            reference("far.jpg", [(NO_MASK, mix(0, 1, 0.3))]),
            reference("near.jpg", [(NO_MASK, mix(0, 1, 0.9))]),
            reference("middle.jpg", [(NO_MASK, mix(0, 1, 0.5))]),
        ]
        gallery.enrol("Ann", photos)
        (candidate,) = gallery.search(axis(0)[None], wear="bare", top=5)[0]
        assert candidate.reference == "near.jpg"
        assert candidate.score == pytest.approx(0.9, abs=1e-6)

    def test_a_probe_meets_the_templates_that_fit_what_it_wears(self, gallery: Gallery) -> None:
        worn = [(virtual("surgical"), mix(0, 2, 0.6)), (virtual("n95"), mix(0, 2, 0.7))]
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, mix(0, 1, 0.5)), *worn])])
        (bare,) = gallery.search(axis(0)[None], wear="bare", top=5)[0]
        (masked,) = gallery.search(axis(0)[None], wear="masked", top=5)[0]
        assert (bare.wear, masked.wear) == (NO_MASK, virtual("n95"))
        np.testing.assert_allclose([bare.score, masked.score], [0.5, 0.7], atol=1e-6)

    def test_nobody_is_out_of_reach(self, gallery: Gallery) -> None:
        gallery.enrol("bare", [reference("a.jpg", [(NO_MASK, mix(0, 1, 0.9))])])
        gallery.enrol("real", [reference("b.jpg", [(REAL, mix(0, 1, 0.8))])])
        both = [(NO_MASK, mix(0, 1, 0.5)), (virtual(), mix(0, 1, 0.4))]
        gallery.enrol("both", [reference("c.jpg", both)])
        gallery.enrol("unknown", [reference("d.jpg", [(Wear("unknown"), mix(0, 1, 0.3))])])
        bare = gallery.search(axis(0)[None], wear="bare", top=9)[0]
        assert [c.subject for c in bare] == ["bare", "real", "both", "unknown"]
        assert [c.wear.kind for c in bare] == ["none", "real", "none", "unknown"]
        masked = gallery.search(axis(0)[None], wear="masked", top=9)[0]
        assert [c.subject for c in masked] == ["bare", "real", "both", "unknown"]
        assert [c.wear.kind for c in masked] == ["none", "real", "virtual", "unknown"]
        # A shift moves those of the other kind in the order, and leaves the scores alone.
        shifted = gallery.search(axis(0)[None], wear="masked", top=2, other_wear_shift=-0.45)[0]
        assert [c.subject for c in shifted] == ["real", "bare"]
        assert [c.score for c in shifted] == pytest.approx([0.8, 0.9], abs=1e-6)
        (last,) = gallery.search(axis(0)[None], wear="masked", top=1, other_wear_shift=-1.5)[0]
        assert last.subject == "real"
        # Once a template that fits comes, the other kind no longer counts.
        gallery.enrol("bare", [reference("e.jpg", [(virtual(), mix(0, 1, 0.1))])])
        masked = gallery.search(axis(0)[None], wear="masked", top=9)[0]
        assert [c.subject for c in masked] == ["real", "both", "unknown", "bare"]

    def test_equal_scores_keep_the_order_of_enrolment(self, gallery: Gallery) -> None:
        names = ["Zoe", "Ann", "Mia", "Bob", "Eve"]
        for name in names:
            gallery.enrol(name, [reference(name, [(NO_MASK, axis(3))])])
        for top in (5, 3, 1):
            found = gallery.search(axis(3)[None], wear="bare", top=top)[0]
            assert [c.subject for c in found] == names[:top]
            assert [c.rank for c in found] == list(range(1, top + 1))

    @pytest.mark.parametrize("seed", range(3))
    def test_search_is_what_a_plain_loop_finds(self, gallery: Gallery, seed: int) -> None:
        rng = np.random.default_rng(seed)
        kinds = [NO_MASK, REAL, virtual("n95"), virtual("cloth"), Wear("unknown")]
        people: dict[str, list[tuple[Wear, F32]]] = {}
        probes = unit_vectors(3, seed=1000 + seed)

        def check() -> None:
            for wear in WEARS:
                for top in (1, 4, 100):
                    found = gallery.search(probes, wear=wear, top=top)
                    for probe, candidates in zip(probes, found, strict=True):
                        wanted = brute_force(people, probe, wear, top)
                        assert [c.subject for c in candidates] == [name for name, _ in wanted]
                        np.testing.assert_allclose(
                            [c.score for c in candidates], [s for _, s in wanted], atol=1e-5
                        )

        for step in range(40):
            if step % 7 == 6:
                name = sorted(people)[int(rng.integers(len(people)))]
                gallery.delete(name)
                del people[name]
                check()
            name = f"person {rng.integers(25)}"
            vectors = unit_vectors(int(rng.integers(1, 5)), seed=100 * seed + step)
            wears = rng.choice(len(kinds), len(vectors))
            templates = [(kinds[w], v) for w, v in zip(wears, vectors, strict=True)]
            gallery.enrol(name, [reference(f"photo {step}", templates)])
            people.setdefault(name, []).extend(templates)
            if step % 3 == 0:
                check()
        check()
        assert gallery.integrity_check() == []

    def test_search_refuses_what_it_cannot_answer(self, gallery: Gallery) -> None:
        gallery.enrol("Ann", [reference("a.jpg", [(NO_MASK, axis(0))])])
        good = unit_vectors(2)
        for bad in (good[0], good.astype(np.float64), good[:, :5], 2 * good, good * np.nan, [[1]]):
            with pytest.raises(InputError, match="search"):
                gallery.search(bad, wear="bare", top=1)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="top"):
            gallery.search(good, wear="bare", top=0)
        with pytest.raises(InputError, match="wear"):
            gallery.search(good, wear="none", top=1)  # type: ignore[arg-type]
        assert gallery.search(good[:0], wear="bare", top=1) == []

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
