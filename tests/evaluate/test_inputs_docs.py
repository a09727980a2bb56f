"""docs/evaluation-inputs.md: its program runs, and its lists are complete."""

from __future__ import annotations

import contextlib
import io
import re
import sqlite3
from pathlib import Path
from typing import get_args

import pytest

from maskwise.evaluate.pairs import parse_pairs
from maskwise.evaluate.template_cache import FILE, TemplateCache
from maskwise.evaluate.template_maker import Status

PAGE = Path(__file__).resolve().parents[2] / "docs" / "evaluation-inputs.md"


def block(kind: str) -> str:
    found = re.search(rf"```{kind}\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


def test_the_csv_of_the_page_is_read() -> None:
    rows = parse_pairs(block("csv").encode(), "pairs.csv")
    assert rows.attributes == ("group",)
    assert [row.mated for row in rows.rows] == [True, False]


def test_every_status_is_listed() -> None:
    listed = re.findall(r"^\| `(\w+)` \| (?:yes|no)", PAGE.read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(set(get_args(Status)) - {""})


def test_every_column_of_the_cache_is_listed(tmp_path: Path) -> None:
    TemplateCache.open(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(templates)")]
    connection.close()
    text = PAGE.read_text("utf-8")
    listed = text[text.index("**templates**") :]
    assert re.findall(r"^\| `(\w+)` \|", listed, re.MULTILINE) == columns


@pytest.mark.models
def test_the_program_of_the_page_runs(
    sample_photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for photo in sample_photos[:6]:
        copy = tmp_path / "people" / photo.parent.name / photo.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(photo.read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "maskwise.evaluate.template_cache.default_folder", lambda: tmp_path / "cache"
    )
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(block("python"), str(PAGE), "exec"), {})
    assert said.getvalue().startswith("Eer(value=")
    assert (tmp_path / "cache" / FILE).exists()
