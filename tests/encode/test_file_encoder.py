from __future__ import annotations

import json
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from encoder_files import encoder_file, expected
from hypothesis import given
from hypothesis import strategies as st
from record_insightface import chips

from maskwise import encode, models
from maskwise.align import ARCFACE_CHIP, DLIB_CHIP
from maskwise.encode.arcface import ArcFace
from maskwise.encode.dlib_resnet import DlibResnet
from maskwise.encode.file import FileEncoder
from maskwise.encode.manifest import KEYS, read_manifest
from maskwise.errors import ConfigurationError, LicenceError, ModelError
from maskwise.testing.encoder_contract import EncoderContract
from maskwise.testing.pictures import plain_chips

ADAFACE = {
    "name": "my-adaface",
    "file": "small.onnx",
    "licence": "MIT",
    "size": 112,
    "points": "arcface-112",
    "color": "bgr",
    "scale": "1/255",
    "mean": 0.5,
    "std": 0.5,
}
POINTS = [[38, 52], [74, 51], [56, 72], [41, 92], [71, 92]]


def manifest(folder: Path, leave_out: tuple[str, ...] = (), **given: Any) -> Path:
    """Write a manifest like AdaFace's, changed by ``given``."""
    table = {k: v for k, v in {**ADAFACE, **given}.items() if k not in leave_out}
    path = folder / "my.toml"
    # JSON's texts, numbers, lists and truths are TOML's.
    path.write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in table.items()), "utf-8")
    return path


def made(folder: Path, onnx: dict[str, Any] | None = None, **given: Any) -> FileEncoder:
    encoder_file(folder / "small.onnx", **(onnx or {}))
    return FileEncoder(str(manifest(folder, **given)), threads=1)


class TestContractOfAdaFace(EncoderContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> FileEncoder:
        return made(tmp_path, {"outputs": ("feature", "norm")}, output="feature")


class TestContractOfAFileWithChannelsLast(EncoderContract):
    @pytest.fixture
    def encoder(self, tmp_path: Path) -> FileEncoder:
        file = {"layout": "nhwc", "size": 160, "dim": 128, "batch": 1}
        pixels = {"color": "rgb", "scale": 1, "mean": 127.5, "std": 128}
        return made(tmp_path, file, layout="nhwc", size=160, points="dlib", **pixels)


class TestNumbers:
    @pytest.mark.parametrize(
        ("given", "wanted"),
        [
            ({}, {"bgr": True}),
            ({"color": "rgb"}, {}),
            ({"scale": 1, "mean": 127.5, "std": 128}, {"bgr": True, "std": 128}),
            ({"scale": 1, "mean": 0, "std": 255, "color": "rgb"}, {"mean": 0, "std": 255}),
            (
                {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "color": "rgb"},
                {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375]},
            ),
            (
                {"scale": 1, "mean": [104, 117, 123], "std": 1},  # in the order of color: b, g, r
                {"bgr": True, "mean": [104, 117, 123], "std": 1},
            ),
        ],
    )
    def test_pixels(self, given: Any, wanted: Any, tmp_path: Path) -> None:
        found = made(tmp_path, **given).describe_batch(chips())
        np.testing.assert_allclose(found, expected(chips(), **wanted), rtol=1e-5, atol=1e-4)

    @pytest.mark.parametrize("layout", ["nchw", "nhwc"])
    def test_layouts(self, layout: str, tmp_path: Path) -> None:
        encoder = made(tmp_path, {"layout": layout}, layout=layout)
        wanted = expected(chips(), bgr=True)
        np.testing.assert_allclose(encoder.describe_batch(chips()), wanted, atol=2e-5)
        assert "n" + layout not in encoder.id

    @pytest.mark.parametrize("batch", ["N", 1, 5])
    def test_channels_last_in_batches(self, batch: Any, tmp_path: Path) -> None:
        encoder = made(tmp_path, {"layout": "nhwc", "batch": batch}, layout="nhwc")
        many = np.concatenate([chips()] * 14)
        wanted = expected(many, bgr=True)
        np.testing.assert_allclose(encoder.describe_batch(many), wanted, atol=2e-5)

    def test_bytes_go_in_as_they_are(self, tmp_path: Path) -> None:
        file = {"dtype": "uint8", "inside": "unnamed"}
        found = made(tmp_path, file, scale=1, mean=0, std=1).describe_batch(chips())
        np.testing.assert_allclose(found, expected(chips(), bgr=True), atol=2e-5)

    def test_an_output_by_its_name(self, tmp_path: Path) -> None:
        file = {"outputs": ("feature", "norm")}
        vectors = made(tmp_path, file, output="feature").describe_batch(chips())
        lengths = made(tmp_path, file, output="norm").describe_batch(chips())
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), lengths[:, 0], rtol=1e-5)

    def test_flip(self, tmp_path: Path) -> None:
        found = made(tmp_path, flip=True).describe_batch(chips())
        both = (expected(chips(), bgr=True) + expected(chips()[:, :, ::-1], bgr=True)) / 2
        np.testing.assert_allclose(found, both, atol=2e-5)


