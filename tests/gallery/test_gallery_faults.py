"""What fails in the middle of any call that writes: it raises, and the gallery is as it was."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import os
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from maskwise.errors import GalleryError, StorageError
from maskwise.gallery import Consent, Gallery, NewReference, files, indexing, open_gallery, readonly
from maskwise.gallery.encryption.keys import FileKey
from maskwise.gallery.encryption.vault import Vault, VaultConnection
from maskwise.gallery.index import file as index_file
from maskwise.gallery.sqlite import SqliteGallery
from maskwise.testing.enrolments import REAL, kept_face, reference, unit_vectors, virtual
from maskwise.testing.gallery_contract.moving import contents
from maskwise.types import NO_MASK

LONG_AGO = "2001-01-31T00:00:00.000+00:00"
WEARS = (NO_MASK, virtual("n95"), REAL)
VECTORS = unit_vectors(60)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.db"


def photo(number: int, *, kept: bool = False, more: int = 1) -> NewReference:
    """More templates of one photo take more pages."""
    given = [(virtual(f"m{i}"), v) for i, v in enumerate(VECTORS[: more - 1])]
    of = [(WEARS[number % 3], VECTORS[number]), *given]
    return reference(f"{number}.jpg", of, kept=kept_face(1) if kept else None)


def fill(gallery: Gallery) -> None:
    for number, name in enumerate(("Ann", "Bob", "Cid", "Dot")):
        new = [photo(3 * number + n, kept=n == 1) for n in range(3)]
        gallery.enrol(name, new)
    gallery.set_consent("Dot", Consent("form 1", LONG_AGO))
    gallery.set_retention_days(9000)


def elsewhere(gallery: Gallery) -> list[Any]:
    """References that another gallery exported."""
    with open_gallery(None) as other:
        other.enrol("Eve", [photo(20), photo(21, kept=True)])
        return list(other.export())


def re_encode(gallery: Gallery) -> None:
    records = list(gallery.export())
    gallery.replace_templates(
        "encoder-b/1",
        [
            (
                r.reference_id,
                replace(
                    r.photo,
                    templates=[replace(t, encoder_id="encoder-b/1") for t in r.photo.templates],
                ),
            )
            for r in records
        ],
    )


Act = Callable[[Gallery], object]
ACTS: dict[str, Act] = {
    "enrol": lambda g: g.enrol("Eve", [photo(30, kept=True), photo(31)]),
    "enrol again": lambda g: g.enrol(
        "Ann", [replace(photo(0, kept=True), consent=Consent("form 2"))]
    ),
    "enrol all": lambda g: g.enrol_all([("Ann", [photo(32)]), ("Eve", [photo(33)])]),
    "rename": lambda g: g.rename("Ann", "Anna"),
    "merge": lambda g: g.merge("Bob", "Ann"),
    "delete": lambda g: g.delete("Cid"),
    "restore": lambda g: g.restore(elsewhere(g)),
    "re-encode": re_encode,
    "consent": lambda g: g.set_consent("Bob", Consent("form 3", LONG_AGO)),
    "retention": lambda g: g.set_retention_days(30),
    "delete due": lambda g: g.delete_due(g.due()[0].subject_id),
    "record": lambda g: g.record("delete-copies", details={"copies": 2}),
}
acts = pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)


def seen(gallery: Gallery) -> tuple[object, ...]:
    """All that a gallery answers."""
    names = [p.subject for p in gallery.people()]
    found = [
        [(c.subject, c.subject_id, c.reference_id, round(c.score, 5)) for c in row]
        for wear in ("bare", "masked")
        for row in gallery.search(VECTORS[:3], wear=wear, top=3)  # type: ignore[arg-type]
    ]
    return (
        contents(gallery),
        [gallery.show(name) for name in names],
        gallery.size(),
        gallery.audit_log(),
        gallery.retention_days,
        found,
    )


def refusal(act: Act, gallery: Gallery) -> str | None:
    """What the error says; None when it was done."""
    try:
        act(gallery)
    except StorageError as error:
        return str(error)
    return None


def sound(gallery: Gallery) -> None:
    assert gallery.integrity_check() == []
    assert gallery.verify_audit().faults == ()


class Breaking(VaultConnection):
    """It fails at a statement: with ``left`` 0 at the next one; then ``left`` is below 0."""

    left, count, error = 10**9, 0, ""

    def _step(self) -> None:
        self.count += 1
        self.left -= 1
        if self.left == -1:
            raise sqlite3.OperationalError(self.error)

    def execute(self, *arguments: Any) -> sqlite3.Cursor:
        self._step()
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:
        self._step()
        return super().executemany(*arguments)


@contextlib.contextmanager
def breaking(path: Path, error: str, key: FileKey | None) -> Iterator[tuple[Gallery, Breaking]]:
    with open_gallery(path, key=key) as gallery:
        fill(gallery)
    wire = sqlite3.connect(path, isolation_level=None, factory=Breaking)
    files._configure(wire)
    vault = Vault(str(path), key)
    vault.prepare(wire)
    vault.look(wire)
    wire.error = error
    with SqliteGallery(wire, path) as gallery:
        yield gallery, wire


def fail_everywhere(path: Path, act: Act, error: str, key: FileKey | None = None) -> None:
    with breaking(path, error, key) as (gallery, wire):
        before = seen(gallery)
        for number in range(1000):
            wire.left, wire.count = number, 0
            refused = refusal(act, gallery)
            failed, wire.left = wire.left < 0, 10**9
            if refused is not None:
                assert error in refused
                assert seen(gallery) == before, number
                sound(gallery)
                continue
            # It was done: nothing failed, or only what comes after (emptying the log).
            assert number > 3
            assert not failed or number >= wire.count - 4
            break
        assert gallery.audit_log() != before[3]
        sound(gallery)
        after = seen(gallery)
    with open_gallery(path, create=False, key=key) as again:
        assert seen(again) == after


@acts
def test_an_io_error_at_any_statement(path: Path, act: Act) -> None:
    fail_everywhere(path, act, "disk I/O error")


@acts
def test_an_io_error_at_any_statement_of_an_encrypted_gallery(path: Path, act: Act) -> None:
    pytest.importorskip("cryptography")
    fail_everywhere(path, act, "disk I/O error", FileKey(bytes(range(32))))


@acts
def test_an_io_error_at_any_statement_beside_an_index(
    path: Path, act: Act, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr("maskwise.gallery.indexing.LEAST", 1)
    monkeypatch.setattr("maskwise.gallery.filed._WAIT_S", 0)
    fail_everywhere(path, act, "database or disk is full")


@acts
def test_a_full_disk(path: Path, act: Act) -> None:
    """However many pages are left."""
    with SqliteGallery.open(path) as gallery:
        fill(gallery)
        gallery._connection.execute("VACUUM")  # no free page left
        before, done = seen(gallery), False
        for more in (0, 1, 2, 4, 8, 64):
            pages = gallery._connection.execute("PRAGMA page_count").fetchone()[0]
            gallery._connection.execute(f"PRAGMA max_page_count = {pages + more}")
            refused = refusal(act, gallery)
            done = refused is None
            if refused is None:
                break
            assert "free some disk space" in refused
            assert seen(gallery) == before
            sound(gallery)
        assert done
        sound(gallery)


def _may_not_grow(path: str, name: str) -> None:
    import resource

    plenty = resource.getrlimit(resource.RLIMIT_FSIZE)
    act, failed = ACTS[name], 0
    with open_gallery(path) as gallery:
        before = seen(gallery)
        log = Path(f"{path}-wal")
        for more in (0, 1, 5000, 20_000, 60_000, 10**7):
            limit = max(log.stat().st_size, 4096) + more
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, plenty[1]))
            refused = refusal(act, gallery)
            resource.setrlimit(resource.RLIMIT_FSIZE, plenty)
            if refused is None:
                break
            failed += 1
            assert path in refused
            assert "space" in refused
            assert seen(gallery) == before, more
            sound(gallery)
        assert failed, "nothing was ever refused"
        assert seen(gallery) != before
        sound(gallery)


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on file sizes")
@pytest.mark.parametrize("name", ["enrol", "delete", "merge", "restore", "re-encode", "rename"])
def test_a_log_that_may_not_grow(path: Path, name: str) -> None:
    with open_gallery(path) as gallery:
        fill(gallery)
    child = multiprocessing.get_context("spawn").Process(
        target=_may_not_grow, args=(str(path), name)
    )
    child.start()
    child.join()
    assert child.exitcode == 0
    with open_gallery(path, create=False) as gallery:
        sound(gallery)


def _hold(path: str, held: Any, done: Any) -> None:
    with SqliteGallery.open(Path(path)) as gallery, gallery._writing():
        held.set()
        done.wait()


def test_another_process_that_holds_the_write_lock(path: Path) -> None:
    with SqliteGallery.open(path, busy_timeout_s=0.02) as gallery:
        fill(gallery)
        before = seen(gallery)
        context = multiprocessing.get_context("spawn")
        held, done = context.Event(), context.Event()
        holder = context.Process(target=_hold, args=(str(path), held, done))
        holder.start()
        try:
            assert held.wait(60)
            for act in ACTS.values():
                with pytest.raises(StorageError, match="wait for it or end it") as caught:
                    act(gallery)
                assert str(path) in str(caught.value)
            assert seen(gallery) == before  # readers wait for nobody
        finally:
            done.set()
            holder.join()
        sound(gallery)
        ACTS["rename"](gallery)


def test_a_gallery_that_may_only_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_gallery(path) as gallery:
        fill(gallery)
        before = seen(gallery)
    data = path.read_bytes()
    monkeypatch.setattr(readonly, "may_write", lambda _: False)
    with open_gallery(path) as gallery:
        for act in ACTS.values():
            with pytest.raises(StorageError, match="searched and not changed"):
                act(gallery)
        assert seen(gallery) == before
        sound(gallery)
    assert path.read_bytes() == data


@pytest.mark.skipif(os.name != "posix", reason="elsewhere an open file stays where it is")
@pytest.mark.parametrize("happens", ["deleted", "moved", "replaced"])
def test_a_file_that_is_no_longer_there(path: Path, happens: str) -> None:
    """What is enrolled into a file without a name would be gone with the process."""
    other = path.with_name("other.db")
    with open_gallery(other) as gallery:
        fill(gallery)
    with open_gallery(path) as gallery:
        fill(gallery)
        if happens == "deleted":
            path.unlink()
        elif happens == "moved":
            path.rename(path.with_name("elsewhere.db"))
        else:
            other.replace(path)
        for act in (*ACTS.values(), lambda g: g.size()):
            with pytest.raises(StorageError, match="open the gallery again") as caught:
                act(gallery)
            assert str(path) in str(caught.value)
    assert path.exists() == (happens == "replaced")


class TestWhileAnIndexIsMade:
    """Its file is written when somebody searches; the search must not suffer."""

    @pytest.fixture(autouse=True)
    def indexed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("faiss")
        monkeypatch.setattr("maskwise.gallery.indexing.LEAST", 1)
        monkeypatch.setattr("maskwise.gallery.filed._WAIT_S", 0)

    @pytest.mark.parametrize("at", range(0, 11, 2))
    def test_a_full_disk_leaves_it_in_memory(
        self, path: Path, at: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch, open_gallery(path) as gallery:
            patch.setattr("maskwise.gallery.indexing.LEAST", 10**9)
            fill(gallery)
            wanted = seen(gallery)
        real, left = index_file._checks, [at]

        def full(data: memoryview) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(data)

        with monkeypatch.context() as patch, open_gallery(path) as gallery:
            patch.setattr(index_file, "_checks", full)
            assert seen(gallery) == wanted
            assert indexing.place_beside(path).exists() == (left[0] >= 0)
            assert list(path.parent.glob(".*")) == []
            for act in (ACTS["delete"], ACTS["enrol"]):
                act(gallery)
            sound(gallery)
            after = seen(gallery)
        with open_gallery(path) as gallery:
            assert seen(gallery) == after

    def test_a_search_that_is_interrupted_leaves_no_draft(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: object) -> Any:
            raise KeyboardInterrupt

        with open_gallery(path) as gallery:
            fill(gallery)
            with monkeypatch.context() as patch:
                patch.setattr(index_file, "_checks", interrupted)
                with pytest.raises(KeyboardInterrupt):
                    seen(gallery)
            assert list(path.parent.glob(".*")) == []
            wanted = seen(gallery)
            sound(gallery)
            assert seen(gallery) == wanted

    def test_a_lock_that_is_held_leaves_it_in_memory(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(indexing, "_LOCK_TIMEOUT_S", 0.02)
        with open_gallery(path) as gallery, SqliteGallery.open(path) as other:
            fill(gallery)
            with other._writing():
                during = seen(gallery)
            assert not indexing.place_beside(path).exists()
            assert seen(gallery) == during


def test_errors_are_of_our_tree() -> None:
    assert issubclass(StorageError, GalleryError)
