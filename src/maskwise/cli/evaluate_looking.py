"""What ``evaluate detection`` and ``evaluate landmarks`` have in common."""

from __future__ import annotations

import contextlib
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from maskwise.cli.options import json_option
from maskwise.cli.output import remark
from maskwise.cli.status import INTERRUPTED
from maskwise.errors import ConfigurationError, EvaluationError

if TYPE_CHECKING:
    from maskwise.detect import Detector

Command = TypeVar("Command", bound=Callable[..., Any])

_VARIABLE: Final = "MASKWISE_DETECTOR"
_NOT_REPEATED: Final = {"out", "as_json", "anew"}
_MOST_NAMED: Final = 10


def looking_options(command: Command) -> Command:
    """Photos, detectors, output."""
    for option in reversed(
        (
            click.option(
                "--images", metavar="DIR", required=True, help="The folder with the photos."
            ),
            click.option(
                "--out",
                type=click.Path(path_type=Path),
                metavar="DIR",
                required=True,
                help="Where everything goes; not in the folder of the photos.",
            ),
            click.option(
                "--detector",
                "detectors",
                metavar="ADDRESS",
                multiple=True,
                help="What is evaluated: maskwise, mmod, yunet[:FILE], scrfd[:FILE], dlib-hog. May "
                f"be given several times.  [env var: {_VARIABLE}; default: that of the other "
                "commands]",
            ),
            click.option(
                "--most",
                type=click.IntRange(1),
                metavar="N",
                help="Look at N photos only, spread evenly over their names.",
            ),
            click.option(
                "--anew",
                is_flag=True,
                help="Keep nothing of an earlier run in --out: all is looked at, and timed, anew.",
            ),
            click.option("--no-thumbnails", is_flag=True, help="Show no face: no sheets either."),
            json_option("the figures and what was written, as one JSON object"),
        )
    ):
        command = option(command)
    return command


def open_detectors(addresses: Sequence[str]) -> dict[str, Detector]:
    """Each by a short name: the address, without the folders of its file.

    Raises ConfigurationError and ModelError, as ``detect.create``, now and not at the first photo.
    """
    from maskwise import detect

    given: list[str | None] = [*dict.fromkeys(addresses)]
    if not given:
        given = [os.environ.get(_VARIABLE) or None]
    made: dict[str, Detector] = {}
    for address in given:
        one = detect.create() if address is None else detect.create(address)
        name = one.id.partition("/")[0] if address is None else _short(address)
        number = 1
        free = name
        while free in made:
            number += 1
            free = f"{name}-{number}"
        made[free] = one
    return made


def _short(address: str) -> str:
    name, colon, what = address.partition(":")
    return f"{name}{colon}{Path(what).name}" if what else name


def photos_of(images: str, out: Path) -> list[str]:
    """Paths below ``images`` with "/", sorted.

    Raises ImageError where there is none, ConfigurationError where ``images`` is no folder and
    where ``out`` lies in it.
    """
    from maskwise.image import find_images

    place = Path(os.path.realpath(out))
    if Path(os.path.realpath(images)) in (place, *place.parents):
        raise ConfigurationError(
            f"{out} lies in {images}, whose pictures would then count the sheets among them; name "
            "another folder with --out"
        )
    found = find_images(images)
    if not Path(images).is_dir():
        raise ConfigurationError(f"{images} is a file; name the folder with the photos")
    return [path.relative_to(images).as_posix() for path in found]


def spread(names: list[str], most: int | None) -> list[str]:
    """``most`` of them, evenly; None: all."""
    if most is None or most >= len(names):
        return names
    return [names[at * len(names) // most] for at in range(most)]


def name_unread(unread: dict[str, str], read: int) -> None:
    """On stderr. Raises EvaluationError where nothing could be read."""
    for reason in list(unread.values())[:_MOST_NAMED]:
        remark(f"left out: {reason}")  # it names the photo
    if len(unread) > _MOST_NAMED:
        remark(f"... and {len(unread) - _MOST_NAMED} photos more, all in the report")
    if not read:
        raise EvaluationError("none of the photos can be read; name a folder with pictures")


@contextlib.contextmanager
def kept_when_interrupted(ctx: click.Context) -> Iterator[None]:
    """Ctrl-C ends with a word on what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        remark("interrupted; running the same command again goes on from there")
        ctx.exit(INTERRUPTED)


def command_line(ctx: click.Context) -> str:
    """As it could be typed again, without what only says where to write."""
    words = ["maskwise", "evaluate", str(ctx.command.name)]
    for parameter in ctx.command.params:
        source = ctx.get_parameter_source(parameter.name or "")
        if source is None or source.name != "COMMANDLINE" or parameter.name in _NOT_REPEATED:
            continue
        value = ctx.params[parameter.name or ""]
        for one in value if isinstance(value, tuple) else (value,):
            words.append(parameter.opts[0])
            words += [] if one is True else [str(one)]
    return shlex.join(words)


def was_given(ctx: click.Context, name: str) -> bool:
    """Whether the option was typed."""
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"