class TestNames:
    def test_adaface(self, tmp_path: Path) -> None:
        encoder = made(tmp_path)
        sha = models.resolve(str(tmp_path / "small.onnx")).sha256[:12]
        assert encoder.id == f"my-adaface/{sha}/arcface-112/bgr-m127.5-s127.5-l2-1"
        assert encoder.space == f"file/{sha}"
        assert encoder.chip_spec is ARCFACE_CHIP
        assert encode.create(f"file:{tmp_path / 'my.toml'}").id == encoder.id

    @pytest.mark.parametrize(
        ("given", "ending"),
        [
            ({"color": "rgb"}, "/arcface-112/rgb-m127.5-s127.5-l2-1"),
            ({"scale": 0.00392156862745098}, "/arcface-112/bgr-m127.5-s127.5-l2-1"),
            ({"scale": 1, "mean": 127.5, "std": 127.5}, "/arcface-112/bgr-m127.5-s127.5-l2-1"),
            ({"std": [0.5, 0.25, 0.5]}, "/arcface-112/bgr-m127.5-s127.5_63.75_127.5-l2-1"),
            ({"flip": True}, "/arcface-112/bgr-m127.5-s127.5-flip-l2-1"),
            ({"output": "feature"}, "/arcface-112/feature-bgr-m127.5-s127.5-l2-1"),
            ({"output": "/fc/Gemm"}, "/arcface-112/_fc_Gemm_587a68-bgr-m127.5-s127.5-l2-1"),
            ({"size": 224}, "/arcface-112-at-224/bgr-m127.5-s127.5-l2-1"),
            ({"points": "arcface-128", "size": 128}, "/arcface-128/bgr-m127.5-s127.5-l2-1"),
            ({"points": "dlib", "size": 150}, "/dlib5-150-p25/bgr-m127.5-s127.5-l2-1"),
            ({"points": "dlib"}, "/dlib5-112-p25/bgr-m127.5-s127.5-l2-1"),
            ({"fit": "picture"}, "/arcface-112-fit-picture/bgr-m127.5-s127.5-l2-1"),
            ({"points": POINTS}, "/five-112-62b537a4/bgr-m127.5-s127.5-l2-1"),
        ],
    )
    def test_the_id_tells_what_changes_a_template(
        self, given: Any, ending: str, tmp_path: Path
    ) -> None:
        found = made(tmp_path, **given).id
        assert re.fullmatch(r"my-adaface/[0-9a-f]{12}/.*", found)
        assert found[len("my-adaface/") + 12 :] == ending

    def test_a_space_may_be_declared(self, tmp_path: Path) -> None:
        student = made(tmp_path, space="arcface/4c06341c33c2")
        assert student.space == "arcface/4c06341c33c2"
        assert student.id.startswith("my-adaface/")

    def test_outputs_have_spaces_of_their_own(self, tmp_path: Path) -> None:
        first, second = (made(tmp_path, output=name).space for name in ("feature", "other"))
        assert first.endswith("/feature")
        assert first != second

    def test_dim_is_believed_until_the_file_is_opened(self, tmp_path: Path) -> None:
        encoder = made(tmp_path, dim=100)
        assert encoder.dim == 100
        with pytest.raises(ModelError, match=r"expected 100 numbers a face, got 512; correct .*my"):
            encoder.encode_batch(chips())


