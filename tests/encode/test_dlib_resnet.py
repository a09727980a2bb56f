from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from maskwise import encode, models
from maskwise.align import DLIB_CHIP, align
from maskwise.encode.dlib_resnet import DlibResnet
from maskwise.errors import ConfigurationError
from maskwise.testing.encoder_contract import EncoderContract
from maskwise.testing.pictures import drawn_face, face_detection, plain_chips
from maskwise.types import F32, U8, Detection, Image, Landmarks

pytestmark = pytest.mark.models
GOLDEN = Path(__file__).parents[1] / "golden" / "dlib_resnet_v1.json"

FP32, SHIPPED = 1e-5, 1e-3
"""How far the numbers may be from dlib's: the fp32 build's, and the shipped file's."""


class TestContract(EncoderContract):
    @pytest.fixture
    def encoder(self) -> DlibResnet:
        return DlibResnet(threads=1)


@pytest.fixture(scope="module")
def chips() -> U8:
    """Eighteen chips of nobody: noise, gradients, flat ones, drawn faces."""
    drawn = [drawn_face(seed, (150, 150), 86).pixels for seed in range(8)]
    return np.concatenate([plain_chips(150), np.stack(drawn)])


@pytest.fixture(scope="module")
def dlibs(dlib: Any, dlib_models: Path) -> Callable[[U8], F32]:
    """dlib's own numbers for chips."""
    path = dlib_models / "dlib_face_recognition_resnet_model_v1.dat"
    network = dlib.face_recognition_model_v1(str(path))

    def describe(chips: U8) -> F32:
        rows = [np.array(network.compute_face_descriptor(chip)) for chip in chips]
        return np.stack(rows).astype(np.float32)

    return describe


@pytest.fixture(scope="module")
def fp32(convert: ModuleType, dlib_models: Path) -> Callable[[U8], F32]:
    """Our numbers by the file that ``convert.py --fp32`` writes."""
    import onnxruntime

    data = convert.encoder(dlib_models, half=False)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return lambda chips: session.run(None, {"chips": np.ascontiguousarray(chips)})[0]


def shipped(chips: U8) -> F32:
    return DlibResnet(threads=1).describe_batch(chips)


def assert_agreement(chips: U8, dlibs: Any, fp32: Any) -> None:
    expected = dlibs(chips)
    assert np.ptp(expected, axis=1).min() > 0.1  # numbers of a size that 1e-5 means something for
    np.testing.assert_allclose(fp32(chips), expected, rtol=0, atol=FP32)
    np.testing.assert_allclose(shipped(chips), expected, rtol=0, atol=SHIPPED)


class TestAgreementWithDlib:
    def test_on_chips_of_nobody(self, chips: U8, dlibs: Any, fp32: Any) -> None:
        assert_agreement(chips, dlibs, fp32)

    def test_on_sample_people(self, sample_photos: list[Path], dlibs: Any, fp32: Any) -> None:
        from maskwise.image import load

        assert_agreement(faces([load(path) for path in sample_photos[:24]]), dlibs, fp32)

    @pytest.mark.data
    def test_on_photos(self, lfw_photos: list[Image], dlibs: Any, fp32: Any) -> None:
        assert len(lfw_photos) == 50
        assert_agreement(faces(lfw_photos), dlibs, fp32)


def faces(photos: list[Image]) -> U8:
    """Chips of the middle of each photo: near enough for numbers to be compared."""
    from maskwise.landmarks.dlib5 import Dlib5

    predictor, chips = Dlib5(), []
    for photo in photos:
        middle, half = (
            np.array([photo.width, photo.height]) / 2,
            0.2 * min(photo.width, photo.height),
        )
        where = Detection(np.concatenate([middle - half, middle + half]), 1.0)
        points: Landmarks = predictor.predict(photo, [where])[0]
        chips.append(align(photo, points, DLIB_CHIP).pixels)
    return np.stack(chips)


