"""The command face_detection."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import recorded_commands
from click.testing import CliRunner, Result
from PIL import Image

from maskwise.cli import main as maskwise
from maskwise.compat.face_recognition import api, face_detection_cli
from maskwise.compat.face_recognition.face_detection_cli import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, faces in (("two", 2), ("one", 1), ("none", 0)):
        Image.new("RGB", (40, 40), (faces, 0, 0)).save(f"{name}.png")
    return tmp_path


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, str]]:
    """As many faces as the picture is red; what was asked for."""
    asked = []

    def face_locations(pixels: Any, upsample: int, model: str) -> list[tuple[int, ...]]:
        asked.append((upsample, model))
        return [(k, 30 + k, 20, 10) for k in range(pixels[0, 0, 0])]

    monkeypatch.setattr(api, "face_locations", face_locations)
    return asked


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def test_a_line_for_each_face(fakes: list[tuple[int, str]]) -> None:
    Path("bad.jpg").write_text("hello")
    result = run(".")
    lines = ["./one.png,0,30,20,10", "./two.png,0,30,20,10", "./two.png,1,31,20,10"]
    assert result.stdout.splitlines() == lines
    assert result.exit_code == 1
    assert result.stderr.startswith("WARNING: ./bad.jpg: ")
    assert fakes == [(0, "hog")] * 3
    assert run("none.png").stdout == ""


def test_the_options_reach_the_detector(fakes: list[tuple[int, str]]) -> None:
    assert run("one.png", "--model", "cnn", "--upsample", "2").exit_code == 0
    assert fakes == [(2, "cnn")]


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone"], "IMAGE_TO_CHECK: gone: no such file or folder"),
        ([""], "IMAGE_TO_CHECK: '': no such file or folder"),
        (["one.png", "--model", "yolo"], "'yolo' is not one of 'hog', 'cnn'"),
        (["one.png", "--upsample", "-1"], "--upsample"),
        (["one.png", "--cpus", "0"], "--cpus"),
    ],
)
def test_usage_errors(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_a_setting_that_cannot_be_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKWISE_COMPAT_HOG", "opencv")
    result = run("one.png")
    assert result.exit_code == 2
    said = "Error: MASKWISE_COMPAT_HOG: expected dlib or maskwise, got 'opencv'\n"
    assert result.stderr == said


@pytest.mark.usefixtures("fakes")
def test_the_functions_that_people_call(capfd: pytest.CaptureFixture[str]) -> None:
    cli = face_detection_cli
    cli.test_image("one.png", "hog")
    cli.print_result("x.jpg", (1, 2, 3, 4))
    cli.process_images_in_process_pool(["one.png"], 1, "cnn")
    lines = ["one.png,0,30,20,10", "x.jpg,1,2,3,4", "one.png,0,30,20,10"]
    assert capfd.readouterr().out.splitlines() == lines
    assert cli.image_files_in_folder(".") == ["./none.png", "./one.png", "./two.png"]
    with pytest.raises(FileNotFoundError):
        cli.test_image("gone.png", "hog")


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("print_result", "filename location"),
        ("test_image", "image_to_check model"),
        ("image_files_in_folder", "folder"),
        ("process_images_in_process_pool", "images_to_check number_of_cpus model"),
    ],
)
def test_signatures_begin_as_face_recognitions(function: str, parameters: str) -> None:
    signature = inspect.signature(getattr(face_detection_cli, function))
    first = [p.name for p in signature.parameters.values() if p.name != "upsample"]
    assert first == parameters.split()


@pytest.mark.models
@pytest.mark.parametrize(
    "command", [c for c in recorded_commands.COMMANDS if c.startswith("face_detection")]
)
def test_the_lines_are_those_of_face_recognition(
    command: str, people: Path, dlib: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(people)
    monkeypatch.setenv("MASKWISE_COMPAT_HOG", "dlib")
    monkeypatch.setenv("MASKWISE_COMPAT_STRICT", "1")  # is for code, not for the command
    result = CliRunner().invoke(maskwise, ["compat", *command.split()])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    files = [line.split(",")[0] for line in lines]
    assert files == sorted(files)
    assert sorted(lines) == recorded_commands.recorded()[command]
