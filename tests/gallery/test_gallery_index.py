"""The index beside a gallery: the contract through it, and all that can befall its file."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from maskwise.errors import InputError, SubjectError
from maskwise.gallery import Gallery, filed, indexing, open_gallery
from maskwise.gallery.index import file as index_file
from maskwise.gallery.index.codes import unpack
from maskwise.gallery.sqlite import SqliteGallery
from maskwise.testing.enrolments import REAL, reference, unit_vectors, virtual
from maskwise.testing.gallery_contract import GalleryContract
from maskwise.testing.gallery_contract.searching import SearchingContract
from maskwise.types import NO_MASK

pytest.importorskip("faiss")

DIM = 16


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "people.db"


@pytest.fixture
def index(path: Path) -> Path:
    return indexing.place_beside(path)


@pytest.fixture(autouse=True)
def from_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every gallery has an index, however small."""
    monkeypatch.setattr("maskwise.gallery.indexing.LEAST", 1)
    monkeypatch.setattr("maskwise.gallery.filed._WAIT_S", 0)


class TestThroughAnIndex(GalleryContract):
    @pytest.fixture
    def connect(self, path: Path) -> Iterator[Callable[[], Gallery]]:
        opened: list[Gallery] = []

        def connect() -> Gallery:
            opened.append(open_gallery(path))
            return opened[-1]

        yield connect
        for gallery in opened:
            gallery.close()

    def test_a_copy_is_a_gallery_of_its_own(self) -> None:
        pytest.skip("the copy, once searched, has an index beside it")


class TestMadeAnewAllTheTime(SearchingContract):
    connect = TestThroughAnIndex.connect

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("maskwise.gallery.filed._TAIL", 2)
        monkeypatch.setattr("maskwise.gallery.index.coarse._LEAST", 8)
        monkeypatch.setattr("maskwise.gallery.index.coarse._PER_PERSON", 2)


def fill(gallery: Gallery, people: int = 40, seed: int = 0) -> None:
    vectors = unit_vectors(3 * people, DIM, seed)
    gallery.enrol_all(
        (
            f"person {seed}.{n}",
            [
                reference(
                    f"{seed}.{n}",
                    list(zip((NO_MASK, virtual(), REAL), vectors[3 * n : 3 * n + 3], strict=True))[
                        : n % 3 + 1
                    ],
                )
            ],
        )
        for n in range(people)
    )


def answers(gallery: Gallery, seed: int = 99) -> list[list[tuple[str, str, float]]]:
    probes = unit_vectors(4, DIM, seed)
    return [
        [(c.subject, c.wear.label, round(c.score, 5)) for c in candidates]
        for wear in ("bare", "masked")
        for candidates in gallery.search(probes, wear=wear, top=7, other_wear_shift=-0.1)
    ]


def plainly(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[str, str, float]]]:
    """The answers without an index."""
    copy = path.with_name("copy.db")
    with open_gallery(path) as gallery:
        gallery.save_copy(copy)
    with monkeypatch.context() as patch:
        patch.setattr("maskwise.gallery.indexing.LEAST", 10**9)
        with open_gallery(copy) as gallery:
            found = answers(gallery)
    copy.unlink()
    return found


def searched(path: Path) -> list[list[tuple[str, str, float]]]:
    with open_gallery(path) as gallery:
        return answers(gallery)


@pytest.fixture
def filled(path: Path, index: Path) -> Path:
    with open_gallery(path) as gallery:
        fill(gallery)
        answers(gallery)
    assert index.exists()
    return path


