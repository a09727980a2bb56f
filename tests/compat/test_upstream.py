"""face_recognition's own tests, with our module under its name.

They come from its source distribution, which pip fetches once into pytest's cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

HERE = Path(__file__).parent
OURS = Path("src", "maskwise", "compat", "face_recognition")
SDIST = "face_recognition-1.3.0"
SHA256 = "5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec"
TESTS = 30

Outcomes = dict[str, "str | None"]


def faults(outcomes: Outcomes, excused: dict[str, str]) -> list[str]:
    """What is not as the table says."""
    found = []
    for name, wrong in sorted(outcomes.items()):
        if wrong is not None and name not in excused:
            found.append(f"{name} fails: {wrong}")
        if wrong is None and name in excused:
            found.append(f"{name} passes: take it out of the table")
    found += [
        f"{name} is in the table, but there is no such test"
        for name in excused.keys() - outcomes.keys()
    ]
    found += [f"{name}: say why" for name, reason in excused.items() if not reason.strip()]
    return found


def test_the_table_is_checked_both_ways() -> None:
    outcomes: Outcomes = {"a": None, "b": "1 != 2", "c": None, "d": "3 != 4"}
    assert faults(outcomes, {"b": "why", "d": "why"}) == []
    assert faults(outcomes, {"b": "why"}) == ["d fails: 3 != 4"]
    assert faults(outcomes, {"a": "why", "b": "why", "d": " "}) == [
        "a passes: take it out of the table",
        "d: say why",
    ]
    gone = faults(outcomes, {"b": "why", "d": "why", "e": "why"})
    assert gone == ["e is in the table, but there is no such test"]


@pytest.mark.models
@pytest.mark.parametrize("mode", ["with dlib", "without dlib"])
def test_face_recognitions_tests_pass(
    mode: str, tests_of_theirs: Path, dlib_models: Path, request: pytest.FixtureRequest
) -> None:
    if mode == "with dlib":
        request.getfixturevalue("dlib")
    report = run(tests_of_theirs, mode)
    table = tomllib.loads((HERE / "upstream_exceptions.toml").read_text("utf-8"))
    assert set(table) == {"with dlib", "without dlib"}
    assert report["dlib"] == (mode == "with dlib")
    assert report["imported"] == []
    assert len(report["files"]) == 4
    assert {Path(file).parent for file in report["files"].values()} == {HERE.parents[1] / OURS}
    assert faults(report["outcomes"], table[mode]) == []
    assert len(report["outcomes"]) == TESTS


def run(folder: Path, mode: str) -> dict[str, Any]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MASKWISE_", "PYTHON"))}
    environment["MASKWISE_ACCEPT_LICENCES"] = "dlib-68-points"
    arguments = [] if mode == "with dlib" else ["--without-dlib"]
    done = subprocess.run(
        [sys.executable, HERE / "run_upstream.py", folder, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


@pytest.fixture(scope="module")
def tests_of_theirs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The folder of their tests and test images, from the very archive that is pinned here."""
    cache = getattr(request.config, "cache", None)  # not there with -p no:cacheprovider
    kept = cache.mkdir("face_recognition") if cache else tmp_path_factory.mktemp("sdist")
    archive = kept / f"{SDIST}.tar.gz"
    if not (archive.is_file() and sha256(archive) == SHA256):
        fetch(archive)
    assert sha256(archive) == SHA256
    folder = tmp_path_factory.mktemp("upstream")
    (folder / "test_images").mkdir()
    with tarfile.open(archive) as members:
        for member in members:
            path = PurePosixPath(member.name)
            content = members.extractfile(member)
            if content is not None and path.is_relative_to(f"{SDIST}/tests"):
                (folder / path.relative_to(f"{SDIST}/tests")).write_bytes(content.read())
    return folder


def fetch(archive: Path) -> None:
    """By pip, from the index that it is set up for; without one the test is skipped, but in CI."""
    # pip asks the archive's setup.py for its metadata: it is checked before, as its hash is given.
    requirement = archive.parent / "requirement.txt"
    requirement.write_text(f"face_recognition==1.3.0 --hash=sha256:{SHA256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    which = ["--no-deps", "--no-binary=face_recognition", "--require-hashes", "--retries=1"]
    done = subprocess.run(
        [*pip, *which, "--requirement", requirement, "--dest", archive.parent],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        stop = pytest.fail if os.environ.get("CI") else pytest.skip
        said = (done.stderr.strip().splitlines() or ["pip says nothing"])[-1]
        stop(f"needs {archive.name}, which pip cannot fetch: {said}")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
