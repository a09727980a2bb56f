"""Files of pairs and folders of people -> trials."""

from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from maskwise.errors import ImageError, InputError
from maskwise.evaluate.trials import TrialList, from_folder, read_trials


def photos(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return folder


def pairs_file(folder: Path, text: str, name: str = "pairs.txt") -> Path:
    path = folder / name
    path.write_bytes(text.encode())
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    names = [f"{who}/{who}_{n:04d}.jpg" for who in ("Ada_L", "Bo", "Cy") for n in (1, 2, 3)]
    return photos(tmp_path / "images", *names)


def named(trials: TrialList) -> list[tuple[str, str, bool]]:
    return [
        (trials.photos[a], trials.photos[b], bool(mated))
        for (a, b), mated in zip(trials.pairs, trials.mated, strict=True)
    ]


TWO_FOLDS = "2\t1\nBo\t1\t3\nBo\t2\tCy\t1\nAda_L\t1\t2\nCy\t3\tAda_L\t1\n"


def test_the_official_file_gives_pairs_and_folds(tmp_path: Path, images: Path) -> None:
    trials = read_trials(pairs_file(tmp_path, TWO_FOLDS), images)
    assert named(trials) == [
        ("Bo/Bo_0001.jpg", "Bo/Bo_0003.jpg", True),
        ("Bo/Bo_0002.jpg", "Cy/Cy_0001.jpg", False),
        ("Ada_L/Ada_L_0001.jpg", "Ada_L/Ada_L_0002.jpg", True),
        ("Cy/Cy_0003.jpg", "Ada_L/Ada_L_0001.jpg", False),
    ]
    assert trials.fold is not None
    assert trials.fold.tolist() == [0, 0, 1, 1]
    assert trials.subjects == ("Bo", "Bo", "Bo", "Cy", "Ada_L", "Ada_L", "Cy")
    assert not trials.missing.any()
    assert len(trials) == 4


@pytest.mark.parametrize(
    "change", [("\t", " "), ("\n", "\r\n"), ("\n", "\n\n"), ("Bo\t1", "Bo\t0001")]
)
def test_spaces_line_ends_and_zeros_make_no_difference(
    tmp_path: Path, images: Path, change: tuple[str, str]
) -> None:
    plain = read_trials(pairs_file(tmp_path, TWO_FOLDS), images)
    other = read_trials(pairs_file(tmp_path, TWO_FOLDS.replace(*change)), images)
    assert named(other) == named(plain)
    assert other.sha256 == plain.sha256
    assert other.file_sha256 != plain.file_sha256


def test_without_a_header_any_order_will_do_and_there_are_no_folds(
    tmp_path: Path, images: Path
) -> None:
    text = "Bo 2 Cy 1\nBo 1 3\nBo 1 Bo 2"
    trials = read_trials(pairs_file(tmp_path, text), images)
    assert trials.mated.tolist() == [False, True, True]
    assert trials.fold is None


def test_a_header_with_one_number_has_no_folds(tmp_path: Path, images: Path) -> None:
    trials = read_trials(pairs_file(tmp_path, "1\nBo\t1\t2\nBo\t1\tCy\t1\n"), images)
    assert trials.mated.tolist() == [True, False]
    assert trials.fold is None


@pytest.mark.parametrize("suffix", [".png", ".JPG", ".webp"])
def test_lfw_names_find_whatever_suffix_there_is(tmp_path: Path, suffix: str) -> None:
    folder = photos(tmp_path / "i", f"Bo/Bo_0001{suffix}", "Bo/Bo_0001.txt", f"Bo_2{suffix}")
    trials = read_trials(pairs_file(tmp_path, "Bo 1 2"), folder)
    assert trials.photos == (f"Bo/Bo_0001{suffix}", f"Bo_2{suffix}")
    assert not trials.missing.any()


def test_a_missing_photo_stays_in_its_trials(tmp_path: Path, images: Path) -> None:
    trials = read_trials(pairs_file(tmp_path, "Bo 1 9\nBo 1 2\nBo 9 Cy 1"), images)
    assert len(trials) == 3
    assert [p for p, m in zip(trials.photos, trials.missing, strict=True) if m] == ["Bo/Bo_0009"]
    assert trials.subjects[trials.photos.index("Bo/Bo_0009")] == "Bo"


CSV = "a,b,same,light\nBo/Bo_0001.jpg,Bo/Bo_0002.jpg,1,dark\nBo/Bo_0001.jpg,Cy/Cy_0001,no,\n"


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_csv_with_a_header_keeps_further_columns(
    tmp_path: Path, images: Path, mark: str, bom: str
) -> None:
    trials = read_trials(pairs_file(tmp_path, bom + CSV.replace(",", mark), "pairs.csv"), images)
    assert named(trials) == [
        ("Bo/Bo_0001.jpg", "Bo/Bo_0002.jpg", True),
        ("Bo/Bo_0001.jpg", "Cy/Cy_0001.jpg", False),
    ]
    assert {key: value.tolist() for key, value in trials.attributes.items()} == {
        "light": ["dark", ""]
    }
    assert trials.subjects == ("Bo", "Bo", "Cy")


def test_csv_without_a_header_and_with_columns_moved(tmp_path: Path, images: Path) -> None:
    plain = read_trials(pairs_file(tmp_path, CSV.split("\n", 1)[1], "p.csv"), images)
    assert plain.attributes["column4"].tolist() == ["dark", ""]
    moved = "fold,Same,B,a\n3,TRUE,Bo/Bo_0002.jpg,Bo/Bo_0001.jpg\n"
    trials = read_trials(pairs_file(tmp_path, moved, "p.csv"), images)
    assert named(trials) == [("Bo/Bo_0001.jpg", "Bo/Bo_0002.jpg", True)]
    assert trials.fold is not None
    assert trials.fold.tolist() == [3]
    assert trials.attributes == {}


def test_csv_subjects_follow_mated_pairs_where_folders_do_not(tmp_path: Path) -> None:
    folder = photos(tmp_path / "i", *(f"{n}.jpg" for n in "pqrstu"))
    text = "p.jpg,q.jpg,1\nq.jpg,r.jpg,1\ns.jpg,t.jpg,1\np.jpg,s.jpg,0\nr.jpg,u.jpg,0\n"
    trials = read_trials(pairs_file(tmp_path, text), folder)
    assert dict(zip(trials.photos, trials.subjects, strict=True)) == {
        **dict.fromkeys(("p.jpg", "q.jpg", "r.jpg"), "p.jpg"),
        **dict.fromkeys(("s.jpg", "t.jpg"), "s.jpg"),
        "u.jpg": "u.jpg",
    }


def test_csv_subjects_as_the_file_names_them(tmp_path: Path, images: Path) -> None:
    text = "a,b,same,subject_a,subject_b\nBo/Bo_0001,Cy/Cy_0001,1,Robin,Robin\n"
    trials = read_trials(pairs_file(tmp_path, text), images)
    assert trials.subjects == ("Robin", "Robin")


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("Bo 1 2\nBo 1\n", "line 2", "3 columns"),
        ("Bo 1 2\n\nBo one 2\n", "line 3", "'one'"),
        ("Bo 0 2\n", "line 1", "'0'"),
        ("Bo 1 " + "9" * 5000, "line 1", "number of a photo"),
        ("Bo 2 2\n", "line 1", "compared with itself"),
        ("../Bo 1 2\n", "line 1", "no person's name"),
        ("10 300\nBo 1 2\n", "line 1", "6000 pairs, and the file has 1"),
        ("1 1\nBo 1 Cy 2\nBo 1 2\n", "line 2", "promises a mated"),
        ("1 1\nBo 1 3\nBo 1 2\n", "line 3", "promises a non-mated"),
        ("", "", "no pairs"),
        ("10 0\n", "line 1", "0 pairs"),
        ("a,b,c\nx,y,1\n", "line 1", "columns a, b and same"),
        ("a,b,same\nx,y,1\nx,y,maybe\n", "line 3", "'maybe'"),
        ("a,b,same\nx,y\n", "line 2", "expected 3 columns, got 2"),
        ("a,b,same\n../x,y,1\n", "line 2", "inside the folder"),
        ("a,b,same\n/etc/x,y,1\n", "line 2", "inside the folder"),
        ("a,b,same\nc:\\x,y,1\n", "line 2", "inside the folder"),
        ("a,b,same\n,y,1\n", "line 2", "inside the folder"),
        ('a,b,same\n"x,y,1\n', "line", "not CSV"),
        ("a,b,same,subject_a\nx,y,1,z\n", "line 1", "come together"),
        ("a,b,same,d,d\nx,y,1,z,z\n", "line 1", "name of its own"),
        ("a,b,same,subject_a,subject_b\nx,y,1,P,Q\n", "line 2", "the people are"),
        (
            "a,b,same,subject_a,subject_b\nx,y,1,P,P\nx,z,1,Q,Q\n",
            "line 3",
            "both 'P' and 'Q'",
        ),
        ("a,b,same,fold\nx,y,1,-1\n", "line 2", "fold"),
        ("x,y,1\ny,z,1\nx,z,0\n", "line 3", "said to differ"),
        ("Bo/Bo_0001,Bo/Bo_0001.jpg,1\n", "line 1", "one file"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(
    tmp_path: Path, images: Path, text: str, where: str, what: str
) -> None:
    with pytest.raises(InputError) as caught:
        read_trials(pairs_file(tmp_path, text), images)
    message = str(caught.value)
    assert "pairs.txt" in message
    assert where in message
    assert what in message
    assert "\n" not in message


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path, images: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_bytes(b"Bo 1 2\nB\xff 1 2\n")
    with pytest.raises(InputError, match="line 2: not UTF-8"):
        read_trials(path, images)


def test_a_missing_file_and_a_missing_folder(tmp_path: Path, images: Path) -> None:
    with pytest.raises(InputError, match=r"none\.txt: cannot be read"):
        read_trials(tmp_path / "none.txt", images)
    with pytest.raises(InputError, match="no such folder"):
        read_trials(pairs_file(tmp_path, "Bo 1 2"), tmp_path / "nowhere")


def test_the_hash_follows_what_is_compared(tmp_path: Path, images: Path) -> None:
    texts = [
        "Bo 1 2\nBo 1 Cy 1",
        "Bo 1 2\nBo 1 Cy 2",
        "Bo 1 Cy 1\nBo 1 2",
        "a,b,same,x\nBo/Bo_0001,Bo/Bo_0002,1,1\nBo/Bo_0001,Cy/Cy_0001,0,1",
        "a,b,same,x\nBo/Bo_0001,Bo/Bo_0002,1,1\nBo/Bo_0001,Cy/Cy_0001,0,2",
        "a,b,same,fold\nBo/Bo_0001,Bo/Bo_0002,1,1\nBo/Bo_0001,Cy/Cy_0001,0,2",
    ]
    hashes = [read_trials(pairs_file(tmp_path, text), images).sha256 for text in texts]
    assert len(set(hashes)) == len(texts)
    csv = "a,b,same\nBo/Bo_0001,Bo/Bo_0002,1\nBo/Bo_0001,Cy/Cy_0001,0"
    assert read_trials(pairs_file(tmp_path, csv), images).sha256 == hashes[0]


def test_a_list_cannot_be_changed_nor_be_inconsistent(images: Path) -> None:
    trials = from_folder(images)
    with pytest.raises(ValueError, match="read-only"):
        trials.pairs[0, 0] = 3
    for pairs, fold in (([[0, 2]], None), ([[0, 1, 2]], None), ([[0, 1]], [1, 2])):
        with pytest.raises(InputError, match="TrialList"):
            TrialList(
                "x", ("p", "q"), ("P", "Q"), np.array(pairs), np.array([True]), np.zeros(2, bool),
                fold=None if fold is None else np.array(fold),
            )  # fmt: skip


def by_hand(names: list[str]) -> Counter[tuple[str, str, bool]]:
    return Counter(
        (a, b, a.split("/")[0] == b.split("/")[0]) for a, b in itertools.combinations(names, 2)
    )


def test_a_folder_gives_every_pair_once(tmp_path: Path) -> None:
    names = ["A/1.jpg", "A/2.png", "A/x/3.jpg", "B b/1.jpg", "C/1.jpg", "C/2.jpg", "D/9.jpg"]
    trials = from_folder(photos(tmp_path / "people", *names))
    assert Counter(named(trials)) == by_hand(names)
    assert trials.mated.tolist() == sorted(trials.mated.tolist(), reverse=True)
    assert trials.subjects == ("A", "A", "A", "B b", "C", "C", "D")
    assert trials.notes == ()


def test_a_draw_is_seeded_without_repeats_and_part_of_all(tmp_path: Path) -> None:
    names = [
        f"{who}/{n}.jpg"
        for who, count in zip("ABCDE", (1, 5, 2, 9, 3), strict=True)
        for n in range(count)
    ]
    folder = photos(tmp_path / "people", *names)
    everything = by_hand(names)
    first = from_folder(folder, non_mated=40, seed=1)
    assert Counter(named(first)) <= everything
    assert int((~first.mated).sum()) == 40
    assert int(first.mated.sum()) == sum(mated for _, _, mated in everything)
    assert from_folder(folder, non_mated=40, seed=1).sha256 == first.sha256
    assert from_folder(folder, non_mated=40, seed=2).sha256 != first.sha256
    assert Counter(named(from_folder(folder, non_mated=10**9))) == everything
    assert from_folder(folder, non_mated=0).mated.all()


def test_every_non_mated_pair_is_as_likely_as_any_other(tmp_path: Path) -> None:
    names = ["A/0.jpg", *(f"B/{n}.jpg" for n in range(4)), "C/0.jpg", "C/1.jpg"]
    folder = photos(tmp_path / "people", *names)
    total = sum(not mated for _, _, mated in by_hand(names))
    drawn: Counter[tuple[str, str]] = Counter()
    draws, each = 600, 4
    for seed in range(draws):
        drawn.update(
            (a, b)
            for a, b, mated in named(from_folder(folder, non_mated=each, seed=seed))
            if not mated
        )
    expected = draws * each / total
    assert len(drawn) == total == 14
    # Chi-squared with 13 degrees of freedom stays below 34.5 in 999 of 1,000 such tests.
    assert sum((n - expected) ** 2 / expected for n in drawn.values()) < 34.5


def test_a_draw_among_millions_makes_none_of_the_others(tmp_path: Path) -> None:
    names = [f"{n // 2}/{n % 2}.jpg" for n in range(3000)]  # 4.5 million pairs
    folder = photos(tmp_path / "people", *names)
    tracemalloc.start()
    try:
        trials = from_folder(folder, non_mated=1000, seed=3)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(set(map(tuple, trials.pairs.tolist()))) == 1500 + 1000
    assert peak < 4.5e6 * 4  # less than one number a pair


def test_pictures_that_are_nobodys_are_named(tmp_path: Path) -> None:
    trials = from_folder(photos(tmp_path / "p", "A/1.jpg", "A/2.jpg", "loose.jpg"))
    assert trials.photos == ("A/1.jpg", "A/2.jpg")
    assert "1 pictures" in trials.notes[0]


def test_a_folder_without_a_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pair of photos"):
        from_folder(photos(tmp_path / "one", "A/1.jpg"))
    with pytest.raises(InputError, match="no pair of photos"):
        from_folder(photos(tmp_path / "flat", "1.jpg", "2.jpg"))
    with pytest.raises(ImageError, match="no pictures"):
        from_folder(photos(tmp_path / "text", "A/1.txt"))
    with pytest.raises(InputError, match="no such folder"):
        from_folder(tmp_path / "nowhere")
    with pytest.raises(InputError, match="non_mated"):
        from_folder(tmp_path / "one", non_mated=-1)


@pytest.mark.data
@pytest.mark.parametrize(("name", "counts"), [("lfw-dev", (2356, 1916)), ("mfr2-dev", (169, 44))])
def test_the_development_pairs(data_folder: Path, name: str, counts: tuple[int, int]) -> None:
    pairs = data_folder / f"{name}-pairs.txt"
    if not pairs.exists():
        pytest.skip(f"needs {name}-pairs.txt in MASKWISE_DATA")
    trials = read_trials(pairs, data_folder / name)
    assert (int(trials.mated.sum()), int((~trials.mated).sum())) == counts
    assert not trials.missing.any()
