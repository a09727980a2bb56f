"""The Recognizer on fakes: what is composed, and what becomes of every kind of photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from maskwise import Recognizer, masks
from maskwise.align import ARCFACE_CHIP, DLIB_CHIP, DLIB_CHIP_68, by_scheme
from maskwise.decide import OperatingCurve, OperatingPoints
from maskwise.errors import (
    AmbiguousFaceError,
    ConfigurationError,
    EncoderMismatchError,
    GalleryError,
    InputError,
    NoFaceError,
)
from maskwise.explain import explain_pair
from maskwise.gallery import open_gallery
from maskwise.masks import DEFAULT_TYPES, own
from maskwise.testing.fakes import (
    FakeDetector,
    FakeEncoder,
    FakeMaskClassifier,
    FakePredictor,
    face_picture,
)
from maskwise.types import (
    F32,
    U8,
    Detection,
    Image,
    Landmarks,
    MaskState,
    Scheme,
    check_chips,
)
from maskwise.virtual import virtual_vectors

RED, GREEN, GOLD = (220, 60, 60), (60, 200, 60), (220, 200, 60)
CURVE = OperatingCurve((0.1, 1e-6), (0.5, 0.9), 1000, "fakes")
POINTS = OperatingPoints(
    "fake-encoder", {"bare-bare": CURVE, "bare-masked": CURVE, "masked-masked": CURVE}
)


def recognizer(gallery: Any = None, **arguments: Any) -> Recognizer:
    return Recognizer(
        gallery,
        detector=FakeDetector(),
        predictor=FakePredictor(),
        mask_classifier=FakeMaskClassifier(),
        encoder=arguments.pop("encoder", FakeEncoder()),
        operating_points=POINTS,
        **arguments,
    )


def face(colour: tuple[int, int, int], *, masked: bool = False, left: int = 90) -> Any:
    return face_picture([(colour, left, 40, 120)], masked=[0] if masked else [])


def pair(second_side: int) -> Any:
    return face_picture([(RED, 100, 60, 100), (GREEN, 300, 20, second_side)], size=(220, 450))


def test_a_person_is_found_again_bare_and_masked() -> None:
    r = recognizer()
    r.enrol("Ruby", face(RED))
    r.enrol("Olive", face(GREEN))
    for masked in (False, True):
        (found,) = r.identify(face(RED, masked=masked))
        assert found.face.mask.worn == masked
        assert found.candidates[0].subject == "Ruby"
        assert found.decision.outcome == "match"
        assert [c.rank for c in found.candidates] == [1, 2]


def test_a_masked_probe_meets_masked_templates_and_a_bare_one_bare_ones() -> None:
    r = recognizer()
    r.enrol("Ruby", face(RED))
    (bare,) = r.identify(face(RED))
    (masked,) = r.identify(face(RED, masked=True))
    assert bare.candidates[0].wear.kind == "none"
    assert bare.decision.operating_point.wear_pair == "bare-bare"
    assert masked.candidates[0].wear.kind == "virtual"
    assert masked.decision.operating_point.wear_pair == "masked-masked"


def test_a_stranger_is_no_match_but_has_candidates() -> None:
    r = recognizer()
    r.enrol("Ruby", face(RED))
    (found,) = r.identify(face(GREEN))
    assert found.decision.outcome == "no_match"
    assert found.candidates[0].subject == "Ruby"
    assert found.subject is None
    assert r.identify(face(RED))[0].subject == "Ruby"


def test_every_face_of_a_picture_is_answered_by_falling_score() -> None:
    r = recognizer()
    r.enrol("Ruby", face(RED))
    both = r.identify(pair(60))
    assert [f.candidates[0].subject for f in both] == ["Ruby", "Ruby"]
    assert [f.decision.outcome for f in both] == ["match", "no_match"]


def test_top_limits_the_candidates() -> None:
    r = recognizer()
    for name, colour in (("Ruby", RED), ("Olive", GREEN), ("Amber", GOLD)):
        r.enrol(name, face(colour))
    assert len(r.identify(face(RED), top=2)[0].candidates) == 2
    with pytest.raises(InputError, match="top"):
        r.identify(face(RED), top=0)


def test_an_empty_gallery_matches_nobody_and_says_so() -> None:
    (found,) = recognizer().identify(face(RED))
    assert found.candidates == ()
    assert found.subject is None
    assert found.decision.outcome == "no_match"
    assert "nobody is enrolled" in found.decision.reasons[0]


def test_a_picture_without_a_face_gives_nothing() -> None:
    assert recognizer().identify(np.zeros((50, 50, 3), np.uint8)) == []


def test_enrolment_encodes_a_photo_and_its_masks_in_one_batch() -> None:
    encoder = FakeEncoder()
    report = recognizer(encoder=encoder, masks="surgical,n95,gas").enrol("Ruby", face(RED))
    assert encoder.batches == [4]
    assert report.templates == 4


class WholeFaces(FakeEncoder):
    """Sees the chin, too, and so what is drawn on it."""

    id = "whole-faces"
    dim = 6

    def encode_batch(self, chips: U8) -> F32:
        halves = chips.reshape(len(chips), 2, 75, 150, 3).mean((2, 3)).reshape(len(chips), 6)
        return np.asarray(halves / np.linalg.norm(halves, axis=1, keepdims=True), np.float32)


def test_templates_in_masks_lean_to_the_bare_one() -> None:
    one = recognizer(masks="surgical,n95", encoder=WholeFaces())
    found, _ = one.dominant(face(RED))
    specs = [masks.spec_for(name) for name in one.mask_types]
    worn, _ = masks.wear_on_chips([found.chip], specs)
    encoded = one.encoder.encode_batch(np.concatenate([found.chip.pixels[None], worn[0]]))
    made = [t.vector for t in one.templates(found.chip, found.mask, specs)]
    np.testing.assert_array_equal(made[0], encoded[0])
    np.testing.assert_array_equal(made[1:], virtual_vectors(encoded[0], encoded[1:]))
    assert not np.allclose(made[1:], encoded[1:], atol=1e-2)


def test_verify_and_explain_compare_with_what_enrolment_would_keep() -> None:
    one = recognizer(masks="surgical", encoder=WholeFaces())
    bare, masked = face(RED), face(RED, masked=True, left=100)
    (reference, _), (probe, _) = one.dominant(bare), one.dominant(masked)
    _, drawn = one.templates(reference.chip, reference.mask, [masks.spec_for("surgical")])
    score = float(drawn.vector @ probe.template.vector)
    assert one.verify(bare, masked).decision.score == pytest.approx(score, abs=1e-6)
    for a, b in ((bare, masked), (masked, bare)):
        told, _ = explain_pair(one, a, b)
        assert told is not None
        assert told.parts is not None
        assert told.score == pytest.approx(score, abs=1e-6)
        assert told.parts.score == pytest.approx(score, abs=1e-6)


def test_masks_none_stores_the_bare_template_and_masked_probes_meet_it() -> None:
    r = recognizer(masks="none")
    assert r.enrol("Ruby", face(RED)).templates == 1
    (found,) = r.identify(face(RED, masked=True))
    assert found.candidates[0].wear.kind == "none"
    assert found.decision.operating_point.wear_pair == "bare-masked"


def test_a_masked_photo_is_enrolled_as_it_is() -> None:
    report = recognizer().enrol("Ruby", face(RED, masked=True))
    assert report.templates == 1
    assert "wears a mask" in report.photos[0].note


def test_every_photo_is_accounted_for(tmp_path: Path) -> None:
    good, empty, text = tmp_path / "good.png", tmp_path / "empty.png", tmp_path / "text.jpg"
    PillowImage.fromarray(face(RED)).save(good)
    PillowImage.new("RGB", (40, 40)).save(empty)
    text.write_text("no picture")
    r = recognizer()
    photos = [good, empty, text, tmp_path / "missing.jpg", pair(95)]
    report = r.enrol("Ruby", photos)
    assert [p.status for p in report.photos] == [
        "enrolled",
        "no_face",
        "unreadable",
        "unreadable",
        "several_faces",
    ]
    assert report.skipped == 4
    assert all(p.note for p in report.photos[1:])
    again = r.enrol("Ruby", [good])
    assert again.photos[0].status == "already"
    assert again.templates == 0


def test_a_mask_file_that_changed_is_drawn_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'name = "mine"\ntitle = "mine"\nimage = "mine.png"\n[anchors]\n'
        "nose_top = [40, 5]\nleft_cheek = [75, 20]\nright_cheek = [5, 20]\nchin = [40, 75]\n"
    )
    gallery = open_gallery(tmp_path / "g.db")
    picture = PillowImage.new("RGBA", (80, 80), (40, 40, 40, 255))
    statuses, drawn = [], []
    for color in (40, 40, 90):
        picture.paste((color, 40, 40, 255), (0, 0, 80, 80))
        picture.save(tmp_path / "mine.png")
        monkeypatch.setattr(own, "_found", {})  # as a new process
        report = recognizer(gallery, masks=str(mine)).enrol("Ruby", face(RED))
        statuses.append(report.photos[0].status)
        (photo,) = gallery.show("Ruby").references
        drawn.append([template.wear.label for template in photo.templates])
    assert statuses == ["enrolled", "already", "enrolled"]
    assert drawn == [["none", f"virtual:{mine}"]] * 3


def test_people_enrolled_with_and_without_masks_are_ranked_by_margin() -> None:
    high = OperatingCurve((0.1, 1e-6), (0.95, 0.99), 1000, "fakes")
    low = OperatingCurve((0.1, 1e-6), (0.2, 0.3), 1000, "fakes")
    points = {"bare-bare": CURVE, "bare-masked": low, "masked-masked": high}
    r = recognizer(None)
    r.operating_points = OperatingPoints("fake-encoder", points)
    near = (200, 85, 85)
    r.enrol("Ruby", face(near), masks="none")
    r.enrol("Scarlet", face((220, 70, 60)))
    (found,) = r.identify(face(RED, masked=True))
    first, second = found.candidates
    assert first.subject == "Ruby"
    assert first.score < second.score < 0.9999
    assert found.decision.outcome == "match"
    assert found.decision.operating_point.wear_pair == "bare-masked"
    assert r.identify(face(RED, masked=True), top=1)[0].candidates[0].subject == "Ruby"


def test_two_real_masks_are_said_to_be_uncalibrated() -> None:
    r = recognizer()
    masked = face(RED, masked=True)
    assert any("real masks" in reason for reason in r.verify(masked, masked).decision.reasons)
    assert not r.verify(face(RED), masked).decision.reasons
    r.enrol("Ruby", masked)
    (found,) = r.identify(masked)
    assert any("real masks" in reason for reason in found.decision.reasons)
    assert not r.identify(face(RED))[0].decision.reasons


def test_each_photo_is_told_of_as_it_is_looked_at() -> None:
    told: list[str] = []
    empty = np.zeros((50, 50, 3), np.uint8)
    recognizer().enrol("Ruby", [face(RED), empty], on_photo=lambda p: told.append(p.status))
    assert told == ["enrolled", "no_face"]


def test_a_detection_with_impossible_points_does_not_cost_the_other_faces() -> None:
    r = recognizer()
    r.enrol("Ruby", face(RED))
    r.predictor = Misplaced()
    (found,) = r.identify(pair(60))
    assert found.candidates[0].subject == "Ruby"


class Misplaced(FakePredictor):
    """Points of the first face as they should be, those of the others in one place."""

    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        right = super().predict(image, detections)
        return [right[0], *(Landmarks("dlib5", np.full((5, 2), 7.0)) for _ in right[1:])]


class Nowhere(FakePredictor):
    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        return [Landmarks("dlib5", np.full((5, 2), 7.0)) for _ in detections]


class UpsideDown(FakePredictor):
    """Points that align but that no mask fits: the nose stands above the eyes."""

    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        made = super().predict(image, detections)
        return [
            Landmarks("dlib5", np.vstack([p.points[:4], p.points[:1] - [40, 40]])) for p in made
        ]


def test_what_cannot_be_aligned_is_no_second_face_and_no_face() -> None:
    r = recognizer()
    r.predictor = Misplaced()
    _, note = r.dominant(pair(95), strict=True)
    assert note == ""
    r.predictor = Nowhere()
    with pytest.raises(NoFaceError):
        r.dominant(face(RED))
    assert r.verify(face(RED), face(RED)).decision.outcome == "insufficient"
    assert r.enrol("Ruby", face(RED)).photos[0].status == "no_face"


class Turns(FakeMaskClassifier):
    """The first face is bare and the second masked, whatever they are."""

    def __init__(self) -> None:
        self.answers = [0.0, 1.0]

    def classify(self, chips: Any) -> list[MaskState]:
        return [MaskState(self.answers.pop(0)) for _ in chips]


class MouthEncoder(FakeEncoder):
    """As ``FakeEncoder``, by the colour of the mouth, which masks hide."""

    def encode_batch(self, chips: U8) -> F32:
        return super().encode_batch(np.roll(chips, -57, axis=1))


def test_verify_compares_the_bare_face_itself_where_no_mask_fits() -> None:
    r = recognizer()
    r.predictor = UpsideDown()
    r.mask_classifier = Turns()
    decision = r.verify(face(RED), face(RED)).decision
    assert decision.operating_point.wear_pair == "bare-masked"


def test_a_bad_name_is_no_fault_of_the_photos() -> None:
    with pytest.raises(InputError, match="name cannot be empty"):
        recognizer().enrol(" ", face(RED))
    assert recognizer().enrol(" Ruby ", face(RED)).subject == "Ruby"


def test_a_photo_that_stands_twice_in_a_call_is_enrolled_once() -> None:
    report = recognizer().enrol("Ruby", [face(RED), face(RED, left=100), face(RED)])
    assert [p.status for p in report.photos] == ["enrolled", "enrolled", "already"]
    assert report.templates == 2 * (1 + len(DEFAULT_TYPES))


def test_photos_may_come_from_any_iterable(tmp_path: Path) -> None:
    for left in (80, 100):
        PillowImage.fromarray(face(RED, left=left)).save(tmp_path / f"{left}.png")
    r = recognizer()
    assert r.enrol("Ruby", tmp_path.glob("*.png")).count("enrolled") == 2
    assert r.enrol("Ruby", str(tmp_path / "80.png")).count("already") == 1
    assert r.enrol("Ruby", (tmp_path / "80.png").read_bytes()).count("already") == 1
    assert r.enrol("Ruby", PillowImage.fromarray(face(RED))).count("enrolled") == 1


def test_a_person_without_a_usable_photo_is_not_stored() -> None:
    r = recognizer()
    assert r.enrol("Nobody", np.zeros((50, 50, 3), np.uint8)).skipped == 1
    assert r.gallery.size().people == 0


@pytest.mark.parametrize(("second_side", "strict", "clear"), [
    (60, False, True),
    (83, False, True),
    (84, False, False),
    (60, True, False),
])  # fmt: skip
def test_the_runner_up_decides_whether_a_face_is_dominant(
    second_side: int, strict: bool, clear: bool
) -> None:
    r = recognizer()
    if clear:
        _, note = r.dominant(pair(second_side), strict=strict)
        assert "of 2 faces" in note
    else:
        with pytest.raises(AmbiguousFaceError, match="2 faces"):
            r.dominant(pair(second_side), strict=strict)


def test_the_central_face_wins_over_a_slightly_larger_one_in_the_corner() -> None:
    picture = face_picture([(RED, 130, 60, 100), (GREEN, 290, 2, 105)], size=(220, 400))
    with pytest.raises(AmbiguousFaceError):
        recognizer().dominant(picture)
    picture = face_picture([(RED, 130, 60, 100), (GREEN, 310, 2, 80)], size=(220, 400))
    chosen, _ = recognizer().dominant(picture)
    assert chosen.detection.box[0] == 130


def test_no_face_is_an_error_with_a_remedy() -> None:
    with pytest.raises(NoFaceError, match="use a photo"):
        recognizer().dominant(np.zeros((50, 50, 3), np.uint8))


def test_verify_draws_masks_on_the_bare_side() -> None:
    r = recognizer()
    same = r.verify(face(RED), face(RED, masked=True))
    assert same.decision.outcome == "match"
    assert same.decision.operating_point.wear_pair == "masked-masked"
    assert r.verify(face(RED, masked=True), face(RED)).decision.outcome == "match"
    other = r.verify(face(RED), face(GREEN))
    assert other.decision.outcome == "no_match"
    assert other.decision.operating_point.wear_pair == "bare-bare"


def test_verify_compares_a_masked_face_with_the_drawn_masks_alone() -> None:
    """As its threshold was fitted: the bare template would win here, with a score of 1."""
    r = recognizer(encoder=MouthEncoder())
    r.mask_classifier = Turns()
    decision = r.verify(face(RED), face(RED)).decision
    point, score = decision.operating_point, decision.score
    assert point is not None
    assert point.wear_pair == "masked-masked"
    assert score is not None
    assert score < 0.99


def test_verify_of_two_masked_faces_is_decided_as_of_such() -> None:
    decision = recognizer().verify(face(RED, masked=True), face(RED, masked=True)).decision
    point = decision.operating_point
    assert point is not None
    assert point.wear_pair == "masked-masked"


def test_verify_could_not_tell_without_a_face() -> None:
    result = recognizer().verify(face(RED), np.zeros((50, 50, 3), np.uint8))
    assert result.decision.outcome == "insufficient"
    assert result.b is None
    assert "no face" in result.decision.reasons[0]


def test_another_encoder_is_refused_before_anything_is_encoded(tmp_path: Path) -> None:
    class Other(FakeEncoder):
        id = "other-encoder"
        space = "elsewhere"

    place = tmp_path / "people.db"
    with open_gallery(place) as gallery:
        recognizer(gallery).enrol("Ruby", face(RED))
    encoder = Other()
    with open_gallery(place) as gallery:
        r = recognizer(gallery, encoder=encoder)
        with pytest.raises(EncoderMismatchError):
            r.enrol("Olive", face(GREEN))
        with pytest.raises(EncoderMismatchError):
            r.identify(face(GREEN))
    assert encoder.batches == []


def test_a_recognizer_closes_the_gallery_that_it_opened_and_no_other(tmp_path: Path) -> None:
    place = tmp_path / "people.db"
    with recognizer(place) as r:
        r.enrol("Ruby", face(RED))
        opened = r.gallery
    with pytest.raises(GalleryError):
        opened.size()
    with open_gallery(place) as gallery:
        with recognizer(gallery) as r:
            assert r.identify(face(RED))[0].decision.outcome == "match"
        assert gallery.size().people == 1


@pytest.mark.parametrize("argument", ["detector", "predictor", "mask_classifier", "encoder"])
def test_unknown_backends_are_refused_by_name(argument: str) -> None:
    with pytest.raises(ConfigurationError, match="nonesuch"):
        Recognizer(**{argument: "nonesuch"})


class FiveDetector(FakeDetector):
    """As YuNet: the five points come with the box."""

    id = "fake-five"
    scheme: Scheme | None = "five"

    def detect(self, image: Image) -> list[Detection]:
        spec = by_scheme(DLIB_CHIP, "five")
        shares = (spec.reference + 0.5) / spec.size * 1.5 - 0.25
        return [
            replace(
                found,
                landmarks=Landmarks(
                    "five", np.float32(shares * (found.box[2:] - found.box[:2]) + found.box[:2])
                ),
            )
            for found in super().detect(image)
        ]


class ArcFaceEncoder(FakeEncoder):
    """Forehead colours again, of ArcFace's chip."""

    id = "fake-arcface/arcface-112"
    space = "fake-arcface"
    chip_spec = ARCFACE_CHIP

    def encode_batch(self, chips: U8) -> F32:
        check_chips(chips, 112)
        return super().encode_batch(np.pad(chips, ((0, 0), (20, 18), (19, 19), (0, 0))))


