"""A gallery moves to another encoder: the same templates as if it had enrolled with that one."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from reencode_cases import MASKS, Enrol, assert_same, content, known, recognizer, run

from maskwise.errors import (
    ConfigurationError,
    EncoderMismatchError,
)
from maskwise.gallery import Gallery, kept, open_gallery
from maskwise.image import load_with_sha256
from maskwise.masks import spec_for
from maskwise.own_calibration import place_beside
from maskwise.reencode import make_plan, re_encode
from maskwise.reencode.templates import overlap
from maskwise.testing.command_line import GOLD, GREEN, RED, TEAL, photo
from maskwise.testing.enrolments import reference
from maskwise.types import NO_MASK


def test_from_photos_it_is_what_enrolment_with_that_encoder_gives(
    gallery: Gallery, enrol: Enrol
) -> None:
    before = known(gallery)
    plan, report = run(gallery)
    assert plan.origins == {"photo": 4}
    assert (report.failures, report.lost, report.resumed) == ((), (), 0)
    assert (gallery.encoder_id, gallery.encoder_space) == ("other-encoder", "other-space")
    assert report.size == gallery.size()
    # Names, ids, times, boxes: the detector is the same.
    assert known(gallery) == before
    with open_gallery(enrol("wanted.db", other=True)) as wanted:
        assert_same(gallery, wanted)
        labels = [[t.wear.label for t in found] for found in content(gallery).values()]
        assert sorted(map(len, labels)) == [1, 3, 3, 3]
        assert ["real"] in labels
    assert gallery.integrity_check() == []


def test_the_same_encoder_gives_the_same_vectors(enrol: Enrol) -> None:
    with open_gallery(enrol("g.db")) as gallery, open_gallery(enrol("copy.db")) as wanted:
        re_encode(gallery, recognizer(other=False), make_plan(gallery))
        assert_same(gallery, wanted)
        assert gallery.encoder_id == "fake-encoder"


def test_from_kept_faces_it_needs_no_photo(enrol: Enrol) -> None:
    with (
        open_gallery(enrol("g.db", keep="faces")) as gallery,
        open_gallery(enrol("wanted.db", other=True)) as wanted,
    ):
        assert gallery.stats().kept_faces == 4
        shutil.rmtree("photos")
        before = known(gallery)
        plan, report = run(gallery)
        assert plan.origins == {"kept": 4}
        assert not report.failures
        assert known(gallery) == before
        # Landmarks are float32 in the crop: a pixel of an edge may round the other way.
        assert_same(gallery, wanted, atol=2e-3)
        assert gallery.stats().kept_faces == 4
        again, _ = run(gallery)
        assert again.origins == {"kept": 4}


def test_a_kept_face_is_searched_anew_where_it_lacks_the_landmarks(enrol: Enrol) -> None:
    with open_gallery(enrol("g.db", keep="faces")) as gallery:
        connection = sqlite3.connect("g.db")
        for key, blob in connection.execute("SELECT reference_id, face FROM kept_face").fetchall():
            face = kept.unpack(blob)
            bare = kept.pack(face.image, {}, face.box)
            connection.execute("UPDATE kept_face SET face = ? WHERE reference_id = ?", (bare, key))
        connection.commit()
        connection.close()
        shutil.rmtree("photos")
        _, report = run(gallery)
        assert not report.failures
        with open_gallery(enrol_again(enrol)) as wanted:
            assert_same(gallery, wanted, atol=0.02)


def enrol_again(enrol: Enrol) -> Path:
    behind = [(GREEN, 330, 60, 40)]
    photo("photos/ruby-1.png", RED)
    photo("photos/ruby-2.png", RED, left=60, masked=True)
    photo("photos/ruby-3.png", RED, left=100, more=behind)
    photo("photos/olive.png", GREEN)
    return enrol("wanted.db", other=True)


def test_photos_that_moved_are_told_by_their_content(gallery: Gallery, enrol: Enrol) -> None:
    wanted_place = enrol("wanted.db", other=True)
    Path("elsewhere/deep").mkdir(parents=True)
    for number, path in enumerate(sorted(Path("photos").iterdir())):
        path.rename(f"elsewhere/deep/{number}.png")
    photo("photos/ruby-1.png", TEAL)  # another picture under an old name
    photo("elsewhere/more.png", GOLD)
    Path("elsewhere/text.png").write_text("no picture")
    plan, report = run(gallery, [Path("elsewhere")])
    assert plan.origins == {"folder": 4}
    assert not report.failures
    with open_gallery(wanted_place) as wanted:
        assert_same(gallery, wanted)
    assert gallery.show("Ruby").references[0].source.endswith("ruby-1.png")


def test_the_face_that_was_enrolled_is_meant_not_the_largest(tmp_path: Path) -> None:
    """A person enrolled from a crop's box stays that person."""
    path = photo("two.png", RED, more=[(GREEN, 260, 20, 180)])
    with open_gallery("g.db") as gallery:
        with_it = recognizer(gallery, other=False)
        small = next(f for f in with_it.encode(path) if f.detection.box[0] < 200)
        new = reference(str(path), [(NO_MASK, small.template.vector)], encoder="fake-encoder")
        box = tuple(float(v) for v in small.detection.box)
        gallery.enrol("Ruby", [replace(new, box=box, photo_sha256=load_with_sha256(path)[1])])
        re_encode(gallery, recognizer(other=False), make_plan(gallery))
        ((ruby,),) = content(gallery).values()
        np.testing.assert_array_equal(ruby.vector, small.template.vector)


