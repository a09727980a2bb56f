from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from detector_files import grey, write
from stub_session import install

from maskwise.detect.scrfd import Scrfd
from maskwise.detect.single_shot import SingleShot
from maskwise.detect.yunet import Yunet
from maskwise.errors import ConfigurationError, ModelError
from maskwise.types import F32, Image

PICTURE = Image(grey(64, 64))


def line(detector: SingleShot) -> str:
    """What the detector says of its file: a ModelError of one line that names it."""
    with pytest.raises(ModelError) as caught:
        detector.detect(PICTURE)
    text = str(caught.value)
    assert "\n" not in text
    assert ".onnx" in text
    return text


def edited(path: Path, change: Callable[[Any], None]) -> str:
    model = onnx.load(path)
    change(model.graph)
    onnx.save(model, path)
    return str(path)


class TestAnotherFile:
    def test_a_yunet_given_as_scrfd(self, tmp_path: Path) -> None:
        text = line(Scrfd(str(write(tmp_path / "a.onnx", "yunet"))))
        assert "no SCRFD file: expected 6, 9, 10 or 15 outputs, got 12 (cls_8" in text
        assert "yunet:" in text

    def test_an_scrfd_given_as_yunet(self, tmp_path: Path) -> None:
        text = line(Yunet(str(write(tmp_path / "a.onnx", "scrfd"))))
        assert "no YuNet file: expected the 12 outputs" in text
        assert "got 9 (score_8" in text
        assert "scrfd:" in text

    @pytest.mark.parametrize("detector", [Scrfd, Yunet])
    def test_a_network_for_something_else(self, tmp_path: Path, detector: type[SingleShot]) -> None:
        def keep_one(graph: Any) -> None:
            del graph.output[1:]

        path = edited(write(tmp_path / "a.onnx", "scrfd"), keep_one)
        text = line(detector(path))
        assert "got 1 (score_8" in text

    @pytest.mark.parametrize("detector", [Scrfd, Yunet])
    @pytest.mark.parametrize("how", ["empty", "text", "truncated"])
    def test_no_onnx(self, tmp_path: Path, detector: type[SingleShot], how: str) -> None:
        path = write(tmp_path / "a.onnx", "scrfd")
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "text": b"<html>", "truncated": whole[:-900]}[how])
        line(detector(str(path)))

    @pytest.mark.parametrize("detector", [Scrfd, Yunet])
    def test_no_file(self, tmp_path: Path, detector: type[SingleShot]) -> None:
        with pytest.raises((ModelError, ConfigurationError), match=r"gone\.onnx"):
            detector(str(tmp_path / "gone.onnx")).detect(PICTURE)


class TestInput:
    @pytest.mark.parametrize(
        ("shape", "text"),
        [
            ([1, 640, 640, 3], "(1, 640, 640, 3)"),
            ([1, 1, 640, 640], "(1, 1, 640, 640)"),
            ([8, 3, 640, 640], "(8, 3, 640, 640)"),
            ([1, 3, 640, "width"], "(1, 3, 640, width)"),
            ([3, 640, 640], "(3, 640, 640)"),
        ],
    )
    def test_of_another_shape(
        self, monkeypatch: pytest.MonkeyPatch, shape: list[Any], text: str
    ) -> None:
        session = install(monkeypatch, [f"o{i}" for i in range(9)], lambda blob: [])
        (given,) = session.get_inputs()
        given.shape = shape
        monkeypatch.setattr(session, "get_inputs", lambda: [given])
        said = line(Scrfd("stub"))
        assert "expected one input (1, 3, height, width) float32" in said
        assert f"got in {text} tensor(float)" in said

    def test_of_bytes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        session = install(monkeypatch, [f"o{i}" for i in range(9)], lambda blob: [])
        (given,) = session.get_inputs()
        given.type = "tensor(uint8)"
        monkeypatch.setattr(session, "get_inputs", lambda: [given])
        assert "tensor(uint8)" in line(Scrfd("stub"))

    def test_of_no_multiple_of_the_strides(self, tmp_path: Path) -> None:
        path = write(tmp_path / "a.onnx", "scrfd", fixed=(648, 640))
        assert "multiples of 32 px, got 648x640" in line(Scrfd(str(path)))

    def test_another_size_than_the_files_own(self, tmp_path: Path) -> None:
        path = str(write(tmp_path / "a.onnx", "scrfd", fixed=(640, 320)))
        assert Scrfd(path).input_size == (640, 320)
        assert Scrfd(path, size=(640, 320)).detect(PICTURE) == []
        with pytest.raises(ConfigurationError, match=r"640x320 px only, got 320x320"):
            Scrfd(path, size=(320, 320)).detect(PICTURE)


