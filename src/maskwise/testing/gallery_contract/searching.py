"""Who is found, and in which order."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

import numpy as np
import pytest

from maskwise.errors import InputError
from maskwise.gallery import Gallery, GallerySize
from maskwise.testing.enrolments import (
    ENCODER,
    REAL,
    axis,
    brute_force,
    mix,
    reference,
    unit_vectors,
    virtual,
)
from maskwise.testing.gallery_contract.base import WEARS, GalleryTests
from maskwise.types import F32, NO_MASK, Wear


class SearchingContract(GalleryTests):
    """See ``GalleryContract``."""

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
