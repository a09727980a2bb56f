"""From photos to scores in one step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_people import Mouths, calls, people, recognizer

from maskwise.errors import EvaluationError
from maskwise.evaluate.looks import probe_look, reference_looks
from maskwise.evaluate.people import PeoplePhotos
from maskwise.evaluate.run import Maker
from maskwise.evaluate.scores import DECIDED
from maskwise.evaluate.scoring import score_trials, trial_templates
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.trials import from_folder, read_trials
from maskwise.image import load
from maskwise.types import U8, MaskState


class Blind(Mouths):
    """Sees no mask."""

    def classify(self, chips: U8) -> list[MaskState]:
        return [MaskState(0.0) for _ in chips]


def test_scores_are_those_of_the_steps(tmp_path: Path) -> None:
    trials = from_folder(people(tmp_path, 3, 2, masked=[(1, 0)]))
    r = recognizer()
    with TemplateCache.in_memory() as cache:
        made = Maker(r, cache, seed=5).verification(tmp_path, trials, "virtual:all", "virtual:n95")
        looks, probe = reference_looks("virtual:all"), probe_look("virtual:n95", 5)
        templates = trial_templates(r, tmp_path, trials, looks, probe, cache=cache)
    expected = score_trials(trials, templates, looks, probe).scores
    assert np.array_equal(made.scores, expected.scores, equal_nan=True)
    assert made.provenance.seed == 5
    assert made.provenance.settings["probe wear"] == "virtual:n95"
    assert DECIDED not in made.attributes


def test_whose_threshold_counts_is_told_where_a_mask_is_overlooked(tmp_path: Path) -> None:
    trials = from_folder(people(tmp_path, 3, 2))
    r = recognizer(mask_classifier=Blind())
    with TemplateCache.in_memory() as cache:
        maker = Maker(r, cache)
        bare = maker.verification(tmp_path, trials, "virtual:all", "as-is")
        masked = maker.verification(tmp_path, trials, "virtual:all", "virtual:n95")
    assert DECIDED not in bare.attributes
    assert set(masked.wear_pair().values) == {"bare-masked"}
    assert masked.attributes[DECIDED].counts() == {"bare-bare": len(trials)}


def test_a_search_says_what_it_was_made_of(tmp_path: Path) -> None:
    folder = people(tmp_path, 4, 2)
    gallery = PeoplePhotos(("p00/0.png", "p01/0.png"), ("p00", "p01"), ("one note",))
    probes = PeoplePhotos(
        ("p00/1.png", "p01/1.png", "p02/0.png", "gone.png"), ("p00", "p01", "p02", "p03")
    )
    with TemplateCache.in_memory() as cache:
        maker = Maker(recognizer(), cache)
        found = maker.identification(
            folder, gallery, probes, "virtual:n95", "as-is", notes=("another",)
        )
        assert maker.face_box(load(folder / "p00/1.png")) is not None
    assert found.mated.tolist() == [True, True, False, False]
    assert found.provenance.notes == ("one note", "another")
    assert maker.unread == {"gone.png": "no such file"}
    assert found.probe_failure.words().tolist() == ["", "", "", "missing"]


def test_a_search_tells_of_masks_that_were_overlooked(tmp_path: Path) -> None:
    folder = people(tmp_path, 3, 2)
    gallery = PeoplePhotos(("p00/0.png", "p01/0.png"), ("p00", "p01"))
    probes = PeoplePhotos(("p00/1.png", "p02/0.png", "gone.png"), ("p00", "p02", "p03"))
    decided = []
    for classifier in (Mouths(), Blind()):
        with TemplateCache.in_memory() as cache:
            maker = Maker(recognizer(mask_classifier=classifier), cache)
            found = maker.identification(folder, gallery, probes, "virtual:all", "virtual:n95")
        assert found.probe_wear.values == ("virtual:n95",)
        decided.append(dict(found.attributes))
    assert decided[0] == {}
    assert decided[1][DECIDED].words().tolist() == ["bare-bare", "bare-bare", "no score"]


def test_where_a_face_is_asks_no_model_again(tmp_path: Path) -> None:
    trials = from_folder(people(tmp_path, 2, 2))
    r = recognizer()
    with TemplateCache.in_memory() as cache:
        maker = Maker(r, cache)
        maker.verification(tmp_path, trials, "as-is", "as-is")
        before, picture = calls(r), load(tmp_path / "p00/0.png")
        box = maker.face_box(picture)
        assert calls(r) == before
        assert box is not None
        assert box.tolist() == r.dominant(picture)[0].detection.box.tolist()
    with TemplateCache.in_memory() as empty:
        again = Maker(r, empty).face_box(picture)
    assert again is not None
    assert again.tolist() == box.tolist()


def test_no_photo_at_all_is_a_wrong_folder(tmp_path: Path) -> None:
    (tmp_path / "pairs.csv").write_text("a,b,same\nx/1,x/2,1\n")
    (tmp_path / "empty").mkdir()
    trials = read_trials(tmp_path / "pairs.csv", tmp_path / "empty")
    with (
        TemplateCache.in_memory() as cache,
        pytest.raises(EvaluationError, match=r"none of the 2 photos .* such as x/1"),
    ):
        Maker(recognizer(), cache).verification(tmp_path / "empty", trials, "as-is", "as-is")
