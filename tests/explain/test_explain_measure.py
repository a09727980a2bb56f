"""Explanations of what a Recognizer of fakes decides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from maskwise import Recognizer, Wear, unsure
from maskwise.compare import compare
from maskwise.decide import OperatingCurve, OperatingPoints
from maskwise.errors import SubjectError
from maskwise.explain import FaceExplanation, explain_pair, explain_photo
from maskwise.explain.card import card
from maskwise.explain.page import page
from maskwise.explain.tiles import photo_tile
from maskwise.explain.words import meaning, score_words, verdict
from maskwise.likelihood import LogisticMap
from maskwise.testing.command_line import GOLD, GREEN, RED, TEAL, make_recognizer, photo
from maskwise.testing.fakes import FakeDetector, FakeEncoder, FakeMaskClassifier, FakePredictor


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recognizer]:
    monkeypatch.chdir(tmp_path)
    with make_recognizer() as recognizer:
        for name, colour in (("Ruby", RED), ("Olive", GREEN), ("Goldie", GOLD)):
            recognizer.enrol(name, photo(f"people/{name}.png", colour))
        yield recognizer


def one(recognizer: Recognizer, path: Path, **more: str) -> FaceExplanation:
    (found,) = explain_photo(recognizer, path, **more)  # type: ignore[arg-type]
    return found


def test_a_match_is_explained_by_the_template_that_won(known: Recognizer) -> None:
    e = one(known, photo("x.png"))
    (plain,) = known.identify("x.png")
    assert e.decision == plain.decision
    assert e.candidates == plain.candidates
    assert verdict(e) == "match: Ruby"
    assert e.against is not None
    assert (e.against.name, e.against.wear.kind) == ("Ruby", "none")
    assert e.score == plain.decision.score
    assert e.point == plain.decision.operating_point
    assert compare(e.face.template.vector[None], e.against.vector[None])[0, 0] == pytest.approx(
        e.score
    )
    assert e.parts is not None
    assert e.parts.score == pytest.approx(e.score, abs=1e-5)
    assert [t.fmr for t in e.ticks] == [0.1, 1e-2, 1e-3, 1e-4]
    # The fake looks at the forehead alone.
    rows = e.parts.falls.max(1)
    assert rows[1:3].max() > 10 * max(rows[4:].max(), 1e-9)
    assert e.photos == 3
    assert "Ruby" not in score_words(e)  # the verdict says it


def test_a_picture_of_the_template_is_shown_while_its_file_is_the_enrolled_one(
    known: Recognizer,
) -> None:
    masked = photo("m.png", masked=True)
    e = one(known, masked)
    assert e.against is not None
    assert e.against.wear.kind == "virtual"
    assert e.against.picture_of == "file"
    assert e.against.picture is not None
    vector = known.encoder.encode_batch(e.against.picture[None])[0]
    assert np.abs(vector - e.against.vector).max() < 1e-6
    photo("people/Ruby.png", TEAL)
    again = one(known, masked)
    assert again.against is not None
    assert again.against.picture is None
    Path("people/Ruby.png").unlink()
    assert "Ruby.png" in one(known, masked).against.reference  # type: ignore[union-attr]


def test_of_an_enrolled_photo_of_two_the_enrolled_face_is_shown(
    known: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    known.enrol("Teal", photo("people/Teal.png", TEAL, more=[(RED, 300, 40, 40)]))
    found = known.detector.detect
    monkeypatch.setattr(known.detector, "detect", lambda image: found(image)[::-1])
    e = one(known, photo("t.png", TEAL))
    assert e.against is not None
    assert (e.against.name, e.against.picture_of) == ("Teal", "file")
    assert e.against.picture is not None
    vector = known.encoder.encode_batch(e.against.picture[None])[0]
    assert np.abs(vector - e.against.vector).max() < 1e-6


def test_a_kept_face_is_shown_without_any_file(known: Recognizer) -> None:
    file = photo("kept/Teal.png", TEAL)
    known.enrol("Teal", file, keep="faces")
    file.unlink()
    e = one(known, photo("t.png", TEAL, masked=True))
    assert e.against is not None
    assert (e.against.name, e.against.picture_of) == ("Teal", "kept")


def test_somebody_else_can_be_asked_about(known: Recognizer) -> None:
    e = one(known, photo("x.png"), subject="Olive")
    assert verdict(e) == "match: Ruby"
    assert e.asked
    assert e.against is not None
    assert e.against.name == "Olive"
    assert e.score is not None
    assert e.decision.score is not None
    assert e.score < e.decision.score
    assert "against Olive" in score_words(e)
    assert "too little" in score_words(e)
    with pytest.raises(SubjectError):
        one(known, Path("x.png"), subject="Nobody")


def test_the_one_asked_about_is_held_to_the_threshold_for_what_both_wear(
    known: Recognizer,
) -> None:
    like = OperatingCurve((0.1, 1e-6), (0.5, 0.9), 1000, "fakes")
    other = OperatingCurve((0.1, 1e-6), (0.3, 0.7), 1000, "fakes")
    points = OperatingPoints("fake-encoder", {"bare-bare": like, "bare-masked": other})
    known.__dict__["operating_points"] = points
    known.enrol("Teal", photo("people/Teal.png", TEAL, masked=True))
    e = one(known, photo("x.png"), subject="Teal")
    best = e.decision.operating_point
    assert e.point is not None
    assert best is not None
    assert (best.wear_pair, e.point.wear_pair) == ("bare-bare", "bare-masked")
    assert e.point.target_fmr == best.target_fmr
    assert e.point.threshold == pytest.approx(best.threshold - 0.2)


def test_the_one_asked_about_is_listed_however_far_down(known: Recognizer) -> None:
    (e,) = explain_photo(known, photo("x.png"), subject="Olive", top=1)
    assert [c.subject for c in e.candidates] == ["Ruby", "Olive"]
    (e,) = explain_photo(known, "x.png", top=1)
    assert [c.subject for c in e.candidates] == ["Ruby"]


def test_every_face_is_explained_and_none_is_nothing(known: Recognizer) -> None:
    found = explain_photo(known, photo("two.png", RED, more=[(TEAL, 300, 40, 80)]))
    assert found[0].decision.outcome == "match"
    assert len(found) == 2
    assert explain_photo(known, photo("black.png", (0, 0, 0))) == []


def test_a_pair_is_explained_as_verify_decides_it(known: Recognizer) -> None:
    a, b = photo("a.png"), photo("b.png", left=100, masked=True)
    for first, second in ((a, b), (b, a), (a, a)):
        e, reasons = explain_pair(known, first, second)
        assert e is not None
        assert reasons == ()
        assert e.decision == known.verify(first, second).decision
        assert e.parts is not None
        assert e.score is not None
        assert e.parts.score == pytest.approx(e.score, abs=1e-5)
        assert e.photos is None
        assert e.against is not None
        assert e.against.picture_of == "given"
    bare, _ = explain_pair(known, a, b)
    masked, _ = explain_pair(known, b, a)
    assert bare is not None
    assert masked is not None
    assert bare.drawn is not None  # the mask is on the bare face, whichever it is
    assert bare.against is not None
    assert bare.against.wear == Wear("real")
    assert masked.drawn is None
    assert masked.against is not None
    assert masked.against.wear.kind == "virtual"


def test_a_pair_without_a_face_says_why(known: Recognizer) -> None:
    e, reasons = explain_pair(known, photo("a.png"), photo("black.png", (0, 0, 0)))
    assert e is None
    assert "no face" in reasons[0]


def test_nothing_is_written_to_the_gallery(known: Recognizer) -> None:
    before = known.gallery.stats(), known.gallery.people()
    one(known, photo("m.png", masked=True))
    assert (known.gallery.stats(), known.gallery.people()) == before


def test_without_thresholds_there_is_still_a_picture(tmp_path: Path) -> None:
    with Recognizer(
        detector=FakeDetector(),
        predictor=FakePredictor(),
        mask_classifier=FakeMaskClassifier(),
        encoder=FakeEncoder(),
        operating_points=OperatingPoints.uncalibrated("fake-encoder"),
    ) as recognizer:
        recognizer.enrol("Ruby", photo(tmp_path / "r.png"))
        e = one(recognizer, photo(tmp_path / "x.png", left=100))
    assert e.point is None
    assert e.ticks == ()
    assert e.llr is None
    assert verdict(e) == "could not tell"
    assert score_words(e).endswith("against Ruby: what it means is not known")
    assert card(e).width == 1200


def test_the_likelihood_ratio_is_at_least_that_where_its_map_ends(
    known: Recognizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = LogisticMap(slope=10.0, offset=-5.0, low=-4.0, high=3.0)
    curve = OperatingCurve((0.1, 1e-6), (0.5, 0.9), 1000, "fakes", line)
    known.__dict__["operating_points"] = OperatingPoints("fake-encoder", {"bare-bare": curve})
    x = photo("x.png")
    e = one(known, x)
    assert (e.llr, e.llr_is_bound) == (3.0, True)
    assert "such a score is at least 20 times likelier for one person" in meaning(e)[-1]
    other = one(known, x, subject="Olive")
    assert other.score is not None
    assert other.llr == pytest.approx(max(10 * other.score - 5, -4))
    pair, _ = explain_pair(known, x, photo("y.png", left=100))
    assert pair is not None
    assert meaning(pair)[-1].startswith("Such a score is at least 20 times likelier")
    # A decision on a poor picture has none, so its explanation has none either.
    monkeypatch.setattr(unsure, "complaints", lambda *_: ("too dark",))
    poor = one(known, photo("t.png", TEAL))
    assert poor.decision.outcome == "insufficient"
    assert (poor.llr, poor.llr_is_bound) == (None, False)


@pytest.mark.parametrize("left", [0, 325])
def test_the_tile_of_a_face_at_the_border_is_all_photo(known: Recognizer, left: int) -> None:
    (e,) = explain_photo(known, photo("x.png", left=left))
    tile = np.asarray(photo_tile(e))
    for edge in (tile[:, 1], tile[:, -2]):  # a pixel in: the box's frame may touch the edge
        assert (edge == (236, 236, 232)).all(1).mean() < 0.01


def test_the_card_shows_all_candidates_that_were_asked_for(known: Recognizer) -> None:
    (e,) = explain_photo(known, photo("x.png"))
    shown = card(replace(e, candidates=e.candidates * 40))
    rows = len(e.candidates) * 40
    assert shown.height > 27 * rows
    # Down to the last line there is something on paper, and paper below it.
    assert tuple(shown.pixels[-1, 0]) == (250, 250, 248)
    assert (shown.pixels[-60:] < 128).any()


def test_the_card_and_the_page(known: Recognizer) -> None:
    photo("people/evil.png", TEAL)
    known.enrol("<script>alert(1)</script>\u202e", "people/evil.png")
    found = explain_photo(known, photo("two.png", TEAL, more=[(RED, 300, 40, 80)]))
    cards = [card(e) for e in found]
    assert all(c.width == 1200 and 600 < c.height < 1600 for c in cards)
    html = page("two.png", [(e, b"jpeg") for e in found], mark="<mark>", models="m").decode()
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "\u202e" not in html
    assert "http" not in html.replace("http-equiv", "")
    assert html.count("<img ") == 3  # the photo with its faces numbered, and a card a face
    assert "Face 1 of 2: match" in html
    assert "a sensitivity, not a proof" in html