def test_it_is_made_once_and_then_opened(
    filled: Path, index: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert index.stat().st_mode & 0o777 == 0o600
    before = index.read_bytes()
    caplog.clear()
    assert searched(filled) == plainly(filled, monkeypatch)
    assert caplog.text == ""
    assert index.read_bytes() == before
    # Nothing but the head is read before the first search.
    with open_gallery(filled) as gallery:
        assert isinstance(gallery, SqliteGallery)
        assert gallery._loaded.index is None


@pytest.mark.parametrize("damage", ["gone", "head", "data", "short", "empty", "other", "folder"])
def test_what_does_not_hold_is_made_anew_and_said(
    filled: Path,
    index: Path,
    damage: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = bytearray(index.read_bytes())
    index.unlink()
    if damage == "head":
        data[100] ^= 1
    elif damage == "data":
        data[index_file.HEAD + 4 * DIM * 2 + 50] ^= 1
    elif damage == "short":
        del data[-40:]
    elif damage == "other":
        data[:8] = b"SQLite f"
    elif damage == "empty":
        data.clear()
    if damage == "folder":
        index.mkdir()
    elif damage != "gone":
        index.write_bytes(data)
    caplog.clear()
    assert searched(filled) == plainly(filled, monkeypatch)
    assert "making the search index" in caplog.text
    if damage == "folder":
        assert "stays in memory" in caplog.text
    else:
        caplog.clear()
        searched(filled)
        assert caplog.text == ""


def test_another_program_deleted_somebody(
    filled: Path, index: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = sqlite3.connect(filled)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("DELETE FROM subject WHERE id = 5")
    connection.commit()
    connection.close()
    caplog.clear()
    assert searched(filled) == plainly(filled, monkeypatch)
    assert "stale" in caplog.text


def test_an_index_of_another_gallery_of_the_same_size(
    filled: Path, index: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = tmp_path / "other.db"
    with open_gallery(other) as gallery:
        fill(gallery, seed=7)
        wanted = answers(gallery)
    indexing.place_beside(other).write_bytes(index.read_bytes())
    caplog.clear()
    assert searched(other) == wanted
    assert "another gallery" in caplog.text


def rows_of(index: Path) -> dict[int, bytes]:
    """Key -> codes, read by the description of the file; what was erased has keys below 0."""
    head = index_file.read_head(index)
    data, found = index.read_bytes(), {}
    for places in head.parts.values():
        cut = {name: data[at : at + size] for name, (at, size) in places.items()}
        keys = np.frombuffer(cut["keys"], "<i8")
        packed = np.frombuffer(cut["codes"], np.uint8).reshape(-1, DIM, 16)
        for key, codes in zip(keys, unpack(packed, np.arange(len(keys)), DIM), strict=True):
            found[int(key) or -len(found) - 1] = codes.tobytes()
    return found


def test_whoever_is_deleted_leaves_the_index_at_once(
    filled: Path, index: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of(index)
    with open_gallery(filled) as gallery, open_gallery(filled) as other:
        answers(gallery)
        answers(other)
        caplog.clear()
        gallery.delete("person 0.2")
        gallery.delete("person 0.11")
        after = rows_of(index)
        gone = set(before) - set(after)
        assert len(gone) == 6
        assert sum(not any(after[k]) for k in after) == 6
        assert all(after[k] == before[k] for k in set(before) & set(after))
        names = {name for found in (*answers(gallery), *answers(other)) for name, *_ in found}
        assert not names & {"person 0.2", "person 0.11"}
        assert answers(gallery) == answers(other) == plainly(filled, monkeypatch)
    assert searched(filled) == plainly(filled, monkeypatch)
    assert "making" not in caplog.text  # nothing of it took a new index


def test_replaced_templates_leave_the_index_too(
    filled: Path, index: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_of(index)
    with open_gallery(filled) as gallery:
        caplog.clear()
        gallery.enrol("person 0.0", [reference("0.0", [(NO_MASK, unit_vectors(1, DIM, 5)[0])])])
        assert len(set(before) - set(rows_of(index))) == 1
        assert answers(gallery) == plainly(filled, monkeypatch)
    assert "making" not in caplog.text


def test_a_deletion_that_is_taken_back_leaves_answers_as_they_were(
    filled: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = searched(filled)
    with open_gallery(filled) as gallery:
        assert isinstance(gallery, SqliteGallery)

        def taken_back() -> None:
            with gallery._writing() as connection:
                connection.execute("DELETE FROM subject WHERE id < 9")
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            taken_back()
        assert answers(gallery) == wanted
    real = index_file.erase

    def killed(*arguments: object) -> int:
        real(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(indexing, "erase", killed)
    with open_gallery(filled) as gallery:
        with pytest.raises(KeyboardInterrupt):
            gallery.delete("person 0.4")
        assert gallery.size().people == 40
        assert answers(gallery) == wanted
    assert searched(filled) == wanted


def test_a_deletion_that_is_taken_back_and_another_one_as_large(
    filled: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The count of removals is then what the index says, which lacks the one who stayed."""
    real = index_file.erase

    def killed(*arguments: object) -> int:
        real(*arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with open_gallery(filled) as gallery:
        with monkeypatch.context() as patch:
            patch.setattr(indexing, "erase", killed)
            with pytest.raises(KeyboardInterrupt):
                gallery.delete("person 0.4")
        assert gallery.delete("person 0.1").templates == 2
        (probe,) = gallery.show("person 0.4").references
        (found,) = gallery.search(
            gallery.templates(probe.reference_id)[0].vector[None], wear="bare", top=1
        )
        assert found[0].subject == "person 0.4"
        assert answers(gallery) == plainly(filled, monkeypatch)


@pytest.mark.parametrize("broken", [KeyboardInterrupt, OSError])
@pytest.mark.parametrize("at", range(6))
def test_an_erasure_that_breaks_off_anywhere(
    filled: Path,
    index: Path,
    at: int,
    broken: type[BaseException],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, left = index_file._patch, [at]

    def breaks(*arguments: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise broken
        real(*arguments)  # type: ignore[arg-type]

    with open_gallery(filled) as gallery:
        answers(gallery)
        with monkeypatch.context() as patch:
            patch.setattr(index_file, "_patch", breaks)
            if broken is OSError:  # the index goes instead, and the person too
                gallery.delete("person 0.5")
                assert left[0] >= 0 or not index.exists()
            else:  # as if it had been killed: the person stays
                with pytest.raises(KeyboardInterrupt):
                    gallery.delete("person 0.5")
        assert gallery.size().people == (39 if broken is OSError else 40)
        assert answers(gallery) == plainly(filled, monkeypatch)
    assert searched(filled) == plainly(filled, monkeypatch)


def test_an_index_that_cannot_be_changed_is_wiped(
    filled: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = index.open("rb")
    data = bytearray(index.read_bytes())
    data[200] ^= 1
    index.write_bytes(data)
    with open_gallery(filled) as gallery:
        gallery.delete("person 0.4")
        assert not index.exists()
        assert held.read().strip(b"\0") == b""
        assert answers(gallery) == plainly(filled, monkeypatch)
    held.close()


def test_new_ones_are_found_until_they_are_many(
    filled: Path,
    index: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("maskwise.gallery.filed._TAIL", 50)
    build = index_file.read_head(index).build
    with open_gallery(filled) as gallery, open_gallery(filled) as other:
        answers(other)
        fill(gallery, 10, seed=1)
        assert answers(gallery) == answers(other) == plainly(filled, monkeypatch)
        assert index_file.read_head(index).build == build
        fill(gallery, 30, seed=2)
        assert answers(gallery) == plainly(filled, monkeypatch)
        assert index_file.read_head(index).build != build
        assert answers(other) == answers(gallery)
        gallery.delete("person 1.3")
        assert answers(other) == answers(gallery) == plainly(filled, monkeypatch)


def test_growing_reads_the_newer_ones_alone(
    filled: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskwise.gallery.filed._TAIL", 10)
    real, read = filed.build, []

    def counted(connection, now, step, older):
        made = real(connection, now, lambda count: read.append((count, older is None)), older)
        assert made[0].fitted == (79 if older else sum(len(p.keys) for p in made[1].values()))
        return made

    monkeypatch.setattr(filed, "build", counted)
    with open_gallery(filled) as gallery:
        answers(gallery)
        gallery.delete("person 0.11")
        for seed in (1, 2, 3):
            fill(gallery, 30, seed)
            assert answers(gallery) == plainly(filled, monkeypatch)
        # The levels are fitted anew once there are more than four times as many.
        assert read == [(60, False), (60, False), (60, False)]
        assert index_file.read_head(index).gone == 0
        fill(gallery, 33, 4)
        assert answers(gallery) == plainly(filled, monkeypatch)
        assert read[3:] == [(79 - 3 + 180 + 66, True)]
    assert searched(filled) == plainly(filled, monkeypatch)


def test_whoever_goes_while_an_index_is_made_is_not_in_it(
    path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at the tables and the rename another process deletes somebody."""
    real = filed.build
    # The deletion waits for readers before it empties the log, and here one reads all along.
    with open_gallery(path) as gallery, SqliteGallery.open(path, busy_timeout_s=0.05) as other:
        fill(gallery)

        def meanwhile(*arguments: object) -> object:
            made = real(*arguments)  # type: ignore[arg-type]
            if other.size().people == 40:
                other.delete("person 0.8")
                assert not index.exists()
            return made

        with monkeypatch.context() as patch:
            patch.setattr(filed, "build", meanwhile)
            gallery.search(unit_vectors(1, DIM), wear="bare", top=1)
        assert not index.exists()
        assert sorted(p.name for p in path.parent.glob(".*")) == []
        assert answers(gallery) == plainly(path, monkeypatch)
        assert index.exists()


def test_what_a_killed_process_left_goes_with_the_first_who_is_deleted(
    filled: Path, index: Path
) -> None:
    left = filled.with_name(".people.db.index-0123456789abcdef.new")
    other = filled.with_name(".staff.db.index-0123456789abcdef.new")
    for draft in (left, other):
        draft.write_bytes(index.read_bytes())
    with open_gallery(filled) as gallery:
        fill(gallery, 1, seed=3)
        assert left.exists()
        gallery.delete("person 0.1")
    assert not left.exists()
    assert other.exists()


def test_a_folder_that_may_not_be_written(filled: Path, index: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("nothing is forbidden to the superuser")
    index.unlink()
    wanted = searched(filled)
    index.unlink()
    filled.parent.chmod(0o500)
    try:
        assert searched(filled) == wanted
    finally:
        filled.parent.chmod(0o700)


def _search_often(path: str, start: object, out: object) -> None:
    indexing.LEAST = 1  # type: ignore[misc]
    start.wait()  # type: ignore[attr-defined]
    out.put([searched(Path(path)) for _ in range(3)])  # type: ignore[attr-defined]


def test_two_processes_may_make_it_at_once(path: Path, index: Path) -> None:
    with open_gallery(path) as gallery:
        fill(gallery, 400)
    context = multiprocessing.get_context("spawn")
    start, out = context.Event(), context.Queue()
    workers = [
        context.Process(target=_search_often, args=(str(path), start, out)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    start.set()
    found = [answer for _ in workers for answer in out.get(timeout=120)]
    for worker in workers:
        worker.join()
    wanted = searched(path)
    assert all(answer == wanted for answer in found)
    assert index_file.read_head(index).count("bare") > 0
    assert list(path.parent.glob(".*")) == []


def _write_often(path: str, seed: int) -> None:
    indexing.LEAST = 1  # type: ignore[misc]
    filed._TAIL = 5  # type: ignore[misc]
    # Emptying the log waits for readers, and here somebody always reads.
    SqliteGallery._empty_log = lambda self: True  # type: ignore[method-assign]
    rng = np.random.default_rng(seed)
    with open_gallery(path) as gallery:
        for step in range(8):
            fill(gallery, 3, seed=100 * seed + step)
            names = [p.subject for p in gallery.people()]
            with contextlib.suppress(SubjectError):  # the other one was faster
                gallery.delete(str(rng.choice(names)))
            answers(gallery)


def test_processes_that_enrol_delete_search_and_make_it_at_once(
    path: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskwise.gallery.filed._TAIL", 5)
    with open_gallery(path) as gallery:
        fill(gallery, 20)
        context = multiprocessing.get_context("spawn")
        writers = [context.Process(target=_write_often, args=(str(path), n)) for n in (1, 2)]
        for writer in writers:
            writer.start()
        while any(writer.is_alive() for writer in writers):
            time.sleep(0.01)
            for candidates in gallery.search(unit_vectors(2, DIM), wear="bare", top=9):
                assert len(candidates) == 9
                assert len({c.subject for c in candidates}) == 9
        assert [writer.exitcode for writer in writers] == [0, 0]
        assert answers(gallery) == plainly(path, monkeypatch)
        held = {k for k in rows_of(index) if k > 0} if index.exists() else set()
    with sqlite3.connect(path) as connection:
        there = {row[0] for row in connection.execute("SELECT id FROM template")}
    connection.close()
    assert held <= there
    assert [p.name for p in path.parent.glob(".*")] == []


def test_without_faiss_all_is_searched_in_memory(filled: Path, index: Path) -> None:
    program = (
        "import sys; sys.modules['faiss'] = None\n"
        "from maskwise.gallery import indexing, open_gallery\n"
        "import numpy as np\n"
        "indexing.LEAST = 1\n"
        f"with open_gallery({str(filled)!r}) as gallery:\n"
        f"    probe = np.eye({DIM}, dtype=np.float32)[:1]\n"
        "    for _ in range(2):\n"
        "        print(len(gallery.search(probe, wear='bare', top=9)[0]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["9", "9"]
    assert done.stderr.count('pip install "maskwise[faiss]"') == 1


def test_a_gallery_that_has_become_small_keeps_none(
    filled: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskwise.gallery.indexing.LEAST", 1000)
    index.write_bytes(index.read_bytes()[:-1])
    searched(filled)
    assert not index.exists()


def test_its_state_and_recall_are_told(path: Path, index: Path) -> None:
    with open_gallery(path) as gallery:
        care = gallery.search_index
        assert care is not None
        assert (care.file, care.state().state, care.recall()) == (index, "none", None)
        with pytest.raises(InputError, match="nobody is enrolled"):
            care.build()
        fill(gallery, 300)
        steps: list[int] = []
        care.build(steps.append)
        assert sum(steps) == 600
        state = care.state()
        assert (state.state, state.templates, state.newer, state.erased) == ("current", 600, 0, 0)
        assert state.size_bytes == index.stat().st_size
        gallery.delete("person 0.1")
        fill(gallery, 2, seed=1)
        state = care.state()
        assert (state.state, state.templates, state.newer, state.erased) == ("current", 598, 3, 2)
        recall = care.recall(probes=20, top=5)
        assert recall is not None
        assert (recall.share, recall.probes, recall.top) == (1.0, 20, 5)
        index.write_bytes(b"x" * 9000)
        assert (care.state().state, care.state().reason[:10]) == ("unfit", "it is dama")
        assert care.drop()
        assert not care.drop()
        assert not index.exists()
    with open_gallery(None) as gallery:
        assert gallery.search_index is None


def test_recall_tells_of_an_index_that_misses(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskwise.gallery.index.coarse._LEAST", 4)
    monkeypatch.setattr("maskwise.gallery.index.coarse._PER_PERSON", 0)
    monkeypatch.setattr("maskwise.gallery.index.coarse._MOST", 4)
    with open_gallery(filled) as gallery:
        assert gallery.search_index is not None
        recall = gallery.search_index.recall(probes=20)
        assert recall is not None
        assert 0 < recall.share < 0.6
