"""Scores are what ``Recognizer.verify`` computes; failures stay, with their reasons."""

from __future__ import annotations

import itertools
import shutil
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_people import Colours, calls, people, recognizer, save, two_faces

from maskwise import Recognizer, masks
from maskwise.errors import InputError
from maskwise.evaluate.looks import AS_IS, BARE, Look, probe_look, reference_looks
from maskwise.evaluate.scoring import TrialScores, score_trials, trial_templates
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.templates import PhotoTemplates, Progress
from maskwise.evaluate.trials import TrialList, from_folder
from maskwise.image import load_with_sha256

MASKED = [(0, 1), (1, 0), (1, 1), (3, 0), (3, 2)]


def score(
    r: Recognizer,
    folder: Path,
    trials: TrialList,
    reference: str = "as-is",
    probe: Any = "as-is",
    **arguments: Any,
) -> TrialScores:
    look = probe_look(probe) if isinstance(probe, str) else probe
    looks = reference_looks(reference)
    with TemplateCache.in_memory() as cache:
        made = trial_templates(r, folder, trials, looks, look, cache=cache, **arguments)
    return score_trials(trials, made, looks, look, seed=3, settings={"reference_wear": reference})


def both_ways(trials: TrialList) -> TrialList:
    return TrialList(
        trials.source,
        trials.photos,
        trials.subjects,
        np.concatenate([trials.pairs, trials.pairs[:, ::-1]]),
        np.tile(trials.mated, 2),
        trials.missing,
    )


@pytest.mark.parametrize("types", ["all", "n95", "surgical,cloth", "none"])
def test_scores_are_those_of_verify(tmp_path: Path, types: str) -> None:
    trials = both_ways(from_folder(people(tmp_path, 4, 3, masked=MASKED)))
    r = recognizer(types)
    found = score(r, tmp_path, trials, "as-is" if types == "none" else f"virtual:{types}")
    decided = found.decided.words()
    for place, (a, b) in enumerate(trials.pairs.tolist()):
        answer = r.verify(tmp_path / trials.photos[a], tmp_path / trials.photos[b]).decision
        assert answer.operating_point is not None
        assert decided[place] == answer.operating_point.wear_pair
        assert found.scores.scores[place] == pytest.approx(answer.score, abs=1e-6)
    pairs = {"bare-bare", "masked-masked"} | ({"bare-masked"} if types == "none" else set())
    assert set(decided) == pairs
    assert found.decided.counts() == found.scores.wear_pair().counts()


def test_masks_drawn_on_the_probes_photo_are_met_as_verify_meets_them(tmp_path: Path) -> None:
    trials = both_ways(from_folder(people(tmp_path, 3, 2, masked=[(0, 1)])))
    r = recognizer()
    look = probe_look("virtual:all", seed=4)
    found = score(r, tmp_path, trials, "virtual:all", look)
    decided, probe_wear = found.decided.words(), found.scores.probe_wear.words()
    reference_wear = found.scores.reference_wear.words()
    for place, (a, b) in enumerate(trials.pairs.tolist()):
        photo = tmp_path / trials.photos[b]
        picture = r.load(photo)
        face, _ = r.dominant(picture)
        spec = look.spec(sha256(photo))
        assert spec is not None
        if face.mask.worn:
            assert probe_wear[place] == "real"
        else:
            picture = masks.wear_on_image(picture, [face.landmarks], [spec]).image
            assert probe_wear[place] == f"virtual:{spec.type}"
        answer = r.verify(tmp_path / trials.photos[a], picture).decision
        assert answer.operating_point is not None
        assert decided[place] == answer.operating_point.wear_pair == "masked-masked"
        assert found.scores.scores[place] == pytest.approx(answer.score, abs=1e-6)
        masked = trials.photos[a] == "p00/1.png"
        assert reference_wear[place] == ("real" if masked else "virtual")


def sha256(path: Path) -> str:
    return load_with_sha256(path)[1]


def test_a_single_type_is_named(tmp_path: Path) -> None:
    trials = from_folder(people(tmp_path, 2, 2))
    found = score(recognizer(), tmp_path, trials, "virtual:n95", "virtual:cloth")
    assert found.scores.reference_wear.counts() == {"virtual:n95": 6}
    assert found.scores.mask_type().counts() == {"virtual:cloth": 6}


def test_bare_enrolment_meets_masked_probes_as_they_are(tmp_path: Path) -> None:
    trials = from_folder(people(tmp_path, 3, 2))
    found = score(recognizer(), tmp_path, trials, "as-is", "virtual:n95")
    assert found.decided.counts() == {"bare-masked": 15}
    assert found.scores.reference_wear.counts() == {"none": 15}


