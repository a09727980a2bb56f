"""The gallery on Qdrant keeps the contract: on a server, in memory, and in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from qdrant_client import QdrantClient

from maskwise.gallery import Gallery, open_gallery
from maskwise.gallery.qdrant.engine import QdrantGallery
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.qdrant.place import Place
from maskwise.testing.gallery_contract import GalleryContract
from maskwise.testing.gallery_contract.encoders import EncodersContract
from maskwise.testing.gallery_contract.enrolling import EnrollingContract
from maskwise.testing.gallery_contract.keeping import KeepingContract
from maskwise.testing.gallery_contract.moving import MovingContract
from maskwise.testing.gallery_contract.searching import SearchingContract
from maskwise.testing.qdrant_server import Server


class TestQdrant(GalleryContract):
    keeps_account = False
    sequences = 2  # local mode looks at every point for every request

    @pytest.fixture
    def connect(self, connect_any: Callable[[], QdrantGallery]) -> Callable[[], Gallery]:
        return connect_any


class TestQdrantInAFolder(EnrollingContract, EncodersContract, KeepingContract, MovingContract):
    """What differs: two connections share a client, and it is closed with the last."""

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Callable[[], Gallery]:
        return lambda: open_gallery(f"qdrant+path://{tmp_path}/store/people")


class TestAsOnAServer(SearchingContract, EnrollingContract, EncodersContract, MovingContract):
    """Requests as a server gets them; what local mode does not know is checked and left out."""

    @pytest.fixture
    def connect(self, client: QdrantClient) -> Callable[[], Gallery]:
        place = Place("people", "qdrant+http://h:6333/people", url="http://h:6333")
        return lambda: QdrantGallery.on(Link(place, Server(client)))  # type: ignore[arg-type]
