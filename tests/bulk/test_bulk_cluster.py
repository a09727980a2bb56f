"""A dask cluster of which parts go while photos are looked at: scheduler and workers of their own.

Slow for its processes, not for models.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from maskwise import bulk
from maskwise.bulk import cluster
from maskwise.enrolment import Asked, Looked
from maskwise.errors import ConfigurationError
from maskwise.gallery import Gallery, open_gallery
from maskwise.quality import gates
from maskwise.testing.command_line import TEAL, make_recognizer, photo

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.models,
    pytest.mark.skipif(os.name != "posix", reason="SIGKILL"),
]
ASKED = Asked((), strict=False, keep=False, limits=gates("off"))


class Machines:
    """A scheduler and two workers."""

    def __init__(self, home: Path) -> None:
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", home=home)
        file = home / "scheduler.json"
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.2)  # it is being written
        self.address: str = json.loads(file.read_text())["address"]
        self.workers = [self._start("worker", self.address, "--no-nanny") for _ in range(2)]

    @staticmethod
    def _start(what: str, *given: str, home: Path | None = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *given, "--no-dashboard"]
        if home is None:
            command += ["--nthreads", "1"]
        else:
            command += ["--scheduler-file", str(home / "scheduler.json")]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def enrol(
        self, gallery: Gallery, people: Iterable[bulk.PersonPhotos]
    ) -> Iterator[bulk.BulkReport]:
        shop = bulk.Workshop(make_recognizer, ASKED, make_recognizer().models)

        def crew(jobs: Iterable[bulk.PhotoJob]) -> Iterator[tuple[bulk.PhotoJob, Looked]]:
            return cluster.outcomes(self.address, shop, jobs, lambda: False)

        return bulk.enrol_many(gallery, people, ASKED, crew)


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    for process in (*made.workers, made.scheduler):
        process.kill()
        process.wait()


@pytest.fixture
def people(tmp_path: Path) -> list[bulk.PersonPhotos]:
    return [(f"P{n:03}", [photo(tmp_path / f"{n}.png", TEAL, left=20 + n)]) for n in range(150)]


@pytest.mark.parametrize("who", ["the scheduler", "the workers"])
def test_what_goes_for_good_is_an_error_and_what_was_stored_stays(
    machines: Machines,
    people: list[bulk.PersonPhotos],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    who: str,
) -> None:
    going = [machines.scheduler] if who == "the scheduler" else machines.workers
    with open_gallery(None) as gallery:
        run = machines.enrol(gallery, people)
        next(run)
        monkeypatch.setattr(cluster, "_TIMEOUT_S", 2)
        for process in going:
            process.send_signal(signal.SIGKILL)
        reports = []
        with (
            caplog.at_level(logging.WARNING),
            pytest.raises(ConfigurationError, match=who.split()[1]),
        ):
            reports.extend(run)
        stored = gallery.people()
        assert [p.subject for p in stored] == [name for name, _ in people[: len(stored)]]
        assert 0 < len(stored) < len(people)
    assert not [record for record in caplog.records if "distributed" in record.name]


def test_a_worker_that_goes_is_done_without(
    machines: Machines, people: list[bulk.PersonPhotos]
) -> None:
    with open_gallery(None) as gallery:
        run = machines.enrol(gallery, people)
        next(run)
        machines.workers[0].send_signal(signal.SIGKILL)
        assert len(list(run)) == len(people) - 1
        assert gallery.size().references == len(people)


def test_of_large_photos_dask_says_nothing(machines: Machines, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (2000, 2000, 3), np.uint8)
    PillowImage.fromarray(pixels).save(tmp_path / "large.png")
    with open_gallery(None) as gallery, warnings.catch_warnings():
        warnings.simplefilter("error")
        (report,) = machines.enrol(gallery, [("Ada", [tmp_path / "large.png"])])
    assert report.enrolled is not None