def test_masks_on_the_chip(tmp_path: Path) -> None:
    trials = from_folder(people(tmp_path, 2, 2))
    look = probe_look("virtual:n95", 1, "chip")
    found = score(recognizer(), tmp_path, trials, "virtual:all", look)
    assert found.decided.counts() == {"masked-masked": 6}
    # A mask drawn on the chip is one, whatever the classifier would say.
    unseeing = recognizer()
    unseeing.mask_classifier.classify = lambda chips: recognizer().mask_classifier.classify(  # type: ignore[method-assign]
        np.zeros_like(chips)
    )
    assert (
        score(unseeing, tmp_path, trials, "virtual:all", look).scores.scores
        == (found.scores.scores)
    ).all()


def test_a_mask_that_is_not_noticed_is_compared_as_a_bare_face(tmp_path: Path) -> None:
    trials = from_folder(people(tmp_path, 2, 2))
    r = recognizer()
    seeing = r.mask_classifier.classify
    r.mask_classifier.classify = lambda chips: seeing(np.zeros_like(chips))  # type: ignore[method-assign]
    found = score(r, tmp_path, trials, "virtual:all", "virtual:n95")
    assert found.decided.counts() == {"bare-bare": 6}
    # What is worn stays what it is.
    assert found.scores.wear_pair().counts() == {"bare-masked": 6}


def failing_folder(tmp_path: Path) -> TrialList:
    people(tmp_path, 3, 2, masked=[(2, 1)])
    save(np.zeros((40, 40, 3), np.uint8), tmp_path / "p00" / "2.png")
    save(two_faces(95), tmp_path / "p01" / "2.png")
    (tmp_path / "p02" / "2.jpg").write_bytes(b"no picture")
    return both_ways(from_folder(tmp_path))


def test_failures_stay_with_their_reasons(tmp_path: Path) -> None:
    trials = failing_folder(tmp_path)
    (tmp_path / "p02" / "0.png").unlink()
    found = score(recognizer(), tmp_path, trials, "as-is", "none", several_faces="refuse").scores
    assert len(found) == len(trials) == 72
    reasons = {"p00/2.png": "no_face", "p01/2.png": "several_faces", "p02/2.jpg": "unreadable"}
    reasons["p02/0.png"] = "missing"
    probe_failure, reference_failure = found.probe_failure.words(), found.reference_failure.words()
    for place, (a, b) in enumerate(trials.pairs.tolist()):
        first, second = trials.photos[a], trials.photos[b]
        assert reference_failure[place] == reasons.get(first, "")
        expected = "wears_mask" if second == "p02/1.png" else reasons.get(second, "")
        assert probe_failure[place] == expected
        lost = bool(expected or first in reasons)
        assert bool(np.isnan(found.scores[place])) == lost


def test_a_failed_masked_probe_counts_with_the_masked_ones(tmp_path: Path) -> None:
    trials = failing_folder(tmp_path)
    found = score(recognizer(), tmp_path, trials, "virtual:all", "virtual:n95").scores
    lost = found.subset(found.failed)
    assert lost.probe_wear.counts().keys() == {"virtual:n95", "real"}
    # The references that failed too would have been drawn on as well.
    assert set(lost.wear_pair().values) == {"masked-masked"}
    bare = score(recognizer(), tmp_path, trials, "none", "none").scores
    assert bare.subset(bare.probe_failure.where("no_face")).probe_wear.values == ("none",)


def test_a_bare_probe_is_drawn_on_where_the_reference_wears_a_mask(tmp_path: Path) -> None:
    people(tmp_path, 2, 2, masked=[(0, 0), (1, 0)])
    trials = from_folder(tmp_path)
    found = score(recognizer(), tmp_path, trials, "virtual:all").scores
    a, b = trials.pairs.T
    bare = np.array([photo.endswith("1.png") for photo in trials.photos])
    assert (
        found.probe_wear.words() == np.where(bare[b], np.where(bare[a], "none", "virtual"), "real")
    ).all()
    assert (
        found.wear_pair().words() == np.where(bare[a] & bare[b], "bare-bare", "masked-masked")
    ).all()


def test_no_masks_are_drawn_where_none_are_met(tmp_path: Path) -> None:
    trials = from_folder(people(tmp_path, 3, 2))
    r = recognizer()
    score(r, tmp_path, trials, "virtual:all")
    assert r.encoder.batches == [6]  # type: ignore[attr-defined]
    masked = from_folder(people(tmp_path, 3, 2, masked=[(0, 0)]))
    with TemplateCache.open(tmp_path / "cache") as cache:
        looks = reference_looks("virtual:all")
        said: list[Progress] = []
        trial_templates(r, tmp_path, masked, looks, AS_IS, cache=cache, on_photo=said.append)
        assert [p.stage for p in said] == ["faces"] * 6 + ["masks"] * 6
        # Five bare photos meet the one that wears a mask; no face is looked for twice.
        assert r.encoder.batches == [6, 6, 5 * (len(looks) - 1)]  # type: ignore[attr-defined]
        before = calls(r)
        trial_templates(r, tmp_path, masked, looks, AS_IS, cache=cache)
        assert calls(r) == before


