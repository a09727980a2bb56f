"""maskwise mask over data sets: aligned crops, so that no model is needed."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from maskwise import crew
from maskwise.mask_dataset import read_specs
from maskwise.mask_dataset.faces import ALIGNED, Aligned, Place
from maskwise.mask_dataset.journal import NAME
from maskwise.mask_dataset.manifest import COLUMNS
from maskwise.masks import own
from maskwise.testing.command_line import Run, photo
from maskwise.types import Image, MaskSpec

ALIGN = ("--aligned", "arcface112")


def chips(folder: str, count: int, size: int = 112) -> None:
    """Skin-coloured squares, each another, in two sub-folders."""
    rows, columns = np.mgrid[:size, :size] / size
    for k in range(count):
        light = 150 + 60 * rows + 10 * np.sin(k + 6 * columns)
        pixels = np.stack([light, light * 0.8, light * 0.7 + k % 7], -1).astype(np.uint8)
        path = Path(folder, "ab"[k % 2], f"{k:03}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        PillowImage.fromarray(pixels).save(path)


def content(folder: str) -> dict[str, bytes]:
    """All that is there but the journal, which knows times."""
    files = (p for p in Path(folder).rglob("*") if p.is_file() and p.name != NAME)
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files}


def rows(folder: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(folder, "manifest.jsonl").read_text().splitlines()]


def start(*arguments: str) -> subprocess.Popen[str]:
    """The command in a process group of its own, as a terminal starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "maskwise", "mask", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_lines(folder: str, count: int, process: subprocess.Popen[str]) -> None:
    journal = Path(folder, NAME)
    while not (journal.exists() and journal.read_bytes().count(b"\n") > count):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_any_number_of_workers_gives_the_same_bytes(run: Run, home: Path) -> None:
    chips("in", 6)
    for workers in ("1", "2"):
        given = ("--types", "random", "--per-image", "2", "--seed", "5", "--workers", workers)
        answer = run("mask", "in", "--out", workers, *ALIGN, *given)
        assert (answer.status, answer.out) == (0, "")
        assert "12 pictures written" in answer.err
    assert content("1") == content("2")
    assert len({v for k, v in content("1").items() if k.endswith(".jpg")}) == 12
    assert "a/004_random_2.jpg" in content("1")


