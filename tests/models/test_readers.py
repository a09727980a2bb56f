from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from maskwise import detect, encode, models
from maskwise.errors import ConfigurationError, LicenceError
from maskwise.models import store
from maskwise.models.entries import Kind
from maskwise.models.readers import meant_by, only_here, option_of, reader_of


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of the files that are here. Two of the known ones are the same file."""
    found: set[str] = set()
    backends = {
        "det_10g": "scrfd",
        "det_500m": "scrfd",
        "pack/det_500m": "scrfd",
        "yunet-old": "yunet",
        "yunet-new": "yunet",
    }

    def locate(name: str) -> Path:
        if name in found:
            return Path(name)
        raise store.MissingModelError(f"{name} is not here")

    monkeypatch.setattr(store, "known", lambda: [n for n in backends if n != "yunet-new"])
    monkeypatch.setattr(store, "added", lambda: ["yunet-new"])
    monkeypatch.setattr(
        store,
        "entry",
        lambda name: SimpleNamespace(backend=backends[name], sha256=name.removeprefix("pack/")),
    )
    monkeypatch.setattr(store, "locate", locate)
    return found


class TestOnlyHere:
    def test_the_only_one_is_taken(self, here: set[str]) -> None:
        here.update({"det_500m", "yunet-old"})
        assert only_here("scrfd") == "det_500m"
        assert only_here("yunet", "yunet-new") == "yunet-old"

    def test_the_same_file_in_two_packs_is_one(self, here: set[str]) -> None:
        here.update({"det_500m", "pack/det_500m"})
        assert only_here("scrfd").endswith("det_500m")

    def test_of_several_the_preferred_one(self, here: set[str]) -> None:
        here.update({"yunet-old", "yunet-new"})
        assert only_here("yunet", "yunet-new") == "yunet-new"

    def test_else_one_of_several_must_be_named(self, here: set[str]) -> None:
        here.update({"det_10g", "det_500m"})
        with pytest.raises(ConfigurationError, match="name one: scrfd:det_10g, scrfd:det_500m"):
            only_here("scrfd")

    def test_the_only_one_may_need_a_licence_or_be_damaged(
        self, here: set[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def locate(name: str) -> Path:
            if name in here:
                raise LicenceError(f"{name} may be used after")
            raise store.MissingModelError(name)

        monkeypatch.setattr(store, "locate", locate)
        here.add("det_500m")
        with pytest.raises(LicenceError, match="det_500m may be used after"):
            only_here("scrfd")

    def test_none_is_an_error_that_says_what_to_do(self, here: set[str]) -> None:
        with pytest.raises(
            ConfigurationError,
            match=r"no model for scrfd is here; name its file, scrfd:PATH.*pull NAME, one of det_1",
        ):
            only_here("scrfd")
        with pytest.raises(ConfigurationError, match=r"fetch one$"):
            only_here("nothing-known")


class TestReaderOf:
    def test_what_the_catalogue_says(self) -> None:
        assert reader_of("yunet-2023mar", "detector") == "yunet"
        assert reader_of("buffalo_l/w600k_r50", "encoder") == "arcface"

    def test_another_kind_or_name_is_none(self) -> None:
        assert reader_of("yunet-2023mar", "encoder") is None
        assert reader_of("nothing", "detector") is None
        assert reader_of("", "detector") is None

    def test_a_store_that_is_not_there_is_no_missing_model(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MASKWISE_MODELS", "no-such-folder")
        with pytest.raises(ConfigurationError, match="MASKWISE_MODELS: 'no-such-folder' is no"):
            reader_of("my-adaface", "encoder")


class TestMeantBy:
    @pytest.mark.parametrize(
        ("address", "kind", "words"),
        [
            ("my.toml", "encoder", "a manifest describes an encoder (--encoder file:my.toml)"),
            ("my.toml", "detector", "a manifest describes an encoder"),
            ("~/r100.onnx", "encoder", "arcface:~/r100.onnx or sface:~/r100.onnx"),
            ("DET.ONNX", "detector", "scrfd:DET.ONNX or yunet:DET.ONNX"),
            ("buffalo_l", "encoder", "it is a pack; name the model in it: buffalo_l/w600k_r50"),
            ("buffalo_l", "detector", "it is a pack; name the model in it: buffalo_l/det_10g"),
            ("yunet", "encoder", "yunet is a detector (--detector yunet)"),
            ("yunet-2026may", "encoder", "yunet-2026may is a detector"),
            ("sface", "detector", "sface is an encoder (--encoder sface)"),
            ("mask-state", "encoder", ""),
            ("nonesuch", "encoder", ""),
        ],
    )
    def test_what_is_told(self, address: str, kind: Kind, words: str) -> None:
        told = meant_by(address, kind)
        assert words in told
        assert bool(words) == bool(told)

    def test_create_tells_it(self) -> None:
        with pytest.raises(ConfigurationError, match="no encoder 'yunet': yunet is a detector"):
            encode.create("yunet")
        with pytest.raises(ConfigurationError, match="no detector 'sface': sface is an encoder"):
            detect.create("sface")


class TestOptionOf:
    def test_the_model_is_named_as_commands_name_it(self) -> None:
        mine = f"dlib-resnet-v1/{models.entry('dlib-resnet-v1').sha256[:12]}/chip/l2-1"
        assert option_of(mine) == " (--encoder dlib-resnet-v1)"
        taught = f"maskwise-v1/{models.entry('maskwise-v1').sha256[:12]}/chip/l2-1"
        assert option_of(taught) == " (--encoder maskwise-v1)"
        theirs = "arcface/4c06341c33c2/arcface-112/rgb-m127.5-s127.5-l2-1"
        assert option_of(theirs).startswith(" (--encoder buffalo_")

    @pytest.mark.parametrize(
        "unknown", ["e/1", "arcface/4", "e", "", "arcface/000000000000/chip/l2-1"]
    )
    def test_one_that_the_store_does_not_know_is_not_named(self, unknown: str) -> None:
        assert option_of(unknown) == ""

    def test_another_way_to_run_the_same_file_is_another_encoder(self) -> None:
        sha = models.entry("dlib-resnet-v1").sha256[:12]
        assert option_of(f"my-dlib/{sha}/chip/l2-1") == ""

    def test_nor_any_where_the_store_cannot_be_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MASKWISE_MODELS", "/no/such/folder")
        assert option_of("arcface/4c06341c33c2/arcface-112/l2-1") == ""

    def test_one_of_a_manifest_by_the_name_in_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        own = SimpleNamespace(name="own", kind="encoder", backend="file", sha256="f" * 64)
        monkeypatch.setattr(store, "known", list)
        monkeypatch.setattr(store, "added", lambda: ["own"])
        monkeypatch.setattr(store, "entry", lambda _: own)
        assert option_of("own/123456789abc/chip/l2-1") == " (--encoder own)"
