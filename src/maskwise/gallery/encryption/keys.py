"""What the owner of an encrypted gallery holds: a key in a file, or a pass phrase."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import stat
import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from maskwise.errors import ConfigurationError, OutputError
from maskwise.gallery.encryption.envelope import COST, KEY_BYTES, Cost, derive, new_key

FILE_VARIABLE: Final = "MASKWISE_KEY_FILE"
"""The environment variable that names the key's file, where no other key is given."""

NAME_VARIABLE: Final = "MASKWISE_KEY_ENV"
"""The environment variable that names the variable which holds a pass phrase, or a key's text."""

LEAST_PHRASE: Final = 12
"""Characters that a new pass phrase has at least; any that is in use opens."""

HOW: Final = f"--key-file FILE, --key-env NAME, or {FILE_VARIABLE}"

_HEAD: Final = "maskwise-key-1:"
_TEXT: Final = re.compile(rf"{_HEAD}([0-9a-f]{{64}})")
_SALT_BYTES: Final = 16
_LONGEST: Final = 4096  # bytes that are read of a key's file

log = logging.getLogger("maskwise.gallery")

Kind = Literal["file", "phrase"]


@dataclass(frozen=True, slots=True)
class Lock:
    """What a gallery says of the key that opens it.

    fingerprint: 16 hex digits that tell keys apart and give nothing of them away. salt, cost: of
    a pass phrase; None for a key in a file.
    """

    kind: Kind
    fingerprint: str
    salt: bytes | None = None
    cost: Cost | None = None

    def __str__(self) -> str:
        return f"{'key file' if self.kind == 'file' else 'pass phrase'} {self.fingerprint}"


class OwnerKey(ABC):
    """What wraps the data keys of galleries. It is never shown, nor stored in a gallery."""

    kind: Kind

    @abstractmethod
    def new_lock(self) -> Lock:
        """For a gallery that this key is to open from now on."""

    @abstractmethod
    def secret(self, lock: Lock) -> bytes | None:
        """The 32 bytes that open this lock; None when it is another key's."""


class FileKey(OwnerKey):
    """32 random bytes."""

    kind: Kind = "file"

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ConfigurationError(f"a key has {KEY_BYTES} bytes, got {len(key)}")
        self._key = key

    def new_lock(self) -> Lock:
        """As ``OwnerKey``."""
        return Lock("file", fingerprint(self._key))

    def secret(self, lock: Lock) -> bytes | None:
        """As ``OwnerKey``."""
        return self._key if lock == self.new_lock() else None


class PassPhrase(OwnerKey):
    """Words; in Unicode NFC, so that they are the same however they are typed."""

    kind: Kind = "phrase"

    def __init__(self, phrase: str) -> None:
        if not phrase:
            raise ConfigurationError("the pass phrase is empty")
        self._phrase = unicodedata.normalize("NFC", phrase)
        self._derived: dict[tuple[bytes, Cost], bytes] = {}

    def new_lock(self) -> Lock:
        """As ``OwnerKey``; ConfigurationError for a phrase that is too short to protect people."""
        if len(self._phrase) < LEAST_PHRASE:
            raise ConfigurationError(
                f"a pass phrase has {LEAST_PHRASE} characters or more, got {len(self._phrase)}: "
                "who has the file can try millions; five random words are good, a key file is "
                "better (maskwise gallery key new FILE)"
            )
        salt = os.urandom(_SALT_BYTES)
        return Lock("phrase", fingerprint(self._derive(salt, COST)), salt, COST)

    def secret(self, lock: Lock) -> bytes | None:
        """As ``OwnerKey``; takes some 0.4 s for the first lock."""
        if lock.salt is None or lock.cost is None:
            return None
        key = self._derive(lock.salt, lock.cost)
        return key if fingerprint(key) == lock.fingerprint else None

    def _derive(self, salt: bytes, cost: Cost) -> bytes:
        # Galleries beside one another (drafts, backups) often share a lock.
        if (salt, cost) not in self._derived:
            self._derived[salt, cost] = derive(self._phrase, salt, cost)
        return self._derived[salt, cost]


def fingerprint(key: bytes) -> str:
    """16 hex digits that tell 32 secret bytes from others: of the SHA-256 of words and key.

    The bytes are random, or scrypt's: neither can be found by trying.
    """
    return hashlib.sha256(b"maskwise key fingerprint" + key).hexdigest()[:16]


def make_key_file(path: Path) -> FileKey:
    """A new random key in a new file, which only its owner may read (mode 0600).

    Raises OutputError when it cannot be written or is there: a key is never written over.
    """
    key = new_key()
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(f"{_HEAD}{key.hex()}\n".encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise OutputError(
            f"{path}: there is a file of that name already; a key is never written over: name "
            "another file"
        ) from error
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}; check the folder") from error
    return FileKey(key)


def read_key_file(path: Path) -> FileKey:
    """The key that ``make_key_file`` wrote, or 32 bytes of another make.

    Raises ConfigurationError when there is none, or it is no key.
    """
    try:
        with path.open("rb") as file:
            mode, data = os.fstat(file.fileno()).st_mode, file.read(_LONGEST)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: the key file cannot be read ({error.strerror or error}); name another one: "
            f"{HOW}"
        ) from error
    if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077:
        log.warning("%s: others may read this key: chmod 600 it", path)
    if len(data) == KEY_BYTES:
        return FileKey(data)
    found = _TEXT.fullmatch(data.decode("ascii", "replace").strip())
    if found is None:
        raise ConfigurationError(
            f"{path}: no key file: expected one line {_HEAD}<64 hex digits>, or {KEY_BYTES} bytes; "
            "make one with `maskwise gallery key new FILE`"
        )
    return FileKey(bytes.fromhex(found[1]))


def key_of_variable(name: str) -> OwnerKey:
    """A pass phrase, or the text of a key file, in an environment variable.

    Raises ConfigurationError when it is not set, or empty.
    """
    value = os.environ.get(name, "")
    if not value:
        raise ConfigurationError(f"the environment variable {name} holds no key; set it, or {HOW}")
    found = _TEXT.fullmatch(value.strip())
    return PassPhrase(value) if found is None else FileKey(bytes.fromhex(found[1]))


def key_of_environment() -> OwnerKey | None:
    """The key that $MASKWISE_KEY_FILE or $MASKWISE_KEY_ENV names; None where neither is set.

    Raises ConfigurationError when both are, or there is no key there.
    """
    from maskwise.paths import expanded

    file, name = os.environ.get(FILE_VARIABLE), os.environ.get(NAME_VARIABLE)
    if file and name:
        raise ConfigurationError(f"{FILE_VARIABLE} and {NAME_VARIABLE} are both set; unset one")
    if file:
        return read_key_file(expanded(file))
    return key_of_variable(name) if name else None
