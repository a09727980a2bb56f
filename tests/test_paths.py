from __future__ import annotations

from pathlib import Path

import pytest

from maskwise.errors import ConfigurationError
from maskwise.paths import expanded, is_file


def test_a_home_is_written_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert expanded("~/a") == tmp_path / "a"
    assert expanded("a/~") == Path("a/~")


def test_a_home_that_nobody_knows_is_one_line() -> None:
    with pytest.raises(ConfigurationError, match=r"^~nobody-of-that-name/x: no home folder"):
        expanded("~nobody-of-that-name/x")


def test_what_may_not_be_known_is_no_file(tmp_path: Path) -> None:
    assert not is_file(tmp_path / ("a" * 300))
    assert not is_file(tmp_path)
    (tmp_path / "a").touch()
    assert is_file(tmp_path / "a")
