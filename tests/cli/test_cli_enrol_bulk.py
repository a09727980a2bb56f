"""``maskwise enrol`` with several processes, and with the workers of a cluster."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from maskwise.bulk import PhotoJob, Workshop, cluster
from maskwise.bulk import run as bulk_run
from maskwise.cli import main
from maskwise.cli.options import Tools
from maskwise.enrolment import Looked
from maskwise.errors import ConfigurationError
from maskwise.gallery import open_gallery
from maskwise.testing.command_line import GOLD, GREEN, RED, TEAL, Answer, make_recognizer, photo


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("MASKWISE_GALLERY", raising=False)


def run(*arguments: str) -> Answer:
    result = CliRunner().invoke(main, list(arguments), obj=Tools(make_recognizer))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Answer(result.exit_code, result.stdout, result.stderr)


def make_people(count: int = 6) -> None:
    colours = (RED, GREEN, GOLD, TEAL)
    for n in range(count):
        for m in range(2):
            photo(f"people/P{n:03}/{m}.png", colours[n % 4], left=40 + n % 200 + 3 * m)
    Path("people/P000/broken.png").write_bytes(b"no picture")


def told(gallery: str) -> list[tuple[str, str, list[list[float]]]]:
    with open_gallery(gallery, create=False) as store:
        return [
            (r.subject, r.photo.source, [t.vector.tolist() for t in r.photo.templates])
            for r in store.export()
        ]


def test_two_processes_store_what_one_does() -> None:
    make_people()
    alone = run("enrol", "people", "--gallery", "a.db", "--workers", "1", "--json")
    both = run("enrol", "people", "--gallery", "b.db", "--workers", "2", "--json")
    assert (alone.status, both.status) == (1, 1)
    first, second = json.loads(alone.out), json.loads(both.out)
    for summary in (first, second):
        assert summary.pop("rate") > 0
        summary.pop("gallery")
    assert first == second
    assert told("a.db") == told("b.db")
    again = json.loads(run("enrol", "people", "--gallery", "b.db", "--workers", "2", "--json").out)
    assert (again["photos"]["already"], again["templates"]) == (12, 0)


def test_two_processes_and_a_cluster_are_not_named_both() -> None:
    make_people(2)
    answer = run("enrol", "people", "--workers", "2", "--cluster", "tcp://localhost:1")
    assert answer.status == 2
    assert "name one" in answer.err


@pytest.mark.skipif(os.name != "posix", reason="signals")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_ends_early_is_gone_on_with(end: signal.Signals) -> None:
    make_people(16)
    script = (
        "import signal, sys\n"
        "from maskwise.cli import main\n"
        "from maskwise.cli.options import Tools\n"
        "from maskwise.testing.command_line import make_recognizer\n"
        "if __name__ == '__main__':\n"
        # What is started in the background ignores Ctrl-C.
        "    signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "    main(sys.argv[1:], obj=Tools(make_recognizer))\n"
    )
    Path("run.py").write_text(script)
    command = [sys.executable, "run.py", "enrol", "people", "--gallery", "g.db", "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if Path("g.db").exists():
            with open_gallery("g.db", create=False) as store:
                if store.size().people:
                    break
        time.sleep(0.02)
    process.send_signal(end)
    _, err = process.communicate(timeout=60)
    if end is signal.SIGINT and process.returncode == 130:  # else it was faster
        assert "run the same command again to go on" in err
    assert "Traceback" not in err
    with open_gallery("g.db", create=False) as store:
        kept = {r.reference_id for r in store.export()}
        assert kept
        assert store.integrity_check() == []
    assert run("enrol", "people", "--gallery", "g.db", "--workers", "2").status == 1
    assert run("enrol", "people", "--gallery", "whole.db", "--workers", "1").status == 1
    assert told("g.db") == told("whole.db")
    with open_gallery("g.db", create=False) as store:
        assert kept <= {r.reference_id for r in store.export()}


class TestTheCluster:
    def test_nobody_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cluster, "_TIMEOUT_S", 1)
        make_people(1)
        answer = run("enrol", "people", "--gallery", "g.db", "--cluster", "tcp://127.0.0.1:9")
        assert answer.status == 2
        assert "no scheduler answers there" in answer.err
        assert "Traceback" not in answer.err

    def test_without_the_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_people(1)
        monkeypatch.setitem(sys.modules, "distributed", None)
        answer = run("enrol", "people", "--gallery", "g.db", "--cluster", "tcp://127.0.0.1:9")
        assert answer.status == 2
        assert 'pip install "maskwise[cluster]"' in answer.err

    @pytest.mark.models
    def test_two_workers(self) -> None:
        """Slow for its processes, not for models."""
        import distributed

        make_people(20)
        assert run("enrol", "people", "--gallery", "a.db", "--workers", "1").status == 1
        machines = distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        )
        try:
            address = machines.scheduler_address
            answer = run("enrol", "people", "--gallery", "b.db", "--cluster", address, "--json")
        finally:
            machines.close()
        assert answer.status == 1
        assert json.loads(answer.out)["photos"]["enrolled"] == 40
        assert told("a.db") == told("b.db")

    def test_one_that_goes_on_the_way_says_what_is_kept(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def going(
            address: str, workshop: Workshop, jobs: Iterable[PhotoJob], stop: object
        ) -> Iterator[tuple[PhotoJob, Looked]]:
            for job in itertools.islice(jobs, 5):
                yield job, workshop.do(job)
            raise ConfigurationError("the scheduler is gone")

        monkeypatch.setattr(cluster, "outcomes", going)
        monkeypatch.setattr(bulk_run, "SECONDS_AT_ONCE", -1.0)
        make_people(4)
        answer = run("enrol", "people", "--gallery", "g.db", "--cluster", "tcp://127.0.0.1:9")
        assert answer.status == 2
        assert "2 of 4 people were finished and are kept in" in answer.err
        assert "the scheduler is gone" in answer.err
        assert len(told("g.db")) == 4
