"""Requests that fail in the middle of a write, writers that die, servers that are not there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from maskwise.errors import ConfigurationError, GalleryError, StorageError
from maskwise.gallery import open_gallery
from maskwise.gallery.qdrant import head
from maskwise.gallery.qdrant.engine import QdrantGallery
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.qdrant.place import KEY_VARIABLE, Place
from maskwise.gallery.qdrant.words import in_words
from maskwise.testing.enrolments import axis, reference, virtual
from maskwise.types import NO_MASK

WRITES = ("upsert", "set_payload", "delete", "delete_payload", "create_collection")


class Failing:
    """A client whose k-th request that writes fails, before or after it is done.

    forever: and all that come after it.
    """

    def __init__(self, client: QdrantClient, at: int, *, after: bool, forever: bool) -> None:
        self._client, self._at, self._after, self._forever = client, at, after, forever
        self.asked = 0

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if name not in WRITES:
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            self.asked += 1
            fails = self.asked >= self._at if self._forever else self.asked == self._at
            if fails and not self._after:
                raise ResponseHandlingException(ConnectionError("the line is down"))
            answer = real(*args, **kwargs)
            if fails:
                raise ResponseHandlingException(ConnectionError("the answer was lost"))
            return answer

        return call


def told(gallery: QdrantGallery) -> list[tuple[str, str]]:
    found = [(r.subject, r.sha256()) for r in gallery.export()]
    probes = np.stack([axis(n) for n in range(4)])
    for wear in ("bare", "masked"):
        for row in gallery.search(probes, wear=wear, top=5):  # type: ignore[arg-type]
            found += [(c.subject, f"{c.score:.5f}") for c in row]
    return found


def fill(gallery: QdrantGallery) -> None:
    for number, name in enumerate(("Ann", "Bob", "Cid")):
        made = [(NO_MASK, axis(number)), (virtual(), axis(number + 3))]
        gallery.enrol(name, [reference(f"{name}.jpg", made)])


def enrol(gallery: QdrantGallery) -> None:
    again = reference("Bob.jpg", [(NO_MASK, axis(7)), (virtual("n95"), axis(8))])
    gallery.enrol_all([("Dora", [reference("d.jpg", [(NO_MASK, axis(3))])]), ("Bob", [again])])


def delete(gallery: QdrantGallery) -> None:
    gallery.delete("Bob")


def rename(gallery: QdrantGallery) -> None:
    gallery.rename("Bob", "Bea")


def re_encode(gallery: QdrantGallery) -> None:
    moved = []
    for r in gallery.export():
        made = [(NO_MASK, axis(9))]
        again = reference(r.photo.source, made, encoder="b/1", masks=r.photo.masks)
        moved.append((r.reference_id, again))
    gallery.replace_templates("b/1", moved)


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("act", [enrol, delete, rename, re_encode])
@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("forever", [False, True])
def test_a_request_that_fails_stores_all_or_nothing(
    link_to: Callable[[object], Link],
    act: Callable[[QdrantGallery], None],
    after: bool,
    forever: bool,
) -> None:
    for at in range(1, 40):
        client = QdrantClient(":memory:")
        with QdrantGallery.on(link_to(client)) as gallery:
            fill(gallery)
            before = told(gallery)
            failing = Failing(client, at, after=after, forever=forever)
            broken = QdrantGallery.on(link_to(failing))
            failing.asked = 0
            failed = False
            try:
                act(broken)
            except GalleryError:
                failed = True
            with QdrantGallery.on(link_to(client)) as clean:
                act_on = told(gallery)
                done = act_on != before
                if failed:
                    # An answer that was lost may have been that of the last step.
                    assert not done or after
                else:
                    assert done
                # Whatever was left is swept by the next write, and nothing is in its way.
                clean.enrol(
                    "Eve",
                    [reference("e.jpg", [(NO_MASK, axis(10))], encoder=str(clean.encoder_id))],
                )
                assert clean.integrity_check() == []
                assert [p for p in told(clean) if p in act_on and p[1].isalnum()] == [
                    p for p in act_on if p[1].isalnum()
                ]
        asked = failing.asked
        client.close()
        if asked < at:  # none was left to fail
            return
    raise AssertionError("more requests than thought")


@pytest.mark.usefixtures("hurried")
def test_a_writer_that_died_is_not_waited_for(
    client: QdrantClient, link_to: Callable[[object], Link]
) -> None:
    with QdrantGallery.on(link_to(client)) as gallery:
        fill(gallery)
        before = told(gallery)
        dead = head.take_turn(link_to(client), 1)  # and is never heard of again
        rename(gallery)
        assert [p.subject for p in gallery.people()] == ["Ann", "Bea", "Cid"]
        with pytest.raises(StorageError, match="run it again"):
            head.commit(link_to(client), dead, {"next": 99})
        assert told(gallery) != before
        assert gallery.integrity_check() == []


def test_another_writer_is_waited_for_and_then_named(
    client: QdrantClient, link_to: Callable[[object], Link]
) -> None:
    with QdrantGallery.on(link_to(client)) as gallery:
        fill(gallery)
        head.take_turn(link_to(client), 1)
        waiting = QdrantGallery(link_to(client), wait_s=0.2)
        with pytest.raises(StorageError, match="another process has been writing"):
            rename(waiting)
        assert told(gallery)  # readers wait for nobody


def test_nobody_there() -> None:
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        open_gallery("qdrant+http://127.0.0.1:9/people")
    assert "qdrant+http://127.0.0.1:9/people" in str(caught.value)


def test_a_refused_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    place = Place("people", "qdrant+https://h:6333/people", url="https://h:6333", key="s3cret")
    refused = UnexpectedResponse(403, "Forbidden", b"key s3cret is wrong", None)  # type: ignore[arg-type]
    error = in_words(place, refused)
    assert isinstance(error, ConfigurationError)
    assert KEY_VARIABLE in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("qdrant+http://u:s3cret@faces.example/people", "https"),
        ("qdrant+https://faces.example/people?quantization=s3cret", "int8"),
        ("qdrant+https://faces.example/people?s3cret=1", "not known"),
        ("qdrant+https://faces.example/peo ple", "letters"),
        ("qdrant+ftp://faces.example/people", "qdrant\\+http"),
        ("qdrant+https://key@s3cret@h/people", "%XX"),
    ],
)
def test_urls_that_cannot_be_are_refused_without_secrets(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        open_gallery(url)
    assert "s3cret" not in str(caught.value)


def test_a_collection_of_something_else_is_refused(
    client: QdrantClient, link_to: Callable[[object], Link]
) -> None:
    client.create_collection("people", vectors_config={})
    client.upsert("people", [models.PointStruct(id=1, vector={}, payload={"name": "x"})])
    with pytest.raises(GalleryError, match="no gallery"):
        QdrantGallery.on(link_to(client))
