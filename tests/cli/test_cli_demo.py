"""maskwise demo, and the counting of right and wrong."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import unquote

import pytest

from maskwise import Recognizer
from maskwise.cli.options import Tools
from maskwise.cli.tally import Truth
from maskwise.gallery import open_gallery
from maskwise.testing.command_line import GOLD, RED, TEAL, Run, make_recognizer, photo

D = ("demo", "--people", "people", "--probes", "probes", "--out", "out")


@pytest.fixture
def probes(people: Path) -> Path:
    """Ruby bare and masked, Olive taken for Goldie, two strangers, and Ruby's enrolled photo."""
    photo("probes/Ruby_bare.png", RED, left=95)
    photo("probes/Ruby_surgical.png", RED, left=96, masked=True)
    photo("probes/Olive_bare.png", GOLD, left=97)
    photo("probes/Stranger_1_bare.png", TEAL, left=98)
    photo("probes/Stranger_2_masked.png", RED, left=99, masked=True)
    Path("probes/again.png").write_bytes(Path("people/Ruby/1.png").read_bytes())
    return Path("probes")


@pytest.mark.parametrize(
    ("path", "subject", "masked"),
    [
        ("Ruby_bare.jpg", "Ruby", False),
        ("Ruby_n95.jpg", "Ruby", True),
        ("Ruby_2.jpg", "Ruby", None),
        ("Ruby.jpg", "Ruby", None),
        ("sub/Ruby_masked.jpg", "Ruby", True),
        ("Ruby/7_random.jpg", "Ruby", True),
        ("Ruby/bare/7.jpg", "Ruby", None),
        ("Ruby Ann_bare.jpg", "Ruby Ann", False),
        ("Rubyetta_bare.jpg", None, False),
        ("Stranger/Ruby.jpg", "Ruby", None),
        ("Stranger_1.jpg", None, None),
        ("Gas_bare.jpg", "Gas", False),
        ("Ruby_bare_surgical.jpg", "Ruby", True),
        ("Zoe\u0308_bare.jpg", "Zo\u00eb", False),
    ],
)
def test_what_a_path_says(path: str, subject: str | None, masked: bool | None) -> None:
    assert Truth.of(Path(path), {"Ruby", "Ruby Ann", "Gas", "Zo\u00eb"}) == Truth(subject, masked)


def table(text: str) -> dict[str, list[str]]:
    rows = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    return {row[0]: row[1:] for row in rows if row[0].startswith(("enrolled,", "strangers,"))}


@pytest.mark.usefixtures("probes")
def test_right_and_wrong_are_counted_where_names_tell(run: Run) -> None:
    answer = run(*D)
    assert answer.status == 0
    # probes, right, wrong, not accepted, no face, rank 1
    assert table(answer.out) == {
        "enrolled, bare": ["2", "1", "1", "0", "0", "1"],
        "enrolled, masked": ["1", "1", "0", "0", "0", "1"],
        "strangers, bare": ["1", "1", "0", "0", "0"],
        "strangers, masked": ["1", "0", "1", "0", "0"],
    }
    assert "1 of 6 probes are enrolled photos themselves" in answer.err
    assert "again.png" not in answer.out
    assert "3 people enrolled; 5 probes" in answer.out


@pytest.mark.usefixtures("probes")
def test_it_writes_pictures_a_sheet_and_a_page(run: Run) -> None:
    run(*D)
    annotated = sorted(p.name for p in Path("out/annotated").iterdir())
    assert annotated == [
        "Olive_bare.jpg",
        "Ruby_bare.jpg",
        "Ruby_surgical.jpg",
        "Stranger_1_bare.jpg",
        "Stranger_2_masked.jpg",
    ]
    assert Path("out/masks.png").read_bytes().startswith(b"\x89PNG")
    links: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            links.extend(v for k, v in attrs if k in ("src", "href") and v)

    Reader().feed(Path("out/index.html").read_text("utf-8"))
    assert {unquote(link) for link in links} == {
        "masks.png",
        *(f"annotated/{name}" for name in annotated),
    }


@pytest.mark.usefixtures("probes")
def test_again_it_changes_nothing(run: Run) -> None:
    def state() -> dict[Path, tuple[bytes, int]]:
        files = [p for p in Path("out").rglob("*") if p.is_file() and "sqlite3-" not in p.name]
        return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in files}

    first = run(*D)
    before = state()
    second = run(*D)
    assert state() == before
    assert "0 enrolled, 4 already" in second.out
    assert second.out.splitlines()[3:] == first.out.splitlines()[3:]


@pytest.mark.usefixtures("probes")
def test_the_gallery_follows_the_folder(run: Run) -> None:
    run(*D)
    Path("people/Goldie_1.png").unlink()
    photo("people/Ruby/2.png", RED, left=80)
    run(*D)
    with open_gallery("out/demo-gallery.sqlite3") as store:
        assert [(p.subject, p.references) for p in store.people()] == [("Olive", 1), ("Ruby", 2)]