class TestDlibResnet:
    def test_templates_are_the_numbers_at_unit_length(self, chips: U8) -> None:
        numbers = shipped(chips)
        lengths = np.linalg.norm(numbers, axis=1, keepdims=True)
        assert np.abs(lengths - 1).max() > 0.05  # dlib's are not
        found = DlibResnet(threads=1).encode_batch(chips)
        np.testing.assert_allclose(found, numbers / lengths, atol=1e-6)

    def test_red_and_blue_are_not_alike(self, chips: U8) -> None:
        found = DlibResnet(threads=1).encode_batch(np.stack([chips[10], chips[10, ..., ::-1]]))
        assert found[0] @ found[1] < 0.999

    def test_the_id_names_file_chip_and_normalisation(self) -> None:
        sha = models.entry("dlib-resnet-v1").sha256
        assert DlibResnet().id == f"dlib-resnet-v1/{sha[:12]}/dlib5-150-p25/l2-1"
        assert re.fullmatch(r"[0-9a-z/.-]+", DlibResnet().id)

    def test_it_is_made_by_its_name_and_not_the_default(self) -> None:
        assert encode.create("dlib-resnet-v1").id == DlibResnet().id
        assert encode.create().id != DlibResnet().id

    def test_the_model_is_opened_at_the_first_use(self) -> None:
        encoder = DlibResnet(threads=0)  # a number of threads that no session can have
        assert encoder.dim == 128
        assert encoder.encode_batch(np.zeros((0, 150, 150, 3), np.uint8)).shape == (0, 128)
        with pytest.raises(ConfigurationError, match="threads"):
            encoder.encode_batch(np.zeros((1, 150, 150, 3), np.uint8))

    def test_threads_change_nothing(self, chips: U8) -> None:
        one, two = (DlibResnet(threads=n).describe_batch(chips) for n in (1, 2))
        np.testing.assert_allclose(one, two, atol=1e-5)


GOLDEN_TOLERANCES = {"templates": 1e-4, "transforms": 1e-4, "templates of pictures": 2e-3}
"""Drawing, warping and rounding may change a grey value by one on another processor."""


def golden_cases() -> dict[str, dict[str, Any]]:
    """What is compared with the golden file."""
    from maskwise.landmarks.dlib5 import Dlib5

    encoder = DlibResnet(threads=1)
    plain = dict(zip(["three ways", "falling", "grey ramp"], plain_chips(150), strict=False))
    plain["noise"] = plain_chips(150)[-1]
    cut = {}
    for seed in (0, 1, 2):
        picture = drawn_face(seed)
        points = Dlib5().predict(picture, [face_detection()])[0]
        cut[picture.source] = align(picture, points, DLIB_CHIP)
    pictures = np.stack([chip.pixels for chip in cut.values()])
    return {
        "templates": named(plain, encoder.encode_batch(np.stack(list(plain.values())))),
        "transforms": {name: chip.transform for name, chip in cut.items()},
        "templates of pictures": named(cut, encoder.encode_batch(pictures)),
    }


def named(names: Iterable[str], rows: F32) -> dict[str, Any]:
    return dict(zip(names, rows, strict=True))


@pytest.mark.parametrize("kind", GOLDEN_TOLERANCES)
def test_templates_and_transforms_are_the_golden_ones(kind: str) -> None:
    """To write them anew: python tests/encode/test_dlib_resnet.py (and say why in the commit)."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[kind]
    found = golden_cases()[kind]
    assert list(found) == list(golden)
    for name, expected in golden.items():
        tolerance = GOLDEN_TOLERANCES[kind]
        np.testing.assert_allclose(found[name], expected, atol=tolerance, err_msg=name)


if __name__ == "__main__":
    rounded = {
        kind: {name: np.round(np.asarray(value, float), 6).tolist() for name, value in rows.items()}
        for kind, rows in golden_cases().items()
    }
    lines = [
        f'"{kind}": {{\n'
        + ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in rows.items())
        + "\n}"
        for kind, rows in rounded.items()
    ]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
