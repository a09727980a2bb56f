"""An encrypted gallery keeps the contract, hides what it should, and finds what was changed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskwise.errors import (
    ConfigurationError,
    GalleryFormatError,
    GalleryKeyError,
    MaskwiseError,
)
from maskwise.gallery import Gallery, indexing, open_gallery
from maskwise.gallery.backup import backup
from maskwise.gallery.encryption import care, envelope, keys
from maskwise.gallery.encryption.envelope import Cost
from maskwise.gallery.encryption.keys import FileKey, OwnerKey, PassPhrase
from maskwise.testing.enrolments import kept_face, reference, unit_vectors, virtual
from maskwise.testing.gallery_contract import GalleryContract
from maskwise.types import NO_MASK

KEY = FileKey(bytes(range(32)))
OTHER = FileKey(bytes(32))
ONE, TWO, FACE = unit_vectors(3, 64, seed=5)[:, :64]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "COST", Cost(16, 8, 1))
    for name in (keys.FILE_VARIABLE, keys.NAME_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.sqlite3"


class TestEncrypted(GalleryContract):
    @pytest.fixture
    def connect(self, path: Path) -> Iterator[Callable[[], Gallery]]:
        opened: list[Gallery] = []

        def connect() -> Gallery:
            opened.append(open_gallery(path, key=KEY))
            return opened[-1]

        yield connect
        for gallery in opened:
            gallery.close()


def fill(path: Path, key: OwnerKey | None = None) -> None:
    with open_gallery(path, key=key) as gallery:
        for name, face in (("Ann", ONE), ("Bob", TWO)):
            photo = reference(
                f"{name}.jpg", [(NO_MASK, face), (virtual(), FACE)], kept=kept_face(len(name))
            )
            gallery.enrol(name, [photo])


def change(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def everything(gallery: Gallery) -> list[tuple[object, ...]]:
    return [
        (r.subject, r.reference_id, r.photo.kept, [t.vector.tobytes() for t in r.photo.templates])
        for r in gallery.export()
    ]


def encrypt(path: Path, key: OwnerKey = KEY) -> care.Changed:
    with open_gallery(path, create=False, key=None) as gallery:
        assert gallery.encryption is not None
        return gallery.encryption.encrypt(key)


def in_files(path: Path) -> list[str]:
    """Which of the secrets stand in clear in a file of the folder."""
    secrets = {
        "one": ONE.tobytes()[:32],
        "two": TWO.tobytes()[:32],
        "drawn": FACE.tobytes()[:32],
        "face": kept_face(3)[100:132],
    }
    files = b"".join(p.read_bytes() for p in sorted(path.parent.iterdir()))
    return [name for name, secret in secrets.items() if secret in files]


def test_encrypting_leaves_nothing_in_clear(path: Path) -> None:
    with open_gallery(path, key=None) as reader:  # keeps -wal and -shm there
        fill(path)
        (path.parent / f"{path.name}.index").write_bytes(ONE.tobytes())
        before = everything(reader)
        assert in_files(path) == ["one", "two", "drawn", "face"]
        done = encrypt(path)
        assert (done.templates, done.faces, done.wiped) == (4, 2, True)
        assert sorted(p.name for p in path.parent.iterdir()) == [
            path.name, f"{path.name}-shm", f"{path.name}-wal",
        ]  # fmt: skip
        assert in_files(path) == []
        with pytest.raises(GalleryKeyError):
            reader.size()
    with open_gallery(path, create=False, key=KEY) as gallery:
        assert everything(gallery) == before
        assert gallery.integrity_check() == []
        assert gallery.stats().data_key == done.data_key
        assert gallery.search_index is None
        (found,) = gallery.search(ONE[None], wear="bare", top=1)
        assert found[0].subject == "Ann"
        entry = gallery.audit_log()[-1]
        assert (entry.action, entry.details["key"]) == ("encrypt", done.data_key)
        gallery.enrol("Cid", [reference("c.jpg", [(NO_MASK, ONE)], kept=kept_face(3))])
        assert in_files(path) == []


def test_a_gallery_that_is_made_with_a_key_is_encrypted(path: Path) -> None:
    fill(path, KEY)
    assert in_files(path) == []
    with open_gallery(path, key=KEY) as gallery:
        assert len(everything(gallery)) == 2
        assert gallery.integrity_check() == []


def test_an_encrypted_gallery_makes_no_index(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexing, "LEAST", 1)
    fill(path, KEY)
    with open_gallery(path, key=KEY) as gallery:
        assert gallery.search(ONE[None], wear="bare", top=1)[0][0].subject == "Ann"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_what_a_search_had_in_a_file_is_let_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(indexing, "LEAST", 1)
    fill(path)
    index = path.with_name(f"{path.name}.index")
    with open_gallery(path, key=None) as gallery:
        assert gallery.search(ONE[None], wear="bare", top=1)[0][0].subject == "Ann"
        assert index.exists()
        assert gallery.encryption is not None
        assert gallery.encryption.encrypt(KEY).wiped
        assert not index.exists()
        assert gallery.search(ONE[None], wear="bare", top=1)[0][0].subject == "Ann"
        assert not index.exists()
        assert not gallery._loaded.filed_is_used  # type: ignore[attr-defined]
        gallery.encryption.decrypt()
        assert gallery.search(ONE[None], wear="bare", top=1)[0][0].subject == "Ann"
        assert index.exists()


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (None, "is encrypted, and opens with the key file .*--key-file FILE"),
        (OTHER, "opens with the key file .*, not with the key file"),
        (PassPhrase("not this, I am afraid"), "not with the pass phrase that was given"),
    ],
)
def test_a_wrong_or_missing_key_changes_nothing(
    path: Path, key: OwnerKey | None, message: str
) -> None:
    fill(path, KEY)
    before = path.read_bytes()
    with pytest.raises(GalleryKeyError, match=message) as caught:
        open_gallery(path, key=key)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


def test_a_key_for_a_gallery_in_clear(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fill(path)
    with pytest.raises(GalleryKeyError, match="is not encrypted, and a key was given"):
        open_gallery(path, key=KEY)
    monkeypatch.setenv(keys.NAME_VARIABLE, "STAFF")
    monkeypatch.setenv("STAFF", "five random words in a row")
    with open_gallery(path) as gallery:
        assert gallery.key is None
    assert "is not encrypted, though" in caplog.text
    for where in (None, "postgresql://user@nowhere.invalid/db"):
        with pytest.raises(ConfigurationError, match="not encrypted by maskwise"):
            open_gallery(where, key=KEY)


def test_the_environment_opens_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.NAME_VARIABLE, "STAFF")
    monkeypatch.setenv("STAFF", "five random words in a row")
    with open_gallery(path) as gallery:
        assert gallery.key is not None
    monkeypatch.setenv("STAFF", "five other words in a row")
    with pytest.raises(GalleryKeyError):
        open_gallery(path)


@pytest.mark.parametrize("place", [0, 11, 12, 100, 267, 268, 283])
def test_a_flipped_byte_is_named(path: Path, place: int) -> None:
    fill(path, KEY)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        (blob,) = connection.execute("SELECT vector FROM template WHERE id = 1").fetchone()
        assert len(blob) == 12 + 256 + 16
        flipped = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
        connection.execute("UPDATE template SET vector = ? WHERE id = 1", (flipped,))
        connection.commit()
    expect_named(path, "template 1 was changed, or moved here")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE template SET wear = 'real' WHERE id = 1", "template 1 was changed"),
        ("UPDATE template SET mask_type = 'n95' WHERE id = 1", "template 1 was changed"),
        ("UPDATE template SET quality = 0.5 WHERE id = 1", "template 1 was changed"),
        ("UPDATE template SET created_at = '' WHERE id = 1", "template 1 was changed"),
        ("UPDATE template SET mask_spec = replace(mask_spec, 'surgical', 'n95') WHERE id = 2",
         "template 2 was changed"),
        ("UPDATE template SET id = 99 WHERE id = 1", "template 99 was changed"),
        ("UPDATE template SET reference_id = 2 WHERE id = 1", "template 1 was changed"),
        ("UPDATE template SET key_id = NULL WHERE id = 1", "template 1 is in clear"),
        ("UPDATE template SET key_id = 7 WHERE id = 1", "template 1 is sealed by a data key, 7"),
        ("UPDATE template SET vector = x'00' WHERE id = 1", "template 1 was changed"),
        ("UPDATE template SET vector = (SELECT o.vector FROM template o WHERE o.id = 4 -"
         " template.id) WHERE id IN (1, 3)", "template 1 was changed"),
        ("UPDATE encoder SET name = 'another'", "template 1 was changed"),
        (f"UPDATE reference SET uid = '{'0' * 32}' WHERE id = 1", "template 1 was changed"),
        (f"UPDATE subject SET uid = '{'0' * 32}' WHERE id = 1", "template 1 was changed"),
        ("UPDATE reference SET subject_id = 2 WHERE id = 1", "template 1 was changed"),
        ("UPDATE kept_face SET face = zeroblob(100) WHERE reference_id = 1",
         "the kept face of"),
        ("UPDATE kept_face SET key_id = NULL WHERE reference_id = 1", "the kept face of"),
    ],
)  # fmt: skip
def test_what_was_changed_or_moved_is_named(path: Path, statement: str, named: str) -> None:
    fill(path, KEY)
    change(path, statement)
    expect_named(path, named)


def expect_named(path: Path, named: str) -> None:
    with open_gallery(path, create=False, key=KEY) as gallery:
        faults = gallery.integrity_check()
        assert any(fault.startswith(named) for fault in faults), faults
        with pytest.raises(GalleryFormatError, match="maskwise gallery check"):
            list(gallery.export())
        if named.startswith("template"):
            with pytest.raises(GalleryFormatError, match="maskwise gallery check"):
                gallery.search(ONE[None], wear="bare", top=1)
        if named.startswith("template 1"):  # every other row is looked at, too
            others = [f for f in faults if f.startswith("template")]
            assert len(others) in (1, 2, 4)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("UPDATE data_key SET wrapped = zeroblob(60)", "data key .* was changed or is damaged"),
        (f"UPDATE data_key SET uid = '{'0' * 32}'", "data key .* was changed or is damaged"),
        ("UPDATE data_key SET owner_key_id = 7", "is not there; restore a backup"),
        ("UPDATE owner_key SET fingerprint = '0123456789abcdef'", "opens with the key file 0123"),
    ],
)
def test_changed_keys_are_told(path: Path, statement: str, message: str) -> None:
    fill(path, KEY)
    change(path, statement)
    with pytest.raises(MaskwiseError, match=message):
        open_gallery(path, create=False, key=KEY)


def test_a_row_put_in_by_another_program_is_refused(path: Path) -> None:
    fill(path, KEY)
    change(
        path,
        "INSERT INTO template (reference_id, encoder_id, wear, vector, created_at)"
        " SELECT reference_id, encoder_id, 'none', zeroblob(256), created_at FROM template LIMIT 1",
    )
    expect_named(path, "template 5 is in clear in an encrypted gallery")


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 31), reason="knows no trusted_schema")
@pytest.mark.parametrize("call", ["opened_template(1, NEW.hash, 1)", "opened_face(1, NEW.hash)"])
def test_a_trigger_in_the_file_gets_nothing_opened(path: Path, call: str) -> None:
    fill(path, KEY)
    change(
        path,
        "CREATE TABLE leak (x)",
        f"CREATE TRIGGER leaks AFTER INSERT ON audit BEGIN INSERT INTO leak SELECT {call}; END",
    )
    with open_gallery(path, key=KEY) as gallery:
        with pytest.raises(MaskwiseError, match="unsafe use"):
            gallery.rename("Ann", "Eve")
        assert gallery.search(ONE[None], wear="bare", top=1)[0][0].subject == "Ann"


def test_format_5_is_opened_by_the_published_layout_alone() -> None:
    """By AES-GCM and SQL, as docs/gallery-format.md tells it."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    def unseal(key: bytes, value: bytes, *fields: object) -> bytes:
        texts = ["-," if f is None else f"{len(str(f).encode())}:{f}," for f in fields]
        return AESGCM(key).decrypt(value[:12], value[12:], "".join(texts).encode())

    here = Path(__file__).parents[1]
    with (
        contextlib.closing(sqlite3.connect(":memory:")) as sealed,
        contextlib.closing(sqlite3.connect(":memory:")) as clear,
    ):
        sealed.executescript((here / "format_5.sql").read_text("utf-8"))
        clear.executescript((here / "format_4.sql").read_text("utf-8"))
        ((row, uid, wrapped, kind, fingerprint),) = sealed.execute(
            "SELECT d.id, d.uid, d.wrapped, o.kind, o.fingerprint FROM data_key d"
            " JOIN owner_key o ON o.id = d.owner_key_id"
        ).fetchall()
        key = unseal(bytes(range(32)), wrapped, "data key", uid, kind, fingerprint)
        templates = sealed.execute(
            "SELECT t.vector, t.key_id, t.id, r.uid, s.uid, e.name, t.wear, t.mask_type,"
            " t.mask_spec, t.quality, t.created_at FROM template t"
            " JOIN reference r ON r.id = t.reference_id JOIN subject s ON s.id = r.subject_id"
            " JOIN encoder e ON e.id = t.encoder_id ORDER BY t.id"
        ).fetchall()
        wanted = clear.execute("SELECT vector FROM template ORDER BY id").fetchall()
        assert [(unseal(key, v, "template", *rest),) for v, _, *rest in templates] == wanted
        assert {key_id for _, key_id, *_ in templates} == {row}
        ((face, *uids),) = sealed.execute(
            "SELECT k.face, r.uid, s.uid FROM kept_face k"
            " JOIN reference r ON r.id = k.reference_id JOIN subject s ON s.id = r.subject_id"
        ).fetchall()
        assert unseal(key, face, "face", *uids) == b"not really a face"


