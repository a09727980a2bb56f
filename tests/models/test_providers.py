"""Devices, on an ONNX Runtime that is a fake: none but the CPU's provider is installed here."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import onnx
import pytest
from onnx import helper

from maskwise import models
from maskwise.cli import _DEVICE_VARIABLE, _DEVICES
from maskwise.errors import ConfigurationError, ModelError
from maskwise.models import session
from maskwise.models.runtime import opening, providers

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
OPENVINO = "OpenVINOExecutionProvider"
COREML = "CoreMLExecutionProvider"
DIRECTML = "DmlExecutionProvider"


class Options:
    """SessionOptions, which keeps what it is told."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        self.entries[key] = value


class Runtime:
    """onnxruntime with these providers.

    works: what a session gets of those it asked for. fails: raise at these instead. runs: the
    providers that nodes are given to; None: the first that works. prints: what preload_dlls does.
    """

    __version__ = "9.9.9"
    SessionOptions = Options

    def __init__(
        self,
        *there: str,
        works: tuple[str, ...] | None = None,
        fails: tuple[str, ...] = (),
        runs: tuple[str, ...] | None = None,
        prints: str = "",
    ) -> None:
        self.there = [*there, CPU]
        self.works = [CPU, *(there if works is None else works)]
        self.fails = fails
        self.runs = runs
        self.prints = prints
        self.asked: list[tuple[list[tuple[str, dict[str, str]]], Options, dict[str, Any]]] = []
        self.severities: list[int] = []
        self.preloaded = 0

    def get_available_providers(self) -> list[str]:
        return self.there

    def set_default_logger_severity(self, level: int) -> None:
        self.severities.append(level)

    def preload_dlls(self) -> None:
        self.preloaded += 1
        print(self.prints)

    def InferenceSession(  # noqa: N802
        self, path: str, *, sess_options: Options, providers: Any, **more: Any
    ) -> SimpleNamespace:
        self.asked.append((providers, sess_options, more))
        names = [name for name, _ in providers]
        if names[0] in self.fails:
            raise RuntimeError("[ONNXRuntimeError] : 1 : FAIL : the driver\nis too old.")
        got = [name for name in names if name in self.works]
        ran = self.runs if self.runs is not None else got[:1]
        return SimpleNamespace(
            get_providers=lambda: got,
            get_provider_graph_assignment_info=lambda: [SimpleNamespace(ep_name=n) for n in ran],
        )

    @property
    def options(self) -> dict[str, str]:
        """What the first provider of the last session was told."""
        return self.asked[-1][0][0][1]

    @property
    def names(self) -> list[str]:
        """The providers of the last session."""
        return [name for name, _ in self.asked[-1][0]]


Use = Callable[[Runtime], Runtime]


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Use:
    """Put a fake in the place of onnxruntime."""
    monkeypatch.delenv(providers.DEVICE_VARIABLE, raising=False)
    monkeypatch.delenv(providers.PRECISION_VARIABLE, raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda *_, **__: str(tmp_path / "cache"))
    # What the tests set is put back; setenv makes sure that there is something to put back.
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "")
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE")
    monkeypatch.setattr(session, "_sessions", {})
    monkeypatch.setattr(opening, "_broken", set())
    monkeypatch.setattr(opening, "_told", set())

    def put(fake: Runtime) -> Runtime:
        monkeypatch.setattr(opening, "runtime", lambda: fake)
        return fake

    return put


@pytest.fixture
def model(tmp_path: Path) -> Path:
    values = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    path = tmp_path / "relu.onnx"
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def message(error: type[Exception], path: Path, device: str | None) -> str:
    with pytest.raises(error) as caught:
        models.open_file(path, threads=1, device=device)
    text = str(caught.value)
    assert "\n" not in text
    return text


