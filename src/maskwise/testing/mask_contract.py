"""What every mask classifier must do: subclass ``MaskClassifierContract`` in its tests."""

# The names of the tests say what they ask.
# ruff: noqa: D102

from __future__ import annotations

import numpy as np
import pytest

from maskwise.errors import InputError
from maskwise.occlusion.protocol import MaskClassifier
from maskwise.testing.pictures import plain_chips
from maskwise.types import U8


class MaskClassifierContract:
    """Override ``classifier``; pytest then runs these tests on it."""

    tolerance = 1e-4
    alpha_tolerance = 2

    @pytest.fixture
    def classifier(self) -> MaskClassifier:
        """The classifier under test."""
        raise NotImplementedError("override the fixture `classifier`")

    @pytest.fixture
    def chips(self, classifier: MaskClassifier) -> U8:
        """(10, S, S, 3) uint8: noise, gradients and plain colours."""
        return plain_chips(classifier.chip_spec.size)

    def test_one_state_a_chip_with_a_probability(
        self, classifier: MaskClassifier, chips: U8
    ) -> None:
        states = classifier.classify(chips)
        assert len(states) == len(chips)
        assert all(0 <= state.probability <= 1 for state in states)
        assert all(state.worn == (state.probability >= 0.5) for state in states)

    def test_coverage_is_a_share_where_it_is_told(
        self, classifier: MaskClassifier, chips: U8
    ) -> None:
        told = [s.coverage for s in classifier.classify(chips) if s.coverage is not None]
        if not told:
            pytest.skip("this classifier tells no coverage")
        assert all(0 <= coverage <= 1 for coverage in told)

    def test_a_style_goes_with_the_probability(self, classifier: MaskClassifier, chips: U8) -> None:
        for state in classifier.classify(chips):
            fitting = ("proper", "under-nose", None) if state.worn else ("under-chin", None)
            assert state.style in fitting

    def test_a_type_is_of_a_mask_that_is_worn(self, classifier: MaskClassifier, chips: U8) -> None:
        for state in classifier.classify(chips):
            assert state.type is None or (state.worn and state.type.strip())

    def test_an_alpha_is_of_cells_and_goes_with_the_coverage(
        self, classifier: MaskClassifier, chips: U8
    ) -> None:
        states = [s for s in classifier.classify(chips) if s.alpha is not None]
        if not states:
            pytest.skip("this classifier gives no alpha")
        for state in states:
            assert state.alpha is not None
            assert state.alpha.shape == (38, 38)
            assert state.alpha.dtype == np.uint8
            assert state.alpha.flags.c_contiguous
            assert not state.alpha.flags.writeable
            assert state.coverage == pytest.approx(state.alpha.mean() / 255, abs=1e-6)

    def test_an_alpha_is_its_chips_own(self, classifier: MaskClassifier, chips: U8) -> None:
        together = [s.alpha for s in classifier.classify(chips)]
        for chip, alpha in zip(chips, together, strict=True):
            (alone,) = classifier.classify(chip[None])
            assert (alone.alpha is None) == (alpha is None)
            if alpha is not None and alone.alpha is not None:
                apart = np.abs(alpha.astype(int) - alone.alpha)
                assert apart.max() <= self.alpha_tolerance

    def test_the_batch_does_not_matter(self, classifier: MaskClassifier, chips: U8) -> None:
        together = [s.probability for s in classifier.classify(chips)]
        singly = [classifier.classify(chip[None])[0].probability for chip in chips]
        np.testing.assert_allclose(together, singly, atol=self.tolerance)

    def test_states_follow_the_order_of_the_chips(
        self, classifier: MaskClassifier, chips: U8
    ) -> None:
        forward = [s.probability for s in classifier.classify(chips)]
        backward = [s.probability for s in classifier.classify(chips[::-1])]
        np.testing.assert_allclose(backward[::-1], forward, atol=self.tolerance)

    def test_no_chips_give_no_states(self, classifier: MaskClassifier, chips: U8) -> None:
        assert classifier.classify(chips[:0]) == []

    def test_other_shapes_and_types_are_refused(
        self, classifier: MaskClassifier, chips: U8
    ) -> None:
        bad: list[object] = [chips[0], chips[:, 1:], chips.astype(np.float32), chips.tolist()]
        for array in bad:
            with pytest.raises(InputError, match="expected"):
                classifier.classify(array)  # type: ignore[arg-type]

    def test_the_id_is_stable(self, classifier: MaskClassifier, chips: U8) -> None:
        before = classifier.id
        classifier.classify(chips[:1])
        assert classifier.id == before
