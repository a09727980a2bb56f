"""An encrypted gallery moves to another encoder: draft, result and the old state are encrypted."""

from __future__ import annotations

from pathlib import Path

import pytest
from reencode_cases import Enrol, run

from maskwise.errors import GalleryKeyError
from maskwise.gallery import open_gallery
from maskwise.gallery.encryption import keys
from maskwise.gallery.encryption.keys import FileKey
from maskwise.gallery.encryption.state import peek

KEY = FileKey(bytes(range(32)))


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (keys.FILE_VARIABLE, keys.NAME_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def test_everything_that_is_written_is_encrypted(
    enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = enrol("g.db", keep="faces")
    with open_gallery(path, key=None) as gallery:
        assert gallery.encryption is not None
        gallery.encryption.encrypt(KEY)
    from maskwise.reencode import run as running

    drafts: list[bool] = []
    real = running.discard

    def discard(place: Path | None) -> None:
        assert place is not None
        drafts.append(peek(place) is not None)
        real(place)

    monkeypatch.setattr(running, "discard", discard)
    with open_gallery(path, key=KEY) as gallery:
        _, report = run(gallery)
        assert gallery.integrity_check() == []
    assert drafts == [True]
    assert report.before is not None
    for place in (path, report.before):
        with pytest.raises(GalleryKeyError):
            open_gallery(place, create=False)
        with open_gallery(place, create=False, key=KEY) as again:
            assert again.integrity_check() == []
            assert again.size().people == 2


def test_another_gallery_is_encrypted_too(enrol: Enrol) -> None:
    path = enrol("g.db")
    with open_gallery(path, key=None) as gallery:
        assert gallery.encryption is not None
        gallery.encryption.encrypt(KEY)
        run(gallery, out=Path("out.db"))
    assert peek(Path("out.db")) is not None
    with open_gallery("out.db", create=False, key=KEY) as out:
        assert out.integrity_check() == []
