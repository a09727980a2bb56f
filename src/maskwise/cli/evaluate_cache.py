"""``maskwise evaluate cache``: where templates are kept, how large that is, and away with it."""

from __future__ import annotations

import click

from maskwise.cli.evaluate_options import cache_option
from maskwise.cli.options import json_option
from maskwise.cli.output import print_json, printable


@click.command(name="cache")
@cache_option
@click.option("--delete", is_flag=True, help="Delete it; it is made anew when it is needed.")
@json_option("one JSON object")
def command(*, cache: str | None, delete: bool, as_json: bool) -> None:
    """Show or delete the templates that evaluations keep.

    Templates are biometric data of the people on your photos. They are kept so that an evaluation
    goes on where it was, and a second one is fast; delete them when you are done.

    \b
    Examples:
      maskwise evaluate cache
      maskwise evaluate cache --delete
    """
    from maskwise.evaluate.template_cache import TemplateCache, cache_size, delete_cache

    path, size = cache_size(cache)
    photos = vectors = 0
    if delete:
        delete_cache(cache)  # a damaged one too: it is not opened
    elif size:
        with TemplateCache.open(cache) as opened:
            photos, vectors = opened.count()
    if as_json:
        print_json(
            {
                "cache": str(path),
                "bytes": size,
                "photos": None if delete else photos,
                "templates": None if delete else vectors,
                "deleted": delete and size > 0,
            }
        )
        return
    place = printable(str(path))
    if not size:
        click.echo(f"{place}: there is no cache")
    elif delete:
        click.echo(f"{place}: deleted ({_megabytes(size)})")
    else:
        click.echo(f"{place}: {vectors:,} templates of {photos:,} photos, {_megabytes(size)}")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
