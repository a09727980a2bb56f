"""What ``maskwise bench`` prints for people."""

from __future__ import annotations

from typing import Any

import click

from maskwise.cli.output import print_table, printable

_UNKNOWN = "-"


def print_bench(report: dict[str, Any]) -> None:
    """The machine, the stages, the start, then the peers; ``report``: what ``--json`` prints."""
    _machine(report)
    rows = report["stages"]
    print_table(
        ("stage", "by", "ms", "10-90 %", "a second"),
        [
            (
                _label(row["stage"], report),
                row["per"],
                _number(row["median_ms"]),
                _between(row["p10_ms"], row["p90_ms"]),
                _number(1000 / row["median_ms"] if row["median_ms"] else None),
            )
            for row in rows
        ],
        right=("ms", "10-90 %", "a second"),
    )
    for name, whole in report["end_to_end"].items():
        click.echo(
            f"{name}: {_number(whole['photos_per_second'])} photos a second, "
            f"{_number(whole['ms_per_face'])} ms a face, all stages"
        )
    started = report["fresh_process"].get("maskwise", {})
    click.echo(
        f"fresh process: import {_number(started.get('import_s'))} s, first answer after "
        f"{_number(started.get('first_answer_s'))} s, memory peak "
        f"{_number(started.get('peak_mb'))} MB"
    )
    if started.get("problem"):
        click.echo(f"fresh process: {printable(started['problem'])}")
    click.echo()
    _peers(report)
    for name, why in report["not_found"].items():
        click.echo(f"not compared: {name}: {printable(why)}")


def _machine(report: dict[str, Any]) -> None:
    machine, settings = report["machine"], report["settings"]
    memory = f", {machine['memory_gb']} GB" if machine["memory_gb"] else ""
    cores = machine["cores"]
    click.echo(
        f"{machine['cpu'] or 'unknown processor'}, {cores} core{'s'[: cores > 1]}{memory}, "
        f"{machine['system']}, Python {machine['python']}"
    )
    click.echo(", ".join(f"{name} {found}" for name, found in machine["versions"].items()))
    threads = settings["threads"]
    click.echo(
        f"{settings['photos']} photos, {report['looks']} looks, {report['faces']} faces; "
        f"threads: {'as many as fit' if threads is None else threads}"
    )
    load = machine["load"]
    if load is not None and load > machine["cores"] / 2:
        click.echo(f"busy (load {load:g} before): trust the ratios more than the milliseconds")
    click.echo()


def _label(stage: str, report: dict[str, Any]) -> str:
    if stage == "compare":
        return f"compare with {report['settings']['references']:,}"
    return {
        "virtual masks": "virtual masks, all types",
        "identify": "identify, end to end",
        "enrol": "enrol, end to end",
    }.get(stage, stage)


def _peers(report: dict[str, Any]) -> None:
    if not report["peers"]:
        return
    rows = []
    for name, peer in report["peers"].items():
        steps = {step["step"]: step for step in peer["steps"]}
        started, ours = (report["fresh_process"].get(n, {}) for n in (name, "maskwise"))
        total = steps.get("all", {}).get("ratio")
        rows.append(
            (
                name,
                f"{peer['faces']}/{peer['maskwise_faces']}",
                _number(steps["all"]["ms"]["median_ms"]) if total else _UNKNOWN,
                _times(total),
                _times(steps.get("detect", {}).get("ratio")),
                _times(steps.get("encode", {}).get("ratio")),
                _over(started.get("first_answer_s"), ours.get("first_answer_s")),
                _over(started.get("peak_mb"), ours.get("peak_mb")),
            )
        )
    click.echo(
        "beside others, on the same photos: ms a photo, and how many times maskwise's\n"
        "(above 1x: maskwise is faster, or smaller)"
    )
    right = ("faces", "ms", "all", "detect", "encode", "start", "memory")
    print_table(("beside", *right), rows, right=right)
    for name, peer in report["peers"].items():
        for photo, why in list(peer["failed"].items())[:3]:
            click.echo(f"{name} failed: {printable(photo)}: {printable(why)}")


def _times(ratio: dict[str, float] | None) -> str:
    return f"{_number(ratio['median'])}x" if ratio else _UNKNOWN


def _over(theirs: float | None, ours: float | None) -> str:
    return f"{_number(theirs / ours)}x" if theirs and ours else _UNKNOWN


def _between(low: float | None, high: float | None) -> str:
    return _UNKNOWN if low is None or high is None else f"{_number(low)}-{_number(high)}"


def _number(value: float | None) -> str:
    """Three digits that count."""
    if value is None:
        return _UNKNOWN
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