def test_the_manifest_tells_the_truth_of_every_face(run: Run, home: Path) -> None:
    chips("in", 2)
    photo("in/wide.png")
    Path("in/empty.jpg").write_bytes(b"")
    answer = run("mask", "in", "--out", "out", *ALIGN, "--types", "n95,gas", "--alpha")
    assert answer.status == 1
    assert "2 photos left out: 2 not readable" in answer.err
    assert [(r["source"], r["status"], r.get("file")) for r in rows("out")] == [
        ("a/000.png", "masked", "a/000_gas.jpg"),
        ("a/000.png", "masked", "a/000_n95.jpg"),
        ("b/001.png", "masked", "b/001_gas.jpg"),
        ("b/001.png", "masked", "b/001_n95.jpg"),
        ("empty.jpg", "unreadable", None),
        ("wide.png", "unreadable", None),
    ]
    first = rows("out")[0]
    masked, original = Path("out/a/000_gas.jpg"), Path("in/a/000.png")
    assert first["sha256"] == hashlib.sha256(masked.read_bytes()).hexdigest()
    assert first["source_sha256"] == hashlib.sha256(original.read_bytes()).hexdigest()
    assert [MaskSpec.from_json(json.dumps(first["spec"]))] == read_specs(masked)
    assert first["covered_landmarks"] == [2, 3, 4]
    with PillowImage.open("out/a/000_gas_alpha.png") as picture:
        alpha = np.asarray(picture)
    assert (alpha.shape, alpha.dtype) == ((112, 112), np.uint8)
    assert alpha[85, 56] > 250
    assert alpha[20, 56] == 0
    with Path("out/manifest.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert list(table[0]) == list(COLUMNS)
    assert json.loads(table[0]["spec"]) == first["spec"]
    assert table[0]["scheme"] == "five"
    assert table[-1]["reason"] == rows("out")[-1]["reason"]
    assert "450 x 220 px, and an aligned chip is a square" in table[-1]["reason"]


@pytest.mark.parametrize("format", ["jpg", "png"])
def test_pictures_carry_their_specs_which_draw_them_again(
    run: Run, home: Path, format: str
) -> None:
    chips("in", 1)
    given = ("--types", "random", "--format", format, "--sidecar", "--alpha")
    run("mask", "in", "--out", "out", *ALIGN, *given)
    whole = run("mask", "--show", "out")  # without the mattes
    assert whole.status == 0
    assert {line["image"] for line in whole.lines} == {f"out/{r['file']}" for r in rows("out")}
    masked = f"out/a/000_random.{format}"
    shown = run("mask", "--show", masked, "in/a/000.png")
    assert shown.status == 1
    assert "in/a/000.png: holds no mask specs" in shown.err
    (line,) = shown.lines
    spec = json.dumps(line["faces"][0])
    for k, way in enumerate((f"@{masked}", f"@{masked}.json", spec)):
        again = ("in/a/000.png", "--out", f"again{k}", *ALIGN, "--spec", way, "--format", format)
        assert run("mask", *again).status == 0
        assert Path(f"again{k}/000_spec.{format}").read_bytes() == Path(masked).read_bytes()


def test_a_killed_run_goes_on_where_it_was(run: Run, home: Path) -> None:
    chips("in", 30)
    given = ("in", *ALIGN, "--types", "random", "--seed", "3")
    run("mask", *given, "--out", "whole")
    process = start(*given, "--out", "out", "--workers", "2")
    wait_for_lines("out", 3, process)
    process.kill()
    process.communicate()
    # A line cut short, a file cut short, and one that was under way.
    with Path("out", NAME).open("ab") as journal:
        journal.write(b'{"stamp": [1')
    kept = sorted(Path("out").rglob("*.jpg"))[0]
    kept.write_bytes(kept.read_bytes()[:100])
    Path("out/.maskwise-left").write_bytes(b"half")
    time.sleep(0.5)  # the workers end with their parent
    answer = run("mask", *given, "--out", "out")
    assert answer.status == 0
    assert "were there" in answer.err
    assert content("out") == content("whole")
    again = run("mask", *given, "--out", "out", "--json")
    assert again.lines[0]["pictures"] == {"written": 0, "there": 30}


@pytest.mark.skipif(os.name == "nt", reason="there is no Ctrl-C for a process group")
def test_ctrl_c_keeps_what_is_done(run: Run, home: Path) -> None:
    chips("in", 40)
    given = ("in", *ALIGN, "--types", "random")
    process = start(*given, "--out", "out", "--workers", "2")
    wait_for_lines("out", 3, process)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "the same command goes on from there" in err
    listed = {str(r["file"]) for r in rows("out")}
    assert listed == {f for f in content("out") if f.endswith(".jpg")}
    assert 3 <= len(listed) < 40
    run("mask", *given, "--out", "out")
    run("mask", *given, "--out", "whole")
    assert content("out") == content("whole")


def test_a_journal_that_was_only_begun_is_no_hindrance(run: Run, home: Path) -> None:
    chips("in", 1)
    for begun in (b"", b'{"format": 1, "set'):
        Path("out").mkdir(exist_ok=True)
        Path("out", NAME).write_bytes(begun)
        assert run("mask", "in", "--out", "out", *ALIGN).status == 0
        assert len(rows("out")) == 1
    Path("out", NAME).write_bytes(b"mine\n")
    answer = run("mask", "in", "--out", "out", *ALIGN)
    assert answer.status == 2
    assert "no journal of maskwise" in answer.err


def test_a_folder_takes_one_set_of_settings(run: Run, home: Path) -> None:
    chips("in", 1)
    assert run("mask", "in", "--out", "out", *ALIGN).status == 0
    before = content("out")
    answer = run("mask", "in", "--out", "out", *ALIGN, "--types", "gas", "--seed", "4")
    assert answer.status == 2
    assert "seed: 0 there, 4 now" in answer.err
    assert content("out") == before


def test_a_mask_file_that_changed_is_another_setting(run: Run, home: Path) -> None:
    chips("in", 1)
    pixels = np.full((80, 80, 4), 255, np.uint8)
    anchors = "nose_top = [40, 5]\nleft_cheek = [75, 20]\nright_cheek = [5, 20]\nchin = [40, 75]"
    mine = f'name = "mine"\ntitle = "mine"\nimage = "mine.png"\n[anchors]\n{anchors}\n'
    Path("mine.toml").write_text(mine)
    Path("mix.toml").write_text('types = ["mine.toml"]')
    for out, given in (("a", ("--types", "mine.toml")), ("b", ("--mix", "mix.toml"))):
        statuses = []
        for color in (40, 40, 90):
            pixels[..., :3] = color
            PillowImage.fromarray(pixels).save("mine.png")
            own._found.clear()  # as a new process
            answer = run("mask", "in", "--out", out, *ALIGN, *given)
            statuses.append(answer.status)
        assert statuses == [0, 0, 2]
        assert "details: " in answer.err
    Path("mine.png").write_bytes(b"GIF89a")
    own._found.clear()
    answer = run("mask", "in", "--out", "c", *ALIGN, "--types", "mine.toml")
    assert answer.err.endswith("save it as PNG with transparency\n")
    own._found.clear()


def test_new_and_changed_photos_are_done_and_the_others_left(run: Run, home: Path) -> None:
    chips("in", 2)
    run("mask", "in", "--out", "out", *ALIGN)
    chips("in", 3)  # written again: changed as far as anybody can tell
    os.utime("in/a/000.png", (1, 1))
    answer = run("mask", "in", "--out", "out", *ALIGN, "--json")
    assert answer.lines[0]["pictures"] == {"written": 3, "there": 0}
    assert [r["source"] for r in rows("out")] == ["a/000.png", "a/002.png", "b/001.png"]
    answer = run("mask", "in/a", "--out", "other", *ALIGN, "--json")
    assert answer.lines[0]["pictures"] == {"written": 2, "there": 0}


def test_originals_are_copied_as_they_are(run: Run, home: Path) -> None:
    chips("in", 2)
    for _ in range(2):
        assert run("mask", "in", "--out", "out", *ALIGN, "--copy-originals").status == 0
    assert Path("out/a/000.png").read_bytes() == Path("in/a/000.png").read_bytes()
    assert not Path("out/a/000-2.png").exists()
    assert rows("out")[0]["original"] == "a/000.png"


def test_your_own_manifest_is_not_replaced(run: Run, home: Path) -> None:
    chips("in", 1)
    Path("out").mkdir()
    Path("out/manifest.csv").write_text("mine")
    for _ in range(2):
        assert run("mask", "in", "--out", "out", *ALIGN).status == 0
    assert Path("out/manifest.csv").read_text() == "mine"
    assert Path("out/manifest-2.csv").exists()


def test_faces_that_are_known_are_not_looked_for(run: Run, home: Path) -> None:
    chips("in", 2)
    run("mask", "in", "--out", "out", *ALIGN)
    for ending in ("csv", "jsonl"):
        given = ("--landmarks", f"out/manifest.{ending}")
        assert run("mask", "in", "--out", ending, *given).status == 0
        assert content(ending) == content("out")
    header = "file,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4,left,top,right,bottom\n"
    Path("mine.csv").write_text(
        header + "a/000.png,38,52,74,52,56,72,42,92,71,92,10,10,100,110\nb/001.png" + "," * 14
    )
    answer = run("mask", "in", "--out", "mine", "--landmarks", "mine.csv")
    assert answer.status == 1
    said = "the landmarks file names no face of b/001.png"
    assert f"skipped in/b/001.png: {said}\n" in answer.err
    assert [r["reason"] for r in rows("mine") if r["status"] == "no_face"] == [said]
    assert rows("mine")[0]["box"] == [10, 10, 100, 110]


def test_faces_that_cannot_wear_a_mask_are_left_bare_and_named(run: Run, home: Path) -> None:
    chips("in", 2)
    good = [[38, 52], [74, 52], [56, 72], [42, 92], [71, 92]]
    cut = [[x + 50, y] for x, y in good]
    tiny = [[x / 30, y / 30] for x, y in good]
    with Path("faces.jsonl").open("w") as file:
        for source, faces in {"a/000.png": (cut, good, tiny), "b/001.png": (cut,)}.items():
            for points in faces:
                row = {"source": source, "landmarks": {"scheme": "five", "points": points}}
                print(json.dumps(row), file=file)
    answer = run("mask", "in", "--out", "out", "--landmarks", "faces.jsonl")
    assert answer.status == 1
    assert "in/a/000.png: left bare: face 0: the photo's border cuts the face" in answer.err
    assert "skipped in/b/001.png: face 0: the photo's border cuts the face" in answer.err
    assert [(r["face"], r["status"]) for r in rows("out") if r["source"] == "a/000.png"] == [
        (0, "bare"),
        (2, "bare"),
        (1, "masked"),
    ]
    faces = read_specs("out/a/000_surgical.jpg")
    assert [face is None for face in faces] == [True, False, True]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("--types", "veil"), "no mask type 'veil'"),
        (("--color", "green"), "no colour 'green'"),
        (("--pattern", "zigzag"), "no pattern 'zigzag' for surgical"),
        (("--types", "random", "--pattern", "zigzag"), "no pattern 'zigzag'; there are"),
        (("--wear", "askew"), "no wear style 'askew'"),
        (("--coverage", "2"), "coverage must be from 0 to 1"),
        (("--coverage", "much"), "no coverage 'much'; there are: low, medium, high"),
        (("--types", "cloth", "--image", "gone.png"), "gone.png: no such picture"),
        (("--types", "cloth", "--image", "no.png"), "the pattern image needs a picture"),
        (("--text", "a", "--image", "no.png"), "exclude one another"),
        (("--pattern", "text"), "the pattern text needs --text"),
        (("--mix", "gone.toml"), "gone.toml: cannot be read"),
        (("--mix", "no.png"), "no.png: no TOML"),
        (("--mix", "mix.toml"), "mix.toml: mix: unknown key 'kinds'"),
        (("--aligned", "vgg"), "no aligned chips 'vgg'; there are: arcface112"),
        (("--aligned", "dlib150", "--landmarks", "no.png"), "exclude each other"),
        (("--landmarks", "gone.csv"), "gone.csv: cannot be read"),
        (("--landmarks", "bad.csv"), "bad.csv, after row 1: no landmarks (1 points of no"),
        (("--spec", "{}"), "no mask spec"),
        (("--spec", "@gone"), "gone: cannot be read"),
        (("--spec", "{}", "--types", "gas"), "leave out --types"),
        (("--preview", "--color", "#102030"), "leave out --color"),
        (("--preview", "--wear", "all"), "leave out --wear"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    run: Run, home: Path, given: tuple[str, ...], told: str
) -> None:
    chips("in", 1)
    Path("no.png").write_bytes(b"\xff no picture")
    Path("mix.toml").write_text("kinds = 1")
    Path("bad.csv").write_text("file,x0,y0\na.png,1,2\n")
    answer = run("mask", "in", "--out", "out", *(() if "--aligned" in given else ALIGN), *given)
    if "--landmarks" in given and "--aligned" not in given:
        answer = run("mask", "in", "--out", "out", *given)
    assert answer.status == 2
    assert told in answer.err
    assert not Path("out").exists()


