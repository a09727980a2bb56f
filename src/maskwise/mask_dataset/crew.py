"""Photos to processes: what comes back does not hang on how many there are.

Processes are spawned, never forked: ONNX Runtime's threads do not live on in a forked child. They
leave Ctrl-C to the parent, and end when it ends, however that happens. When one dies over a photo
(the memory is full, a decoder crashes), the photos that were under way are tried again one at a
time, and that which ends its process once more is given up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Final, TypeAlias

from maskwise.mask_dataset.work import Job, Outcome, Workshop, failed
from maskwise.models.session import THREADS_VARIABLE

MOST_WORKERS: Final = 61
"""Windows waits for 64 handles at most, three are Python's."""

_USUAL_WORKERS: Final = 4
_FEW: Final = 32
"""So few photos are done before processes have started and opened their models."""

_POLL_S: Final = 0.5
_DIED: Final = (
    "the process that worked on it ended (is the memory full?); try it with --workers 1, or "
    "make the photo smaller"
)

Done: TypeAlias = tuple[Job, Outcome]

_workshop: Workshop | None = None  # of a worker process


def usual_workers(photos: int) -> int:
    """As many processes as pay for so many photos."""
    return 1 if photos <= _FEW else max(1, min(cores(), _USUAL_WORKERS))


def cores() -> int:
    """How many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def outcomes(
    workshop: Workshop, jobs: Sequence[Job], workers: int, stop: Callable[[], bool]
) -> Generator[Done, None, None]:
    """What became of each photo, as they are finished.

    stop: asked between photos; when it says so, what is under way is finished and no more.
    """
    workers = min(workers, len(jobs), MOST_WORKERS)
    if workers <= 1:
        for job in jobs:
            if stop():
                return
            yield job, workshop.do(job)
        return
    waiting = deque(jobs)
    while waiting and not stop():
        suspects: list[Job] = []
        yield from _in_processes(workshop, waiting, workers, stop, suspects)
        for job in suspects:
            if stop():
                return
            yield from _alone(workshop, job, stop)


def _in_processes(
    workshop: Workshop,
    waiting: deque[Job],
    workers: int,
    stop: Callable[[], bool],
    suspects: list[Job],
) -> Iterator[Done]:
    """Work off ``waiting``; when a process dies, the photos under way become ``suspects``."""
    with _pool(workshop, workers) as pool:
        running: dict[Future[Outcome], Job] = {}
        try:
            while running or (waiting and not stop()):
                # No more than can be lost: twice as many as work.
                while waiting and not stop() and not suspects and len(running) < 2 * workers:
                    future = _submit(pool, waiting[0])
                    running[future] = waiting.popleft()
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


def _alone(workshop: Workshop, job: Job, stop: Callable[[], bool]) -> Iterator[Done]:
    again: list[Job] = []
    yield from _in_processes(workshop, deque([job]), 1, stop, again)
    if again:
        yield job, failed(job, _DIED)


def _pool(workshop: Workshop, workers: int) -> ProcessPoolExecutor:
    import multiprocessing

    methods = multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
    threads = max(1, cores() // workers)
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=_begin, initargs=(workshop, threads)
    )


def _submit(pool: ProcessPoolExecutor, job: Job) -> Future[Outcome]:
    # Processes are started here and inherit that Ctrl-C is held back: it is for the parent.
    with _held_back():
        return pool.submit(_work, job)


def _begin(workshop: Workshop, threads: int) -> None:
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


def _work(job: Job) -> Outcome:
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
