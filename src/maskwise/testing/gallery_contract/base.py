"""What the parts of the contract share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from maskwise.gallery import Gallery, ProbeWear

WEARS: Final[tuple[ProbeWear, ...]] = ("bare", "masked")


class GalleryTests:
    """The galleries that a test gets."""

    @pytest.fixture
    def connect(self) -> Callable[[], Gallery]:
        """Opens the store of this test, which starts empty. May be called again where the
        engine keeps its store outside the process; otherwise override ``again`` to skip."""
        raise NotImplementedError("override the fixture `connect`")

    @pytest.fixture
    def gallery(self, connect: Callable[[], Gallery]) -> Gallery:
        """The gallery under test."""
        return connect()

    @pytest.fixture
    def again(self, gallery: Gallery, connect: Callable[[], Gallery]) -> Gallery:
        """A second connection to the store of ``gallery``."""
        return connect()
