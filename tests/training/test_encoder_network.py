"""The torch form of dlib's network gives what the shipped ONNX gives, read and written."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from maskwise import detect, image, landmarks, samples
from maskwise.align import DLIB_CHIP, align
from maskwise.types import U8

torch = pytest.importorskip("torch")
onnxruntime = pytest.importorskip("onnxruntime")

FOLDER = Path(__file__).resolve().parents[2] / "training" / "encoder"

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def network() -> Iterator[ModuleType]:
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("network")
    sys.path[:] = before


@pytest.fixture(scope="module")
def chips() -> U8:
    """(4, 150, 150, 3) uint8: sample people."""
    detector, predictor = detect.create(), landmarks.create()
    cut = []
    for path in sorted(samples.people().glob("*/*"))[:4]:
        picture = image.load(path)
        points = predictor.predict(picture, detector.detect(picture)[:1])[0]
        cut.append(align(picture, points, DLIB_CHIP).pixels)
    return np.stack(cut)


def by_onnx(model: str | bytes, chips: U8) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"chips": chips})[0])


def test_what_is_read_gives_the_same_vectors(network: ModuleType, chips: U8) -> None:
    with torch.no_grad():
        found = network.read()(torch.from_numpy(chips)).numpy()
    assert np.abs(found - by_onnx(str(network.STOCK), chips)).max() < 1e-5


@pytest.mark.parametrize("name", ["dlib-resnet-v1", "maskwise-v1"])
def test_what_is_written_is_the_shipped_file(network: ModuleType, name: str) -> None:
    path = network.STOCK.with_name(f"{name}.onnx")
    written = network.encoder_of(network.read(path)).SerializeToString(deterministic=True)
    assert written == path.read_bytes()


def test_what_was_trained_is_written_as_it_is(network: ModuleType, chips: U8) -> None:
    changed = network.read()
    with torch.no_grad():
        changed.blocks[13].second.weight *= 1.1
        changed.stem.bias += 0.01
        found = changed(torch.from_numpy(chips)).numpy()
    stock = by_onnx(str(network.STOCK), chips)
    assert np.abs(found - stock).max() > 1e-2
    exact = network.encoder_of(changed, half=False).SerializeToString()
    # The whole file holds the exact mean of the channels, what was read one of float16.
    assert np.abs(found - by_onnx(exact, chips)).max() < 1e-4


def test_frozen_blocks_get_no_gradient(network: ModuleType, chips: U8) -> None:
    frozen = network.read()
    frozen.freeze(7)
    frozen(torch.from_numpy(chips[:2])).sum().backward()
    assert frozen.stem.weight.grad is None
    assert frozen.blocks[6].first.weight.grad is None
    assert frozen.blocks[7].first.weight.grad.abs().sum() > 0
