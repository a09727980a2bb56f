"""The mask state that ships, on the sample people and, where it is there, on real masks."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskwise import Recognizer, masks, models, occlusion
from maskwise.align import FIVE_CHIP
from maskwise.errors import ConfigurationError
from maskwise.occlusion.mask_state_net import STYLES, TYPES, MaskStateNet
from maskwise.testing.fakes import FakeMaskClassifier
from maskwise.testing.mask_contract import MaskClassifierContract

pytestmark = pytest.mark.models


class TestContract(MaskClassifierContract):
    @pytest.fixture
    def classifier(self) -> MaskStateNet:
        return MaskStateNet(threads=1)


class TestFake(MaskClassifierContract):
    @pytest.fixture
    def classifier(self) -> FakeMaskClassifier:
        return FakeMaskClassifier()


def test_create_knows_the_one_that_ships_and_refuses_others() -> None:
    assert occlusion.create().id == MaskStateNet().id
    assert occlusion.create("mask-state").chip_spec is FIVE_CHIP
    with pytest.raises(ConfigurationError, match="mask-state"):
        occlusion.create("nonesuch")


def said(
    monkeypatch: pytest.MonkeyPatch, style: list[float], kind: str = "other", share: float = 1.0
) -> Any:
    """The state that is made of these outputs of the model."""
    kinds = np.full(len(TYPES), (1 - share) / (len(TYPES) - 1), np.float32)
    kinds[TYPES.index(kind)] = share
    alpha = np.zeros((1, 38, 38), np.uint8)
    alpha[0, 20:] = 204
    outputs = {
        "probability": np.array([style[1] + style[2]], np.float32),
        "style": np.array([style], np.float32),
        "type": kinds[None],
        "alpha": alpha,
    }
    monkeypatch.setattr(models, "outputs_of", lambda *_: outputs)
    (state,) = MaskStateNet().classify(np.zeros((1, 150, 150, 3), np.uint8))
    return state


@pytest.mark.parametrize(
    ("shares", "style", "worn"),
    [
        ((0.9, 0.05, 0.03, 0.02), None, False),
        ((0.1, 0.6, 0.3, 0.0), "proper", True),
        ((0.1, 0.3, 0.6, 0.0), "under-nose", True),
        ((0.2, 0.1, 0.1, 0.6), "under-chin", False),
        ((0.5, 0.1, 0.1, 0.3), None, False),
        ((0.05, 0.3, 0.25, 0.4), "proper", True),  # together over the mouth, rather than below it
    ],
)
def test_styles_follow_the_shares(
    monkeypatch: pytest.MonkeyPatch, shares: tuple[float, ...], style: str | None, worn: bool
) -> None:
    state = said(monkeypatch, list(shares))
    assert (state.style, state.worn) == (style, worn)
    assert state.coverage == pytest.approx(0.8 * 18 / 38)
    assert state.alpha[20:].min() == 204


def test_types_are_told_where_they_are_likely(monkeypatch: pytest.MonkeyPatch) -> None:
    proper, none = [0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]
    assert said(monkeypatch, proper, "n95", 0.81).type == "n95"
    assert said(monkeypatch, proper, "n95", 0.79).type is None
    assert said(monkeypatch, proper, "cloth", 1.0).type is None  # those that are never told
    assert said(monkeypatch, proper, "other", 1.0).type is None
    assert said(monkeypatch, none, "n95", 1.0).type is None


def test_the_types_are_those_of_the_catalogue() -> None:
    assert set(TYPES) - {"other"} <= set(masks.TYPES)
    assert STYLES[1:] == ("proper", "under-nose", "under-chin")


def test_sample_people_bare_and_in_every_mask(sample_photos: list[Path]) -> None:
    recognizer = Recognizer()
    specs = [masks.spec_for(name) for name in masks.parse_types("all")]
    for path in sample_photos[::4]:
        face, _ = recognizer.dominant(path)
        assert not face.mask.worn, path
        assert face.mask.style is None, path
        assert face.mask.coverage is not None
        assert face.mask.coverage < 0.02, path
        worn, alpha = masks.wear_on_chips([face.chip], specs)
        states = recognizer.mask_classifier.classify(worn[0])
        assert all(state.worn and state.style == "proper" for state in states), path
        for spec, state, truth in zip(specs, states, alpha[0], strict=True):
            assert state.type in (None, spec.type)
            assert state.alpha is not None
            seen, there = occlusion.alpha_on_chip(state.alpha) >= 128, truth >= 128
            assert (seen & there).sum() / (seen | there).sum() > 0.8, (path, spec.type)


def test_masks_below_the_nose_and_the_chin(sample_photos: list[Path]) -> None:
    recognizer = Recognizer()
    found = []
    for path in sample_photos[::4]:
        face, _ = recognizer.dominant(path)
        specs = [
            masks.spec_for("surgical", wear_style=style) for style in ("under-nose", "under-chin")
        ]
        worn, _ = masks.wear_on_chips([face.chip], specs)
        found.append([s.style for s in recognizer.mask_classifier.classify(worn[0])])
    out, chin = zip(*found, strict=True)
    assert set(out) == {"under-nose"}
    assert chin.count("under-chin") >= 0.75 * len(chin)


@pytest.mark.data
def test_real_masks(data_folder: Path) -> None:
    """At least 19 of 20 right; measured 96 of 96 (training/occlusion/report.txt)."""
    with (data_folder / "mfr2-dev-labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    recognizer = Recognizer()
    right = []
    for row in rows:
        name = row["name"]
        (path,) = (data_folder / "mfr2-dev" / name).glob(f"{name}_{int(row['index']):04d}.*")
        if faces := recognizer.encode(path):
            right.append(faces[0].mask.worn == (row["mask"] != "no-mask"))
    assert len(right) > 70
    assert np.mean(right) >= 0.95
