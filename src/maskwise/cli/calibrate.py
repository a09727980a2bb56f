"""``maskwise calibrate``: thresholds that mean something on your own photos."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from maskwise.cli.calibrate_place import drop, place_for, reference_recognizer
from maskwise.cli.calibrate_results import (
    Source,
    calibration_json,
    print_calibration,
    result_at,
)
from maskwise.cli.evaluate_options import cache_option
from maskwise.cli.options import (
    Tools,
    gallery_option,
    json_option,
    model_options,
    pass_tools,
    share_option,
)
from maskwise.cli.output import Progress, print_json, printable, remark
from maskwise.cli.status import OK, SKIPPED
from maskwise.errors import ConfigurationError, EvaluationError

if TYPE_CHECKING:
    from maskwise.evaluate.calibration import MapKind
    from maskwise.evaluate.scores import Scores
    from maskwise.evaluate.templates import Progress as Made
    from maskwise.pipeline import Recognizer

FEW_PEOPLE = 30


@click.command(name="calibrate")
@click.option(
    "--folder", metavar="DIR", help="Photos to calibrate on: one folder a person, two photos each."
)
@click.option(
    "--scores",
    "score_files",
    metavar="FILE",
    multiple=True,
    help="Score files (of maskwise evaluate) to calibrate on instead; may be given several times.",
)
@share_option(
    "--target-fmr",
    "The share of pairs of different people that may pass; verify decides at it from then on.  "
    "[default: 0.001]",
)
@gallery_option
@click.option(
    "--out", metavar="FILE", help="Write the calibration here instead of beside the gallery."
)
@click.option(
    "--drop",
    "take_away",
    is_flag=True,
    help="Take the gallery's own calibration away: the shipped thresholds decide again.",
)
@click.option(
    "--kind",
    type=click.Choice(["logistic", "pav"]),
    default="logistic",
    show_default=True,
    help="The map of scores to likelihood ratios: a straight line, or a staircase that rises.",
)
@click.option(
    "--non-mated",
    type=click.IntRange(min=100),
    default=500_000,
    show_default=True,
    metavar="N",
    help="How many pairs of photos of different people to draw at most.",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Of the masks and the pairs that are drawn.",
)
@model_options("detector", "encoder")
@click.option(
    "--reference-encoder",
    metavar="ADDRESS",
    help="The gallery's encoder, where --encoder is another of its space: fits thresholds for "
    "probes of the latter against references of the former.",
)
@cache_option
@click.option("--dry-run", is_flag=True, help="Show what would be fitted, and write nothing.")
@json_option("what was fitted as one JSON object")
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    folder: str | None,
    score_files: tuple[str, ...],
    target_fmr: float | None,
    gallery: str | None,
    out: str | None,
    take_away: bool,
    kind: MapKind,
    non_mated: int,
    seed: int,
    models: dict[str, str],
    reference_encoder: str | None,
    cache: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Fit thresholds to your own photos; identify and verify then decide by them.

    Compares the photos with one another, bare and with virtual masks drawn on them, and finds for
    each combination the threshold that keeps strangers to --target-fmr. The result lies beside the
    gallery's file, or its server keeps it. It holds no name and no path. Fewer than 30 pairs of
    photos of one person are refused.

    \b
    Examples:
      maskwise calibrate --folder people/ --dry-run
      maskwise calibrate --folder people/ --target-fmr 0.0001
      maskwise calibrate --drop
      maskwise calibrate --scores bare.npz --scores masked.npz --out mine.json
      maskwise calibrate --folder people/ --encoder student --reference-encoder sface

    Exit codes: 0 done; 1 done, but some photos were left out, or a threshold is not supported by
    so few photos (each is named); 2 usage error, or too few photos; 130 interrupted: templates
    are kept, and the same command goes on from there.
    """
    from maskwise.decide import DEFAULT_FMR
    from maskwise.evaluate.calibration import calibrate

    if take_away:
        if folder is not None or score_files or out is not None or dry_run:
            raise click.UsageError("--drop goes with --gallery alone")
        _drop(gallery, as_json)
        ctx.exit(OK)
    if (folder is None) == (not score_files):
        raise click.UsageError("name either --folder DIR or --scores FILE, or --drop")
    if reference_encoder is not None and folder is None:
        raise click.UsageError("--reference-encoder goes with --folder DIR")
    target = DEFAULT_FMR if target_fmr is None else target_fmr
    recognizer = tools.recognizer(**models)
    reference = None
    if reference_encoder is not None:
        reference = reference_recognizer(
            tools, {**models, "encoder": reference_encoder}, recognizer
        )
    place = None if dry_run else place_for(gallery, out, recognizer.encoder, reference)
    if folder is not None:
        source = _from_folder(
            recognizer, reference, folder, non_mated=non_mated, seed=seed, cache=cache
        )
    else:
        source = _from_files(score_files)
        if out is None and not dry_run:
            _check_models(source.scores, recognizer)
    fitted = replace(
        calibrate(source.scores, reported_people=(), calibrated_on=source.words, kind=kind),
        target_fmr=target,
    )
    results = {pair: result_at(fitted, source, pair, target) for pair in fitted.pairs}
    if place is not None:
        place.write(fitted)
    if as_json:
        print_json(
            {
                **calibration_json(fitted, source, results, place, dry_run),
                "reference_encoder": None if reference is None else reference.encoder.id,
            }
        )
    else:
        print_calibration(fitted, source, results, place, target)
    incomplete = source.failures or fitted.refused or any(r.unsupported for r in results.values())
    ctx.exit(SKIPPED if incomplete else OK)


