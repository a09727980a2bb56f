"""``--key-file`` and ``--key-env``: what opens an encrypted gallery."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

if TYPE_CHECKING:
    from maskwise.gallery.encryption.keys import OwnerKey
    from maskwise.gallery.encryption.state import KeyState

Command = TypeVar("Command", bound=Callable[..., Any])

# As in maskwise.gallery.encryption.keys, which would load NumPy.
_FILE: Final = "MASKWISE_KEY_FILE"
_NAME: Final = "MASKWISE_KEY_ENV"
_META: Final = "maskwise.key"


def key_options(command: Command) -> Command:
    """Both; ``options.open_gallery`` follows them."""
    for name, metavar, help_text in (
        (
            "--key-env",
            "NAME",
            "The environment variable that holds the gallery's pass phrase, or the text of a key "
            f"file.  [env var: {_NAME}]",
        ),
        (
            "--key-file",
            "FILE",
            "The file with the gallery's key (see maskwise gallery key new), where it is "
            f"encrypted.  [env var: {_FILE}]",
        ),
    ):
        command = click.option(
            name,
            metavar=metavar,
            expose_value=False,
            callback=_note,
            help=help_text,
        )(command)
    return command


def new_key_options(prefix: str, what: str) -> Callable[[Command], Command]:
    """``--<prefix>-key-file`` and ``--<prefix>-key-env``, for a second key."""

    def decorate(command: Command) -> Command:
        command = click.option(
            f"--{prefix}-key-env",
            metavar="NAME",
            help=f"The environment variable that holds the pass phrase, or key, of {what}.",
        )(command)
        return click.option(
            f"--{prefix}-key-file", metavar="FILE", help=f"The file with the key of {what}."
        )(command)

    return decorate


def in_clear_option(what: str) -> Callable[[Command], Command]:
    """``--in-clear``."""
    return click.option(
        "--in-clear",
        is_flag=True,
        help=f"Of an encrypted gallery: write {what} in clear, biometric data and all.",
    )


def _note(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    if not value:
        raise click.UsageError(f"{param.opts[0]}: the name is empty; leave it away, or name one")
    if _META in ctx.meta:
        raise click.UsageError("--key-file and --key-env are two keys; give one of them")
    ctx.meta[_META] = (value, None) if param.name == "key_file" else (None, value)


def named_file() -> str | None:
    """The key's file, as --key-file or the environment names it."""
    ctx = click.get_current_context(silent=True)
    file, name = (None, None) if ctx is None else ctx.meta.get(_META, (None, None))
    return file or (None if name else os.environ.get(_FILE))


def named_key() -> OwnerKey | None:
    """The key of this command's own --key-file or --key-env; None where neither was given."""
    ctx = click.get_current_context(silent=True)
    if ctx is None or _META not in ctx.meta:
        return None
    return second_key(*ctx.meta[_META])


def key_for(place: str) -> Any:
    """What ``open_gallery`` is given as key: the one named, the environment's, or one typed in."""
    from maskwise.gallery.encryption.settling import FROM_ENVIRONMENT

    named = named_key()
    if named is not None:
        return named
    if os.environ.get(_FILE) or os.environ.get(_NAME) or not _at_a_terminal():
        return FROM_ENVIRONMENT
    state = state_of(place)
    if state is None or state.lock.kind != "phrase":
        return FROM_ENVIRONMENT
    return _typed(f"pass phrase of {place}")


def state_of(place: str) -> KeyState | None:
    """How the gallery of that place is encrypted; None where it is not, or is no file."""
    from maskwise.gallery import gallery_file
    from maskwise.gallery.encryption.state import peek

    file = gallery_file(place)
    return None if file is None else peek(file)


def second_key(file: str | None, name: str | None, prefix: str = "") -> OwnerKey | None:
    """The key that a pair of options names; None where neither was given."""
    from maskwise.gallery.encryption.keys import key_of_variable, read_key_file
    from maskwise.paths import expanded

    if file and name:
        raise click.UsageError(
            f"--{prefix}key-file and --{prefix}key-env are two keys; give one of them"
        )
    if file:
        return read_key_file(expanded(file))
    return key_of_variable(name) if name else None


def new_phrase(options: str) -> OwnerKey:
    """A pass phrase, typed in twice; a usage error where nobody is there to type it."""
    if not _at_a_terminal():
        raise click.UsageError(f"name a key: {options}; or type a pass phrase, at a terminal")
    return _typed("new pass phrase", twice=True)


def _at_a_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _typed(what: str, *, twice: bool = False) -> OwnerKey:
    from maskwise.gallery.encryption.keys import PassPhrase

    return PassPhrase(
        click.prompt(what, hide_input=True, err=True, confirmation_prompt=twice, type=str)
    )