def test_provenance_and_columns_go_along(tmp_path: Path) -> None:
    plain = from_folder(people(tmp_path, 3, 2))
    trials = TrialList(
        plain.source,
        plain.photos,
        plain.subjects,
        plain.pairs,
        plain.mated,
        plain.missing,
        fold=np.arange(len(plain)) % 3,
        attributes={"group": np.array(["x", "y", "z"] * 5)},
        notes=("a note",),
    )
    found = score(recognizer(), tmp_path, trials).scores
    assert (found.fold == trials.fold).all()  # type: ignore[union-attr]
    assert found.attributes["group"].counts() == {"x": 5, "y": 5, "z": 5}
    made_of = found.provenance
    assert made_of.encoder_id == "colours"
    assert made_of.models["mask"] == "mouths"
    assert made_of.trials_sha256 == trials.sha256
    assert (made_of.seed, dict(made_of.settings)) == (3, {"reference_wear": "as-is"})
    assert made_of.notes == ("a note",)
    assert len(made_of.data_sha256) == 64
    assert found.photos == trials.photos


def test_other_photos_and_looks_are_refused(tmp_path: Path) -> None:
    trials = from_folder(people(tmp_path, 2, 2))
    with TemplateCache.in_memory() as cache:
        made = trial_templates(recognizer(), tmp_path, trials, (AS_IS,), AS_IS, cache=cache)
    with pytest.raises(InputError, match="no templates of the look 'none'"):
        score_trials(trials, made, (BARE,), AS_IS)
    with pytest.raises(InputError, match="one look or more"):
        score_trials(trials, made, (), AS_IS)
    people(tmp_path, 3, 2)
    with pytest.raises(InputError, match="other photos"):
        score_trials(from_folder(tmp_path), made, (AS_IS,), AS_IS)


