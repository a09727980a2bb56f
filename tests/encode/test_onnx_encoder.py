"""What all encoders share that are an ONNX file."""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from encoder_files import encoder_file, expected
from hypothesis import given
from hypothesis import strategies as st
from record_insightface import chips

from maskwise import models
from maskwise.align import ARCFACE_CHIP, DLIB_CHIP
from maskwise.encode.arcface import ArcFace, has_normalisation
from maskwise.encode.chips import arcface_chip, dlib_chip
from maskwise.encode.file import FileEncoder
from maskwise.encode.onnx_encoder import EncoderSpec, Preprocessing, plain
from maskwise.errors import ConfigurationError, ModelError
from maskwise.models.additions import add, from_onnx
from maskwise.models.place import FOLDER_VARIABLE
from maskwise.models.runtime.onnx_graph import GraphSummary

numbers = st.floats(0.01, 255, allow_nan=False)
triples = st.tuples(numbers, numbers, numbers)


class TestPreprocessing:
    def test_it_is_opencvs_blob_to_the_bit(self) -> None:
        bgr = [np.ascontiguousarray(chip[..., ::-1]) for chip in chips()]
        for mean, std in ((127.5, 127.5), (127.5, 128.0), (0.0, 1.0), (0.0, 255.0)):
            wanted = cv2.dnn.blobFromImages(bgr, 1 / std, (112, 112), (mean,) * 3, swapRB=True)
            found = Preprocessing((mean,) * 3, (std,) * 3)(chips())
            np.testing.assert_array_equal(found, wanted)

    @given(mean=triples, std=triples)
    def test_layouts_and_colours_are_views_of_one_thing(self, mean: Any, std: Any) -> None:
        rgb = Preprocessing(mean, std)(chips())
        last = Preprocessing(mean, std, layout="nhwc")(chips())
        np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), rgb)
        bgr = Preprocessing(mean[::-1], std[::-1], color="bgr")(chips())
        np.testing.assert_array_equal(bgr[:, ::-1], rgb)
        for blob in (rgb, last, bgr):
            assert blob.flags.c_contiguous
            assert blob.dtype == np.float32

    @given(mean=triples, std=triples)
    def test_the_tag_tells_the_numbers(self, mean: Any, std: Any) -> None:
        made = Preprocessing(mean, std)
        color, told_mean, told_std = made.tag.split("-")
        assert color == "rgb"
        for told, kept in ((told_mean, made.mean), (told_std, made.std)):
            values = [float(text) for text in told[1:].split("_")]
            assert tuple(values * (3 // len(values))) == kept
        assert Preprocessing(made.mean, made.std).tag == made.tag

    def test_bytes_stay_bytes(self) -> None:
        as_they_are = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
        blob = as_they_are(chips(), np.uint8)
        assert blob.dtype == np.uint8
        np.testing.assert_array_equal(blob, chips().transpose(0, 3, 1, 2))

    @pytest.mark.parametrize("mean", [math.nan, math.inf])
    def test_means_that_are_no_numbers(self, mean: float) -> None:
        with pytest.raises(ConfigurationError, match="mean: expected three finite numbers"):
            Preprocessing((mean, 0.0, 0.0))

    def test_a_std_of_zero(self) -> None:
        with pytest.raises(ConfigurationError, match="std: expected numbers over 0"):
            Preprocessing(std=(1.0, 0.0, 1.0))


class TestNames:
    def test_tags_in_order(self) -> None:
        spec = EncoderSpec("mine", ARCFACE_CHIP, output="feature", flip=True)
        assert spec.tag == "feature-rgb-m127.5-s127.5-flip-l2-1"

    def test_outputs_with_other_signs_stay_apart(self) -> None:
        found = {plain(name) for name in ("fc1", "/fc/1", "_fc_1", "-fc-1", "fc 1", "x" * 50)}
        assert len(found) == 6
        assert "fc1" in found
        assert all(len(name) <= 47 and name.replace("_", "a").isalnum() for name in found)


class Calls:
    """Counts what is asked of ONNX Runtime."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.faces: list[int] = []
        self._open = models.open_file
        monkeypatch.setattr(models, "open_file", self.open_file)

    def open_file(self, *args: Any, **given: Any) -> Any:
        session = self._open(*args, **given)

        def run(names: Any, feed: Any) -> Any:
            self.faces += [len(array) for array in feed.values()]
            return session.run(names, feed)

        return SimpleNamespace(
            run=run, get_inputs=session.get_inputs, get_outputs=session.get_outputs
        )


class TestBatches:
    @pytest.mark.parametrize(
        ("file", "asked", "then"),
        [
            ({}, [16, 16, 4], [3]),
            ({"batch": 1}, [1] * 36, [1] * 3),
            ({"batch": 20}, [20, 20], [20]),
            ({"only_one": True}, [16] + [1] * 36, [1] * 3),  # what was learned is kept
        ],
    )
    def test_their_sizes(
        self, file: Any, asked: Any, then: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        calls = Calls(monkeypatch)
        encoder = ArcFace(str(encoder_file(tmp_path / "small.onnx", **file)), threads=1)
        many = np.concatenate([chips()] * 12)
        np.testing.assert_allclose(encoder.describe_batch(many), expected(many), atol=2e-5)
        assert calls.faces == asked
        encoder.describe_batch(many[:3])
        assert calls.faces[len(asked) :] == then

    def test_a_file_that_fails_on_one_face_is_an_error(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        encoder = ArcFace(str(encoder_file(tmp_path / "small.onnx")), threads=1)
        assert encoder.dim == 512
        opened = models.open_file

        def failing(*args: Any, **given: Any) -> Any:
            def run(*_: Any) -> Any:
                raise RuntimeError("Non-zero status code\nreturned")

            return SimpleNamespace(**{**vars(opened(*args, **given)), "run": run})

        monkeypatch.setattr(models, "open_file", failing)
        with pytest.raises(ModelError, match=r"got Non-zero status code returned; arcface reads"):
            encoder.encode_batch(chips())

    def test_an_encoder_may_be_used_from_several_threads(self, tmp_path: Path) -> None:
        encoder = ArcFace(str(encoder_file(tmp_path / "small.onnx", only_one=True)), threads=1)
        many = np.concatenate([chips()] * 12)
        with ThreadPoolExecutor(4) as pool:
            for rows in pool.map(encoder.describe_batch, [many] * 8):
                np.testing.assert_allclose(rows, expected(many), atol=2e-5)

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
    @pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
    def test_a_forked_child_has_its_own_session(self, tmp_path: Path) -> None:
        encoder = ArcFace(str(encoder_file(tmp_path / "small.onnx")), threads=2)
        before = encoder.encode_batch(chips())
        child = os.fork()
        if child == 0:
            try:
                same = np.array_equal(encoder.encode_batch(chips()), before)
            finally:
                os._exit(0 if same else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    def test_threads_and_devices_are_checked(self, tmp_path: Path) -> None:
        path = str(encoder_file(tmp_path / "small.onnx"))
        with pytest.raises(ConfigurationError, match="threads"):
            ArcFace(path, threads=0).encode_batch(chips())
        with pytest.raises(ConfigurationError, match="no device 'gpu'"):
            ArcFace(path, device="gpu").encode_batch(chips())
        np.testing.assert_allclose(
            ArcFace(path, threads=2, device="cpu").encode_batch(chips()),
            ArcFace(path, threads=1).encode_batch(chips()),
            atol=1e-6,
        )


class TestChips:
    def test_the_usual_ones_are_themselves(self) -> None:
        assert arcface_chip(112) is ARCFACE_CHIP
        assert dlib_chip(150) is DLIB_CHIP

    def test_the_wider_chip_is_insightfaces(self) -> None:
        """estimate_norm at 128 px: 8 px more at the left, none at the top."""
        np.testing.assert_allclose(arcface_chip(128, 128).reference[0], [46.2946, 51.6963])

    @pytest.mark.parametrize("size", [0, 15, 1025])
    def test_sizes_that_cannot_be(self, size: int) -> None:
        for make in (arcface_chip, dlib_chip):
            with pytest.raises(ConfigurationError, match="expected a size of 16 to 1024 px"):
                make(size)

    def test_nominal_sizes_that_there_are_not(self) -> None:
        with pytest.raises(ConfigurationError, match="nominal size 112 or 128, got 100"):
            arcface_chip(112, 100)


def summary(*nodes: tuple[str, str, tuple[str, ...]], **scalars: float) -> GraphSummary:
    """A graph that takes ``x``, by operator, name and inputs of each node."""
    return GraphSummary(
        ir_version=8,
        opsets={},
        producer="",
        nodes=tuple((op, name) for op, name, _ in nodes),
        node_inputs=tuple(inputs for _, _, inputs in nodes),
        scalars=scalars,
        inputs=("x",),
        outputs=("y",),
    )


CONV = ("Conv", "", ("x", "w"))


@pytest.mark.parametrize(
    ("graph", "inside"),
    [
        (summary(CONV), False),
        (summary(CONV, ("Sub", "Sub_1", ("a",)), ("Mul", "Mul_2", ("b",))), True),
        (summary(*[CONV] * 7, ("Sub", "Sub_1", ("a",)), ("Mul", "Mul_2", ("b",))), False),
        (summary(CONV, ("Sub", "/Sub", ("a",)), ("Mul", "/Mul", ("b",))), False),
        (summary(("Sub", "", ("x", "c")), CONV), False),
        (summary(("Mul", "", ("x", "c")), CONV), False),
        (summary(("Sub", "", ("x", "c")), ("Mul", "", ("a", "d")), CONV), True),
        (summary(("Div", "", ("x", "c")), ("Sub", "", ("a", "d")), CONV, c=127.5, d=1.0), True),
        (summary(("Mul", "", ("c", "x")), ("Add", "", ("d", "a")), CONV, c=0.01, d=-1.0), True),
        (summary(("Cast", "", ("x",)), ("Sub", "", ("a", "c")), ("Div", "", ("b", "d"))), True),
        (summary(("Constant", "", ()), ("Sub", "", ("x", "c")), ("Div", "", ("b", "d"))), True),
        (summary(("Sub", "", ("w", "c")), ("Div", "", ("b", "d")), CONV), False),
        (summary(), False),
    ],
)
def test_where_the_normalisation_is(graph: GraphSummary, inside: bool) -> None:
    assert has_normalisation(graph, Path("small.onnx")) is inside


@pytest.mark.parametrize("divisor", [0.5, 0.226])
def test_a_file_for_pixels_of_0_to_1_is_no_file_of_insightfaces(divisor: float) -> None:
    graph = summary(("Sub", "", ("x", "c")), ("Div", "", ("a", "d")), CONV, c=0.5, d=divisor)
    with pytest.raises(ModelError, match=r"small\.onnx normalises pixels of 0\.\.1 itself"):
        has_normalisation(graph, Path("small.onnx"))


class TestWeightsInAnotherFile:
    @pytest.fixture
    def split(self, tmp_path: Path) -> Path:
        """small.onnx, and its weights in small.onnx.data, as PyTorch 2.9 writes them."""
        path = encoder_file(tmp_path / "small.onnx")
        onnx.save(
            onnx.load(str(path)),
            str(path),
            save_as_external_data=True,
            location="small.onnx.data",
            size_threshold=0,
        )
        assert (tmp_path / "small.onnx.data").stat().st_size > 50_000
        return path

    def test_it_is_refused_with_the_remedy(self, split: Path) -> None:
        words = r"keeps its weights in another file \(small\.onnx\.data\).*make one file of the two"
        with pytest.raises(ModelError, match=words):
            _ = ArcFace(str(split)).id

    def test_also_by_a_manifest(self, split: Path) -> None:
        path = split.with_name("my.toml")
        path.write_text(
            'name = "mine"\nfile = "small.onnx"\nlicence = "MIT"\nsize = 112\ncolor = "rgb"\n'
            'points = "arcface-112"\nmean = 127.5\nstd = 127.5\n',
            encoding="utf-8",
        )
        with pytest.raises(ModelError, match="keeps its weights in another file"):
            _ = FileEncoder(str(path)).id

    def test_also_where_it_was_added_to_the_store(
        self, split: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
        add(tmp_path, from_onnx(split, "mine", "arcface"))
        with pytest.raises(ModelError, match="keeps its weights in another file"):
            _ = ArcFace("mine").id

    def test_the_remedy_works(self, split: Path) -> None:
        whole = split.with_name("whole.onnx")
        onnx.save(onnx.load(str(split)), str(whole))
        found = ArcFace(str(whole), threads=1).describe_batch(chips())
        np.testing.assert_allclose(found, expected(chips()), atol=2e-5)

    def test_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "small.onnx").touch()
        with pytest.raises(ModelError, match="it is empty"):
            _ = ArcFace(str(tmp_path / "small.onnx")).id


def test_a_file_that_is_replaced_in_use_gives_no_templates_under_the_old_id(
    tmp_path: Path,
) -> None:
    path = encoder_file(tmp_path / "small.onnx")
    encoder = ArcFace(str(path), threads=1)
    before = encoder.encode_batch(chips())
    old = path.read_bytes()
    encoder_file(path, seed=1)
    with pytest.raises(ModelError, match=r"small\.onnx was replaced while it was in use"):
        encoder.encode_batch(chips())
    assert ArcFace(str(path)).id != encoder.id
    path.write_bytes(old)
    np.testing.assert_array_equal(encoder.encode_batch(chips()), before)
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        encoder.encode_batch(chips())


def test_arcface_alone_is_the_one_that_is_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = encoder_file(tmp_path / "small.onnx")
    monkeypatch.setattr("maskwise.encode.arcface.only_here", lambda backend: str(file))
    assert ArcFace().id == ArcFace(str(file)).id