def test_another_gallery_gets_it_where_one_is_named(gallery: Gallery, enrol: Enrol) -> None:
    before, held = known(gallery), content(gallery)
    place_beside(Path("g.db")).write_text("{}")
    _, report = run(gallery, out=Path("sub/new.db"))
    assert (report.where, report.before, report.calibration) == ("sub/new.db", None, None)
    assert gallery.encoder_id == "fake-encoder"
    assert content(gallery).keys() == held.keys()
    assert place_beside(Path("g.db")).exists()
    assert [p.name for p in Path("sub").iterdir()] == ["new.db"]
    with open_gallery("sub/new.db", create=False) as new:
        assert known(new) == before
        assert new.integrity_check() == []
        with open_gallery(enrol("wanted.db", other=True)) as wanted:
            assert_same(new, wanted)
    # None of the old templates' bytes are in it.
    old = next(t.vector for found in held.values() for t in found)
    assert old.tobytes() not in Path("sub/new.db").read_bytes()
    with pytest.raises(ConfigurationError, match="already"):
        run(gallery, out=Path("sub/new.db"))
    with pytest.raises(ConfigurationError, match="already"):
        run(gallery, out=Path("g.db"))


def test_the_gallery_as_it_was_is_kept_and_its_calibration_moved_away(gallery: Gallery) -> None:
    before, held = known(gallery), content(gallery)
    own = place_beside(Path("g.db"))
    own.write_text('{"format": "made for another encoder"}')
    _, report = run(gallery)
    assert report.before is not None
    assert report.before.parent == Path()
    assert report.before.name.startswith("g.db.before-20")
    assert report.before.suffix == ".db"
    assert report.before.stat().st_mode & 0o777 == 0o600
    with open_gallery(report.before, create=False) as old:
        assert known(old) == before
        for key, found in content(old).items():
            for t, u in zip(found, held[key], strict=True):
                np.testing.assert_array_equal(t.vector, u.vector)
    assert report.calibration is not None
    assert report.calibration.name.startswith("g.db.calibration.json.before-20")
    assert report.calibration.read_text().startswith('{"format"')
    assert not own.exists()


def test_masks_of_an_older_drawing_are_drawn_as_now(gallery: Gallery) -> None:
    connection = sqlite3.connect("g.db")
    connection.execute(
        """UPDATE template SET mask_spec = replace(mask_spec, '"version":2', '"version":1')"""
    )
    connection.commit()
    connection.close()
    run(gallery)
    specs = {t.wear.spec for found in content(gallery).values() for t in found if t.wear.spec}
    assert specs == {spec_for(name) for name in MASKS}


def test_a_gallery_in_memory_moves_too(photos: dict[str, list[Path]]) -> None:
    with open_gallery(None) as gallery:
        recognizer(gallery, other=False).enrol("Ruby", photos["Ruby"])
        _, report = run(gallery)
        assert report.before is None
        assert gallery.encoder_id == "other-encoder"
    assert [p.name for p in Path().iterdir()] == ["photos"]


def test_then_the_gallery_answers_probes_of_that_encoder(gallery: Gallery) -> None:
    probe = photo("probe.png", RED, left=140)
    with pytest.raises(EncoderMismatchError, match="re-encode"):
        recognizer(gallery).identify(probe)
    run(gallery)
    (answer,) = recognizer(gallery).identify(probe)
    assert answer.candidates[0].subject == "Ruby"


@pytest.mark.parametrize(
    ("a", "b", "share"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1),
        ((0, 0, 10, 10), (5, 0, 15, 10), 1 / 3),
        ((0, 0, 10, 10), (10, 10, 20, 20), 0),
        ((0, 0, 10, 10), (30, 30, 40, 40), 0),
        ((0, 0, 0, 0), (0, 0, 0, 0), 0),
    ],
)
def test_overlap(a: tuple[int, ...], b: tuple[int, ...], share: float) -> None:
    assert overlap(a, b) == pytest.approx(share)
    assert overlap(b, a) == pytest.approx(share)
