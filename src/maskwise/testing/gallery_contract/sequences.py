"""Any sequence of calls gives the answers of a gallery of plain lists."""

# The names of the rules say what they do.
# ruff: noqa: D102

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from maskwise.gallery import Gallery, NewReference, open_gallery
from maskwise.gallery.consent import Consent
from maskwise.gallery.copying import copy
from maskwise.testing.enrolments import ENCODER, REAL, axis, kept_face, mix, reference, sha256
from maskwise.testing.enrolments import virtual as drawn
from maskwise.testing.gallery_contract.base import WEARS, GalleryTests
from maskwise.testing.gallery_model import ModelGallery, re_encoded
from maskwise.types import F32, NO_MASK, Template, Wear

EXAMPLES_VARIABLE: Final = "MASKWISE_TEST_SEQUENCES"
"""How many sequences to try of each engine, drawn anew every time; without it a few, always the
same ones."""

_NAMES: Final = ("Ann", "Bob", "Zoë", "山田")
_PHOTOS: Final = ("1.jpg", "2.jpg", "3.jpg")
_WEARS: Final = (NO_MASK, REAL, Wear("unknown"), drawn("surgical"), drawn("n95", 3))
# Along axes, so that scores are equal exactly or differ much, however an engine adds up.
_VECTORS: Final = (
    *(axis(n) for n in range(4)),
    mix(0, 1, 0.6),
    mix(2, 0, 0.6),
    mix(3, 1, 0.6),
    mix(1, 2, 0.6),
)
_PROBES: Final = np.stack([axis(n) for n in range(4)])
_SHIFTS: Final = (0.0, 0.1, -0.1)
_LATER: Final = "2099-01-31T00:00:00.000+00:00"
_LONG_AGO: Final = "2001-01-31T00:00:00.000+00:00"

names = st.sampled_from(_NAMES)
vectors = st.sampled_from(_VECTORS)
templates = st.lists(
    st.tuples(st.sampled_from(_WEARS), vectors), min_size=1, max_size=3, unique_by=lambda t: t[0]
)
consents = st.sampled_from(
    (None, Consent("form 1"), Consent(expires_at=_LATER), Consent("", ""), Consent("é", _LONG_AGO))
)


@st.composite
def photos(draw: st.DrawFn) -> NewReference:
    """A photo with templates, as it is and in masks."""
    name = draw(st.sampled_from(_PHOTOS))
    given = draw(templates)
    if sum(w.kind != "virtual" for w, _ in given) > 1:  # they would replace one another
        given = given[:1]
    kept = kept_face(1) if draw(st.integers(0, 5)) == 0 else None
    return reference(name, given, kept=kept)


