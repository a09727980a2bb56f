from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from maskwise import masks
from maskwise.errors import ConfigurationError
from maskwise.masks import Mix
from maskwise.masks.specs import check


def test_a_mix_is_read_and_drawn_from() -> None:
    mix = Mix.from_mapping(
        {
            "types": {"gas": 3, "cloth": 1},
            "patterns": ["checks", "text"],
            "colors": ["#102030", "#ffffff"],
            "styles": {"proper": 1, "under-nose": 1},
            "coverage": ["low", 0.4],
            "texts": ["HELLO"],
        }
    )
    rng = np.random.default_rng(0)
    many = [mix.sample(rng) for _ in range(400)]
    for spec in many:
        check(spec)
    types = Counter(spec.type for spec in many)
    assert 2.2 < types["gas"] / types["cloth"] < 4.2
    assert {spec.color for spec in many} == {"#102030", "#ffffff"}
    # A respirator has neither checks nor text.
    assert {s.pattern for s in many if s.type == "gas"} == {"plain"}
    assert {s.pattern for s in many if s.type == "cloth"} == {"checks", "text"}
    assert {s.detail for s in many if s.pattern == "text"} == {"HELLO"}
    assert {s.wear_style for s in many} == {"proper", "under-nose"}
    coverage = [s.coverage for s in many]
    assert 0 <= min(coverage) < 0.05
    assert 0.35 < max(coverage) <= 0.4


def test_nothing_said_is_as_usual() -> None:
    assert Mix.from_mapping({}) == Mix()
    first, second = (np.random.default_rng(3) for _ in range(2))
    for _ in range(20):
        spec = masks.random_spec(first)
        assert spec == masks.random_spec(second, mix=Mix())
        assert spec.wear_style == "proper"


def test_one_value_of_coverage_and_a_weight_of_nothing() -> None:
    mix = Mix.from_mapping({"coverage": "high", "types": {"n95": 0, "gas": 2}})
    rng = np.random.default_rng(1)
    specs = [mix.sample(rng) for _ in range(20)]
    assert {s.coverage for s in specs} == {1.0}
    assert {s.type for s in specs} == {"gas"}


def test_styles_are_drawn_as_often_as_they_are_met() -> None:
    rng = np.random.default_rng(2)
    counts = Counter(
        masks.random_spec(rng, "kn95", styles=tuple(masks.STYLES)).wear_style for _ in range(500)
    )
    assert counts.keys() == masks.STYLES.keys()
    assert counts["proper"] > counts["under-nose"] > counts["slipped"]
    with pytest.raises(ConfigurationError, match="no wear style 'chin'"):
        masks.random_spec(rng, styles=("chin",))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"typs": {}}, "unknown key 'typs'; there are: types, patterns"),
        ({"types": {}}, "types must be a table"),
        ({"types": "cloth"}, "types must be a table"),
        ({"types": {"scuba": 1}}, "types: no mask type 'scuba'"),
        ({"types": {"cloth": -1}}, "types.cloth must be 0 or more"),
        ({"types": {"cloth": True}}, "types.cloth must be a number"),
        ({"types": {"cloth": float("nan")}}, "types.cloth must be"),
        ({"types": {"cloth": 0}}, "types needs a weight over 0"),
        ({"types": [3]}, "types: no mask type '3'"),
        ({"patterns": ["zebra"]}, "patterns: no pattern 'zebra'; there are: plain"),
        ({"patterns": ["text"]}, "patterns has 'text': say which in texts"),
        ({"colors": ["blue"]}, "colors: no colour 'blue'"),
        ({"styles": ["chin"]}, "styles: no wear style 'chin'"),
        ({"coverage": "most"}, "mix: no coverage 'most'"),
        ({"coverage": [0.6, 0.4]}, "coverage goes from low to high"),
        ({"coverage": [0.1, 0.2, 0.3]}, "coverage must be one or two"),
        ({"coverage": None}, "coverage must be one or two"),
        ({"texts": "HELLO"}, "texts must be a list"),
        ({"texts": [""]}, "texts: the pattern text takes"),
        ({"images": ["a.png"]}, "images: the pattern image takes"),
    ],
)
def test_what_is_no_mix_is_refused_by_its_key(table: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Mix.from_mapping(table)
