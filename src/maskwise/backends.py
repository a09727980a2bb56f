"""An address -> a backend: the built-in ones, the store's, and those of installed packages.

An address is a name (``maskwise``), or a name and what it shall read (``yunet:~/yunet.onnx``,
``arcface:buffalo_l/w600k_r50``), or the name of a model that the store knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import TypeVar

from maskwise.errors import ConfigurationError, MaskwiseError

Backend = TypeVar("Backend")


def create_backend(
    kind: str,
    address: str,
    built_in: Mapping[str, Callable[[], Backend]],
    group: str,
    *,
    readers: Mapping[str, Callable[[str | None], Backend]] | None = None,
    stored: Callable[[str], str | None] = lambda _: None,
    meant: Callable[[str], str] = lambda _: "",
) -> Backend:
    """The backend that ``address`` means.

    built_in: factories of those that take no file. readers: of those that read one, given what
    stands behind the colon, or None. stored: which reader reads the model of that name, or None.
    meant: what an address that is none probably means, in words, or "".
    An entry point in ``group`` names a callable (a class will do) that returns the backend, given
    what stands behind the colon, if anything does; it cannot take the name of a built-in one.
    Raises ConfigurationError that lists what exists when there is none of that name, when a
    backend takes no file and is given one, and when an entry point cannot be loaded.
    """
    readers = readers or {}
    name, colon, what = address.partition(":")
    if colon and not what:
        raise ConfigurationError(
            f"the {kind} {address!r}: write a model's name or a path behind the colon, or leave "
            "the colon out"
        )
    if name in readers:
        return readers[name](what or None)
    if name in built_in:
        if what:
            raise ConfigurationError(
                f"the {kind} {name} ships with maskwise and reads no other file; write {name!r} "
                "alone"
            )
        return built_in[name]()
    reader = stored(address)
    if reader is not None and reader in readers:
        return readers[reader](address)
    found = {point.name: point for point in entry_points(group=group)}
    if name not in found:
        if words := meant(address):
            raise ConfigurationError(f"no {kind} {address!r}: {words}")
        there = ", ".join(sorted({*built_in, *readers, *found}))
        hint = " (`maskwise models list` shows what else can be read)" if readers else ""
        raise ConfigurationError(f"no {kind} {address!r}; there are: {there}{hint}")
    point = found[name]
    try:
        factory: Callable[..., Backend] = point.load()
        return factory(what) if what else factory()
    except MaskwiseError:
        raise
    # Code of another package: whatever it raises is no fault of ours.
    except Exception as error:
        raise ConfigurationError(
            f"the {kind} {name!r} of {point.value} cannot be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error