class TestLandmarksOfOtherSchemes:
    def recognizer(self, **arguments: Any) -> Recognizer:
        given = {"mask_classifier": FakeMaskClassifier(), "operating_points": POINTS, **arguments}
        return Recognizer(**given)

    @pytest.mark.parametrize("encoder", [FakeEncoder(), ArcFaceEncoder()])
    @pytest.mark.parametrize(
        ("detector", "predictor"),
        [
            (FakeDetector(), FakePredictor()),
            (FiveDetector(), FakePredictor()),
            (FiveDetector(), "detector"),
        ],
    )
    def test_any_encoder_works_with_any_landmarks(
        self, encoder: FakeEncoder, detector: FakeDetector, predictor: Any
    ) -> None:
        r = self.recognizer(detector=detector, predictor=predictor, encoder=encoder)
        # Flat colour alone is no good picture of a face, and some of these scores are alike.
        for name, colour in (("Ruby", RED), ("Olive", GREEN)):
            assert r.enrol(name, face(colour), quality="off").count("enrolled") == 1
        for masked in (False, True):
            (found,) = r.identify(face(RED, masked=masked))
            assert found.face.mask.worn == masked
            assert found.candidates[0].subject == "Ruby"
            assert found.decision.score >= found.decision.operating_point.threshold
            assert found.face.chip.spec.scheme == r.predictor.scheme

    def test_chips_by_other_landmarks_are_another_encoder_of_the_same_space(self) -> None:
        by_five = self.recognizer(
            detector=FiveDetector(), predictor="detector", encoder=FakeEncoder()
        )
        assert by_five.encoder.id == "fake-encoder/dlib5-150-p25-by-five"
        assert by_five.encoder.space == "fake-space"
        assert by_five.encoder.dim == 4
        assert by_five.models["mask"] == "fake-mask/dlib5-150-p25-by-five"
        assert by_five.models["landmarks"] == "detector/five"
        by_dlib = self.recognizer(
            detector=FakeDetector(), predictor=FakePredictor(), encoder=ArcFaceEncoder()
        )
        assert by_dlib.encoder.id == "fake-arcface/arcface-112-by-dlib5"

    @pytest.mark.parametrize(
        ("detector", "encoder", "landmarks"),
        [
            (FakeDetector(), FakeEncoder(), "dlib-five-points"),
            (FiveDetector(), FakeEncoder(), "dlib-five-points"),
            (FakeDetector(), ArcFaceEncoder(), "dlib-five-points"),
            (FiveDetector(), ArcFaceEncoder(), "detector"),
        ],
    )
    def test_unasked_the_detectors_own_count_where_the_encoder_wants_such(
        self, detector: FakeDetector, encoder: FakeEncoder, landmarks: str
    ) -> None:
        r = self.recognizer(detector=detector, encoder=encoder)
        assert r.predictor.id.split("/")[0] == landmarks

    def test_a_detector_without_landmarks_cannot_lend_them(self) -> None:
        with pytest.raises(ConfigurationError, match=r"fake-detector gives no landmarks.*yunet"):
            self.recognizer(detector=FakeDetector(), predictor="detector", encoder=FakeEncoder())

    def test_a_chip_of_the_68_points_is_placed_by_them_alone(self) -> None:
        class Many(FakeEncoder):
            chip_spec = DLIB_CHIP_68

        with pytest.raises(ConfigurationError, match="dlib68-150-p25 cannot be placed by other"):
            self.recognizer(detector=FakeDetector(), predictor=FakePredictor(), encoder=Many())


