from __future__ import annotations

import math
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from maskwise import models
from maskwise.errors import ConfigurationError, ModelError
from maskwise.models import session, store
from maskwise.testing.pictures import plain_chips

NAME = "dlib-resnet-v1"


@pytest.mark.models
class TestOpenSession:
    def test_one_session_for_one_file_and_number_of_threads(self) -> None:
        first = models.open_session(NAME, threads=1)
        assert models.open_session(NAME, threads=1) is first
        assert models.open_session(NAME, threads=2) is not first

    def test_threads_that_ask_at_once_get_the_same(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            opened = list(pool.map(lambda _: models.open_session(NAME, threads=1), range(16)))
        assert len(set(map(id, opened))) == 1

    def test_the_number_of_threads_reaches_onnx_runtime(self) -> None:
        for count in (1, 2):
            options = models.open_session(NAME, threads=count).get_session_options()
            assert options.intra_op_num_threads == count

    def test_batches_are_joined_in_order(self) -> None:
        chips = np.concatenate([plain_chips(150)] * 4)
        whole = models.run_batches(NAME, chips, threads=1)
        assert whole.shape == (40, 128)
        np.testing.assert_allclose(whole[30:], whole[:10], atol=1e-4)
        single = models.run_batches(NAME, chips[35:36], threads=1)
        np.testing.assert_allclose(whole[35:36], single, atol=1e-4)

    def test_all_outputs_by_their_names(self) -> None:
        chips = np.concatenate([plain_chips(150)] * 4)
        told = models.outputs_of("mask-state", chips, threads=1)
        assert list(told) == ["probability", "style", "type", "alpha"]
        shapes = [array.shape for array in told.values()]
        assert shapes == [(40,), (40, 4), (40, 11), (40, 38, 38)]
        first = models.run_batches("mask-state", chips, threads=1)
        np.testing.assert_array_equal(told["probability"], first)

    def test_a_forked_process_opens_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = models.open_session(NAME, threads=1)
        monkeypatch.setattr(os, "getpid", lambda: -1)
        assert models.open_session(NAME, threads=1) is not first
        session._sessions.pop((models.locate(NAME), 1, "cpu", "fp32", -1))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_forked_while_a_lock_is_held_is_not_stuck() -> None:
    program = """
import os, signal
from maskwise import image
from maskwise.models import session
with session._lock, image._WARNINGS_LOCK:
    child = os.fork()
    if not child:
        signal.alarm(20)  # a held lock would end the child so
        with session._lock, image._WARNINGS_LOCK:
            os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stdout.strip() == b"0"


@pytest.mark.models
@pytest.mark.parametrize("imported_before", [False, True])
def test_onnx_runtime_reports_to_nobody(imported_before: bool, tmp_path: Path) -> None:
    first = "import onnxruntime\n" if imported_before else ""
    program = f"""
{first}import os
from maskwise import models
import unittest.mock as mock
if {imported_before}:
    onnxruntime.disable_telemetry_events = mock.Mock()
models.open_session({NAME!r}, threads=1)
print(os.environ["ORT_DISABLE_TELEMETRY"])
if {imported_before}:
    onnxruntime.disable_telemetry_events.assert_called_once_with()
"""
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS")
    }
    environment |= {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    assert ran.stdout == "1\n"
    if not imported_before:  # no identity of the machine was made up
        assert not list(tmp_path.rglob("*"))


def a_model(path: Path, op: str = "Relu", opset: int = 17, ir_version: int = 8) -> Path:
    """x -> op(x), one float."""
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"])], "g", values[:1], values[1:])
    opsets = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
    path.write_bytes(model.SerializeToString())
    return path


def run_one(path: Path) -> float:
    return float(models.open_file(path, threads=1).run(None, {"x": np.ones(1, np.float32)})[0][0])


class TestOpenFile:
    def test_any_file_opens_once(self, tmp_path: Path) -> None:
        path = a_model(tmp_path / "relu.onnx")
        first = models.open_file(path, threads=1)
        assert models.open_file(str(path), threads=1) is first
        assert run_one(path) == 1

    def test_a_file_that_was_replaced_is_opened_anew(self, tmp_path: Path) -> None:
        path = a_model(tmp_path / "one.onnx", "Relu")
        assert run_one(path) == 1
        a_model(path, "Neg")
        os.utime(path, (1, 1))
        assert run_one(path) == -1

    def test_also_one_of_the_same_size_and_time(self, tmp_path: Path) -> None:
        path = a_model(tmp_path / "one.onnx", "Relu")
        before = path.stat()
        assert run_one(path) == 1
        a_model(path, "Sign")
        path.write_bytes(path.read_bytes().replace(b"Sign", b"Tanh"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        assert path.stat().st_size == before.st_size
        assert run_one(path) == pytest.approx(math.tanh(1))

    def test_a_relative_path_is_that_of_the_folder_one_is_in(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, op, answer in (("a", "Relu", 1), ("b", "Neg", -1)):
            (tmp_path / name).mkdir()
            a_model(tmp_path / name / "m.onnx", op)
            monkeypatch.chdir(tmp_path / name)
            assert run_one(Path("m.onnx")) == answer

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (None, "cannot be read"),
            (b"", "it is empty"),
            (b"just some text\n", "is no ONNX file"),
            (b"<html>", "it is a web page"),
            (b"\x08\x08:\x10half", "damaged or cut short"),
        ],
    )
    def test_what_is_no_model_is_said_in_one_line(
        self, data: bytes | None, words: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "odd.onnx"
        if data is not None:
            path.write_bytes(data)
        assert words in refused(path)

    @pytest.mark.parametrize(
        ("make", "words"),
        [
            (
                {"opset": 99},
                r"is newer than ONNX Runtime \S+, which knows up to opset \d+ of ai.onnx",
            ),
            (
                {"ir_version": 99},
                r"is newer than ONNX Runtime \S+, which knows up to IR version \d+",
            ),
            ({"op": "Nope"}, r"ONNX Runtime \S+ cannot run .*: .*No Op registered for Nope"),
        ],
    )
    def test_a_model_that_this_onnx_runtime_lacks_something_for(
        self, make: dict[str, Any], words: str, tmp_path: Path
    ) -> None:
        assert re.search(words, refused(a_model(tmp_path / "new.onnx", **make)))

    def test_a_folder_is_no_model(self, tmp_path: Path) -> None:
        assert "cannot be read" in refused(tmp_path)

    def test_a_run_that_fails_is_one_line(self, tmp_path: Path) -> None:
        opened = models.open_file(a_model(tmp_path / "relu.onnx"), threads=1)
        with pytest.raises(ModelError) as caught:
            session.run("relu", opened, {"x": np.ones(2, np.float32)})
        message = str(caught.value)
        assert message.startswith("the model relu failed on the device cpu: Got invalid dimensions")
        assert "\n" not in message

    def test_nothing_is_printed(self, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
        refused(a_model(tmp_path / "new.onnx", opset=99))
        assert capfd.readouterr() == ("", "")


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        models.open_file(path, threads=1)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert "onnxruntime_src" not in message
    return message


class TestThreads:
    @pytest.fixture(autouse=True)
    def unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(session.THREADS_VARIABLE, raising=False)
        monkeypatch.delenv(store.FOLDER_VARIABLE, raising=False)

    @pytest.mark.parametrize(("text", "count"), [("1", 1), ("3", 3), ("08", 8)])
    def test_the_variable_is_taken(
        self, text: str, count: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(session.THREADS_VARIABLE, text)
        assert session.thread_count(None) == count

    @pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", " 2", "²", "1e3"])
    def test_what_is_no_number_of_threads_is_refused_and_quoted(
        self, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(session.THREADS_VARIABLE, text)
        with pytest.raises(ConfigurationError) as caught:
            models.open_session(NAME)
        assert str(caught.value).startswith(session.THREADS_VARIABLE)
        assert repr(text) in str(caught.value)

    def test_an_argument_goes_before_the_variable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(session.THREADS_VARIABLE, "7")
        assert session.thread_count(2) == 2

    @pytest.mark.parametrize("count", [0, -4])
    def test_an_argument_must_be_one_or_more(self, count: int) -> None:
        with pytest.raises(ConfigurationError, match=f"threads: .* got {count}"):
            models.open_session(NAME, threads=count)

    @pytest.mark.parametrize(("cores", "count"), [(1, 1), (6, 6), (64, 8)])
    def test_by_default_all_cores_up_to_eight(
        self, cores: int, count: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(session, "available_cores", lambda: cores)
        assert session.thread_count(None) == count

    def test_an_empty_variable_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(session.THREADS_VARIABLE, "")
        monkeypatch.setattr(session, "available_cores", lambda: 3)
        assert session.thread_count(None) == 3

    def test_cores_of_this_process_are_counted(self) -> None:
        assert 1 <= session.available_cores() <= (os.cpu_count() or 1)
