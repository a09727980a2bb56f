"""People with photos, and a gallery of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from reencode_cases import Enrol, recognizer

from maskwise.gallery import Gallery, open_gallery
from maskwise.testing.command_line import GREEN, RED, photo


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos() -> dict[str, list[Path]]:
    """Two people; Ruby has a photo in a real mask, and one with somebody behind her."""
    behind = [(GREEN, 330, 60, 40)]
    return {
        "Ruby": [
            photo("photos/ruby-1.png", RED),
            photo("photos/ruby-2.png", RED, left=60, masked=True),
            photo("photos/ruby-3.png", RED, left=100, more=behind),
        ],
        "Olive": [photo("photos/olive.png", GREEN)],
    }


@pytest.fixture
def enrol(photos: dict[str, list[Path]]) -> Enrol:
    def enrol(name: str, *, other: bool = False, keep: str = "none") -> Path:
        with open_gallery(name) as gallery, recognizer(gallery, other=other) as with_it:
            for subject, files in photos.items():
                report = with_it.enrol(subject, files, keep=keep)  # type: ignore[arg-type]
                assert {p.status for p in report.photos} == {"enrolled"}
        return Path(name)

    return enrol


@pytest.fixture
def gallery(enrol: Enrol) -> Iterator[Gallery]:
    """Enrolled with the fake encoder, no face kept."""
    with open_gallery(enrol("g.db")) as opened:
        yield opened