class Sequences(RuleBasedStateMachine):
    """On an engine and on the model at once."""

    gallery: ClassVar[Gallery]
    connect: ClassVar[Callable[[], Gallery] | None]
    accounts: ClassVar[bool]

    def __init__(self) -> None:
        super().__init__()
        for person in self.gallery.people():
            self.gallery.delete(person.subject)
        self.model = ModelGallery()
        self.encoder = ENCODER

    def _of_encoder(self, photo: NewReference) -> NewReference:
        if not self.model.people:
            self.encoder = ENCODER
        made = [replace(t, encoder_id=self.encoder) for t in photo.templates]
        return replace(photo, templates=made)

    # What is done.

    @rule(name=names, given=st.lists(photos(), min_size=1, max_size=2), consent=consents)
    def enrol(self, name: str, given: list[NewReference], consent: Consent | None) -> None:
        agreed = consent if self.accounts else None
        new = [replace(self._of_encoder(photo), consent=agreed) for photo in given]
        self.gallery.enrol(name, new)
        self.model.enrol(name, new)

    @rule(given=st.lists(st.tuples(names, photos()), min_size=2, max_size=3))
    def enrol_several(self, given: list[tuple[str, NewReference]]) -> None:
        people = [(name, [self._of_encoder(photo)]) for name, photo in given]
        self.gallery.enrol_all(iter(people))
        for name, new in people:
            self.model.enrol(name, new)

    @precondition(lambda self: self.model.people)
    @rule(data=st.data(), new=names)
    def rename(self, data: Any, new: str) -> None:
        old = data.draw(st.sampled_from(self.model.names()))
        if new not in self.model.names():
            self.gallery.rename(old, new)
            self.model.rename(old, new)

    @precondition(lambda self: self.model.people)
    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        name = data.draw(st.sampled_from(self.model.names()))
        self.gallery.delete(name)
        self.model.delete(name)

    @precondition(lambda self: len(self.model.people) > 1)
    @rule(data=st.data())
    def merge(self, data: Any) -> None:
        name, into = data.draw(st.permutations(self.model.names()))[:2]
        result = self.gallery.merge(name, into)
        count = len(self.model.person(name).photos)
        assert result.moved + result.dropped == count
        self.model.merge(name, into)

    @precondition(lambda self: self.model.people)
    @rule(data=st.data(), encoder=st.sampled_from((ENCODER, "encoder-b/4567")))
    def re_encode(self, data: Any, encoder: str) -> None:
        new: dict[tuple[str, str], list[Template] | None] = {}
        moved: list[tuple[str, NewReference | None]] = []
        for person in self.model.people:
            of = {r.photo_sha256: r.reference_id for r in self.gallery.show(person.name).references}
            for photo in person.photos:
                left_out = moved and data.draw(st.integers(0, 4)) == 0
                made = [re_encoded(t, encoder, data.draw(vectors)) for t in photo.templates]
                new[person.name, photo.sha256] = None if left_out else made
                again = NewReference(
                    photo.source, made, photo.sha256, (0, 0, 9, 9), None, "detector/2",
                    tuple(photo.masks),
                )  # fmt: skip
                moved.append((of[photo.sha256], None if left_out else again))
        self.gallery.replace_templates(encoder, iter(moved))
        self.model.re_encode(new)
        self.encoder = encoder

    @precondition(lambda self: self.accounts and self.model.people)
    @rule(data=st.data(), consent=consents)
    def note_consent(self, data: Any, consent: Consent | None) -> None:
        name = data.draw(st.sampled_from(self.model.names()))
        if consent is not None:
            self.gallery.set_consent(name, consent)
            self.model.note(name, consent)

    @precondition(lambda self: self.accounts)
    @rule()
    def delete_whose_time_is_over(self) -> None:
        due = {person.subject for person in self.gallery.due()}
        assert due == {p.name for p in self.model.people if p.expires_at == _LONG_AGO}
        for person in self.gallery.due():
            assert self.gallery.delete_due(person.subject_id) is not None
            self.model.delete(person.subject)

    @rule()
    def copy(self) -> None:
        with open_gallery(None) as other:
            report = copy(self.gallery, other)
            assert report.problems == ()
            assert report.copied == self.gallery.size().references
            self._answers(other)

    @precondition(lambda self: self.connect is not None)
    @rule()
    def reopen(self) -> None:
        connect = type(self).connect
        assert connect is not None
        self.gallery.close()
        type(self).gallery = connect()

    # What is asked.

    @invariant()
    def answers(self) -> None:
        self._answers(self.gallery)

    def _answers(self, gallery: Gallery) -> None:
        model = self.model
        assert [p.subject for p in gallery.people()] == sorted(model.names())
        size = gallery.size()
        photos = sum(len(person.photos) for person in model.people)
        assert (size.people, size.references, size.templates) == (
            len(model.people), photos, model.templates(),
        )  # fmt: skip
        assert gallery.encoder_id == (self.encoder if model.people else None)
        for person in model.people:
            shown = gallery.show(person.name)
            assert (shown.consent, shown.expires_at) == (person.consent, person.expires_at)
            by_photo = {r.photo_sha256: r for r in shown.references}
            assert set(by_photo) == {photo.sha256 for photo in person.photos}
            for photo in person.photos:
                stored = by_photo[photo.sha256]
                assert (stored.source, set(stored.masks)) == (photo.source, set(photo.masks))
                assert (stored.kept_bytes > 0) == (photo.kept is not None)
                assert _told(gallery.templates(stored.reference_id)) == _told(photo.templates)
        for name in _NAMES[:2]:
            for masks in ((), ("surgical",), ("surgical", "n95")):
                for kept in (False, True):
                    asked = (name, sha256(_PHOTOS[0]), masks)
                    assert gallery.holds(*asked, kept=kept) == model.holds(*asked, kept=kept)
        for wear in WEARS:
            for shift in _SHIFTS:
                for top in (1, 3):
                    rows = gallery.search(_PROBES, wear=wear, top=top, other_wear_shift=shift)
                    for probe, row in zip(_PROBES, rows, strict=True):
                        owed = model.search(probe, wear, top, shift)
                        assert [c.subject for c in row] == [name for name, _ in owed]
                        assert [c.score for c in row] == pytest.approx([s for _, s in owed])

    def teardown(self) -> None:
        assert self.gallery.integrity_check() == []
        if self.accounts:
            assert self.gallery.verify_audit().faults == ()


def _told(made: list[Template]) -> list[tuple[str, str, tuple[float, ...]]]:
    return sorted((str(t.wear), t.encoder_id, _numbers(t.vector)) for t in made)


def _numbers(vector: F32) -> tuple[float, ...]:
    return tuple(vector.tolist())


class SequencesContract(GalleryTests):
    """See ``GalleryContract``. sequences: how many are tried."""

    sequences: ClassVar[int] = 8

    def test_any_sequence_gives_the_answers_of_plain_lists(
        self,
        gallery: Gallery,
        connect: Callable[[], Gallery],
        request: pytest.FixtureRequest,
    ) -> None:
        reopened: Callable[[], Gallery] | None = connect
        try:
            request.getfixturevalue("again").close()
        except pytest.skip.Exception:  # it ends with the connection
            reopened = None
        wanted = os.environ.get(EXAMPLES_VARIABLE)
        machine = type(
            "Sequences",
            (Sequences,),
            {
                "gallery": gallery,
                "connect": None if reopened is None else staticmethod(reopened),
                "accounts": getattr(self, "keeps_account", True),
            },
        )
        run(
            machine,
            settings=settings(
                max_examples=int(wanted or self.sequences),
                stateful_step_count=12,
                deadline=None,
                derandomize=wanted is None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
