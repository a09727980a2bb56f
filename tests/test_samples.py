"""The sample people: every picture shows one face, and the right people match."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from maskwise import detect, encode, masks, samples
from maskwise.decide import OperatingPoints
from maskwise.stages import Stages
from maskwise.types import F32, Chip, Detection, Image

MOST_BYTES = 700_000


def pictures() -> list[Path]:
    return sorted(samples.people().glob("*/*.jpg")) + sorted(samples.probes().glob("*.jpg"))


def owner(path: Path) -> str:
    enrolled = path.parent.parent == samples.people()
    return path.parent.name if enrolled else path.stem.rpartition("_")[0]


def is_bare(path: Path) -> bool:
    return path.parent != samples.probes() or path.stem.endswith("_bare")


def test_there_are_twelve_people_and_four_strangers() -> None:
    enrolled = {p.name for p in samples.people().iterdir() if p.is_dir()}
    probed = {owner(p) for p in samples.probes().glob("*.jpg")}
    assert len(enrolled) >= 12
    strangers = probed - enrolled
    assert len(strangers) >= 4
    assert all(name.startswith("stranger-") for name in strangers)
    assert enrolled < probed
    for name in enrolled:
        assert sum(owner(p) == name for p in pictures()) >= 4


def test_every_probe_says_what_it_wears() -> None:
    worn = {p.stem.rpartition("_")[2] for p in samples.probes().glob("*.jpg")}
    assert "bare" in worn
    assert worn - {"bare"} <= set(masks.types())
    assert len(worn) >= 6


def test_the_pictures_are_small_and_explained() -> None:
    assert sum(p.stat().st_size for p in pictures()) <= MOST_BYTES
    text = (samples.people().parent / "README.md").read_text("utf-8")
    assert "None of these people exists" in text
    assert "no\nevidence of accuracy" in text


@pytest.fixture(scope="module")
def detections() -> dict[Path, list[Detection]]:
    detector = detect.create()
    return {path: detector.detect(opened(path)) for path in pictures()}


@pytest.fixture(scope="module", params=[encode.DEFAULT, "dlib-resnet-v1"])
def stages(request: pytest.FixtureRequest) -> Stages:
    return Stages(encoder=request.param)


@pytest.fixture(scope="module")
def chips(stages: Stages, detections: dict[Path, list[Detection]]) -> dict[Path, Chip]:
    out = {}
    for path, found in detections.items():
        image = opened(path)
        out[path] = stages.align(image, stages.predictor.predict(image, found[:1])[0])
    return out


@pytest.fixture(scope="module")
def vectors(stages: Stages, chips: dict[Path, Chip]) -> dict[Path, F32]:
    rows = stages.encoder.encode_batch(np.stack([chip.pixels for chip in chips.values()]))
    return dict(zip(chips, rows, strict=True))


def opened(path: Path) -> Image:
    with Pillow.open(path) as file:
        return Image(np.asarray(file.convert("RGB")), str(path))


@pytest.mark.models
def test_the_detector_finds_one_face_in_each(detections: dict[Path, list[Detection]]) -> None:
    assert {p.name: len(found) for p, found in detections.items() if len(found) != 1} == {}


@pytest.mark.models
def test_bare_pictures_match_within_a_person_and_not_between(
    stages: Stages, vectors: dict[Path, F32]
) -> None:
    paths = [p for p in vectors if is_bare(p)]
    rows = np.stack([vectors[p] for p in paths])
    names = np.array([owner(p) for p in paths])
    scores = rows @ rows.T
    pairs = np.triu(np.ones_like(scores, bool), 1)
    same = names[:, None] == names[None]
    threshold = OperatingPoints.shipped(stages.encoder.id).at_fmr("bare-bare", 1e-3).threshold
    assert scores[pairs & same].min() > threshold
    assert scores[pairs & ~same].max() < threshold
    assert scores[pairs & same].max() < 0.999  # Photos of one person are no copies.


@pytest.mark.models
def test_the_right_virtual_mask_template_wins(
    stages: Stages, chips: dict[Path, Chip], vectors: dict[Path, F32]
) -> None:
    enrolled = [p for p in chips if p.parent != samples.probes()]
    subjects = np.array([owner(p) for p in enrolled])
    specs = [masks.spec_for(kind) for kind in masks.DEFAULT_TYPES]
    pixels, _ = masks.wear_on_chips([chips[p] for p in enrolled], specs)
    worn = np.stack([stages.encoder.encode_batch(row) for row in pixels])
    wrong = []
    for path in (p for p in vectors if not is_bare(p)):
        best = subjects[(worn @ vectors[path]).max(1).argmax()]
        if best != owner(path) and not owner(path).startswith("stranger-"):
            wrong.append(path.name)
    assert wrong == []
