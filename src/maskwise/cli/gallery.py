"""``maskwise gallery``: look after the people in a gallery."""

from __future__ import annotations

import click

from maskwise.cli import (
    gallery_check,
    gallery_delete,
    gallery_encrypt,
    gallery_import,
    gallery_index,
    gallery_key,
    gallery_move,
    gallery_reencode,
    gallery_retention,
)
from maskwise.cli.actor import actor_option
from maskwise.cli.gallery_show import PHOTO_COLUMNS, consent_lines, details_json, photo_row, when
from maskwise.cli.inputs import as_name
from maskwise.cli.options import agreed, gallery_option, json_option, open_gallery
from maskwise.cli.output import print_json, print_table, printable
from maskwise.cli.status import SKIPPED


@click.group(name="gallery")
def command() -> None:
    """List, show, rename and delete the people of a gallery; count, check, re-encode, move.

    \b
    Examples:
      maskwise gallery list
      maskwise gallery show "Ada Lovelace"
      maskwise gallery delete "Ada Lovelace" --yes
      maskwise gallery check --gallery staff.db
    """


@command.command(name="list")
@gallery_option
@json_option("one JSON object a person a line")
def list_people(gallery: str | None, as_json: bool) -> None:
    """Everybody who is enrolled, by name.

    \b
    Examples:
      maskwise gallery list
      maskwise gallery list --json | wc -l
    """
    with open_gallery(gallery) as store:
        people = store.people()
    if as_json:
        for person in people:
            print_json(
                {
                    "subject": person.subject,
                    "photos": person.references,
                    "templates": person.templates,
                    "enrolled_at": person.created_at,
                }
            )
    elif people:
        print_table(
            ("person", "photos", "templates", "enrolled"),
            [(p.subject, str(p.references), str(p.templates), when(p.created_at)) for p in people],
            right=("photos", "templates"),
        )
    else:
        click.echo("nobody is enrolled")


@command.command()
@click.argument("subject", metavar="NAME")
@gallery_option
@json_option("one JSON object")
def show(subject: str, gallery: str | None, as_json: bool) -> None:
    """One person's photos and templates, consent, and until when they are kept.

    \b
    Example:
      maskwise gallery show "Ada Lovelace"
    """
    with open_gallery(gallery) as store:
        details = store.show(as_name(subject))
    if as_json:
        print_json(details_json(details))
        return
    click.echo(f"{printable(details.subject)}, enrolled {when(details.created_at)}")
    for line in consent_lines(details):
        click.echo(printable(line))
    print_table(PHOTO_COLUMNS, [photo_row(r) for r in details.references])


@command.command()
@click.argument("old", metavar="NAME")
@click.argument("new", metavar="NEW_NAME")
@actor_option
@gallery_option
@json_option("one JSON object")
def rename(old: str, new: str, gallery: str | None, as_json: bool) -> None:
    """Give a person another name; nothing else changes.

    \b
    Example:
      maskwise gallery rename ada "Ada Lovelace"
    """
    from maskwise.gallery import clean_name

    old, new = as_name(old), clean_name(as_name(new))
    with open_gallery(gallery) as store:
        store.rename(old, new)
    if as_json:
        print_json({"renamed": old, "subject": new})
    else:
        click.echo(f"{printable(old)} is now {printable(new)}")


@command.command()
@click.argument("subject", metavar="NAME")
@click.argument("into", metavar="INTO")
@click.option("--yes", is_flag=True, help="Do not ask.")
@actor_option
@gallery_option
@json_option("one JSON object")
@click.pass_context
def merge(
    ctx: click.Context, *, subject: str, into: str, yes: bool, gallery: str | None, as_json: bool
) -> None:
    """Make one person of two: the photos of NAME become those of INTO, and NAME goes.

    \b
    Example:
      maskwise gallery merge "A. Lovelace" "Ada Lovelace"

    Exit codes: 0 merged; 1 you said no; 2 no such person, or a gallery error.
    """
    subject, into = as_name(subject), as_name(into)
    with open_gallery(gallery) as store:
        gone, stays = store.show(subject), store.show(into)
        question = (
            f"Make the {len(gone.references):,} photos of {printable(gone.subject)} those of "
            f"{printable(stays.subject)}? They cannot be told apart again."
        )
        if not yes and not agreed(question):
            click.echo("nothing was changed", err=True)
            ctx.exit(SKIPPED)
        result = store.merge(subject, into)
    if as_json:
        print_json(
            {
                "merged": result.subject,
                "subject": result.into,
                "photos": result.moved,
                "dropped": result.dropped,
                "wiped": result.wiped,
            }
        )
    else:
        already = f", {result.dropped} were there already" if result.dropped else ""
        click.echo(
            f"{printable(result.subject)} is {printable(result.into)} now: "
            f"{result.moved} photos moved{already}"
        )
        if result.remains:
            click.echo(result.remains)


@command.command()
@gallery_option
@json_option("one JSON object")
def stats(gallery: str | None, as_json: bool) -> None:
    """The gallery in figures.

    \b
    Example:
      maskwise gallery stats --json
    """
    with open_gallery(gallery) as store:
        figures = store.stats()
    if as_json:
        print_json(
            {
                "gallery": figures.where,
                "engine": figures.engine,
                "format": figures.format,
                "encoder": figures.encoder_id,
                "space": figures.encoder_space,
                "dim": figures.dim,
                "people": figures.size.people,
                "photos": figures.size.references,
                "templates": figures.size.templates,
                "kept_faces": figures.kept_faces,
                "templates_by_wear": dict(figures.by_wear),
                "size_bytes": figures.size_bytes,
                "data_key": figures.data_key,
            }
        )
        return
    lines = [
        ("gallery", figures.where),
        ("engine", f"{figures.engine}, format {figures.format}"),
        ("size", f"{figures.size_bytes:,} bytes"),
        ("people", f"{figures.size.people:,}"),
        ("photos", f"{figures.size.references:,}"),
        ("templates", f"{figures.size.templates:,}"),
        *((f"  {label}", f"{count:,}") for label, count in sorted(figures.by_wear.items())),
        ("pictures", _kept_words(figures.kept_faces)),
        ("encoder", figures.encoder_id or "none yet: nobody is enrolled"),
        ("space", figures.encoder_space or "none yet"),
        ("encrypted", "no" if figures.data_key is None else f"by the data key {figures.data_key}"),
    ]
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        click.echo(f"{name:<{width}}  {printable(value)}")


command.add_command(gallery_check.command)
command.add_command(gallery_delete.command)
command.add_command(gallery_encrypt.encrypt)
command.add_command(gallery_encrypt.decrypt)
command.add_command(gallery_import.command)
command.add_command(gallery_index.command)
command.add_command(gallery_key.command)
command.add_command(gallery_reencode.command)
command.add_command(gallery_retention.command)
for _moving in (gallery_move.copy, gallery_move.export, gallery_move.backup):
    command.add_command(_moving)


def _kept_words(faces: int) -> str:
    return f"{_count(faces, 'face')} kept, as was asked for" if faces else "none are kept"


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
