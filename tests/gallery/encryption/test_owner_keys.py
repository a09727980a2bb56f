"""Key files, pass phrases, and what is said when there is none."""

from __future__ import annotations

import logging
import os
import stat
import sys
from pathlib import Path

import pytest

from maskwise.errors import ConfigurationError, OutputError
from maskwise.gallery.encryption import keys
from maskwise.gallery.encryption.envelope import Cost
from maskwise.gallery.encryption.keys import (
    FileKey,
    Lock,
    PassPhrase,
    key_of_environment,
    make_key_file,
    read_key_file,
)


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "COST", Cost(16, 8, 1))
    for name in (keys.FILE_VARIABLE, keys.NAME_VARIABLE):
        monkeypatch.delenv(name, raising=False)


def same(one: keys.OwnerKey, other: keys.OwnerKey) -> bool:
    return other.secret(one.new_lock()) is not None


def test_a_key_file_is_new_private_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "k"
    made = make_key_file(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert same(made, read_key_file(path))
    assert not same(make_key_file(tmp_path / "l"), made)
    text = path.read_text()
    assert text.startswith("maskwise-key-1:")
    with pytest.raises(OutputError, match="never written over"):
        make_key_file(path)
    assert path.read_text() == text
    with pytest.raises(OutputError, match="check the folder"):
        make_key_file(tmp_path / "none" / "k")


def test_32_bytes_of_another_make_are_a_key(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_bytes(bytes(range(32)))
    assert same(FileKey(bytes(range(32))), read_key_file(path))


@pytest.mark.parametrize("data", [b"", b"secret", bytes(31), b"maskwise-key-1:abc\n", bytes(5000)])
def test_what_is_no_key_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "k").write_bytes(data)
    with pytest.raises(ConfigurationError, match="gallery key new FILE"):
        read_key_file(tmp_path / "k")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_key_file(tmp_path / "none")


@pytest.mark.skipif(os.name != "posix", reason="needs modes")
def test_a_key_that_others_may_read_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_key_file(tmp_path / "k")
    with caplog.at_level(logging.WARNING):
        read_key_file(tmp_path / "k")
        assert caplog.messages == []
        (tmp_path / "k").chmod(0o640)
        read_key_file(tmp_path / "k")
    assert "chmod 600" in caplog.text


def test_a_phrase_is_one_however_it_is_typed() -> None:
    lock = PassPhrase("cafe\u0301 au lait, deux").new_lock()
    assert PassPhrase("caf\u00e9 au lait, deux").secret(lock) is not None
    assert PassPhrase("cafe au lait, deux").secret(lock) is None
    assert FileKey(bytes(32)).secret(lock) is None
    assert PassPhrase("caf\u00e9 au lait, deux").secret(FileKey(bytes(32)).new_lock()) is None
    # A salt of its own each time.
    assert PassPhrase("cafe\u0301 au lait, deux").new_lock().fingerprint != lock.fingerprint


def test_a_new_phrase_is_long_enough_and_an_old_one_opens() -> None:
    with pytest.raises(ConfigurationError, match="12 characters or more, got 11"):
        PassPhrase("elevencharx").new_lock()
    with pytest.raises(ConfigurationError, match="empty"):
        PassPhrase("")
    secret = keys.derive("short", b"salt", Cost(16, 8, 1))
    lock = Lock("phrase", keys.fingerprint(secret), b"salt", Cost(16, 8, 1))
    assert PassPhrase("short").secret(lock) == secret


def test_the_environment_names_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_of_environment() is None
    made = make_key_file(tmp_path / "k")
    monkeypatch.setenv(keys.FILE_VARIABLE, str(tmp_path / "k"))
    found = key_of_environment()
    assert found is not None
    assert same(made, found)
    monkeypatch.setenv(keys.NAME_VARIABLE, "STAFF")
    with pytest.raises(ConfigurationError, match="both set"):
        key_of_environment()
    monkeypatch.delenv(keys.FILE_VARIABLE)
    with pytest.raises(ConfigurationError, match="STAFF holds no key"):
        key_of_environment()
    monkeypatch.setenv("STAFF", (tmp_path / "k").read_text())
    found = key_of_environment()
    assert isinstance(found, FileKey)
    assert same(made, found)
    monkeypatch.setenv("STAFF", "five random words in a row")
    assert isinstance(key_of_environment(), PassPhrase)


def test_no_key_shows_itself() -> None:
    for key in (FileKey(b"\x41" * 32), PassPhrase("five random words in a row")):
        for text in (repr(key), str(key)):
            assert "random" not in text
            assert "AAAA" not in text
            assert "4141" not in text


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConfigurationError, match=r'pip install "maskwise\[encryption\]"'):
        keys.derive("x", b"salt", Cost(16, 8, 1))
