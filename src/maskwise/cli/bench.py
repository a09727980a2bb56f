"""``maskwise bench``: how fast it is on this machine, beside the peers that are installed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from maskwise.cli.bench_table import print_bench
from maskwise.cli.options import Tools, json_option, model_options, pass_tools
from maskwise.cli.output import Progress, naming, print_json, remark
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED
from maskwise.errors import ConfigurationError

if TYPE_CHECKING:
    from maskwise.bench.contestant import Contestant
    from maskwise.bench.fresh import Fresh

_STARTS: Final = 3


@click.command(name="bench")
@click.argument("folder", metavar="[FOLDER]", required=False)
@click.option(
    "--peers",
    metavar="all|none|NAME,...",
    default="all",
    show_default=True,
    help="The libraries beside it: dlib, dlib-hog, face_recognition, face_recognition-cnn. Those "
    "that are not installed are named.",
)
@click.option(
    "--threads",
    type=click.IntRange(1),
    metavar="N",
    help="Of a model's run.  [default: MASKWISE_THREADS, else one a core, 8 at most]",
)
@click.option(
    "--repeat",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="How often each photo is looked at.",
)
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=24,
    show_default=True,
    metavar="N",
    help="Photos at most.",
)
@model_options("detector", "encoder")
@json_option("one JSON object")
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    folder: str | None,
    peers: str,
    threads: int | None,
    repeat: int,
    limit: int,
    models: dict[str, str],
    as_json: bool,
) -> None:
    """How fast is it here, stage by stage, end to end, and beside other libraries?

    FOLDER holds photos; without it, the sample people. All libraries look at each photo in turn,
    so that a busy machine slows all alike: ratios hold better than milliseconds.

    \b
    Examples:
      maskwise bench
      maskwise bench photos/ --limit 20 --threads 1
      maskwise bench --peers none --json

    Exit codes: 0 done; 1 done, but some photos cannot be read, or a peer that you named is not to
    be had; 2 usage error; 130 interrupted, and what was measured until then is printed.
    """
    from maskwise.bench.peers import parse_peers

    wanted = parse_peers(peers)
    before = os.environ.get("MASKWISE_THREADS")
    if threads is not None:  # for the processes that are started, too
        os.environ["MASKWISE_THREADS"] = str(threads)
    try:
        report = _measure(
            tools,
            models,
            photos=_photos(folder, limit),
            wanted=wanted,
            repeat=repeat,
            threads=threads,
        )
    finally:
        if threads is not None:
            os.environ.pop("MASKWISE_THREADS")
            os.environ.update({} if before is None else {"MASKWISE_THREADS": before})
    if as_json:
        print_json(report)
    else:
        print_bench(report)
    for photo, why in report["unreadable"].items():
        remark(f"skipped: {naming(photo, why)}")
    if report["interrupted"]:
        remark("interrupted; this is what was measured until then")
        ctx.exit(INTERRUPTED)
    missing = peers != "all" and report["not_found"]
    ctx.exit(SKIPPED if report["unreadable"] or missing else OK)


def _photos(folder: str | None, limit: int) -> list[Path]:
    from maskwise import samples
    from maskwise.image import find_images

    return find_images(samples.people() if folder is None else folder)[:limit]


def _measure(
    tools: Tools,
    models: dict[str, str],
    *,
    photos: list[Path],
    wanted: Sequence[str],
    repeat: int,
    threads: int | None,
) -> dict[str, Any]:
    from maskwise.bench import run
    from maskwise.bench.machine import describe_machine
    from maskwise.bench.ours import WHOLE, Ours

    machine = describe_machine()  # its load, before ours
    ours = Ours(tools.recognizer(**models))
    photos, unreadable = run.readable(photos, ours)
    if not photos:
        raise ConfigurationError(
            f"none of the {len(unreadable)} photos can be read: {min(unreadable.values())}"
        )
    starts, made, not_found = _start(wanted, photos, models)
    with Progress("photos", repeat * len(photos)) as progress:
        rounds = run.look_at_all(photos, ours, made, repeat, progress.advance)
    return {
        "machine": machine,
        "models": ours.recognizer.models,
        "settings": run.settings(photos, repeat, threads),
        "faces": sum(look.faces for look in rounds.ours),
        "looks": len(rounds.ours),
        "stages": run.stage_rows(rounds),
        "end_to_end": {name: run.whole_row(rounds, name) for name in WHOLE},
        "fresh_process": {name: _fresh_json(fresh) for name, fresh in starts.items()},
        "peers": {name: run.peer_row(peer) for name, peer in rounds.peers.items()},
        "not_found": not_found,
        "unreadable": unreadable,
        "interrupted": rounds.interrupted,
    }


def _start(
    wanted: Sequence[str], photos: Sequence[Path], models: dict[str, str]
) -> tuple[dict[str, Fresh], dict[str, Contestant], dict[str, str]]:
    """Fresh processes of all, then those peers in this one that could be started there."""
    from maskwise.bench import fresh, peers

    not_found = {name: why for name in wanted if (why := peers.not_installed(name))}
    names = [fresh.OURS, *(name for name in wanted if name not in not_found)]
    starts: dict[str, Fresh] = {}
    made: dict[str, Contestant] = {}
    with Progress("start-up", _STARTS * len(names)) as progress:
        for name in names:
            found = fresh.measure(name, photos, _STARTS, progress.advance, models)
            if found.problem is None or name == fresh.OURS:
                starts[name] = found
            else:
                not_found[name] = found.problem + peers.remedy(name)
    for name in starts:
        if name != fresh.OURS:
            try:
                made[name] = peers.make(name)
            except ConfigurationError as error:
                not_found[name] = str(error)
    return starts, made, not_found


def _fresh_json(found: Fresh) -> dict[str, Any]:
    return {
        "import_s": found.import_s,
        "first_answer_s": found.first_answer_s,
        "peak_mb": found.peak_mb,
        "problem": found.problem,
    }
