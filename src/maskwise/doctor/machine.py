"""Versions, the machine, and the variables that are set."""

from __future__ import annotations

import difflib
import os
import platform
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from maskwise import __version__
from maskwise.doctor.finding import Finding
from maskwise.errors import MaskwiseError

_LEAST_MEMORY_GB: Final = 1.0

# Module -> the distributions that bring it: two of one module overwrite each other's files.
_OPENCV: Final = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python-headless",
    "opencv-contrib-python",
)
_RUNTIMES: Final = (
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-openvino",
    "onnxruntime-directml",
    "onnxruntime-rocm",
    "onnxruntime-qnn",
)
_NEEDED: Final = {
    "numpy": ("numpy",),
    "cv2": _OPENCV,
    "onnxruntime": _RUNTIMES,
    "PIL": ("pillow", "pillow-simd"),
    "click": ("click",),
    "rich": ("rich",),
    "platformdirs": ("platformdirs",),
}
_OPTIONAL: Final = (
    (("dlib", "dlib-bin"), "the detector dlib-hog", "pip install 'maskwise[dlib]'"),
    (("scikit-learn",), "maskwise data", "pip install 'maskwise[data]'"),
)

VARIABLES: Final = (
    "MASKWISE_ACCEPT_LICENCES",
    "MASKWISE_ACTOR",
    "MASKWISE_COMPAT_HOG",
    "MASKWISE_COMPAT_STRICT",
    "MASKWISE_DATA",  # of our own tests
    "MASKWISE_DEBUG",
    "MASKWISE_DETECTOR",
    "MASKWISE_DEVICE",
    "MASKWISE_ENCODER",
    "MASKWISE_GALLERY",
    "MASKWISE_KEY_ENV",
    "MASKWISE_KEY_FILE",
    "MASKWISE_MODELS",
    "MASKWISE_OFFLINE",
    "MASKWISE_PRECISION",
    "MASKWISE_QDRANT_API_KEY",
    "MASKWISE_TEST_SEQUENCES",  # of the contract that galleries pass
    "MASKWISE_THREADS",
)
"""All that maskwise reads."""

_SECRET = ("MASKWISE_QDRANT_API_KEY",)


def installed() -> Iterator[Finding]:
    """maskwise, Python, and what maskwise stands on: that it is there, once, and can be loaded."""
    yield Finding("installed", "maskwise", "ok", __version__)
    yield Finding(
        "installed",
        "Python",
        "ok",
        f"{platform.python_version()} ({platform.python_implementation()})",
    )
    for module, names in _NEEDED.items():
        yield _package(module, names)
    for names, use, remedy in _OPTIONAL:
        found = ", ".join(f"{name} {number}" for name, number in _versions(names).items())
        says = found.partition(" ")[2] or f"not installed; for {use} alone: {remedy}"
        yield Finding("installed", names[0], "ok", says)


def _package(module: str, names: tuple[str, ...]) -> Finding:
    found = _versions(names)
    says = ", ".join(f"{name} {number}" for name, number in found.items())
    try:
        # The telemetry of onnxruntime is switched off before its import.
        if module == "onnxruntime":
            from maskwise.models.runtime.opening import runtime

            runtime()
        else:
            import_module(module)
    # A library that the module needs may be missing or of another machine.
    except Exception as error:
        wrong = f"{says or 'not installed'}; import {module}: {error}"
        return Finding("installed", names[0], "wrong", wrong, _to_mend(module, names[0]))
    if len(found) > 1:
        keep = next(iter(found))
        remedy = f"pip uninstall {' '.join(found)}, then pip install the one you want ({keep})"
        return Finding("installed", names[0], "wrong", f"{says}: they overwrite each other", remedy)
    name, number = next(iter(found.items()), (names[0], "there, not from a package"))
    return Finding("installed", name, "ok", number)


def _to_mend(module: str, name: str) -> str:
    if module == "cv2":
        return (
            "pip uninstall opencv-python, then pip install --force-reinstall "
            "opencv-python-headless, which needs no window system (libGL)"
        )
    return f"pip install --force-reinstall {name}"


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    return {name: number for name in names if (number := _version(name))}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def machine() -> Iterator[Finding]:
    """System, processor, memory."""
    from maskwise.bench.machine import describe_machine

    told = describe_machine()
    yield Finding("machine", "system", "ok", str(told["system"]))
    busy = "" if told["load"] is None else f", load {told['load']}"
    cpu = told["cpu"] or "of unknown kind"
    yield Finding("machine", "processor", "ok", f"{cpu}, {_cores(told['cores'])}{busy}")
    memory = told["memory_gb"]
    if memory is None:
        yield Finding("machine", "memory", "ok", "unknown")
    elif memory < _LEAST_MEMORY_GB:
        remedy = "free some, or work on smaller pictures"
        yield Finding("machine", "memory", "note", f"{memory:g} GB is little", remedy)
    else:
        yield Finding("machine", "memory", "ok", f"{memory:g} GB")


def _cores(count: int) -> str:
    return f"{count} core{'s' if count != 1 else ''} for this process"


def settings() -> Iterator[Finding]:
    """The variables that are set, each looked at as those look at it who read it."""
    given = {name: os.environ[name] for name in sorted(os.environ) if name.startswith("MASKWISE_")}
    if not given:
        yield Finding("settings", "variables", "ok", "none of MASKWISE_... is set")
    readers = _readers()
    for name, value in given.items():
        if name not in VARIABLES:
            near = difflib.get_close_matches(name, VARIABLES, 1)
            remedy = f"did you mean {near[0]}?" if near else "unset it"
            yield Finding("settings", name, "note", "maskwise reads no such variable", remedy)
            continue
        try:
            if name in readers:
                readers[name]()
        except MaskwiseError as error:
            yield Finding("settings", name, "wrong", str(error), "correct it, or unset it")
        else:
            says = "set; it is not shown" if name in _SECRET else _without_secrets(value)
            yield Finding("settings", name, "ok", says)


def _readers() -> dict[str, Callable[[], Any]]:
    from maskwise.models import licences, place, session
    from maskwise.models.runtime import providers

    return {
        "MASKWISE_ACCEPT_LICENCES": lambda: licences.is_accepted(licences.names()[0]),
        "MASKWISE_DEVICE": lambda: providers.device_name(None),
        "MASKWISE_MODELS": place.named_folder,
        "MASKWISE_PRECISION": providers.precision,
        "MASKWISE_THREADS": lambda: session.thread_count(None),
    }


def _without_secrets(value: str) -> str:
    """Of a URL the scheme alone: the rest may hold a password."""
    scheme, colon, _ = value.partition("://")
    return f"{scheme}://..." if colon else value or '""'
