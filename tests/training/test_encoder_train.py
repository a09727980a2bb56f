"""A run that goes on where it was, what the teacher says, and tools around a finished network."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from maskwise.align import DLIB_CHIP, FIVE_CHIP

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

FOLDER = Path(__file__).resolve().parents[2] / "training" / "encoder"

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    names = ("chips", "losses", "network", "student", "train", "validate")
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    sys.path[:] = before


@pytest.fixture(scope="module")
def faces(parts: SimpleNamespace) -> object:
    """Six noisy pictures of three people, of whom two are taught."""
    rng = np.random.default_rng(2)
    webps = [
        cv2.imencode(".webp", cv2.resize(rng.integers(0, 255, (9, 9, 3), np.uint8), (180, 180)))[1]
        for _ in range(6)
    ]
    starts = np.cumsum([0, *(len(webp) for webp in webps)])
    return parts.chips.Faces(
        np.concatenate([webp.ravel() for webp in webps]),
        starts,
        np.stack([DLIB_CHIP.reference + 14 + k for k in range(6)]).astype(np.float32),
        np.stack([FIVE_CHIP.reference + 13 + k for k in range(6)]).astype(np.float32),
        np.array([0, 0, 1, 1, 2, 2]),
        np.array([f"p{k // 2}/{k}.jpg" for k in range(6)]),
        np.array([True] * 4 + [False] * 2),
    )


def run_of(parts: SimpleNamespace, folder: Path, start: Path | None = None) -> object:
    """A run of one student whose held-back people are two grey chips."""
    grey = np.full((2, 150, 150, 3), 128, np.uint8)
    held = parts.validate.HeldBack(grey, grey, grey, grey, np.array([0, 1]))
    settings = {"out": folder, "checkpoint": folder / "c.pt", "start": start, "student": ["one="]}
    return parts.train.Run(argparse.Namespace(**settings), held, torch.device("cpu"))


def taught(run: object, teacher: object, factor: float) -> None:
    rng = np.random.default_rng(8)
    bare, masked = (
        torch.from_numpy(rng.integers(0, 255, (4, 150, 150, 3), np.uint8)) for _ in "ab"
    )
    targets = teacher.targets(np.arange(4))  # type: ignore[attr-defined]
    for student in run.students:  # type: ignore[attr-defined]
        student.step(bare, masked, np.zeros(4, bool), targets, factor)


def test_a_run_that_is_resumed_takes_the_step_that_it_would_have_taken(
    parts: SimpleNamespace, faces: object, tmp_path: Path
) -> None:
    first = run_of(parts, tmp_path)
    teacher = parts.train.Teacher(first.stock, faces, torch.device("cpu"))  # type: ignore[attr-defined]
    taught(first, teacher, 1.0)
    first.step = 1  # type: ignore[attr-defined]
    first.save(12.5)  # type: ignore[attr-defined]
    again = run_of(parts, tmp_path)
    assert again.restore() == 12.5  # type: ignore[attr-defined]
    assert again.step == 1  # type: ignore[attr-defined]
    for run in (first, again):
        taught(run, teacher, 0.5)
    for which in ("network", "averaged"):
        ours, theirs = (
            getattr(run.students[0], which).state_dict()  # type: ignore[attr-defined]
            for run in (first, again)
        )
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    stock = first.stock.state_dict()  # type: ignore[attr-defined]
    assert not torch.equal(ours["head.weight"], stock["head.weight"])


def test_a_run_starts_from_the_network_that_is_named(
    parts: SimpleNamespace, tmp_path: Path
) -> None:
    ours = parts.network.STOCK.with_name("maskwise-v1.onnx")
    run = run_of(parts, tmp_path, ours)
    learns = run.students[0].network.head.weight  # type: ignore[attr-defined]
    assert torch.equal(learns, parts.network.read(ours).head.weight)
    assert torch.equal(run.stock.head.weight, parts.network.read().head.weight)  # type: ignore[attr-defined]


def test_the_teacher_gives_the_mean_of_four_looks(parts: SimpleNamespace, faces: object) -> None:
    stock = parts.network.read()
    targets = parts.train.Teacher(stock, faces, torch.device("cpu")).targets(np.array([1]))
    pixels = faces.pixels(1)  # type: ignore[attr-defined]
    cuts = [
        cv2.warpAffine(pixels, way, (150, 150))
        for way in (faces.to_stock_chip(1), faces.to_chip(1))  # type: ignore[attr-defined]
    ]
    looks = np.stack([*cuts, *(np.ascontiguousarray(cut[:, ::-1]) for cut in cuts)])
    assert np.abs(cuts[0].astype(int) - cuts[1]).max() > 10
    with torch.no_grad():
        said = stock(torch.from_numpy(looks))
    mean = torch.nn.functional.normalize(said, dim=1).mean(0)
    assert torch.allclose(targets.templates[0], mean / mean.norm(), atol=1e-5)
    assert targets.lengths[0] == pytest.approx(float(said.norm(dim=1).mean()), rel=1e-4)


@pytest.mark.parametrize(("over", "expected"), [(0.025, 0.5), (0.05, 1), (0.525, 0.5), (1, 0)])
def test_the_learning_rate_rises_and_falls(
    parts: SimpleNamespace, over: float, expected: float
) -> None:
    assert parts.train.factor(over) == pytest.approx(expected, abs=1e-9)


def test_int8_reads_the_weights_that_are_stored_as_float16(
    parts: SimpleNamespace, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime.quantization")
    int8 = importlib.import_module("int8")
    path, whole = parts.network.STOCK.with_name("maskwise-v1.onnx"), tmp_path / "whole.onnx"
    kept = int8.in_float32(path, whole)
    types = {w.data_type for w in onnx.load(whole).graph.initializer}
    assert onnx.TensorProto.FLOAT16 not in types
    assert len(kept) == 2
    chips = np.random.default_rng(0).integers(0, 255, (2, 150, 150, 3), np.uint8)
    ours, theirs = (int8.OnnxNetwork(p)(torch.from_numpy(chips)) for p in (path, whole))
    assert torch.allclose(ours, theirs, atol=1e-6)


def test_rates_on_real_masks(parts: SimpleNamespace) -> None:
    mfr2 = importlib.import_module("mfr2")
    mated, others = np.float32([0.9, 0.8, 0.3]), np.float32([0.1, 0.2, 0.4])
    assert mfr2.accuracy(mated, others) == pytest.approx(100 * 5 / 6)
    assert mfr2.eer(mated, others) == pytest.approx(100 / 3)
    names = ["a/1", "a/2", "a/3", "b/1", "b/2"]
    vectors = np.float32([[1, 0], [0.9, 0.1], [0.8, 0], [0, 1], [1, 0.2]])
    masked = np.array([False, True, True, False, True])
    pairs = [("a/1", "a/2", True), ("a/2", "a/3", True), ("a/1", "b/1", False)]
    found = mfr2.measured(vectors, masked, names, pairs)
    assert found["rank1"] == pytest.approx(200 / 3)  # The second photo of b is nearer to a.
    assert found["pairs"] == 3
    assert found["accuracy"] == 100
    assert found["eer"] == 0
