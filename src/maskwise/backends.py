"""Name -> backend: the built-in ones, and those of installed packages by entry point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import TypeVar

from maskwise.errors import ConfigurationError

Backend = TypeVar("Backend")


def create_backend(
    kind: str, name: str, built_in: Mapping[str, Callable[[], Backend]], group: str
) -> Backend:
    """The backend ``name``: a built-in factory's, else that of the entry point in ``group``.

    An entry point names a callable without arguments (a class will do) that returns the backend;
    it cannot take the name of a built-in one.
    Raises ConfigurationError that lists what exists when there is none of that name, and when
    the entry point cannot be loaded.
    """
    factory = built_in.get(name)
    if factory is not None:
        return factory()
    found = {point.name: point for point in entry_points(group=group)}
    if name not in found:
        there = ", ".join(sorted({*built_in, *found}))
        raise ConfigurationError(f"no {kind} {name!r}; there are: {there}")
    point = found[name]
    try:
        made: Backend = point.load()()
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(
            f"the {kind} {name!r} of {point.value} cannot be loaded: {error}"
        ) from error
    return made
