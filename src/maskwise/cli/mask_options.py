"""What the options of ``maskwise mask`` ask for."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maskwise.errors import ConfigurationError, InputError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]

if TYPE_CHECKING:
    from maskwise.cli.options import Tools
    from maskwise.mask_dataset import Plan
    from maskwise.mask_dataset.faces import Finder
    from maskwise.masks import Mix
    from maskwise.types import MaskSpec

_FIXED_BY_SPEC: Final = (
    *("wanted", "mix", "wear", "coverage", "color", "pattern", "text", "image"),
)


def plan(given: Mapping[str, Any]) -> Plan:
    """Which masks are drawn. ConfigurationError, naming what exists, on what cannot be."""
    from maskwise.mask_dataset import Plan
    from maskwise.mask_dataset.plan import GIVEN

    if given["spec"] is not None:
        for name in _FIXED_BY_SPEC:
            if given[name] is not None:
                option = "types" if name == "wanted" else name
                raise ConfigurationError(f"--spec says all of the mask; leave out --{option}")
        made = Plan((GIVEN,), given=_specs(given["spec"]))
    else:
        pattern, detail = _pattern(given)
        made = Plan(
            kinds=_kinds(given["wanted"], "random" if given["mix"] else "surgical"),
            per_image=given["per_image"],
            styles=_styles(given["wear"]),
            color=given["color"],
            pattern=pattern,
            detail=detail,
            coverage=_coverage(given["coverage"]),
            seed=given["seed"],
            mix=_mix(given["mix"]),
            designs=given["designs"],
        )
    made.check()
    return made


def finder(tools: Tools, given: Mapping[str, Any]) -> Finder:
    """How the faces are found, where they are not known."""
    from maskwise.mask_dataset.faces import Aligned, Detected

    if given["aligned"]:
        return Aligned(given["aligned"])
    return Detected(partial(tools.recognizer, **models(given)))


def models(given: Mapping[str, Any]) -> dict[str, str]:
    """What a Recognizer is made with that finds faces to mask: no encoder has a say here.

    A detector's own points place a mask better than dlib's five, which know nothing of the mouth.
    """
    from maskwise import detect

    address = given["detector"]
    if address is None:
        return {"predictor": "detector"}  # the default detector has points of its own
    own = detect.create(address).scheme is not None
    return {"detector": address, **({"predictor": "detector"} if own else {})}


def _kinds(wanted: str | None, usual: str) -> tuple[str, ...]:
    from maskwise.masks import parse_types

    wanted = usual if wanted is None else wanted
    if wanted == "random":
        return ("random",)
    try:
        kinds = parse_types(wanted)
    except ConfigurationError as error:
        if not str(error).startswith("no mask type"):  # a mask file that is no good
            raise
        raise ConfigurationError(f"{error} (or all, random)") from error
    if not kinds:
        raise ConfigurationError("--types none draws nothing; name a type, or all, or random")
    return kinds


def _styles(wear: str | None) -> tuple[str, ...]:
    from maskwise.masks import STYLES

    if wear is None:
        return ()
    names = tuple(STYLES) if wear == "all" else tuple(w.strip() for w in wear.split(","))
    for name in names:
        if name not in STYLES:
            raise ConfigurationError(
                f"no wear style {name!r}; there are: {', '.join(STYLES)} (or all)"
            )
    return tuple(dict.fromkeys(names))


def _coverage(text: str | None) -> float | None:
    from maskwise.masks.specs import coverage_of

    if text is None:
        return None
    try:
        value: float | str = float(text)
    except ValueError:
        value = text
    return coverage_of(value)


def _pattern(given: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The pattern's name and its detail."""
    named: str | None = given["pattern"]
    shown = [(name, given[name]) for name in ("text", "image") if given[name] is not None]
    if len(shown) > 1 or (shown and named not in (None, shown[0][0])):
        raise ConfigurationError("--pattern, --text and --image exclude one another; give one")
    if not shown:
        if named in ("text", "image"):
            raise ConfigurationError(f"the pattern {named} needs --{named}")
        return named, None
    name, value = shown[0]
    if name == "text":
        return name, str(value)
    from maskwise.masks.pictures import detail_for

    return name, detail_for(value)


def _mix(path: Path | None) -> Mix:
    from maskwise.masks import Mix

    if path is None:
        return Mix()
    try:
        return Mix.from_mapping(tomllib.loads(path.read_text("utf-8")))
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    except ValueError as error:  # no TOML, or no UTF-8
        raise ConfigurationError(f"{path}: no TOML ({error}); see docs/mask-datasets.md") from error


def _specs(text: str) -> tuple[MaskSpec | None, ...]:
    """What --spec gives: a mask for all faces, or one a face."""
    from maskwise.mask_dataset import read_specs
    from maskwise.mask_dataset.note import specs_in

    found: list[MaskSpec | None] | None
    if text.startswith("@"):
        path = Path(text[1:])
        try:
            found = specs_in(path.read_text("ascii"))
        except OSError as error:
            raise ConfigurationError(
                f"{path}: cannot be read ({error.strerror or error}); --spec @FILE names a file "
                "of JSON, or a picture that maskwise masked"
            ) from error
        except ValueError:  # no text
            try:
                found = read_specs(path)
            except InputError as error:
                raise ConfigurationError(f"--spec: {error}") from error
    else:
        found = specs_in(text)
    if not found:
        raise ConfigurationError(
            "--spec: no mask spec; give JSON as `maskwise mask --show` prints it, or @FILE"
        )
    return tuple(found)
