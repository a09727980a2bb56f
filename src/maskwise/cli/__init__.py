"""The command line: one file a command.

Importing this package, ``maskwise --help`` and ``maskwise --version`` load neither models nor
OpenCV, ONNX Runtime or Pillow: a command imports what it needs when it runs.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from importlib import import_module
from typing import Any, Final

import click

from maskwise import __version__
from maskwise.cli.status import EXIT_CODES, INTERRUPTED, USAGE
from maskwise.errors import MaskwiseError

_COMMANDS: Final = {
    "enrol": "enrol",
    "identify": "identify",
    "verify": "verify",
    "explain": "explain",
    "mask": "mask",
    "gallery": "gallery",
    "audit": "audit",
    "calibrate": "calibrate",
    "evaluate": "evaluate",
    "data": "data",
    "bench": "bench",
    "models": "models",
    "doctor": "doctor",
    "demo": "demo",
    "compat": "compat",
}
_ALIASES: Final = {"enroll": "enrol"}
_DEVICES: Final = ("cpu", "cuda", "tensorrt", "coreml", "directml", "openvino", "auto")
_DEVICE_VARIABLE: Final = "MASKWISE_DEVICE"  # as in maskwise.models, which would load NumPy
_OUTPUT_FAILS: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Application(click.Group):
    """The ``maskwise`` command: finds its commands lazily and ends every error in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the work, not of the alphabet."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the file of ``cmd_name``; None when there is none."""
        name = _ALIASES.get(cmd_name, cmd_name)
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"{__name__}.{_COMMANDS[name]}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; turn what it raises into one line and an exit code."""
        _never_fail_to_print()
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
            return result
        except (KeyboardInterrupt, click.Abort):
            click.echo("maskwise: interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except (click.ClickException, click.exceptions.Exit):
            sys.stdout.flush()
            raise
        except Exception as error:
            if getattr(error, "errno", None) == errno.EPIPE or ctx.params.get("debug"):
                raise
            click.echo(f"maskwise: {_in_one_line(error)}", err=True)
            _forget_what_cannot_be_printed()
            ctx.exit(USAGE)


def _in_one_line(error: Exception) -> str:
    from maskwise.cli.output import printable

    if isinstance(error, MaskwiseError):
        return f"error: {printable(str(error))}"
    if isinstance(error, OSError) and error.filename is None and error.errno in _OUTPUT_FAILS:
        return (
            f"error: the output cannot be written ({error.strerror}); free some disk space, or "
            "send it elsewhere"
        )
    if isinstance(error, OSError) and isinstance(error.filename, str | bytes):
        # No fault of ours: a folder that may not be looked into, too long a name.
        path = printable(os.fsdecode(error.filename))
        return f"error: {path}: {error.strerror}; check the path and who may read and write it"
    return (
        f"internal error: {type(error).__name__}: {printable(str(error))} "
        "(a fault of maskwise: run it again as `maskwise --debug ...` and report what it prints)"
    )


def _never_fail_to_print() -> None:
    """File names may hold what the terminal's encoding cannot show: print it escaped.

    A stream that was closed before we began (``>&-``, a program without a console) is silent.
    """
    if sys.stdout is None:
        sys.stdout = _nowhere()
    if sys.stderr is None:
        sys.stderr = _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(ValueError, OSError):
                stream.reconfigure(errors="backslashreplace")


def _nowhere() -> io.TextIOWrapper:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123


def _forget_what_cannot_be_printed() -> None:
    """Python would try again at its end, complain, and exit with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _device(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value.partition(":")[0] not in _DEVICES:
        raise click.BadParameter(f"no device {value!r}; there are: {', '.join(_DEVICES)}")
    return value


def _choose_device(ctx: click.Context, device: str) -> None:
    """By the variable, so that models opened anywhere, and processes started, follow it."""
    before = os.environ.get(_DEVICE_VARIABLE)
    os.environ[_DEVICE_VARIABLE] = device

    def back() -> None:
        if before is None:
            del os.environ[_DEVICE_VARIABLE]
        else:
            os.environ[_DEVICE_VARIABLE] = before

    ctx.call_on_close(back)


def _remark_on(ctx: click.Context, log_name: str, level: str) -> None:
    """What that log says from this level on, as remarks."""
    import logging

    from maskwise.cli.output import remark

    class Remarks(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            remark(record.getMessage())

    log, remarks = logging.getLogger(log_name), Remarks()
    log.addHandler(remarks)
    log.setLevel(level)
    ctx.call_on_close(lambda: log.removeHandler(remarks))


@click.group(
    cls=Application,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="maskwise", message="%(prog)s %(version)s")
@click.option(
    "--debug",
    is_flag=True,
    envvar="MASKWISE_DEBUG",
    help="Show the traceback of an error.  [env var: MASKWISE_DEBUG]",
)
@click.option(
    "--device",
    metavar="DEVICE",
    callback=_device,
    help="What the models run on: cpu (default), cuda, tensorrt, coreml, directml, openvino, or "
    "auto, the best that works.  [env var: MASKWISE_DEVICE]",
)
@click.pass_context
def main(ctx: click.Context, debug: bool, device: str | None) -> None:
    """Face recognition that keeps working when people put on a mask.

    \b
    Examples:
      maskwise demo
      maskwise enrol people/
      maskwise identify party.jpg
      maskwise verify passport.jpg selfie.jpg
      maskwise mask portrait.jpg --type all --out masked/

    `maskwise COMMAND --help` tells more of each command.
    """
    if device is not None:
        _choose_device(ctx, device)
    if (device or os.environ.get(_DEVICE_VARIABLE)) == "auto":
        _remark_on(ctx, "maskwise.models", "INFO")
    _remark_on(ctx, "maskwise.gallery", "WARNING")
