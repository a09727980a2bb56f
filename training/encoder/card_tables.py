"""The figures of card_figures.py as the Markdown tables of the model card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from maskwise.evaluate.intervals import LEVEL, Interval
from maskwise.evaluate.report.words import NOTHING, percent, percent_range

Figure = Mapping[str, Any]
Rows = Sequence[Sequence[str]]

_FPIRS = ("0.1", "0.01")


def table(columns: Sequence[str], rows: Rows) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def rate(figure: Figure) -> str:
    """``6.37 % (4.1 to 9 %)``; in square brackets where too few trials support it."""
    text = percent(figure["value"])
    # All replicates of a rate without errors are 0: that is no interval.
    if figure["low"] is not None and figure["high"] > 0:
        shown = percent_range(Interval(figure["low"], figure["high"], LEVEL, ""))
        text += f" ({shown})"
    return text if figure.get("supported", True) else f"[{text}]"


def counted(figure: Figure) -> str:
    """``104 of 516, 20.2 % (15 to 26 %)``."""
    return f"{figure['errors']} of {figure['trials']}, {rate(figure)}"


def points(figure: Figure) -> str:
    """A difference in points: ``-0.43 (-2.1 to +0.8)``; two decimals below one point."""
    ends = [100 * figure[end] for end in ("low", "high") if figure[end] is not None]
    value = 100 * figure["value"]
    digits = 2 if max(map(abs, (value, *ends))) < 1 else 1
    text = _signed(value, digits)
    if ends:
        text += f" ({_signed(ends[0], digits)} to {_signed(ends[1], digits)})"
    return text


def _signed(value: float, digits: int) -> str:
    text = f"{value:+.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def left_out(cases: Figure) -> str:
    """A sentence on the trials that one of the networks has no score of, mated + non-mated."""
    lost = {case: made["lost"] for case, made in cases.items() if any(made["lost"].values())}
    if not lost:
        return "Every trial has a score of both networks.\n"
    told = (f"{case}: {one['mated']} + {one['non_mated']}" for case, one in lost.items())
    return f"Trials left out for want of a score, mated + non-mated: {'; '.join(told)}.\n"


def markdown(card: Figure) -> str:
    """The whole card's tables. card: as card.py writes it to JSON."""
    return "\n".join(_parts(card))


def _parts(card: Figure) -> Iterator[str]:
    names: list[str] = [f"`{name}`" for name in card["encoders"]]
    trials = card["lfw"]["verification"]["bare, bare"]
    yield (
        f"{card['people']} people of LFW's report part, {card['photos']:,} photos; "
        f"{trials['mated']:,} mated and {trials['non_mated']:,} non-mated trials. Rates are of "
        "trials that both networks have a score of; in round brackets 95 % intervals, by a "
        f"bootstrap over people ({card['replicates']:,} replicates); in square ones what too few "
        "trials support. "
        "Differences are in points, second network less first, paired.\n"
    )
    if card["limit"] is not None:
        yield f"**Only the first {card['limit']} people: no figures for the card.**\n"
    yield from _verification(card["lfw"], names)
    yield from _bare(card["lfw"], names)
    yield from _searches("Identification", card["lfw"]["identification"], names)
    yield "#### By type of mask\n"
    yield "FNMR at the one threshold of FMR 0.001, enrolled in virtual masks.\n"
    yield _types(card["lfw"]["types"], names)
    yield "#### Flat masks (benchmarks/flat_masks.py)\n"
    yield from _rates(card["flat"]["verification"], names)
    yield from _searches("Flat masks, identification", card["flat"]["identification"], names)
    yield _types(card["flat"]["types"], names)
    yield from _mfr2(card["mfr2"], names)
    yield "#### Failures\n"
    yield from _failures(card["failures"], names)


def _rates(cases: Figure, names: list[str], cross: Figure | None = None) -> Iterator[str]:
    for key, title in (("fnmr", "FNMR at FMR 0.001"), ("eer", "EER")):
        rows = [
            [case, *(rate(one[key]) for one in made["by"]), points(made["difference"][key])]
            for case, made in cases.items()
        ]
        rows += [
            [case, NOTHING, rate(made["by"][0][key]), ""] for case, made in (cross or {}).items()
        ]
        yield table([title, *names, "difference in points"], rows)
    yield left_out({**cases, **(cross or {})})


def _verification(lfw: Figure, names: list[str]) -> Iterator[str]:
    yield "#### Verification\n"
    yield from _rates(lfw["verification"], names, lfw["cross"])


