"""maskwise calibrate, and what identify and verify make of it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from drawn_people import Colours, Mouths, Predictor, Squares, people, picture, save
from made import made_scores

from maskwise import Recognizer
from maskwise.cli import main
from maskwise.cli.options import Tools
from maskwise.evaluate.calibration import calibrate
from maskwise.evaluate.calibration_file import read_calibration, write_calibration
from maskwise.evaluate.calibration_trials import (
    NON_MATED,
    calibration_trials,
    joined,
    without_repeats,
)
from maskwise.evaluate.score_file import read_scores, write_scores
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.trials import from_folder


def recognizer(**arguments: Any) -> Recognizer:
    """Without thresholds of its own."""
    return Recognizer(
        detector=Squares(),
        predictor=Predictor(),
        mask_classifier=Mouths(),
        encoder=Colours(),
        **arguments,
    )


@dataclass
class Answer:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def run(*arguments: Any) -> Answer:
    found = CliRunner().invoke(main, list(map(str, arguments)), obj=Tools(recognizer))
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return Answer(found.exit_code, found.stdout, found.stderr)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 people with three photos each: 36 mated pairs, 594 others. One photo is of nobody."""
    folder = people(tmp_path_factory.mktemp("photos") / "Secret Street", 12)
    save(np.zeros((200, 300, 3), np.uint8), folder / "p00" / "black.png")
    save(picture(0, 0), folder / "loose.png")
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MASKWISE_GALLERY", raising=False)
    return tmp_path


@pytest.fixture
def enrolled(home: Path, photos: Path) -> Path:
    with recognizer(gallery="g.db") as r:
        for name in ("p00", "p01", "p02"):
            r.enrol(name, photos / name / "0.png")
    return home / "g.db"


def scores_file(path: Path, models: bool = True, **changes: Any) -> Path:
    """Made-up scores, of the models of ``recognizer`` unless told otherwise."""
    made = made_scores(**changes)
    if models:
        ids = recognizer().models
        given = replace(made.provenance, encoder_id=ids["encoder"], models=ids)
        made = replace(made, provenance=given)
    write_scores(path, made)
    return path


def test_a_folder_is_fitted_and_lies_beside_the_gallery(
    enrolled: Path, photos: Path, cache: Path
) -> None:
    answer = run(
        *("calibrate", "--folder", photos, "--target-fmr", 0.02, "--gallery", "g.db"),
        *("--cache", cache),
    )
    place = enrolled.with_name("g.db.calibration.json")
    assert answer.status == 1, answer  # a photo was left out
    assert "Photos left out: 1 no face." in answer.out
    assert "pictures in" in answer.err
    assert "12 people are few" in answer.err
    assert str(place.name) in answer.out.splitlines()[-1]
    found = read_calibration(place)
    assert set(found.pairs) == {"bare-bare", "bare-masked", "masked-masked"}
    assert (found.pairs["bare-bare"].mated, found.pairs["bare-bare"].non_mated) == (36, 594)
    assert found.pairs["bare-bare"].people == 12
    assert found.target_fmr == 0.02
    # Both ways round, two masks each, but for masks that were overlooked.
    assert 36 < found.pairs["masked-masked"].mated <= 4 * 36


def test_what_is_written_holds_no_name_and_no_path(
    enrolled: Path, photos: Path, cache: Path
) -> None:
    run("calibrate", "--folder", photos, "--gallery", "g.db", "--cache", cache)
    text = enrolled.with_name("g.db.calibration.json").read_text()
    for secret in ("Secret", "Street", "p00", "p01", "loose", str(photos.parent), "g.db", "/0."):
        assert secret not in text
    named = scores_file(enrolled.with_name("s.npz"))
    run("calibrate", "--scores", named, "--gallery", "g.db")
    text = enrolled.with_name("g.db.calibration.json").read_text()
    for secret in ("p003", "p0", "s.npz", "align", "belong to nobody"):
        assert secret not in text
    assert "40 people in score files of your own" in text


