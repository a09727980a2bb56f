"""Photos to processes: what comes back does not hang on how many there are.

Processes are spawned, never forked: ONNX Runtime's threads do not live on in a forked child. They
leave Ctrl-C to the parent, and end when it ends, however that happens. When one dies over a photo
(the memory is full, a decoder crashes), the photos that were under way are tried again one at a
time, and that which ends its process once more is given up.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final, Generic, Protocol, TypeVar

from maskwise.errors import ConfigurationError
from maskwise.models.session import THREADS_VARIABLE

MOST_WORKERS: Final = 61
"""Windows waits for 64 handles at most, three are Python's."""

_USUAL_WORKERS: Final = 4
_FEW: Final = 32
"""So few photos are done before processes have started and opened their models."""

_HOPELESS: Final = 4
"""So many photos are given up, and none is finished, before all are: it is not the photos."""
_POLL_S: Final = 0.5
DIED: Final = (
    "the process that worked on it ended (is the memory full?); try it with --workers 1, or "
    "make the photo smaller"
)

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")
_Job_contra = TypeVar("_Job_contra", contravariant=True)
_Outcome_co = TypeVar("_Outcome_co", covariant=True)


class Workshop(Protocol[_Job_contra, _Outcome_co]):
    """What does the work. Is pickled for every process, and so are jobs and outcomes."""

    def do(self, job: _Job_contra) -> _Outcome_co:
        """Work off one photo; what is wrong with the photo is part of the outcome."""

    def failed(self, job: _Job_contra, reason: str) -> _Outcome_co:
        """The outcome of a photo over which its process ended."""


_workshop: Workshop[Any, Any] | None = None  # of a worker process


def usual_workers(photos: int, most: int = _USUAL_WORKERS) -> int:
    """As many processes as pay for so many photos; ``most`` is for the memory's sake."""
    return 1 if photos <= _FEW else max(1, min(cores(), photos // _FEW + 1, most))


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def outcomes(
    workshop: Workshop[Job, Outcome], jobs: Iterable[Job], workers: int, stop: Callable[[], bool]
) -> Generator[tuple[Job, Outcome], None, None]:
    """What became of each photo, as they are finished.

    jobs: asked for one when there is somebody to do it, so that few are in memory. stop: asked
    between photos; when it says so, what is under way is finished and no more. Raises what
    ``do`` raises, and ConfigurationError when processes end over every photo, whichever it is.
    """
    workers = min(workers, MOST_WORKERS)
    waiting = _Waiting(jobs)
    if workers <= 1:
        while not stop() and waiting:
            job = waiting.next()
            yield job, workshop.do(job)
        return
    finished = given_up = 0
    while not stop() and waiting:
        suspects: list[Job] = []
        for pair in _in_processes(workshop, waiting, workers, stop, suspects):
            finished += 1
            yield pair
        for job in suspects:
            if stop():
                return
            again: list[Job] = []
            for pair in _in_processes(workshop, _Waiting([job]), 1, stop, again):
                finished += 1
                yield pair
            if again:
                given_up += 1
                if not finished and given_up == _HOPELESS:
                    raise ConfigurationError(
                        f"{given_up} photos, and the process that was started for each ended "
                        "before it was done: is the memory full? Use --workers 1; a program that "
                        'calls maskwise needs `if __name__ == "__main__":` around what it does'
                    )
                yield job, workshop.failed(job, DIED)


class _Waiting(Generic[Job]):
    """Jobs of an iterator, of which the first can be had without being taken."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._jobs = iter(jobs)
        self._first: deque[Job] = deque()

    def __bool__(self) -> bool:
        if not self._first:
            self._first.extend(itertools.islice(self._jobs, 1))
        return bool(self._first)

    @property
    def first(self) -> Job:
        return self._first[0]

    def next(self) -> Job:
        return self._first.popleft()


def _in_processes(
    workshop: Workshop[Job, Outcome],
    waiting: _Waiting[Job],
    workers: int,
    stop: Callable[[], bool],
    suspects: list[Job],
) -> Iterator[tuple[Job, Outcome]]:
    """Work off ``waiting``; when a process dies, the photos under way become ``suspects``."""
    with _pool(workshop, workers) as pool:
        running: dict[Future[Any], Job] = {}
        try:
            while running or (not stop() and waiting):
                # No more than can be lost: twice as many as work.
                while len(running) < 2 * workers and not suspects and not stop() and waiting:
                    future = _submit(pool, waiting.first)
                    running[future] = waiting.next()
                if stop():
                    for future in [f for f in running if f.cancel()]:
                        del running[future]
                done, _ = wait(running, _POLL_S, FIRST_COMPLETED)
                for future in done:
                    job = running.pop(future)
                    try:
                        yield job, future.result()
                    except BrokenProcessPool:
                        suspects.append(job)
                if suspects and not running:
                    return
        except BrokenProcessPool:  # between two photos
            suspects += running.values()
        finally:
            for future in running:
                future.cancel()


def _pool(workshop: Workshop[Any, Any], workers: int) -> ProcessPoolExecutor:
    import multiprocessing

    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    threads = max(1, cores() // workers)
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(workshop, threads)
    )


def _submit(pool: ProcessPoolExecutor, job: Any) -> Future[Any]:
    # Processes are started here and inherit that Ctrl-C is held back: it is for the parent.
    with _held_back():
        return pool.submit(_work, job)


def _begin(workshop: Workshop[Any, Any], threads: int) -> None:
    """In a new process: its own models, and all together use the cores once."""
    global _workshop  # noqa: PLW0603  a process has one task for its life
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.setdefault(THREADS_VARIABLE, str(threads))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    import cv2

    cv2.setNumThreads(threads)
    _workshop = workshop


def _end_with_parent() -> None:
    import multiprocessing
    from multiprocessing.connection import wait as wait_for

    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)


def _work(job: Any) -> Any:
    assert _workshop is not None
    return _workshop.do(job)


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
