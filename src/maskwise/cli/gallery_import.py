"""``maskwise gallery import``: galleries that were kept as names and encodings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from maskwise.cli import gallery_restore
from maskwise.cli.actor import actor_option
from maskwise.cli.options import gallery_option, json_option, open_gallery
from maskwise.cli.output import Progress, print_json, print_table, printable, remark
from maskwise.cli.status import INTERRUPTED, OK
from maskwise.errors import ConfigurationError

if TYPE_CHECKING:
    from maskwise.gallery import Gallery
    from maskwise.gallery.importing import ImportReport

_MOST_ROWS: Final = 50
_LACK: Final = (
    "imported people have no templates with virtual masks, so they are often missed when they "
    "wear one; where you have everybody's photos, enrol them into a new gallery (maskwise enrol "
    "PEOPLE_DIR --gallery NEW); more people come into this one by: maskwise enrol "
    "PEOPLE_DIR{option}"
)


@click.command(name="import")
@click.argument("file", metavar="FILE")
@actor_option
@gallery_option
@click.option("--names", metavar="FILE", help="The names, one a row, for a FILE that has none.")
@click.option(
    "--encoder-id",
    metavar="ID",
    help="The encoder that made the encodings.  [default: dlib's network, as face_recognition]",
)
@click.option("--dry-run", is_flag=True, help="Show what would be imported, and store nothing.")
@json_option("the summary as one JSON object")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    file: str,
    gallery: str | None,
    names: str | None,
    encoder_id: str | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Import a `gallery export`, or names and encodings as face_recognition's users keep them.

    FILE is .npz, .npy (with --names), .json, .csv or a pickle, in the usual shapes: a dict of
    names and encodings, or a list of each. A pickle is read without running any of it; what is
    no list, dict, text, number or NumPy array is refused. docs/importing.md tells more. What
    `maskwise gallery export` wrote is known by its first line, and keeps its ids and times.

    Everything is imported, or nothing. What the gallery has already is left as it is, so running
    the command again changes nothing.

    \b
    Examples:
      maskwise gallery import encodings.pickle --dry-run
      maskwise gallery import encodings.pickle --gallery staff.db
      maskwise gallery import encodings.npy --names names.txt

    Exit codes: 0 imported, or there already; 2 the file is refused (the reason is named), usage
    or gallery error; 130 interrupted, and nothing was imported.
    """
    from maskwise.gallery import export_file, importing
    from maskwise.paths import expanded

    for path in (file, names):
        if path == "":
            raise click.UsageError("'': a path without a name; name a file")
    if encoder_id is not None and not encoder_id.strip():
        raise click.UsageError("--encoder-id: an encoder has a name; leave the option away")
    if export_file.is_export(expanded(file)):
        if names is not None or encoder_id is not None:
            raise click.UsageError(
                f"{file} is an export of a gallery, which has names and encoder in it; leave "
                "--names and --encoder-id away"
            )
        gallery_restore.restore(ctx, expanded(file), gallery, dry_run=dry_run, as_json=as_json)
    # Read first: a file that is refused leaves no empty gallery behind.
    rows = importing.read(file, names)
    store, where = _opened(gallery, dry_run)
    with store:
        try:
            with Progress("importing", len(rows.names)) as progress:
                report = importing.import_encodings(
                    store,
                    rows.names,
                    rows.encodings,
                    encoder_id=encoder_id,
                    source=rows.source,
                    dry_run=dry_run,
                    on_rows=progress.advance,
                )
        except KeyboardInterrupt:
            remark("interrupted: nothing was imported")
            ctx.exit(INTERRUPTED)
        for warning in report.warnings:
            remark(f"warning: {warning}")
        if as_json:
            print_json(_as_json(report, where, dry_run))
        else:
            _print(report, where, dry_run)
    remark(_LACK.format(option=_to_enrol(gallery, report.encoder_id)))
    ctx.exit(OK)


def _to_enrol(gallery: str | None, encoder_id: str) -> str:
    """The options that photos are enrolled with into this gallery, each with a space before it."""
    from maskwise.gallery.where import without_secrets
    from maskwise.models.readers import option_of

    encoder = option_of(encoder_id).strip(" ()")
    return (f" --gallery {without_secrets(gallery)}" if gallery else "") + (
        f" {encoder}" if encoder else ""
    )


def _opened(gallery: str | None, dry_run: bool) -> tuple[Gallery, str]:
    """The gallery, made if need be, and where it is; a dry run makes none."""
    from maskwise.gallery import default_place
    from maskwise.gallery import open_gallery as open_any

    try:
        store = open_gallery(gallery, create=not dry_run)
    except ConfigurationError:
        place = gallery or default_place()
        if not dry_run or "://" in place:
            raise
        remark(f"gallery {place}, which is not there yet: importing would make it")
        return open_any(None), place
    return store, store.where


def _as_json(report: ImportReport, where: str, dry_run: bool) -> dict[str, Any]:
    return {
        "gallery": where,
        "encoder": report.encoder_id,
        "dry_run": dry_run,
        "people": [
            {
                "subject": p.subject,
                "new": p.new,
                "encodings": p.encodings,
                "imported": p.added,
                "already": p.already,
                "repeated": p.repeated,
            }
            for p in report.people
        ],
        "encodings": report.encodings,
        "imported": report.added,
        "already": report.already,
        "repeated": report.repeated,
        "warnings": [printable(warning) for warning in report.warnings],
    }


def _print(report: ImportReport, where: str, dry_run: bool) -> None:
    if dry_run:
        print_table(
            ("person", "in the gallery", "encodings", "to import", "already there", "repeated"),
            [
                (
                    p.subject,
                    "no" if p.new else "yes",
                    *map(str, (p.encodings, p.added, p.already, p.repeated)),
                )
                for p in report.people[:_MOST_ROWS]
            ],
            right=("encodings", "to import", "already there", "repeated"),
        )
        if len(report.people) > _MOST_ROWS:
            click.echo(f"... and {len(report.people) - _MOST_ROWS:,} more; --json lists all\n")
    done = "to import" if dry_run else "imported"
    click.echo(
        f"people     {len(report.people):,}, {report.new_people:,} of them new\n"
        f"encodings  {report.added:,} {done}, {report.already:,} already there, "
        f"{report.repeated:,} repeated in the file\n"
        f"gallery    {printable(where)}{', unchanged: this was a dry run' if dry_run else ''}"
    )