def test_identify_and_verify_decide_by_it(enrolled: Path, photos: Path, cache: Path) -> None:
    probe, other = photos / "p00" / "1.png", photos / "p00" / "2.png"
    # The stub encoder ships without thresholds.
    before = run("identify", probe, "--gallery", "g.db", "--json")
    assert before.status == 0
    assert before.json["decision"]["outcome"] == "insufficient"
    (reason,) = before.json["decision"]["reasons"]
    assert "no calibrated thresholds" in reason
    assert "maskwise calibrate" in reason
    fitted = run(
        *("calibrate", "--folder", photos, "--target-fmr", 0.02, "--gallery", "g.db", "--json"),
        *("--cache", cache),
    ).json
    decision = run("identify", probe, "--gallery", "g.db", "--json").json["decision"]
    assert decision["calibration"] == "own"
    # 1 - (1 - 0.01)^(1/3), beyond ten of 594.
    assert decision["target_fmr"] == pytest.approx(10 / 594, rel=1e-3)
    assert decision["supported"] is False
    assert decision["reasons"][0].startswith("unsupported: an FPIR of 0.01 over 3 enrolled photos")
    lax = run("identify", probe, "--gallery", "g.db", "--target-fpir", 0.2, "--json").json
    assert lax["decision"]["supported"] is True
    assert lax["decision"]["target_fmr"] == pytest.approx(1 - 0.8 ** (1 / 3))
    assert lax["decision"]["threshold"] < decision["threshold"]
    assert lax["decision"]["llr"] == decision["llr"] != 0
    said = run("identify", probe, "--gallery", "g.db").out
    assert "Note: unsupported: " in said
    assert "by the calibration beside the gallery, calibrated on 12 people of your own" in said

    verified = run("verify", probe, other, "--gallery", "g.db", "--json").json["decision"]
    row = fitted["pairs"]["bare-bare"]
    assert verified["threshold"] == pytest.approx(row["threshold"], abs=1e-6)
    assert (verified["target_fmr"], verified["calibration"]) == (0.02, "own")
    assert verified["probability"] == pytest.approx(1 / (1 + np.exp(-verified["llr"])), abs=1e-5)
    said = run("verify", probe, other, "--gallery", "g.db", "--target-fmr", 0.05).out
    assert "(FMR 0.05)" in said
    assert "likelier for one person than for two (LLR " in said
    elsewhere = run("verify", probe, other)
    assert elsewhere.status == 3
    assert "no calibrated thresholds" in elsewhere.out


def test_a_dry_run_writes_nothing_and_needs_no_gallery(
    home: Path, photos: Path, cache: Path
) -> None:
    answer = run(
        *("calibrate", "--folder", photos, "--target-fmr", 0.0001, "--dry-run", "--json"),
        *("--cache", cache, "--kind", "pav"),
    )
    told = answer.json
    assert answer.status == 1
    assert (told["calibration"], told["dry_run"], told["target_fmr"]) == (None, True, 0.0001)
    assert (told["people"], told["photos"], told["left_out"]) == (12, 36, {"no_face": 1})
    assert told["pairs"]["bare-bare"]["supported"] is False
    assert told["pairs"]["bare-bare"]["shipped_threshold"] is None
    assert told["pairs"]["bare-bare"]["reaches_fmr"] == pytest.approx(10 / 594, rel=1e-3)
    first = told["unsupported"][0]
    assert first.startswith("unsupported: bare-bare: an FMR of 0.0001 is not supported by 594")
    # 594 pairs of 36 photos; 100,000 are needed.
    assert "it needs 100,000 (all pairs of about 468 such photos)" in first
    assert not list(home.rglob("*.json"))


def test_too_few_mated_pairs_are_refused_before_the_slow_part(home: Path) -> None:
    few = people(home / "few", 9)  # 27 mated pairs
    answer = run("calibrate", "--folder", few, "--dry-run", "--cache", home / "c")
    assert answer.status == 2
    assert "27 mated trials are too few to calibrate with (30 at least)" in answer.err
    assert "add photos, two or more of each person" in answer.err
    assert answer.out == ""
    assert not (home / "c").exists()


def test_copies_of_a_photo_are_no_mated_pairs(home: Path) -> None:
    """9 people have 27 pairs of photos, and 108 of files where each photo lies there twice."""
    few = people(home / "few", 9)
    for path in sorted(few.glob("*/*.png")):
        shutil.copy(path, path.with_name(f"copy-{path.name}"))
    answer = run("calibrate", "--folder", few, "--dry-run", "--cache", home / "c")
    assert answer.status == 2
    assert "27 second copies of a person's photo prove nothing and are left out" in answer.err
    assert "27 mated trials are too few to calibrate with (30 at least)" in answer.err


