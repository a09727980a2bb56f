"""The figures of docs/model-card-encoder.md, all of them, measured again.

    MASKWISE_DATA=... python training/encoder/card.py --pairs lfw-dev-pairs.txt \\
        --mfr2-pairs mfr2-dev-pairs.txt --out DIR

Compares the stock encoder, ``dlib-resnet-v1``, with the default one, each with the landmarks that
it takes by default and everything else as by default. Prints Markdown tables, and writes them to
DIR/card.md and the figures to DIR/card.json; neither holds a name. --pairs: LFW's list (View 2);
--mfr2-pairs: MFR2's own list.

LFW's report people alone (../photos.py), by the lists of benchmarks/accuracy; probes in random
masks by seed 0, on the photo. MFR2 is for development: it chose among networks. Templates and
pictures in flat masks are kept in ../work: the first run takes some 15 minutes on one core, a
second a minute or two, nearly all of it the bootstrap (fewer --replicates: less).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np
from card_figures import by_type, own_list, random_lists, searched, verification
from card_tables import markdown
from card_templates import BARE, MASKED, REFERENCES, SEED, Made, counts, made_by, only
from card_trials import LABELLED, Lfw, Mfr2, Search, lfw, mfr2, person_of
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from maskwise import Recognizer, __version__, encode
from maskwise.errors import ConfigurationError
from maskwise.evaluate.calibration_trials import check_one_space
from maskwise.evaluate.intervals import REPLICATES
from maskwise.evaluate.looks import AS_IS, Look
from maskwise.evaluate.scores import Scores
from maskwise.evaluate.scoring import score_trials
from maskwise.evaluate.searches import Searches
from maskwise.evaluate.searching import score_searches
from maskwise.evaluate.templates import PhotoTemplates
from maskwise.evaluate.trials import TrialList

STOCK = "dlib-resnet-v1"
LISTS = 300
LIST_OF = 478
"""Mated trials of LFW's own list among the report people; and as many non-mated ones."""
LEAST_PEOPLE = 100
STEPS = 17
"""Of the figures, for the progress bar."""
ENROLLED = {"enrolled bare only": BARE, "enrolled in virtual masks": REFERENCES}


def scores(
    trials: TrialList,
    made: PhotoTemplates,
    references: Sequence[Look],
    probe: Look,
    home: PhotoTemplates | None = None,
) -> Scores:
    """home: the templates of the references, where those are others."""
    found = score_trials(trials, made, references, probe, reference_templates=home, seed=SEED)
    return found.scores


def searches(
    made: Made,
    search: Search,
    references: Sequence[Look],
    probe: Look,
    home: PhotoTemplates,
    *,
    probes: PhotoTemplates | None = None,
) -> Searches:
    """home: templates of those who are enrolled, and of the probes if no others are given."""
    gallery = only(home, search.gallery)
    searched_for = only(home if probes is None else probes, search.probes)
    try:
        points = made.recognizer.operating_points
    except ConfigurationError:  # no thresholds: unlike pairs are ranked by the bare score
        points = None
    return score_searches(
        gallery,
        [person_of(photo) for photo in gallery.photos],
        searched_for,
        [person_of(photo) for photo in searched_for.photos],
        references=references,
        probe=probe,
        operating_points=points,
        seed=SEED,
    )


def lfw_figures(
    made: Sequence[Made], lists: Lfw, replicates: int, done: Callable[[], object]
) -> Any:
    def compared(references: Sequence[Look], probe: Look) -> list[Scores]:
        return [scores(lists.every, one.lfw, references, probe) for one in made]

    def told(figures: Any) -> Any:
        done()
        return figures

    kinds = {
        "bare, bare": compared(BARE, AS_IS),
        "bare, masked": compared(BARE, MASKED),
        "enrolled in virtual masks, masked": compared(REFERENCES, MASKED),
    }
    cases = {"bare probes, enrolled bare": (BARE, AS_IS)}
    cases |= {f"masked probes, {how}": (looks, MASKED) for how, looks in ENROLLED.items()}
    listed = [scores(lists.own, one.own, BARE, AS_IS) for one in made]
    bare = kinds["bare, bare"]
    return {
        "verification": {k: told(verification(found, replicates)) for k, found in kinds.items()},
        "cross": {k: told(verification(v, replicates)) for k, v in cross(made, lists).items()},
        "own_pairs": told(own_list(listed)),
        "random_lists": [
            told(random_lists(bare, each, LISTS))
            for each in dict.fromkeys((LIST_OF, int(lists.every.mated.sum())))
        ],
        "identification": {
            case: told(
                searched([searches(one, lists.search, *looks, one.lfw) for one in made], replicates)
            )
            for case, looks in cases.items()
        },
        "types": told(by_type(kinds["enrolled in virtual masks, masked"], replicates)),
    }


