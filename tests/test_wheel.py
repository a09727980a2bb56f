"""The wheel: built here, installed alone into an empty environment, and run there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.models


def run(*command: str | Path, cwd: Path) -> str:
    """Its stdout; a failure shows what was said."""
    # Nothing of this environment may leak into the new one; pip's own settings may.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "VIRTUAL_ENV", "MASKWISE", "COV"))
    }
    environment["HOME"] = str(cwd)
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / "requirements").is_dir():
        pytest.skip("needs a checkout with its lock files")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    run(*build, "--wheel-dir", folder, ROOT, cwd=folder)
    (made,) = folder.glob("maskwise-*.whl")
    return made


def test_the_wheel_holds_what_runs_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        "maskwise/py.typed",
        "maskwise/operating_points.json",
        *(f"maskwise/models/{name}.toml" for name in ("manifest", "catalogue", "golden")),
        *(
            f"maskwise/models/files/{p.name}"
            for p in (ROOT / "src/maskwise/models/files").iterdir()
        ),
        *(p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src").rglob("samples/**/*.jpg")),
        *(p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src").rglob("*.sql")),
    }
    assert wanted <= names
    assert any(name.endswith(".jpg") for name in names)
    tops = {name.split("/")[0] for name in names}
    assert tops == {"maskwise", "maskwise-0.1.0.dist-info"}
    assert not [name for name in names if name.endswith(".pyc")]


def test_it_runs_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    scripts = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    install = [scripts / "python", "-m", "pip", "install", "--quiet"]
    run(*install, "--require-hashes", "-r", ROOT / "requirements/run.txt", cwd=tmp_path)
    run(*install, "--no-deps", wheel, cwd=tmp_path)
    command = scripts / "maskwise"
    assert run(command, "--version", cwd=tmp_path).strip().endswith("0.1.0")

    run(command, "demo", "--out", "shown", cwd=tmp_path)
    for picture in ("masks.png", "index.html"):
        assert (tmp_path / "shown" / picture).stat().st_size > 1000
    gallery = ["--gallery", "shown/demo-gallery.sqlite3"]
    lines = run(command, "gallery", "list", *gallery, "--json", cwd=tmp_path).splitlines()
    assert len([json.loads(line) for line in lines]) == 12