def test_people_are_merged(path: Path) -> None:
    fill(path, KEY)
    with open_gallery(path, key=KEY) as gallery, open_gallery(path, key=KEY) as other:
        before = sorted((row[1:] for row in everything(gallery)), key=str)
        other.search(ONE[None], wear="bare", top=1)
        assert gallery.merge("Bob", "Ann").moved == 1
        assert sorted((row[1:] for row in everything(gallery)), key=str) == before
        assert gallery.integrity_check() == []
        assert other.search(TWO[None], wear="bare", top=1)[0][0].subject == "Ann"


def test_another_owners_key_at_once(path: Path) -> None:
    fill(path, KEY)
    phrase = PassPhrase("five random words in a row")
    with open_gallery(path, key=KEY) as service, open_gallery(path, key=KEY) as gallery:
        before = everything(gallery)
        assert gallery.encryption is not None
        old, new = gallery.encryption.change_owner(phrase)
        assert (old, new.kind) == (KEY.new_lock(), "phrase")
        # Who has it open goes on, and writes, too.
        service.enrol("Cid", [reference("c.jpg", [(NO_MASK, ONE)])])
        service.delete("Cid")
        gallery.encryption.change_owner(OTHER)
        with pytest.raises(GalleryKeyError, match="already"):
            gallery.encryption.change_owner(OTHER)
        # The first owner's key wraps no fresh data key any more.
        assert service.encryption is not None
        with pytest.raises(GalleryKeyError, match="another owner's key since"):
            service.encryption.rotate()
        gallery.encryption.change_owner(phrase)
    with pytest.raises(GalleryKeyError):
        open_gallery(path, key=KEY)
    with open_gallery(path, key=PassPhrase("five random words in a row")) as gallery:
        assert everything(gallery) == before
        assert [e.action for e in gallery.audit_log()][-1] == "change-key"


