"""Which of our backends reads a model of the store, and which model a backend alone means."""

from __future__ import annotations

from typing import Final, Literal

from maskwise.errors import ConfigurationError, MaskwiseError, ModelError
from maskwise.models import store
from maskwise.models.entries import ADDRESSED, Kind, packs
from maskwise.models.store import MissingModelError

_DIGITS: Final = 12  # of a sha256 in an encoder's id


def reader_of(name: str, kind: str) -> str | None:
    """The backend that reads the model ``name``; None for no such model, or one of another kind.

    kind: "encoder" or "detector".
    """
    if name not in {*store.known(), *store.added()}:
        return None
    found = store.entry(name)
    return found.backend if found.kind == kind else None


def meant_by(address: str, kind: Kind) -> str:
    """What an address of no backend and no model of this ``kind`` probably means; "" for nothing.

    A path without its backend, a pack, a backend or a model of another kind.
    """
    if address.lower().endswith(".toml"):
        return f"a manifest describes an encoder (--encoder file:{address})"
    if address.lower().endswith(".onnx"):
        readers = sorted(name for name in ADDRESSED if ADDRESSED[name] == kind and name != "file")
        choice = " or ".join(f"{name}:{address}" for name in readers)
        return f"put what reads the file before it, {choice}"
    if address in packs():
        inside = [name for name in packs()[address].members if store.entry(name).kind == kind]
        return f"it is a pack; name the model in it: {', '.join(inside)}" if inside else ""
    listed = address in {*store.known(), *store.added()}
    other = store.entry(address).kind if listed else ADDRESSED.get(address)
    if other in ("encoder", "detector") and other != kind:
        return f"{address} is {'an' if other == 'encoder' else 'a'} {other} (--{other} {address})"
    return ""


def option_of(encoder_id: str) -> str:
    """``" (--encoder NAME)"`` for the model of the store that this encoder ran; else "".

    encoder_id: ``NAME/SHA256/...``, the sha256 cut short. "" also where the store cannot be read.
    """
    name, _, rest = encoder_id.partition("/")
    sha = rest.partition("/")[0]
    try:
        models = [store.entry(one) for one in [*store.known(), *store.added()]]
    except MaskwiseError:
        return ""
    for model in models:
        described = model.backend == "file" and model.name == name
        is_it = described or (model.backend == name and model.sha256.startswith(sha))
        if model.kind == "encoder" and len(sha) == _DIGITS and is_it:
            return f" (--encoder {model.name})"
    return ""


def only_here(backend: str, preferred: str = "") -> str:
    """The one model that ``backend`` reads and that is here; ``preferred`` where it is among them.

    Raises ConfigurationError that names the choice when there is none, or several; where the only
    ones cannot be used, what ``locate`` raises for the first: a licence was not accepted, say.
    """
    names = sorted(
        name for name in {*store.known(), *store.added()} if store.entry(name).backend == backend
    )
    # One file can stand in several packs.
    faults = {name: _fault(name) for name in names}
    here = {store.entry(name).sha256 or name: name for name in names if faults[name] is None}
    if len(here) == 1 or preferred in here.values():
        return preferred if preferred in here.values() else next(iter(here.values()))
    if here:
        choice = ", ".join(f"{backend}:{name}" for name in sorted(here.values()))
        raise ConfigurationError(f"several models for {backend} are here; name one: {choice}")
    for fault in faults.values():
        if isinstance(fault, ModelError):
            raise fault
    pull = f" (maskwise models pull NAME, one of {', '.join(names)})" if names else ""
    raise ConfigurationError(
        f"no model for {backend} is here; name its file, {backend}:PATH, or fetch one{pull}"
    )


def _fault(name: str) -> ModelError | Literal["absent"] | None:
    """Why the model cannot be used; None where it can."""
    try:
        store.locate(name)
    except MissingModelError:
        return "absent"
    except ModelError as error:
        return error
    return None
