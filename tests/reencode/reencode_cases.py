"""What the tests of re-encoding share: a second encoder, and how galleries are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskwise import Recognizer
from maskwise.gallery import Gallery, SubjectDetails
from maskwise.reencode import Plan, Report, make_plan, re_encode
from maskwise.testing.fakes import (
    FakeDetector,
    FakeEncoder,
    FakeMaskClassifier,
    FakePredictor,
)
from maskwise.types import F32, U8, Template

MASKS = ("surgical", "n95")
Enrol = Callable[..., Path]


class OtherEncoder(FakeEncoder):
    """Sees forehead and chin, so that masks count."""

    id = "other-encoder"
    space = "other-space"
    dim = 8

    def encode_batch(self, chips: U8) -> F32:
        chins = chips[:, 95:125, 55:95].astype(np.float64).mean((1, 2)) / 255 - 0.5
        flat = np.full((len(chips), 1), 0.2)
        rows = np.concatenate([super().encode_batch(chips), chins, flat], axis=1)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def recognizer(
    gallery: Gallery | None = None, *, other: bool = True, **models: object
) -> Recognizer:
    parts = {
        "detector": FakeDetector(),
        "predictor": FakePredictor(),
        "mask_classifier": FakeMaskClassifier(),
        "encoder": OtherEncoder() if other else FakeEncoder(),
        **models,
    }
    return Recognizer(gallery, masks=MASKS, **parts)  # type: ignore[arg-type]


def run(gallery: Gallery, folders: list[Path] | None = None, **how: object) -> tuple[Plan, Report]:
    plan = make_plan(gallery, folders or [])
    return plan, re_encode(gallery, recognizer(), plan, **how)  # type: ignore[arg-type]


def content(gallery: Gallery) -> dict[tuple[str, str], list[Template]]:
    return {
        (person.subject, r.source): gallery.templates(r.reference_id)
        for person in gallery.people()
        for r in gallery.show(person.subject).references
    }


def known(gallery: Gallery) -> list[SubjectDetails]:
    """All but the templates, whose encoder and time change."""
    people = [gallery.show(person.subject) for person in gallery.people()]
    return [
        replace(p, references=tuple(replace(r, templates=()) for r in p.references)) for p in people
    ]


def assert_same(a: Gallery, b: Gallery, atol: float = 0) -> None:
    one, two = content(a), content(b)
    assert one.keys() == two.keys()
    for key in one:
        assert [t.wear for t in one[key]] == [t.wear for t in two[key]]
        assert [t.encoder_id for t in one[key]] == [t.encoder_id for t in two[key]]
        for t, u in zip(one[key], two[key], strict=True):
            np.testing.assert_allclose(t.vector, u.vector, atol=atol, rtol=0)
