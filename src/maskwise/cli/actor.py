"""``--actor``: who is at work, for the gallery's audit log."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_VARIABLE: Final = "MASKWISE_ACTOR"  # as in maskwise.gallery.audit, which would load NumPy


def actor_option(command: Command) -> Command:
    """``--actor``, by the variable, so that every gallery that is opened, and processes, follow."""
    return click.option(
        "--actor",
        metavar="NAME",
        envvar=_VARIABLE,
        expose_value=False,
        callback=_set,
        help=f"Who does this, for the gallery's audit log.  [env var: {_VARIABLE}; default: your "
        "user name]",
    )(command)


def _set(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    from maskwise.gallery.audit import clean_actor

    clean_actor(value)  # InputError for what is none, before anything is done
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = value

    def back() -> None:
        if before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = before

    ctx.call_on_close(back)
