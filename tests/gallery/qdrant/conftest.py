"""Galleries on Qdrant: its local mode in memory, or a server of yours."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Iterator

import pytest
from qdrant_client import QdrantClient

from maskwise.gallery.qdrant import head
from maskwise.gallery.qdrant.engine import QdrantGallery
from maskwise.gallery.qdrant.link import Link, connect
from maskwise.gallery.qdrant.place import Place, parse

URL_VARIABLE = "MASKWISE_TEST_QDRANT_URL"
"""qdrant+http://HOST:PORT of a server or cluster to test with; collections are made on it."""

Connect = Callable[[], QdrantGallery]


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    """A store of this test's own, in memory."""
    client = QdrantClient(":memory:")
    yield client
    client.close()


@pytest.fixture
def link_to(client: QdrantClient) -> Callable[[object], Link]:
    """A link to this test's collection through the client, or something like one."""
    lock = threading.RLock()
    place = Place("people", "qdrant+memory://people")
    return lambda through: Link(place, through, lock=lock)  # type: ignore[arg-type]


@pytest.fixture
def connect_local(client: QdrantClient, link_to: Callable[[object], Link]) -> Connect:
    """Opens the gallery of this test, in memory."""
    return lambda: QdrantGallery.on(link_to(client))


@pytest.fixture
def connect_any(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """Opens the gallery of this test: in memory, or on the server that the variable names."""
    url = os.environ.get(URL_VARIABLE)
    if url is None:
        yield request.getfixturevalue("connect_local")
        return
    base, mark, query = url.partition("?")
    place = parse(f"{base.rstrip('/')}/t_{secrets.token_hex(6)}{mark}{query}")
    opened = []

    def connect_server() -> QdrantGallery:
        opened.append(QdrantGallery.on(connect(place)))
        return opened[-1]

    yield connect_server
    for gallery in opened:
        gallery.close()
    link = connect(place)
    for found in link.ask("get_collections").collections:
        if found.name.startswith(place.collection):
            link.drop_collection(found.name)
    link.close()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who died loses the turn at once, and nobody waits before reading back."""
    monkeypatch.setattr(head, "LEASE_S", 0.0)
    monkeypatch.setattr(head, "_READ_BACK", (0.0, 0.0, 0.0))