class TestSpaces:
    class Student(FakeEncoder):
        id = "fake-student"

    def test_probes_of_another_encoder_of_the_space_rank_and_are_not_decided(
        self, tmp_path: Path
    ) -> None:
        place = tmp_path / "people.db"
        with recognizer(place) as r:
            r.enrol("Ruby", face(RED))
            r.enrol("Olive", face(GREEN))
        with Recognizer(
            place,
            detector=FakeDetector(),
            predictor=FakePredictor(),
            mask_classifier=FakeMaskClassifier(),
            encoder=self.Student(),
        ) as r:
            (found,) = r.identify(face(RED))
            assert [c.subject for c in found.candidates] == ["Ruby", "Olive"]
            assert found.decision.outcome == "insufficient"
            (reason,) = found.decision.reasons
            assert "templates are of fake-encoder, and this face's of fake-student" in reason
            with pytest.raises(EncoderMismatchError):
                r.enrol("Goldie", face(GOLD))

    def test_given_thresholds_decide_for_them(self, tmp_path: Path) -> None:
        place = tmp_path / "people.db"
        with recognizer(place) as r:
            r.enrol("Ruby", face(RED))
        with recognizer(place, encoder=self.Student()) as r:
            assert r.identify(face(RED))[0].subject == "Ruby"


def test_an_uncalibrated_encoder_ranks_and_decides_nothing() -> None:
    r = Recognizer(
        detector=FakeDetector(),
        predictor=FakePredictor(),
        mask_classifier=FakeMaskClassifier(),
        encoder=FakeEncoder(),
    )
    r.enrol("Ruby", face(RED))
    (found,) = r.identify(face(RED))
    assert (found.candidates[0].subject, found.subject) == ("Ruby", None)
    for decision in (found.decision, r.verify(face(RED), face(RED)).decision):
        assert decision.outcome == "insufficient"
        assert decision.score == pytest.approx(1)
        assert decision.operating_point is None
        assert "maskwise calibrate" in decision.reasons[0]


def test_unknown_masks_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="veil"):
        recognizer(masks="veil")
