"""Searches are what ``Recognizer.identify`` finds; strangers and failures stay apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_people import Colours, people, picture, recognizer, save, two_faces

from maskwise import Recognizer
from maskwise.errors import EvaluationError, InputError
from maskwise.evaluate.looks import AS_IS, BARE, Look, probe_look, reference_looks
from maskwise.evaluate.searches import Searches
from maskwise.evaluate.searching import EnrolledPeople, score_searches
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.templates import PhotoTemplates, make_templates
from maskwise.image import find_images


def templates(r: Recognizer, folder: Path, looks: Any, **arguments: Any) -> PhotoTemplates:
    photos = [path.relative_to(folder).as_posix() for path in find_images(folder)]
    with TemplateCache.in_memory() as cache:
        return make_templates(r, folder, photos, looks, cache=cache, **arguments)


def whom(made: PhotoTemplates) -> list[str]:
    return [photo.split("/")[0] for photo in made.photos]


def search(
    r: Recognizer, gallery: Path, probes: Path, reference: str, probe: Look, **arguments: Any
) -> Searches:
    looks = reference_looks(reference)
    enrolled = templates(r, gallery, looks, several_faces="refuse")
    sought = templates(r, probes, tuple(dict.fromkeys((AS_IS, probe))))
    return score_searches(
        enrolled,
        whom(enrolled),
        sought,
        whom(sought),
        references=looks,
        probe=probe,
        operating_points=r.operating_points,
        **arguments,
    )


def gallery_and_probes(tmp_path: Path) -> tuple[Path, Path]:
    """Six enrolled people, one of them masked in all photos, one in some; eight sought."""
    gallery, probes = tmp_path / "gallery", tmp_path / "probes"
    people(gallery, 6, 2, masked=[(2, 0), (2, 1), (4, 1)])
    for person in range(8):
        for photo in (3, 4):
            pixels = picture(person, photo, masked=(person + photo) % 3 == 0)
            save(pixels, probes / f"p{person:02d}" / f"{photo}.png")
    return gallery, probes


@pytest.mark.parametrize("types", ["all", "n95", "none"])
def test_searches_are_those_of_identify(tmp_path: Path, types: str) -> None:
    gallery, probes = gallery_and_probes(tmp_path)
    r = recognizer(types)
    reference = "as-is" if types == "none" else f"virtual:{types}"
    found = search(r, gallery, probes, reference, AS_IS)
    for person in sorted(gallery.iterdir()):
        r.enrol(person.name, find_images(person))
    size = r.gallery.size()
    assert (found.people, found.references) == (size.people, size.references) == (6, 12)
    shifted, others = 0, found.other.words()
    for place, photo in enumerate(found.probes):
        (answer,) = r.identify(probes / photo, top=6)
        shift = r.operating_points.other_wear_shift(answer.face.mask.worn, size.references)
        wears = "masked" if answer.face.mask.worn else "bare"
        scores = {}
        for c in answer.candidates:
            kind = "bare" if c.wear.kind == "none" else "masked"
            scores[c.subject] = c.score + shift * (kind != wears)
            shifted += kind != wears
        ranked = sorted(scores, key=lambda name: -scores[name])
        assert ranked == [c.subject for c in answer.candidates]
        name = photo.split("/")[0]
        assert bool(found.mated[place]) == (name in scores)
        if name in scores:
            assert found.mate_score[place] == pytest.approx(scores[name], abs=1e-6)
            assert found.rank[place] == 1 + ranked.index(name)
        best = next(one for one in ranked if one != name)
        assert others[place] == best
        assert found.other_score[place] == pytest.approx(scores[best], abs=1e-6)
        # Accepted exactly when the shifted score reaches the threshold of like pairs.
        like = "masked-masked" if answer.face.mask.worn else "bare-bare"
        wanted = 1 - 0.99 ** (1 / size.references)
        threshold = r.operating_points.at_fmr(like, wanted).threshold
        top = max(found.other_score[place], np.nan_to_num(found.mate_score[place], nan=-9))
        passed = answer.decision.score >= answer.decision.operating_point.threshold
        assert (top >= threshold) == passed
        assert answer.decision.outcome in (("match", "insufficient") if passed else ("no_match",))
    assert shifted > 0


def test_what_the_searches_met_is_told(tmp_path: Path) -> None:
    gallery, probes = gallery_and_probes(tmp_path)
    found = search(recognizer(), gallery, probes, "virtual:all", AS_IS)
    masked = np.array([(int(p[1:3]) + int(p[4])) % 3 == 0 for p in found.probes])
    assert (found.probe_wear.words() == np.where(masked, "real", "none")).all()
    assert (found.reference_wear.words() == np.where(masked, "virtual", "none")).all()
    bare = search(recognizer(), gallery, probes, "as-is", AS_IS)
    assert (bare.reference_wear.words() == np.where(masked, "real", "none")).all()
    drawn = search(recognizer(), gallery, probes, "virtual:n95", probe_look("virtual:cloth"))
    assert (drawn.probe_wear.words() == np.where(masked, "real", "virtual:cloth")).all()
    assert drawn.reference_wear.values == ("virtual:n95",)


def test_failures_on_both_sides(tmp_path: Path) -> None:
    gallery, probes = gallery_and_probes(tmp_path)
    empty = np.zeros((40, 40, 3), np.uint8)
    for photo in (0, 1):
        save(empty, gallery / "p03" / f"{photo}.png")
    save(two_faces(95), gallery / "p05" / "0.png")
    save(empty, probes / "p00" / "3.png")
    (probes / "p07" / "4.png").write_bytes(b"no picture")
    found = search(recognizer(), gallery, probes, "virtual:all", probe_look("virtual:n95"))
    assert (found.people, found.references) == (6, 9)
    assert dict(found.enrol_failures) == {"no_face": 2, "several_faces": 1}
    at = {photo: place for place, photo in enumerate(found.probes)}
    mate_failure, probe_failure = found.mate_failure.words(), found.probe_failure.words()
    assert [mate_failure[at[f"p03/{n}.png"]] for n in (3, 4)] == ["no_face", "no_face"]
    assert set(np.delete(mate_failure, [at["p03/3.png"], at["p03/4.png"]])) == {""}
    assert found.mated[at["p03/3.png"]]
    assert found.rank[at["p03/3.png"]] == 0
    assert not np.isnan(found.other_score[at["p03/3.png"]])
    assert probe_failure[at["p00/3.png"]] == "no_face"
    assert probe_failure[at["p07/4.png"]] == "unreadable"
    assert not found.mated[at["p07/4.png"]]
    # What was not found was to wear a mask, and would have met the masked templates.
    assert found.probe_wear.words()[at["p00/3.png"]] == "virtual:n95"
    assert found.reference_wear.values == ("virtual",)


def test_a_face_that_no_mask_fits_is_not_enrolled(tmp_path: Path) -> None:
    folder = people(tmp_path, 2, 2)
    looks = reference_looks("virtual:n95")
    made = templates(recognizer(), folder, looks)
    status, valid = made.status.copy(), made.valid.copy()
    status[1, 1], valid[1, 1] = "mask_unfit", False
    unfit = PhotoTemplates(
        made.photos,
        made.looks,
        made.vectors,
        valid,
        status,
        made.wear,
        made.mask,
        made.photo_sha256,
        made.models,
        made.encoder_id,
    )
    enrolled = EnrolledPeople.of(unfit, whom(unfit), looks)
    assert (enrolled.references, dict(enrolled.failures)) == (3, {"mask_unfit": 1})
    assert (len(enrolled.bare), len(enrolled.masked)) == (3, 3)
    # Where none is to be drawn, it is.
    assert EnrolledPeople.of(unfit, whom(unfit), (AS_IS,)).references == 4


def test_nobody_enrolled(tmp_path: Path) -> None:
    gallery, probes = tmp_path / "gallery", people(tmp_path / "probes", 2, 1)
    save(np.zeros((40, 40, 3), np.uint8), gallery / "p00" / "0.png")
    with pytest.raises(EvaluationError, match=r"nobody could be enrolled \(1 x no_face\)"):
        search(recognizer(), gallery, probes, "as-is", AS_IS)


def test_portions_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery, probes = gallery_and_probes(tmp_path)
    whole = search(recognizer(), gallery, probes, "virtual:all", AS_IS)
    monkeypatch.setattr("maskwise.evaluate.searching._BLOCK", 1)
    parts = search(recognizer(), gallery, probes, "virtual:all", AS_IS)
    np.testing.assert_allclose(parts.mate_score, whole.mate_score, atol=1e-6)
    np.testing.assert_allclose(parts.other_score, whole.other_score, atol=1e-6)
    assert (parts.rank == whole.rank).all()


def test_provenance(tmp_path: Path) -> None:
    gallery, probes = gallery_and_probes(tmp_path)
    first = search(recognizer(), gallery, probes, "as-is", AS_IS, seed=4, settings={"a": "b"})
    assert (first.provenance.seed, dict(first.provenance.settings)) == (4, {"a": "b"})
    again = search(recognizer(), gallery, probes, "as-is", AS_IS)
    assert again.provenance.trials_sha256 == first.provenance.trials_sha256
    save(picture(9, 9), gallery / "p00" / "0.png")
    other = search(recognizer(), gallery, probes, "as-is", AS_IS)
    assert other.provenance.trials_sha256 != first.provenance.trials_sha256


def test_what_does_not_belong_together(tmp_path: Path) -> None:
    folder = people(tmp_path, 2, 1)
    made = templates(recognizer(), folder, (AS_IS,))
    other = templates(recognizer(encoder=Colours("others")), folder, (AS_IS,))
    names = whom(made)
    with pytest.raises(InputError, match=r"of colours, the probes' of others"):
        score_searches(made, names, other, names, references=(AS_IS,), probe=AS_IS)
    with pytest.raises(InputError, match="2 probes of 1 people"):
        score_searches(made, names, made, names[:1], references=(AS_IS,), probe=AS_IS)
    with pytest.raises(InputError, match="2 photos of 1 people"):
        score_searches(made, names[:1], made, names, references=(AS_IS,), probe=AS_IS)
    with pytest.raises(InputError, match="no templates of the look"):
        score_searches(made, names, made, names, references=(BARE,), probe=AS_IS)
