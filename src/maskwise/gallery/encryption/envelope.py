"""AES-256-GCM and scrypt, as encrypted galleries use them; nothing here knows of a gallery.

A sealed value is 12 bytes of nonce, as many bytes as the plain value has, and 16 bytes of tag:
GCM as NIST SP 800-38D has it, with a 256-bit key. What a value belongs to is authenticated with
it (the *associated data*), so that it opens nowhere else.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from maskwise.errors import ConfigurationError, GalleryFormatError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
OVERHEAD: Final = NONCE_BYTES + TAG_BYTES
"""How many bytes longer a sealed value is."""

MOST_SEALED: Final = 1 << 28
"""Values that one data key seals before a fresh one takes over.

NIST SP 800-38D, section 8.3: with random 96-bit nonces at most 2^32 under one key, so that two
nonces are the same with a probability below 2^-32. Ours is a sixteenth: then it is below 2^-41, and
copies of the gallery that are restored and go on by themselves are within the bound, too.
"""

_COST_LIMIT: Final = 1 << 30
"""Bytes that scrypt may take: a gallery that asks for more was made to harm."""


class TagError(Exception):
    """It was not sealed by this key for this place, or was changed since."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What scrypt is made to cost: 128 * n * r bytes of memory, n * r * p of work."""

    n: int
    r: int
    p: int

    def __post_init__(self) -> None:
        sound = self.n > 1 and self.n & (self.n - 1) == 0 and self.r > 0 and 0 < self.p <= 16
        if not sound or 128 * self.n * self.r > _COST_LIMIT:
            raise GalleryFormatError(
                f"scrypt with n={self.n}, r={self.r}, p={self.p} is not used here; the gallery is "
                "damaged: restore a backup"
            )


COST: Final = Cost(n=1 << 17, r=8, p=1)
"""128 MiB and some 0.4 s a core: OWASP's Password Storage Cheat Sheet gives these for scrypt."""


class Cipher:
    """AES-256-GCM under one key.

    Raises ConfigurationError where the package is missing.
    """

    def __init__(self, key: bytes) -> None:
        self._gcm, self._invalid = _aes_gcm(key)

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """Encrypt under a nonce from the system's random source; about: what it belongs to."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._gcm.encrypt(nonce, plain, about)

    def unseal(self, sealed: bytes, about: bytes) -> bytes:
        """What ``seal`` was given; TagError unless key, bytes and ``about`` are the same."""
        if len(sealed) < OVERHEAD:
            raise TagError
        try:
            return self._gcm.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], about)
        except self._invalid as error:
            raise TagError from error


def new_key() -> bytes:
    """32 bytes from the system's random source."""
    return os.urandom(KEY_BYTES)


def derive(phrase: str, salt: bytes, cost: Cost) -> bytes:
    """The 32 bytes that a pass phrase stands for, by scrypt (RFC 7914) of its UTF-8 bytes."""
    _import()
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    kdf = Scrypt(salt=salt, length=KEY_BYTES, n=cost.n, r=cost.r, p=cost.p)
    return kdf.derive(phrase.encode("utf-8", "surrogatepass"))


def about(kind: str, *fields: str | int | float | None) -> bytes:
    """What a sealed value belongs to, as associated data.

    Each field stands with its length before it, so that no two lists of fields give the same
    bytes: ``4:face,32:0123...,`` ; None is ``-,``, an integer its decimal digits, a float the 16
    hex digits of its IEEE 754 binary64, big-endian.
    """
    return b"".join([_text(kind), *[_text(v) if type(v) is str else _field(v) for v in fields]])


@lru_cache(maxsize=4096)  # ids of people, encoders and masks come again and again
def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogatepass")
    return b"%d:%b," % (len(data), data)


def _field(value: str | int | float | None) -> bytes:
    if value is None:
        return b"-,"
    if isinstance(value, float):
        value = struct.pack(">d", value + 0.0).hex()  # SQLite knows no -0.0
    return _text(value) if isinstance(value, str) else _digits(value)


def _digits(value: int) -> bytes:
    data = b"%d" % value
    return b"%d:%b," % (len(data), data)


def _aes_gcm(key: bytes) -> tuple[AESGCM, type[Exception]]:
    _import()
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes, got {len(key)}")
    return AESGCM(key), InvalidTag


def _import() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            'encrypted galleries need one more package: pip install "maskwise[encryption]"'
        ) from error
