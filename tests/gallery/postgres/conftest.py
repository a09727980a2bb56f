"""A server for the tests of this folder, and a gallery on it for each."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator

import pytest

from maskwise.gallery import Gallery, open_gallery
from maskwise.testing.postgres_server import Server, drop, running

URL_VARIABLE = "MASKWISE_TEST_POSTGRES"
"""postgresql://USER:PASSWORD@HOST/DATABASE of another server to test with; it is written to."""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The server; the test is skipped, with the reason, where none can be started."""
    with running(os.environ.get(URL_VARIABLE)) as server:
        yield server


@pytest.fixture
def schema() -> str:
    """A schema of this test's own."""
    return f"t_{secrets.token_hex(6)}"


@pytest.fixture
def url(server: Server, schema: str) -> Iterator[str]:
    """The URL of a gallery of this test's own, which is not there yet; it is gone at the end."""
    yield server.gallery(schema)
    drop(server, schema)


@pytest.fixture
def connect(url: str) -> Iterator[Callable[[], Gallery]]:
    """Opens the gallery of this test."""
    opened: list[Gallery] = []

    def connect() -> Gallery:
        opened.append(open_gallery(url))
        return opened[-1]

    yield connect
    for gallery in opened:
        gallery.close()
