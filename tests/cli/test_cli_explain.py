"""maskwise explain."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from maskwise.testing.command_line import GREEN, RED, TEAL, Run, photo

G = ("--gallery", "g.db")


@pytest.fixture
def enrolled(run: Run, people: Path) -> None:
    assert run("enrol", "people", *G).status == 0


@pytest.mark.usefixtures("enrolled")
def test_the_text_tells_why(run: Run) -> None:
    x = str(photo("x.png", RED, masked=True))
    answer = run("explain", x, *G)
    assert answer.status == 0
    assert "match: Ruby" in answer.out
    assert "enough" in answer.out
    assert "Of 100 strangers, about 1 would be taken for one of the 3 people enrolled" in answer.out
    assert "Hidden: nose base" in answer.out
    assert "people/Ruby/1.png, in a drawn" in answer.out
    assert "Most for it" in answer.out
    for name in ("Ruby", "Olive", "Goldie"):
        assert name in answer.out
    assert not list(Path().glob("*.html"))


@pytest.mark.usefixtures("enrolled")
def test_json_is_that_of_identify_and_more(run: Run) -> None:
    photo("x.png", RED, more=[(TEAL, 300, 40, 80)])
    plain = run("identify", "x.png", *G, "--json").lines
    told = run("explain", "x.png", *G, "--json").lines
    assert len(told) == 2
    for a, b in zip(plain, told, strict=True):
        assert {key: b[key] for key in a} == a
        assert set(b) - set(a) == {"explanation", "picture"}
        assert b["picture"] is None
        why = b["explanation"]
        assert why["score"] == a["decision"]["score"]
        assert why["threshold"] == a["decision"]["threshold"]
        assert why["against"]["name"] == a["candidates"][0]["subject"]
        assert why["against"]["picture_of"] == "file"
        assert [len(row) for row in why["parts"]["falls"]] == [7] * 7
        assert [s["fmr"] for s in why["strangers"]] == [0.1, 0.01, 0.001, 0.0001]
        assert why["visible"] == [True] * 5
        assert why["covered"] == {"share": 0, "assumed": False}


@pytest.mark.usefixtures("enrolled")
def test_another_person_and_nobody(run: Run) -> None:
    x = str(photo("x.png"))
    (line,) = run("explain", x, *G, "--json", "--subject", "Olive").lines
    assert line["decision"]["subject"] == "Ruby"
    assert line["explanation"]["against"]["name"] == "Olive"
    assert line["explanation"]["score"] < line["explanation"]["threshold"]
    answer = run("explain", x, *G, "--subject", "Nobody")
    assert answer.status == 2
    assert "Nobody" in answer.err
    assert answer.out == ""


@pytest.mark.usefixtures("enrolled")
def test_pictures_are_written_where_asked_and_replace_nothing_of_yours(run: Run) -> None:
    photo("in/x.png", RED, more=[(TEAL, 300, 40, 80)])
    photo("in/y.png", GREEN, masked=True)
    photo("out/y.jpg", TEAL)
    mine = Path("out/y.jpg").read_bytes()
    for _ in range(2):
        assert run("explain", "in/x.png", *G, "--draw", "out").status == 0
        answer = run("explain", "in/y.png", *G, "--draw", "out")
        assert "drawn: out/y.html" in answer.err
    assert sorted(p.name for p in Path("out").iterdir()) == [
        *("x-face1.jpg", "x-face2.jpg", "x.html", "y-2.jpg", "y.html", "y.jpg")
    ]
    assert Path("out/y.jpg").read_bytes() == mine
    (one, two) = run("explain", "in/x.png", *G, "--draw", "out", "--json").lines
    assert [one["picture"], two["picture"]] == ["out/x-face1.jpg", "out/x-face2.jpg"]


@pytest.mark.usefixtures("enrolled")
def test_the_gallery_stays_as_it_was(run: Run) -> None:
    before = hashlib.sha256(Path("g.db").read_bytes()).digest()
    run("explain", str(photo("x.png", masked=True)), *G, "--draw", "out")
    assert hashlib.sha256(Path("g.db").read_bytes()).digest() == before


@pytest.mark.usefixtures("enrolled")
def test_what_cannot_be_explained_ends_as_identify_does(run: Run) -> None:
    photo("black.png", (0, 0, 0))
    Path("text.jpg").write_text("hello")
    for path in ("black.png", "text.jpg", "gone.png"):
        answer = run("explain", path, *G, "--json", "--draw", "out")
        assert answer.status == 1
        (line,) = answer.lines
        plain = run("identify", path, *G, "--json").lines[0]
        assert {key: line[key] for key in plain} == plain
        assert line["explanation"] is None
        assert f"skipped {path}" in answer.err
        assert not list(Path("out").iterdir())


def test_two_photos_need_no_gallery(run: Run, home: Path) -> None:
    a, b = str(photo("a.png")), str(photo("b.png", left=100, masked=True))
    plain = run("verify", a, b, "--json").lines[0]
    answer = run("explain", a, "--against", b, "--json", "--draw", "out")
    assert answer.status == 0
    (line,) = answer.lines
    assert line["decision"] == plain["decision"]
    assert line["explanation"]["drawn"].startswith("virtual:")
    assert line["explanation"]["against"]["wear"] == "real"
    assert line["picture"] == "out/a.jpg"
    assert not Path("data").exists()
    text = run("explain", a, "--against", b, "--fmr", "0.0001").out
    assert "About 1 in 10,000 strangers would pass" in text
    assert "mask was put on this face" in text


def test_two_photos_of_which_one_shows_nobody(run: Run) -> None:
    a, black = str(photo("a.png")), str(photo("black.png", (0, 0, 0)))
    for other, why in ((black, "no face found"), ("gone.png", "no such file")):
        answer = run("explain", a, "--against", other, "--json")
        assert answer.status == 1
        assert why in answer.lines[0]["decision"]["reasons"][0]
        assert answer.lines[0]["explanation"] is None


def test_options_that_do_not_go_together(run: Run) -> None:
    a = str(photo("a.png"))
    for words in (
        ("--against", a, "--subject", "Ada"),
        ("--against", a, "--fpir", "0.1"),
        ("--fmr", "0.1"),
        ("--top", "0"),
        ("--fpir", "2"),
    ):
        assert run("explain", a, *words).status == 2
    answer = run("explain", a, *G)
    assert answer.status == 2
    assert "there is no gallery here yet" in answer.err


@pytest.mark.models
def test_of_a_masked_sample_the_eyes_speak_and_the_mask_does_not(run: Run) -> None:
    from maskwise import samples
    from maskwise.cli.options import Tools

    people, probe = samples.people(), samples.probes() / "Kofi_kn95.jpg"
    real = Tools()
    assert run("enrol", str(people / "Kofi"), "--subject", "Kofi", *G, tools=real).status == 0
    answer = run("explain", str(probe), *G, "--json", "--draw", "out", tools=real)
    (line,) = answer.lines
    assert line["decision"]["subject"] == "Kofi"
    why = line["explanation"]
    assert why["visible"] == [True, True, False, False, False]
    assert not why["covered"]["assumed"]
    assert 0.2 < why["covered"]["share"] < 0.5
    assert line["mask"]["style"] == "proper"
    assert line["mask"]["coverage"] == pytest.approx(why["covered"]["share"], abs=0.01)
    regions = why["parts"]["regions"]
    eyes = min(regions["right eye"], regions["left eye"], regions["between the eyes"])
    assert eyes > 3 * max(abs(regions["mouth"]), abs(regions["chin"]))
    assert sorted(p.name for p in Path("out").iterdir()) == ["Kofi_kn95.html", "Kofi_kn95.jpg"]


@pytest.mark.usefixtures("enrolled")
def test_identify_explains_what_it_decided(run: Run) -> None:
    photo("in/a/x.png", RED, more=[(TEAL, 300, 40, 80)])
    photo("in/y.png", GREEN, masked=True)
    photo("in/black.png", (0, 0, 0))
    photo("why/y.jpg", TEAL)
    mine = Path("why/y.jpg").read_bytes()
    plain = run("identify", "in", *G)
    answer = run("identify", "in", *G, "--explain", "why")
    assert answer.out == plain.out
    assert "2 explained pictures in why" in answer.err
    assert sorted(str(p.relative_to("why")) for p in Path("why").rglob("*.*")) == [
        *("a/x-face1.jpg", "a/x-face2.jpg", "a/x.html", "y-2.jpg", "y.html", "y.jpg")
    ]
    assert Path("why/y.jpg").read_bytes() == mine
    # The pictures are those of `explain`, and the folder is not searched for photos.
    run("explain", "in/y.png", *G, "--draw", "same")
    assert Path("why/y-2.jpg").read_bytes() == Path("same/y.jpg").read_bytes()
    assert len(run("identify", "in", "why", *G, "--explain", "why", "--json").lines) == 4


@pytest.mark.usefixtures("enrolled")
def test_pictures_and_explanations_need_a_folder_each(run: Run) -> None:
    x = str(photo("x.png"))
    answer = run("identify", x, *G, "--explain", "out", "--draw", "./out")
    assert answer.status == 2
    assert "name two folders" in answer.err
    assert not Path("out").exists()


def test_verify_explains_what_it_decided(run: Run, home: Path) -> None:
    a, b = str(photo("a.png")), str(photo("b.png", left=100, masked=True))
    plain = run("verify", a, b)
    answer = run("verify", a, b, "--explain", "why")
    assert (answer.status, answer.out) == (plain.status, plain.out)
    assert "explained: why/a.html" in answer.err
    run("explain", a, "--against", b, "--draw", "same")
    for name in ("a.jpg", "a.html"):
        assert (Path("why") / name).read_bytes() == (Path("same") / name).read_bytes()
    photo("black.png", (0, 0, 0))
    answer = run("verify", a, "black.png", "--explain", "none")
    assert answer.status == 3
    assert "nothing to explain" in answer.err
    assert not list(Path("none").iterdir())
