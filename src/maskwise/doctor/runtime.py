"""Devices, and the models on the one that is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from maskwise.doctor.finding import Finding
from maskwise.errors import LicenceError, MaskwiseError, ModelError

_SMALLEST: Final = "maskwise-detector"  # of the shipped ONNX files

# Its first session takes minutes.
_SLOW: Final = ("tensorrt",)


def devices() -> Iterator[Finding]:
    """What ONNX Runtime has, what works of it, and what is chosen."""
    from maskwise import models
    from maskwise.models import session
    from maskwise.models.runtime import opening, providers

    there = providers.available(opening.runtime())
    chosen = providers.device_name(None)
    yield Finding("devices", "there are", "ok", ", ".join(there) or "none")
    try:
        opened = models.open_session(_SMALLEST)
    except MaskwiseError as error:
        remedy = f"choose another one ({providers.DEVICE_VARIABLE}, --device)"
        yield Finding("devices", "chosen", "wrong", str(error), remedy)
    else:
        took = providers.named_by(opened.get_providers()[0])
        says = f"{chosen}: {took}" if chosen == providers.AUTO else chosen
        yield Finding("devices", "chosen", "ok", f"{says}, {providers.precision()}")
    for name in there:
        if name not in (*_SLOW, providers.CPU, chosen.partition(":")[0]):
            yield _another(name)
    threads, cores = session.thread_count(None), session.available_cores()
    says = f"{threads} for each run of a model, {cores} cores"
    if threads > cores:
        remedy = f"set {session.THREADS_VARIABLE}={cores}"
        yield Finding("devices", "threads", "note", f"{says}: they wait for one another", remedy)
    else:
        yield Finding("devices", "threads", "ok", says)


def _another(name: str) -> Finding:
    from maskwise import models

    try:
        models.open_session(_SMALLEST, device=name)
    except MaskwiseError as error:
        return Finding("devices", name, "note", str(error))
    return Finding("devices", name, "ok", f"works; --device {name} takes it")


def models(chosen: Mapping[str, str]) -> Iterator[Finding]:
    """What ships, what the store holds, and the stages that were chosen."""
    from maskwise import models as store
    from maskwise.models import licences
    from maskwise.models.place import folder

    for name in store.names():
        yield _model(name, "reinstall maskwise: pip install --force-reinstall --no-deps maskwise")
    place = folder()
    here = [name for name in store.known() if _is_pulled(name, place)]
    for name in here:
        yield _model(name, f"maskwise models pull {name}")
    for name in store.added():
        yield _model(name, f"maskwise models remove {name}, then add it again")
    more = len(store.known()) - len(store.names()) - len(here)
    yield Finding("models", "store", "ok", f"{place}; {more} more could be pulled")
    accepted = [name for name in licences.names() if licences.is_accepted(name)]
    yield Finding("models", "licences", "ok", f"accepted: {', '.join(accepted) or 'none'}")
    for stage, address in chosen.items():
        yield _stage(stage, address)


def _is_pulled(name: str, place: Path) -> bool:
    from maskwise import models

    return name not in models.names() and (place / models.entry(name).file).is_file()


def _model(name: str, remedy: str) -> Finding:
    from maskwise import models

    try:
        path = models.locate(name)
        is_onnx = path.suffix == ".onnx"
        if is_onnx:
            models.open_file(path, device="cpu")
    except LicenceError as error:
        return Finding("models", name, "note", str(error))
    except ModelError as error:
        return Finding("models", name, "wrong", str(error), remedy)
    return Finding("models", name, "ok", f"sha256 is right{', opens' if is_onnx else ''}")


def _stage(stage: str, address: str) -> Finding:
    from maskwise import detect, encode

    try:
        made = (detect if stage == "detector" else encode).create(address)
        return Finding("models", stage, "ok", f"{address} is {made.id}")
    except MaskwiseError as error:
        return Finding("models", stage, "wrong", f"{address}: {error}")
