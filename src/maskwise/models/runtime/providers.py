"""A device by its name -> what ONNX Runtime must be told; never another device in silence."""

from __future__ import annotations

import contextlib
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from maskwise.errors import ConfigurationError, ModelError

DEVICE_VARIABLE: Final = "MASKWISE_DEVICE"
"""Environment: the device that models run on, where no argument says so. Default: cpu."""

PRECISION_VARIABLE: Final = "MASKWISE_PRECISION"
"""Environment: ``fp32`` (default), or ``fast``: a device may compute with fewer bits."""

CPU: Final = "cpu"
AUTO: Final = "auto"
_CPU_PROVIDER: Final = "CPUExecutionProvider"
EXACT: Final = "fp32"
"""The precision that does not depend on the device."""

_PRECISIONS: Final = (EXACT, "fast")


@dataclass(frozen=True, slots=True)
class _Device:
    """provider: ONNX Runtime's name. needs: hardware and libraries. package: pip's, "" for ours."""

    provider: str
    needs: str
    package: str = ""


_GPU: Final = "onnxruntime-gpu[cuda,cudnn]"

# The best first.
_DEVICES: Final = {
    "tensorrt": _Device(
        "TensorrtExecutionProvider",
        f"an NVIDIA GPU with its driver, TensorRT, CUDA and cuDNN ({_GPU} brings the last two)",
        _GPU,
    ),
    "cuda": _Device(
        "CUDAExecutionProvider",
        f"an NVIDIA GPU with its driver, CUDA and cuDNN ({_GPU} brings both)",
        _GPU,
    ),
    "coreml": _Device("CoreMLExecutionProvider", "a Mac"),
    "directml": _Device("DmlExecutionProvider", "Windows", "onnxruntime-directml"),
    "openvino": _Device(
        "OpenVINOExecutionProvider",
        "an Intel processor, or the GPU or NPU that was named with its driver",
        "onnxruntime-openvino",
    ),
    CPU: _Device(_CPU_PROVIDER, "onnxruntime"),
}

DEVICES: Final = (*_DEVICES, AUTO)
"""The names; after ``cuda``, ``tensorrt``, ``directml`` and ``openvino`` may stand ``:UNIT``."""

# The first run of a model on TensorRT takes minutes: only who asks for it gets it.
_NOT_BY_AUTO: Final = ("tensorrt",)

_UNIT_OF: Final = {
    "tensorrt": "device_id",
    "cuda": "device_id",
    "directml": "device_id",
    "openvino": "device_type",
}


def device_name(given: str | None) -> str:
    """``given``, else the variable's, else ``cpu``; ConfigurationError for what is no device.

    A name of DEVICES, with a unit where there is more than one: ``cuda:1``, ``openvino:GPU``.
    """
    where = "device" if given is not None else DEVICE_VARIABLE
    text = given if given is not None else os.environ.get(DEVICE_VARIABLE) or CPU
    name, colon, unit = text.partition(":")
    if name not in DEVICES:
        raise ConfigurationError(f"{where}: no device {text!r}; there are: {', '.join(DEVICES)}")
    if colon and (name not in _UNIT_OF or not _is_unit(name, unit)):
        raise ConfigurationError(
            f"{where}: expected a name alone, a number after cuda:, tensorrt: or directml:, or "
            f"CPU, GPU or NPU after openvino:, got {text!r}"
        )
    return text


def precision() -> str:
    """``fp32`` or ``fast``, as the variable says; ConfigurationError for anything else."""
    text = os.environ.get(PRECISION_VARIABLE) or _PRECISIONS[0]
    if text not in _PRECISIONS:
        raise ConfigurationError(
            f"{PRECISION_VARIABLE}: expected {' or '.join(_PRECISIONS)}, got {text!r}"
        )
    return text


def available(runtime: Any) -> list[str]:
    """The devices that this build of ONNX Runtime has a provider for, the best first.

    Whether it works is only known when a model is opened: a GPU's libraries may be missing.
    """
    there = runtime.get_available_providers()
    return [name for name, device in _DEVICES.items() if device.provider in there]


def _name(device: str) -> str:
    return device.partition(":")[0]


def candidates(device: str, runtime: Any) -> list[str]:
    """The devices to try, in order: the one that was named, or for ``auto`` all that are there.

    Raises ConfigurationError when the one that was named is not there.
    """
    there = available(runtime)
    if device == AUTO:
        return [name for name in there if name not in _NOT_BY_AUTO]
    if _name(device) not in there:
        package = _DEVICES[_name(device)].package
        # Two packages that bring the module onnxruntime overwrite each other's files.
        how = package and f": pip uninstall onnxruntime, then pip install '{package}'"
        raise ConfigurationError(
            f"the device {_name(device)!r} is not there: the installed ONNX Runtime "
            f"{runtime.__version__} has {', '.join(there)}; {needs(device)}{how}"
        )
    return [device]


