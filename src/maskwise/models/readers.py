"""Which of our backends reads a model of the store, and which model a backend alone means."""

from __future__ import annotations

from maskwise.errors import ConfigurationError, ModelError
from maskwise.models import store


def reader_of(name: str, kind: str) -> str | None:
    """The backend that reads the model ``name``; None for no such model, or one of another kind.

    kind: "encoder" or "detector".
    """
    try:
        found = store.entry(name)
    except ConfigurationError:
        return None
    return found.backend if found.kind == kind else None


def only_here(backend: str, preferred: str = "") -> str:
    """The one model that ``backend`` reads and that is here; ``preferred`` where it is among them.

    Raises ConfigurationError that names the choice when there is none, or several.
    """
    names = sorted(
        name for name in {*store.known(), *store.added()} if store.entry(name).backend == backend
    )
    # One file can stand in several packs.
    here = {store.entry(name).sha256 or name: name for name in names if _is_here(name)}
    if len(here) == 1 or preferred in here.values():
        return preferred if preferred in here.values() else next(iter(here.values()))
    if here:
        choice = ", ".join(f"{backend}:{name}" for name in sorted(here.values()))
        raise ConfigurationError(f"several models for {backend} are here; name one: {choice}")
    pull = f" (maskwise models pull NAME, one of {', '.join(names)})" if names else ""
    raise ConfigurationError(
        f"no model for {backend} is here; name its file, {backend}:PATH, or fetch one{pull}"
    )


def _is_here(name: str) -> bool:
    try:
        store.locate(name)
    except ModelError:
        return False
    return True