def _drop(gallery: str | None, as_json: bool) -> None:
    place = drop(gallery)
    if as_json:
        print_json({"dropped": place})
    else:
        click.echo(f"dropped {printable(place)}: the shipped thresholds decide again")


def _from_folder(
    recognizer: Recognizer,
    reference: Recognizer | None,
    folder: str,
    *,
    non_mated: int,
    seed: int,
    cache: str | None,
) -> Source:
    from maskwise.evaluate.calibration import check_mated
    from maskwise.evaluate.calibration_trials import calibration_trials
    from maskwise.evaluate.people import file_hashes, without_copies
    from maskwise.evaluate.template_cache import TemplateCache
    from maskwise.evaluate.trials import from_folder

    trials = from_folder(folder, non_mated=non_mated, seed=seed)
    trials = without_copies(trials, file_hashes(folder, trials.photos))
    for note in trials.notes:
        remark(note)
    # Before the slow part; faces that are not found may make it fewer still.
    check_mated(int(trials.mated.sum()))
    done, total = 0, len(trials.photos) * (1 if reference is None else 2)
    try:
        with (
            TemplateCache.open(cache) as templates,
            Progress("templates", total) as progress,
        ):

            def told(_: Made) -> None:
                nonlocal done
                done += 1
                progress.advance()

            found = calibration_trials(
                recognizer,
                folder,
                trials,
                cache=templates,
                seed=seed,
                reference=reference,
                on_photo=told,
            )
    except KeyboardInterrupt:
        remark(f"after {done} of {total} photos; the same command goes on from there")
        raise
    if found.people < FEW_PEOPLE:
        remark(
            f"{found.people} people are few: other people's scores may lie elsewhere, and the "
            "thresholds with them"
        )
    return Source(
        found.scores,
        found.people,
        found.photos,
        f"{found.people} people of your own ({found.photos} photos; masks drawn by maskwise)",
        dict(sorted(found.failures.items())),
    )


def _from_files(names: tuple[str, ...]) -> Source:
    from maskwise.evaluate.calibration_trials import joined, without_repeats
    from maskwise.evaluate.score_file import content_sha256, read_scores

    parts: dict[str, tuple[str, Scores]] = {}
    for name in names:
        scores = read_scores(name)
        twin = parts.setdefault(content_sha256(scores), (name, scores))[0]
        if twin != name:
            raise EvaluationError(f"{name} holds the same scores as {twin}; name it once")
    every = joined([scores for _, scores in parts.values()])
    scores = without_repeats(every)
    if len(scores) < len(every):
        remark(f"{len(every) - len(scores)} comparisons stand there more than once and count once")
    people = len(scores.people())
    return Source(scores, people, None, f"{people} people in score files of your own", {})


def _check_models(scores: Scores, recognizer: Recognizer) -> None:
    """ConfigurationError for scores of other models than those that would decide by them."""
    given = {**scores.provenance.models, "encoder": scores.provenance.encoder_id}
    for stage, model in recognizer.models.items():
        if given.get(stage) != model:
            raise ConfigurationError(
                f"the scores were made with the {stage} {given.get(stage)}, and identify and "
                f"verify use {model}: thresholds of the one do not hold for the other; make the "
                "scores anew, or write the calibration elsewhere with --out"
            )
