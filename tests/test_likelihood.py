"""Likelihood ratios: where they end, and in words. Fitting: evaluate/test_calibration.py."""

from __future__ import annotations

import numpy as np
import pytest

from maskwise.likelihood import LlrMap, LogisticMap, PavMap, in_words, is_bound

LINE = LogisticMap(slope=2.0, offset=-1.0, low=-4.0, high=6.0)
STAIRS = PavMap(scores=(0.0, 1.0, 2.0, 3.0), llrs=(-4.0, -4.0, 6.0, 6.0))


def test_in_words() -> None:
    assert in_words(np.log(1200)) == "1,200 times likelier for one person than for two"
    assert in_words(-np.log(2.5)) == "2.5 times likelier for two people than for one"
    assert in_words(0) == "as likely for one person as for two"
    assert "times likelier" in in_words(1e9)
    assert in_words(6.0, bound=True).startswith("at least 400 times likelier for one person")
    assert in_words(-6.0, bound=True).startswith("at least 400 times likelier for two people")


@pytest.mark.parametrize("scores_to_llr", [LINE, STAIRS])
@pytest.mark.parametrize(("score", "bound"), [(-9, True), (1.5, False), (1.9, False), (9, True)])
def test_beyond_the_ends_of_a_map_it_is_a_bound(
    scores_to_llr: LlrMap, score: float, bound: bool
) -> None:
    assert scores_to_llr.ends == (-4.0, 6.0)
    assert is_bound(float(scores_to_llr.llr(score)), scores_to_llr.ends) is bound


def test_an_end_on_the_other_side_of_even_is_no_bound() -> None:
    # The strongest that such a map says is weaker than what may be true, not of the same sign.
    assert not is_bound(-1.0, (-3.0, -1.0))
    assert is_bound(-3.0, (-3.0, -1.0))
    assert not is_bound(0.0, (0.0, 0.0))