class TestChips:
    def test_a_size_of_dlibs(self, tmp_path: Path) -> None:
        chip = made(tmp_path, points="dlib", size=300).chip_spec
        assert (chip.scheme, chip.fit, chip.size) == ("dlib5", "picture", 300)
        np.testing.assert_allclose((chip.reference + 0.5) / 2, DLIB_CHIP.reference + 0.5)

    def test_insightfaces_wider_chip(self, tmp_path: Path) -> None:
        chip = made(tmp_path, points="arcface-128", size=256).chip_spec
        assert (chip.name, chip.fit) == ("arcface-128-at-256", "chip")
        np.testing.assert_allclose(chip.reference / 2 - [8, 0], ARCFACE_CHIP.reference)

    def test_five_points(self, tmp_path: Path) -> None:
        chip = made(tmp_path, points=POINTS).chip_spec
        assert (chip.scheme, chip.fit) == ("five", "chip")
        np.testing.assert_array_equal(chip.reference, POINTS)
        moved = made(tmp_path, points=[[38.01, 52], *POINTS[1:]]).chip_spec
        assert moved.name != chip.name


BAD: list[tuple[dict[str, Any], str]] = [
    ({"colour": "rgb"}, "unknown key 'colour'; there are: name, file"),
    ({"name": "My Net"}, "name must be a-z"),
    ({"name": "sface"}, "the name 'sface' is taken"),
    ({"name": 3}, "name must be a text of one line"),
    ({"file": ""}, "file must be a text of one line"),
    ({"file": "other.onnx"}, "file 'other.onnx': there is no such file"),
    ({"sha256": "12"}, "sha256 must be 64 hex digits"),
    ({"licence": ["MIT"]}, "licence must be a text"),
    ({"about": 1}, "about must be a text"),
    ({"size": 112.0}, "size must be a whole number, 16 to 1024, got 112.0"),
    ({"size": 5}, "size must be a whole number, 16 to 1024, got 5"),
    ({"size": [112, 112]}, "size must be a whole number"),
    ({"points": "arcface"}, "points must be one of arcface-112, arcface-128, dlib"),
    ({"points": POINTS[:4]}, r"points must be five \[x, y\]"),
    ({"points": [*POINTS[:4], [1]]}, r"points must be five \[x, y\]"),
    ({"points": [*POINTS[:4], [1, "2"]]}, r"points must be five \[x, y\]"),
    ({"points": [POINTS[1], POINTS[0], *POINTS[2:]]}, "the right eye and the right corner"),
    ({"points": [*POINTS[3:], POINTS[2], *POINTS[:2]]}, "eyes must stand above the mouth"),
    ({"points": [[10 * x, 10 * y] for x, y in POINTS]}, "px of the chip, which is 112 px wide"),
    ({"points": [[x / 112, y / 112] for x, y in POINTS]}, "px of the chip, which is 112 px wide"),
    ({"fit": "both"}, 'fit must be "picture" or "chip", got \'both\''),
    ({"color": "RGB"}, 'color must be "rgb" or "bgr", got \'RGB\''),
    ({"layout": "hwc"}, 'layout must be "nchw" or "nhwc"'),
    ({"scale": "1/0"}, "scale must be over 0"),
    ({"scale": "a/b"}, 'scale must be a number or like "1/255"'),
    ({"scale": True}, "scale must be a number"),
    ({"mean": "0.5"}, "mean must be a number, or three in a list"),
    ({"mean": [0.5, 0.5]}, "mean must be a number, or three in a list"),
    ({"mean": True}, "mean must be a number"),
    ({"std": 0}, "std must be over 0, got 0"),
    ({"std": [1, 1, -1]}, "std must be over 0, got -1"),
    ({"scale": 1}, r'pixels of 0 to 255 would become -1 to 509.*scale = "1/255"'),
    ({"mean": 127.5, "std": 127.5}, r"would become -1 to -0\.9922.*scale = 1"),
    ({"output": 1}, "output must be a text"),
    ({"dim": 0}, "dim must be a whole number, 1 to 65536"),
    ({"dim": True}, "dim must be a whole number"),
    ({"space": "My space"}, "space must be a-z"),
    ({"flip": "yes"}, "flip must be true or false"),
]


SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(max_codepoint=0x2FF, exclude_characters="\x7f"), max_size=12),
    st.sampled_from(["rgb", "bgr", "nhwc", "1/3", "dlib", "arcface-128", "chip", "0" * 64]),
)
ANYTHING = st.one_of(
    SCALARS, st.lists(st.one_of(SCALARS, st.lists(SCALARS, max_size=3)), max_size=6)
)


