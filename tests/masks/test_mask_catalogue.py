from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from maskwise import masks
from maskwise.errors import ConfigurationError
from maskwise.masks.draw import _drawn, texture
from maskwise.masks.sheet import Texture
from maskwise.masks.specs import check
from maskwise.types import MaskSpec

ALL = (
    *("surgical", "n95", "kn95", "duckbill", "cloth", "gas", "shield"),
    *("bandana", "gaiter", "scarf", "nist-wide", "nist-round"),
)
STREET = tuple(name for name in ALL if name not in ("shield", "nist-wide", "nist-round"))


def test_the_types_and_their_order() -> None:
    assert masks.types() == ALL
    assert tuple(masks.TYPES) == ALL
    assert all(callable(kind.drawer()) for kind in masks.TYPES.values())
    assert all(kind.name == name for name, kind in masks.TYPES.items())


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("all", STREET),
        ("default", masks.DEFAULT_TYPES),
        ("none", ()),
        ("surgical", ("surgical",)),
        ("n95, surgical,n95", ("n95", "surgical")),
    ],
)
def test_type_lists_are_read(text: str, names: tuple[str, ...]) -> None:
    assert masks.parse_types(text) == names


@pytest.mark.parametrize("text", ["", "clot", "surgical,", "all,surgical", "Surgical"])
def test_an_unknown_type_is_refused_with_what_exists(text: str) -> None:
    with pytest.raises(ConfigurationError, match="there are: surgical, n95, kn95"):
        masks.parse_types(text)


@pytest.mark.parametrize("name", ALL)
def test_the_typical_spec_is_the_most_usual_look(name: str) -> None:
    spec = masks.spec_for(name)
    kind = masks.TYPES[name]
    assert spec == MaskSpec(name, kind.palette[0][0], kind.patterns[0])
    assert spec == masks.spec_for(name)
    assert check(spec) is kind
    assert kind.palette[0][1] == max(weight for _, weight in kind.palette)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "scuba"}, "no mask type 'scuba'; there are: surgical"),
        ({"pattern": "checks"}, "no pattern 'checks' for surgical; there are: plain"),
        ({"color": "blue"}, "no colour 'blue'"),
        ({"color": "#12345"}, "no colour"),
        ({"wear_style": "chin"}, "no wear style 'chin'; there are: proper"),
        ({"coverage": 1.1}, "coverage must be from 0 to 1"),
        ({"coverage": float("nan")}, "coverage"),
        ({"seed": -1}, "seed"),
        ({"version": 99}, "version 99"),
    ],
)
def test_what_cannot_be_drawn_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check(replace(masks.spec_for("surgical"), **change))  # type: ignore[arg-type]


def test_coverage_has_names() -> None:
    assert list(masks.NOSE_COVERAGE) == ["low", "medium", "high"]
    assert masks.spec_for("cloth", coverage="low").coverage == 0
    assert masks.spec_for("cloth", coverage="medium") == masks.spec_for("cloth")
    for wrong in ("lowest", True, -0.1):
        with pytest.raises(ConfigurationError, match="coverage"):
            masks.spec_for("cloth", coverage=wrong)


@pytest.mark.parametrize("name", ALL)
def test_more_coverage_reaches_further_up_the_nose(name: str) -> None:
    tops = []
    for level in masks.NOSE_COVERAGE:
        alpha = texture(masks.spec_for(name, coverage=level), 64).rgba[..., 3]
        tops.append(int(np.argmax(alpha[:, alpha.shape[1] // 2] > 127)))
    assert tops[0] > tops[1] + 10
    assert tops[1] > tops[2] + 10


def test_a_spec_of_before_details_is_read() -> None:
    text = masks.spec_for("n95").to_json().replace('"detail":"",', "")
    assert "detail" not in text
    assert MaskSpec.from_json(text) == masks.spec_for("n95")


def test_colours_may_be_in_capitals() -> None:
    assert masks.spec_for("cloth", color="#AABBCC").color == "#aabbcc"


def test_random_specs_are_drawable_varied_and_repeatable() -> None:
    first = [masks.random_spec(np.random.default_rng(4)) for _ in range(2)]
    assert first[0] == first[1]
    rng = np.random.default_rng(5)
    many = [masks.random_spec(rng) for _ in range(300)]
    for spec in many:
        check(spec)
    assert {spec.type for spec in many} == set(STREET)
    assert len({spec.color for spec in many}) > 100
    assert {spec.pattern for spec in many} >= {"plain", "valve", "checks", "stripes", "dots"}
    assert 0.4 < np.mean([spec.coverage for spec in many]) < 0.6
    assert {masks.random_spec(rng, "gas").type for _ in range(5)} == {"gas"}


@pytest.mark.parametrize("name", ALL)
def test_a_spec_draws_the_same_sheet_again_and_its_json_too(name: str) -> None:
    spec = masks.spec_for(name, seed=11)
    first = texture(spec, 64)
    again = _drawn_anew(MaskSpec.from_json(spec.to_json()))
    np.testing.assert_array_equal(first.rgba, again.rgba)
    np.testing.assert_array_equal(first.relief, again.relief)
    if not name.startswith("nist"):
        other = _drawn_anew(replace(spec, seed=12))
        assert (other.rgba != first.rgba).any()


@pytest.mark.parametrize("name", ALL)
def test_the_sheet_takes_the_colour_and_the_seed_moves_little(name: str) -> None:
    red = _drawn_anew(masks.spec_for(name, color="#c02020"))
    blue = _drawn_anew(masks.spec_for(name, color="#2020c0"))
    solid = red.rgba[..., 3] > 250
    assert red.rgba[solid][:, 0].mean() > red.rgba[solid][:, 2].mean() + 25
    assert blue.rgba[solid][:, 2].mean() > blue.rgba[solid][:, 0].mean() + 25
    other = _drawn_anew(masks.spec_for(name, seed=5))
    assert other.rgba[..., 3].mean() == pytest.approx(red.rgba[..., 3].mean(), rel=0.15)


def test_soft_edges() -> None:
    alpha = texture(masks.spec_for("surgical"), 64).rgba[..., 3]
    between = (alpha > 20) & (alpha < 235)
    assert 0.005 < between.mean() < 0.1


def test_importing_the_catalogue_brings_no_opencv() -> None:
    code = "import sys, maskwise.masks; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _drawn_anew(spec: MaskSpec) -> Texture:
    """Past the kept sheets."""
    return _drawn(spec, 64)
