"""Pulls into a store: from a server on loopback, and from files at hand."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import platformdirs
import pytest
from model_server import Server, Told, sha

from maskwise import models
from maskwise.errors import ConfigurationError, FetchError, LicenceError, ModelError, OutputError
from maskwise.models import entries, inventory, licences, place, trust
from maskwise.models.entries import ModelEntry, Pack
from maskwise.models.fetch import at_hand as at_hand_module
from maskwise.models.fetch import over_http
from maskwise.models.fetch.at_hand import found_in
from maskwise.models.fetch.pull import pull
from maskwise.models.lock import alone

FREE, DETECTOR, ENCODER, UNKNOWN = (bytes([k]) * (60_000 + k) for k in range(1, 5))
LICENCE = "insightface-models"


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


PACK = zipped({"det.onnx": DETECTOR, "rec.onnx": ENCODER, "more.onnx": b"not ours"})
ODD = zipped({"odd/new.onnx": UNKNOWN})


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    server.serve("free.onnx", FREE)
    server.serve("det", DETECTOR)
    server.serve("pack.zip", PACK)
    server.serve("odd.zip", ODD)
    yield server
    server.close()


@pytest.fixture(autouse=True)
def store(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's store, yet to be made, and a catalogue of four models on that server."""
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(tmp_path / "user"))
    for name in (place.FOLDER_VARIABLE, place.OFFLINE_VARIABLE, licences.ACCEPT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr(over_http, "_PAUSE_S", 0.001)
    texts = dict.fromkeys(("about", "trained_on", "origin", "paper", "preprocessing"), "...")

    def model(name: str, data: bytes, *paths: str, **more: Any) -> ModelEntry:
        values: dict[str, Any] = {"file": f"{name}.onnx", "sha256": sha(data), "size": len(data)}
        values |= {"licence": "MIT", "kind": "encoder", "backend": "arcface", **texts}
        urls = tuple(server.url(path) for path in paths)
        return ModelEntry(name=name, urls=urls, **{**values, **more})

    inside = {"pack": "pack", "accept": LICENCE}
    found = [
        model("free", FREE, "free.onnx"),
        model("pack/det", DETECTOR, "det", member="det.onnx", **inside),
        model("pack/rec", ENCODER, member="rec.onnx", **inside),
        model("odd/new", UNKNOWN, member="odd/new.onnx", pack="odd", sha256="", size=0),
    ]
    packs = {
        "pack": Pack(
            "pack",
            "pack.zip",
            sha(PACK),
            len(PACK),
            (server.url("pack.zip"),),
            LICENCE,
            "...",
            ("pack/det", "pack/rec"),
        ),
        "odd": Pack("odd", "odd.zip", "", 0, (server.url("odd.zip"),), "", "...", ("odd/new",)),
    }
    monkeypatch.setattr(entries, "catalogue", lambda: {one.name: one for one in found})
    monkeypatch.setattr(entries, "packs", lambda: packs)
    return tmp_path / "user" / "models"


@pytest.fixture
def accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(licences.ACCEPT_VARIABLE, LICENCE)


def files(folder: Path) -> dict[str, bytes]:
    """All that lies in a store, but for its lock."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found if p.name != ".lock"}


class TestOverTheNetwork:
    def test_a_model_comes_once(self, server: Server, store: Path) -> None:
        with pytest.raises(ModelError, match="free is not here: maskwise models pull free"):
            models.locate("free")
        (one,) = pull("free", Told())
        assert (one.name, one.how, one.path) == ("free", "fetched", store / "free.onnx")
        assert files(store) == {"free.onnx": FREE}
        assert models.locate("free") == one.path
        assert pull("free", Told())[0].how == "there already"
        assert len(server.seen) == 1

    def test_a_damaged_file_is_replaced(self, store: Path) -> None:
        pull("free", Told())
        (store / "free.onnx").write_bytes(FREE[:-1] + b"?")
        with pytest.raises(ModelError, match=r"is damaged: .*maskwise models pull free"):
            models.locate("free")
        told = Told()
        assert pull("free", told)[0].how == "fetched"
        assert "replacing it" in told.remarks[0]
        assert files(store) == {"free.onnx": FREE}

    def test_nothing_is_left_of_a_wrong_file(self, server: Server, store: Path) -> None:
        server.serve("free.onnx", FREE[:-1] + b"?")
        with pytest.raises(FetchError, match=r"another file.*models pull free --to DIR"):
            pull("free", Told())
        assert files(store) == {}

    @pytest.mark.usefixtures("accepted")
    def test_a_pack_comes_by_its_models_where_they_have_addresses(
        self, server: Server, store: Path
    ) -> None:
        pulled = pull("pack", Told())
        assert [one.name for one in pulled] == ["pack/det", "pack/rec"]
        assert files(store) == {"pack/det.onnx": DETECTOR, "pack/rec.onnx": ENCODER}
        assert [path for path, _ in server.seen] == ["det", "pack.zip"]
        assert models.resolve("pack/rec").name == "rec"

    @pytest.mark.usefixtures("accepted")
    def test_the_pack_stands_in_for_a_dead_address(self, server: Server, store: Path) -> None:
        del server.assets["det"]
        told = Told()
        pull("pack/det", told)
        assert files(store) == {"pack/det.onnx": DETECTOR}
        assert any(
            "404" in remark and "taking it out of pack.zip" in remark for remark in told.remarks
        )

    @pytest.mark.usefixtures("accepted")
    def test_only_what_is_lacking_is_fetched(self, server: Server, store: Path) -> None:
        pull("pack/det", Told())
        before = (store / "pack" / "det.onnx").stat()
        hows = [one.how for one in pull("pack", Told())]
        assert hows == ["there already", "fetched"]
        assert (store / "pack" / "det.onnx").stat().st_mtime_ns == before.st_mtime_ns

    @pytest.mark.usefixtures("accepted")
    def test_the_same_file_under_another_name_is_copied(
        self, server: Server, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pull("pack/det", Told())
        before = len(server.seen)
        known = entries.catalogue()
        twin = replace(known["pack/det"], name="pack/twin", file="pack/twin.onnx")
        monkeypatch.setattr(entries, "catalogue", lambda: {**known, "pack/twin": twin})
        monkeypatch.setenv(place.OFFLINE_VARIABLE, "1")
        assert pull("pack/twin", Told())[0].how == "copied"
        assert files(store)["pack/twin.onnx"] == DETECTOR
        assert len(server.seen) == before

    def test_a_licence_comes_first(self, server: Server, store: Path) -> None:
        with pytest.raises(LicenceError, match="accept insightface-models"):
            pull("pack/det", Told())
        assert server.seen == []
        assert not store.exists()

    def test_a_licence_that_is_taken_back_counts(
        self, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(licences.ACCEPT_VARIABLE, LICENCE)
        pull("pack/det", Told())
        monkeypatch.delenv(licences.ACCEPT_VARIABLE)
        copy = store.parent / "elsewhere.onnx"
        copy.write_bytes(DETECTOR)
        for what in ("pack/det", str(store / "pack" / "det.onnx"), str(copy)):
            with pytest.raises(LicenceError):
                models.resolve(what)

    def test_offline_says_how_to_carry_it(
        self, server: Server, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(place.OFFLINE_VARIABLE, "1")
        with pytest.raises(FetchError, match=r"MASKWISE_OFFLINE is set.*--to DIR.*--from DIR"):
            pull("free", Told())
        assert server.seen == []
        monkeypatch.setenv(place.OFFLINE_VARIABLE, "0")
        pull("free", Told())

    def test_a_name_that_cannot_be_pulled(self) -> None:
        for name, reason in (
            ("fre", "no model 'fre' to pull; there are: free"),
            ("dlib-mmod", "ships with maskwise"),
        ):
            with pytest.raises(ConfigurationError, match=reason):
                pull(name, Told())

    def test_a_url_goes_before_the_mirrors(self, server: Server, store: Path) -> None:
        server.serve("mine", FREE)
        pull("free", Told(), url=server.url("mine"))
        assert [path for path, _ in server.seen] == ["mine"]

    def test_a_url_is_held_to_the_sha256_too(self, server: Server, store: Path) -> None:
        server.serve("mine", bytes(len(FREE)))
        with pytest.raises(FetchError, match="another file"):
            pull("free", Told(), url=server.url("mine"))
        assert [path for path, _ in server.seen] == ["mine"], "no mirror steps in for it"

    @pytest.mark.usefixtures("accepted")
    def test_a_url_may_be_a_zip(self, server: Server, store: Path) -> None:
        server.serve("again.zip", PACK)
        pull("pack/det", Told(), url=server.url("again.zip"))
        assert files(store) == {"pack/det.onnx": DETECTOR}

    @pytest.mark.usefixtures("accepted")
    def test_a_url_may_be_a_carried_folder(self, server: Server, store: Path) -> None:
        server.assets = {}
        server.serve("store/pack/det.onnx", DETECTOR)
        server.serve("store/pack/rec.onnx", ENCODER)
        pull("pack", Told(), url=server.url("store/"))
        assert files(store) == {"pack/det.onnx": DETECTOR, "pack/rec.onnx": ENCODER}

    def test_a_broken_off_pull_is_never_used(self, server: Server, store: Path) -> None:
        server.serve("free.onnx", FREE, cuts=[500] + [0] * 20)
        with pytest.raises(FetchError):
            pull("free", Told())
        assert set(files(store)) == {"free.onnx.part", "free.onnx.part.json"}
        with pytest.raises(ModelError, match="is not here"):
            models.locate("free")
        server.serve("free.onnx", FREE)
        server.seen.clear()
        pull("free", Told())
        assert server.ranges() == ["bytes=500-"]
        assert files(store) == {"free.onnx": FREE}

    def test_another_folder(self, server: Server, store: Path, tmp_path: Path) -> None:
        pull("free", Told(), to=tmp_path / "carried")
        assert files(tmp_path / "carried") == {"free.onnx": FREE}
        assert not store.exists()

    def test_the_store_named_by_the_environment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(place.FOLDER_VARIABLE, str(tmp_path))
        pull("free", Told())
        assert models.locate("free") == tmp_path / "free.onnx"


class TestUnknownSha256:
    def test_it_is_refused_at_first(self, server: Server, store: Path) -> None:
        with pytest.raises(
            ConfigurationError, match=r"nobody has told us the sha256 of odd.*--tru"
        ):
            pull("odd", Told())
        assert server.seen == []

    def test_trusted_at_first_and_held_to_it(self, server: Server, store: Path) -> None:
        pull("odd", Told(), trust_first=True)
        assert files(store)["odd/new.onnx"] == UNKNOWN
        assert models.entry("odd/new").sha256 == sha(UNKNOWN)
        assert models.locate("odd/new").read_bytes() == UNKNOWN
        seen = trust.recorded(store, "odd/new")
        assert seen is not None
        assert seen.at.startswith("20")
        (store / "odd" / "new.onnx").write_bytes(UNKNOWN[:-1] + b"?")
        with pytest.raises(ModelError, match="is damaged"):
            models.locate("odd/new")
        server.serve("odd.zip", zipped({"odd/new.onnx": bytes(len(UNKNOWN))}))
        with pytest.raises(FetchError, match="another file"):
            pull("odd", Told(), trust_first=True)
        server.serve("odd.zip", ODD)
        pull("odd", Told())
        assert files(store)["odd/new.onnx"] == UNKNOWN

    @pytest.mark.parametrize("name", ["odd", "odd/new"])
    def test_a_sha256_that_is_given(self, server: Server, store: Path, name: str) -> None:
        with pytest.raises(FetchError, match="another file"):
            pull(name, Told(), sha256="0" * 64)
        assert files(store) == {}
        pull(name, Told(), sha256=sha(ODD).upper())
        assert files(store)["odd/new.onnx"] == UNKNOWN
        assert pull(name, Told(), sha256=sha(ODD))[0].how == "there already"

    def test_out_of_a_pack_that_is_known(
        self, server: Server, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The zip is checked, so what comes out of it is what it should be."""
        known = replace(entries.packs()["odd"], sha256=sha(ODD))
        monkeypatch.setattr(entries, "packs", lambda: {"odd": known})
        server.serve("odd.zip", zipped({"odd/new.onnx": bytes(len(UNKNOWN))}))
        with pytest.raises(FetchError, match="another file"):
            pull("odd/new", Told())
        server.serve("odd.zip", ODD)
        pull("odd/new", Told())
        assert models.locate("odd/new").read_bytes() == UNKNOWN
        trust.forget(store, "odd/new")
        with pytest.raises(ModelError, match=r"cannot be checked: maskwise models pull odd/new$"):
            models.locate("odd/new")
        pull("odd/new", Told())
        assert models.locate("odd/new").read_bytes() == UNKNOWN

    def test_what_must_lie_beside_the_models(
        self, server: Server, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """manifest.json of a pack of insightface 2."""
        data = zipped({"odd/manifest.json": b"{}", "odd/new.onnx": UNKNOWN})
        known = replace(entries.packs()["odd"], sha256=sha(data), beside=("manifest.json",))
        monkeypatch.setattr(entries, "packs", lambda: {"odd": known})
        server.serve("odd.zip", data)
        pull("odd", Told())
        assert files(store)["odd/manifest.json"] == b"{}"
        (store / "odd" / "manifest.json").write_bytes(b"[]")
        with pytest.raises(ModelError, match=r"manifest\.json is damaged or gone: maskwise models"):
            models.locate("odd/new")
        pull("odd", Told())
        assert models.locate("odd/new").is_file()
        assert pull("odd", Told())[0].how == "there already"
        (store / "odd" / "manifest.json").unlink()
        with pytest.raises(ModelError, match="damaged or gone"):
            models.locate("odd/new")
        pull("odd", Told())

        # carried: what was written down is carried too
        monkeypatch.setenv(place.OFFLINE_VARIABLE, "1")
        pull("odd", Told(), to=tmp_path / "there", source=store)
        assert files(tmp_path / "there").keys() == files(store).keys()
        monkeypatch.setenv(place.FOLDER_VARIABLE, str(tmp_path / "there"))
        assert models.locate("odd/new").is_file()
        assert len(inventory.remove("odd")) == 2
        assert set(files(tmp_path / "there")) == {trust.FILE}
        assert json.loads((tmp_path / "there" / trust.FILE).read_text()) == {}

    def test_a_large_file_beside_the_models_is_refused(
        self, server: Server, store: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = zipped({"manifest.json": bytes(200_000), "odd/new.onnx": UNKNOWN})
        known = replace(entries.packs()["odd"], sha256=sha(data), beside=("manifest.json",))
        monkeypatch.setattr(entries, "packs", lambda: {"odd": known})
        server.serve("odd.zip", data)
        with pytest.raises(FetchError, match="200,000 bytes, more than 100,000"):
            pull("odd", Told())

    def test_a_sha256_against_the_catalogue(self, server: Server) -> None:
        with pytest.raises(ConfigurationError, match="is known to have sha256"):
            pull("free", Told(), sha256="0" * 64)
        assert server.seen == []

    def test_a_file_put_there_by_hand_is_not_trusted(self, store: Path) -> None:
        (store / "odd").mkdir(parents=True)
        path = store / "odd" / "new.onnx"
        path.write_bytes(UNKNOWN)
        with pytest.raises(ModelError, match=r"--from .*new\.onnx --trust-first"):
            models.locate("odd/new")
        pull("odd/new", Told(), source=path, trust_first=True)
        assert models.locate("odd/new") == path

    def test_damaged_notes_are_told(self, store: Path) -> None:
        pull("odd", Told(), trust_first=True)
        (store / trust.FILE).write_text("{")
        with pytest.raises(ModelError, match=r"trusted\.json cannot be read"):
            models.locate("odd/new")


@pytest.mark.usefixtures("accepted")
class TestFromAFile:
    @pytest.fixture(autouse=True)
    def no_network(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(place.OFFLINE_VARIABLE, "1")

    @pytest.fixture
    def at_hand(self, tmp_path: Path) -> Path:
        folder = tmp_path / "stick"
        folder.mkdir()
        return folder

    def test_a_file_of_any_name(self, store: Path, at_hand: Path) -> None:
        (at_hand / "x").write_bytes(FREE)
        (one,) = pull("free", Told(), source=at_hand / "x")
        assert one.how == "copied"
        assert files(store) == {"free.onnx": FREE}
        assert (at_hand / "x").read_bytes() == FREE

    def test_a_wrong_file(self, store: Path, at_hand: Path) -> None:
        for data, reason in (
            (bytes(len(FREE)), "is another file"),
            (FREE[:-1], "has 60,000 bytes, expected 60,001"),
            (FREE + b"?", "is larger than"),
        ):
            (at_hand / "x").write_bytes(data)
            with pytest.raises(FetchError, match=reason):
                pull("free", Told(), source=at_hand / "x")
        assert files(store) == {}

    def test_a_zip(self, store: Path, at_hand: Path) -> None:
        (at_hand / "anything").write_bytes(PACK)
        pull("pack", Told(), source=at_hand / "anything")
        assert files(store) == {"pack/det.onnx": DETECTOR, "pack/rec.onnx": ENCODER}

    def test_a_zip_that_somebody_packed_again(self, store: Path, at_hand: Path) -> None:
        """Each model's own sha256 is enough."""
        again = zipped({"models/pack/rec.onnx": ENCODER})
        (at_hand / "again.zip").write_bytes(again)
        pull("pack/rec", Told(), source=at_hand / "again.zip")
        assert files(store) == {"pack/rec.onnx": ENCODER}

    def test_a_zip_of_unknown_models(self, store: Path, at_hand: Path) -> None:
        (at_hand / "odd.zip").write_bytes(ODD)
        with pytest.raises(ConfigurationError, match="--trust-first"):
            pull("odd", Told(), source=at_hand)
        with pytest.raises(FetchError, match=r"is another file than odd\.zip"):
            pull("odd", Told(), source=at_hand, sha256="0" * 64)
        pull("odd", Told(), source=at_hand, sha256=sha(ODD))
        assert files(store)["odd/new.onnx"] == UNKNOWN

    @pytest.mark.parametrize("flat", [True, False])
    def test_a_folder(self, store: Path, at_hand: Path, flat: bool) -> None:
        home = at_hand if flat else at_hand / "pack"
        home.mkdir(exist_ok=True)
        (home / "det.onnx").write_bytes(DETECTOR)
        (at_hand / "pack.zip").write_bytes(PACK)
        pull("pack", Told(), source=at_hand)
        assert files(store) == {"pack/det.onnx": DETECTOR, "pack/rec.onnx": ENCODER}

    def test_a_carried_store(
        self, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(place.OFFLINE_VARIABLE)
        for name in ("free", "pack"):
            pull(name, Told(), to=tmp_path / "carried")
        monkeypatch.setenv(place.OFFLINE_VARIABLE, "1")
        assert found_in(tmp_path / "carried") == ["free", "pack/det", "pack/rec"]
        for name in found_in(tmp_path / "carried"):
            pull(name, Told(), source=tmp_path / "carried")
        assert files(store) == files(tmp_path / "carried")
        monkeypatch.setenv(place.FOLDER_VARIABLE, str(tmp_path / "carried"))
        assert models.locate("pack/det").is_relative_to(tmp_path / "carried")

    def test_files_of_other_names_in_a_folder(self, store: Path, at_hand: Path) -> None:
        (at_hand / "a" / "b" / "c").mkdir(parents=True)
        (at_hand / "first").write_bytes(bytes(len(FREE)))  # of the same size
        (at_hand / "a" / "downloaded (1).onnx").write_bytes(FREE)
        (at_hand / "a" / "b" / "c" / "recogniser").write_bytes(ENCODER)
        assert found_in(at_hand) == ["free", "pack/rec"]
        (one,) = pull("free", Told(), source=at_hand)
        assert one.how == "copied"
        pull("pack/rec", Told(), source=at_hand)
        assert files(store) == {"free.onnx": FREE, "pack/rec.onnx": ENCODER}

    def test_the_right_file_goes_before_the_right_name(self, store: Path, at_hand: Path) -> None:
        (at_hand / "free.onnx").write_bytes(bytes(len(FREE)))
        with pytest.raises(FetchError, match=r"free\.onnx is another file"):
            pull("free", Told(), source=at_hand)
        (at_hand / "x").write_bytes(FREE)
        pull("free", Told(), source=at_hand)
        assert files(store) == {"free.onnx": FREE}

    def test_a_zip_of_another_name_in_a_folder(self, store: Path, at_hand: Path) -> None:
        (at_hand / "pack(1).zip").write_bytes(PACK)
        assert found_in(at_hand) == ["pack"]
        pull("pack/rec", Told(), source=at_hand)
        assert files(store) == {"pack/rec.onnx": ENCODER}

    def test_a_file_that_several_packs_hold_counts_once(
        self, at_hand: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        known = entries.catalogue()
        twin = replace(known["free"], name="twin", file="twin.onnx")
        monkeypatch.setattr(entries, "catalogue", lambda: {**known, "twin": twin})
        (at_hand / "x").write_bytes(FREE)
        assert found_in(at_hand) == ["free"]
        (at_hand / "twin.onnx").write_bytes(FREE)
        assert found_in(at_hand) == ["twin"]

    def test_it_is_not_looked_for_everywhere(
        self, store: Path, at_hand: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Not far down, not behind links to folders, and what has another size is not hashed."""
        deep = at_hand / "1" / "2" / "3" / "4"
        deep.mkdir(parents=True)
        (deep / "x").write_bytes(FREE)
        (at_hand / "other").write_bytes(FREE + bytes(100))
        if sys.platform != "win32":
            (at_hand / "again").symlink_to(at_hand)
            (at_hand / "three").symlink_to(deep)
            os.mkfifo(at_hand / "pipe")
        hashed: list[Path] = []
        monkeypatch.setattr(at_hand_module, "sha256_of", hashed.append)
        assert found_in(at_hand) == []
        with pytest.raises(FetchError, match="under that name or another"):
            pull("free", Told(), source=at_hand)
        assert hashed == []

    def test_one_of_unknown_sha256_goes_by_its_name(self, store: Path, at_hand: Path) -> None:
        (at_hand / "x").write_bytes(UNKNOWN)
        with pytest.raises(FetchError, match=r"there is no new\.onnx"):
            pull("odd/new", Told(), source=at_hand, trust_first=True)
        (at_hand / "x").rename(at_hand / "new.onnx")
        pull("odd/new", Told(), source=at_hand, trust_first=True)
        assert files(store)["odd/new.onnx"] == UNKNOWN

    def test_a_folder_without_it(self, store: Path, at_hand: Path) -> None:
        with pytest.raises(FetchError, match=r"there is no free\.onnx"):
            pull("free", Told(), source=at_hand)
        with pytest.raises(ConfigurationError, match="no such file"):
            pull("free", Told(), source=at_hand / "no")

    def test_no_room(self, store: Path, at_hand: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import shutil

        (at_hand / "x").write_bytes(FREE)
        usage = type(shutil.disk_usage("."))(10, 10, 0)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
        with pytest.raises(OutputError, match="make room"):
            pull("free", Told(), source=at_hand / "x")


_CHILD = """
import sys
from pathlib import Path
from maskwise.models import entries, place
from maskwise.models.entries import ModelEntry
from maskwise.models.fetch.pull import pull
name, url, sha, size = sys.argv[1:]
texts = dict.fromkeys(("about", "trained_on", "origin", "paper", "preprocessing"), "")
model = ModelEntry(name=name, file="free.onnx", sha256=sha, size=int(size), licence="MIT",
                   kind="encoder", backend="arcface", urls=(url,), **texts)
entries.catalogue = lambda: {name: model}
class Told:
    def begin(self, what, total): pass
    def have(self, count): print(count, flush=True)
    def remark(self, message): print(message, flush=True)
print(pull(name, Told())[0].how, flush=True)
"""


def child(url: str, store: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _CHILD, "free", url, sha(FREE), str(len(FREE))],
        env={**os.environ, place.FOLDER_VARIABLE: str(store)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_pulls_at_once_fetch_it_once(server: Server, tmp_path: Path) -> None:
    asset = server.serve("free.onnx", FREE, step=10_000, pause_s=0.5)
    first = child(server.url("free.onnx"), tmp_path)
    assert first.stdout is not None
    first.stdout.readline()
    second = child(server.url("free.onnx"), tmp_path)
    assert second.stdout is not None
    assert "another pull" in second.stdout.readline()
    asset.pause_s = 0.0
    out = [process.communicate(timeout=60)[0].splitlines()[-1] for process in (first, second)]
    assert out == ["fetched", "there already"]
    assert len(server.seen) == 1
    assert files(tmp_path) == {"free.onnx": FREE}


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_killed_pull_leaves_no_lock(server: Server, tmp_path: Path) -> None:
    asset = server.serve("free.onnx", FREE, step=10_000, pause_s=0.1)
    first = child(server.url("free.onnx"), tmp_path)
    assert first.stdout is not None
    while int(first.stdout.readline()) < 30_000:
        pass
    first.send_signal(signal.SIGKILL)
    first.communicate(timeout=30)
    asset.pause_s = 0.0
    told = Told()
    pull("free", told, to=tmp_path)
    assert not any("another pull" in remark for remark in told.remarks)
    assert server.ranges()[-1].startswith("bytes=")
    assert files(tmp_path) == {"free.onnx": FREE}


def test_the_lock_is_waited_for(tmp_path: Path) -> None:
    waited = []
    with alone(tmp_path, lambda: waited.append("first")):
        code = (
            "import sys; from pathlib import Path; from maskwise.models.lock import alone\n"
            "with alone(Path(sys.argv[1]), lambda: print('waits', flush=True)): print('in')"
        )
        other = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert other.stdout is not None
        assert other.stdout.readline() == "waits\n"
        time.sleep(0.2)
        assert other.poll() is None
    assert other.communicate(timeout=30)[0] == "in\n"
    assert waited == []


def test_the_real_catalogue_is_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    for name, model in entries.catalogue().items():
        assert model.name == name
        assert len(model.sha256) in (0, 64)
        assert bool(model.sha256) == bool(model.size)
        assert set(model.sha256) <= set("0123456789abcdef")
        assert model.kind in ("encoder", "detector")
        assert entries.ADDRESSED[model.backend] == model.kind
        assert all(url.startswith("https://") for url in model.urls)
        assert model.urls or model.pack
        assert not Path(model.file).is_absolute()
        assert ".." not in Path(model.file).parts
        assert all((model.about, model.trained_on, model.origin, model.paper, model.preprocessing))
        if model.accept:
            licences.licence(model.accept)
        else:
            assert licences.in_words(model.licence)
    for name, pack in entries.packs().items():
        assert pack.members
        assert all(entries.catalogue()[member].pack == name for member in pack.members)
        assert all(url.startswith("https://") for url in pack.urls)
        assert len(pack.sha256) in (0, 64)
        assert pack.sha256 or not pack.size
    names = [*entries.catalogue(), *entries.packs(), *entries.shipped()]
    assert len({name.casefold() for name in names}) == len(names)


def test_one_sha256_is_one_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    seen: dict[str, str] = {}
    for model in entries.catalogue().values():
        if model.sha256:
            assert seen.setdefault(model.sha256, model.accept) == model.accept
