"""Where a pack's files lie, and which of them is which."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from maskwise import models
from maskwise.errors import ConfigurationError, ModelError
from maskwise.models import entries, licences
from maskwise.models.place import folder as store_folder
from maskwise.models.runtime import opening
from maskwise.models.runtime.onnx_graph import read_graph
from maskwise.paths import expanded

DETECTION: Final = "detection"
RECOGNITION: Final = "recognition"
RUN: Final = (DETECTION, RECOGNITION)
"""The modules that maskwise runs."""

OTHERS: Final = ("genderage", "landmark_2d_106", "landmark_3d_68", "inswapper")
"""The modules of insightface's packs that it does not."""

_LANDMARKS_3D: Final = 3309  # numbers that the file with 68 points in space gives


def of_pack(name: str, root: str | os.PathLike[str]) -> list[Path]:
    """The ONNX files of a pack, sorted: below ``root``/models as insightface has them, or ours.

    A folder within the folder, as antelopev2's zip makes it, is looked into. name: of a pack, or
    the path of a folder. Raises ModelError that says how to get them when there are none,
    LicenceError when the pack's licence must be accepted first.
    """
    folder = expanded(root) / "models" / name
    pack = entries.packs().get(name)
    for place in (folder, folder / Path(name).name):
        found = sorted(place.glob("*.onnx"))
        if found:
            if pack is not None and pack.accept:
                licences.require(pack.accept)
            return found
    members = pack.members if pack is not None else ()
    here = [one for one in members if (store_folder() / models.entry(one).file).is_file()]
    found = [models.locate(one) for one in here] or sorted(expanded(name).glob("*.onnx"))
    if found:
        return sorted(found, key=lambda path: path.name)
    packs = entries.packs()
    remedy = (
        f"maskwise models pull {name}"
        if name in packs
        else f"put its ONNX files there, or name one that `maskwise models pull` fetches: "
        f"{', '.join(sorted(packs))}"
    )
    raise ModelError(f"no model files of {name} in {folder}, and nothing is downloaded: {remedy}")


def of_model(name: str, root: str | os.PathLike[str]) -> str:
    """What get_model's ``name`` means: a file, a model of the store, or the last file of a pack.

    Raises as ``of_pack``.
    """
    if name in models.known() or name in models.added():
        return name
    path = expanded(name)
    if name.endswith(".onnx"):
        if not path.is_file():
            raise ModelError(
                f"no model file {path}, and nothing is downloaded: `maskwise models pull` fetches "
                "insightface's packs"
            )
        return str(path)
    return str(of_pack(name, root)[-1])


def task_of(path: str | os.PathLike[str]) -> str | None:
    """What the model is for: ``detection``, ``recognition``, one of OTHERS; None if unknown.

    By the rule of insightface's model_zoo/model_zoo.py: the number of outputs, then the size of
    the input. Raises ModelError for what ONNX Runtime cannot open.
    """
    opened = _opened(path)
    inputs, outputs = opened.get_inputs(), opened.get_outputs()
    shape: Sequence[Any] = inputs[0].shape if inputs else ()
    height, width = shape[2:4] if len(shape) == 4 else (None, None)
    if len(outputs) >= 5:
        return DETECTION
    if not isinstance(height, int) or height != width:
        return None
    if height == 192:
        numbers = outputs[0].shape[1:]
        return "landmark_3d_68" if list(numbers) == [_LANDMARKS_3D] else "landmark_2d_106"
    if height == 96:
        return "genderage"
    if len(inputs) == 2 and height == 128:
        return "inswapper"
    return RECOGNITION if height >= 112 and height % 16 == 0 else None


def check_modules(allowed: Sequence[str] | None) -> None:
    """ConfigurationError unless ``allowed`` names modules that are run here, detection among them.

    None: all that there are.
    """
    if allowed is None:
        return
    if isinstance(allowed, str):
        raise ConfigurationError(f"allowed_modules: expected a list of names, got {allowed!r}")
    for name in allowed:
        if name in OTHERS:
            raise ConfigurationError(
                f"allowed_modules: maskwise does not run {name}, only {' and '.join(RUN)}; leave "
                "it out, and take it from insightface itself where you need it"
            )
        if name not in RUN:
            raise ConfigurationError(
                f"allowed_modules: no module {name!r}; there are: {', '.join(RUN)}"
            )
    if DETECTION not in allowed:
        raise ConfigurationError(
            f"allowed_modules: {DETECTION!r} is missing; without it use get_model() of "
            "maskwise.compat.insightface.model_zoo"
        )


def _opened(path: str | os.PathLike[str]) -> Any:
    """A session to look at, not to run: nothing is optimised, and it is not kept."""
    read_graph(path, 0)
    runtime = opening.runtime()
    options = runtime.SessionOptions()
    options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        return runtime.InferenceSession(
            os.fspath(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    # ONNX Runtime's exceptions share no base class of their own.
    except Exception as error:
        raise ModelError(
            f"{path} cannot be opened as an ONNX model: {opening.in_short(error)}"
        ) from error