def provider(device: str) -> str:
    """ONNX Runtime's name of the provider of ``device``."""
    return _DEVICES[_name(device)].provider


def named_by(provider: str) -> str:
    """The device that ONNX Runtime calls so."""
    return next((n for n, one in _DEVICES.items() if one.provider == provider), provider)


def needs(device: str) -> str:
    """What ``device`` needs, for the end of a message."""
    return f"it needs {_DEVICES[_name(device)].needs}"


def provider_list(device: str, *, threads: int, exact: bool) -> list[tuple[str, dict[str, str]]]:
    """What InferenceSession takes as ``providers``: the device's, then what may help it out.

    Operators that a device lacks run on the next in the list; the CPU is always the last.
    exact: 32-bit floating point throughout; else the device may take fewer bits.
    Raises ConfigurationError for a device that cannot be exact.
    """
    name, _, unit = device.partition(":")
    if exact and unit.startswith("NPU"):
        raise ConfigurationError(
            f"the device {device!r} computes with 16 bits only: {PRECISION_VARIABLE}=fast allows it"
        )
    options = _options(name, threads, exact)
    if unit:
        options[_UNIT_OF[name]] = unit
    helpers = []
    if name == "tensorrt":
        cuda = _options("cuda", threads, exact)
        helpers.append((provider("cuda"), cuda | ({"device_id": unit} if unit else {})))
    if name != CPU:
        helpers.append((_CPU_PROVIDER, {}))
    return [(provider(name), options), *helpers]


def _options(name: str, threads: int, exact: bool) -> dict[str, str]:
    if name == "cuda":
        return {
            # Ten bits of mantissa, on by default from Ampere on.
            "use_tf32": "0" if exact else "1",
            # The default tries every algorithm for each new size of picture, and may choose
            # another one the next time.
            "cudnn_conv_algo_search": "HEURISTIC",
        }
    if name == "tensorrt":
        folder = str(engine_folder(exact))
        return {
            "trt_fp16_enable": "0" if exact else "1",
            "trt_int8_enable": "0",
            # An engine takes minutes to build; its name holds the model's hash and the GPU's kind.
            "trt_engine_cache_enable": "1",
            "trt_engine_cache_path": folder,
            "trt_timing_cache_enable": "1",
            "trt_timing_cache_path": folder,
        }
    if name == "openvino":
        return {
            "device_type": "CPU",
            # Without it OpenVINO takes bfloat16 on processors that have it (and half on GPUs).
            **({"precision": "FP32"} if exact else {}),
            "num_of_threads": str(threads),
        }
    if name == "coreml":
        return {
            # The older format leaves the precision to Core ML; the Neural Engine has half only.
            "ModelFormat": "MLProgram",
            "MLComputeUnits": "CPUAndGPU" if exact else "ALL",
            "AllowLowPrecisionAccumulationOnGPU": "0" if exact else "1",
        }
    return {}


def engine_folder(exact: bool) -> Path:
    """Where TensorRT keeps the engines that it built, which its names do not tell apart."""
    import platformdirs

    cache = Path(platformdirs.user_cache_dir("maskwise", appauthor=False))
    return cache / "tensorrt" / (EXACT if exact else "fast")


def _is_unit(name: str, unit: str) -> bool:
    if name == "openvino":
        kind, dot, number = unit.partition(".")
        return kind in ("CPU", "GPU", "NPU") and (number.isdecimal() if dot else True)
    return unit.isascii() and unit.isdecimal()


def prepare(device: str, runtime: Any) -> str:
    """What must happen in the process before ``device`` can be opened; a library that is missing.

    Raises ModelError where the folder of TensorRT's engines cannot be made.
    """
    name, exact = _name(device), precision() == EXACT
    if name == "tensorrt":
        folder = engine_folder(exact)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ModelError(f"{folder} cannot be made ({error.strerror or error})") from error
        if exact:
            # There is no option for it, and TensorRT takes ten bits of mantissa by default. Read
            # when the first engine is built; it holds for everything in the process.
            os.environ.setdefault("NVIDIA_TF32_OVERRIDE", "0")
    load = getattr(runtime, "preload_dlls", None)  # from 1.21
    if name not in ("cuda", "tensorrt") or load is None:
        return ""
    # Finds CUDA and cuDNN where pip has put them. It prints what it does not find.
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        load()
    missing = re.search(r"Failed to load \S+: (.+)", said.getvalue())
    return missing[1].strip() if missing else ""
