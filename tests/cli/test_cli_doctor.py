"""``maskwise doctor``, and the device that the command line chooses."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest

from maskwise import doctor
from maskwise.cli.options import Tools
from maskwise.doctor import AREAS, Finding
from maskwise.errors import ModelError
from maskwise.testing.command_line import Run, photo

FINE = Finding("installed", "Python", "ok", "3.12")
ODD = Finding("installed", "opencv", "note", "two of them", "remove one")
BAD = Finding("gallery", "people", "wrong", "line\nbreak", "mend it")


@pytest.fixture
def finding(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the doctor finds; the arguments it got come after ``...``."""
    found: list[Any] = []

    def examine(*arguments: Any) -> Iterator[Finding]:
        yield from list(found)
        found.extend([..., *arguments])

    monkeypatch.setattr(doctor, "examine", examine)
    return found


def test_what_is_found_is_printed_by_area(run: Run, finding: list[Any]) -> None:
    finding += [FINE, ODD, BAD]
    answer = run("doctor")
    assert answer.status == 1
    assert answer.out.splitlines() == [
        "",
        "installed",
        "  ok    Python                    3.12",
        "  note  opencv                    two of them  -> remove one",
        "",
        "gallery",
        "  wrong people                    line\\nbreak  -> mend it",
        "",
        "1 thing wrong, 1 note",
    ]
    assert answer.err == ""


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        ([FINE], 0, "nothing is wrong"),
        ([FINE, ODD, ODD], 0, "nothing is wrong, 2 notes"),
        ([BAD, BAD], 1, "2 things wrong"),
    ],
)
def test_the_status_is_1_when_something_is_wrong(
    found: list[Finding], status: int, words: str, run: Run, finding: list[Any]
) -> None:
    finding += found
    answer = run("doctor")
    assert (answer.status, answer.out.splitlines()[-1]) == (status, words)


def test_json_holds_everything(run: Run, finding: list[Any]) -> None:
    finding += [FINE, BAD]
    answer = run("doctor", "--json")
    assert answer.status == 1
    assert json.loads(answer.out) == {
        "wrong": 1,
        "notes": 0,
        "checks": [
            {"area": "installed", "name": "Python", "state": "ok", "says": "3.12", "remedy": ""},
            {
                "area": "gallery",
                "name": "people",
                "state": "wrong",
                "says": "line\nbreak",
                "remedy": "mend it",
            },
        ],
    }


def test_the_gallery_and_the_models_are_handed_on(run: Run, finding: list[Any]) -> None:
    run("doctor", "--gallery", "g.db", "--encoder", "sface", "--detector", "yunet:y.onnx")
    assert finding == [..., "g.db", {"detector": "yunet:y.onnx", "encoder": "sface"}]


@pytest.mark.models
def test_this_installation_is_sound(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MASKWISE_")]:
        monkeypatch.delenv(name)
    answer = run("doctor", "--json")
    checks = json.loads(answer.out)["checks"]
    wrong = [check for check in checks if check["state"] == "wrong"]
    assert (answer.status, wrong) == (0, [])
    assert list(dict.fromkeys(check["area"] for check in checks)) == list(AREAS)
    assert checks[-1]["says"].startswith("Amina and Bram")


class TestDevice:
    @pytest.fixture(autouse=True)
    def unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MASKWISE_DEVICE", raising=False)

    def seen(self, run: Run, *words: str) -> str | None:
        """The variable while the command runs."""
        seen: list[str | None] = []

        def recognizer(**_: Any) -> Any:
            seen.append(os.environ.get("MASKWISE_DEVICE"))
            logging.getLogger("maskwise.models").info("models run on the device cpu")
            raise ModelError("enough")

        a = str(photo("a.png"))
        self.answer = run(*words, "verify", a, a, tools=Tools(recognizer))
        return seen[0]

    def test_the_option_sets_the_variable_for_the_command(self, run: Run) -> None:
        assert self.seen(run) is None
        assert self.seen(run, "--device", "cuda:1") == "cuda:1"
        assert "MASKWISE_DEVICE" not in os.environ

    def test_it_goes_before_the_variable_which_stays(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MASKWISE_DEVICE", "openvino")
        assert self.seen(run, "--device", "cpu") == "cpu"
        assert os.environ["MASKWISE_DEVICE"] == "openvino"
        assert self.seen(run) == "openvino"

    def test_what_is_no_device_is_a_usage_error(self, run: Run) -> None:
        answer = run("--device", "gpu", "models", "list")
        assert answer.status == 2
        assert "no device 'gpu'; there are: cpu, cuda," in answer.err

    def test_auto_says_which_it_took(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen(run, "--device", "auto")
        said = "maskwise: models run on the device cpu\n"
        assert self.answer.err.startswith(said)
        self.seen(run, "--device", "auto")
        assert self.answer.err.count(said) == 1
        monkeypatch.setenv("MASKWISE_DEVICE", "auto")
        self.seen(run)
        assert self.answer.err.startswith(said)

    @pytest.mark.models
    def test_a_device_that_is_not_there_is_one_line_and_status_2(self, run: Run) -> None:
        a = str(photo("a.png"))
        answer = run("--device", "directml", "verify", a, a, tools=Tools())
        assert answer.status == 2
        assert answer.out == ""
        assert answer.err.startswith("maskwise: error: the device 'directml' is not there: ")
        assert answer.err.count("\n") == 1