def test_a_fresh_data_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(care, "BATCH", 1)
    fill(path, KEY)
    with open_gallery(path, key=KEY) as service, open_gallery(path, key=KEY) as gallery:
        before = everything(gallery)
        service.search(ONE[None], wear="bare", top=1)
        index = service._loaded.index  # type: ignore[attr-defined]
        assert gallery.encryption is not None
        old = gallery.encryption.state()
        assert old is not None
        done = gallery.encryption.rotate()
        assert (done.templates, done.faces) == (4, 2)
        assert done.data_key != old.data_key
        assert everything(service) == everything(gallery) == before
        service.search(ONE[None], wear="bare", top=1)
        assert service._loaded.index is index  # type: ignore[attr-defined] # nothing is read anew
        now = gallery.encryption.state()
        assert now is not None
        assert (now.pending, now.data_key) == (0, done.data_key)
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM data_key").fetchone() == (1,)
        assert connection.execute("SELECT count(DISTINCT key_id) FROM template").fetchone() == (1,)


def test_an_interrupted_rotation_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(care, "BATCH", 1)
    fill(path, KEY)

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with open_gallery(path, key=KEY) as gallery:
        before = everything(gallery)
        assert gallery.encryption is not None
        with pytest.raises(KeyboardInterrupt):
            gallery.encryption.rotate(interrupt)
        half = gallery.encryption.state()
        assert half is not None
        assert half.pending == 5
        assert everything(gallery) == before
        assert gallery.integrity_check() == []
        gallery.enrol("Cid", [reference("c.jpg", [(NO_MASK, ONE)])])
        done = gallery.encryption.rotate()
        assert (done.data_key, done.templates + done.faces) == (half.data_key, 5)


