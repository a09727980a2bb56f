"""The sample people move from dlib's network to an encoder of another chip, with real models."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from reencode_cases import assert_same, content

from maskwise import Recognizer
from maskwise.align import ARCFACE_CHIP
from maskwise.gallery import open_gallery
from maskwise.reencode import make_plan, re_encode
from maskwise.types import F32, U8, ChipSpec

pytestmark = pytest.mark.models


class Squares:
    """Colours of 7 x 7 squares of ArcFace's chip."""

    id = "squares/0123456789ab/arcface-112/l2-1"
    space = "squares/0123456789ab"
    chip_spec: ChipSpec = ARCFACE_CHIP
    dim = 147

    def encode_batch(self, chips: U8) -> F32:
        rows = chips.reshape(-1, 7, 16, 7, 16, 3).mean((2, 4)).reshape(len(chips), -1) - 127.5
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


@pytest.fixture
def people(sample_photos: list[Path], tmp_path: Path) -> dict[str, list[Path]]:
    """Three people, two photos each, copied so that they can be deleted."""
    found: dict[str, list[Path]] = {}
    for path in sample_photos:
        copies = found.setdefault(path.parent.name, [])
        if len(copies) < 2 and len(found) <= 3:
            copies.append(tmp_path / f"{path.parent.name}-{path.name}")
            shutil.copy(path, copies[-1])
    return {name: copies for name, copies in found.items() if copies}


def enrol(place: Path, people: dict[str, list[Path]], **models: object) -> Path:
    keep = models.pop("keep", "none")
    with Recognizer(place, masks=["surgical", "n95"], **models) as recognizer:  # type: ignore[arg-type]
        for name, photos in people.items():
            report = recognizer.enrol(name, photos, keep=keep)  # type: ignore[arg-type]
            assert {p.status for p in report.photos} == {"enrolled"}
    return place


def test_photos_give_what_enrolment_gives_and_kept_faces_nearly_so(
    people: dict[str, list[Path]], tmp_path: Path
) -> None:
    other = Recognizer(encoder=Squares(), masks="none", detector="mmod")
    # Placed by dlib's points, as the detector gives none: another id of the same space.
    assert other.encoder.id != Squares.id
    wanted_place = enrol(tmp_path / "wanted.db", people, encoder=Squares(), detector="mmod")
    plain = enrol(tmp_path / "plain.db", people, detector="mmod")
    keeping = enrol(tmp_path / "keeping.db", people, keep="faces", detector="mmod")
    with open_gallery(wanted_place) as wanted:
        with open_gallery(plain) as gallery:
            re_encode(gallery, other, make_plan(gallery))
            assert_same(gallery, wanted)
            assert gallery.encoder_space == "squares/0123456789ab"
        for photos in people.values():
            for photo in photos:
                photo.unlink()
        with open_gallery(keeping) as gallery:
            plan = make_plan(gallery)
            assert set(plan.origins) == {"kept"}
            re_encode(gallery, other, plan)
            for key, found in content(gallery).items():
                for t, u in zip(found, content(wanted)[key], strict=True):
                    assert t.wear == u.wear
                    assert float(t.vector @ u.vector) > 0.999
            # And back: what dlib's network said before, but for the photo's pixels that went.
            re_encode(gallery, Recognizer(masks="none", detector="mmod"), make_plan(gallery))
            back = content(gallery)
        # Of one second: the later one has a number behind it.
        copies = tmp_path.glob("keeping.db.before-*")
        first = min(copies, key=lambda path: (len(path.name), path.name))
        with open_gallery(first) as before:
            for key, found in content(before).items():
                for t, u in zip(found, back[key], strict=True):
                    assert t.encoder_id == u.encoder_id
                    assert float(t.vector @ u.vector) > 0.999