def test_what_is_missing_is_a_usage_error(run: Run, home: Path) -> None:
    assert "PHOTO_OR_DIR" in run("mask", "--out", "out").err
    assert "--out" in run("mask", "a.png").err


def test_a_mix_is_drawn_from(run: Run, home: Path) -> None:
    chips("in", 8)
    Path("mix.toml").write_text(
        'types = {gas = 1, cloth = 1}\ncolors = ["#ff0000"]\nstyles = ["under-nose"]\n'
    )
    assert run("mask", "in", "--out", "out", *ALIGN, "--mix", "mix.toml").status == 0
    specs = [r["spec"] for r in rows("out")]
    assert {(s["color"], s["wear_style"]) for s in specs} == {("#ff0000", "under-nose")}
    assert {s["type"] for s in specs} == {"gas", "cloth"}


def test_designs_are_so_many_and_are_chosen_by_name(run: Run, home: Path) -> None:
    chips("in", 12)
    given = (*ALIGN, "--types", "random", "--designs", "3")
    assert run("mask", "in", "--out", "out", *given).status == 0
    assert len({json.dumps(r["spec"]) for r in rows("out")}) == 3
    run("mask", "in/a", "--out", "some", *given)
    assert len(rows("some")) == 6


def test_styles_and_types_make_one_file_each(run: Run, home: Path) -> None:
    chips("in", 1)
    given = ("--types", "surgical,cloth", "--wear", "proper,under-nose", "--coverage", "high")
    run("mask", "in", "--out", "out", *ALIGN, *given, "--manifest", "none")
    assert sorted(content("out")) == [
        "a/000_cloth_proper.jpg",
        "a/000_cloth_under-nose.jpg",
        "a/000_surgical_proper.jpg",
        "a/000_surgical_under-nose.jpg",
    ]
    (spec,) = read_specs("out/a/000_cloth_under-nose.jpg")
    assert spec is not None
    assert (spec.wear_style, spec.coverage) == ("under-nose", 1.0)


