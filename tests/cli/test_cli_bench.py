"""maskwise bench with fakes: what it prints. No time is asserted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from maskwise.bench import fresh, peers
from maskwise.bench import run as bench_run
from maskwise.bench.contestant import Look
from maskwise.testing.command_line import GREEN, Run, photo


class Peer:
    def look_at(self, path: Path) -> Look:
        if path.name == "2.png":
            raise OSError("cannot read this")
        return Look({"decode": 0.1, "detect": 0.2, "encode": 0.3}, 1)


@pytest.fixture(autouse=True)
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """dlib is there, dlib-hog ends its process, face_recognition is not installed."""

    def measure(
        name: str, photos: Any, times: int, on_run: Callable[[], None], models: dict[str, str]
    ) -> fresh.Fresh:
        if name == "dlib-hog":
            return fresh.Fresh(problem="it quits")
        return fresh.Fresh(0.1, 2.0 if name == "dlib" else 0.5, 200.0)

    def not_installed(name: str) -> str | None:
        return "not installed" if name.startswith("face_recognition") else None

    monkeypatch.setattr(bench_run, "PAUSE_S", 0)
    monkeypatch.setattr(fresh, "measure", measure)
    monkeypatch.setattr(peers, "not_installed", not_installed)
    monkeypatch.setattr(peers, "remedy", lambda name: "")
    monkeypatch.setattr(peers, "make", lambda name: Peer())


@pytest.fixture
def photos(home: Path) -> str:
    for number in (1, 2, 3):
        photo(f"photos/{number}.png", GREEN, left=80 + number)
    return "photos"


def test_json_has_it_all(run: Run, photos: str) -> None:
    answer = run("bench", photos, "--json", "--repeat", "2")
    assert answer.status == 0
    (report,) = answer.lines
    assert report["settings"]["photos"] == 3
    assert (report["looks"], report["faces"], report["interrupted"]) == (6, 6, False)
    assert [row["stage"] for row in report["stages"]] == [
        *("decode", "detect", "landmarks", "align", "mask state", "encode", "virtual masks"),
        *("compare", "identify", "enrol"),
    ]
    assert all(row["count"] == 6 and row["median_ms"] > 0 for row in report["stages"])
    assert report["models"]["encoder"] == "fake-encoder"
    assert report["machine"]["versions"]["maskwise"]
    assert report["fresh_process"]["maskwise"]["first_answer_s"] == 0.5
    assert set(report["peers"]) == {"dlib"}
    assert report["peers"]["dlib"]["photos"] == 4
    assert report["peers"]["dlib"]["failed"] == {"photos/2.png": "OSError: cannot read this"}
    assert report["not_found"] == {
        "dlib-hog": "it quits",
        "face_recognition": "not installed",
        "face_recognition-cnn": "not installed",
    }


def test_the_table_names_machine_stages_peers_and_who_is_missing(run: Run, photos: str) -> None:
    answer = run("bench", photos)
    assert answer.status == 0
    lines = answer.out.splitlines()
    assert "Python" in lines[0]
    assert any(line.startswith("compare with 10,000 ") for line in lines)
    assert any(line.startswith("identify: ") and "photos a second" in line for line in lines)
    (dlib,) = (line.split() for line in lines if line.startswith("dlib  "))
    assert dlib[-2:] == ["4x", "1x"]  # first answer 2 s by 0.5 s; the memory the same
    assert "not compared: dlib-hog: it quits" in lines
    assert "dlib failed: photos/2.png: OSError: cannot read this" in lines


def test_the_sample_people_without_a_folder(run: Run, home: Path) -> None:
    (report,) = run("bench", "--limit", "2", "--peers", "none", "--json").lines
    assert report["settings"]["photos"] == 2
    assert (report["peers"], report["not_found"]) == ({}, {})


def test_a_peer_that_was_named_and_is_not_there_is_exit_1(run: Run, photos: str) -> None:
    answer = run("bench", photos, "--peers", "face_recognition")
    assert answer.status == 1
    assert "not compared: face_recognition: not installed" in answer.out


def test_threads_are_for_this_run_alone(
    run: Run, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    monkeypatch.setattr(
        fresh,
        "measure",
        lambda *_: seen.append(os.environ.get("MASKWISE_THREADS")) or fresh.Fresh(0.1, 0.5, 1.0),
    )
    for before in ("7", None):
        if before is None:
            monkeypatch.delenv("MASKWISE_THREADS", raising=False)
        else:
            monkeypatch.setenv("MASKWISE_THREADS", before)
        run("bench", photos, "--peers", "none", "--threads", "1")
        assert os.environ.get("MASKWISE_THREADS") == before
    assert seen == ["1", "1"]


def test_what_cannot_be_read_is_named(run: Run, photos: str) -> None:
    Path("photos/0.png").write_bytes(b"no picture")
    answer = run("bench", photos, "--peers", "none", "--json")
    assert answer.status == 1
    assert list(answer.lines[0]["unreadable"]) == ["photos/0.png"]
    assert "skipped: photos/0.png" in answer.err


def test_usage_errors(run: Run, home: Path) -> None:
    Path("empty").mkdir()
    Path("broken").mkdir()
    Path("broken/1.png").write_bytes(b"no picture")
    for arguments, words in (
        (("nowhere",), "nowhere: "),
        (("empty",), "empty: no pictures in this folder"),
        (("broken",), "none of the 1 photos can be read"),
        (("--peers", "deepface"), "no peer 'deepface'"),
    ):
        answer = run("bench", *arguments)
        assert (answer.status, answer.out) == (2, "")
        assert words in answer.err


def test_ctrl_c_prints_what_was_measured(
    run: Run, photos: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Peer, path: Path) -> Look:
        if path.name == "3.png":
            raise KeyboardInterrupt
        return Look({"decode": 0.1, "detect": 0.2, "encode": 0.3}, 1)

    monkeypatch.setattr(Peer, "look_at", interrupted)
    answer = run("bench", photos, "--peers", "dlib", "--json")
    assert answer.status == 130
    report = json.loads(answer.out)
    assert report["interrupted"]
    assert report["peers"]["dlib"]["photos"] == 2
    assert "this is what was measured until then" in answer.err
