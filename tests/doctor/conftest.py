"""A machine without variables of ours, and with empty folders of the user's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of ours is set, and the user's folders are empty."""
    for name in [name for name in os.environ if name.startswith("MASKWISE_")]:
        monkeypatch.delenv(name)
    for kind in ("data", "cache"):
        monkeypatch.setattr(
            f"platformdirs.user_{kind}_dir", lambda *_, kind=kind, **__: str(tmp_path / kind)
        )
