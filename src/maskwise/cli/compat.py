"""``maskwise compat``: the commands of other libraries, as they are called there."""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

_MODULES: Final = {
    "face_recognition": "maskwise.compat.face_recognition.face_recognition_cli",
    "face_detection": "maskwise.compat.face_recognition.face_detection_cli",
}


class _Commands(click.Group):
    """Imports a command's module when it is asked for, as the ``maskwise`` command does."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        command: click.Command = import_module(_MODULES[cmd_name]).main
        return command


@click.group(name="compat", cls=_Commands)
def command() -> None:
    """The two commands of face_recognition: the same options, the same lines, without dlib.

    \b
    Examples:
      maskwise compat face_recognition known/ unknown/
      maskwise compat face_detection photos/
    """
