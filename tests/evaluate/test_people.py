"""Who is enrolled, who is looked for, who is a stranger."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.errors import ConfigurationError, InputError
from maskwise.evaluate.people import (
    MOST_ENROLLED,
    PeoplePhotos,
    Split,
    common_folder,
    file_hashes,
    read_people,
    read_strangers,
    split_people,
    without_copies,
    without_enrolled,
)
from maskwise.evaluate.trials import from_folder


def touch(*paths: str) -> None:
    """Files of different content."""
    for path in map(Path, paths):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(str(path).encode())


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def split(counts: dict[str, int], seed: int = 0) -> Split:
    rows = [(f"{person}/{n}", person) for person, count in counts.items() for n in range(count)]
    photos, people = [photo for photo, _ in rows], [person for _, person in rows]
    return split_people(photos, people, photos, seed=seed)


@given(
    st.lists(st.integers(1, 14), min_size=2, max_size=12).filter(lambda c: max(c) > 1),
    st.integers(0, 5),
)
def test_a_split_holds_every_photo_once(counts: list[int], seed: int) -> None:
    of = {f"p{n}": count for n, count in enumerate(counts)}
    made = split(of, seed)
    assert sorted(made.gallery.photos + made.probes.photos) == sorted(
        f"{person}/{n}" for person, count in of.items() for n in range(count)
    )
    enrolled = Counter(made.gallery.people)
    strangers = set(of) - set(enrolled)
    assert enrolled
    assert {person for person, count in of.items() if count == 1} <= strangers
    assert len(strangers) >= min(len(of) / 3, len(of) - 1)
    for person, count in enrolled.items():
        assert count == min(of[person] // 2, MOST_ENROLLED)
    assert (
        f"{len(enrolled)} people are enrolled with {len(made.gallery.photos)} photos"
        in (made.notes[0])
    )
    assert split(of, seed) == made


def test_seeds_draw_other_strangers() -> None:
    counts = {f"p{n}": 4 for n in range(9)}
    drawn = {frozenset(split(counts, seed).gallery.people) for seed in range(10)}
    assert len(drawn) > 3
    assert {len(names) for names in drawn} == {6}


def test_other_people_change_nothing_in_what_is_enrolled_of_one() -> None:
    few, many = ({"ada": 6, **{f"p{n}": 1 for n in range(count)}} for count in (1, 7))
    chosen = [
        [photo for photo in split(counts).gallery.photos if photo.startswith("ada/")]
        for counts in (few, many)
    ]
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == 3


def test_copies_are_split_once() -> None:
    made = split_people(
        ["a/1", "a/copy of 1", "a/2", "b/1"], ["a", "a", "a", "b"], ["x", "x", "y", "z"]
    )
    assert sorted(made.gallery.photos + made.probes.photos) == ["a/1", "a/2", "b/1"]
    with pytest.raises(InputError, match="0 of them with two photos"):
        split_people(["a/1", "a/2", "b/1"], ["a", "a", "b"], ["x", "x", "z"])


def test_unreadable_files_are_no_copies_of_one_another() -> None:
    made = split_people(["a/1", "a/2", "b/1"], ["a", "a", "b"], ["", "", ""])
    assert len(made.gallery.photos) == 1


def test_trials_of_copies_prove_nothing() -> None:
    touch("d/a/1.png", "d/a/2.png", "d/b/1.png")
    shutil.copy("d/a/1.png", "d/a/3.png")
    shutil.copy("d/a/1.png", "d/b/2.png")
    trials = from_folder("d")
    made = without_copies(trials, file_hashes("d", trials.photos))
    # A copy's other trials would count those of its original twice.
    assert made.photos == ("a/1.png", "a/2.png", "b/1.png", "b/2.png")
    assert made.subjects == ("a", "a", "b", "b")
    wanted = from_folder("d").photos
    pairs = {tuple(made.photos[p] for p in pair) for pair in made.pairs.tolist()}
    assert pairs == {(x, y) for x in wanted for y in wanted if x < y and "a/3.png" not in (x, y)}
    assert all(
        (made.subjects[x] == made.subjects[y]) == same
        for (x, y), same in zip(made.pairs.tolist(), made.mated.tolist(), strict=True)
    )
    assert made.notes[0].startswith("1 second copies of a person's photo")
    # 1.png of a is b/2.png.
    assert made.notes[1].startswith("1 files stand in the folders of two people, such as a/1.png")
    same = without_copies(made, ["", "", "", ""])
    assert len(same) == len(made)


def test_copies_alone_are_no_trials() -> None:
    touch("d/a/1.png")
    shutil.copy("d/a/1.png", "d/a/2.png")
    trials = from_folder("d")
    with pytest.raises(InputError, match="d: no pair of two different photos; add photos"):
        without_copies(trials, file_hashes("d", trials.photos))


def test_folders_side_by_side_have_a_common_one() -> None:
    touch("a/x/Ada/1.png", "a/y/z/Bo/1.png", "a/x/loose.png")
    root = common_folder("a/x", "a/y/z")
    assert root == Path("a").resolve()
    found = read_people("a/x", root)
    assert found.photos == ("x/Ada/1.png",)
    assert found.people == ("Ada",)
    assert found.notes == (f"1 pictures in {Path('a/x')} itself belong to nobody and are left out",)
    assert read_people("a/y/z", root).photos == ("y/z/Bo/1.png",)
    for pair, problem in (
        (("a/x", "a"), "x lies in .*a, so"),
        (("a/x", "a/x"), "x is named twice"),
        (("a", "a/y/z"), "z lies in .*a, so"),
        (("a/x", "nowhere"), "nowhere: no such folder"),
    ):
        with pytest.raises(ConfigurationError, match=problem):
            common_folder(*pair)


def test_strangers_need_no_folders() -> None:
    touch("s/1.png", "s/2.png", "s/Bo/1.png", "s/Bo/2.png")
    gallery = PeoplePhotos(("g/1.png/x.png",), ("1.png",))
    found = read_strangers("s", Path.cwd(), gallery)
    assert len(set(found.people)) == 3
    with pytest.raises(ConfigurationError, match="Bo stands among the strangers"):
        read_strangers("s", Path.cwd(), PeoplePhotos(("g/Bo/x.png",), ("Bo",)))


def test_enrolled_files_are_no_probes() -> None:
    touch("g/Ada/1.png", "p/Ada/2.png")
    shutil.copy("g/Ada/1.png", "p/Ada/1.png")
    gallery, probes = (read_people(folder, Path.cwd()) for folder in ("g", "p"))
    left = without_enrolled(probes, gallery, Path.cwd())
    assert left.photos == ("p/Ada/2.png",)
    assert len(left.notes) == 1
    with pytest.raises(InputError, match="every probe is an enrolled photo"):
        without_enrolled(PeoplePhotos(("p/Ada/1.png",), ("Ada",)), gallery, Path.cwd())
