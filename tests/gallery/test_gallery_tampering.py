"""What was changed behind a gallery's back is found, or docs/gallery-format.md says it is not."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwise.errors import GalleryError, MaskwiseError
from maskwise.gallery import Consent, Gallery, export_file, indexing, open_gallery
from maskwise.testing.enrolments import REAL, kept_face, reference, unit_vectors, virtual
from maskwise.testing.gallery_contract.moving import contents
from maskwise.types import NO_MASK

VECTORS = unit_vectors(40)
TRIGGERS = "audit_appended", "audit_updated", "audit_deleted"


def fill(gallery: Gallery) -> None:
    """Rows 1 to 3 are Ann's, 4 to 6 Bob's, 10 to 12 Dot's; Cid was deleted."""
    for number, name in enumerate(("Ann", "Bob", "Cid", "Dot")):
        photos = [
            reference(
                f"{3 * number + n}.jpg",
                [((NO_MASK, virtual("n95"), REAL)[n], VECTORS[3 * number + n])],
                kept=kept_face(1) if number == n == 1 else None,
            )
            for n in range(3)
        ]
        gallery.enrol(name, photos)
    gallery.set_consent("Dot", Consent("form 1", "2099-01-31T00:00:00.000+00:00"))
    gallery.set_retention_days(9000)
    gallery.rename("Ann", "Anna")
    gallery.delete("Cid")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a gallery with something in every table."""
    path = tmp_path_factory.mktemp("made") / "people.db"
    with open_gallery(path) as gallery:
        fill(gallery)
    return path.read_bytes()


@pytest.fixture
def path(made: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "people.db"
    path.write_bytes(made)
    return path


def tamper(path: Path, *statements: str) -> list[str]:
    """Run SQL by another program; what the check then says."""
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)
    with open_gallery(path, create=False) as gallery:
        found = gallery.integrity_check()
        log = gallery.verify_audit().faults
    assert {f"audit log: {fault}" for fault in log} <= set(found)
    return found


def test_untouched_it_is_sound(path: Path) -> None:
    assert tamper(path) == []


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        # A value changed.
        ("UPDATE subject SET uid = replace(uid, 'a', 'b') || ''", "no entry tells of"),
        ("UPDATE subject SET uid = upper(uid)", "not a stored uid"),
        ("UPDATE subject SET name = x'ff' WHERE id = 1", "subject 1: not a stored text"),
        ("UPDATE subject SET consent = x'c3' WHERE id = 4", "subject 4: not a stored text"),
        ("UPDATE subject SET created_at = 'once' WHERE id = 1", "subject 1: not a stored created"),
        ("UPDATE subject SET expires_at = '2099' WHERE id = 4", "subject 4: not a stored expires"),
        ("UPDATE reference SET uid = 'x' || substr(uid, 2)", "reference 1: not a stored uid"),
        ("UPDATE reference SET photo_sha256 = upper(photo_sha256)", "not a stored photo_sha256"),
        ("UPDATE reference SET created_at = x'ff' WHERE id = 1", "reference 1: not a stored crea"),
        ("UPDATE reference SET box = '[1,2,3]' WHERE id = 1", "reference 1: not a stored box"),
        ("UPDATE reference SET box = '1' WHERE id = 1", "reference 1: not a stored list"),
        ("UPDATE reference SET masks = '[' WHERE id = 1", "reference 1: not a stored list"),
        ("UPDATE template SET created_at = '' WHERE id = 1", "template 1: not a stored created_at"),
        ("UPDATE template SET quality = 1.5 WHERE id = 1", "template 1: not a stored quality"),
        ("UPDATE template SET quality = 'x' WHERE id = 1", "template 1: not a stored quality"),
        ("UPDATE template SET mask_spec = '{}' WHERE id = 2", "template 2: not a stored wear"),
        ("UPDATE template SET vector = zeroblob(64) WHERE id = 1", "template 1 has a length of 0"),
        ("UPDATE template SET vector = x'00' WHERE id = 1", "template 1 has 1 bytes"),
        ("UPDATE encoder SET dim = 17", "where 17 numbers take 68"),
        ("UPDATE kept_face SET face = substr(face, 2)", "reference 5:"),
        ("UPDATE setting SET value = 'x' WHERE key = 'removals'", "setting removals"),
        ("UPDATE setting SET value = 0 WHERE key = 'retention_days'", "setting retention_days"),
        # Rows that went, came or moved.
        ("DELETE FROM subject WHERE id = 1", "is not in the gallery, and no entry tells"),
        ("DELETE FROM reference WHERE id = 1", "template 1 belongs to a reference that is not"),
        ("DELETE FROM template WHERE id = 1", "reference 1 has no template"),
        ("DELETE FROM encoder", "belongs to a encoder that is not there"),
        ("UPDATE template SET reference_id = 2 WHERE id = 1", "reference 1 has no template"),
        ("UPDATE reference SET subject_id = 9 WHERE id = 1", "a subject that is not there"),
        ("UPDATE reference SET subject_id = 2 WHERE subject_id = 1", "subject 1 has no reference"),
        (
            "INSERT INTO subject (uid, name, created_at)"
            " SELECT printf('%032d', 7), x'45', created_at FROM subject WHERE id = 1",
            "is in the gallery, and no entry tells of it",
        ),
    ],
)
def test_a_changed_row_is_found(path: Path, statement: str, sentence: str) -> None:
    assert any(sentence in fault for fault in tamper(path, statement))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET actor = 'somebody else' WHERE seq = 3",
        "UPDATE audit SET at = '2020' || substr(at, 5) WHERE seq = 3",
        "UPDATE audit SET details = '{}' WHERE seq = 3",
        "UPDATE audit SET subject = NULL WHERE seq = 3",
        "UPDATE audit SET action = 'rename' WHERE seq = 3",
        "UPDATE audit SET hash = lower(hex(randomblob(32))) WHERE seq = 3",
        "UPDATE audit SET seq = 99 WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 3",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE action = 'enrol'",
    ],
)
def test_a_changed_log_is_found(path: Path, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        tamper(path, statement)
    triggers = "SELECT sql FROM sqlite_master WHERE name = ?"
    connection = sqlite3.connect(path)
    again = [connection.execute(triggers, (name,)).fetchone()[0] for name in TRIGGERS]
    connection.close()
    drop = [f"DROP TRIGGER {name}" for name in TRIGGERS]
    assert any(f.startswith("audit log: ") for f in tamper(path, *drop, statement, *again))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE template SET vector = (SELECT vector FROM template WHERE id = 1) WHERE id = 4",
        "UPDATE template SET wear = 'unknown' WHERE id = 1",
        "UPDATE reference SET subject_id = 2 WHERE id = 1",
        "UPDATE reference SET source = x'41' WHERE id = 1",
        "UPDATE subject SET name = x'45' WHERE id = 1",
        "UPDATE subject SET consent = NULL, expires_at = NULL",
        "UPDATE setting SET value = 1 WHERE key = 'retention_days'",
        "DELETE FROM kept_face",
    ],
)
def test_what_looks_sound_is_not_found(path: Path, statement: str) -> None:
    """docs/gallery-format.md says so; a gallery that is encrypted knows of its templates."""
    assert tamper(path, statement) == []


READS: dict[str, Callable[[Gallery], Any]] = {
    "check": lambda g: g.integrity_check(),
    "verify": lambda g: g.verify_audit(),
    "log": lambda g: g.audit_log(),
    "people": lambda g: [g.show(p.subject) for p in g.people()],
    "stats": lambda g: g.stats(),
    "export": lambda g: list(g.export()),
    "search": lambda g: g.search(VECTORS[:2], wear="bare", top=9),
    "due": lambda g: (g.due(), g.retention_days),
}


shares = st.floats(0, 1, exclude_max=True)
masks = st.integers(1, 255)


def flipped(content: bytes, share: float, mask: int) -> bytes:
    """share: how far into it, 0 to 1."""
    changed = bytearray(content)
    changed[int(share * len(changed))] ^= mask
    return bytes(changed)


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@settings(max_examples=25)
@given(flips=st.lists(st.tuples(shares, masks), min_size=1, max_size=5))
def test_any_flipped_bytes_are_errors_of_ours_or_none(
    made: bytes, tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[float, int]]
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "people.db"
    content = bytearray(made)
    held = [at for at, byte in enumerate(made) if byte]
    for share, mask in flips:
        content[held[int(share * len(held))]] ^= mask
    path.write_bytes(content)
    try:
        gallery = open_gallery(path, create=False)
    except GalleryError:
        return
    with gallery:
        for read in READS.values():
            with contextlib.suppress(MaskwiseError):
                read(gallery)


@pytest.fixture(scope="module")
def exported(made: bytes, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("exported")
    (folder / "people.db").write_bytes(made)
    with open_gallery(folder / "people.db") as gallery:
        export_file.export(gallery, folder / "people.jsonl")
    return (folder / "people.jsonl").read_bytes()


@settings(max_examples=60)
@given(share=shares, mask=masks)
def test_any_flipped_byte_of_an_export_is_found(
    exported: bytes, tmp_path_factory: pytest.TempPathFactory, share: float, mask: int
) -> None:
    path = tmp_path_factory.mktemp("export") / "changed.jsonl"
    path.write_bytes(flipped(exported, share, mask))
    with open_gallery(None) as target:
        with pytest.raises(MaskwiseError, match=r"changed\.jsonl"):
            target.restore(export_file.read(path))
        assert contents(target) == []


def test_a_line_of_an_export_that_was_changed_with_care_is_found(path: Path) -> None:
    """By who does not know of the last line."""
    with open_gallery(path) as gallery:
        export_file.export(gallery, path.with_suffix(".jsonl"))
    lines = path.with_suffix(".jsonl").read_text("ascii").splitlines()
    row = json.loads(lines[2])
    row["subject"] = "Eve"
    lines[2] = json.dumps(row, separators=(",", ":"))
    path.with_suffix(".jsonl").write_text("\n".join(lines) + "\n", "ascii")
    with pytest.raises(MaskwiseError, match="the sha256 does not hold"):
        export_file.count(path.with_suffix(".jsonl"))


@pytest.fixture(scope="module")
def indexed(made: bytes, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Any]:
    """The bytes of an index, and the answers that searches owe."""
    pytest.importorskip("faiss")
    path = tmp_path_factory.mktemp("indexed") / "people.db"
    path.write_bytes(made)
    with pytest.MonkeyPatch.context() as patch, open_gallery(path) as gallery:
        patch.setattr("maskwise.gallery.indexing.LEAST", 1)
        wanted = answers(gallery)
    return indexing.place_beside(path).read_bytes(), wanted


def answers(gallery: Gallery) -> Any:
    return [gallery.search(VECTORS, wear=w, top=3) for w in ("bare", "masked")]  # type: ignore[arg-type]


@settings(max_examples=40)
@given(flip=st.tuples(shares, masks), section=st.booleans())
def test_any_flipped_byte_of_an_index_is_found(
    made: bytes,
    indexed: tuple[bytes, Any],
    tmp_path_factory: pytest.TempPathFactory,
    flip: tuple[float, int],
    section: bool,
) -> None:
    path = tmp_path_factory.mktemp("flipped") / "people.db"
    path.write_bytes(made)
    before, wanted = indexed
    first = 8192 if section else 0  # else it would nearly always be the head
    content = before[:first] + flipped(before[first:], *flip)
    place = indexing.place_beside(path)
    place.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch, open_gallery(path) as gallery:
        patch.setattr("maskwise.gallery.indexing.LEAST", 1)
        patch.setattr("maskwise.gallery.filed._WAIT_S", 0)
        assert answers(gallery) == wanted
    # It was made anew: nothing of the damaged one is left.
    assert place.read_bytes() != content