def test_a_full_disk_stops_the_run(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chips("in", 3)
    replace = Path.replace

    def fail(self: Path, target: Path) -> Path:
        if "b/" in str(target):
            raise OSError(28, "No space left on device")
        return replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail)
        answer = run("mask", "in", "--out", "out", *ALIGN)
    assert answer.status == 2
    assert "the disk is full" in answer.err
    assert "goes on from there" in answer.err
    again = run("mask", "in", "--out", "out", *ALIGN, "--json")
    assert again.lines[0]["pictures"] == {"written": 1, "there": 2}


def test_two_photos_of_one_name_are_not_mixed_up(run: Run, home: Path) -> None:
    chips("in", 1)
    chips("more", 1)
    answer = run("mask", "in", "more", "--out", "out", *ALIGN)
    assert answer.status == 1
    assert "more/a/000.png: in/a/000.png has the same name" in answer.err
    assert len(rows("out")) == 1


def test_a_preview_shows_every_type(run: Run, home: Path) -> None:
    chips("in", 1)
    given = (*ALIGN, "--preview", "--types", "surgical,n95", "--format", "png")
    assert run("mask", "in/a/000.png", "--out", "out", *given).status == 0
    with PillowImage.open("out/000_preview.png") as picture:
        assert min(picture.size) > 500


