"""A process of its own for each contestant: how long until its first answer, how much memory.

A peer is tried here first: one that cannot be imported, or that ends its program, ends this one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

OURS: Final = "maskwise"

_PROGRAM: Final = """
import time
start = time.perf_counter()
import {package}
seconds = time.perf_counter() - start
from maskwise.bench import fresh
fresh.child({name!r}, seconds)
"""
_LARGEST: Final = 3  # photos that the memory is measured on
_MOST_WORDS: Final = 300
_MARK: Final = "maskwise-bench:"  # before our lines: libraries print too


@dataclass(frozen=True, slots=True)
class Fresh:
    """A contestant in new processes.

    import_s: to import its package, median. first_answer_s: from the start of the process to the
    faces of the first photo, encoded; median. peak_mb: the most resident memory, with the largest
    of the photos; None where the system does not tell. problem: why there is none of it.
    """

    import_s: float | None = None
    first_answer_s: float | None = None
    peak_mb: float | None = None
    problem: str | None = None


def measure(
    name: str,
    photos: Sequence[Path],
    times: int,
    on_run: Callable[[], None] = lambda: None,
    models: Mapping[str, str] | None = None,
) -> Fresh:
    """Start ``name`` (``OURS`` or a peer) ``times`` times.

    photos: readable ones; the first is the first answer's. on_run: called after each process.
    models: what our Recognizer is made with.
    """
    largest = sorted(photos, key=lambda path: -path.stat().st_size)[:_LARGEST]
    imports, answers, peak = [], [], None
    for turn in range(times):
        told = _run(name, [photos[0], *(largest if turn == 0 else [])], models or {})
        on_run()
        if "problem" in told:
            for _ in range(turn + 1, times):
                on_run()
            return Fresh(problem=told["problem"])
        imports.append(told["import_s"])
        answers.append(told["first_answer_s"])
        peak = told.get("peak_mb") if turn == 0 else peak
    return Fresh(median(imports), median(answers), peak)


def _run(name: str, photos: Sequence[Path], models: Mapping[str, str]) -> dict[str, Any]:
    program = _PROGRAM.format(name=name, package=name.partition("-")[0])
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    told: dict[str, Any] = {}
    printed: list[str] = []
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with process.stdin as stream:
                stream.write(json.dumps([[str(path) for path in photos], dict(models)]))
        except OSError:  # it has ended already, and says below why
            pass
        for line in process.stdout:
            if not line.startswith(_MARK):
                printed += [line.strip()] if line.strip() else []
                continue
            told.update(json.loads(line[len(_MARK) :]))
            if "import_s" in told:
                told.setdefault("first_answer_s", time.perf_counter() - start)
        process.wait()
    finally:
        process.kill()
        process.wait()
        process.stdout.close() if process.stdout else None
    if "problem" in told or (process.returncode == 0 and "first_answer_s" in told):
        return told
    code = f"its process ended with exit code {process.returncode}"
    return {"problem": _last_words(printed) or code}


def _last_words(printed: Sequence[str]) -> str:
    if any(line.startswith("Traceback ") for line in printed):
        return printed[-1]
    return " ".join(printed)[:_MOST_WORDS]


def child(name: str, import_s: float) -> None:
    """What the process does; import_s: what importing the package took."""
    from maskwise.bench.machine import peak_memory_mb

    paths, models = json.loads(sys.stdin.read())
    photos = [Path(text) for text in paths]
    look = _looker(name, models)
    look(photos[0])
    _tell({"import_s": import_s})
    for path in photos[1:]:
        look(path)
    _tell({"peak_mb": peak_memory_mb()})


def _looker(name: str, models: dict[str, Any]) -> Callable[[Path], object]:
    if name == OURS:
        from maskwise.pipeline import Recognizer

        return Recognizer(**models).encode
    from maskwise.bench import peers
    from maskwise.errors import ConfigurationError

    try:
        return peers.make(name).look_at
    except ConfigurationError as error:
        _tell({"problem": str(error)})
        raise SystemExit(0) from error


def _tell(what: dict[str, Any]) -> None:
    print(_MARK + json.dumps(what), flush=True)  # noqa: T201
