"""``maskwise gallery check``: is the file sound, and does any photo look like somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from maskwise.cli.gallery_index import index_recall, low_recall
from maskwise.cli.options import gallery_option, json_option, open_gallery
from maskwise.cli.output import print_json, printable
from maskwise.cli.status import OK, USAGE
from maskwise.errors import ConfigurationError, GalleryFormatError

if TYPE_CHECKING:
    from maskwise.gallery import Gallery


@click.command(name="check")
@gallery_option
@json_option("one JSON object")
@click.pass_context
def command(ctx: click.Context, gallery: str | None, as_json: bool) -> None:
    """Check that the gallery is sound, and name photos that look like somebody else's.

    The latter are photos that are less alike to all others of their person than one in a hundred
    pairs of strangers; of people with three photos or more without a mask. Of a large gallery,
    it is also measured how many people the search index misses. Nothing is changed.

    \b
    Example:
      maskwise gallery check --gallery staff.db

    Exit codes: 0 sound; 2 damaged (what is wrong is named), or no gallery.
    """
    from maskwise.gallery import default_place
    from maskwise.gallery.index_care import LEAST_RECALL
    from maskwise.gallery.where import without_secrets

    warnings: list[str] = []
    recall = None
    try:
        with open_gallery(gallery) as store:
            where, problems = store.where, store.integrity_check()
            if not problems:
                warnings = _unlike(store)
                recall = index_recall(store)
                if recall is not None and recall < LEAST_RECALL:
                    warnings.append(low_recall(recall))
    except GalleryFormatError as error:  # so damaged that it does not open
        if not as_json:
            raise
        where, problems = without_secrets(gallery or default_place()), [str(error)]
    if as_json:
        print_json(
            {
                "gallery": where,
                "sound": not problems,
                "problems": problems,
                "warnings": warnings,
                "index_recall": None if recall is None else round(recall, 4),
            }
        )
    else:
        for line in problems + [f"warning: {text}" for text in warnings]:
            click.echo(printable(line))
        count = f"{len(problems):,} problem{'' if len(problems) == 1 else 's'}"
        click.echo(
            f"{count}: restore the gallery from a copy, or enrol anew" if problems else "sound"
        )
    ctx.exit(USAGE if problems else OK)


def _unlike(store: Gallery) -> list[str]:
    """Sentences on photos that do not look like the others of their person."""
    from maskwise.decide import OperatingPoints
    from maskwise.gallery.unlike import LEAST_PHOTOS, UNLIKE_FMR, unlike
    from maskwise.own_calibration import own_of

    people = [p.subject for p in store.people() if p.references >= LEAST_PHOTOS]
    encoder = store.encoder_id
    if not people or encoder is None:
        return []
    try:
        own = own_of(store, encoder, {})
        points = own or OperatingPoints.shipped(encoder)
        threshold = points.at_fmr("bare-bare", UNLIKE_FMR).threshold
    except ConfigurationError as error:
        return [f"whether all photos of a person are alike was not looked at: {error}"]
    return [text for name in people for text in unlike(store, name, threshold)]
