"""maskwise identify."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from maskwise import Recognizer
from maskwise.cli.options import Tools
from maskwise.errors import OutputError
from maskwise.testing.command_line import GREEN, RED, TEAL, Run, make_recognizer, photo

G = ("--gallery", "g.db")


@pytest.fixture
def enrolled(run: Run, people: Path) -> None:
    assert run("enrol", "people", *G).status == 0


@pytest.mark.usefixtures("enrolled")
def test_one_line_of_json_a_face(run: Run) -> None:
    photo("in/x.png", RED, more=[(TEAL, 300, 40, 80)])
    answer = run("identify", "in", *G, "--json", "--top", "2")
    assert answer.status == 0
    ruby, stranger = answer.lines
    assert list(ruby) == [
        *("image", "face", "mask", "quality", "quality_reasons", "decision", "candidates", "models")
    ]
    assert ruby["image"] == "in/x.png"
    assert ruby["face"]["box"] == [90, 40, 209, 159]
    assert 0 < ruby["face"]["score"] < 1
    assert ruby["face"]["landmarks"]["scheme"] == "dlib5"
    assert len(ruby["face"]["landmarks"]["points"]) == 5
    assert ruby["mask"] == {
        **{"worn": False, "probability": 0.0, "type": None, "style": None, "coverage": 0.0}
    }
    decision = ruby["decision"]
    assert list(decision) == [
        *("outcome", "subject", "score", "threshold", "target_fmr", "target_fpir"),
        *("gallery_size", "supported", "calibration", "llr", "reasons"),
    ]
    assert (decision["outcome"], decision["subject"]) == ("match", "Ruby")
    assert decision["score"] >= decision["threshold"]
    assert (decision["target_fpir"], decision["gallery_size"]) == (0.01, 3)
    assert decision["target_fmr"] == pytest.approx(0.01 / 4, rel=0.01)
    assert [c["rank"] for c in ruby["candidates"]] == [1, 2]
    assert ruby["candidates"][0] == {
        "rank": 1,
        "subject": "Ruby",
        "score": decision["score"],
        "reference": "people/Ruby/1.png",
        "wear": "none",
    }
    assert set(ruby["models"]) == {"detector", "landmarks", "mask", "encoder"}
    assert stranger["decision"]["outcome"] == "no_match"
    assert stranger["decision"]["subject"] is None
    assert len(stranger["candidates"]) == 2


@pytest.mark.usefixtures("enrolled")
def test_a_masked_face_is_found_by_a_masked_template(run: Run) -> None:
    (line,) = run("identify", str(photo("m.png", RED, masked=True)), *G, "--json").lines
    assert line["mask"]["worn"] is True
    assert line["decision"]["subject"] == "Ruby"
    assert line["candidates"][0]["wear"].startswith("virtual:")


@pytest.mark.usefixtures("enrolled")
def test_what_has_no_face_gives_a_line_with_the_reason(run: Run) -> None:
    photo("in/black.png", (0, 0, 0))
    Path("in/text.jpg").write_text("hello")
    photo("in/ruby.png")
    answer = run("identify", "in", "gone.png", *G, "--json")
    assert answer.status == 1
    black, ruby, text, gone = answer.lines
    assert black["face"] is None
    assert black["mask"] is None
    assert black["quality"] is None
    assert black["quality_reasons"] == []
    assert black["candidates"] == []
    assert list(black["decision"]) == list(ruby["decision"])
    assert black["decision"]["outcome"] == "insufficient"
    assert black["decision"]["gallery_size"] == 3
    assert "in/black.png: no face found" in black["decision"]["reasons"][0]
    assert "in/text.jpg: not a picture" in text["decision"]["reasons"][0]
    assert gone["image"] == "gone.png"
    assert "gone.png: no such file" in gone["decision"]["reasons"][0]
    assert black["models"] == ruby["models"]
    skipped = [line for line in answer.err.splitlines() if "skipped" in line]
    assert len(skipped) == 3


@pytest.mark.usefixtures("enrolled")
def test_the_table_names_and_explains(run: Run) -> None:
    photo("in/ruby.png")
    photo("in/teal.png", TEAL, masked=True)
    answer = run("identify", "in", *G)
    assert answer.status == 0
    ruby, teal = (line for line in answer.out.splitlines() if "in/" in line)
    assert "Ruby" in ruby
    assert "no mask" in ruby
    assert "nobody (nearest Olive)" in teal
    assert "1 % (FPIR) pass against these 3 people" in answer.out.replace("\n", " ")
    assert "held to an FMR of 0.0025, by the thresholds given, calibrated on" in answer.out


@pytest.mark.usefixtures("enrolled")
def test_fpir_moves_the_threshold(run: Run) -> None:
    x = str(photo("x.png"))
    (low,) = run("identify", x, *G, "--json", "--fpir", "0.1").lines
    (high,) = run("identify", x, *G, "--json", "--fpir", "0.001").lines
    assert low["decision"]["threshold"] < high["decision"]["threshold"]
    assert low["decision"]["target_fpir"] == 0.1
    for bad in ("0", "1", "-1", "x"):
        assert run("identify", x, *G, "--fpir", bad).status == 2
    assert run("identify", x, *G, "--top", "0").status == 2


def test_a_gallery_that_is_missing_or_empty_is_an_error_with_a_remedy(run: Run, home: Path) -> None:
    x = str(photo("x.png"))
    answer = run("identify", x, *G)
    assert answer.status == 2
    assert "g.db: there is no gallery here yet; enrol somebody first" in answer.err
    assert not Path("g.db").exists()
    run("enrol", "--subject", "R", x, *G)
    run("gallery", "delete", "R", "--yes", *G)
    answer = run("identify", x, *G)
    assert answer.status == 2
    assert "nobody is enrolled" in answer.err


@pytest.mark.usefixtures("enrolled")
def test_drawn_copies_never_replace_anything_of_yours(run: Run) -> None:
    before = photo("in/x.png").read_bytes()
    photo("in/sub/x.png", GREEN)
    photo("out/y.png", TEAL)
    photo("out/x.jpg", TEAL)
    mine = Path("out/x.jpg").read_bytes()
    for _ in range(2):
        assert run("identify", "in", "out/y.png", *G, "--draw", "out").status == 0
        written = sorted(str(p) for p in Path("out").rglob("*") if p.is_file())
        assert written == ["out/sub/x.jpg", "out/x-2.jpg", "out/x.jpg", "out/y.jpg", "out/y.png"]
    assert Path("out/x.jpg").read_bytes() == mine
    assert Path("in/x.png").read_bytes() == before


@pytest.mark.usefixtures("enrolled")
def test_the_folder_drawn_to_is_not_read(run: Run) -> None:
    photo("in/x.png")
    for _ in range(2):
        assert len(run("identify", "in", *G, "--json", "--draw", "in/out").lines) == 1


@pytest.mark.usefixtures("enrolled")
def test_drawing_again_changes_nothing(run: Run) -> None:
    photo("in/x.png")
    photo("in/y.png", (0, 0, 0))
    run("identify", "in", *G, "--draw", "out")
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in Path("out").iterdir()}
    assert len(before) == 2
    run("identify", "in", *G, "--draw", "out")
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in Path("out").iterdir()} == before


@pytest.mark.usefixtures("enrolled")
def test_a_picture_that_cannot_be_written_is_named_and_the_rest_goes_on(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo("in/x.png")
    photo("in/y.png", GREEN)

    def full(path: Path, image: Any) -> None:
        raise OutputError(f"{path}: cannot be written: the disk is full")

    monkeypatch.setattr("maskwise.cli.identify.write_picture", full)
    answer = run("identify", "in", *G, "--json", "--draw", "out")
    assert answer.status == 1
    assert len(answer.lines) == 2
    assert answer.err.count("cannot be written: the disk is full") == 2


@pytest.mark.usefixtures("enrolled")
def test_an_interrupt_prints_what_was_found(run: Run) -> None:
    for name in "abc":
        photo(f"in/{name}.png")

    def tools(**arguments: Any) -> Recognizer:
        made = make_recognizer(**arguments)
        load = made.load

        def until(source: Any) -> Any:
            if str(source).endswith("c.png"):
                raise KeyboardInterrupt
            return load(source)

        made.load = until  # type: ignore[method-assign]
        return made

    answer = run("identify", "in", *G, tools=Tools(tools))
    assert answer.status == 130
    assert [line.split()[0] for line in answer.out.splitlines() if "in/" in line] == [
        "in/a.png",
        "in/b.png",
    ]
    assert "interrupted" in answer.err


@pytest.mark.usefixtures("enrolled")
def test_names_that_are_no_text(run: Run) -> None:
    try:
        photo(Path("in") / os.fsdecode(b"caf\xe9.png"))
        photo(Path("in") / os.fsdecode(b"\xff.png"), (0, 0, 0))
        photo("in/evil\x1b[2J\n.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    answer = run("identify", "in", *G, "--json", "--draw", "out")
    assert answer.status == 1
    assert [os.fsencode(line["image"]) for line in answer.lines] == [
        b"in/caf\xe9.png",
        b"in/evil\x1b[2J\n.png",
        b"in/\xff.png",
    ]
    assert len(list(Path("out").iterdir())) == 3
    table = run("identify", "in", *G).out
    assert "caf\\xe9.png" in table
    assert "\x1b" not in table


@pytest.mark.usefixtures("enrolled")
def test_pictures_without_permission(run: Run) -> None:
    photo("in/a.png")
    photo("in/b.png").chmod(0)
    if os.access("in/b.png", os.R_OK):
        Path("in/b.png").chmod(stat.S_IRUSR)
        pytest.skip("this user may read everything")
    answer = run("identify", "in", *G, "--json")
    assert answer.status == 1
    assert "in/b.png: may not be read" in answer.err
