"""maskwise calibrate for two encoders: references by one, probes by the other."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from drawn_people import Colours, Mouths, Predictor, Squares, people, picture

from maskwise import Recognizer
from maskwise.cli import main
from maskwise.cli.options import Tools
from maskwise.errors import ConfigurationError, EvaluationError
from maskwise.evaluate.calibration import calibrate
from maskwise.evaluate.calibration_file import read_calibration, write_calibration
from maskwise.evaluate.calibration_trials import CalibrationTrials, calibration_trials
from maskwise.evaluate.looks import AS_IS, probe_look, reference_looks
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.templates import PhotoTemplates, make_templates
from maskwise.evaluate.trials import TrialList, from_folder
from maskwise.types import F32, U8

PAIR = "colours x student"


class Student(Colours):
    """Gives what ``Colours`` gives, and a little more of one colour."""

    def __init__(self, id: str = "student", space: str = "colours") -> None:
        super().__init__(id)
        self.space = space

    def encode_batch(self, chips: U8) -> F32:
        rows = super().encode_batch(chips) + np.array([0.3, 0, -0.1, 0, 0, 0.1, 0], np.float32)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


class Short(Student):
    dim = 6


ENCODERS: dict[str, Callable[[], Colours]] = {
    "colours": Colours,
    "student": Student,
    "second": lambda: Student("second"),
    "stranger": lambda: Student("stranger", "elsewhere"),
}


def recognizer(*, encoder: Any = "colours", **arguments: Any) -> Recognizer:
    return Recognizer(
        detector=arguments.pop("detector", None) or Squares(),
        predictor=Predictor(),
        mask_classifier=Mouths(),
        encoder=ENCODERS[encoder]() if isinstance(encoder, str) else encoder,
        **arguments,
    )


def run(*arguments: Any) -> Any:
    found = CliRunner().invoke(main, list(map(str, arguments)), obj=Tools(recognizer))
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return people(tmp_path_factory.mktemp("photos"), 11)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("MASKWISE_GALLERY", "MASKWISE_ENCODER", "MASKWISE_DETECTOR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def enrolled(home: Path, photos: Path) -> Path:
    """A gallery of the encoder "colours"."""
    with recognizer(gallery="g.db") as r:
        for name in ("p00", "p01", "p02"):
            r.enrol(name, photos / name / "0.png")
    return home / "g.db.calibration.json"


@pytest.fixture(scope="module")
def trials(photos: Path) -> TrialList:
    return from_folder(photos)


@pytest.fixture(scope="module")
def crossed(photos: Path, cache: Path, trials: TrialList) -> CalibrationTrials:
    with TemplateCache.open(cache) as templates:
        return calibration_trials(
            recognizer(encoder="student"), photos, trials, cache=templates, reference=recognizer()
        )


def fit(photos: Path, cache: Path, *arguments: Any) -> Any:
    found = run("calibrate", "--folder", photos, "--cache", cache, "--gallery", "g.db", *arguments)
    assert found.exit_code in (0, 1), found.stderr
    return found


def by_pair(found: CalibrationTrials, wear_pair: str) -> dict[tuple[int, int], list[float]]:
    """(reference, probe) -> scores, in order."""
    scores: dict[tuple[int, int], list[float]] = {}
    here = found.scores.wear_pair().where(wear_pair)
    places = found.scores.pairs[here].tolist()
    for (a, b), score in zip(places, found.scores.scores[here].tolist(), strict=True):
        scores.setdefault((a, b), []).append(score)
    return scores


class TestTheScores:
    def test_bare_faces_are_references_of_one_and_probes_of_the_other(
        self, photos: Path, trials: TrialList, crossed: CalibrationTrials
    ) -> None:
        first, second = Colours(), Student()

        def vectors(encoder: Any) -> F32:
            r = recognizer(encoder=encoder)
            faces = [r.dominant(photos / name)[0] for name in trials.photos]
            return np.stack([face.template.vector for face in faces])

        references, probes = vectors(first), vectors(second)
        found = by_pair(crossed, "bare-bare")
        assert sorted(found) == sorted(map(tuple, trials.pairs.tolist()))
        turned = 0
        for (a, b), (score,) in found.items():
            assert score == pytest.approx(float(references[a] @ probes[b]), abs=1e-5)
            turned += abs(score - float(probes[a] @ references[b])) > 1e-3
        assert turned > len(found) / 2  # else the roles would not show

    def test_masked_probes_meet_the_references_virtual_masks(
        self, photos: Path, cache: Path, trials: TrialList, crossed: CalibrationTrials
    ) -> None:
        looks, probe = reference_looks("virtual:default"), probe_look("virtual:all", 0)

        def made(encoder: Any, *wanted: Any) -> PhotoTemplates:
            with TemplateCache.open(cache) as templates:
                r = recognizer(encoder=encoder)
                return make_templates(r, photos, trials.photos, wanted, cache=templates)

        worn = made("colours", *looks).vectors
        seen = made("student", AS_IS, probe)
        like, unlike = by_pair(crossed, "masked-masked"), by_pair(crossed, "bare-masked")
        met = 0
        for a, b in [*trials.pairs[:150].tolist(), *trials.pairs[:150, ::-1].tolist()]:
            if not seen.masked[b, 1]:
                continue
            vector, met = seen.vectors[b, 1], met + 1
            best = max(float(worn[a, k] @ vector) for k in range(1, len(looks)))
            assert np.isclose(like[a, b], best, atol=1e-5).any()
            assert np.isclose(unlike[a, b], float(worn[a, 0] @ vector), atol=1e-5).any()
        assert met > 100

    def test_they_are_those_of_identify(
        self, photos: Path, trials: TrialList, crossed: CalibrationTrials
    ) -> None:
        found = by_pair(crossed, "bare-bare")
        for a, b in trials.pairs[:5].tolist():
            gallery = recognizer().gallery
            recognizer(gallery=gallery).enrol("Ada", photos / trials.photos[a])
            probe = recognizer(encoder="student", gallery=gallery)
            (face,) = probe.identify(photos / trials.photos[b])
            assert face.candidates[0].score == pytest.approx(found[a, b][0], abs=1e-5)

    def test_they_say_what_they_were_made_of(self, crossed: CalibrationTrials) -> None:
        given = crossed.scores.provenance
        assert given.encoder_id == given.models["encoder"] == PAIR
        assert "reference_detector" not in given.models
        assert (crossed.people, crossed.photos, dict(crossed.failures)) == (11, 33, {})

    def test_what_the_references_stages_are_where_they_differ(
        self, photos: Path, tmp_path: Path, trials: TrialList
    ) -> None:
        class Others(Squares):
            id = "others"

            def detect(self, image: Any) -> Any:
                return [] if image.source.endswith("p00/1.png") else super().detect(image)

        with TemplateCache.open(tmp_path) as templates:
            found = calibration_trials(
                recognizer(encoder="student"),
                photos,
                trials,
                cache=templates,
                reference=recognizer(detector=Others()),
            )
        models = found.scores.provenance.models
        assert (models["detector"], models["reference_detector"]) == ("squares", "others")
        # One of the two sides is enough to be left out.
        assert (found.photos, dict(found.failures)) == (32, {"no_face": 1})

    def test_a_bare_probe_gets_no_mask_where_a_reference_wears_a_real_one(
        self, tmp_path: Path
    ) -> None:
        """As identify has it, which draws none on probes."""
        folder = people(tmp_path / "some", 6, masked=[(k, 0) for k in range(6)])
        with TemplateCache.open(tmp_path / "c") as templates:
            found = calibration_trials(
                recognizer(encoder="student"),
                folder,
                from_folder(folder),
                cache=templates,
                reference=recognizer(),
            )
        scores = found.scores
        real = scores.reference_wear.where("real")
        assert (real & scores.probe_wear.where("none")).any()
        assert not (real & scores.wear_pair().where("bare-bare")).any()

    @pytest.mark.parametrize("stranger", [Student("stranger", "elsewhere"), Short()])
    def test_encoders_that_do_not_compare_are_refused(
        self, photos: Path, cache: Path, trials: TrialList, stranger: Any
    ) -> None:
        with (
            TemplateCache.open(cache) as templates,
            pytest.raises(ConfigurationError, match=r"cannot be compared.*same space"),
        ):
            calibration_trials(
                recognizer(encoder=stranger),
                photos,
                trials,
                cache=templates,
                reference=recognizer(),
            )


class TestTheCommand:
    def test_identify_decides_by_what_it_wrote(
        self, enrolled: Path, photos: Path, cache: Path
    ) -> None:
        probe = photos / "p00" / "1.png"
        asked = ("identify", probe, "--gallery", "g.db", "--encoder", "student", "--json")
        before = json.loads(run(*asked).stdout)["decision"]
        assert before["outcome"] == "insufficient"
        assert "--reference-encoder" in before["reasons"][0]

        told = json.loads(
            fit(
                *(photos, cache, "--encoder", "student", "--reference-encoder", "colours"),
                *("--json", "--target-fmr", 0.05),
            ).stdout
        )
        assert (told["encoder"], told["reference_encoder"]) == (PAIR, "colours")
        assert Path(told["calibration"]).name == enrolled.name
        assert set(told["pairs"]) == {"bare-bare", "bare-masked", "masked-masked"}
        assert told["pairs"]["bare-bare"]["mated"] == 33

        lax = json.loads(run(*asked, "--target-fpir", 0.2).stdout)["decision"]
        assert (lax["outcome"], lax["calibration"]) == ("match", "own")
        curve = read_calibration(enrolled).pairs["bare-bare"].curve
        assert lax["threshold"] == pytest.approx(curve.threshold(1 - 0.8 ** (1 / 3))[0], abs=1e-6)
        # The gallery's own encoder has none yet, and this is no error.
        own = json.loads(run("identify", probe, "--gallery", "g.db", "--json").stdout)["decision"]
        assert own["outcome"] == "insufficient"

    def test_people_are_told_which_two(self, enrolled: Path, photos: Path, cache: Path) -> None:
        said = fit(photos, cache, "--encoder", "student", "--reference-encoder", "colours").stdout
        assert "References of colours, probes of student." in said
        assert "References of" not in fit(photos, cache).stdout

    def test_each_leaves_the_others_in_place(
        self, enrolled: Path, photos: Path, cache: Path
    ) -> None:
        fit(photos, cache, "--target-fmr", 0.05)
        alone = enrolled.read_bytes()
        assert json.loads(alone)["version"] == 1
        own = read_calibration(enrolled)
        fit(photos, cache, "--encoder", "student", "--reference-encoder", "colours")
        pair = read_calibration(enrolled, PAIR)
        fit(photos, cache, "--encoder", "second", "--reference-encoder", "colours")
        content = json.loads(enrolled.read_bytes())
        assert content["version"] == 2
        assert set(content["encoders"]) == {"colours", PAIR, "colours x second"}
        assert read_calibration(enrolled) == own
        assert read_calibration(enrolled, PAIR) == pair
        assert (own.target_fmr, pair.target_fmr) == (0.05, 0.001)
        assert own.pairs["bare-bare"].curve != pair.pairs["bare-bare"].curve
        # Once more, with another target.
        fit(photos, cache, "--target-fmr", 0.1)
        assert read_calibration(enrolled, "colours").target_fmr == 0.1
        assert read_calibration(enrolled, PAIR) == pair
        for encoder in ("colours", "student"):
            with recognizer(gallery="g.db", encoder=encoder, target_fpir=0.2) as r:
                (face,) = r.identify(photos / "p01" / "1.png")
                assert face.decision.operating_point is not None
                assert face.decision.operating_point.calibration == "own"

    def test_a_calibration_of_another_references_encoder_goes(
        self, enrolled: Path, photos: Path, cache: Path, crossed: CalibrationTrials
    ) -> None:
        fit(photos, cache)
        made = calibrate(crossed.scores, reported_people=(), calibrated_on="")
        other = replace(made, encoder_id="third x student")
        write_calibration("o.json", read_calibration(enrolled))
        write_calibration("o.json", other)
        assert list(json.loads(Path("o.json").read_bytes())["encoders"]) == ["third x student"]

    def test_the_gallerys_encoder_is_asked_for(
        self, enrolled: Path, photos: Path, cache: Path
    ) -> None:
        arguments = ("calibrate", "--folder", photos, "--cache", cache, "--gallery", "g.db")
        answer = run(*arguments, "--encoder", "student")
        assert answer.exit_code == 2
        assert "holds templates of the encoder colours" in answer.stderr
        assert "--reference-encoder" in answer.stderr
        stranger = run(*arguments, "--encoder", "stranger")
        assert stranger.exit_code == 2
        assert "--reference-encoder" not in stranger.stderr
        wrong = run(*arguments, "--encoder", "student", "--reference-encoder", "second")
        assert wrong.exit_code == 2
        assert "templates of the encoder colours" in wrong.stderr
        apart = run(*arguments, "--encoder", "stranger", "--reference-encoder", "colours")
        assert apart.exit_code == 2
        assert "cannot be compared" in apart.stderr
        assert not enrolled.exists()

    def test_the_same_encoder_twice_is_one(self, enrolled: Path, photos: Path, cache: Path) -> None:
        found = fit(photos, cache, "--reference-encoder", "colours", "--json")
        told = json.loads(found.stdout)
        assert (told["encoder"], told["reference_encoder"]) == ("colours", None)

    def test_scores_come_from_a_folder(self, home: Path) -> None:
        answer = run("calibrate", "--scores", "a.npz", "--reference-encoder", "colours")
        assert answer.exit_code == 2
        assert "--reference-encoder goes with --folder" in answer.stderr

    def test_a_file_of_other_models_or_damaged_stops_identify(
        self, enrolled: Path, photos: Path, cache: Path
    ) -> None:
        fit(photos, cache, "--encoder", "student", "--reference-encoder", "colours")

        class Others(Squares):
            id = "others"

        with (
            recognizer(gallery="g.db", encoder="student", detector=Others()) as r,
            pytest.raises(ConfigurationError, match="detector squares, and this is others"),
        ):
            r.identify(picture(0, 1))
        enrolled.write_text(enrolled.read_text()[:-20])
        with (
            recognizer(gallery="g.db", encoder="student") as r,
            pytest.raises(ConfigurationError, match="is damaged"),
        ):
            r.identify(picture(0, 1))

    def test_it_is_read_once(self, enrolled: Path, photos: Path, cache: Path) -> None:
        fit(photos, cache, "--encoder", "student", "--reference-encoder", "colours")
        with recognizer(gallery="g.db", encoder="student") as r:
            first = r.identify(picture(0, 1))[0].decision
            enrolled.write_text("{")
            assert r.identify(picture(0, 1))[0].decision == first


def test_a_file_names_what_it_holds(tmp_path: Path, crossed: CalibrationTrials) -> None:
    made = calibrate(crossed.scores, reported_people=(), calibrated_on="")
    write_calibration(tmp_path / "c.json", made)
    assert read_calibration(tmp_path / "c.json") == made
    with pytest.raises(EvaluationError, match="no thresholds of colours; there are those of col"):
        read_calibration(tmp_path / "c.json", "colours")
