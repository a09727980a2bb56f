"""The thresholds that ship belong to the models that ship.

Where one of these fails, detector, landmarks, alignment, encoder, mask state or the drawing of
masks has changed since the thresholds were fitted: run ``make operating-points``.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from maskwise import Recognizer, decide, encode
from maskwise import models as weights
from maskwise.decide import OperatingPoints
from maskwise.types import MaskSpec, WearPair

REMEDY = "run make operating-points"


@pytest.fixture(scope="module")
def table() -> Any:
    return json.loads(Path(decide.__file__).with_name("operating_points.json").read_text("utf-8"))


@pytest.mark.parametrize("encoder", [encode.DEFAULT, "dlib-resnet-v1"])
def test_they_were_fitted_with_the_models_that_ship(table: Any, encoder: str) -> None:
    models = Recognizer(encoder=encoder).models
    assert models["encoder"] in table["encoders"], REMEDY
    assert table["provenance"][models["encoder"]]["models"] == models, REMEDY


def test_old_galleries_have_thresholds_for_our_encoder(table: Any) -> None:
    ours, stock = encode.create(), encode.create("dlib-resnet-v1")
    assert ours.space == stock.space
    pair = decide.pair_id(stock.id, ours.id)
    probes, references = Recognizer().models, Recognizer(encoder=stock).models
    assert table["provenance"][pair]["models"] == {
        **probes,
        "encoder": pair,
        "reference_landmarks": references["landmarks"],
        "reference_mask": references["mask"],
    }, REMEDY


def test_no_other_encoder_has_left_its_rows(table: Any) -> None:
    ours, stock = encode.create().id, encode.create("dlib-resnet-v1").id
    assert set(table["encoders"]) == {ours, stock, decide.pair_id(stock, ours)}, REMEDY


def test_the_models_are_the_files_of_the_manifest(table: Any) -> None:
    hashes = {weights.entry(name).sha256[:12] for name in weights.names()}
    for provenance in table["provenance"].values():
        for stage, model in provenance["models"].items():
            if model.startswith("detector/"):  # points without a file of their own
                continue
            for one in {decide.references_of(model), decide.probes_of(model)}:
                assert one.split("/")[1] in hashes, f"{stage} {one}: {REMEDY}"


def test_they_were_fitted_with_the_masks_that_are_drawn(table: Any) -> None:
    for provenance in table["provenance"].values():
        assert provenance["mask_drawing"] == MaskSpec("surgical", "#ffffff").version, REMEDY


def test_every_encoder_has_its_provenance_and_all_wear_pairs(table: Any) -> None:
    assert set(table["encoders"]) == set(table["provenance"])
    for encoder_id, rows in table["encoders"].items():
        assert table["provenance"][encoder_id]["models"]["encoder"] == encoder_id
        assert set(rows) == set(get_args(WearPair))
        for row in rows.values():
            assert row["mated"] >= 30
            assert row["non_mated"] >= 100
            assert row["people"] > 0
            assert row["fmr"][-1] * row["non_mated"] == pytest.approx(10, rel=2e-3)


def test_the_log_of_the_fit_has_the_same_thresholds(table: Any) -> None:
    log = Path(__file__).resolve().parents[1] / "training" / "operating_points" / "log.txt"
    if not log.exists():
        pytest.skip("needs training/operating_points, which only a checkout holds")
    told: dict[tuple[str, str], list[float]] = {}
    for case in log.read_text("utf-8").split("\n\n"):
        (probes,) = re.findall(r"; encoder (.+)", case)
        (references,) = re.findall(r"^references by (.+)", case, re.MULTILINE) or [probes]
        for rows in re.split(r"^(?=[a-z]+-[a-z]+: )", case, flags=re.MULTILINE)[1:]:
            pair = decide.pair_id(references, probes), rows.partition(":")[0]
            told[pair] = [float(t) for t in re.findall(r"threshold (\S+)", rows)]
    shipped = {
        (encoder_id, pair): row["threshold"]
        for encoder_id, rows in table["encoders"].items()
        for pair, row in rows.items()
    }
    assert set(told) == set(shipped), REMEDY
    for key, thresholds in shipped.items():  # which are rounded up
        assert thresholds == pytest.approx(told[key], abs=1.1e-5), (key, REMEDY)


def test_they_support_the_defaults() -> None:
    points = OperatingPoints.shipped(encode.create().id)
    assert points.default_fmr == decide.DEFAULT_FMR
    for pair in get_args(WearPair):
        assert points.at_fmr(pair, decide.DEFAULT_FMR).supported
        # A gallery of 400 photos at an FPIR of 1 %.
        assert points.at_fmr(pair, decide.comparison_fmr(decide.DEFAULT_FPIR, 400)).supported


@pytest.mark.parametrize("pair", get_args(WearPair))
def test_their_scores_have_an_llr(pair: WearPair) -> None:
    points = OperatingPoints.shipped(encode.create().id)
    low, high = points.llr(0.5, pair), points.llr(1.0, pair)
    assert low is not None
    assert high is not None
    assert low < 0 < high
    threshold = points.at_fmr(pair, 1e-3).threshold
    at_threshold = points.llr(threshold, pair)
    assert at_threshold is not None
    assert math.exp(at_threshold) > 10


def test_no_name_and_no_path_is_in_them(table: Any) -> None:
    provenance = table["provenance"].values()
    assert all(one["notes"] == [] and one["settings"] == {} for one in provenance)
    text = json.dumps(table)
    assert "_0001" not in text
    assert "lfw-dev" not in text
