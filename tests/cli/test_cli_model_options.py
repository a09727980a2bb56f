"""``--detector`` and ``--encoder``: every command hands them to its Recognizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maskwise import Recognizer, detect, encode
from maskwise.cli.options import Tools
from maskwise.decide import OperatingPoints
from maskwise.testing.command_line import GOLD, RED, Run, make_recognizer, photo
from maskwise.testing.fakes import FakeDetector, FakeEncoder, FakeMaskClassifier, FakePredictor


class Recording:
    """A maker of fakes that remembers which models were asked for."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []

    def __call__(self, **arguments: Any) -> Recognizer:
        names = ("detector", "predictor", "encoder")
        self.asked.append({k: arguments.pop(k) for k in names if k in arguments})
        return make_recognizer(**arguments)


@pytest.fixture
def recording() -> Recording:
    return Recording()


@pytest.fixture
def pairs(people: Path, home: Path) -> None:
    Path("pairs.csv").write_text("a,b,same\nRuby/1.png,Ruby/2.png,1\nRuby/1.png,Olive/1.png,0\n")


@pytest.mark.usefixtures("people", "pairs")
@pytest.mark.parametrize(
    "command",
    [
        ["enrol", "people", "--gallery", "g.db"],
        ["identify", "people", "--gallery", "there.db"],
        ["verify", "people/Ruby/1.png", "people/Ruby/2.png"],
        ["calibrate", "--folder", "people", "--dry-run"],
        ["bench", "people", "--peers", "none"],
        ["evaluate", "folder", "people", "--out", "report", "--no-cache"],
        [
            *("evaluate", "verification", "--images", "people", "--pairs", "pairs.csv"),
            *("--out", "report", "--no-cache"),
        ],
    ],
    ids=lambda command: " ".join(command[:2]),
)
class TestEveryCommand:
    @pytest.fixture(autouse=True)
    def no_processes(self, run: Run, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from maskwise.bench import fresh

        monkeypatch.setattr(fresh, "measure", lambda *_: fresh.Fresh(0.1, 0.5, 1.0))
        run("enrol", "people", "--gallery", "there.db")

    def test_hands_them_on(self, run: Run, recording: Recording, command: list[str]) -> None:
        chosen = ["--detector", "yunet:a file.onnx", "--encoder", "sface"]
        run(*command, *chosen, tools=Tools(recording))
        assert recording.asked == [{"detector": "yunet:a file.onnx", "encoder": "sface"}]

    def test_from_the_environment_too(
        self,
        run: Run,
        recording: Recording,
        command: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("MASKWISE_DETECTOR", "scrfd")
        run(*command, tools=Tools(recording))
        assert recording.asked == [{"detector": "scrfd"}]

    def test_else_nothing(self, run: Run, recording: Recording, command: list[str]) -> None:
        run(*command, tools=Tools(recording))
        assert recording.asked == [{}]


@pytest.mark.parametrize(
    ("detector", "asked"),
    [(None, {"predictor": "detector"}), ("mmod", {"detector": "mmod"})],
)
def test_masks_are_placed_by_the_detector_that_was_named(
    run: Run, home: Path, recording: Recording, detector: str | None, asked: dict[str, str]
) -> None:
    photo("ruby.png", RED)
    chosen = [] if detector is None else ["--detector", detector]
    run("mask", "ruby.png", "--out", "masked", *chosen, tools=Tools(recording))
    assert recording.asked == [asked]


def test_and_by_its_own_points_where_it_gives_some(
    run: Run, home: Path, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Five(FakeDetector):
        scheme = "five"

    monkeypatch.setattr("maskwise.detect.create", lambda address: Five())
    photo("ruby.png", RED)
    run("mask", "ruby.png", "--out", "masked", "--detector", "yunet", tools=Tools(recording))
    assert recording.asked == [{"detector": "yunet", "predictor": "detector"}]


def uncalibrated(**arguments: Any) -> Recognizer:
    return Recognizer(
        detector=FakeDetector(),
        predictor=FakePredictor(),
        mask_classifier=FakeMaskClassifier(),
        encoder=FakeEncoder(),
        operating_points=OperatingPoints.uncalibrated("new-encoder"),
        **arguments,
    )


class TestAnEncoderWithoutThresholds:
    def test_identify_ranks_and_says_to_calibrate(self, run: Run, people: Path) -> None:
        run("enrol", "people", "--gallery", "g.db", tools=Tools(uncalibrated))
        photo("new.png", RED, left=110)
        answer = run("identify", "new.png", "--gallery", "g.db", tools=Tools(uncalibrated))
        assert answer.status == 0
        assert "could not tell (nearest Ruby)" in answer.out
        assert "the encoder new-encoder has no calibrated thresholds" in answer.out
        assert "maskwise calibrate" in answer.out
        assert "of strangers" not in answer.out  # no rate is promised where nothing is decided

    def test_in_json_too(self, run: Run, people: Path) -> None:
        run("enrol", "people", "--gallery", "g.db", tools=Tools(uncalibrated))
        photo("new.png", GOLD, left=110)
        answer = run(
            "identify", "new.png", "--gallery", "g.db", "--json", tools=Tools(uncalibrated)
        )
        (face,) = answer.lines
        assert face["candidates"][0]["subject"] == "Goldie"
        assert face["decision"]["outcome"] == "insufficient"
        assert face["decision"]["score"] == pytest.approx(1, abs=0.01)
        assert face["decision"]["threshold"] is None

    def test_verify_could_not_tell_and_prints_the_score(self, run: Run, people: Path) -> None:
        pair = ("people/Ruby/1.png", "people/Ruby/2.png")
        answer = run("verify", *pair, tools=Tools(uncalibrated))
        assert answer.status == 3
        assert "score 1.000" in answer.out
        assert "maskwise calibrate" in answer.out


@pytest.mark.parametrize(
    "command",
    ["enrol", "identify", "verify", "calibrate", "bench", "doctor", "evaluate folder"],
)
def test_the_help_names_the_models_that_are_taken(run: Run, command: str) -> None:
    text = " ".join(run(*command.split(), "--help").out.split())
    assert f"[env var: MASKWISE_DETECTOR; default: {detect.DEFAULT}]" in text
    assert f"[env var: MASKWISE_ENCODER; default: {encode.DEFAULT}]" in text


def test_an_unknown_address_is_one_line(run: Run, people: Path) -> None:
    answer = run(*("enrol", "people", "--gallery", "g.db", "--encoder", "nonesuch"), tools=Tools())
    assert answer.status == 2
    known = "arcface, dlib-resnet-v1, file, maskwise-v1, sface"
    assert f"no encoder 'nonesuch'; there are: {known}" in answer.err
