"""What both commands share: the pictures of a folder, looked at one by one or in processes.

Lines come on stdout in the order of the pictures' names, however many processes there are. A
picture that cannot be read is named on stderr and the next one taken.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import signal
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import click

from maskwise.compat.face_recognition import api, engine
from maskwise.errors import ConfigurationError, InputError, MaskwiseError
from maskwise.types import U8

Look: TypeAlias = Callable[[str], list[str]]
"""Of a picture's path, the lines to print; InputError for a picture that cannot be looked at."""

Answer: TypeAlias = tuple[list[str], str | None]
"""The lines of one picture, and why there are none when it could not be looked at."""

SKIPPED: Final = 1
"""Exit status: done, but some pictures could not be read."""

_PICTURE: Final = re.compile(r".*\.(jpg|jpeg|png)", re.IGNORECASE)
_THREADS_VARIABLE: Final = "MASKWISE_THREADS"
_MOST_PROCESSES_ON_WINDOWS: Final = 61  # it waits for 64 handles at most, three are Python's

_look: Look | None = None  # of a worker process: what it was started for


Command = TypeVar("Command", bound=Callable[..., Any])


class CommandError(click.ClickException):
    """The command cannot be done at all: one line, exit status 2."""

    exit_code = 2


def cpus_option(command: Command) -> Command:
    """``--cpus``, which is 1 or more, or -1."""

    def check(ctx: click.Context, param: click.Parameter, value: int) -> int:
        if value < 1 and value != -1:
            raise click.BadParameter(f"{value}: expected 1 or more, or -1 for all")
        return value

    return click.option(
        "--cpus",
        default=1,
        callback=check,
        help="How many processes look at the pictures of a folder; -1: one for each core.",
    )(command)


def image_files_in_folder(folder: str) -> list[str]:
    """The paths of the files whose names hold .jpg, .jpeg or .png, sorted; no sub-folders.

    As face_recognition has it, what follows these letters does not matter. Raises OSError when
    the folder cannot be listed.
    """
    names = sorted(os.listdir(folder))  # noqa: PTH208  the paths are to begin as ``folder`` does
    return [os.path.join(folder, name) for name in names if _PICTURE.match(name)]  # noqa: PTH118


def files_of(place: str, what: str) -> list[str]:
    """The pictures of a folder, or the one that ``place`` is; ``what`` names the argument.

    Raises click.BadParameter when there is nothing, or a folder that cannot be listed.
    """
    if _is_folder(place):
        try:
            return image_files_in_folder(place)
        except OSError as error:
            raise _unusable(place, f"cannot be listed ({error.strerror})", what) from error
    if not os.path.lexists(place):
        raise _unusable(place, "no such file or folder", what)
    return [place]


def files_of_folder(place: str, what: str) -> list[str]:
    """As ``files_of``, of a folder only."""
    if os.path.lexists(place) and not _is_folder(place):
        raise _unusable(place, "is no folder", what)
    return files_of(place, what)


def read(path: str) -> U8:
    """(H, W, 3) uint8 RGB; what is odd about the file is said on stderr. Raises ImageError."""
    with warnings.catch_warnings(record=True) as odd:
        warnings.simplefilter("always")
        picture = api.load_image_file(path)
    for warning in odd:
        warn(f"{path}: {warning.message}")
    return picture


def show(line: str) -> None:
    """One line on stdout; bytes of a file name that are no text go out as they are."""
    try:
        click.echo(line)
    except UnicodeEncodeError:
        click.echo(line.encode("utf-8", "surrogateescape"))


def warn(message: str) -> None:
    """One line on stderr."""
    click.echo(f"WARNING: {message}".encode("utf-8", "backslashreplace"), err=True)


def show_each(look: Look, files: Sequence[str], cpus: int = 1) -> int:
    """Print what ``look`` says of each file, in their order; how many could not be looked at.

    cpus: in how many processes; -1 means as many as there are cores for this one. ``look`` is
    pickled for them. Raises ConfigurationError for another number below 1, and what ``look``
    raises besides InputError.
    """
    skipped = 0
    with contextlib.closing(_looked_at(look, files, _processes(cpus, len(files)))) as answers:
        for lines, reason in answers:
            for line in lines:
                show(line)
            if reason is not None:
                warn(f"{reason}; skipped")
                skipped += 1
    return skipped


@contextlib.contextmanager
def errors_in_one_line() -> Iterator[None]:
    """CommandError instead of what else a command raises when it cannot go on."""
    from concurrent.futures.process import BrokenProcessPool

    try:
        yield
    except MaskwiseError as error:
        raise CommandError(str(error)) from error
    except BrokenProcessPool as error:
        raise CommandError(
            "a process ended before its work was done (is the memory full?); use fewer --cpus"
        ) from error


def _looked_at(look: Look, files: Sequence[str], processes: int) -> Generator[Answer, None, None]:
    if processes > 1:
        yield from _in_processes(look, files, processes)
    else:
        for file in files:
            yield _try(look, file)


def _in_processes(look: Look, files: Iterable[str], processes: int) -> Iterator[Answer]:
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    # Never forked: ONNX Runtime's threads do not live on in a forked child.
    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    threads = max(1, _cores() // processes)
    with ProcessPoolExecutor(
        processes, mp_context=context, initializer=_begin, initargs=(look, threads)
    ) as pool:
        # The workers inherit that Ctrl-C is held back: it is for this process to end them.
        with _held_back():
            answers = pool.map(_work, files)
        yield from answers


def _begin(look: Look, threads: int) -> None:
    """In a new worker: each opens its own models, and all together use the cores once."""
    global _look  # noqa: PLW0603  a process has one task for its life
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault(_THREADS_VARIABLE, str(threads))
    _look = look


def _work(file: str) -> Answer:
    assert _look is not None
    return _try(_look, file)


def _try(look: Look, file: str) -> Answer:
    try:
        with engine.strict(False):
            return look(file), None
    except ConfigurationError:
        raise
    except InputError as error:
        return [], str(error)


@contextlib.contextmanager
def _held_back() -> Iterator[None]:
    """Ctrl-C waits for the end of the block, where the system can do that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _processes(cpus: int, files: int) -> int:
    if cpus < 1 and cpus != -1:
        raise ConfigurationError(f"cpus: expected 1 or more, or -1 for all, got {cpus}")
    wanted = _cores() if cpus == -1 else cpus
    if os.name == "nt":
        wanted = min(wanted, _MOST_PROCESSES_ON_WINDOWS)
    return min(wanted, files)


@functools.cache
def _cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _is_folder(place: str) -> bool:
    return os.path.isdir(place)  # noqa: PTH112  Path("") would be the current one


def _unusable(place: str, reason: str, what: str) -> click.BadParameter:
    shown = place.encode("utf-8", "backslashreplace").decode("utf-8") or "''"
    return click.BadParameter(f"{shown}: {reason}", param_hint=what)
