"""``maskwise gallery copy``, ``export`` and ``backup``: galleries on their way elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from maskwise.cli.key_options import (
    in_clear_option,
    key_options,
    new_key_options,
    second_key,
)
from maskwise.cli.options import json_option, open_gallery
from maskwise.cli.output import Progress, print_json, printable, remark
from maskwise.cli.status import INTERRUPTED, OK, USAGE
from maskwise.errors import ConfigurationError, OutputError

if TYPE_CHECKING:
    from maskwise.gallery import Gallery
    from maskwise.gallery.encryption.keys import OwnerKey


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@key_options
@new_key_options("to", "TO")
@in_clear_option("TO")
@json_option("one JSON object")
@click.pass_context
def copy(
    ctx: click.Context,
    source: str,
    target: str,
    *,
    to_key_file: str | None,
    to_key_env: str | None,
    in_clear: bool,
    as_json: bool,
) -> None:
    """Copy everybody from one gallery into another, on any engine, and compare the two.

    TO is new or empty, or what an interrupted copy left: the same command goes on from there.
    Ids, names, times, templates and kept faces stay. The calibration, and the limit of
    `gallery retention`, go along where TO has none.
    Of an encrypted gallery, TO is encrypted, too: by the same key, unless another one is named.

    \b
    Example:
      maskwise gallery copy staff.db moved.db

    Exit codes: 0 copied, and the two are equal; 2 refused, or they differ (each difference is
    named); 130 interrupted: what was copied stays, and the next run goes on.
    """
    from maskwise.gallery import copying
    from maskwise.gallery import open_gallery as open_any
    from maskwise.own_calibration import carry

    other = second_key(to_key_file, to_key_env, "to-")
    with (
        open_gallery(source) as old,
        open_any(target, key=_target_key(old, target, other, in_clear=in_clear)) as new,
    ):
        remark(f"copying to {new.where}")
        _check_apart(old, new)
        photos = old.size().references
        try:
            steps = "copying, then comparing"
            if new.file is None:
                steps = "copying, indexing, comparing"  # a server's index may take minutes
            with Progress(steps, 2 * photos, unit="photos") as progress:
                report = copying.copy(
                    old, new, on_copied=progress.advance, on_verified=progress.advance
                )
        except KeyboardInterrupt:
            remark("interrupted: what was copied stays; run it again to go on")
            ctx.exit(INTERRUPTED)
        try:
            carried = carry(old, new)
        except (OSError, ValueError) as error:
            raise OutputError(
                f"everybody was copied, but not the calibration ({error}); make {new.where} one of "
                "its own: maskwise calibrate"
            ) from error
        if as_json:
            print_json(
                {
                    "from": old.where,
                    "to": new.where,
                    "people": report.size.people,
                    "photos": report.size.references,
                    "templates": report.size.templates,
                    "copied": report.copied,
                    "already": report.already,
                    "calibration": carried,
                    "retention_days": report.retention_days,
                    "searches_compared": report.probes,
                    "people_missed": report.missed,
                    "equal": not report.problems,
                    "problems": [printable(problem) for problem in report.problems],
                }
            )
        else:
            click.echo(
                f"people     {report.size.people:,}\n"
                f"photos     {report.copied:,} copied, {report.already:,} already there\n"
                f"templates  {report.size.templates:,}"
            )
            if carried:
                click.echo("thresholds copied, too: those that FROM has of its own")
            if report.retention_days is not None:
                click.echo(f"limit      {report.retention_days:,} days, as FROM has it")
            for problem in report.problems:
                click.echo(f"differs: {printable(problem)}")
            if not report.problems:
                but = f", but for {report.missed} people that an index missed"
                click.echo(
                    f"equal      every photo, and {report.probes} sampled searches"
                    f"{but if report.missed else ''}"
                )
    ctx.exit(USAGE if report.problems else OK)


@click.command()
@click.argument("source", metavar="GALLERY")
@click.argument("file", metavar="FILE")
@key_options
@in_clear_option("FILE")
@json_option("one JSON object")
def export(source: str, file: str, in_clear: bool, as_json: bool) -> None:
    """Write everybody in a gallery to a new file of JSON lines; `gallery import` reads it.

    The file holds templates, which are biometric data, in clear: keep it as you keep passwords.
    Of an encrypted gallery that must be asked for: --in-clear. docs/moving-galleries.md tells what
    stands in it.

    \b
    Example:
      maskwise gallery export staff.db staff.jsonl
    """
    from maskwise.gallery import export_file

    path = _new_file(file)
    with open_gallery(source) as store:
        if store.key is not None and not in_clear:
            raise ConfigurationError(
                f"{store.where} is encrypted, and an export holds its faces in clear; if that is "
                "wanted: --in-clear. `gallery backup` and `gallery copy` keep the encryption"
            )
        with Progress("exporting", store.size().references, unit="photos") as progress:
            photos = export_file.export(store, path, progress.advance)
        where = store.where
    if as_json:
        print_json({"gallery": where, "file": str(path), "photos": photos})
    else:
        click.echo(f"exported {photos:,} photos to {printable(str(path))}")


@click.command()
@click.argument("source", metavar="GALLERY")
@click.argument("file", metavar="FILE")
@key_options
@json_option("one JSON object")
def backup(source: str, file: str, as_json: bool) -> None:
    """Write a gallery as it stands to a new gallery file, while others use it, and check that.

    FILE appears only once it is whole and sound. Of an encrypted gallery it is encrypted, too, and
    opens with the same key.

    \b
    Example:
      maskwise gallery backup staff.db /backups/staff-monday.db
    """
    from maskwise.gallery.backup import backup as write

    path = _new_file(file)
    with open_gallery(source) as store:
        size = write(store, path)
        where = store.where
    if as_json:
        print_json(
            {
                "gallery": where,
                "file": str(path),
                "people": size.people,
                "photos": size.references,
                "templates": size.templates,
            }
        )
    else:
        click.echo(
            f"backed up {size.people:,} people, {size.references:,} photos to "
            f"{printable(str(path))}; checked"
        )


def _target_key(
    old: Gallery, target: str, named: OwnerKey | None, *, in_clear: bool
) -> OwnerKey | Literal["from the environment"] | None:
    """What the copy is opened with; ConfigurationError where people would go into clear unasked."""
    if in_clear:
        if named is not None:
            raise click.UsageError("--in-clear: TO takes no key; leave one of the two away")
        return None
    if named is not None:
        return named
    if old.key is None:
        return "from the environment"
    from maskwise.gallery import gallery_file
    from maskwise.gallery.where import without_secrets

    if gallery_file(target) is None:
        raise ConfigurationError(
            f"{old.where} is encrypted, and {without_secrets(target)} would not be; if that is "
            "wanted: --in-clear"
        )
    return old.key


def _new_file(file: str) -> Path:
    from maskwise.paths import expanded

    if not file:
        raise click.UsageError("'': a path without a name; name a file")
    return expanded(file)


def _check_apart(old: Gallery, new: Gallery) -> None:
    if old.where == new.where or (
        old.file is not None and new.file is not None and old.file.samefile(new.file)
    ):
        raise ConfigurationError(f"{old.where} is both FROM and TO; name two galleries")
