"""Who is compared with whom in the accuracy tables: four lists of trials, as CSV.

    MASKWISE_DATA=... python benchmarks/accuracy/lists.py OUT --lfw-pairs FILE [--mfr2-pairs FILE]

Writes OUT/lists/, always the same from the same photos:

- lfw.csv: people of the report part (training/photos.py), at most ten photos of each, drawn by
  name; every mated pair, and 100,000 non-mated ones drawn by a fixed seed.
- lfw-pairs.csv: LFW's own pairs (View 2, ``pairs.txt``) of which both people are in that part and
  both photos are there, filled up with non-mated pairs of lfw.csv until both kinds are as many.
- mfr2.csv: every pair of photos of MFR2, with what each pair wears by MFR2's labels; where one
  photo is bare and one masked, the bare one is the reference.
- mfr2-pairs.csv: MFR2's own list, turned the same way, where --mfr2-pairs names it.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "training"))
from photos import data_folder, part_of, photos  # noqa: E402

from maskwise.evaluate.trials import TrialList, read_trials  # noqa: E402
from maskwise.image import find_images  # noqa: E402

MOST_PHOTOS = 10
"""Of a person: else the pairs of a few people with a hundred photos would be nearly all pairs."""
NON_MATED = 100_000
SEED = 1
WORN = ("bare-bare", "bare-masked", "masked-masked")
BARE = "no-mask"

Trial = tuple[str, str, int]


def lfw() -> tuple[list[Trial], list[Trial]]:
    """The mated and the non-mated trials of lfw.csv."""
    people: dict[str, list[str]] = {}
    for path in photos("report"):
        people.setdefault(path.parent.name, []).append(path.name)
    for person, names in people.items():
        if len(names) > MOST_PHOTOS:
            people[person] = sorted(random.Random(person).sample(names, MOST_PHOTOS))
    mated = [
        (f"{person}/{a}", f"{person}/{b}", 1)
        for person, names in people.items()
        for a, b in itertools.combinations(names, 2)
    ]
    everybody = [(person, name) for person, names in people.items() for name in names]
    drawn: dict[frozenset[int], Trial] = {}
    rng = random.Random(SEED)
    while len(drawn) < NON_MATED:
        a, b = rng.sample(range(len(everybody)), 2)
        if everybody[a][0] != everybody[b][0] and frozenset((a, b)) not in drawn:
            drawn[frozenset((a, b))] = ("/".join(everybody[a]), "/".join(everybody[b]), 0)
    return mated, list(drawn.values())


def lfw_pairs(pairs: Path, more: Sequence[Trial]) -> list[Trial]:
    """LFW's own trials of the report part, mated first, and as many of ``more`` as it takes."""
    trials = read_trials(pairs, data_folder() / "lfw-dev")
    kept = [
        (trials.photos[a], trials.photos[b], int(mated))
        for (a, b), mated in zip(trials.pairs.tolist(), trials.mated, strict=True)
        if all(part_of(trials.subjects[p]) == "report" and not trials.missing[p] for p in (a, b))
    ]
    mated, other = ([trial for trial in kept if trial[2] == same] for same in (1, 0))
    have = {frozenset(trial[:2]) for trial in other}
    new = [trial for trial in more if frozenset(trial[:2]) not in have]
    return mated + other + new[: len(mated) - len(other)]


def mfr2_labels() -> dict[str, str]:
    """What each photo of MFR2 wears, by its path without suffix; BARE for nothing."""
    with (data_folder() / "mfr2-dev-labels.csv").open(newline="") as file:
        return {
            f"{row['name']}/{row['name']}_{int(row['index']):04d}": row["mask"]
            for row in csv.DictReader(file)
        }


def mfr2(pairs: Path | None, labels: dict[str, str]) -> list[tuple[str, str, int, str, str]]:
    """Trials with the columns labelled and probe_label. pairs: None for every pair of photos."""
    folder = data_folder() / "mfr2-dev"
    if pairs is None:
        names = sorted(path.relative_to(folder) for path in find_images(folder))
        trials = [
            (a.as_posix(), b.as_posix(), int(a.parent == b.parent))
            for a, b in itertools.combinations(names, 2)
        ]
    else:
        trials = _of(read_trials(pairs, folder))
    rows = []
    for reference, probe, same in trials:
        worn = [labels[Path(photo).with_suffix("").as_posix()] for photo in (reference, probe)]
        photos_ = [reference, probe]
        if worn[0] != BARE and worn[1] == BARE:
            worn.reverse()
            photos_.reverse()
        masked = sum(label != BARE for label in worn)
        rows.append((photos_[0], photos_[1], same, WORN[masked], worn[1]))
    return rows


def _of(trials: TrialList) -> list[Trial]:
    pairs = zip(trials.pairs.tolist(), trials.mated, strict=True)
    return [(trials.photos[a], trials.photos[b], int(mated)) for (a, b), mated in pairs]


def write(path: Path, rows: Sequence[Sequence[object]], columns: Sequence[str]) -> None:
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(rows)
    print(f"{path}: {len(rows):,} trials")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="the folder of this measurement")
    parser.add_argument("--lfw-pairs", type=Path, required=True, help="LFW's pairs.txt (View 2)")
    parser.add_argument("--mfr2-pairs", type=Path, help="MFR2's pairs.txt")
    given = parser.parse_args()
    folder = given.out / "lists"
    folder.mkdir(parents=True, exist_ok=True)
    plain = ("a", "b", "same")
    mated, non_mated = lfw()
    write(folder / "lfw.csv", mated + non_mated, plain)
    write(folder / "lfw-pairs.csv", lfw_pairs(given.lfw_pairs, non_mated), plain)
    labels = mfr2_labels()
    labelled = (*plain, "labelled", "probe_label")
    write(folder / "mfr2.csv", mfr2(None, labels), labelled)
    if given.mfr2_pairs:
        write(folder / "mfr2-pairs.csv", mfr2(given.mfr2_pairs, labels), labelled)


if __name__ == "__main__":
    main()
