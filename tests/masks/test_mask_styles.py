from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mask_scenes import chip_of, parts, posed

from maskwise import masks
from maskwise.errors import ConfigurationError
from maskwise.masks.draw import _drawn
from maskwise.masks.fit import fit_pose
from maskwise.masks.styles import STYLES, shape_of
from maskwise.masks.surface import Bulge
from maskwise.types import MaskSpec

# Those that are cloth on mouth and nose; a shield lets all of it through.
COVERING = tuple(name for name in masks.TYPES if name != "shield")
NOSE_TIP = (0.0, 0.523, 0.677)
CHIN_FRONT = (0.0, 1.75, 0.28)  # of a turned head the lowest point of the chin is the outline
STYLED = tuple(name for name in STYLES if name != "proper")


def alpha_at(spec: MaskSpec, yaw: float = 0.0) -> dict[str, float]:
    """How much of the surroundings of each part of the face the mask covers, 0..1."""
    chip = chip_of(posed(yaw))
    _, alpha = masks.wear_on_chips([chip], [spec])
    pose = fit_pose(chip.landmarks)
    more = pose.project(np.array([NOSE_TIP, CHIN_FRONT]))
    where = parts(pose) | {"nose tip": more[0], "chin front": more[1]}
    cover = np.pad(alpha[0, 0], 8) / 255
    out = {}
    for name, point in where.items():
        x, y = np.rint(point).astype(int) + 8
        out[name] = float(cover[y - 1 : y + 2, x - 1 : x + 2].mean())
    return out


@pytest.mark.parametrize("yaw", [0, 30])
@pytest.mark.parametrize("name", COVERING)
class TestWhatEachStyleHides:
    def test_proper(self, name: str, yaw: float) -> None:
        seen = alpha_at(masks.spec_for(name), yaw)
        assert min(seen["mouth"], seen["nose base"], seen["nose tip"]) > 0.9

    @pytest.mark.parametrize("seed", [0, 3])
    def test_under_the_nose_the_nose_is_bare(self, name: str, yaw: float, seed: int) -> None:
        seen = alpha_at(masks.spec_for(name, wear_style="under-nose", seed=seed), yaw)
        assert seen["nose tip"] == 0
        assert seen["nose base"] < 0.2
        assert seen["mouth"] > 0.9
        assert seen["chin front"] > 0.9
        assert yaw or seen["chin"] > 0.9

    @pytest.mark.parametrize("seed", [0, 3])
    def test_under_the_chin_it_is_no_cover(self, name: str, yaw: float, seed: int) -> None:
        seen = alpha_at(masks.spec_for(name, wear_style="under-chin", seed=seed), yaw)
        assert max(seen["nose tip"], seen["nose base"], seen["mouth"]) == 0
        assert seen["chin front"] > 0.9
        assert yaw or seen["chin"] > 0.9

    def test_slipped_it_hides_the_mouth_still(self, name: str, yaw: float) -> None:
        for seed in range(3):
            seen = alpha_at(masks.spec_for(name, wear_style="slipped", seed=seed), yaw)
            assert min(seen["mouth"], seen["nose base"]) > 0.9


@pytest.mark.parametrize("style", STYLED)
@pytest.mark.parametrize("name", COVERING)
def test_the_eyes_stay_bare_and_the_loops_end_at_the_ears(name: str, style: str) -> None:
    seen = alpha_at(masks.spec_for(name, wear_style=style, coverage=1.0))
    assert max(seen["left eye"], seen["right eye"]) == 0
    proper, worn = (
        _drawn(masks.spec_for(name, wear_style=s), 64).rgba[..., 3] for s in ("proper", style)
    )
    if style != "under-chin" or not (proper[:, 8] > 127).sum() > 50:
        # From arc 1.85 to the ends of the sheet nothing has moved (what goes round the neck has).
        np.testing.assert_array_equal(worn[:, :19], proper[:, :19])
        assert name.startswith("nist") or (proper[:, :19] > 127).sum() > 50


def test_which_styles_cover() -> None:
    assert tuple(STYLES) == ("proper", "under-nose", "under-chin", "slipped")
    assert [name for name, style in STYLES.items() if not style.covers] == ["under-chin"]
    assert masks.STYLES is STYLES


def test_the_side_that_hangs_is_the_seeds() -> None:
    leans = [_lean(masks.spec_for("surgical", wear_style="slipped", seed=k)) for k in range(12)]
    assert min(np.abs(leans)) > 0.15
    assert {bool(lean > 0) for lean in leans} == {True, False}
    assert abs(_lean(masks.spec_for("surgical"))) < 0.05


def _lean(spec: MaskSpec) -> float:
    """How much lower the upper edge is at the cheek on the right of the picture, units."""
    sheet = _drawn(spec, 64)
    middle = sheet.rgba.shape[1] // 2
    left, right = (
        np.argmax(sheet.rgba[:, middle + side * round(0.6 * 64), 3] > 127) for side in (-1, 1)
    )
    return float(right - left) / 64


@pytest.mark.parametrize("style", STYLES)
def test_the_same_spec_draws_the_same_and_the_seed_moves_it(style: str) -> None:
    spec = masks.spec_for("kn95", wear_style=style, seed=5)
    first, again = _drawn(spec, 64), _drawn(MaskSpec.from_json(spec.to_json()), 64)
    np.testing.assert_array_equal(first.rgba, again.rgba)
    np.testing.assert_array_equal(first.relief, again.relief)
    assert first.shape == again.shape
    assert (_drawn(replace(spec, seed=6), 64).rgba != first.rgba).any()


def test_densities_agree() -> None:
    for style in STYLED:
        spec = masks.spec_for("n95", wear_style=style)
        coarse, fine = _drawn(spec, 64), _drawn(spec, 128).halved()
        rows = len(fine.rgba)
        differ = np.abs(coarse.rgba[:rows, :, 3].astype(int) - fine.rgba[..., 3])
        assert differ.mean() < 3


def test_no_cloth_stands_off_a_bare_nose() -> None:
    shape = masks.TYPES["n95"].shape
    specs = {style: masks.spec_for("n95", wear_style=style) for style in STYLES}
    at_nose = {style: _rise(shape_of(shape, spec).bulges) for style, spec in specs.items()}
    assert at_nose["proper"] > 0.08
    assert at_nose["under-nose"] < 0.05
    assert at_nose["under-chin"] < 0.01
    assert shape_of(shape, masks.spec_for("n95")) is shape


def _rise(bulges: tuple[Bulge, ...]) -> float:
    return float(sum(b.rise * np.exp(-(((0.523 - b.y) / b.height) ** 2)) for b in bulges))


def test_an_unknown_style_is_refused_with_what_exists() -> None:
    with pytest.raises(ConfigurationError, match="there are: proper, under-nose, under-chin"):
        masks.spec_for("cloth", wear_style="chin")
