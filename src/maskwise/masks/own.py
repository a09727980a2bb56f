"""Masks that are not ours: registered by a program, announced by a package, or drawn in a file.

A type is looked up among the built-in ones first, then among those that ``register`` was called
with, then as the path of a mask file (``*.toml``, see own_picture.py), then among the entry
points of the group ``maskwise.mask_types``.
"""

from __future__ import annotations

import math
import re
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from maskwise.errors import ConfigurationError
from maskwise.masks.catalogue import TYPES, MaskType
from maskwise.masks.surface import Shape

GROUP: Final = "maskwise.mask_types"
"""Entry points: the name is the type's, the value a MaskType or a callable that returns one."""

SUFFIX: Final = ".toml"
_RESERVED: Final = ("all", "default", "none", "random")
_found: dict[str, MaskType] = {}


def register(kind: MaskType) -> MaskType:
    """Make ``kind`` known by its name, in this process; returns it.

    Worker processes and later runs do not know it: for those, use an entry point or a mask file.
    A type that is registered already may be registered again, unchanged.
    Raises ConfigurationError when the name is taken or no name, or when the entry is not whole.
    """
    _whole(kind, "register")
    if _found.get(kind.name, kind) != kind:
        raise ConfigurationError(
            f"the mask type {kind.name!r} is registered already, with another look: "
            "its drawn masks are kept, so choose another name"
        )
    _found[kind.name] = kind
    return kind


def find(name: str) -> MaskType:
    """The type of this name or path, built in or not.

    Raises ConfigurationError that lists all there are when there is none, and when a mask file
    or an entry point is no good.
    """
    kind = TYPES.get(name) or _found.get(name)
    if kind is not None:
        return kind
    if name.endswith(SUFFIX):
        from maskwise.masks.own_picture import load_own

        kind = load_own(name)
    else:
        points = {point.name: point for point in entry_points(group=GROUP)}
        if name not in points:
            there = ", ".join([*TYPES, *sorted({*_found, *points} - TYPES.keys())])
            raise ConfigurationError(
                f"no mask type {name!r}; there are: {there} (or the path of a mask file, *.toml)"
            )
        kind = _announced(points[name])
    _found[name] = kind
    return kind


def _announced(point: EntryPoint) -> MaskType:
    where = f"the mask type {point.name!r} of {point.value}"
    try:
        made = point.load()
        if not isinstance(made, MaskType):
            made = made()
    except Exception as error:  # whatever the package's own code raises
        raise ConfigurationError(
            f"{where} cannot be loaded: {error}; repair or uninstall that package"
        ) from error
    if not isinstance(made, MaskType):
        raise ConfigurationError(
            f"{where} must be a maskwise.masks.MaskType or return one, got {type(made).__name__}"
        )
    if made.name != point.name:
        raise ConfigurationError(
            f"{where} is named {made.name!r}; its name must be that of the entry point"
        )
    _whole(made, where)
    return made


def _whole(kind: MaskType, where: str) -> None:
    """ConfigurationError, beginning with ``where``, unless masks can be drawn from ``kind``."""
    if not isinstance(kind, MaskType):
        raise ConfigurationError(f"{where}: expected a MaskType, got {type(kind).__name__}")
    check_name(kind.name, where)
    if not kind.draw:
        raise ConfigurationError(
            f"{where}: {kind.name!r} needs draw, a function of a sheet and a spec"
        )
    if not kind.patterns:
        raise ConfigurationError(f'{where}: {kind.name!r} needs patterns, like ("plain",)')
    if not kind.palette:
        raise ConfigurationError(f"{where}: {kind.name!r} needs a colour in its palette")
    for color, weight in kind.palette:
        if not re.fullmatch(r"#[0-9a-f]{6}", color):
            raise ConfigurationError(
                f"{where}: no colour {color!r} in the palette; write it as #rrggbb, lower case"
            )
        if not (math.isfinite(weight) and weight > 0):
            raise ConfigurationError(f"{where}: the weight of {color} must be over 0, got {weight}")
    if not isinstance(kind.shape, Shape):
        raise ConfigurationError(f"{where}: {kind.name!r} needs a shape, like Shape()")


def check_name(name: str, where: str) -> None:
    """ConfigurationError, beginning with ``where``, unless a new type may be called ``name``."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
        raise ConfigurationError(
            f"{where}: no name for a mask type: {name!r}; use a-z, 0-9, - and _, up to 64"
        )
    if name in TYPES or name in _RESERVED:
        raise ConfigurationError(f"{where}: the name {name!r} is taken; choose another")
