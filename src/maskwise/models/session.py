"""Open a model on ONNX Runtime, once a process."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np

from maskwise.errors import ConfigurationError, ModelError
from maskwise.models.store import locate
from maskwise.types import F32, U8

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime

THREADS_VARIABLE: Final = "MASKWISE_THREADS"
"""Environment: how many threads one run of a model may use."""

_MOST_THREADS: Final = 8  # the networks are small: more cores only wait for one another
_WARNINGS_OFF: Final = 3  # ONNX Runtime's severity: errors and worse

# Past 16 chips the time a chip no longer falls, and memory stays bounded.
_BATCH: Final = 32

# ONNX Runtime's official builds report the machine and the models to Microsoft unless told not to
# (from 1.29 on Linux, earlier on Windows). Nobody who recognises faces here has agreed to that.
_TELEMETRY_VARIABLE: Final = "ORT_DISABLE_TELEMETRY"

_sessions: dict[tuple[Path, int, int], onnxruntime.InferenceSession] = {}
_lock = Lock()


def open_session(name: str, *, threads: int | None = None) -> onnxruntime.InferenceSession:
    """The session of model ``name`` of the manifest, on the CPU.

    threads: of one run; by default MASKWISE_THREADS, else as many as there are cores for this
    process, at most 8. The same session comes back for the same file and number of threads; it
    may be used from several threads at once. A forked child opens its own.
    Raises ModelError when the file is missing, damaged or unfit, ConfigurationError for a name
    or a number of threads that cannot be.
    """
    count = _thread_count(threads)
    path = locate(name)
    key = (path, count, os.getpid())
    with _lock:
        if key not in _sessions:
            _sessions[key] = _open(path, count)
        return _sessions[key]


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


def _open(path: Path, threads: int) -> onnxruntime.InferenceSession:
    # Read at the import; who sets it to 0 has agreed.
    allowed = os.environ.setdefault(_TELEMETRY_VARIABLE, "1") == "0"
    import onnxruntime

    if not allowed:  # where the program had imported it before
        onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _WARNINGS_OFF
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Each model has its own threads. Spinning while another's work, they cost the detector a
    # quarter of its time on two cores, and the encoder after it half.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    # ONNX Runtime's exceptions share no base class of their own.
    except Exception as error:
        raise ModelError(
            f"ONNX Runtime {onnxruntime.__version__} cannot open {path}: {error}"
        ) from error


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
