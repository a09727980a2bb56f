"""The gallery on PostgreSQL keeps the contract: as it is, and behind a pooler."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from maskwise.gallery import Gallery
from maskwise.gallery.postgres import indexes
from maskwise.gallery.postgres.link import Link
from maskwise.testing.gallery_contract import GalleryContract


class TestPostgres(GalleryContract):
    sequences = 3

    @pytest.fixture
    def connect(self, connect: Callable[[], Gallery]) -> Callable[[], Gallery]:
        return connect


class TestBehindAPooler(GalleryContract):
    """What a pooler does between transactions: the next one is another session's."""

    sequences = 1  # every call connects anew

    @pytest.fixture
    def connect(
        self, connect: Callable[[], Gallery], monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[], Gallery]:
        plain = Link._transaction

        @contextmanager
        def in_a_session_of_its_own(link: Link, begin: Any) -> Iterator[Any]:
            with plain(link, begin) as connection:
                yield connection
            (prepared,) = connection.execute(
                "SELECT count(*) FROM pg_prepared_statements"
            ).fetchone()
            assert prepared == 0
            link._drop()

        monkeypatch.setattr(Link, "_transaction", in_a_session_of_its_own)
        return connect


class TestByTheIndex(GalleryContract):
    """From the first template on, the index answers."""

    sequences = 3

    @pytest.fixture
    def connect(
        self, connect: Callable[[], Gallery], monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[], Gallery]:
        monkeypatch.setattr(indexes, "EXACT_LIMIT", 0)
        return connect
