"""What ``measure.py`` found, as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def _percent(found: dict[str, Any]) -> str:
    share = 100 * found["count"] / found["of"]
    return f"{share:.1f} % ({100 * found['low']:.0f} to {100 * found['high']:.0f})"


def _points(found: dict[str, Any]) -> str:
    value, low, high = (100 * found[key] for key in ("value", "low", "high"))
    return f"{value:+.1f} ({low:+.1f} to {high:+.1f})"


def show(result: dict[str, Any]) -> None:
    sample = result["curve"][0]
    print(f"{result['people']} people; {sample['lfw']['rank_1']['of']} probes", end="")
    print(f" ({sample['lfw']['failed']} without a template)")
    for title in ("curve", "sets", "alone"):
        _searches("templates", {row["templates"]: row for row in result[title]}, _percent)
    changes = {f"{row['from']} to {row['to']}": row for row in result["differences"]}
    _searches("difference in points", changes, _points)
    print(
        "\n| probes wear | "
        + " | ".join(f"{name}: FNIR" for name in ("bare only", "default", "every type"))
        + " |"
    )
    print("|---|---|---|---|")
    for kind, rates in result["by_type"].items():
        print(f"| {kind} | {' | '.join(_percent(f['fnir']) for f in rates.values())} |")
    whole = result["calibrate_fnmr"]
    print(
        "\nFNMR at an FMR of 0.001, calibrate people: "
        + ", ".join(f"{k} {100 * v:.1f} %" for k, v in whole.items())
    )
    for kind, rates in result["without"].items():
        rest, alone = (100 * rates[k] for k in ("calibrate_fnmr", "calibrate_fnmr_alone"))
        print(f"  every type but {kind}: {rest:.1f} %; {kind} alone: {alone:.1f} %")


def _searches(
    title: str, rows: dict[str, dict[str, Any]], cell: Callable[[dict[str, Any]], str]
) -> None:
    """A table of rank 1 and FNIR on each of the sets of photos that there are."""
    sets = [key for key in ("lfw", "mfr2") if key in next(iter(rows.values()))]
    columns = [f"{key.upper()} {what}" for key in sets for what in ("rank 1", "FNIR")]
    print(f"\n| {title} | {' | '.join(columns)} |\n|{'---|' * (1 + len(columns))}")
    for name, row in rows.items():
        cells = [cell(row[key][what]) for key in sets for what in ("rank_1", "fnir")]
        print(f"| {name} | {' | '.join(cells)} |")
