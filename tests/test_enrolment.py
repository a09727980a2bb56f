"""What becomes of photos by how good they are and what they wear; quality on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from maskwise import Recognizer
from maskwise.align import DLIB_CHIP
from maskwise.answers import Face
from maskwise.errors import ConfigurationError
from maskwise.gallery import open_gallery
from maskwise.quality import Gates, gates
from maskwise.testing.command_line import RED, TEAL, make_recognizer
from maskwise.testing.fakes import FakePredictor, face_picture
from maskwise.types import U8, Detection, Image, Landmarks


def picture(side: int = 120, *, masked: bool = False, left: int = 60, colour: Any = RED) -> U8:
    return face_picture([(colour, left, 40, side)], masked=[0] if masked else [])


@pytest.fixture
def r() -> Recognizer:
    return make_recognizer()


def test_a_poor_photo_is_reported_with_what_was_measured_and_nothing_is_stored(
    r: Recognizer,
) -> None:
    report = r.enrol("Ruby", [picture(), picture(16)])
    good, poor = report.photos
    assert (good.status, good.note, good.reasons) == ("enrolled", "", ())
    assert good.quality is not None
    assert poor.status == "poor"
    assert [reason.code for reason in poor.reasons] == ["too_small"]
    assert poor.quality is not None
    assert poor.quality.ipd_px == poor.reasons[0].measured
    assert poor.note == f"<array>: not good enough to enrol: {poor.reasons[0]}"
    assert (report.skipped, len(r.gallery.show("Ruby").references)) == (1, 1)


def test_a_photo_that_is_there_already_is_not_skipped(r: Recognizer) -> None:
    r.enrol("Ruby", picture())
    again = r.enrol("Ruby", [picture(), picture(16)])
    assert (again.count("already"), again.count("poor"), again.skipped) == (1, 1, 1)


def test_the_limits_are_a_name_or_your_own(r: Recognizer) -> None:
    for quality, status in (
        ("strict", "poor"),
        (Gates(min_ipd_px=19), "poor"),
        (Gates(min_ipd_px=15), "enrolled"),
        ("standard", "already"),
        ("off", "already"),
    ):
        assert r.enrol("Ruby", picture(36), quality=quality).photos[0].status == status, quality
    with pytest.raises(ConfigurationError, match="unknown gates 'best'"):
        r.enrol("Ruby", picture(), quality="best")


def test_a_masked_face_is_judged_by_the_same_limits(r: Recognizer) -> None:
    assert r.enrol("Ruby", picture(16, masked=True)).photos[0].status == "poor"


class Doubled(FakePredictor):
    """The eyes in one place, far out of the chip's reach once aligned by nose and mouth."""

    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        found = []
        for points in super().predict(image, detections):
            places = points.points.copy()
            places[:4] += np.float32([4000, 0])
            found.append(Landmarks("dlib5", places))
        return found


def test_what_cannot_be_measured_is_said_and_not_enrolled_unless_asked() -> None:
    r = make_recognizer()
    r.predictor = Doubled()
    for face in r.encode(picture()):
        if face.quality is None:
            assert face.unmeasured.startswith("quality: ")
            assert face.complaints(gates("strict")) == ()
            (photo,) = r.enrol("Ruby", picture()).photos
            assert (photo.status, photo.reasons) == ("poor", ())
            assert "--quality off enrols it" in photo.note
            return
    pytest.fail("something was measured")


def test_an_encoder_whose_chips_show_no_eyes_enrols_without_limits_alone() -> None:
    r = make_recognizer()
    low = replace(DLIB_CHIP, name="low", reference=DLIB_CHIP.reference - (0, 120))
    r.encoder.chip_spec = low  # type: ignore[misc]
    (photo,) = r.enrol("Ruby", picture()).photos
    assert photo.status == "poor"
    assert "the eyes lie outside the chip: nothing there to measure; --quality off" in photo.note
    (photo,) = r.enrol("Ruby", picture(), quality="off").photos
    assert (photo.status, photo.quality) == ("enrolled", None)


def test_quality_is_measured_once_and_only_when_asked(
    r: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from maskwise import answers

    calls = []
    measure = answers.measure
    monkeypatch.setattr(answers, "measure", lambda *a: (calls.append(a), measure(*a))[1])
    (face,) = r.encode(picture())
    assert isinstance(face, Face)
    assert calls == []
    assert face.quality is face.quality
    assert face.unmeasured == ""
    assert face.quality is not None
    assert face.quality.ipd_px == pytest.approx(62.5, abs=0.1)
    assert len(calls) == 1


def test_a_masked_photo_counts_for_bare_faces_until_a_bare_photo_comes(r: Recognizer) -> None:
    (first,) = r.enrol("Ruby", picture(masked=True)).photos
    assert (
        first.note == "wears a mask: kept apart, compared with every face until a bare photo comes"
    )
    (found,) = r.identify(picture(left=70))
    assert found.candidates[0].wear.kind == "real"
    (bare,) = r.enrol("Ruby", picture(left=62)).photos
    assert bare.note.startswith("the first bare photo: those with a mask now count for faces with")
    (found,) = r.identify(picture(left=70))
    assert found.candidates[0].wear.kind == "none"
    (more, last) = r.enrol("Ruby", [picture(left=64), picture(masked=True, left=64)]).photos
    assert more.note == ""
    assert last.note == "wears a mask: kept beside the bare photos, for faces with a mask only"
    kinds = [t.wear.kind for p in r.gallery.show("Ruby").references for t in p.templates]
    assert (kinds.count("real"), kinds.count("none")) == (2, 2)


def test_within_one_call_the_order_of_the_photos_counts(r: Recognizer) -> None:
    notes = [p.note for p in r.enrol("R", [picture(masked=True), picture(left=62)]).photos]
    assert notes[0].startswith("wears a mask: kept apart")
    assert notes[1].startswith("the first bare photo")


def test_photos_unlike_the_others_are_warnings_once_there_are_three(r: Recognizer) -> None:
    assert r.enrol("R", [picture(), picture(colour=TEAL)]).warnings == ()
    (warning,) = r.enrol("R", picture(left=62)).warnings
    assert "this one does not look like the other photos of R" in warning
    assert r.enrol("R", picture(left=62)).warnings == ()  # nothing new


def test_a_calibration_that_cannot_be_used_does_not_stop_enrolment(tmp_path: Any) -> None:
    (tmp_path / "g.db.calibration.json").write_text("{}")
    with open_gallery(tmp_path / "g.db") as gallery:
        r = make_recognizer(gallery=gallery)
        r._operating_points = None
        photos = [picture(left=60 + k) for k in range(3)]
        report = r.enrol("R", photos)
    assert (report.count("enrolled"), report.warnings) == (3, ())


def test_verify_tells_two_poor_pictures_of_one_name_apart(r: Recognizer) -> None:
    reasons = r.verify(picture(16), picture(16, colour=TEAL)).decision.reasons
    assert [reason.partition(": ")[0] for reason in reasons] == [
        "the first picture",
        "the second picture",
    ]
