from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import onnx
import pytest

from maskwise import models


@pytest.fixture(scope="module")
def converter(convert: ModuleType) -> ModuleType:
    return importlib.import_module("mmod")


@pytest.fixture(scope="module")
def data(converter: ModuleType, dlib_models: Path) -> bytes:
    return (dlib_models / converter.SOURCE).read_bytes()


def test_the_shipped_file_is_what_the_converter_writes(
    converter: ModuleType, dlib_models: Path
) -> None:
    assert converter.convert(dlib_models) == models.locate("dlib-mmod").read_bytes()


def test_the_options_are_dlibs(converter: ModuleType, data: bytes) -> None:
    options = converter.read_options(data)
    assert options.window == (80, 80)
    assert options.nms_iou == pytest.approx(0.338276)
    assert options.nms_covered == 1
    np.testing.assert_allclose(options.mean, [122.782, 117.001, 104.298], rtol=1e-6)


def test_the_file_says_where_scores_stand() -> None:
    model = onnx.load(models.locate("dlib-mmod"))
    told = {p.key: p.value for p in model.metadata_props}
    assert (told["stride"], told["offset"], told["halo"]) == ("8", "14", "10")


def test_other_files_are_refused(converter: ModuleType, data: bytes) -> None:
    wrong = importlib.import_module("datfile").FormatError
    with pytest.raises(wrong):
        converter.read_options(b"\x01\x01\x01\x0aloss_other")
    with pytest.raises(wrong, match="input_rgb_image_pyramid"):
        converter.read_options(data[:94] + data[117:])
    shorter = data[: data.rindex(b"\x01\x05con_4")]
    with pytest.raises(wrong, match="con_4"):
        converter.read_layers(shorter)
    longer = data + data[data.rindex(b"\x01\x05con_4") :]
    with pytest.raises(wrong, match="more layers"):
        converter.read_layers(longer)
