"""One ONNX file on one device of ONNX Runtime; every failure is one clear line."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maskwise.errors import ModelError
from maskwise.models.runtime import providers
from maskwise.models.runtime.onnx_graph import read_graph

if TYPE_CHECKING:
    import onnxruntime

_NOTHING: Final = 4  # severity of ONNX Runtime's log: what it prints, we raise
_WARNINGS: Final = 2  # the severity that it begins with
_LONGEST_REASON: Final = 240

# ONNX Runtime's official builds report the machine and the models to Microsoft unless told not to
# (from 1.29 on Linux, earlier on Windows). Nobody who recognises faces here has agreed to that.
_TELEMETRY_VARIABLE: Final = "ORT_DISABLE_TELEMETRY"

_CODE: Final = re.compile(r"\[ONNXRuntimeError\] : \d+ : [A-Z_]+ : ")
_PLACE: Final = re.compile(
    r"(?:Load model from .*? failed:)?\s*(?:/\S+\.(?:cc|h):\d+ .*?\) (?=[A-Z]))?"
)
_TOO_NEW: Final = re.compile(r"domain (\S+) is till opset (\d+)|max supported IR version: (\d+)")

_log = logging.getLogger("maskwise.models")
_broken: set[str] = set()
_told: set[str] = set()


class _DeviceError(ModelError):
    """The device is at fault, not the file."""


def runtime() -> Any:
    """The module onnxruntime, which reports to nobody."""
    # Read at the import; who sets it to 0 has agreed.
    allowed = os.environ.setdefault(_TELEMETRY_VARIABLE, "1") == "0"
    import onnxruntime

    if not allowed:  # where the program had imported it before
        onnxruntime.disable_telemetry_events()
    return onnxruntime


def open_on(path: Path, threads: int, device: str) -> onnxruntime.InferenceSession:
    """A new session of ``path`` on ``device``, a name that ``providers.device_name`` returned.

    ``auto`` goes on to the next device where one does not work, which it logs as a warning, and
    logs the one that it took; each once a process.
    Raises ModelError where the file or the device cannot be used, ConfigurationError where the
    device is not there.
    """
    ort = runtime()
    *better, last = providers.candidates(device, ort)
    for name in better:  # of "auto" alone
        session = None if name in _broken else _if_it_works(ort, path, threads, name)
        if session is not None:
            return session
    session = _open(ort, path, threads, last)
    if device == providers.AUTO:
        _tell(last)
    return session


def _if_it_works(
    ort: Any, path: Path, threads: int, device: str
) -> onnxruntime.InferenceSession | None:
    try:
        session = _open(ort, path, threads, device)
    except _DeviceError as error:
        _broken.add(device)
        _log.warning("%s; auto goes on to the next device", error)
        return None
    _tell(device)
    return session


def _tell(device: str) -> None:
    if device not in _told:
        _told.add(device)
        _log.info("models run on the device %s", device)


def _open(ort: Any, path: Path, threads: int, device: str) -> onnxruntime.InferenceSession:
    listed = providers.provider_list(
        device, threads=threads, exact=providers.precision() == providers.EXACT
    )
    if device == providers.CPU:
        try:
            return _session(ort, path, threads, device, listed)
        # ONNX Runtime's exceptions share no base class of their own.
        except Exception as error:
            raise ModelError(_why(ort, path, error)) from error
    missing = providers.prepare(device, ort)
    ort.set_default_logger_severity(_NOTHING)
    try:
        session = _session(ort, path, threads, device, listed)
    except Exception as error:
        _open(ort, path, threads, providers.CPU)  # raises where the file is at fault
        raise _DeviceError(_useless(device, missing or in_short(error))) from error
    finally:
        ort.set_default_logger_severity(_WARNINGS)
    _must_run_there(session, path, device, missing)
    return session


def _session(
    ort: Any, path: Path, threads: int, device: str, listed: list[tuple[str, dict[str, str]]]
) -> onnxruntime.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = _NOTHING
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Each model has its own threads. They wait awake for their next part of a run, since a small
    # network has many, and sleep after it: awake while another model works, they would cost that
    # a quarter to half of its time on two cores.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    if device != providers.CPU:
        options.use_deterministic_compute = True
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
    if device.startswith("directml"):
        options.enable_mem_pattern = False  # DirectML's own condition
    # Its own fallback would print, and go on with the CPU.
    session: onnxruntime.InferenceSession = ort.InferenceSession(
        str(path), sess_options=options, providers=listed, enable_fallback=0
    )
    return session


def _must_run_there(
    session: onnxruntime.InferenceSession, path: Path, device: str, missing: str
) -> None:
    """ONNX Runtime goes on with the CPU where a provider's libraries or hardware are missing."""
    wanted = providers.provider(device)
    if session.get_providers()[0] != wanted:
        reason = missing or "a library or the hardware is missing"
        raise _DeviceError(_useless(device, reason))
    ask = getattr(session, "get_provider_graph_assignment_info", None)  # from 1.24
    if ask is not None and not any(part.ep_name == wanted for part in ask()):
        raise _DeviceError(
            f"the device {device!r} can run no part of {path}; choose another one "
            f"(--device, {providers.DEVICE_VARIABLE})"
        )


def _useless(device: str, reason: str) -> str:
    return f"the device {device!r} cannot be used ({reason}); {providers.needs(device)}"


def _why(ort: Any, path: Path, error: Exception) -> str:
    """What is wrong with ``path``, that ONNX Runtime refused."""
    text = str(error)
    if (limit := _TOO_NEW.search(text)) is not None:
        known = f"IR version {limit[3]}" if limit[3] else f"opset {limit[2]} of {limit[1]}"
        return (
            f"{path} is newer than ONNX Runtime {ort.__version__}, which knows up to {known}: "
            "update it (pip install --upgrade onnxruntime), or export the model for that"
        )
    if path.suffix != ".ort":
        try:
            read_graph(path, 0)
        except ModelError as found:
            return str(found)
    return f"ONNX Runtime {ort.__version__} cannot run {path}: {in_short(error)}"


def in_short(error: Exception) -> str:
    """ONNX Runtime's message on one line, without its codes and the places in its source."""
    text = re.sub(r"\s+", " ", str(error)).strip()
    text = _PLACE.sub("", _CODE.sub("", text, count=1), count=1).strip().rstrip(".")
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "..."