class TestBadManifests:
    @pytest.mark.parametrize(("given", "words"), BAD)
    def test_each_mistake_is_named_in_one_line(
        self, given: Any, words: str, tmp_path: Path
    ) -> None:
        encoder = made(tmp_path, **given)
        with pytest.raises(ConfigurationError, match=words) as caught:
            _ = encoder.id
        assert str(caught.value).startswith(str(tmp_path / "my.toml"))
        assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "key", ["name", "file", "licence", "size", "points", "color", "mean", "std"]
    )
    def test_what_must_stand_there(self, key: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=f"needs {key} = "):
            read_manifest(manifest(tmp_path, leave_out=(key,)))

    def test_the_rest_need_not(self, tmp_path: Path) -> None:
        found = read_manifest(manifest(tmp_path, scale=1, mean=127.5, std=127.5))
        assert found.spec.preprocessing.layout == "nchw"
        assert (found.spec.dim, found.spec.output, found.spec.space) == (None, None, None)
        assert not found.spec.flip

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"name =", "no manifest in TOML"),
            (b"\xff\xfe", "no manifest in TOML"),
            (b"", "needs name = "),
            (b"a = 1\n" * 50_000, "too long"),
            (b"[input]\nsize = 112\n", "unknown key 'input'"),
            (b"mean = nan\nstd = inf\n", "needs name"),
            (b"mean = " + b"9" * 5000, "no manifest in TOML"),
            (b"mean = " + b"[" * 5000, "no manifest in TOML"),
        ],
    )
    def test_what_is_no_manifest(self, content: bytes, words: str, tmp_path: Path) -> None:
        path = tmp_path / "my.toml"
        path.write_bytes(content)
        with pytest.raises(ConfigurationError, match=words):
            read_manifest(path)

    @given(key=st.sampled_from(KEYS), value=ANYTHING)
    def test_whatever_stands_there_is_read_or_named(self, key: str, value: Any) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = manifest(Path(folder), **{key: value})
            said = f"{path}: read"
            try:
                read_manifest(path)
            except ConfigurationError as error:
                said = str(error)
        assert said.startswith(f"{path}: ")
        assert "\n" not in said

    @pytest.mark.parametrize("value", [10**400, -(10**400), [0, 10**400, 0]])
    def test_a_number_that_no_float_holds(self, value: Any, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="mean must be a number"):
            read_manifest(manifest(tmp_path, mean=value))

    @pytest.mark.parametrize(
        ("file", "words"),
        [("~nobody-of-that-name/a.onnx", "no home folder is known"), ("a" * 300, "no such file")],
    )
    def test_a_path_that_cannot_be(self, file: str, words: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=words):
            _ = FileEncoder(str(manifest(tmp_path, file=file))).id

    def test_numbers_that_are_none(self, tmp_path: Path) -> None:
        path = manifest(tmp_path, leave_out=("mean",))
        path.write_text(path.read_text("utf-8") + "mean = nan\n", "utf-8")
        with pytest.raises(ConfigurationError, match="mean must be a number"):
            read_manifest(path)

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="cannot be read"):
            read_manifest(tmp_path)

    def test_an_onnx_file_in_its_place(self, tmp_path: Path) -> None:
        path = encoder_file(tmp_path / "small.onnx")
        with pytest.raises(ConfigurationError, match=r"no manifest .*--encoder arcface:/"):
            _ = FileEncoder(str(path)).id

    def test_nothing_in_its_place(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match="no such file"):
            _ = FileEncoder(str(tmp_path / "my.toml")).id


class TestFilesThatDoNotMatch:
    @pytest.mark.parametrize(
        ("file", "given", "words"),
        [
            ({"size": 128}, {}, r"expected one input \(N, 3, 112, 112\), got \(N, 3, 128, 128\)"),
            ({"layout": "nhwc"}, {}, r"got \(N, 112, 112, 3\)"),
            ({}, {"layout": "nhwc"}, r"expected one input \(N, 112, 112, 3\)"),
            ({"outputs": ("feature", "norm")}, {}, "expected one output, got 2: feature, norm"),
            ({}, {"output": "feature"}, "no output 'feature'; there are: embedding"),
            ({"dtype": "uint8"}, {}, "mean must be 0 and std 1"),
            ({"dim": 128}, {"dim": 512}, "expected 512 numbers a face, got 128"),
        ],
    )
    def test_one_line_that_names_both_files(
        self, file: Any, given: Any, words: str, tmp_path: Path
    ) -> None:
        encoder = made(tmp_path, file, **given)
        with pytest.raises(ModelError, match=words) as caught:
            encoder.encode_batch(chips())
        text = str(caught.value)
        assert str(tmp_path / "small.onnx") in text
        assert f"correct {tmp_path / 'my.toml'}" in text
        assert "\n" not in text

    def test_another_sha256(self, tmp_path: Path) -> None:
        with pytest.raises(ModelError, match="it is another file, or damaged"):
            _ = made(tmp_path, sha256="0" * 64).id

    def test_the_right_sha256(self, tmp_path: Path) -> None:
        before = made(tmp_path).id
        sha = models.resolve(str(tmp_path / "small.onnx")).sha256
        assert FileEncoder(str(manifest(tmp_path, sha256=sha))).id == before