def cross(made: Sequence[Made], lists: Lfw) -> dict[str, list[Scores]]:
    """References by the stock encoder, probes by ours; {} where their spaces differ."""
    stock, ours = made
    try:
        check_one_space(stock.recognizer.encoder, ours.recognizer.encoder)
    except ConfigurationError:
        return {}
    return {
        f"stock {how}": [scores(lists.every, ours.lfw, references, probe, stock.lfw)]
        for how, references, probe in (
            ("bare reference, bare probe by ours", BARE, AS_IS),
            ("bare reference, masked probe by ours", BARE, MASKED),
            ("reference in virtual masks, masked probe by ours", REFERENCES, MASKED),
        )
    }


def flat_figures(
    made: Sequence[Made], lists: Lfw, replicates: int, done: Callable[[], object]
) -> Any:
    """The same trials and searches, the probes in flat masks."""
    verified, found, types = {}, {}, None
    for how, references in ENROLLED.items():
        both = [scores(lists.every, one.flat, references, AS_IS, one.lfw) for one in made]
        verified[how] = verification(both, replicates)
        found[f"flat masks, {how}"] = searched(
            [
                searches(one, lists.search, references, AS_IS, one.lfw, probes=one.flat)
                for one in made
            ],
            replicates,
        )
        types = by_type(both, replicates)
        done()
    return {"verification": verified, "identification": found, "types": types}


def mfr2_figures(
    made: Sequence[Made], lists: Mfr2, replicates: int, done: Callable[[], object]
) -> Any:
    verified, found = {}, {}
    bare = [scores(lists.every, one.mfr2, BARE, AS_IS) for one in made]
    for how, references in ENROLLED.items():
        every, own = (
            [scores(trials, one.mfr2, references, AS_IS) for one in made]
            for trials in (lists.every, lists.own)
        )
        for pair in every[0].attributes[LABELLED].values:
            here = every[0].attributes[LABELLED].where(pair)
            if references != BARE and all(
                np.array_equal(one.scores[here], before.scores[here], equal_nan=True)
                for one, before in zip(every, bare, strict=True)
            ):
                continue  # nobody met a drawn mask
            part = [one.subset(here) for one in every]
            verified[f"{pair}, {how}"] = verification(part, replicates)
        verified[f"its own list, {how}"] = verification(own, replicates)
        hits = [searches(one, lists.search, references, AS_IS, one.mfr2) for one in made]
        found[how] = searched(hits, replicates)
        done()
    return {"verification": verified, "identification": found}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=Path, required=True, help="LFW's pairs.txt (View 2)")
    parser.add_argument("--mfr2-pairs", type=Path, required=True, help="MFR2's pairs.txt")
    parser.add_argument("--out", type=Path, required=True, help="where card.md and card.json go")
    parser.add_argument("--encoder", default=encode.DEFAULT, help="another than the default one")
    parser.add_argument("--replicates", type=int, default=REPLICATES, help="of the bootstrap")
    parser.add_argument("--limit", type=int, help="the first so many people: to try things out")
    given = parser.parse_args()
    if given.limit is not None and given.limit < LEAST_PEOPLE:
        parser.error(f"--limit: fewer than {LEAST_PEOPLE} people leave some lists without trials")
    lfw_lists, mfr2_lists = lfw(given.pairs, given.limit), mfr2(given.mfr2_pairs)
    names = (STOCK, given.encoder)
    recognizers = [Recognizer(encoder=name) for name in names]
    given.out.mkdir(parents=True, exist_ok=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:

        def bar(what: str, total: int) -> Callable[[], object]:
            task = bars.add_task(what, total=total)
            return lambda: bars.advance(task)

        made = made_by(recognizers, lfw_lists, mfr2_lists, bar)
        done = bar("figures", STEPS)
        card = {
            "encoders": names,
            "models": [one.recognizer.models for one in made],
            "version": __version__,
            "seed": SEED,
            "replicates": given.replicates,
            "limit": given.limit,
            "photos": len(lfw_lists.every.photos),
            "people": len(set(lfw_lists.every.subjects)),
            "failures": {
                "LFW": [counts(one.lfw, one.flat) for one in made],
                "MFR2": [counts(one.mfr2) for one in made],
            },
            "lfw": lfw_figures(made, lfw_lists, given.replicates, done),
            "flat": flat_figures(made, lfw_lists, given.replicates, done),
            "mfr2": mfr2_figures(made, mfr2_lists, given.replicates, done),
        }
    text = markdown(card)
    (given.out / "card.json").write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    (given.out / "card.md").write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