@pytest.mark.usefixtures("probes")
def test_a_gallery_of_another_encoder_is_made_anew(run: Run) -> None:
    run(*D)

    def other(**arguments: Any) -> Recognizer:
        made = make_recognizer(**arguments)
        made.encoder.id = "another"  # type: ignore[misc]
        return made

    assert "4 enrolled, 0 already" in run(*D, tools=Tools(other)).out


@pytest.mark.usefixtures("people")
def test_names_that_tell_nothing_give_outcomes_only(run: Run) -> None:
    photo("probes/x.png", RED, left=95)
    photo("probes/y.png", TEAL, left=95)
    answer = run(*D)
    assert answer.status == 0
    assert table(answer.out) == {}
    assert "faces: 1 match, 1 no match" in answer.out


@pytest.mark.usefixtures("people")
def test_without_probes_everybodys_last_photo_is_one(run: Run) -> None:
    for more in ((), ("--probes", "people")):
        answer = run("demo", "--people", "people", "--out", "out", *more)
        assert answer.status == 0
        assert "the last photo of 1 people is a probe" in answer.err
        assert table(answer.out) == {"enrolled, bare": ["1", "1", "0", "0", "0", "1"]}


def test_folders_that_are_not_there_are_usage_errors(run: Run) -> None:
    Path("empty").mkdir()
    for arguments in (("--people", "gone"), ("--probes", "gone"), ("--people", "empty")):
        answer = run("demo", *arguments, "--out", "out")
        assert answer.status == 2
        assert arguments[1] in answer.err.splitlines()[-1]
        assert not Path("out").exists()


@pytest.mark.usefixtures("probes")
def test_bystanders_do_not_count(run: Run) -> None:
    photo("probes/Ruby_bare.png", RED, left=95, more=[(TEAL, 330, 40, 60)])
    assert table(run(*D).out)["enrolled, bare"] == ["2", "1", "1", "0", "0", "1"]


@pytest.mark.usefixtures("probes")
def test_what_is_skipped_is_named(run: Run) -> None:
    photo("probes/Olive_2.png", (0, 0, 0))
    Path("probes/Olive_3.jpg").write_bytes(b"")
    Path("people/Ruby/bad.jpg").write_text("hello")
    answer = run(*D)
    assert answer.status == 1
    for name in ("probes/Olive_2.png", "probes/Olive_3.jpg", "people/Ruby/bad.jpg"):
        assert answer.err.count(f"maskwise: skipped {name}: ") == 1
    assert "1 unreadable" in answer.out
    # No face: counted, not dropped.
    assert table(answer.out)["enrolled, wear unknown"] == ["1", "0", "0", "0", "1", "0"]


@pytest.mark.usefixtures("probes")
def test_who_could_not_be_enrolled_is_no_stranger(run: Run) -> None:
    photo("people/Ruby/1.png", (0, 0, 0))
    photo("people/Ruby/2.png", (0, 0, 0))
    Path("probes/again.png").unlink()
    rows = table(run(*D).out)
    assert rows["enrolled, bare"] == ["2", "0", "1", "1", "0", "0"]
    assert rows["strangers, bare"][0] == "1"


@pytest.mark.usefixtures("probes")
def test_your_own_files_in_the_output_folder_stay(run: Run) -> None:
    Path("out/annotated").mkdir(parents=True)
    Path("out/index.html").write_text("mine")
    Path("out/masks.png").write_text("mine")
    Path("out/annotated/Ruby_bare.jpg").write_text("mine")
    run(*D)
    for name in ("index.html", "masks.png", "annotated/Ruby_bare.jpg"):
        assert Path("out", name).read_text() == "mine"
    assert 'src="annotated/Ruby_bare-2.jpg"' in Path("out/index-2.html").read_text("utf-8")
    assert Path("out/masks-2.png").exists()


@pytest.mark.usefixtures("probes")
def test_an_interrupt_keeps_what_is_done(run: Run) -> None:
    def tools(**arguments: Any) -> Recognizer:
        made = make_recognizer(**arguments)
        load = made.load

        def until(source: Any) -> Any:
            if str(source).endswith("Ruby_surgical.png"):
                raise KeyboardInterrupt
            return load(source)

        made.load = until  # type: ignore[method-assign]
        return made

    answer = run(*D, tools=Tools(tools))
    assert answer.status == 130
    assert "run it again to go on" in answer.err
    assert "Ruby_bare.png" in answer.out
    assert not Path("out/index.html").exists()
    assert "0 enrolled, 4 already" in run(*D).out


@pytest.mark.usefixtures("probes")
def test_the_sample_people_are_the_default(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = ModuleType("maskwise.samples")
    samples.people = lambda: Path("people")  # type: ignore[attr-defined]
    samples.probes = lambda: Path("probes")  # type: ignore[attr-defined]
    monkeypatch.setitem(__import__("sys").modules, "maskwise.samples", samples)
    monkeypatch.setattr("maskwise.samples", samples, raising=False)
    assert "synthetic" not in run(*D).out
    answer = run("demo")
    assert answer.status == 0
    assert "The sample people are synthetic" in answer.out
    assert Path("demo-output/index.html").exists()
    assert "3 people enrolled; 5 probes" in answer.out