class TestWhereTheFileLies:
    def test_beside_the_manifest_and_elsewhere(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wanted = made(tmp_path).id
        (tmp_path / "weights").mkdir()
        shutil.move(tmp_path / "small.onnx", tmp_path / "weights" / "w.onnx")
        for file in ("weights/w.onnx", str(tmp_path / "weights" / "w.onnx")):
            assert FileEncoder(str(manifest(tmp_path, file=file))).id == wanted
        monkeypatch.setenv("HOME", str(tmp_path))
        assert FileEncoder(str(manifest(tmp_path, file="~/weights/w.onnx"))).id == wanted
        monkeypatch.chdir(tmp_path)
        assert FileEncoder("my.toml").id == wanted

    def test_by_a_sha256_that_the_store_knows(self, tmp_path: Path) -> None:
        sha = models.entry("dlib-resnet-v1").sha256
        found = FileEncoder(str(manifest(tmp_path, leave_out=("file",), sha256=sha)))
        assert found.file.sha256 == sha

    def test_by_a_sha256_that_nobody_knows(self, tmp_path: Path) -> None:
        encoder = FileEncoder(str(manifest(tmp_path, leave_out=("file",), sha256="1" * 64)))
        with pytest.raises(ModelError, match="no model of sha256 1111"):
            _ = encoder.id

    def test_a_licence_is_asked_for_that_the_file_has(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from maskwise.models import licences

        def refuse(name: str) -> None:
            raise LicenceError(f"{name} must be accepted")

        encoder = made(tmp_path)
        monkeypatch.setattr(licences, "of_file", lambda _: "insightface-models")
        monkeypatch.setattr(licences, "require", refuse)
        with pytest.raises(LicenceError, match="insightface-models"):
            _ = encoder.id


def test_a_manifest_for_insightfaces_pixels_gives_its_numbers(tmp_path: Path) -> None:
    mine = made(tmp_path, color="rgb").encode_batch(chips())
    theirs = ArcFace(str(tmp_path / "small.onnx"), threads=1).encode_batch(chips())
    np.testing.assert_array_equal(mine, theirs)


@pytest.mark.models
def test_real_weights_by_a_manifest_give_what_their_own_backend_gives(tmp_path: Path) -> None:
    theirs = DlibResnet(threads=1)
    entry = models.entry("dlib-resnet-v1")
    given = {"sha256": entry.sha256, "licence": entry.licence, "space": theirs.space}
    pixels = {"color": "rgb", "scale": 1, "mean": 0, "std": 1, "layout": "nhwc"}
    path = manifest(tmp_path, ("file",), size=150, points="dlib", **given, **pixels)
    mine = FileEncoder(str(path), threads=1)
    assert mine.chip_spec is theirs.chip_spec
    assert (mine.space, mine.dim) == (theirs.space, theirs.dim)
    faces = plain_chips(150)
    np.testing.assert_allclose(mine.encode_batch(faces), theirs.encode_batch(faces), atol=1e-6)


DOCS = Path(__file__).parents[2] / "docs" / "encoders.md"


def test_the_manifests_of_the_docs_are_read(tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    manifests = [block for block in blocks if "[project" not in block]  # not a pyproject.toml
    assert len(manifests) >= 3
    for number, block in enumerate(manifests):
        path = tmp_path / f"{number}.toml"
        path.write_text(block, "utf-8")
        assert read_manifest(path).spec.preprocessing


def test_the_docs_name_every_key() -> None:
    text = DOCS.read_text("utf-8")
    missing = [key for key in KEYS if f"| `{key}` |" not in text]
    assert not missing
