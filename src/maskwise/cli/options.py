"""Options that several commands share, and how a command gets its Recognizer and gallery."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from maskwise.cli.key_options import key_for, key_options
from maskwise.cli.output import remark
from maskwise.errors import ConfigurationError
from maskwise.paths import expanded

if TYPE_CHECKING:
    from maskwise.gallery import Gallery
    from maskwise.pipeline import Recognizer

Command = TypeVar("Command", bound=Callable[..., Any])


def _make_recognizer(**arguments: Any) -> Recognizer:
    from maskwise.pipeline import Recognizer

    return Recognizer(**arguments)


@dataclass(frozen=True, slots=True)
class Tools:
    """What commands work with; tests put fakes in its place (``obj=Tools(...)``)."""

    recognizer: Callable[..., Recognizer] = _make_recognizer


pass_tools = click.make_pass_decorator(Tools, ensure=True)


def agreed(question: str) -> bool:
    """Ask on stderr whether to do what cannot be undone; UsageError where nobody answers."""
    try:
        return click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)  # end the line of the question
        raise click.UsageError("not confirmed, nothing was done; --yes does not ask") from None


def gallery_option(command: Command) -> Command:
    """``--gallery``, and the key of an encrypted one."""
    return gallery_place_option(key_options(command))


def gallery_place_option(command: Command) -> Command:
    """``--gallery`` alone, where it is not opened."""
    return click.option(
        "--gallery",
        metavar="PATH_OR_URL",
        envvar="MASKWISE_GALLERY",
        help="The gallery of enrolled people.  [env var: MASKWISE_GALLERY; default: a file in "
        "your user's data folder]",
    )(command)


_MODELS = {
    "detector": (
        "maskwise",
        "What finds the faces: maskwise, mmod, dlib-hog, yunet[:FILE] or scrfd[:FILE].",
    ),
    "encoder": (
        "maskwise-v1",
        "What encodes them: maskwise-v1, dlib-resnet-v1, sface, arcface:FILE, file:MANIFEST.toml, "
        "or a model of `maskwise models list`.",
    ),
}


def model_options(*stages: str) -> Callable[[Command], Callable[..., Any]]:
    """``--detector`` and ``--encoder`` (those of ``stages``), handed on as ``models``.

    models: what a Recognizer is made with; only what was given.
    """

    def decorate(command: Command) -> Callable[..., Any]:
        @functools.wraps(command)
        def gathered(*args: Any, **given: Any) -> Any:
            chosen = {stage: given.pop(stage) for stage in stages}
            models = {stage: address for stage, address in chosen.items() if address is not None}
            return command(*args, models=models, **given)

        for stage in reversed(stages):
            gathered = model_option(stage)(gathered)
        return gathered

    return decorate


def model_option(stage: str) -> Callable[[Command], Command]:
    """``--detector`` or ``--encoder``; None where it is not given."""
    default, help_text = _MODELS[stage]
    variable = f"MASKWISE_{stage.upper()}"
    return click.option(
        f"--{stage}",
        metavar="ADDRESS",
        envvar=variable,
        help=f"{help_text}  [env var: {variable}; default: {default}]",
    )


def json_option(what: str) -> Callable[[Command], Command]:
    """``--json``, which prints ``what``."""
    return click.option("--json", "as_json", is_flag=True, help=f"Print {what} on stdout.")


class Share(click.FloatRange):
    """A share above 0 and below 1; NaN, which every comparison of FloatRange lets pass, is none."""

    def __init__(self) -> None:
        super().__init__(0, 1, min_open=True, max_open=True)

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The number; a usage error for what is none, or out of range."""
        share = float(super().convert(value, param, ctx))
        if math.isnan(share):
            self.fail(f"{value!r} is no share above 0 and below 1.", param, ctx)
        return share


def share_option(name: str, help_text: str, *more_names: str) -> Callable[[Command], Command]:
    """An error rate: a share above 0 and below 1; None where it is not given."""
    return click.option(
        name,
        *more_names,
        type=Share(),
        metavar="SHARE",
        help=help_text,
    )


def open_gallery(where: str | None, *, create: bool = False) -> Gallery:
    """The gallery that was named, else the user's own; its place is said on stderr.

    Without ``create``, ConfigurationError when there is none.
    """
    from maskwise.gallery import default_place
    from maskwise.gallery import open_gallery as open_any

    place = where or default_place()
    if not create and not gallery_is_there(place):
        raise ConfigurationError(
            f"{place}: there is no gallery here yet; enrol somebody first "
            f"(maskwise enrol PEOPLE_DIR{_option(where)}), or name another one with --gallery"
        )
    gallery = open_any(place, create=create, key=key_for(place))
    remark(f"gallery {gallery.where}")
    return gallery


def gallery_is_there(place: str) -> bool:
    """Whether a gallery's file is there already; of a URL nothing is known, and True."""
    return "://" in place or not _is_missing(expanded(place))


def _is_missing(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:  # opening it says why
        return False
    return False


def require_people(gallery: Gallery, where: str | None) -> None:
    """ConfigurationError when nobody is enrolled."""
    if gallery.size().people == 0:
        gallery.close()
        raise ConfigurationError(
            f"{gallery.where}: nobody is enrolled in this gallery; enrol somebody first "
            f"(maskwise enrol PEOPLE_DIR{_option(where)})"
        )


def _option(where: str | None) -> str:
    from maskwise.gallery.where import without_secrets

    return f" --gallery {without_secrets(where)}" if where else ""
