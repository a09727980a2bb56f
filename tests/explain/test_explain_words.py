"""Explanations in plain sentences."""

from __future__ import annotations

import numpy as np
import pytest

from maskwise import masks
from maskwise.explain.values import Parts
from maskwise.explain.words import in_wear, of_many, one_in, parts_words, wear_words
from maskwise.types import NO_MASK, MaskState, Wear


def test_shares_as_people_count() -> None:
    assert one_in(1e-4) == "1 in 10,000"
    assert one_in(0.00042) == "1 in 2,400"
    assert one_in(0.6) == "60 of 100"
    assert of_many(0.01) == (1, 100)
    assert of_many(0.05) == (5, 100)
    assert of_many(0.001) == (1, 1000)
    assert of_many(0.5) == (50, 100)


@pytest.mark.parametrize(
    ("wear", "said"),
    [
        (NO_MASK, "without a mask"),
        (Wear("virtual", masks.spec_for("gas")), "in a drawn gas mask"),
        (Wear("real"), "in a mask"),
        (Wear("real", type="cloth"), "in a cloth mask"),
        (Wear("unknown"), ""),
    ],
)
def test_what_a_template_wears(wear: Wear, said: str) -> None:
    assert in_wear(wear) == said


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (MaskState(0.001), "It wears no mask over the mouth (over 99 % sure)."),
        (
            MaskState(0.3, style="under-chin"),
            "It wears no mask over the mouth (70 % sure); one seems to be under the chin.",
        ),
        (MaskState(0.8), "It wears a mask (80 % sure)."),
        (
            MaskState(0.999, "surgical", style="proper"),
            "It wears a surgical mask (over 99 % sure) over mouth and nose.",
        ),
        (
            MaskState(0.999, style="under-nose"),
            "It wears a mask (over 99 % sure); the nose is out.",
        ),
    ],
)
def test_what_a_face_wears(state: MaskState, said: str) -> None:
    assert wear_words(state) == said


def parts(**regions: float) -> Parts:
    ordered = sorted(regions.items(), key=lambda pair: -pair[1])
    return Parts(np.zeros((7, 7), np.float32), 0.9, tuple(ordered))


def test_parts_that_count_are_named_and_no_others() -> None:
    lines = parts_words(parts(nose=0.04, mouth=0.015, chin=0.005, cheeks=-0.02))
    assert lines[0].startswith("Most for it: nose (0.040) and mouth (0.015);")
    assert lines[1].startswith("Most against it: cheeks (0.020);")
    assert "chin" not in " ".join(lines)
    assert parts_words(parts(nose=0.0004))[0].startswith("No single part")
    assert parts_words(parts()) == parts_words(parts(nose=0))