@pytest.mark.parametrize("name", ALIGNED)
@pytest.mark.parametrize("size", [56, 112, 128, 150, 224])
def test_aligned_chips_of_any_size(name: str, size: int) -> None:
    (place,) = Aligned(name).find(Image(np.zeros((size, size, 3), np.uint8)))
    x, y = place.landmarks.eyes.mean(0) / size
    assert 0.45 < x < 0.55
    assert 0.3 < y < 0.5
    right, left = place.landmarks.eyes
    assert right[0] < left[0]


class DiesOver:
    """Ends its process over the chip whose first pixel is of this value."""

    def __init__(self, value: int) -> None:
        self.value = value

    def find(self, picture: Image) -> list[Place]:
        if picture.pixels[0, 0, 2] == self.value:
            os._exit(9)
        return Aligned("arcface112").find(picture)


def test_a_photo_that_ends_its_process_is_given_up_and_the_others_done(home: Path) -> None:
    from maskwise.cli.files import nothing_more_fits
    from maskwise.cli.mask_run import PictureWriter
    from maskwise.mask_dataset import Plan
    from maskwise.mask_dataset.work import Job, Target, Workshop

    chips("in", 5)
    plan = Plan(("surgical",))
    (look,) = plan.looks()
    names = sorted(p.as_posix() for p in Path("in").rglob("*.png"))
    jobs = [Job(name, name, (Target(look, f"{k}.jpg"),)) for k, name in enumerate(names)]
    with PillowImage.open("in/b/003.png") as picture:
        value = int(np.asarray(picture)[0, 0, 2])
    shop = Workshop(Path("out"), plan, DiesOver(value), PictureWriter(), nothing_more_fits)
    done = {job.source: o.status for job, o in crew.outcomes(shop, jobs, 2, lambda: False)}
    assert done == {name: "failed" if "003" in name else "masked" for name in names}


@pytest.mark.models
def test_sample_people_by_two_processes_as_by_one(run: Run, home: Path) -> None:
    from maskwise import samples
    from maskwise.cli.options import Tools

    source = str(samples.people() / "Amina")
    for workers in ("1", "2"):
        given = ("--types", "random", "--sidecar", "--workers", workers)
        assert run("mask", source, "--out", workers, *given, tools=Tools()).status == 0
    assert content("1") == content("2")
    assert [r["status"] for r in rows("1")] == ["masked", "masked"]
    assert rows("1")[0]["box"] is not None
