"""The command face_recognition."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import recorded_commands
from click.testing import CliRunner, Result
from PIL import Image

from maskwise.cli import main as maskwise
from maskwise.compat.face_recognition import api, face_recognition_cli
from maskwise.compat.face_recognition.face_recognition_cli import main

DISTANCE = 1e-3  # the encoder's weights are stored in 16 bits


def picture(path: str, who: int, faces: int = 1, size: int = 40) -> str:
    """A picture whose colour tells the fakes whom it shows, and how often."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), (who, faces, 0)).save(path, "PNG")
    return path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Encodings from the colours; the shapes of the pictures that were looked at."""
    shapes = []

    def face_encodings(pixels: Any) -> list[Any]:
        shapes.append(pixels.shape)
        who, faces = int(pixels[0, 0, 0]), int(pixels[0, 0, 1])
        return [np.full(128, (who + 50 * k) / 100 / 128**0.5) for k in range(faces)]

    monkeypatch.setattr(api, "face_encodings", face_encodings)
    return shapes


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.mark.usefixtures("fakes")
def test_a_line_for_everybody_alike() -> None:
    picture("known/Ada.png", 10)
    picture("known/Bob.png", 30)
    picture("known/Eve.png", 200)
    picture("new/1.png", 20)
    picture("new/2.png", 120, faces=2)
    picture("new/3.png", 10, faces=0)
    result = run("known", "new", "--tolerance", "0.4")
    assert result.stdout.splitlines() == [
        "new/1.png,Ada",
        "new/1.png,Bob",
        "new/2.png,unknown_person",
        "new/2.png,Eve",
        "new/3.png,no_persons_found",
    ]
    assert (result.exit_code, result.stderr) == (0, "")
    lines = run("known", "new", "--show-distance", "1").stdout.splitlines()
    assert [line.rsplit(",", 1)[0] for line in lines][:2] == ["new/1.png,Ada", "new/1.png,Bob"]
    assert float(lines[0].rsplit(",", 1)[1]) == pytest.approx(0.1)
    assert lines[-1] == "new/3.png,no_persons_found,None"


@pytest.mark.usefixtures("fakes")
def test_a_face_at_the_tolerance_is_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "face_distance", lambda known, one: np.full(len(known), 0.6))
    picture("known/Ada.png", 10)
    assert run("known", picture("a.png", 200)).stdout == "a.png,Ada\n"
    assert run("known", "a.png", "--tolerance", "0.59").stdout == "a.png,unknown_person\n"


@pytest.mark.usefixtures("fakes")
def test_known_pictures_with_none_or_several_faces_are_told_on_stdout() -> None:
    picture("known/Ada.png", 10, faces=2)
    picture("known/Nobody.png", 10, faces=0)
    result = run("known", picture("a.png", 60))
    assert result.stdout.splitlines() == [
        "WARNING: More than one face found in known/Ada.png. Only considering the first face.",
        "WARNING: No faces found in known/Nobody.png. Ignoring file.",
        "a.png,Ada",
    ]


def test_large_pictures_to_check_are_made_smaller(fakes: list[tuple[int, ...]]) -> None:
    picture("known/Ada.png", 10, size=2000)
    for size in (1600, 1601):
        run("known", picture("a.png", 10, size=size))
    assert fakes == [(2000, 2000, 3), (1600, 1600, 3)] * 2


@pytest.mark.usefixtures("fakes")
def test_pictures_that_cannot_be_read_are_named_and_skipped() -> None:
    picture("known/Ada.png", 10)
    Path("known/text.jpg").write_text("hello")
    picture("new/2.png", 10)
    Path("new/1.jpg").write_text("hello")
    Path("new/3.png").mkdir()
    result = run("known", "new")
    assert (result.exit_code, result.stdout) == (1, "new/2.png,Ada\n")
    named = [line.split(": ")[:2] for line in result.stderr.splitlines()]
    assert named == [["WARNING", f] for f in ("known/text.jpg", "new/1.jpg", "new/3.png")]
    assert run("known", "new/1.jpg").exit_code == 1


@pytest.mark.usefixtures("fakes")
@pytest.mark.parametrize(
    ("known", "image", "said"),
    [
        ("gone", "a.png", "KNOWN_PEOPLE_FOLDER: gone: no such file or folder"),
        ("a.png", "a.png", "KNOWN_PEOPLE_FOLDER: a.png: is no folder"),
        ("", "a.png", "KNOWN_PEOPLE_FOLDER: '': no such file or folder"),
        (".", "gone.png", "IMAGE_TO_CHECK: gone.png: no such file or folder"),
        (".", "", "IMAGE_TO_CHECK: '': no such file or folder"),
    ],
)
def test_what_is_not_there_is_a_usage_error(known: str, image: str, said: str) -> None:
    picture("a.png", 10)
    result = run(known, image)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.usefixtures("fakes")
def test_a_folder_without_known_people_is_told() -> None:
    Path("known").mkdir()
    result = run("known", picture("a.png", 10))
    assert (result.exit_code, result.stdout) == (0, "a.png,unknown_person\n")
    assert result.stderr == "WARNING: known: nobody is known; sub-folders are not looked into\n"


@pytest.mark.parametrize("cpus", ["0", "-2", "two"])
def test_a_number_of_processes_that_cannot_be(cpus: str) -> None:
    result = run(".", ".", "--cpus", cpus)
    assert result.exit_code == 2
    assert "--cpus" in result.stderr


@pytest.mark.usefixtures("fakes")
def test_the_functions_that_people_call(capfd: pytest.CaptureFixture[str]) -> None:
    cli = face_recognition_cli
    picture("known/Ada.png", 10)
    names, encodings = cli.scan_known_people("known")
    assert (names, [e.shape for e in encodings]) == (["Ada"], [(128,)])
    cli.test_image(picture("a.png", 10), names, encodings)
    cli.test_image("a.png", names, encodings, 0.6, True)
    cli.print_result("x.jpg", "Ada", 0.25)
    cli.print_result("x.jpg", "Ada", 0.25, True)
    cli.process_images_in_process_pool(["a.png"], names, encodings, 1, 0.6, False)
    lines = ["a.png,Ada", "a.png,Ada,0.0", "x.jpg,Ada", "x.jpg,Ada,0.25", "a.png,Ada"]
    assert capfd.readouterr().out.splitlines() == lines
    assert cli.image_files_in_folder("known") == [str(Path("known", "Ada.png"))]
    with pytest.raises(FileNotFoundError):
        cli.test_image("gone.png", names, encodings)
    with pytest.raises(FileNotFoundError):
        cli.scan_known_people("gone")


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("scan_known_people", "known_people_folder"),
        ("print_result", "filename name distance show_distance"),
        (
            "test_image",
            "image_to_check known_names known_face_encodings tolerance show_distance",
        ),
        ("image_files_in_folder", "folder"),
        (
            "process_images_in_process_pool",
            "images_to_check known_names known_face_encodings number_of_cpus tolerance "
            "show_distance",
        ),
    ],
)
def test_signatures_are_face_recognitions(function: str, parameters: str) -> None:
    signature = inspect.signature(getattr(face_recognition_cli, function))
    assert list(signature.parameters) == parameters.split()


@pytest.mark.models
@pytest.mark.parametrize(
    "command", [c for c in recorded_commands.COMMANDS if c.startswith("face_recognition")]
)
def test_the_lines_are_those_of_face_recognition(
    command: str, people: Path, dlib: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(people)
    monkeypatch.setenv("MASKWISE_COMPAT_HOG", "dlib")
    monkeypatch.setenv("MASKWISE_COMPAT_STRICT", "1")  # is for code, not for the command
    result = CliRunner().invoke(maskwise, ["compat", *command.split()])
    assert result.exit_code == 0
    expected = recorded_commands.recorded()[command]
    lines = result.stdout.splitlines()
    files = [line.split(",")[0] for line in lines if "WARNING" not in line]
    assert files == sorted(files)
    for ours, theirs in zip(sorted(lines), expected, strict=True):
        if "--show-distance" in command and not theirs.endswith(("None", ".")):
            assert ours.rsplit(",", 1)[0] == theirs.rsplit(",", 1)[0]
            distances = [float(line.rsplit(",", 1)[1]) for line in (ours, theirs)]
            assert distances[0] == pytest.approx(distances[1], abs=DISTANCE)
        else:
            assert ours == theirs


@pytest.mark.models
def test_several_processes_print_the_same(people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(people)
    for name in ("gone.jpg", "Mei_bare.jpg.txt", "stranger-9.jpg"):
        (people / "few").mkdir(exist_ok=True)
        (people / "few" / name).write_text("hello")
    for name in ("Mei_bare.jpg", "Kofi_bare.jpg"):
        recorded_commands.copy(people / "unknown" / name, people / "few" / name)
    one = run("unknown/nobody", "few", "--show-distance", "1")
    two = run("unknown/nobody", "few", "--show-distance", "1", "--cpus", "2")
    assert one.stdout.count("unknown_person,None") == 2
    assert one.stderr.count("WARNING") == 4
    assert (one.exit_code, one.stdout, one.stderr) == (two.exit_code, two.stdout, two.stderr)
