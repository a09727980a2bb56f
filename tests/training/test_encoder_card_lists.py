"""Who is compared with whom in training/encoder/card.py, and what the photos are taken to wear."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from maskwise.evaluate.looks import AS_IS
from maskwise.evaluate.templates import PhotoTemplates

FOLDER = Path(__file__).resolve().parents[2] / "training" / "encoder"


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    if not FOLDER.is_dir():
        pytest.skip("needs training/encoder, which only a checkout holds")
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    try:
        names = ("trials", "templates")
        yield SimpleNamespace(**{n: importlib.import_module(f"card_{n}") for n in names})
    finally:
        sys.path[:] = before


def test_rows_become_trials_between_the_photos(parts: SimpleNamespace) -> None:
    photos = ["A/1.jpg", "A/2.jpg", "B/1.jpg", "C/1.jpg"]
    rows = [("A/2.jpg", "A/1.jpg", 1, "bare-bare"), ("B/1.jpg", "A/1.jpg", 0, "bare-masked")]
    found = parts.trials.trial_list("list", rows, photos)
    assert found.pairs.tolist() == [[1, 0], [2, 0]]
    assert found.mated.tolist() == [True, False]
    assert found.subjects == ("A", "A", "B", "C")
    assert found.attributes["labelled"].tolist() == ["bare-bare", "bare-masked"]


def test_everybody_with_two_photos_is_enrolled_and_looked_for(parts: SimpleNamespace) -> None:
    photos = ("A/1.jpg", "B/1.jpg", "B/2.jpg", "B/3.jpg", "C/1.jpg", "D/1.jpg", "D/2.jpg")
    found = parts.trials.first_two(photos)
    assert [photos[place] for place in found.gallery] == ["B/1.jpg", "D/1.jpg"]
    assert [photos[place] for place in found.probes] == ["B/2.jpg", "D/2.jpg", "A/1.jpg", "C/1.jpg"]


def test_a_limit_keeps_whole_people_and_no_photos_of_others(parts: SimpleNamespace) -> None:
    every = [("A/1.jpg", "A/2.jpg", 1), ("A/1.jpg", "B/1.jpg", 0), ("A/2.jpg", "C/1.jpg", 0)]
    own = [("A/2.jpg", "A/9.jpg", 1), ("B/1.jpg", "C/1.jpg", 0)]
    found = parts.trials.among(every, own, {"A", "B"})
    assert found.every.photos == ("A/1.jpg", "A/2.jpg", "B/1.jpg")
    assert found.every.mated.tolist() == [True, False]
    # LFW's own pairs also name photos that were not drawn.
    assert found.own.photos == ("A/2.jpg", "A/9.jpg")


def test_flat_masks_hang_on_the_photo_and_all_types_occur(parts: SimpleNamespace) -> None:
    digests = [f"{k:064x}" for k in range(60)]
    kinds = [parts.templates.flat_kind(digest) for digest in digests]
    assert kinds == [parts.templates.flat_kind(digest) for digest in digests]
    assert {kind for kind, _ in kinds} == set(parts.templates.flat_masks.KINDS)
    assert all(seed for _, seed in kinds)  # 0 would not scatter the corners


def test_flat_masks_are_told_by_what_was_drawn(parts: SimpleNamespace) -> None:
    valid = np.array([[True], [True], [False]])
    vectors = np.where(valid[..., None], np.eye(3, 2, dtype=np.float32)[:, None], np.nan)
    found = PhotoTemplates(
        ("A/1.png", "A/2.png", "B/1.png"),
        (AS_IS,),
        vectors.astype(np.float32),
        valid,
        np.array([["found"], ["found"], ["missing"]]),
        np.array([["real"], ["real"], ["unknown"]]),
        np.array([[0.9], [0.2], [np.nan]], np.float32),
        ("1", "2", ""),
        {},
        "test",
    )
    flat = parts.templates.Flat(Path(), ("gas", "", ""), ("", "", "no_face"))
    worn = parts.templates.as_worn(found, ["A/1.jpg", "A/2.jpg", "B/1.jpg"], flat)
    assert worn.photos == ("A/1.jpg", "A/2.jpg", "B/1.jpg")
    assert worn.wear[:, 0].tolist() == ["virtual:flat-gas", "real", "unknown"]
    assert worn.status[:, 0].tolist() == ["found", "found", "no_face"]
    kept = parts.templates.only(worn, [2, 0])
    assert kept.photos == ("B/1.jpg", "A/1.jpg")
    assert kept.masked[:, 0].tolist() == [False, True]
    assert kept.photo_sha256 == ("", "1")