def drawn_templates(photos: int, looks: tuple[Look, ...], dim: int, seed: int) -> PhotoTemplates:
    """Random unit vectors; some fail, some faces wear a mask."""
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((photos, len(looks), dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    mask = rng.random((photos, len(looks))).astype(np.float32)
    valid = rng.random((photos, len(looks))) > 0.1
    for column, look in enumerate(looks[1:], 1):
        mask[:, column] = np.nan if look.drawn_on == "chip" else mask[:, column]
        valid[:, column] &= valid[:, 0] & (mask[:, 0] < 0.5)
    vectors[~valid] = np.nan
    status = np.where(valid, "found", "no_face").astype("<U16")
    status[:, 1:][(mask[:, 0] >= 0.5) & valid[:, 0]] = "wears_mask"
    wear = np.full(status.shape, "virtual:n95", "<U32")
    wear[:, 0] = np.where(mask[:, 0] >= 0.5, "real", "none")
    names = tuple(f"p{n // 4:05d}/{n}.jpg" for n in range(photos))
    return PhotoTemplates(
        names, looks, vectors, valid, status, wear, mask, ("",) * photos, {}, Colours().id
    )


def drawn_trials(photos: int, count: int, seed: int) -> TrialList:
    rng = np.random.default_rng(seed)
    a = rng.integers(0, photos, count)
    b = (a + rng.integers(1, photos, count)) % photos
    names = tuple(f"p{n // 4:05d}/{n}.jpg" for n in range(photos))
    return TrialList(
        "drawn",
        names,
        tuple(name[:6] for name in names),
        np.stack([a, b], 1).astype(np.int32),
        a // 4 == b // 4,
        np.zeros(photos, bool),
    )


def by_hand(made: PhotoTemplates, a: int, b: int, probe: int, columns: list[int]) -> float:
    """verify's rule, a pair at a time; probe: its column."""
    masked = made.masked
    if made.status[b, probe] == "wears_mask":
        probe = 0
    if not (made.valid[a, 0] and made.valid[b, probe]):
        return float("nan")
    first, second = made.vectors[a, 0], made.vectors[b, probe]
    drawn: list[Any] = []
    if masked[b, probe] and not masked[a, 0]:
        drawn = [(made.vectors[a, k], second) for k in columns if made.valid[a, k]]
    elif masked[a, 0] and not masked[b, probe] and probe == 0:
        drawn = [(made.vectors[b, k], first) for k in columns if made.valid[b, k]]
    return max(float(x @ y) for x, y in drawn or [(first, second)])


@pytest.mark.parametrize("probe", [AS_IS, probe_look("virtual:all"), probe_look("virtual:n95")])
def test_blocks_give_what_each_pair_gives(probe: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskwise.evaluate.scoring._BLOCK", 64)
    references = reference_looks("virtual:n95,cloth,gas")
    looks = tuple(dict.fromkeys((*references, probe)))
    made = drawn_templates(40, looks, 16, 1)
    trials = drawn_trials(40, 500, 2)
    found = score_trials(trials, made, references, probe).scores.scores
    expected = [
        by_hand(made, a, b, looks.index(probe), [1, 2, 3]) for a, b in trials.pairs.tolist()
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert 0 < np.isnan(found).sum() < 250


def test_memory_follows_the_trials_not_their_product() -> None:
    """200,000 trials of 8,000 photos: the matrix of all pairs would be 256 MB."""
    references = reference_looks("virtual:all")
    made = drawn_templates(8000, references, 32, 0)
    trials = drawn_trials(8000, 200_000, 1)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    score_trials(trials, made, references, AS_IS)
    peak = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert peak < 120e6


@pytest.mark.models
@pytest.mark.parametrize("probe", ["as-is", "virtual:all"])
def test_the_shipped_models_score_as_verify_does(sample_photos: list[Path], probe: str) -> None:
    top = sample_photos[0].parents[1]
    names = [path.relative_to(top).as_posix() for path in sample_photos[:6]]
    pairs = np.array(list(itertools.combinations(range(6), 2)), np.int32)[::2]
    subjects = tuple(name.split("/")[0] for name in names)
    mated = np.array([subjects[a] == subjects[b] for a, b in pairs])
    trials = TrialList("few", tuple(names), subjects, pairs, mated, np.zeros(6, bool))
    r = Recognizer()
    found = score(r, top, trials, "virtual:default", probe)
    decided = found.decided.words()
    for place, (a, b) in enumerate(pairs.tolist()):
        picture = r.load(top / names[b])
        spec = probe_look(probe).spec(sha256(top / names[b]))
        if spec is not None:
            picture = masks.wear_on_image(picture, [r.dominant(picture)[0].landmarks], [spec]).image
        answer = r.verify(top / names[a], picture).decision
        assert answer.operating_point is not None
        assert decided[place] == answer.operating_point.wear_pair
        assert found.scores.scores[place] == pytest.approx(answer.score, abs=2e-6)
    assert set(decided) == {"bare-bare" if probe == "as-is" else "masked-masked"}


@pytest.mark.data
@pytest.mark.models
def test_real_masks_score_as_verify_does(data_folder: Path, tmp_path: Path) -> None:
    """Bare and masked photos of three people, either of which may be the probe."""
    folder = data_folder / "mfr2-dev"
    if not folder.is_dir():
        pytest.skip("needs mfr2-dev in MASKWISE_DATA")
    for person in sorted(folder.iterdir())[:3]:
        shutil.copytree(person, tmp_path / person.name)
    trials = from_folder(tmp_path)
    r = Recognizer()
    found = score(r, tmp_path, trials, "virtual:default", several_faces="refuse")
    decided = found.decided.words()
    kinds = zip(
        decided, found.scores.reference_wear.words(), found.scores.probe_wear.words(), strict=True
    )
    chosen: dict[Any, list[int]] = {}
    for place, kind in enumerate(kinds):
        chosen.setdefault(kind, []).append(place)
    for place in itertools.chain.from_iterable(places[:3] for places in chosen.values()):
        a, b = trials.pairs[place]
        answer = r.verify(tmp_path / trials.photos[a], tmp_path / trials.photos[b]).decision
        assert (answer.outcome == "insufficient") == (decided[place] == "")
        if answer.operating_point is not None:
            assert decided[place] == answer.operating_point.wear_pair
            assert found.scores.scores[place] == pytest.approx(answer.score, abs=2e-6)
    drawn = {("masked-masked", "virtual", "real"), ("masked-masked", "real", "virtual")}
    assert drawn | {("bare-bare", "none", "none")} <= chosen.keys()


def test_pairs_are_swapped_without_a_difference(tmp_path: Path) -> None:
    trials = both_ways(from_folder(people(tmp_path, 3, 2, masked=[(0, 1), (2, 0)])))
    scores = score(recognizer(), tmp_path, trials, "virtual:all").scores.scores
    half = len(trials) // 2
    np.testing.assert_allclose(scores[:half], scores[half:], atol=1e-6)
    assert len({round(float(x), 4) for x in scores}) > half // 2