def test_masks_drawn_anew_make_no_new_mated_pairs(home: Path) -> None:
    """27 pairs of photos are 108 masked trials, and too few all the same."""
    trials = from_folder(people(home / "few", 9))
    with TemplateCache.open(home / "c") as templates:
        found = calibration_trials(recognizer(), home / "few", trials, cache=templates)
    masked = found.scores.wear_pair().where("masked-masked") & found.scores.mated
    assert masked.sum() > 30
    with pytest.raises(Exception, match="nothing to calibrate: bare-bare: 27 mated"):
        calibrate(found.scores, reported_people=(), calibrated_on="")


def test_the_thresholds_keep_to_the_target(home: Path, photos: Path, cache: Path) -> None:
    trials = from_folder(photos, non_mated=NON_MATED)
    with TemplateCache.open(cache) as templates:
        found = calibration_trials(recognizer(), photos, trials, cache=templates)
    assert (found.people, found.photos, dict(found.failures)) == (12, 36, {"no_face": 1})
    fitted = calibrate(found.scores, reported_people=(), calibrated_on="")
    pairs = found.scores.wear_pair()
    for pair, row in fitted.pairs.items():
        others = found.scores.scores[pairs.where(pair) & ~found.scores.mated]
        assert row.non_mated == len(others)
        for fmr in (0.1, 0.05, 0.02):
            threshold, reached = row.curve.threshold(fmr)
            rows = np.array(row.curve.fmr)
            # Between two rows it is interpolated: at most the row above.
            at_most = rows[rows >= reached - 1e-12].min()
            assert (others >= threshold).mean() <= at_most


def test_real_masks_are_compared_as_verify_does(home: Path) -> None:
    folder = people(home / "some", 10, masked=[(k, 0) for k in range(10)])
    trials = from_folder(folder)
    with TemplateCache.open(home / "c") as templates:
        found = calibration_trials(recognizer(), folder, trials, cache=templates)
    scores = found.scores
    # 30 pairs: 10 of two bare photos, 20 of which one wears a real mask: verify draws on the other.
    assert (scores.wear_pair().where("bare-bare") & scores.mated).sum() == 10
    real = scores.reference_wear.where("real") & scores.probe_wear.where("virtual")
    assert (real & scores.mated).sum() == 20
    assert not scores.probe_wear.where("none")[scores.reference_wear.where("real")].any()
    words = zip(scores.reference_wear.words(), scores.probe_wear.words(), strict=True)
    trials_made = list(zip(scores.pairs.tolist(), words, scores.scores.tolist(), strict=True))
    assert len({str(one) for one in trials_made}) == len(trials_made)


def test_score_files_are_joined(enrolled: Path) -> None:
    a = scores_file(enrolled.with_name("a.npz"))
    b = scores_file(enrolled.with_name("b.npz"), seed=1)
    one = run("calibrate", "--scores", a, "--dry-run", "--json", "--target-fmr", 0.01).json
    two = run(
        *("calibrate", "--scores", a, "--scores", b, "--gallery", "g.db", "--json"),
        *("--target-fmr", 0.01),
    )
    assert two.status == 0, two
    pairs = two.json["pairs"]
    assert set(pairs) == {"bare-bare", "bare-masked"}
    for pair, row in pairs.items():
        assert row["non_mated"] == 2 * one["pairs"][pair]["non_mated"]
        assert row["people"] == one["pairs"][pair]["people"]
    assert two.json["photos"] is None
    assert Path(two.json["calibration"]).name == "g.db.calibration.json"
    again = run("calibrate", "--scores", a, "--scores", a, "--dry-run")
    assert again.status in (0, 1)  # named twice is one file
    enrolled.with_name("c.npz").write_bytes(a.read_bytes())
    twin = run("calibrate", "--scores", a, "--scores", enrolled.with_name("c.npz"), "--dry-run")
    assert twin.status == 2
    assert "holds the same scores as" in twin.err


def test_comparisons_that_stand_there_twice_count_once(home: Path) -> None:
    """Files of one list, of other options: what these leave alone would count twice."""
    path = scores_file(home / "a.npz")
    scores = read_scores(path)
    same = scores.wear_pair().where("bare-bare") & ~scores.failed
    twin = scores.subset(same)
    turned = replace(twin, pairs=twin.pairs[:, ::-1], scores=twin.scores + 1e-7)
    write_scores(home / "b.npz", turned)
    alone = run("calibrate", "--scores", path, "--dry-run", "--json").json
    both = run("calibrate", "--scores", path, "--scores", home / "b.npz", "--dry-run", "--json")
    assert both.json["pairs"] == alone["pairs"]
    assert f"{same.sum()} comparisons stand there more than once and count once" in both.err
    # Another score is another mask.
    other = replace(twin, scores=twin.scores + 1e-3)
    assert len(without_repeats(joined([scores, other]))) == len(scores) + len(twin)
    assert without_repeats(scores) is scores


