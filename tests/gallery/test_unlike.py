"""Photos that do not look like the others of their person."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskwise.gallery import Gallery, open_gallery
from maskwise.gallery.unlike import unlike
from maskwise.testing.enrolments import REAL, axis, mix, reference, virtual
from maskwise.types import NO_MASK


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    return open_gallery(tmp_path / "g.db")


def enrol(gallery: Gallery, *shares: float) -> None:
    """Photos a, b, c...: each as alike to one axis as its share, the rest along its own."""
    gallery.enrol(
        "Ann",
        [
            reference(f"{'abcdef'[k]}.jpg", [(NO_MASK, mix(0, k + 1, share)), (virtual(), axis(9))])
            for k, share in enumerate(shares)
        ],
    )


def test_the_one_that_is_unlike_all_others_is_named(gallery: Gallery) -> None:
    enrol(gallery, 0.9, 0.95, 0.2, 0.9)
    (text,) = unlike(gallery, "Ann", 0.5)
    assert text.startswith("c.jpg: this one does not look like the other photos of Ann: ")
    assert "best score with them is 0.19" in text
    assert list(unlike(gallery, "Ann", 0.18)) == []


def test_one_alike_photo_is_enough(gallery: Gallery) -> None:
    enrol(gallery, 0.99, 0.8, 0.1)
    assert len(list(unlike(gallery, "Ann", 0.75))) == 1
    assert len(list(unlike(gallery, "Ann", 0.05))) == 0


def test_where_no_two_are_alike_it_is_said_once(gallery: Gallery) -> None:
    enrol(gallery, 0.1, 0.1, 0.1)
    (text,) = unlike(gallery, "Ann", 0.5)
    assert text.startswith("the photos of Ann do not look like one person: of 3, no two")


def test_of_two_photos_and_of_nobody_nothing_is_said(gallery: Gallery) -> None:
    enrol(gallery, 0.9, 0.1)
    assert list(unlike(gallery, "Ann", 0.5)) == []
    assert list(unlike(gallery, "Bob", 0.5)) == []


def test_masked_photos_do_not_count(gallery: Gallery) -> None:
    enrol(gallery, 0.9, 0.9)
    gallery.enrol("Ann", [reference("m.jpg", [(REAL, axis(5))])])
    assert list(unlike(gallery, "Ann", 0.5)) == []
