"""Requests that fail in the middle of a write, writers that die, and writers that wake up late."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException

from maskwise.errors import MaskwiseError, StorageError
from maskwise.gallery import Gallery, GallerySize, NewReference, open_gallery
from maskwise.gallery.qdrant import head, writing
from maskwise.gallery.qdrant.engine import QdrantGallery
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.qdrant.place import Place
from maskwise.testing.enrolments import ENCODER, axis, kept_face, reference, virtual
from maskwise.testing.gallery_contract.base import WEARS
from maskwise.testing.gallery_contract.encoders import moved
from maskwise.testing.qdrant_server import Through
from maskwise.types import NO_MASK

WORN = [(NO_MASK, axis(0)), (virtual(), axis(1))]
KEPT = kept_face(1)


class Failing(Through):
    """Requests fail from number ``first`` on, ``times`` times; ``done``: after they were made."""

    def __init__(self, client: Any, first: int, times: float, done: bool) -> None:
        super().__init__(client)
        self.left = first
        self.times = times
        self.done = done
        self.failed = False

    def meet(self, name: str, make: Callable[[], Any]) -> Any:
        self.left -= 1
        if self.left >= 0 or self.times <= 0:
            return make()
        self.times -= 1
        self.failed = True
        if self.done:
            make()
        raise ResponseHandlingException(ConnectionError("connection refused"))


def filled(client: Any) -> Gallery:
    gallery = QdrantGallery.on(link(client))
    photos = [reference("a.jpg", WORN, kept=KEPT), reference("b.jpg", WORN[:1])]
    gallery.enrol_all([("Ann", photos), ("Bob", [reference("b.jpg", WORN)])])
    return gallery


def link(client: Any) -> Link:
    return Link(Place("people", "qdrant+memory://people"), client)


def contents(gallery: Gallery) -> list[object]:
    """All that the gallery tells, but for ids and times."""
    probe = axis(0, gallery.stats().dim or 16)[None]
    return [
        gallery.encoder_id,
        gallery.size(),
        [
            (
                r.subject,
                r.photo.source,
                r.photo.masks,
                sorted((t.wear.label, t.vector.tobytes()) for t in r.photo.templates),
                r.photo.kept,
            )
            for r in gallery.export()
        ],
        [[c.subject for c in gallery.search(probe, wear=w, top=9)[0]] for w in WEARS],
    ]


def re_encode(gallery: Gallery) -> None:
    references = [r for name in ("Ann", "Bob") for r in gallery.show(name).references]
    new: list[tuple[str, NewReference | None]] = [(r.reference_id, moved(r)) for r in references]
    gallery.replace_templates("encoder-b", [*new[:-1], (new[-1][0], None)])


def restore(gallery: Gallery) -> None:
    with open_gallery(None) as other:
        for name in ("Cleo", "Dan"):
            other.enrol(name, [reference(f"{name}.jpg", WORN, kept=KEPT)])
        gallery.restore(other.export())


CALLS: dict[str, Callable[[Gallery], object]] = {
    "enrol somebody": lambda g: g.enrol("Cleo", [reference("c.jpg", WORN, kept=KEPT)]),
    "enrol again": lambda g: g.enrol("Ann", [reference("a.jpg", WORN[:1], kept=kept_face(2))]),
    "change who is alone": lambda g: g.enrol("Bob", [reference("d.jpg", WORN[1:])]),
    "rename": lambda g: g.rename("Ann", "Anna"),
    "delete": lambda g: g.delete("Ann"),
    "merge": lambda g: g.merge("Ann", "Bob"),
    "re-encode": re_encode,
    "restore": restore,
}


@pytest.mark.parametrize(
    ("times", "done"), [(float("inf"), False), (1, False), (1, True)], ids=["dead", "once", "lost"]
)
@pytest.mark.parametrize("what", CALLS)
@pytest.mark.usefixtures("hurried")
def test_wherever_a_request_fails_nobody_sees_half(what: str, times: float, done: bool) -> None:
    whole = QdrantClient(":memory:")
    before = contents(filled(whole))
    CALLS[what](QdrantGallery.on(link(whole)))
    after = contents(QdrantGallery.on(link(whole)))
    assert before != after
    number, stored, refused = 0, 0, 0
    while True:
        client = QdrantClient(":memory:")
        watching = filled(client)
        failing = Failing(client, 10**9, times, done)
        gallery = QdrantGallery.on(link(failing))
        failing.left = number
        try:
            CALLS[what](gallery)
            owed, stored = [after], stored + 1
        except MaskwiseError as error:
            said = str(error)
            refused += 1
            owed = [before, after] if "may be stored or not" in said else [before]
        assert contents(watching) in owed, f"request {number}"
        # The next write goes through, and sweeps.
        watching.enrol("Zed", [another_photo(watching)])
        watching.rename("Zed", "Zoe")
        assert watching.integrity_check() == [], f"request {number}"
        assert points(client) == alive(client), f"request {number}"
        if not failing.failed:
            break
        number += 1
    assert refused > 5
    assert stored >= 1


def another_photo(gallery: Gallery) -> NewReference:
    stats = gallery.stats()
    worn = [(NO_MASK, axis(2, stats.dim or 16))]
    return reference("z.jpg", worn, encoder=stats.encoder_id or ENCODER)


def points(client: QdrantClient) -> int:
    return sum(client.count(c.name).count for c in client.get_collections().collections) - 1


def alive(client: QdrantClient) -> int:
    now = head.read(link(client))
    names = ["people", *([now.templates] if now.templates else [])]
    return sum(client.count(name, now.view.alive()).count for name in names)


@pytest.mark.usefixtures("hurried")
def test_who_wakes_up_late_has_stored_nothing_and_harms_nobody(client: QdrantClient) -> None:
    gallery, other = filled(client), QdrantGallery.on(link(client))

    def sleeping() -> Iterator[tuple[str, list[NewReference]]]:
        for number in range(70):  # more than are held back at a time
            yield f"late {number}", [reference(f"{number}.jpg", WORN)]
        other.enrol("Bob", [reference("new.jpg", WORN)])
        other.delete("Ann")
        held.append(contents(other))
        yield "Ann", [reference("a.jpg", WORN)]

    held: list[object] = []
    with pytest.raises(StorageError, match="run it again"):
        gallery.enrol_all(sleeping())
    assert contents(other) == held[0]
    other.enrol("Cleo", [reference("c.jpg", WORN)])
    assert gallery.integrity_check() == []
    assert points(client) == alive(client)


@pytest.mark.usefixtures("hurried")
def test_points_that_arrive_after_all_stay_unseen(client: QdrantClient) -> None:
    gallery = filled(client)
    before = contents(gallery)
    late: list[Callable[[], Any]] = []

    class Slow(Through):
        """Writes of points wait on the way, and the answer is a time-out."""

        def meet(self, name: str, make: Callable[[], Any]) -> Any:
            if name == "upsert" or (name == "set_payload" and late):
                late.append(make)
                raise ResponseHandlingException(TimeoutError("timed out"))
            return make()

    with pytest.raises(StorageError, match="timed out"):
        QdrantGallery.on(link(Slow(client))).enrol("Ann", [reference("a.jpg", WORN)])
    gallery.enrol("Cleo", [reference("c.jpg", WORN)])
    after = contents(gallery)
    assert after != before
    for make in late:
        make()
    assert contents(gallery) == after
    assert "left from a write that failed" in " ".join(gallery.integrity_check())
    gallery.rename("Cleo", "Clea")
    assert gallery.integrity_check() == []


def test_a_writer_waits_for_its_turn_only_so_long(client: QdrantClient) -> None:
    gallery, other = filled(client), QdrantGallery(link(client), wait_s=0.1)
    with writing.writing(gallery._link, 1.0):  # type: ignore[attr-defined]
        assert other.size().people == 2  # readers do not wait
        with pytest.raises(StorageError, match="another process has been writing"):
            other.enrol("Cleo", [reference("c.jpg", WORN)])
    assert other.size().people == 2


def test_threads_that_write_at_once_lose_nothing(client: QdrantClient) -> None:
    lock = threading.Lock()

    class OneByOne(Through):
        """Requests of all, in any order, as a server takes them; local mode is not made for it."""

        def meet(self, name: str, make: Callable[[], Any]) -> Any:
            with lock:
                return make()

    wrong: list[BaseException] = []

    def write(who: str) -> None:
        try:
            with QdrantGallery.on(link(OneByOne(client))) as gallery:
                for number in range(8):
                    gallery.enrol("both", [reference(f"{who}{number}", WORN)])
                    gallery.enrol(f"{who} {number % 3}", [reference(f"{number}.jpg", WORN[:1])])
                    assert gallery.show("both").references
                gallery.delete(f"{who} 0")
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=write, args=(who,)) for who in ("Ann", "Bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    gallery = QdrantGallery.on(link(client))
    assert gallery.size() == GallerySize(5, 26, 42)
    assert gallery.integrity_check() == []


def test_a_reader_looks_again_when_somebody_is_deleted_under_its_hands(
    client: QdrantClient,
) -> None:
    gallery = filled(client)
    deletions = iter(("Ann", "Bob"))

    class Meanwhile(Through):
        """Between the head and the answer somebody goes."""

        def meet(self, name: str, make: Callable[[], Any]) -> Any:
            if name == "query_batch_points":
                gone = next(deletions, None)
                if gone is not None:
                    gallery.delete(gone)
            return make()

    reader = QdrantGallery.on(link(Meanwhile(client)))
    assert reader.search(axis(0)[None], wear="bare", top=5) == [[]]
