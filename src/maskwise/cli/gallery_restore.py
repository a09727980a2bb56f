"""``maskwise gallery import`` of what ``maskwise gallery export`` wrote."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from maskwise.cli.options import gallery_is_there, open_gallery
from maskwise.cli.output import Progress, print_json, printable, remark
from maskwise.cli.status import INTERRUPTED, OK

if TYPE_CHECKING:
    from maskwise.gallery import StoredReference


def restore(
    ctx: click.Context, path: Path, gallery: str | None, *, dry_run: bool, as_json: bool
) -> NoReturn:
    """Put the people of an export into the gallery, all or none, and end the command.

    The file is read twice: one that is refused opens no gallery, and leaves no empty one.
    """
    from maskwise.gallery import default_place, export_file
    from maskwise.gallery import open_gallery as open_any

    photos = export_file.count(path)
    place = gallery or default_place()
    # A dry run makes no gallery.
    fresh = dry_run and not gallery_is_there(place)
    with open_any(None) if fresh else open_gallery(gallery, create=not dry_run) as store:
        try:
            with Progress("importing", photos, unit="photos") as progress:

                def records() -> Iterator[StoredReference]:
                    for record in export_file.read(path):
                        yield record
                        progress.advance()

                if dry_run:
                    held = {record.reference_id for record in store.export()}
                    new = sum(record.reference_id not in held for record in records())
                else:
                    new = store.restore(records())
        except KeyboardInterrupt:
            remark("interrupted: nothing was imported")
            ctx.exit(INTERRUPTED)
        where = place if fresh else store.where
    if as_json:
        print_json(
            {
                "gallery": where,
                "dry_run": dry_run,
                "photos": photos,
                "imported": new,
                "already": photos - new,
            }
        )
    else:
        done = "to import" if dry_run else "imported"
        click.echo(
            f"photos   {new:,} {done}, {photos - new:,} already there\n"
            f"gallery  {printable(where)}{', unchanged: this was a dry run' if dry_run else ''}"
        )
    ctx.exit(OK)
