"""Photos to the workers of a dask cluster: other machines, which need no disk of ours.

The scheduler and its workers are started by whoever has the machines (docs/bulk-enrolment.md). A
worker that ends is dask's business: it gives the photo to another one, and gives the photo up when
it has ended several.
"""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, Final

from maskwise.bulk.work import PhotoJob, Workshop
from maskwise.enrolment import Looked
from maskwise.errors import ConfigurationError, MaskwiseError
from maskwise.models.session import THREADS_VARIABLE

_TIMEOUT_S: Final = 10
_PER_THREAD: Final = 3
"""Photos sent ahead for each thread of a worker: one in work, and two on their way."""


def outcomes(
    address: str, workshop: Workshop, jobs: Iterable[PhotoJob], stop: Callable[[], bool]
) -> Generator[tuple[PhotoJob, Looked], None, None]:
    """What was seen of each photo, as they are finished; see ``crew.outcomes``.

    address: of the scheduler, ``tcp://HOST:PORT``. Workers that come later get work, too.
    Raises ConfigurationError without the extra, where no scheduler answers or it is gone later,
    where there is no worker, and where workers cannot do the work.
    """
    with _connected(address) as client:
        waiting = iter(jobs)
        running: dict[Any, PhotoJob] = {}
        more = True
        try:
            while running or more:
                with _reached(address):
                    room = _PER_THREAD * _threads(client, address) - len(running)
                while more and room > 0:
                    job = None if stop() else next(waiting, None)
                    if job is None:
                        more = False
                        break
                    with _reached(address):
                        # pure: dask would take photos of one content and name for one.
                        running[client.submit(_do, workshop, job, pure=False)] = job
                    room -= 1
                for future in _finished(list(running)):
                    looked = _result(address, workshop, running[future], future)
                    if looked is None:
                        break
                    yield running.pop(future), looked
        finally:
            with contextlib.suppress(OSError):
                client.cancel(list(running))


def _do(workshop: Workshop, job: PhotoJob) -> Looked:
    # Before the models are opened: a machine has a worker for each of its cores.
    if os.environ.setdefault(THREADS_VARIABLE, "1") == "1":
        import cv2

        cv2.setNumThreads(1)
    return workshop.do(job)


@contextlib.contextmanager
def _connected(address: str) -> Iterator[Any]:
    """A client. While there is one, dask keeps what it has to say to itself: we say it."""
    try:
        from distributed import Client
    except ImportError as error:
        raise ConfigurationError(
            '--cluster needs dask, which is an extra: pip install "maskwise[cluster]"'
        ) from error
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    # To the end: of tasks that nobody asked for, asyncio tells when they are thrown away.
    logging.getLogger("asyncio").addFilter(_not_of_dask)
    for logger in loggers:
        logger.addFilter(_not_of_dask)
    try:
        with warnings.catch_warnings():
            # A photo is data, and may be large.
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)
            with _client(Client, address) as client:
                yield client
    finally:
        for logger in loggers:
            logger.removeFilter(_not_of_dask)


def _not_of_dask(record: logging.LogRecord) -> bool:
    # What asyncio tells of dask's tasks names dask's file.
    return "distributed" not in record.name and "distributed" not in record.getMessage()


def _client(kind: Any, address: str) -> Any:
    try:
        return kind(address, timeout=_TIMEOUT_S)
    except (OSError, ValueError, RuntimeError) as error:  # what it raises differs by the address
        raise ConfigurationError(
            f"--cluster {address}: no scheduler answers there ({error}); start one with `dask "
            "scheduler`, and name the address that it prints: tcp://HOST:PORT"
        ) from error


@contextlib.contextmanager
def _reached(address: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _gone(address) from error


def _gone(address: str) -> ConfigurationError:
    return ConfigurationError(
        f"--cluster {address}: the scheduler is gone; what was stored is kept: start it again, and "
        "run the same command again to go on"
    )


def _threads(client: Any, address: str) -> int:
    from distributed import TimeoutError as TooLate

    count = sum(client.nthreads().values())
    if not count:
        try:
            client.wait_for_workers(1, timeout=_TIMEOUT_S)
        except TooLate as error:
            raise ConfigurationError(
                f"--cluster {address}: the scheduler has no workers; start some on your machines: "
                f"dask worker {address} --nthreads 1"
            ) from error
        count = sum(client.nthreads().values())
    return max(1, int(count))


def _finished(futures: list[Any]) -> list[Any]:
    """Those that are done; waits for the first, and looks up now and then."""
    import distributed

    if not futures:
        return []
    wait: Any = distributed.wait
    try:
        done: list[Any] = list(wait(futures, timeout=1, return_when="FIRST_COMPLETED").done)
    except distributed.TimeoutError:
        return []
    except distributed.client.FuturesCancelledError:  # each of them says so itself
        return futures
    return done


def _result(address: str, workshop: Workshop, job: PhotoJob, future: Any) -> Looked | None:
    """What a worker saw; None where the worker is gone, and with it what it saw: done again."""
    import distributed
    from distributed.comm.core import CommClosedError

    try:
        found: Looked = future.result(timeout=_TIMEOUT_S)
    except distributed.TimeoutError as error:
        if future.status == "error":  # it is the worker's own
            raise _unable(address, workshop, error) from error
        return None
    except distributed.KilledWorker:
        return workshop.failed(job)
    except MaskwiseError as error:
        raise ConfigurationError(f"--cluster {address}: {error}") from error
    except (CommClosedError, distributed.CancelledError) as error:
        raise _gone(address) from error
    except Exception as error:  # of whatever kind: a worker without maskwise cannot say it in ours
        raise _unable(address, workshop, error) from error
    return found


def _unable(address: str, workshop: Workshop, error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"--cluster {address}: a worker cannot look at photos ({type(error).__name__}: "
        f"{error}); every worker needs maskwise {workshop.made_by[0]} and the same models"
    )