def test_scores_of_other_models_do_not_go_beside_the_gallery(enrolled: Path) -> None:
    other = scores_file(enrolled.with_name("o.npz"), models=False)
    answer = run("calibrate", "--scores", other, "--gallery", "g.db")
    assert answer.status == 2
    assert "the scores were made with the detector" in answer.err
    assert not enrolled.with_name("g.db.calibration.json").exists()
    assert run("calibrate", "--scores", other, "--out", "o.json").status == 1
    assert read_calibration("o.json").encoder_id == "net/0123456789ab/chip/l2-1"
    own = scores_file(enrolled.with_name("a.npz"))
    mixed = run("calibrate", "--scores", own, "--scores", other, "--dry-run")
    assert mixed.status == 2
    assert "of different models" in mixed.err


def test_a_calibration_of_other_models_stops_identify(enrolled: Path, photos: Path) -> None:
    made = calibrate(made_scores(), reported_people=(), calibrated_on="")
    write_calibration(enrolled.with_name("g.db.calibration.json"), made)
    answer = run("identify", photos / "p00" / "1.png", "--gallery", "g.db")
    assert answer.status == 2
    assert "g.db.calibration.json: the gallery's calibration was made with the" in answer.err
    assert "calibrate anew (maskwise calibrate)" in answer.err


def test_a_damaged_one_is_replaced(enrolled: Path) -> None:
    place = enrolled.with_name("g.db.calibration.json")
    place.write_text("{")
    scores = scores_file(enrolled.with_name("a.npz"))
    assert run("calibrate", "--scores", scores, "--gallery", "g.db").status in (0, 1)
    assert read_calibration(place).pairs


def test_where_it_cannot_be_written(enrolled: Path, photos: Path) -> None:
    scores = scores_file(enrolled.with_name("a.npz"))
    Path("notes.txt").write_text("mine")
    for arguments, why in (
        (("--out", "notes.txt"), "is there already and is no calibration"),
        (("--out", "g.db"), "is there already and is no calibration"),
        (("--out", "none/c.json"), "there is no folder none"),
        (("--gallery", "none.db"), "there is no gallery here yet"),
        (("--gallery", ":memory:"), "no gallery"),
    ):
        answer = run("calibrate", "--scores", scores, *arguments)
        assert (answer.status, why in answer.err) == (2, True), answer
    assert Path("notes.txt").read_text() == "mine"
    assert run("calibrate", "--scores", scores, "--out", "c.json").status in (0, 1)
    assert run("calibrate", "--scores", scores, "--out", "c.json").status in (0, 1)


def test_usage(home: Path, photos: Path) -> None:
    assert run("calibrate").status == 2
    both = run("calibrate", "--folder", photos, "--scores", "a.npz")
    assert both.status == 2
    assert "either --folder DIR or --scores FILE" in both.err
    for share in ("0", "1", "x", "nan"):
        assert run("calibrate", "--folder", photos, "--target-fmr", share).status == 2
    assert "no such file" in run("calibrate", "--scores", "none.npz", "--dry-run").err
    assert "no such folder" in run("calibrate", "--folder", "none", "--dry-run").err


def test_ctrl_c_keeps_the_templates_and_says_so(
    enrolled: Path, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = Squares.detect

    def detect(self: Squares, image: Any) -> Any:
        asked.append(image.source)
        if len(asked) == 70:  # in the middle of the second portion of 16 photos
            raise KeyboardInterrupt
        return real(self, image)

    monkeypatch.setattr(Squares, "detect", detect)
    first = run("calibrate", "--folder", photos, "--gallery", "g.db", "--cache", "own")
    assert first.status == 130, first
    assert "the same command goes on from there" in first.err
    assert not enrolled.with_name("g.db.calibration.json").exists()
    before = len(asked)
    assert run("calibrate", "--folder", photos, "--gallery", "g.db", "--cache", "own").status == 1
    fresh = len(asked) - before
    before = len(asked)
    assert run("calibrate", "--folder", photos, "--gallery", "g.db", "--cache", "new").status == 1
    assert fresh < len(asked) - before


def test_joining_nothing_is_refused() -> None:
    with pytest.raises(Exception, match="no scores to join"):
        joined([])
