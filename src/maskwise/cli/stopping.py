"""Ctrl-C that lets what is under way be finished."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType


@dataclass(slots=True)
class Stop:
    """Whether Ctrl-C was pressed."""

    asked: bool = False


@contextlib.contextmanager
def stopping() -> Iterator[Stop]:
    """The first Ctrl-C asks for a stop after the photos under way; the second is as usual."""
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    try:
        before = signal.signal(signal.SIGINT, ask)
    except ValueError:  # not in the main thread
        yield stop
        return
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
