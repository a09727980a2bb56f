"""The gallery on Qdrant keeps the contract: on a server, in memory, and in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from maskwise.gallery import Gallery, open_gallery
from maskwise.gallery.qdrant.engine import QdrantGallery
from maskwise.testing.gallery_contract import GalleryContract


class TestQdrant(GalleryContract):
    keeps_account = False
    merges = False
    sequences = 2

    @pytest.fixture
    def connect(self, connect_any: Callable[[], QdrantGallery]) -> Callable[[], Gallery]:
        return connect_any


class TestQdrantInAFolder(GalleryContract):
    keeps_account = False
    merges = False
    sequences = 1

    @pytest.fixture
    def connect(self, tmp_path: Path) -> Callable[[], Gallery]:
        return lambda: open_gallery(f"qdrant+path://{tmp_path}/store/people")
