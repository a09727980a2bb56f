"""Workers that end over a photo: named and skipped, and the others are enrolled all the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from maskwise import Recognizer, bulk, crew
from maskwise.enrolment import Asked, Looked
from maskwise.errors import ConfigurationError
from maskwise.gallery import open_gallery
from maskwise.quality import gates
from maskwise.testing.command_line import POINTS, RED, TEAL, photo
from maskwise.testing.fakes import FakeDetector, FakeEncoder, FakeMaskClassifier, FakePredictor
from maskwise.types import Detection, Image

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
ASKED = Asked((), strict=False, keep=False, limits=gates("off"))


class DeadlyDetector(FakeDetector):
    """Ends its process over a red face, as the kernel does when memory is full."""

    def detect(self, image: Image) -> list[Detection]:
        if (image.pixels == np.array(RED)).all(-1).any():
            os.kill(os.getpid(), signal.SIGKILL)
        return super().detect(image)


def deadly() -> Recognizer:
    return Recognizer(
        detector=DeadlyDetector(),
        predictor=FakePredictor(),
        mask_classifier=FakeMaskClassifier(),
        encoder=FakeEncoder(),
        operating_points=POINTS,
    )


def killed() -> Recognizer:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def test_a_photo_that_ends_its_process_is_skipped_and_the_others_are_not(tmp_path: Path) -> None:
    people = [
        (
            f"P{n}",
            [photo(tmp_path / f"{n}-{m}.png", TEAL, left=40 + 10 * n + m) for m in range(2)],
        )
        for n in range(6)
    ]
    photo(people[2][1][1], RED)
    shop = bulk.Workshop(deadly, ASKED, deadly().models)

    def two(jobs: Iterable[bulk.PhotoJob]) -> Iterator[tuple[bulk.PhotoJob, Looked]]:
        return crew.outcomes(shop, jobs, 2, lambda: False)

    with open_gallery(None) as gallery:
        reports = [r.enrolled for r in bulk.enrol_many(gallery, people, ASKED, two)]
        assert [p.subject for p in gallery.people()] == [name for name, _ in people]
        size = gallery.size().references
    lost = [p for r in reports if r is not None for p in r.photos if p.status != "enrolled"]
    assert [(p.source, p.status) for p in lost] == [(str(people[2][1][1]), "unreadable")]
    assert "2-1.png: the process that worked on it ended" in lost[0].note
    assert size == 11


def test_processes_that_cannot_live_are_an_error_and_not_a_list_of_all_photos() -> None:
    shop = bulk.Workshop(killed, ASKED, {})
    taken: list[int] = []

    def jobs() -> Iterator[bulk.PhotoJob]:
        for n in range(100):
            taken.append(n)
            yield bulk.PhotoJob(n, 0, str(n), b"")

    with pytest.raises(ConfigurationError, match="is the memory full"):
        list(crew.outcomes(shop, jobs(), 2, lambda: False))
    assert len(taken) < 10