def _bare(lfw: Figure, names: list[str]) -> Iterator[str]:
    yield "#### Bare faces\n"
    every, own = lfw["verification"]["bare, bare"], lfw["own_pairs"]
    rows = [
        [
            "all trials, best threshold, both kinds alike",
            *(rate(one["balanced"]) for one in every["by"]),
            points(every["difference"]["balanced"]),
        ]
    ]
    listed = f"LFW's own pairs ({own['mated']} + {own['non_mated']})"
    for key, how in (
        ("folds", "threshold of nine of ten folds, ± standard error"),
        ("other_folds", "the same, mean over six other random folds"),
        ("best", "best threshold"),
    ):
        cells = [percent(one[key], 4) for one in own["by"]]
        if key == "folds":
            errors = [percent(one["standard_error"], 2) for one in own["by"]]
            cells = [f"{cell} ± {error}" for cell, error in zip(cells, errors, strict=True)]
        if key == "best":
            wrong = [one["wrong_at_best"] for one in own["by"]]
            cells = [f"{cell}, {count} wrong" for cell, count in zip(cells, wrong, strict=True)]
        change = own["by"][1][key] - own["by"][0][key]
        rows.append([f"{listed}, {how}", *cells, _signed(100 * change, 2)])
    for made in lfw["random_lists"]:
        change = made["difference"]
        rows.append(
            [
                f"{made['lists']} random lists of {made['each']:,} + {made['each']:,}, mean",
                *(percent(one["mean"], 4) for one in made["by"]),
                f"{_signed(100 * change['mean'], 2)}, sd {100 * change['sd']:.2f}; "
                f"{percent(made['share_with_loss'], 2)} of the lists lose more than "
                f"{100 * made['loss']:.1f}",
            ]
        )
    yield table(["accuracy, bare", *names, "difference in points"], rows)


def _searches(title: str, cases: Figure, names: list[str]) -> Iterator[str]:
    first = next(iter(cases.values()))
    yield f"#### {title}\n"
    yield (
        f"{first['people']} people enrolled with one photo each, {first['mated']} mated probes, "
        f"{first['non_mated']} strangers.\n"
    )
    rows = []
    for case, made in cases.items():
        for name, one in zip(names, made["by"], strict=True):
            cells = [case, name, rate(one["rank1"])]
            for fpir in _FPIRS:
                at = one["at_fpir"][fpir]
                cells.append(rate({**at["fnir"], "supported": at["supported"]}))
                tpir = percent(at["tpir"])
                cells.append(tpir if at["supported"] else f"[{tpir}]")
            cells.append(str(one["probes_without_template"] + one["mates_not_enrolled"]))
            rows.append(cells)
        rows.append([case, "difference", points(made["difference"]["rank1"]), *[""] * 5])
    at = [f"{word} at FPIR {percent(float(fpir))}" for fpir in _FPIRS for word in ("FNIR", "TPIR")]
    yield table(["probes, enrolled", "encoder", "rank 1", *at, "failed"], rows)


def _types(types: Figure, names: list[str]) -> str:
    kinds = list(dict.fromkeys(kind for one in types["by"] for kind in one))
    rows = [
        [kind, *(counted(one[kind]) if kind in one else NOTHING for one in types["by"])]
        for kind in kinds
    ]
    return table(["probe wears", *names], rows)


def _mfr2(mfr2: Figure, names: list[str]) -> Iterator[str]:
    yield "#### MFR2 (development figures)\n"
    rows = []
    for case, made in mfr2["verification"].items():
        what = f"{case} ({made['mated']} + {made['non_mated']})"
        one, other = made["by"]
        rows += [
            [
                f"{what}, EER",
                rate(one["eer"]),
                rate(other["eer"]),
                points(made["difference"]["eer"]),
            ],
            [
                f"{what}, accuracy at the best threshold",
                *(
                    f"{percent(o['accuracy']['value'])}, {o['accuracy']['wrong']} wrong"
                    for o in made["by"]
                ),
                _signed(100 * (other["accuracy"]["value"] - one["accuracy"]["value"]), 1),
            ],
        ]
    for case, made in mfr2["identification"].items():
        what = f"rank 1 of {made['mated']} masked probes, {case}"
        cells = [rate(one["rank1"]) for one in made["by"]]
        rows.append([what, *cells, points(made["difference"]["rank1"])])
    yield table(["MFR2", *names, "difference in points"], rows)
    yield left_out(mfr2["verification"])


def _failures(failures: Figure, names: list[str]) -> Iterator[str]:
    for data, by in failures.items():
        rows = [[what, *(str(one[what]) for one in by)] for what in by[0]]
        yield table([data, *names], rows)
