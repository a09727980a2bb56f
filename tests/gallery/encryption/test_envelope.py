"""The cryptography of encrypted galleries, by published answers and by our own bytes."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.errors import GalleryFormatError
from maskwise.gallery.encryption import envelope
from maskwise.gallery.encryption.envelope import Cipher, Cost, TagError, about, derive

# Test case 16 of McGrew and Viega, "The Galois/Counter Mode of Operation", which NIST took over.
GCM_KEY = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
GCM_NONCE = bytes.fromhex("cafebabefacedbaddecaf888")
GCM_PLAIN = bytes.fromhex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
)
GCM_ABOUT = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
GCM_SEALED = bytes.fromhex(
    "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
    "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
    "76fc6ece0f4e1768cddf8853bb2d551b"
)


def test_sealing_is_aes_256_gcm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "urandom", lambda count: GCM_NONCE[:count])
    assert Cipher(GCM_KEY).seal(GCM_PLAIN, GCM_ABOUT) == GCM_NONCE + GCM_SEALED
    assert Cipher(GCM_KEY).unseal(GCM_NONCE + GCM_SEALED, GCM_ABOUT) == GCM_PLAIN


@pytest.mark.parametrize(
    ("phrase", "salt", "cost", "begins"),
    [  # RFC 7914, section 12, cut to our 32 bytes
        ("password", b"NaCl", Cost(1024, 8, 16),
         "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"),
        ("pleaseletmein", b"SodiumChloride", Cost(16384, 8, 1),
         "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"),
    ],
)  # fmt: skip
def test_a_phrase_is_derived_by_scrypt(phrase: str, salt: bytes, cost: Cost, begins: str) -> None:
    assert derive(phrase, salt, cost).hex() == begins


def test_the_cost_is_what_owasp_gives_for_scrypt() -> None:
    assert (envelope.COST.n, envelope.COST.r, envelope.COST.p) == (2**17, 8, 1)


@pytest.mark.parametrize(
    "cost",
    [(0, 8, 1), (1, 8, 1), (1000, 8, 1), (1 << 24, 8, 1), (16, 0, 1), (16, 8, 17), (16, 8, 0)],
)
def test_a_cost_that_was_made_to_harm_is_refused(cost: tuple[int, int, int]) -> None:
    with pytest.raises(GalleryFormatError, match="restore a backup"):
        Cost(*cost)


def test_what_a_value_belongs_to_is_written_so() -> None:
    assert about("template", 7, "ab", None, 0.5, "é") == (
        b"8:template,1:7,2:ab,-,16:3fe0000000000000,2:\xc3\xa9,"
    )
    assert about("x", -0.0) == about("x", 0.0)  # SQLite gives back the latter


FIELDS = st.lists(
    st.one_of(st.none(), st.text(max_size=8), st.integers(), st.floats(allow_nan=False)), max_size=5
)


@given(FIELDS, FIELDS)
def test_other_fields_give_other_bytes(one: list[object], other: list[object]) -> None:
    def shown(values: list[object]) -> list[object]:
        # A number and its digits as text stand for one another; columns have one type each.
        return [
            str(v) if isinstance(v, int) else (v + 0.0).hex() if isinstance(v, float) else v
            for v in values
        ]

    if any(isinstance(v, float) for v in one + other):
        assert about("x", *one) == about("x", *one)  # type: ignore[arg-type]
        return
    same = about("x", *one) == about("x", *other)  # type: ignore[arg-type]
    assert same == (shown(one) == shown(other))


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_was_sealed_opens(plain: bytes, of: bytes) -> None:
    cipher = Cipher(bytes(32))
    sealed = cipher.seal(plain, of)
    assert len(sealed) == len(plain) + envelope.OVERHEAD
    assert cipher.unseal(sealed, of) == plain
    assert sealed != cipher.seal(plain, of)  # another nonce


@given(st.binary(min_size=1, max_size=64), st.data())
def test_one_changed_bit_is_found(plain: bytes, data: st.DataObject) -> None:
    cipher = Cipher(bytes(range(32)))
    sealed = bytearray(cipher.seal(plain, b"here"))
    place = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[place // 8] ^= 1 << place % 8
    with pytest.raises(TagError):
        cipher.unseal(bytes(sealed), b"here")


def test_another_key_place_or_length_does_not_open() -> None:
    sealed = Cipher(bytes(32)).seal(b"abc", b"here")
    for key, value, of in (
        (bytes(range(32)), sealed, b"here"),
        (bytes(32), sealed, b"there"),
        (bytes(32), sealed[:-1], b"here"),
        (bytes(32), sealed[:27], b"here"),
        (bytes(32), b"", b"here"),
    ):
        with pytest.raises(TagError):
            Cipher(key).unseal(value, of)
