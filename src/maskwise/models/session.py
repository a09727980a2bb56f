"""Open a model on ONNX Runtime, once a process."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from maskwise.errors import ConfigurationError, ModelError
from maskwise.models import providers
from maskwise.models.store import locate
from maskwise.types import F32, U8

if TYPE_CHECKING:
    import onnxruntime

THREADS_VARIABLE: Final = "MASKWISE_THREADS"
"""Environment: how many threads one run of a model may use."""

_MOST_THREADS: Final = 8  # the networks are small: more cores only wait for one another
_MOST_WORDS: Final = 240
_ONLY_FATAL: Final = 4  # ONNX Runtime's severity: what it prints, we raise

# Past 16 chips the time a chip no longer falls, and memory stays bounded.
_BATCH: Final = 32

# ONNX Runtime's official builds report the machine and the models to Microsoft unless told not to
# (from 1.29 on Linux, earlier on Windows). Nobody who recognises faces here has agreed to that.
_TELEMETRY_VARIABLE: Final = "ORT_DISABLE_TELEMETRY"

_log = logging.getLogger(__name__)
_sessions: dict[tuple[Path, int, str, str, int], tuple[Any, onnxruntime.InferenceSession]] = {}
_lock = Lock()


def open_session(
    name: str, *, threads: int | None = None, device: str | None = None
) -> onnxruntime.InferenceSession:
    """The session of model ``name`` of the manifest; see ``open_file``.

    Raises as ``locate`` and ``open_file``.
    """
    count, where = _thread_count(threads), providers.device_name(device)
    return open_file(locate(name), threads=count, device=where)


def open_file(
    path: str | os.PathLike[str], *, threads: int | None = None, device: str | None = None
) -> onnxruntime.InferenceSession:
    """The session of the ONNX file ``path``.

    threads: of one run; by default MASKWISE_THREADS, else as many as there are cores for this
    process, at most 8. device: a name of ``providers.DEVICES``; by default MASKWISE_DEVICE, else
    ``cpu``. ``auto`` takes the best that works, and logs which. The same session comes back for
    the same file, threads, device and precision; it may be used from several threads at once. A
    forked child opens its own.
    Raises ModelError when the file is missing, no ONNX, damaged or unfit for this ONNX Runtime,
    or when the device cannot be used; ConfigurationError for a device that is not there, and for
    a number of threads or a name that cannot be.
    """
    count, where = _thread_count(threads), providers.device_name(device)
    file = Path(path).absolute()
    key = (file, count, where, providers.precision(), os.getpid())
    with _lock:
        seen = _seen(file)
        if key not in _sessions or _sessions[key][0] != seen:
            _sessions[key] = (seen, _open(file, count, where))
        return _sessions[key][1]


def run_batches(name: str, chips: U8, threads: int | None = None) -> F32:
    """(N, S, S, 3) uint8 chips, N >= 1 -> the first output of model ``name``, (N, ...) float32.

    In batches, so that memory stays bounded. Raises as ``open_session``.
    """
    session = open_session(name, threads=threads)
    parts = [
        session.run(None, {"chips": np.ascontiguousarray(chips[start : start + _BATCH])})[0]
        for start in range(0, len(chips), _BATCH)
    ]
    joined: F32 = np.concatenate(parts)
    return joined


def runtime() -> Any:
    """The module onnxruntime, which reports to nobody."""
    # Read at the import; who sets it to 0 has agreed.
    allowed = os.environ.setdefault(_TELEMETRY_VARIABLE, "1") == "0"
    import onnxruntime

    if not allowed:  # where the program had imported it before
        onnxruntime.disable_telemetry_events()
    return onnxruntime


def _open(path: Path, threads: int, device: str) -> onnxruntime.InferenceSession:
    ort = runtime()
    *better, last = providers.candidates(device, ort)
    for name in better:  # of "auto" alone
        session = _if_it_works(ort, path, threads, name)
        if session is not None:
            return session
    session = _open_on(ort, path, threads, last)
    if device == providers.AUTO:
        _log.info("%s runs on the device %s", path.name, last)
    return session


def _if_it_works(
    ort: Any, path: Path, threads: int, device: str
) -> onnxruntime.InferenceSession | None:
    try:
        session = _open_on(ort, path, threads, device)
    except ModelError as error:
        _log.warning("device %s cannot be used, the next is tried: %s", device, error)
        return None
    _log.info("%s runs on the device %s", path.name, device)
    return session


def _open_on(ort: Any, path: Path, threads: int, device: str) -> onnxruntime.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = _ONLY_FATAL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Each model has its own threads. Spinning while another's work, they cost the detector a
    # quarter of its time on two cores, and the encoder after it half.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers.prepare(device, ort)
    if device != providers.CPU:
        options.use_deterministic_compute = True
    if device.startswith("directml"):
        options.enable_mem_pattern = False  # DirectML's own condition
    wanted = providers.provider_list(device, threads=threads, exact=providers.precision() == "fp32")
    try:
        # Its own fallback tells stdout of it, and goes on.
        session = ort.InferenceSession(
            str(path), sess_options=options, providers=wanted, enable_fallback=0
        )
    # ONNX Runtime's exceptions share no base class of their own.
    except Exception as error:
        raise ModelError(
            f"ONNX Runtime {ort.__version__} cannot open {path}: {_first_words(error)}"
        ) from error
    got = session.get_providers()[0]
    if got != wanted[0][0]:
        raise ModelError(
            f"the device {device!r} cannot be used: ONNX Runtime {ort.__version__} has its "
            f"provider, but took {got} instead (a library or the hardware is missing); "
            f"{providers.remedy(device)}"
        )
    return session


def _first_words(error: Exception) -> str:
    """ONNX Runtime's message on one line, without its codes, file names and source lines."""
    text = re.sub(r"\s+", " ", str(error)).strip()
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : ([A-Z_]+) : ", "", text)
    text = re.sub(r"^Load model from .*? failed: ?", "", text)
    return text if len(text) <= _MOST_WORDS else text[:_MOST_WORDS] + "..."


def _seen(path: Path) -> tuple[int, int]:
    """What changes when the file does: a replaced one is opened anew."""
    try:
        state = path.stat()
    except OSError as error:
        raise ModelError(f"model file {path} cannot be read ({error.strerror or error})") from error
    return state.st_size, state.st_mtime_ns


def _thread_count(given: int | None) -> int:
    if given is not None:
        if given < 1:
            raise ConfigurationError(f"threads: expected 1 or more, got {given}")
        return given
    text = os.environ.get(THREADS_VARIABLE)
    if text:
        if not text.isdecimal() or int(text) < 1:
            raise ConfigurationError(
                f"{THREADS_VARIABLE}: expected a whole number from 1 up, got {text!r}"
            )
        return int(text)
    return min(_available_cores(), _MOST_THREADS)


def _free_lock() -> None:
    """In a forked child: a thread that was not forked may have held it."""
    global _lock  # noqa: PLW0603
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_lock)


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
