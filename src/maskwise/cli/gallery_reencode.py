"""``maskwise gallery re-encode``: move a gallery to another encoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from maskwise.cli.actor import actor_option
from maskwise.cli.options import (
    Tools,
    gallery_option,
    json_option,
    model_options,
    open_gallery,
    pass_tools,
    require_people,
)
from maskwise.cli.output import Progress, naming, print_json, printable, remark
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maskwise.pipeline import Recognizer
    from maskwise.reencode import Failure, Origin, Plan, Report

_ORIGINS: Final[dict[Origin, str]] = {
    "kept": "from the kept face",
    "photo": "from the photo where it was",
    "folder": "from a photo in --photos",
    "none": "cannot be re-encoded",
}


@click.command(name="re-encode")
@actor_option
@gallery_option
@model_options("encoder", "detector")
@click.option(
    "--photos",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Where photos may be that are no longer where they were enrolled from; they are told by "
    "their content. May be given several times.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the result to a new gallery, and leave this one as it is.",
)
@click.option(
    "--drop-missing",
    is_flag=True,
    help="Go on though people lose all their templates: they are not in the result.",
)
@click.option("--dry-run", is_flag=True, help="Show where every face would come from; do nothing.")
@json_option("the summary as one JSON object")
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    gallery: str | None,
    models: dict[str, str],
    photos: tuple[Path, ...],
    out: Path | None,
    drop_missing: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Give everybody in a gallery templates of another encoder.

    Templates of one encoder cannot be turned into another's, so each face is looked at again:
    the kept one (enrol --keep faces), else the photo where it was enrolled from, else a photo of
    the same content in --photos. Photos of which nothing is found are named, and left out.

    All or nothing: the gallery is replaced at the end, in one step, and the old one is kept as
    GALLERY.before-TIME.db. Ctrl-C leaves it as it was; the same command goes on from there. Names,
    dates and virtual masks stay. Thresholds belong to an encoder: a calibration beside the gallery
    is moved away likewise.

    Take the --detector that you identify with: chips are placed by its points.

    \b
    Examples:
      maskwise gallery re-encode --encoder maskwise-v1 --dry-run
      maskwise gallery re-encode --encoder sface --detector yunet --photos people/
      maskwise gallery re-encode --encoder buffalo_l/w600k_r50 --out staff-512.db

    Exit codes: 0 done; 1 done, but some photos were left out (each is named); 2 refused, usage or
    gallery error, and the gallery is as it was; 130 interrupted, likewise.
    """
    from maskwise.reencode import make_plan, re_encode

    if "encoder" not in models:
        raise click.UsageError("--encoder: name the encoder that the gallery is to move to")
    with open_gallery(gallery) as store:
        require_people(store, gallery)
        recognizer = tools.recognizer(masks="none", **models)
        try:
            with Progress("looking for the photos", store.size().references) as progress:
                plan = make_plan(store, photos, progress.advance)
            for line in _remarks(plan, recognizer):
                remark(line)
            _name(plan.missing)
            if dry_run:
                _tell(plan, recognizer, as_json=as_json)
                ctx.exit(SKIPPED if plan.missing else OK)
            with Progress("re-encoding", len(plan.steps) - len(plan.missing)) as progress:
                report = re_encode(
                    store,
                    recognizer,
                    plan,
                    out=out,
                    drop_missing=drop_missing,
                    on_reference=lambda _: progress.advance(),
                )
        except KeyboardInterrupt:
            remark(f"interrupted: {store.where} is as it was; run the same command again to go on")
            ctx.exit(INTERRUPTED)
    _name([failure for failure in report.failures if failure.step.origin != "none"])
    _tell(plan, recognizer, report, as_json=as_json)
    ctx.exit(SKIPPED if report.failures else OK)


def _remarks(plan: Plan, recognizer: Recognizer) -> list[str]:
    encoder = recognizer.encoder
    if encoder.id == plan.encoder_id:
        return [f"the templates are of {encoder.id} already; they are made anew"]
    if encoder.space == plan.space:
        return [
            f"{plan.encoder_id} and {encoder.id} are of one space, {encoder.space}: to compare "
            "probes of either, nothing has to be re-encoded; to enrol by the other one, it has"
        ]
    return []


def _name(failures: Sequence[Failure]) -> None:
    for failure in failures:
        source = f"{failure.step.subject}: {failure.step.reference.source}"
        remark(f"cannot be re-encoded: {naming(source, failure.why)}")


def _tell(
    plan: Plan, recognizer: Recognizer, report: Report | None = None, *, as_json: bool
) -> None:
    failures = plan.missing if report is None else report.failures
    lost = plan.lost([failure.step for failure in failures])
    if as_json:
        print_json(_as_json(plan, recognizer, report, failures, lost))
        return
    lines = [
        ("people", f"{len(plan.people) - len(lost):,} of {len(plan.people):,}"),
        ("photos", f"{len(plan.steps) - len(failures):,} of {len(plan.steps):,}"),
        *(
            ("", f"{plan.origins[origin]:,} {words}")
            for origin, words in _ORIGINS.items()
            if plan.origins[origin]
        ),
        ("encoder", f"{recognizer.encoder.id}{_before(plan, recognizer)}"),
    ]
    if report is None:
        lines.append(("gallery", "unchanged: this was a dry run"))
    else:
        if report.resumed:
            lines.append(("resumed", f"{report.resumed:,} photos of an earlier run"))
        lines.append(("gallery", f"{report.where}, {report.size.templates:,} templates"))
        if report.before is not None:
            lines.append(("before", f"{report.before}; delete it when you no longer need it"))
        if report.calibration is not None:
            lines.append(
                (
                    "thresholds",
                    f"the calibration no longer holds, and is now {report.calibration}; calibrate "
                    "anew: maskwise calibrate",
                )
            )
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        click.echo(f"{name:<{width}}  {printable(value)}")


def _before(plan: Plan, recognizer: Recognizer) -> str:
    return "" if recognizer.encoder.id == plan.encoder_id else f", before {plan.encoder_id}"


def _as_json(
    plan: Plan,
    recognizer: Recognizer,
    report: Report | None,
    failures: Sequence[Failure],
    lost: Sequence[str],
) -> dict[str, Any]:
    return {
        "encoder": recognizer.encoder.id,
        "encoder_before": plan.encoder_id,
        "dry_run": report is None,
        "people": len(plan.people),
        "people_lost": list(lost),
        "photos": len(plan.steps),
        "origins": {origin: plan.origins[origin] for origin in _ORIGINS},
        "resumed": 0 if report is None else report.resumed,
        "left_out": [
            {
                "subject": failure.step.subject,
                "source": failure.step.reference.source,
                "sha256": failure.step.reference.photo_sha256,
                "why": printable(failure.why),
            }
            for failure in failures
        ],
        "gallery": None if report is None else report.where,
        "templates": None if report is None else report.size.templates,
        "before": None if report is None or report.before is None else str(report.before),
        "calibration_before": (
            None if report is None or report.calibration is None else str(report.calibration)
        ),
    }
