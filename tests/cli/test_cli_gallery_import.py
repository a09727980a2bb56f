"""``maskwise gallery import``: output, exit codes, and that a refused file leaves nothing."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskwise.errors import StorageError
from maskwise.gallery import open_gallery
from maskwise.gallery.encoding_looks import DLIB_DIRECTION
from maskwise.testing.command_line import Run

G = ("--gallery", "g.db")
NAMES = ["Ada", "Zoë", "Ada"]
DIRECTION = np.frombuffer(bytes.fromhex(DLIB_DIRECTION), np.int8) / 71
ROWS = (DIRECTION + np.random.default_rng(0).normal(0, 0.04, (3, 128))).astype(np.float32)
LACK = "maskwise: imported people have no templates with virtual masks"


@pytest.fixture
def file(home: Path) -> str:
    """encodings.pickle in the current folder, as the tutorials write it."""
    (home / "encodings.pickle").write_bytes(pickle.dumps({"encodings": list(ROWS), "names": NAMES}))
    return "encodings.pickle"


def test_import_says_what_it_did_and_what_is_lacking(run: Run, file: str) -> None:
    answer = run("gallery", "import", file, *G)
    assert answer.status == 0
    assert answer.out.splitlines() == [
        "people     2, 2 of them new",
        "encodings  3 imported, 0 already there, 0 repeated in the file",
        "gallery    g.db",
    ]
    assert answer.err.splitlines()[0] == "maskwise: gallery g.db"
    assert answer.err.splitlines()[-1].startswith(LACK)
    assert "maskwise enrol PEOPLE_DIR --gallery g.db --encoder dlib-resnet-v1" in answer.err
    people = {p["subject"]: p["photos"] for p in run("gallery", "list", *G, "--json").lines}
    assert people == {"Ada": 2, "Zoë": 1}
    shown = run("gallery", "show", "Ada", *G).out
    assert "imported: encodings.pickle#3" in shown
    assert "unknown" in shown
    assert run("gallery", "check", *G).status == 0


def test_import_again_adds_nothing(run: Run, file: str) -> None:
    run("gallery", "import", file, *G)
    answer = run("gallery", "import", file, *G)
    assert answer.status == 0
    assert "people     2, 0 of them new" in answer.out
    assert "0 imported, 3 already there" in answer.out


def test_json(run: Run, file: str) -> None:
    (summary,) = run("gallery", "import", file, *G, "--json").lines
    encoder = summary.pop("encoder")
    assert encoder.startswith("dlib-resnet-v1/")
    counts = {"already": 0, "repeated": 0}
    assert summary == {
        "gallery": "g.db",
        "dry_run": False,
        "people": [
            {"subject": "Ada", "new": True, "encodings": 2, "imported": 2, **counts},
            {"subject": "Zoë", "new": True, "encodings": 1, "imported": 1, **counts},
        ],
        "encodings": 3,
        "imported": 3,
        **counts,
        "warnings": [],
    }


def test_a_dry_run_makes_no_gallery(run: Run, file: str) -> None:
    answer = run("gallery", "import", file, *G, "--dry-run")
    assert answer.status == 0
    rows = [line.split() for line in answer.out.splitlines()]
    assert ["Ada", "no", "2", "2", "0", "0"] in rows
    assert ["Zoë", "no", "1", "1", "0", "0"] in rows
    assert "encodings  3 to import, 0 already there, 0 repeated in the file" in answer.out
    assert "gallery    g.db, unchanged: this was a dry run" in answer.out
    assert "not there yet" in answer.err
    assert not Path("g.db").exists()
    (summary,) = run("gallery", "import", file, *G, "--dry-run", "--json").lines
    assert (summary["gallery"], summary["dry_run"], summary["imported"]) == ("g.db", True, 3)


def test_a_dry_run_on_a_gallery_leaves_it_as_it_is(run: Run, file: str) -> None:
    run("gallery", "import", file, *G)
    Path("one.json").write_text(json.dumps({"Ada": ROWS[0].tolist(), "Bo": [1.5] * 128}))
    answer = run("gallery", "import", "one.json", *G, "--dry-run")
    rows = [line.split() for line in answer.out.splitlines()]
    assert ["Ada", "yes", "1", "0", "1", "0"] in rows
    assert ["Bo", "no", "1", "1", "0", "0"] in rows
    assert {p["subject"] for p in run("gallery", "list", *G, "--json").lines} == {"Ada", "Zoë"}


def test_a_long_table_is_cut(run: Run, home: Path) -> None:
    np.savez("a.npz", **{f"p{n:03}": ROWS[0] + n / 1000 for n in range(60)})
    answer = run("gallery", "import", "a.npz", *G, "--dry-run")
    assert "p049" in answer.out
    assert "p050" not in answer.out
    assert "... and 10 more; --json lists all" in answer.out
    (summary,) = run("gallery", "import", "a.npz", *G, "--dry-run", "--json").lines
    assert len(summary["people"]) == 60


def test_names_of_a_file_of_their_own(run: Run, home: Path) -> None:
    np.save("a.npy", ROWS)
    Path("names.txt").write_text("Ada\nZoë\nAda\n", "utf-8")
    assert run("gallery", "import", "a.npy", *G).status == 2
    answer = run("gallery", "import", "a.npy", "--names", "names.txt", *G)
    assert (answer.status, "3 imported" in answer.out) == (0, True)


def test_encodings_of_another_encoder(run: Run, home: Path) -> None:
    np.savez("a.npz", Ada=ROWS[0, :64])
    answer = run("gallery", "import", "a.npz", *G)
    assert answer.status == 2
    assert "expected 128 numbers an encoding" in answer.err
    assert "got 64; name the encoder that made them with --encoder-id" in answer.err
    answer = run("gallery", "import", "a.npz", *G, "--encoder-id", "mine/1")
    assert answer.status == 0
    assert answer.err.endswith("maskwise enrol PEOPLE_DIR --gallery g.db\n")
    assert run("gallery", "stats", *G, "--json").lines[0]["encoder"] == "mine/1"
    np.savez("b.npz", Bo=ROWS[0])
    answer = run("gallery", "import", "b.npz", *G)
    assert answer.status == 2
    assert "g.db holds templates of the encoder mine/1" in answer.err


def test_a_warning_is_on_stderr_and_in_the_json(run: Run, home: Path) -> None:
    np.savez("a.npz", Ada=np.eye(128)[0], Bo=ROWS[0])
    answer = run("gallery", "import", "a.npz", *G, "--json")
    assert answer.status == 0
    (warning,) = answer.lines[0]["warnings"]
    assert "1 of 2 encodings do not look like those of dlib's network: rows 1 (Ada)" in warning
    assert f"maskwise: warning: {warning}" in answer.err


class Ran:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch ran",)


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Ran(), f"refused, because the pickle asks for {os.name}.system"),
        ({"Ada": [float("nan")] * 128}, "holds NaN"),
        ({"": ROWS}, "cannot be empty"),
        ({"names": ["Ada"], "encodings": list(ROWS)}, "1 names for 3 encodings"),
        ({}, "holds no encodings"),
    ],
)
def test_a_file_that_is_refused_leaves_no_gallery(
    run: Run, home: Path, value: Any, told: str
) -> None:
    Path("a.pickle").write_bytes(pickle.dumps(value))
    answer = run("gallery", "import", "a.pickle", *G)
    assert answer.status == 2
    (line,) = answer.err.splitlines()
    assert line.startswith("maskwise: error: a.pickle: ")
    assert told in line
    assert answer.out == ""
    assert [path.name for path in home.iterdir()] == ["a.pickle"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none.npz",), "none.npz: no such file"),
        ((".",), "a folder"),
        (("",), "a path without a name"),
        (("encodings.pickle", "--names", ""), "a path without a name"),
        (("encodings.pickle", "--names", "none.txt"), "none.txt: no such file"),
        (("encodings.pickle", "--encoder-id", " "), "an encoder has a name"),
        (("encodings.pickle", "--gallery", "."), "is a folder"),
        ((), "Missing argument 'FILE'"),
    ],
)
def test_usage(run: Run, file: str, arguments: tuple[str, ...], told: str) -> None:
    answer = run("gallery", "import", *arguments)
    assert answer.status == 2
    assert told in answer.err
    assert "Traceback" not in answer.err


def test_ctrl_c_imports_nothing(run: Run, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from maskwise.cli.output import Progress

    def interrupt(self: Progress, count: int = 1) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "advance", interrupt)
    answer = run("gallery", "import", file, *G)
    assert answer.status == 130
    assert "interrupted: nothing was imported" in answer.err
    with open_gallery("g.db", create=False) as gallery:
        assert gallery.size().people == 0


def test_a_full_disk(run: Run, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise StorageError("g.db: database or disk is full; free some disk space")

    monkeypatch.setattr("maskwise.gallery.sqlite.SqliteGallery.enrol_all", full)
    answer = run("gallery", "import", file, *G)
    assert answer.status == 2
    assert answer.err.splitlines()[-1] == (
        "maskwise: error: g.db: database or disk is full; free some disk space"
    )
