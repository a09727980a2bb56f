"""The command line as users meet it: a process of its own, the real models, the sample people."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from maskwise.errors import StorageError
from maskwise.gallery import open_gallery

pytestmark = pytest.mark.models
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(sample_photos: Sequence[Path], tmp_path: Path) -> Path:
    """``people``: five sample people, two photos each; ``probes``: a bare one more of each."""
    from maskwise import samples

    names = sorted({path.parent.name for path in sample_photos})[:5]
    for name in names:
        shutil.copytree(samples.people() / name, tmp_path / "people" / name)
        target = tmp_path / "probes" / f"{name}_bare.jpg"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(samples.probes() / target.name, target)
    return tmp_path


@pytest.fixture
def maskwise(tmp_path: Path) -> Command:
    """Run ``maskwise`` in the temporary folder."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "maskwise", *arguments],
            cwd=tmp_path,
            env={**os.environ, "MASKWISE_GALLERY": "g.db", "MASKWISE_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def lines(done: subprocess.CompletedProcess[str]) -> list[Any]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_enrol_identify_verify_and_mask(folder: Path, maskwise: Command) -> None:
    enrolled = maskwise("enrol", "people", "--json")
    assert enrolled.returncode == 0, enrolled.stderr
    assert lines(enrolled)[0]["photos"]["enrolled"] == 10

    masked = maskwise("mask", "probes", "--out", "probes/masked", "--type", "surgical")
    assert masked.returncode == 0, masked.stderr
    found = maskwise("identify", "probes", "--json", "--draw", "drawn")
    assert found.returncode == 0, found.stderr
    results = lines(found)
    assert len(results) == 10
    assert len(list((folder / "drawn").rglob("*.jpg"))) == 10
    for line in results:
        name = Path(line["image"]).name.partition("_bare")[0]
        assert line["candidates"][0]["subject"] == name, line["image"]
    seen = [line["mask"]["worn"] == ("surgical" in line["image"]) for line in results]
    assert sum(seen) >= 9, results

    one, two = sorted((folder / "people").iterdir())[:2]
    photos = [str(path) for path in sorted(one.iterdir())]
    other = str(min(two.iterdir()))
    assert maskwise("verify", *photos).returncode == 0
    assert maskwise("verify", photos[0], other).returncode == 1
    (folder / "blank.png").write_bytes(b"")
    assert maskwise("verify", photos[0], "blank.png").returncode == 3


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_ctrl_c_keeps_who_was_finished(folder: Path, maskwise: Command) -> None:
    # What a shell starts in the background ignores SIGINT, and so do its children.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from maskwise.cli import main; main(['enrol', 'people', '--gallery', 'g.db'])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=folder,
        env={**os.environ, "MASKWISE_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not _people(folder / "g.db") and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, out + err
    told = re.search(r"interrupted: (\d) of 5 people were finished and are kept", err)
    assert told, err
    kept = _people(folder / "g.db")
    # The signal may come between the end of a transaction and its being counted.
    assert len(kept) - int(told[1]) in (0, 1)
    assert 1 <= len(kept) < 5
    with open_gallery(folder / "g.db", create=False) as store:
        assert store.integrity_check() == []
        assert all(person.references == 2 for person in store.people())
    again = maskwise("enrol", "people")
    assert again.returncode == 0
    assert f"{10 - 2 * len(kept)} enrolled, {2 * len(kept)} already" in again.stdout


def _people(path: Path) -> list[str]:
    try:
        with open_gallery(path, create=False) as store:
            return [person.subject for person in store.people()]
    except StorageError:
        return []


def test_the_demo_on_the_samples_and_again(
    sample_photos: Sequence[Path], maskwise: Command
) -> None:
    assert sample_photos
    first = maskwise("demo", "--out", "out")
    assert first.returncode == 0, first.stderr
    assert "maskwise: skipped" not in first.stderr
    assert "enrolled, masked" in first.stdout
    second = maskwise("demo", "--out", "out")
    assert "0 enrolled" in second.stdout
    assert first.stdout.splitlines()[3:] == second.stdout.splitlines()[3:]
