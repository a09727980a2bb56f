"""The client of a server or a folder, and the requests that the gallery makes of it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from qdrant_client import QdrantClient, models

from maskwise.errors import StorageError
from maskwise.gallery.qdrant.place import Place
from maskwise.gallery.qdrant.words import translated

AT_ONCE: Final = 256
"""Points a request: some 1 MB of JSON at 512 numbers, below the server's limit of 32 MB."""

Condition = models.Filter | models.FieldCondition | models.HasIdCondition


class Link:
    """One client; calls from several threads wait for one another."""

    def __init__(
        self,
        place: Place,
        client: QdrantClient,
        *,
        lock: threading.RLock | None = None,
        let_go: Callable[[], None] | None = None,
    ) -> None:
        """let_go: closes the client; default: it is left to whoever made it."""
        self.place = place
        self.client = client
        self.lock = lock or threading.RLock()
        self._let_go = let_go
        self._closed = False

    @property
    def is_local(self) -> bool:
        """Whether the client keeps everything itself: exact, and without indexes of payloads."""
        return self.place.url is None

    def close(self) -> None:
        """Let go of the client; closing twice is fine.

        Without the lock: the garbage collector may call it, whatever thread holds that.
        """
        if not self._closed:
            self._closed = True
            if self._let_go is not None:
                self._let_go()

    def ask(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """The client's method of that name; its errors in our words."""
        with self.lock, translated(self.place):
            if self._closed:
                raise StorageError(f"{self.place.shown} was closed; open the gallery again")
            return getattr(self.client, name)(*args, **kwargs)

    # Reading. A majority of replicas must agree, so that what a majority stored is seen.

    def points(
        self, collection: str, ids: Sequence[str], *, vectors: bool = False
    ) -> list[models.Record]:
        """Points by id; those that are not there do not come."""
        found: list[models.Record] = []
        for first in range(0, len(ids), AT_ONCE):
            found += self.ask(
                "retrieve",
                collection,
                ids[first : first + AT_ONCE],
                with_payload=True,
                with_vectors=vectors,
                consistency=models.ReadConsistencyType.MAJORITY,
            )
        return found

    def scroll(
        self,
        collection: str,
        condition: models.Filter,
        *,
        vectors: bool = False,
        payload: bool | list[str] = True,
    ) -> Iterator[models.Record]:
        """All points that meet the condition, some at a time, in no order."""
        offset: Any = None
        while True:
            some, offset = self.ask(
                "scroll",
                collection,
                scroll_filter=condition,
                limit=AT_ONCE,
                offset=offset,
                with_payload=payload,
                with_vectors=vectors,
                consistency=models.ReadConsistencyType.MAJORITY,
            )
            yield from some
            if offset is None:
                return

    def first_by(
        self, collection: str, condition: models.Filter, key: str, least: int, limit: int
    ) -> list[models.Record]:
        """The first points by an integer of the payload, from ``least`` on."""
        some, _ = self.ask(
            "scroll",
            collection,
            scroll_filter=condition,
            limit=limit,
            order_by=models.OrderBy(key=key, start_from=least),
            with_payload=True,
            with_vectors=False,
            consistency=models.ReadConsistencyType.MAJORITY,
        )
        return list(some)

    def count(self, collection: str, condition: models.Filter) -> int:
        """How many points meet the condition, exactly."""
        return int(self.ask("count", collection, count_filter=condition, exact=True).count)

    # Writing. A call returns when it was applied; of one point all go through one leader.

    def upsert(
        self, collection: str, points: Sequence[models.PointStruct], *, only_new: bool = False
    ) -> None:
        """Points, new or in place of those with the same id; only_new: those stay."""
        for first in range(0, len(points), AT_ONCE):
            some = list(points[first : first + AT_ONCE])
            more = {"update_mode": models.UpdateMode.INSERT_ONLY} if only_new else {}
            self.ask("upsert", collection, some, **_SURE, **more)

    def set_payload(
        self, collection: str, payload: Mapping[str, Any], condition: models.Filter
    ) -> None:
        """Fields of all points that meet the condition when it is applied."""
        self.ask("set_payload", collection, payload=dict(payload), points=condition, **_SURE)

    def drop_field(self, collection: str, name: str, condition: models.Filter) -> None:
        """Take a field away from all points that meet the condition."""
        self.ask("delete_payload", collection, keys=[name], points=condition, **_SURE)

    def delete(self, collection: str, condition: models.Filter) -> None:
        """Delete all points that meet the condition."""
        selector = models.FilterSelector(filter=condition)
        self.ask("delete", collection, points_selector=selector, **_SURE)

    def exists(self, collection: str) -> bool:
        """Whether there is such a collection."""
        return bool(self.ask("collection_exists", collection))

    def drop_collection(self, collection: str) -> None:
        """Delete a collection, if it is there."""
        if self.exists(collection):
            self.ask("delete_collection", collection)


_SURE: Final = {"wait": True, "ordering": models.WriteOrdering.STRONG}


def connect(place: Place) -> Link:
    """A link to the place; nothing is asked of a server yet. StorageError for a folder in use."""
    if place.folder is not None:
        return _local(place, place.folder)
    with translated(place), warnings.catch_warnings():
        # Of a key without TLS: place.py has decided about that.
        warnings.filterwarnings("ignore", message="Api key is used with an insecure connection")
        client = QdrantClient(
            url=place.url,
            api_key=place.key,
            timeout=place.timeout_s,
            check_compatibility=False,  # it would warn; schema.py looks
        )
    return Link(place, client, let_go=client.close)


class _Shared:
    """A folder's client, for all galleries of this process: the client locks it for itself."""

    def __init__(self, client: QdrantClient) -> None:
        self.client = client
        self.lock = threading.RLock()
        self.users = 1


_folders: dict[Path, _Shared] = {}
_folders_lock = threading.RLock()  # the garbage collector may close one while another is opened


def _local(place: Place, folder: Path) -> Link:
    key = folder.resolve()
    with _folders_lock:
        shared = _folders.get(key)
        if shared is not None:
            shared.users += 1
        if shared is None or _folders.get(key) is not shared:
            with translated(place):
                shared = _folders[key] = _Shared(
                    QdrantClient(path=str(key), force_disable_check_same_thread=True)
                )

    def let_go(shared: _Shared = shared) -> None:
        with _folders_lock:
            shared.users -= 1
            if not shared.users:
                if _folders.get(key) is shared:
                    del _folders[key]
                shared.client.close()

    return Link(place, shared.client, lock=shared.lock, let_go=let_go)
