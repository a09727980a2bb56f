"""What is installed, set and shipped, when it is sound and when it is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from finding_tables import by_name, states

import maskwise
from maskwise import models
from maskwise.doctor import Finding, examine, machine, runtime, selftest
from maskwise.doctor.finding import guarded
from maskwise.errors import ModelError
from maskwise.models import store
from maskwise.models.runtime import opening


class TestGuard:
    def test_what_a_check_raises_is_its_last_finding(self) -> None:
        def check(error: Exception) -> Iterator[Finding]:
            yield Finding("x", "first", "ok", "fine")
            raise error

        first, last = guarded("x", lambda: check(ModelError("gone")))
        assert first.says == "fine"
        assert last == Finding("x", "x", "wrong", "gone")
        for error, words in (
            (ImportError("libGL.so.1"), "cannot be looked at: libGL.so.1"),
            (ZeroDivisionError("oops"), "cannot be looked at: ZeroDivisionError: oops"),
        ):
            assert list(guarded("x", lambda e=error: check(e)))[-1].says == words

    def test_one_area_that_fails_leaves_the_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken() -> Iterator[Finding]:
            raise OSError("no such thing")

        for name in ("installed", "machine", "settings"):
            monkeypatch.setattr(machine, name, broken)
        monkeypatch.setattr(runtime, "devices", broken)
        monkeypatch.setattr(runtime, "models", lambda _: broken())
        monkeypatch.setattr(selftest, "verify_samples", lambda _: broken())
        areas = [finding.area for finding in examine("nothing.db")]
        assert areas.count("folders") == 3


def test_one_cause_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKWISE_MODELS", "/no/such/folder")
    wrong = [f for f in examine("nothing.db") if f.state == "wrong"]
    assert len(wrong) > 2
    assert (wrong[0].area, wrong[0].name) == ("settings", "MASKWISE_MODELS")
    assert {f.says for f in wrong[1:]} == {"as above: settings, MASKWISE_MODELS"}


class TestInstalled:
    def test_what_is_here_is_sound(self) -> None:
        found = by_name(machine.installed())
        assert found["maskwise"].says == maskwise.__version__
        assert {"numpy", "onnxruntime", "pillow"} <= set(found)
        assert {finding.state for finding in found.values()} == {"ok"}

    def test_two_packages_of_one_module_are_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        there = {"opencv-python": "4.1", "opencv-python-headless": "4.2"}
        monkeypatch.setattr(machine, "_version", lambda name: there.get(name, ""))
        found = machine._package("cv2", machine._OPENCV)
        assert found.state == "wrong"
        assert (
            found.says == "opencv-python-headless 4.2, opencv-python 4.1: they overwrite each other"
        )
        assert "pip uninstall opencv-python-headless opencv-python" in found.remedy

    def test_a_module_that_cannot_be_loaded_is_wrong(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(name: str) -> None:
            raise ImportError("libGL.so.1: cannot open shared object file")

        monkeypatch.setattr(machine, "import_module", fail)
        found = machine._package("cv2", machine._OPENCV)
        assert (found.state, "libGL.so.1" in found.says) == ("wrong", True)
        assert "opencv-python-headless" in found.remedy

    def test_optional_ones_may_be_absent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(machine, "_version", lambda name: "")
        found = by_name(machine.installed())
        assert (found["dlib"].state, found["scikit-learn"].state) == ("ok", "ok")
        assert "pip install 'maskwise[dlib]'" in found["dlib"].says


class TestMachine:
    def test_it_is_told(self) -> None:
        found = by_name(machine.machine())
        assert set(found) == {"system", "processor", "memory"}
        assert re.search(r"\d+ cores? for this process", found["processor"].says)

    @pytest.mark.parametrize(("memory", "state"), [(None, "ok"), (0.5, "note"), (16.0, "ok")])
    def test_little_memory_is_said(
        self, memory: float | None, state: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = {"system": "X", "cpu": None, "cores": 1, "load": None, "memory_gb": memory}
        monkeypatch.setattr("maskwise.bench.machine.describe_machine", lambda: told)
        assert states(machine.machine())["memory"] == state


class TestSettings:
    def test_none_is_fine(self) -> None:
        assert [finding.state for finding in machine.settings()] == ["ok"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("MASKWISE_THREADS", "two"),
            ("MASKWISE_DEVICE", "gpu"),
            ("MASKWISE_PRECISION", "int8"),
            ("MASKWISE_MODELS", "nowhere"),
            ("MASKWISE_ACCEPT_LICENCES", "all"),
        ],
    )
    def test_what_cannot_be_is_wrong(
        self, name: str, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, value)
        (found,) = machine.settings()
        assert (found.name, found.state) == (name, "wrong")
        assert repr(value) in found.says

    def test_a_misspelt_one_is_noted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MASKWISE_GALERY", "x")
        (found,) = machine.settings()
        assert (found.state, found.remedy) == ("note", "did you mean MASKWISE_GALLERY?")

    def test_a_password_is_not_shown(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MASKWISE_GALLERY", "postgres://me:secret@host/db")
        monkeypatch.setenv("MASKWISE_QDRANT_API_KEY", "secret")
        place, key = machine.settings()
        assert place.says == "postgres://..."
        assert key.state == "ok"
        assert "secret" not in key.says

    def test_the_list_holds_all_that_maskwise_reads(self) -> None:
        read: set[str] = set()
        for path in Path(maskwise.__file__).parent.rglob("*.py"):
            read |= set(re.findall(r"MASKWISE_[A-Z]+(?:_[A-Z]+)*", path.read_text("utf-8")))
        read |= {"MASKWISE_DETECTOR", "MASKWISE_ENCODER"}  # of model_option, put together
        assert read == {*machine.VARIABLES, "MASKWISE_DATA"}


@pytest.mark.models
class TestDevices:
    def test_the_cpu_works(self) -> None:
        found = by_name(runtime.devices())
        assert "cpu" in found["there are"].says
        assert (found["chosen"].state, found["chosen"].says) == ("ok", "cpu, fp32")
        assert found["threads"].state == "ok"

    def test_one_that_was_chosen_and_is_not_there_is_wrong(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MASKWISE_DEVICE", "directml")
        chosen = by_name(runtime.devices())["chosen"]
        assert chosen.state == "wrong"
        assert chosen.says.startswith("the device 'directml' is not there")

    def test_auto_says_what_it_takes(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MASKWISE_DEVICE", "auto")
        assert by_name(runtime.devices())["chosen"].says == "auto: cpu, fp32"

    def test_others_that_are_there_are_tried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        ort = opening.runtime()
        there = ["CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"]
        fake = SimpleNamespace(
            get_available_providers=lambda: there,
            set_default_logger_severity=lambda _: None,
            SessionOptions=ort.SessionOptions,
            InferenceSession=lambda *_, **__: SimpleNamespace(
                get_providers=lambda: ["CPUExecutionProvider"]
            ),
            __version__="9",
        )
        monkeypatch.setattr(opening, "runtime", lambda: fake)
        monkeypatch.setattr("maskwise.models.session._sessions", {})
        found = by_name(runtime.devices())
        assert found["cuda"].state == "note"
        assert "'cuda' cannot be used" in found["cuda"].says
        assert "tensorrt" not in found

    def test_more_threads_than_cores_are_noted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MASKWISE_THREADS", "3")
        monkeypatch.setattr("maskwise.models.session.available_cores", lambda: 2)
        threads = by_name(runtime.devices())["threads"]
        assert (threads.state, threads.remedy) == ("note", "set MASKWISE_THREADS=2")


@pytest.mark.models
class TestModels:
    def test_what_ships_is_sound(self) -> None:
        found = states(runtime.models({}))
        assert dict.fromkeys(models.names(), "ok").items() <= found.items()
        assert found["store"] == found["licences"] == "ok"

    def test_a_damaged_one_is_wrong(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / models.entry("mask-state").file).write_bytes(b"half of it")
        monkeypatch.setenv("MASKWISE_MODELS", str(tmp_path))
        found = by_name(runtime.models({}))["mask-state"]
        assert (found.state, "is damaged" in found.says) == ("wrong", True)

    def test_a_pulled_one_is_looked_at(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("MASKWISE_MODELS", str(tmp_path))
        name = next(n for n in models.known() if n not in models.names() and "/" not in n)
        path = tmp_path / models.entry(name).file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half of it")
        assert by_name(runtime.models({}))[name].state in ("wrong", "note")

    def test_the_stages_that_were_chosen_are_made(self) -> None:
        found = by_name(runtime.models({"detector": "mmod", "encoder": "nobody"}))
        assert (found["detector"].state, found["encoder"].state) == ("ok", "wrong")


def test_the_store_is_not_asked_for_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert store.known()
    assert not any(runtime._is_pulled(name, tmp_path) for name in store.known())