def test_a_data_key_that_sealed_enough_hands_over(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(envelope, "MOST_SEALED", 5)
    fill(path, KEY)
    with open_gallery(path, key=KEY) as gallery:
        for number in range(6):
            gallery.enrol(f"p{number}", [reference(f"{number}.jpg", [(NO_MASK, ONE)])])
        assert len(everything(gallery)) == 8
        assert gallery.integrity_check() == []
    with contextlib.closing(sqlite3.connect(path)) as connection:
        used = dict(connection.execute("SELECT key_id, count(*) FROM template GROUP BY 1"))
        sealed = dict(connection.execute("SELECT id, sealed FROM data_key"))
    assert len(sealed) > 2
    assert max(sealed.values()) <= 5
    assert sum(used.values()) == 10


def test_no_nonce_comes_twice(path: Path) -> None:
    with open_gallery(path, key=KEY) as gallery:
        vectors = unit_vectors(40, 16)
        for number in range(20):
            gallery.enrol(
                f"p{number}", [reference(f"{number}.jpg", [(NO_MASK, v) for v in vectors])]
            )
        assert gallery.encryption is not None
        gallery.encryption.rotate()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        nonces = [v[:12] for (v,) in connection.execute("SELECT vector FROM template")]
    assert len(set(nonces)) == len(nonces) == 800


def test_copies_keep_the_encryption(path: Path, tmp_path: Path) -> None:
    fill(path, KEY)
    with open_gallery(path, key=KEY) as gallery:
        gallery.save_copy(tmp_path / "copy.db")
        backup(gallery, tmp_path / "backup.db")
        before = everything(gallery)
    assert in_files(path) == []
    for name in ("copy.db", "backup.db"):
        with pytest.raises(GalleryKeyError):
            open_gallery(tmp_path / name, key=None)
        with open_gallery(tmp_path / name, key=KEY) as copy:
            assert everything(copy) == before


def test_decrypting(path: Path) -> None:
    fill(path, KEY)
    with open_gallery(path, key=KEY) as gallery:
        before = everything(gallery)
        assert gallery.encryption is not None
        done = gallery.encryption.decrypt()
        assert (done.templates, done.faces) == (4, 2)
        assert gallery.key is None
        assert everything(gallery) == before
        assert gallery.audit_log()[-1].action == "decrypt"
        with pytest.raises(ConfigurationError, match="is not encrypted"):
            gallery.encryption.rotate()
        gallery.encryption.encrypt(OTHER)
        with pytest.raises(ConfigurationError, match="encrypted already"):
            gallery.encryption.encrypt(OTHER)
        assert everything(gallery) == before
    assert in_files(path) == []


def test_a_tampered_row_stops_what_would_take_it_over(path: Path) -> None:
    fill(path, KEY)
    change(path, "UPDATE template SET vector = zeroblob(284) WHERE id = 3")
    before = path.read_bytes()
    with open_gallery(path, key=KEY) as gallery:
        assert gallery.encryption is not None
        with pytest.raises(GalleryFormatError, match="template 3"):
            gallery.encryption.decrypt()
        with pytest.raises(GalleryFormatError, match="template 3"):
            gallery.encryption.rotate()
        assert gallery.key is KEY
    assert in_files(path) == []
    assert before[:16] == path.read_bytes()[:16]


def test_a_gallery_that_may_only_be_read_opens_with_its_key(path: Path) -> None:
    fill(path, KEY)
    from maskwise.gallery import readonly

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(readonly, "may_write", lambda _: False)
        with open_gallery(path, key=KEY) as gallery:
            assert len(everything(gallery)) == 2
            assert gallery.search(ONE[None], wear="bare", top=1)[0][0].subject == "Ann"
        with pytest.raises(GalleryKeyError):
            open_gallery(path, key=None)


STEP = st.sampled_from(["enrol", "enrol", "delete", "encrypt", "rotate", "own", "decrypt", "again"])


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(STEP, st.integers(0, 5)), max_size=12))
def test_any_sequence_of_changes_keeps_every_vector(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("g") / "g.db"
    rng = np.random.default_rng(len(steps))
    owners = [KEY, OTHER, PassPhrase("five random words in a row")]
    wanted: dict[str, list[bytes]] = {}
    key: OwnerKey | None = None
    gallery = open_gallery(path, key=None)
    for what, number in steps:
        name = f"p{number}"
        assert gallery.encryption is not None
        if what == "enrol" and name not in wanted:
            vectors = unit_vectors(2, 16, seed=int(rng.integers(1 << 30)))
            gallery.enrol(name, [reference(name, [(NO_MASK, vectors[0]), (virtual(), vectors[1])])])
            wanted[name] = [v.tobytes() for v in vectors]
        elif what == "delete" and name in wanted:
            gallery.delete(name)
            del wanted[name]
        elif what == "encrypt" and key is None:
            key = owners[number % 3]
            gallery.encryption.encrypt(key)
        elif what == "rotate" and key is not None:
            gallery.encryption.rotate()
        elif what == "own" and key is not None and key is not owners[number % 3]:
            key = owners[number % 3]
            gallery.encryption.change_owner(key)
        elif what == "decrypt" and key is not None:
            gallery.encryption.decrypt()
            key = None
        elif what == "again":
            gallery.close()
            gallery = open_gallery(path, create=False, key=key)
        found = {
            r.subject: [t.vector.tobytes() for t in r.photo.templates] for r in gallery.export()
        }
        assert found == wanted
        assert (gallery.key is None) == (key is None)
    assert gallery.integrity_check() == []
    gallery.close()