class TestNames:
    @pytest.mark.parametrize(
        "name", [*providers.DEVICES, "cuda:1", "directml:0", "openvino:GPU.1", "openvino:CPU"]
    )
    def test_a_device_is_taken(self, name: str) -> None:
        assert providers.device_name(name) == name

    @pytest.mark.parametrize(
        "name",
        [
            *("", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:²", "cpu:0", "auto:1"),
            *("openvino:0", "openvino:GPU.", "openvino:TPU", "coreml:0", "CUDAExecutionProvider"),
        ],
    )
    def test_what_is_no_device_is_quoted(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match="device") as caught:
            providers.device_name(name)
        assert repr(name) in str(caught.value)

    def test_the_variable_counts_where_no_argument_does(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(providers.DEVICE_VARIABLE, "cuda")
        assert providers.device_name(None) == "cuda"
        assert providers.device_name("cpu") == "cpu"
        monkeypatch.setenv(providers.DEVICE_VARIABLE, "")
        assert providers.device_name(None) == "cpu"
        monkeypatch.setenv(providers.DEVICE_VARIABLE, "gpu")
        with pytest.raises(ConfigurationError, match="MASKWISE_DEVICE: no device 'gpu'"):
            providers.device_name(None)

    def test_the_precision_is_one_of_two(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(providers.PRECISION_VARIABLE, "fp16")
        with pytest.raises(ConfigurationError, match="fp32 or fast, got 'fp16'"):
            providers.precision()

    def test_the_command_line_knows_the_same_devices(self) -> None:
        assert sorted(_DEVICES) == sorted(providers.DEVICES)
        assert _DEVICE_VARIABLE == providers.DEVICE_VARIABLE


class TestWhatIsAskedFor:
    def test_the_cpu_alone_by_default_also_where_there_is_more(self, use: Use, model: Path) -> None:
        fake = use(Runtime(CUDA))
        models.open_file(model, threads=3)
        assert fake.asked[-1][0] == [(CPU, {})]
        assert fake.asked[-1][1].intra_op_num_threads == 3  # type: ignore[attr-defined]
        assert fake.severities == []

    @pytest.mark.parametrize(
        ("device", "names"),
        [
            ("cuda", [CUDA, CPU]),
            ("tensorrt", [TENSORRT, CUDA, CPU]),
            ("openvino", [OPENVINO, CPU]),
            ("coreml", [COREML, CPU]),
            ("directml", [DIRECTML, CPU]),
        ],
    )
    def test_the_device_comes_first_and_the_cpu_helps_out(
        self, device: str, names: list[str], use: Use, model: Path
    ) -> None:
        fake = use(Runtime(CUDA, TENSORRT, OPENVINO, COREML, DIRECTML))
        models.open_file(model, threads=1, device=device)
        assert fake.names == names
        _, options, more = fake.asked[-1]
        assert more == {"enable_fallback": 0}
        assert options.use_deterministic_compute is True  # type: ignore[attr-defined]

    def test_the_variable_chooses_too(
        self, use: Use, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = use(Runtime(CUDA))
        monkeypatch.setenv(providers.DEVICE_VARIABLE, "cuda:2")
        models.open_file(model, threads=1)
        assert fake.names == [CUDA, CPU]
        assert fake.options["device_id"] == "2"

    def test_sessions_of_two_devices_or_precisions_are_two(
        self, use: Use, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = use(Runtime(CUDA))
        for device in ("cpu", "cuda", "cuda:1", "cuda"):
            models.open_file(model, threads=1, device=device)
        monkeypatch.setenv(providers.PRECISION_VARIABLE, "fast")
        models.open_file(model, threads=1, device="cuda")
        assert len(fake.asked) == 4

    @pytest.mark.parametrize(
        ("device", "told"),
        [
            ("cuda", {"use_tf32": ("0", "1")}),
            ("tensorrt", {"trt_fp16_enable": ("0", "1")}),
            ("openvino", {"device_type": ("CPU", "CPU"), "precision": ("FP32", None)}),
            ("openvino:GPU", {"device_type": ("GPU", "GPU"), "precision": ("FP32", None)}),
            (
                "coreml",
                {
                    "MLComputeUnits": ("CPUAndGPU", "ALL"),
                    "AllowLowPrecisionAccumulationOnGPU": ("0", "1"),
                },
            ),
        ],
    )
    def test_fewer_bits_only_where_they_were_allowed(
        self,
        device: str,
        told: dict[str, tuple[str, str | None]],
        use: Use,
        model: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        fake = use(Runtime(CUDA, TENSORRT, OPENVINO, COREML))
        for k, precision in enumerate(("fp32", "fast")):
            monkeypatch.setenv(providers.PRECISION_VARIABLE, precision)
            models.open_file(model, threads=1, device=device)
            expected = {key: values[k] for key, values in told.items()}
            assert {key: fake.options.get(key) for key in told} == expected

    def test_tensorrt_keeps_its_engines_apart_by_precision(
        self, use: Use, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = use(Runtime(TENSORRT, CUDA))
        models.open_file(model, threads=1, device="tensorrt:1")
        exact = fake.options["trt_engine_cache_path"]
        assert os.environ["NVIDIA_TF32_OVERRIDE"] == "0"
        assert Path(exact).is_dir()
        assert [options["device_id"] for _, options in fake.asked[-1][0][:2]] == ["1", "1"]
        monkeypatch.setenv(providers.PRECISION_VARIABLE, "fast")
        models.open_file(model, threads=1, device="tensorrt")
        assert fake.options["trt_engine_cache_path"] != exact

    def test_openvino_gets_the_threads(self, use: Use, model: Path) -> None:
        fake = use(Runtime(OPENVINO))
        models.open_file(model, threads=3, device="openvino")
        assert fake.options["num_of_threads"] == "3"

    def test_directml_gets_the_memory_it_wants(self, use: Use, model: Path) -> None:
        fake = use(Runtime(DIRECTML))
        models.open_file(model, threads=1, device="directml:1")
        assert fake.asked[-1][1].enable_mem_pattern is False  # type: ignore[attr-defined]
        assert fake.options == {"device_id": "1"}

    def test_an_npu_is_asked_for_half_precision_by_who_allows_it(
        self, use: Use, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = use(Runtime(OPENVINO))
        text = message(ConfigurationError, model, "openvino:NPU")
        assert "MASKWISE_PRECISION=fast allows it" in text
        monkeypatch.setenv(providers.PRECISION_VARIABLE, "fast")
        models.open_file(model, threads=1, device="openvino:NPU")
        assert fake.options["device_type"] == "NPU"


class TestWhatIsNotThere:
    @pytest.mark.parametrize(
        ("device", "package"),
        [
            ("cuda", "onnxruntime-gpu[cuda,cudnn]"),
            ("tensorrt:0", "onnxruntime-gpu[cuda,cudnn]"),
            ("openvino", "onnxruntime-openvino"),
            ("directml", "onnxruntime-directml"),
            ("coreml", "a Mac"),
        ],
    )
    def test_a_device_without_a_provider_is_an_error_that_names_the_package(
        self, device: str, package: str, use: Use, model: Path
    ) -> None:
        fake = use(Runtime())
        text = message(ConfigurationError, model, device)
        assert f"the device {device.partition(':')[0]!r} is not there" in text
        assert "has cpu;" in text
        assert package in text
        assert fake.asked == []

    def test_a_silent_fall_to_the_cpu_is_an_error(self, use: Use, model: Path) -> None:
        fake = use(Runtime(OPENVINO, works=()))
        text = message(ModelError, model, "openvino:GPU")
        assert text.startswith("the device 'openvino:GPU' cannot be used (")
        assert "or the GPU or NPU that was named" in text
        assert fake.severities == [4, 2]

    def test_the_library_that_is_missing_is_named_and_nothing_printed(
        self, use: Use, model: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        said = "Failed to load libcudnn.so.9: libcudnn.so.9: no such file\nPlease read a page."
        fake = use(Runtime(CUDA, works=(), prints=said))
        text = message(ModelError, model, "cuda")
        assert "cannot be used (libcudnn.so.9: no such file);" in text
        assert fake.preloaded == 1
        assert capsys.readouterr().out == ""

    def test_a_provider_that_raises_is_at_fault_where_the_cpu_can_open_the_file(
        self, use: Use, model: Path
    ) -> None:
        use(Runtime(CUDA, fails=(CUDA,)))
        text = message(ModelError, model, "cuda")
        assert text.startswith("the device 'cuda' cannot be used (the driver is too old);")

    def test_a_file_that_no_device_can_open_is_itself_at_fault(
        self, use: Use, tmp_path: Path
    ) -> None:
        use(Runtime(CUDA, fails=(CUDA, CPU)))
        path = tmp_path / "odd.onnx"
        path.write_bytes(b"no model")
        for device in ("cuda", "auto", "cpu"):
            assert "is no ONNX file" in message(ModelError, path, device)

    def test_a_model_of_which_the_device_runs_nothing_is_an_error(
        self, use: Use, model: Path
    ) -> None:
        use(Runtime(COREML, runs=(CPU,)))
        assert "can run no part of" in message(ModelError, model, "coreml")

    def test_a_folder_of_engines_that_cannot_be_made(
        self, use: Use, model: Path, tmp_path: Path
    ) -> None:
        use(Runtime(TENSORRT, CUDA))
        (tmp_path / "cache").write_text("a file")
        assert "cannot be made" in message(ModelError, model, "tensorrt")


class TestAuto:
    @pytest.mark.parametrize(
        ("there", "first"),
        [
            ((), CPU),
            ((OPENVINO,), OPENVINO),
            ((OPENVINO, DIRECTML), DIRECTML),
            ((TENSORRT, CUDA), CUDA),
            (("AzureExecutionProvider",), CPU),
        ],
    )
    def test_the_best_that_is_there(
        self, there: tuple[str, ...], first: str, use: Use, model: Path
    ) -> None:
        fake = use(Runtime(*there))
        models.open_file(model, threads=1, device="auto")
        assert fake.names[0] == first

    def test_what_does_not_work_is_passed_over_and_said_once(
        self, use: Use, model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        fake = use(Runtime(CUDA, OPENVINO, works=(OPENVINO,)))
        other = tmp_path / "other.onnx"
        other.write_bytes(model.read_bytes())
        with caplog.at_level(logging.INFO, "maskwise.models"):
            for path in (model, other):
                models.open_file(path, threads=1, device="auto")
        assert fake.names == [OPENVINO, CPU]
        assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
        assert "'cuda' cannot be used" in caplog.messages[0]
        assert caplog.messages[1] == "models run on the device openvino"
        assert sum(names[0][0] == CUDA for names, _, _ in fake.asked) == 1
