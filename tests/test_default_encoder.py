"""The default encoder with galleries of the stock network, kept faces and a detector of no points.

What people meet who enrolled before it was the default, or who name another detector.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from maskwise import Recognizer, encode, samples
from maskwise.errors import EncoderMismatchError
from maskwise.gallery import Gallery, kept, open_gallery
from maskwise.reencode import make_plan, re_encode
from maskwise.types import Detection, Image

pytestmark = pytest.mark.models

STOCK = "dlib-resnet-v1"
PEOPLE = {"Amina": "surgical", "Bram": "n95", "Greta": "cloth"}
"""With the mask that a probe of theirs wears."""


def enrolled(place: Path, **models: str) -> Path:
    with Recognizer(place, masks=["surgical"], **models) as recognizer:  # type: ignore[arg-type]
        for name in PEOPLE:
            photo = samples.people() / name / "1.jpg"
            report = recognizer.enrol(name, photo, keep="faces")
            assert [p.status for p in report.photos] == ["enrolled"]
    return place


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery as it was made before: by the stock network, on chips by dlib's points."""
    return enrolled(tmp_path_factory.mktemp("old") / "old.db", encoder=STOCK)


def probe(name: str, *, masked: bool = False) -> Path:
    return samples.probes() / f"{name}_{PEOPLE[name] if masked else 'bare'}.jpg"


@pytest.mark.parametrize("masked", [False, True])
def test_it_recognises_the_people_of_an_old_gallery(old: Path, masked: bool) -> None:
    with Recognizer(old) as recognizer:
        assert recognizer.encoder.id == encode.create("maskwise-v1").id
        for name in PEOPLE:
            (found,) = recognizer.identify(probe(name, masked=masked))
            assert found.face.mask.worn == masked
            assert found.subject == name
            point = found.decision.operating_point
            assert point is not None
            assert point.calibration == "shipped"
            assert point.encoder_id == f"{encode.create(STOCK).id} x {recognizer.encoder.id}"


def test_it_enrols_nobody_into_an_old_gallery_and_says_what_does(old: Path) -> None:
    with (
        Recognizer(old) as recognizer,
        pytest.raises(
            EncoderMismatchError,
            match=rf"\(--encoder {STOCK}\).*gallery re-encode --encoder maskwise-v1",
        ),
    ):
        recognizer.enrol("Diego", samples.people() / "Diego" / "1.jpg")


def test_a_detector_without_points_ranks_only_and_is_told_of(old: Path, tmp_path: Path) -> None:
    name = "Amina"
    with Recognizer(tmp_path / "new.db", detector="mmod") as recognizer:
        recognizer.enrol(name, samples.people() / name / "1.jpg")
        (found,) = recognizer.identify(probe(name))
    with Recognizer(old, detector="mmod") as recognizer:
        (of_old,) = recognizer.identify(probe(name))
    for answer in (found, of_old):
        assert answer.candidates[0].subject == name
        assert answer.decision.outcome == "insufficient"
        (reason,) = answer.decision.reasons
        assert "--detector maskwise" in reason
    assert f"--encoder {STOCK}" in found.decision.reasons[0]
    # Which is so.
    with Recognizer(old, detector="mmod", encoder=STOCK) as recognizer:
        (decided,) = recognizer.identify(probe(name))
        assert decided.subject == name


class Blind:
    """Stands for the default detector where nothing is to be detected."""

    id = "blind"
    scheme = "five"

    def detect(self, image: Image) -> list[Detection]:
        raise AssertionError(f"looked for a face in {image.source}")


def faces_of(gallery: Gallery) -> list[kept.KeptFace]:
    references = [r for p in gallery.people() for r in gallery.show(p.subject).references]
    return [kept.unpack(gallery.kept_face(r.reference_id) or b"") for r in references]


def test_kept_faces_hold_the_points_that_place_its_chips(tmp_path: Path) -> None:
    with open_gallery(enrolled(tmp_path / "g.db")) as gallery:
        assert all(set(face.landmarks) == {"five"} for face in faces_of(gallery))
        same = Recognizer(detector=Blind(), masks="none")  # type: ignore[arg-type]
        report = re_encode(gallery, same, make_plan(gallery))
        assert (report.failures, report.size.people) == ((), len(PEOPLE))
        assert gallery.encoder_id == Recognizer().encoder.id
        # Another encoder by other points: they are looked for in the kept face.
        report = re_encode(gallery, Recognizer(encoder=STOCK, masks="none"), make_plan(gallery))
        assert report.failures == ()
        assert Recognizer(gallery).identify(probe("Amina"))[0].subject == "Amina"


def test_an_old_gallery_moves_over_by_its_kept_faces(old: Path, tmp_path: Path) -> None:
    shutil.copy(old, tmp_path / "g.db")
    with open_gallery(tmp_path / "g.db") as gallery:
        assert all(set(face.landmarks) == {"dlib5"} for face in faces_of(gallery))
        plan = make_plan(gallery)
        assert set(plan.origins) == {"kept"}
        assert re_encode(gallery, Recognizer(masks="none"), plan).failures == ()
        with Recognizer(gallery) as recognizer:
            for name in PEOPLE:
                for masked in (False, True):
                    (found,) = recognizer.identify(probe(name, masked=masked))
                    assert found.subject == name
                    assert found.decision.operating_point is not None
                    assert found.decision.operating_point.encoder_id == recognizer.encoder.id
            recognizer.enrol("Diego", samples.people() / "Diego" / "1.jpg")
