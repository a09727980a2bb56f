"""Open a model on ONNX Runtime, once a process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from maskwise.errors import ConfigurationError, ModelError
from maskwise.models.runtime import providers
from maskwise.models.runtime.opening import in_short, open_on
from maskwise.models.store import locate
from maskwise.types import F32, U8

if TYPE_CHECKING:
    import onnxruntime

THREADS_VARIABLE: Final = "MASKWISE_THREADS"
"""Environment: how many threads one run of a model may use."""

_MOST_THREADS: Final = 8  # the networks are small: more cores only wait for one another

# Past 16 chips the time a chip no longer falls, and memory stays bounded.
_BATCH: Final = 32

_sessions: dict[
    tuple[Path, int, str, str, int], tuple[tuple[int, ...], onnxruntime.InferenceSession]
] = {}
_lock = Lock()


def open_session(
    name: str, *, threads: int | None = None, device: str | None = None
) -> onnxruntime.InferenceSession:
    """The session of model ``name`` of the manifest; see ``open_file``.

    Raises as ``locate`` and ``open_file``.
    """
    count, where = thread_count(threads), providers.device_name(device)
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
    count, where = thread_count(threads), providers.device_name(device)
    file = Path(path).absolute()
    key = (file, count, where, providers.precision(), os.getpid())
    with _lock:
        seen = _seen(file)
        if key not in _sessions or _sessions[key][0] != seen:
            _sessions[key] = (seen, open_on(file, count, where))
        return _sessions[key][1]


def run_batches(name: str, chips: U8, threads: int | None = None) -> F32:
    """(N, S, S, 3) uint8 chips, N >= 1 -> the first output of model ``name``, (N, ...) float32.

    In batches, so that memory stays bounded. Raises as ``open_session``.
    """
    first: F32 = next(iter(outputs_of(name, chips, threads).values()))
    return first


def outputs_of(name: str, chips: U8, threads: int | None = None) -> dict[str, npt.NDArray[Any]]:
    """Likewise all outputs of model ``name`` by their names, in its order, each (N, ...)."""
    session = open_session(name, threads=threads)
    parts = [
        _run(name, session, {"chips": np.ascontiguousarray(chips[start : start + _BATCH])})
        for start in range(0, len(chips), _BATCH)
    ]
    names = [output.name for output in session.get_outputs()]
    return {
        output: np.concatenate(arrays)
        for output, arrays in zip(names, zip(*parts, strict=True), strict=True)
    }


def run(name: str, session: onnxruntime.InferenceSession, feeds: Mapping[str, Any]) -> F32:
    """The first output of ``session``, which is of model ``name``.

    Raises ModelError in one line where that fails: a GPU's memory is full, say.
    """
    output: F32 = _run(name, session, feeds)[0]
    return output


def _run(
    name: str, session: onnxruntime.InferenceSession, feeds: Mapping[str, Any]
) -> list[npt.NDArray[Any]]:
    """All outputs, in the model's order; raises as ``run``."""
    try:
        outputs: list[npt.NDArray[Any]] = session.run(None, feeds)
    # ONNX Runtime's exceptions share no base class of their own.
    except Exception as error:
        device = providers.named_by(session.get_providers()[0])
        raise ModelError(
            f"the model {name} failed on the device {device}: {in_short(error)}"
        ) from error
    return outputs


def _seen(path: Path) -> tuple[int, ...]:
    """What changes when the file does: a replaced one is opened anew."""
    try:
        state = path.stat()
    except OSError as error:
        raise ModelError(f"model file {path} cannot be read ({error.strerror or error})") from error
    # As in ``digests``: what is hashed anew is opened anew.
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


def thread_count(given: int | None) -> int:
    """How many threads one run of a model uses; see ``open_file`` for default and errors."""
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
    return min(available_cores(), _MOST_THREADS)


def _free_lock() -> None:
    """In a forked child: a thread that was not forked may have held it."""
    global _lock  # noqa: PLW0603
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_lock)


def available_cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
