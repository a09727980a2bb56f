"""The sample people's pictures as the commands take them."""

from __future__ import annotations

from pathlib import Path

import pytest
import recorded_commands


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with known/ and unknown/."""
    folder = tmp_path_factory.mktemp("people")
    recorded_commands.write_pictures(folder)
    return folder
