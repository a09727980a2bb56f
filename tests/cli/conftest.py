"""A command line whose models are fakes."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from maskwise.cli import main
from maskwise.cli.options import Tools
from maskwise.testing.command_line import GOLD, GREEN, RED, Answer, Run, make_recognizer, photo


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; the user's own gallery and cache lie in it too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MASKWISE_GALLERY", raising=False)
    monkeypatch.delenv("MASKWISE_ACTOR", raising=False)
    monkeypatch.delenv("MASKWISE_KEY_FILE", raising=False)
    monkeypatch.delenv("MASKWISE_KEY_ENV", raising=False)
    monkeypatch.delenv("MASKWISE_DEBUG", raising=False)
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    """Run a command: ``run("enrol", "people")``."""

    def invoke(*arguments: str, tools: Tools | None = None, stdin: str | None = None) -> Answer:
        result: Result = CliRunner().invoke(
            main, list(arguments), obj=tools or Tools(make_recognizer), input=stdin
        )
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    return invoke


@pytest.fixture
def people(home: Path) -> Path:
    """Three people in two layouts: Ruby and Olive in folders, Goldie in a file."""
    photo("people/Ruby/1.png", RED)
    photo("people/Ruby/2.png", RED, left=100)
    photo("people/Olive/1.png", GREEN)
    photo("people/Goldie_1.png", GOLD)
    return Path("people")
