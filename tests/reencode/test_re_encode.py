"""A gallery moves to another encoder: the same templates as if it had enrolled with that one."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskwise import Recognizer
from maskwise.errors import (
    ConfigurationError,
    EncoderMismatchError,
    InputError,
    StorageError,
)
from maskwise.gallery import Gallery, SubjectDetails, kept, open_gallery
from maskwise.gallery.sqlite import SqliteGallery
from maskwise.gallery.where import copies_beside
from maskwise.image import load_with_sha256
from maskwise.masks import spec_for
from maskwise.own_calibration import place_beside
from maskwise.reencode import Plan, Report, make_plan, re_encode
from maskwise.reencode.templates import overlap
from maskwise.testing.command_line import GOLD, GREEN, RED, TEAL, photo
from maskwise.testing.enrolments import axis, reference
from maskwise.testing.fakes import (
    FakeDetector,
    FakeEncoder,
    FakeMaskClassifier,
    FakePredictor,
)
from maskwise.types import F32, NO_MASK, U8, Detection, Image, Template, Wear

MASKS = ("surgical", "n95")


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


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos() -> dict[str, list[Path]]:
    """Two people; Ruby has a photo in a real mask, and one with somebody behind her."""
    behind = [(GREEN, 330, 60, 40)]
    return {
        "Ruby": [
            photo("photos/ruby-1.png", RED),
            photo("photos/ruby-2.png", RED, left=60, masked=True),
            photo("photos/ruby-3.png", RED, left=100, more=behind),
        ],
        "Olive": [photo("photos/olive.png", GREEN)],
    }


Enrol = Callable[..., Path]


@pytest.fixture
def enrol(photos: dict[str, list[Path]]) -> Enrol:
    def enrol(name: str, *, other: bool = False, keep: str = "none") -> Path:
        with open_gallery(name) as gallery, recognizer(gallery, other=other) as with_it:
            for subject, files in photos.items():
                report = with_it.enrol(subject, files, keep=keep)  # type: ignore[arg-type]
                assert {p.status for p in report.photos} == {"enrolled"}
        return Path(name)

    return enrol


@pytest.fixture
def gallery(enrol: Enrol) -> Iterator[Gallery]:
    """Enrolled with the fake encoder, no face kept."""
    with open_gallery(enrol("g.db")) as opened:
        yield opened


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


def test_who_would_be_lost_stops_it_unless_that_is_wanted(gallery: Gallery) -> None:
    Path("photos/olive.png").unlink()
    Path("photos/ruby-3.png").unlink()
    before, held = known(gallery), content(gallery)
    plan = make_plan(gallery)
    assert plan.origins == {"photo": 2, "none": 2}
    assert {f.why for f in plan.missing} == {"neither photo nor face was kept"}
    with pytest.raises(ConfigurationError, match=r"1 of 2 people .*\(Olive\).*--drop-missing"):
        re_encode(gallery, recognizer(), plan)
    assert known(gallery) == before
    assert content(gallery).keys() == held.keys()
    assert copies_beside(Path("g.db")) == []
    report = re_encode(gallery, recognizer(), plan, drop_missing=True)
    assert report.lost == ("Olive",)
    assert [f.step.reference.source for f in report.failures] == [
        "photos/olive.png",
        "photos/ruby-3.png",
    ]
    assert [p.subject for p in gallery.people()] == ["Ruby"]
    assert report.size == gallery.size()
    assert report.before is not None
    with open_gallery(report.before) as old:
        assert known(old) == before


def test_nobody_left_is_refused_even_so(gallery: Gallery) -> None:
    shutil.rmtree("photos")
    with pytest.raises(ConfigurationError, match="none of 4 photos"):
        re_encode(gallery, recognizer(), make_plan(gallery), drop_missing=True)
    assert gallery.encoder_id == "fake-encoder"


def test_imported_encodings_cannot_be_turned_round(gallery: Gallery) -> None:
    gallery.enrol(
        "Imported",
        [reference("imported: x#1", [(Wear("unknown"), axis(0, 4))], encoder="fake-encoder")],
    )
    plan, report = run(gallery, drop_missing=True)
    assert [f.step.subject for f in plan.missing] == ["Imported"]
    assert report.lost == ("Imported",)


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


def test_a_photo_in_which_no_face_is_found_any_more(gallery: Gallery) -> None:
    class Blind(FakeDetector):
        id = "blind"

        def detect(self, image: Image) -> list[Detection]:
            return [] if "olive" in image.source else super().detect(image)

    plan = make_plan(gallery)
    with pytest.raises(ConfigurationError, match="1 of 2 people"):
        re_encode(gallery, recognizer(detector=Blind()), plan)
    assert gallery.encoder_id == "fake-encoder"
    # What was encoded is not encoded again.
    report = re_encode(gallery, recognizer(detector=Blind()), plan, drop_missing=True)
    assert report.resumed == 3
    assert "no face found where the enrolled one was" in report.failures[0].why
    assert {r.detector_id for r in gallery.show("Ruby").references} == {"blind"}


def test_an_interrupted_run_changes_nothing_and_goes_on(gallery: Gallery, enrol: Enrol) -> None:
    before, held = known(gallery), content(gallery)
    seen: list[str] = []

    def stop(step: object) -> None:
        seen.append("one")
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(gallery, on_reference=stop)
    assert known(gallery) == before
    assert content(gallery).keys() == held.keys()
    (draft,) = copies_beside(Path("g.db"))
    assert draft.name.startswith("g.db.re-encoding-")
    assert draft.stat().st_mode & 0o777 == 0o600
    _, report = run(gallery)
    assert report.resumed == 3
    assert copies_beside(Path("g.db")) == [report.before]
    with open_gallery(enrol("wanted.db", other=True)) as wanted:
        assert_same(gallery, wanted)


def test_a_draft_is_for_one_set_of_models_and_for_what_is_enrolled_now(
    gallery: Gallery, photos: dict[str, list[Path]]
) -> None:
    def stop(step: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(gallery, on_reference=stop)
    with pytest.raises(KeyboardInterrupt):
        re_encode(gallery, recognizer(other=False), make_plan(gallery), on_reference=stop)
    assert len(copies_beside(Path("g.db"))) == 2
    # Olive, who was done, is enrolled with a mask more meanwhile.
    recognizer(gallery, other=False).enrol("Olive", photos["Olive"], masks=["gas", *MASKS])
    _, report = run(gallery)
    assert report.resumed == 0
    labels = {t.wear.label for t in content(gallery)["Olive", "photos/olive.png"]}
    assert labels == {"none", "virtual:surgical", "virtual:n95", "virtual:gas"}
    # A draft that is damaged is of no use, and in nobody's way.
    other = recognizer(other=False)
    (draft,) = (p for p in copies_beside(Path("g.db")) if p != report.before)
    draft.write_bytes(b"x" * 5000)
    re_encode(gallery, other, make_plan(gallery))
    assert gallery.encoder_id == "fake-encoder"


def test_who_is_enrolled_meanwhile_is_not_lost(
    gallery: Gallery, photos: dict[str, list[Path]]
) -> None:
    plan = make_plan(gallery)
    late = photo("photos/late.png", GOLD)
    with open_gallery("g.db") as elsewhere:
        recognizer(elsewhere, other=False).enrol("Goldie", late)
    with pytest.raises(InputError, match=r"enrolled meanwhile; run it again"):
        re_encode(gallery, recognizer(), plan)
    assert gallery.encoder_id == "fake-encoder"
    assert not any(".before-" in p.name for p in copies_beside(Path("g.db")))
    _, report = run(gallery)
    assert report.resumed == 4
    assert {p.subject for p in gallery.people()} == {"Ruby", "Olive", "Goldie"}


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


@pytest.mark.parametrize("where", ["draft", "copy", "gallery"])
def test_a_full_disk_loses_nothing(
    gallery: Gallery, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, held = known(gallery), content(gallery)
    assert isinstance(gallery, SqliteGallery)
    full = sqlite3.OperationalError("database or disk is full")
    with monkeypatch.context() as patch:
        if where == "gallery":
            # The real thing: SQLite may take no page more.
            (pages,) = gallery._connection.execute("PRAGMA page_count").fetchone()
            gallery._connection.execute(f"PRAGMA max_page_count = {pages}")
            patch.setattr(OtherEncoder, "dim", 4000)
            patch.setattr(
                OtherEncoder,
                "encode_batch",
                lambda self, chips: np.eye(4000, dtype=np.float32)[: len(chips)],
            )
        elif where == "draft":
            patch.setattr("maskwise.gallery.enrolling.add_templates", _raise(full))
        else:
            patch.setattr("maskwise.gallery.sqlite.copy_to", _raise(OSError(28, "No space left")))
        with pytest.raises(StorageError, match=r"full|No space left"):
            run(gallery)
    assert known(gallery) == before
    assert content(gallery).keys() == held.keys()
    assert gallery.encoder_id == "fake-encoder"
    assert gallery.integrity_check() == []
    assert not any(".before-" in p.name for p in copies_beside(Path("g.db")))
    if where == "gallery":
        gallery._connection.execute("PRAGMA max_page_count = 1000000")
        for draft in copies_beside(Path("g.db")):
            draft.unlink()
    run(gallery)
    assert gallery.encoder_id == "other-encoder"


def _raise(error: Exception) -> Callable[..., None]:
    def failing(*_: object) -> None:
        raise error

    return failing


def test_a_damaged_kept_face_is_said_and_the_photo_taken_instead(enrol: Enrol) -> None:
    place = enrol("g.db", keep="faces")
    connection = sqlite3.connect(place)
    connection.execute(
        "UPDATE kept_face SET face = substr(face, 1, length(face) - 20)"
        " WHERE reference_id = (SELECT max(reference_id) FROM kept_face)"
    )
    connection.commit()
    connection.close()
    with open_gallery(place) as gallery:
        assert make_plan(gallery).origins == {"kept": 3, "photo": 1}
        shutil.rmtree("photos")
        plan = make_plan(gallery)
        (failure,) = plan.missing
        assert failure.why.startswith("a kept face is damaged (")
        assert "nor was its photo found" in failure.why


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


def test_a_mask_that_cannot_be_drawn_again_stops_it_before_any_work(gallery: Gallery) -> None:
    connection = sqlite3.connect("g.db")
    connection.execute(
        """UPDATE template SET mask_spec = replace(mask_spec, '"n95"', '"my/mask.toml"'),
        mask_type = 'my/mask.toml' WHERE mask_type = 'n95'"""
    )
    connection.commit()
    connection.close()
    with pytest.raises((ConfigurationError, InputError), match=r"my/mask\.toml"):
        make_plan(gallery)


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
