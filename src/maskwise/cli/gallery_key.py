"""``maskwise gallery key``: the keys of an encrypted gallery."""

from __future__ import annotations

from typing import Any

import click

from maskwise.cli.actor import actor_option
from maskwise.cli.gallery_encrypt import NOT_WIPED, encryption_of
from maskwise.cli.gallery_show import when
from maskwise.cli.key_options import new_key_options, new_phrase, second_key, state_of
from maskwise.cli.options import (
    gallery_is_there,
    gallery_option,
    gallery_place_option,
    json_option,
    open_gallery,
)
from maskwise.cli.output import Progress, print_json, printable, remark
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED
from maskwise.errors import ConfigurationError


@click.group(name="key")
def command() -> None:
    """Make a key, see which one opens a gallery, change it.

    \b
    Examples:
      maskwise gallery key new staff.key
      maskwise gallery key status --gallery staff.db
      maskwise gallery key rotate --gallery staff.db --key-file staff.key
    """


@command.command()
@click.argument("file", metavar="FILE")
@json_option("one JSON object")
def new(file: str, as_json: bool) -> None:
    """Write a new random key to a new file, which only you may read.

    Keep a copy elsewhere than the gallery and its backups: without it nobody can open them.

    \b
    Example:
      maskwise gallery key new /etc/maskwise/staff.key
    """
    from maskwise.gallery.encryption.keys import make_key_file
    from maskwise.paths import expanded

    if not file:
        raise click.UsageError("'': a path without a name; name a file")
    path = expanded(file)
    lock = make_key_file(path).new_lock()
    if as_json:
        print_json({"file": str(path), "fingerprint": lock.fingerprint})
    else:
        click.echo(f"{lock} in {printable(str(path))}; keep a copy of it elsewhere")


@command.command()
@gallery_place_option
@json_option("one JSON object")
def status(gallery: str | None, as_json: bool) -> None:
    """Whether a gallery is encrypted, and which key opens it. No key is needed.

    \b
    Example:
      maskwise gallery key status --gallery staff.db --json
    """
    from maskwise.gallery import default_place
    from maskwise.gallery.encryption.envelope import MOST_SEALED
    from maskwise.gallery.where import without_secrets

    place = gallery or default_place()
    if not gallery_is_there(place):
        raise ConfigurationError(f"{place}: there is no gallery here; name one with --gallery")
    found, where = state_of(place), without_secrets(place)
    if as_json:
        told: dict[str, Any] = {"gallery": where, "encrypted": found is not None}
        if found is not None:
            told |= {
                "opens_with": found.lock.kind,
                "fingerprint": found.lock.fingerprint,
                "data_key": found.data_key,
                "data_key_since": found.created_at,
                "sealed": found.sealed,
                "sealed_at_most": MOST_SEALED,
                "pending": found.pending,
                "residue": found.residue,
            }
        print_json(told)
        return
    if found is None:
        click.echo(f"{printable(where)} is not encrypted")
        return
    lines = [
        ("opens with", str(found.lock)),
        ("data key", f"{found.data_key}, since {when(found.created_at)}"),
        ("sealed", f"{found.sealed:,} values by it, of {MOST_SEALED:,} at most"),
    ]
    if found.pending:
        lines.append(
            ("pending", f"{found.pending:,} values are of an older data key: `key rotate` goes on")
        )
    if found.residue:
        lines.append(("in clear", "the file may hold what was there before: `encrypt` wipes it"))
    for name, value in lines:
        click.echo(f"{name:<10}  {printable(value)}")


@command.command()
@actor_option
@gallery_option
@new_key_options("new", "the gallery from now on")
@json_option("one JSON object")
def change(
    gallery: str | None, new_key_file: str | None, new_key_env: str | None, as_json: bool
) -> None:
    """Have another key open a gallery, at once; processes that have it open go on.

    Only the data keys are wrapped anew. Backups from before open with the old key, as does a copy
    of the gallery that somebody took: where the old key was seen by others, also rotate.

    \b
    Example:
      maskwise gallery key change --gallery staff.db --key-file old.key --new-key-file new.key
    """
    key = second_key(new_key_file, new_key_env, "new-")
    with open_gallery(gallery) as store:
        encryption = encryption_of(store)
        key = key or new_phrase("--new-key-file FILE or --new-key-env NAME")
        before, now = encryption.change_owner(key)
    if as_json:
        print_json(
            {
                "gallery": store.where,
                "opened_with": before.fingerprint,
                "opens_with": now.kind,
                "fingerprint": now.fingerprint,
            }
        )
    else:
        click.echo(
            f"opens with the {now}, no longer with the {before}; keep a copy of it elsewhere"
        )


@command.command()
@actor_option
@gallery_option
@json_option("one JSON object")
@click.pass_context
def rotate(ctx: click.Context, gallery: str | None, as_json: bool) -> None:
    """Encrypt everything by a fresh data key, while others go on; then drop the old one.

    What is enrolled meanwhile is encrypted by the fresh key at once. Ctrl-C leaves a sound gallery
    with both keys; the same command goes on.

    \b
    Example:
      maskwise gallery key rotate --gallery staff.db --key-file staff.key
    """
    with open_gallery(gallery) as store:
        encryption = encryption_of(store)
        figures = store.stats()
        values = figures.size.templates + figures.kept_faces
        try:
            with Progress("encrypting anew", values, unit="values") as progress:
                done = encryption.rotate(progress.advance)
        except KeyboardInterrupt:
            remark("interrupted: everything opens as before; run the same command again to go on")
            ctx.exit(INTERRUPTED)
    if not done.wiped:
        remark(NOT_WIPED)
    if as_json:
        print_json(
            {
                "gallery": store.where,
                "data_key": done.data_key,
                "templates": done.templates,
                "kept_faces": done.faces,
                "wiped": done.wiped,
            }
        )
    else:
        click.echo(
            f"encrypted  {done.templates:,} templates, {done.faces:,} kept faces anew\n"
            f"data key   {done.data_key}"
        )
    ctx.exit(OK if done.wiped else SKIPPED)