class TestOutputs:
    """Of the right number, but of other shapes: told when the file is opened."""

    def give(self, blob: F32, widths: tuple[int, ...], anchors: int = 2) -> list[F32]:
        height, width = blob.shape[2:]
        return [
            np.zeros((1, (height // stride) * (width // stride) * anchors, wide), np.float32)
            for wide in widths
            for stride in (8, 16, 32)
        ]

    @pytest.mark.parametrize(
        ("widths", "anchors", "text"),
        [
            ((1, 4, 8), 2, "kps of stride 8 in output 'o6' as (1, 32, 10) float32 for 32x32 px"),
            ((2, 4, 10), 2, "score of stride 8 in output 'o0' as (1, 32, 1)"),
            ((4, 1, 10), 2, "score of stride 8 in output 'o0' as (1, 32, 1)"),
            ((1, 4, 10), 1, "got (1, 16, 1) float32"),
        ],
    )
    def test_of_another_shape(
        self, monkeypatch: pytest.MonkeyPatch, widths: tuple[int, ...], anchors: int, text: str
    ) -> None:
        names = [f"o{i}" for i in range(9)]
        install(monkeypatch, names, lambda blob: self.give(blob, widths, anchors))
        detector = Scrfd("stub")
        with pytest.raises(ModelError) as caught:
            _ = detector.scheme
        assert text in str(caught.value)

    def test_other_strides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def give(blob: F32) -> list[F32]:
            # Grids of 4, 8 and 16 px.
            height, width = blob.shape[2:]
            return self.give(np.zeros((1, 3, 2 * height, 2 * width)), (1, 4, 10))

        install(monkeypatch, [f"o{i}" for i in range(9)], give)
        assert "score of stride 8 in output 'o0' as (1, 32, 1)" in line(Scrfd("stub"))

    def test_that_fail_when_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def give(blob: F32) -> list[F32]:
            raise RuntimeError("Reshape:\n cannot")

        install(monkeypatch, [f"o{i}" for i in range(9)], give)
        assert "cannot be run: Reshape: cannot" in line(Scrfd("stub"))

    def test_of_a_grid_that_does_not_follow_the_picture(self, tmp_path: Path) -> None:
        """A file exported for one size whose input claims to take any."""

        def freeze(graph: Any) -> None:
            for node in graph.node:
                if node.op_type == "Reshape" and node.output[0] == "bbox_16":
                    shape = next(one for one in graph.initializer if one.name == node.input[1])
                    new = onnx.numpy_helper.from_array(np.array([1, 3200, 4]), shape.name)
                    shape.CopyFrom(new)

        path = edited(write(tmp_path / "a.onnx", "scrfd"), freeze)
        assert "cannot be run" in line(Scrfd(path))


@pytest.mark.parametrize("detector", [Scrfd, Yunet])
@pytest.mark.parametrize(
    "options",
    [
        {"threshold": -0.1},
        {"threshold": 1.5},
        {"nms": 2},
        {"threshold": float("nan")},
        {"size": (0, 640)},
        {"size": (640, 9000)},
        {"size": (640,)},
        {"size": (640.5, 640)},
    ],
)
def test_options_that_cannot_be(detector: type[Any], options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        detector("stub", **options)


@pytest.mark.parametrize("detector", [Scrfd, Yunet])
def test_a_file_that_is_replaced_in_use_finds_no_faces_under_the_old_id(
    tmp_path: Path, detector: type[SingleShot]
) -> None:
    path = write(tmp_path / "a.onnx", detector.name)
    made = detector(str(path))  # type: ignore[call-arg]
    made.detect(PICTURE)
    edited(path, lambda graph: setattr(graph, "doc_string", "another"))
    assert "was replaced while it was in use" in line(made)
