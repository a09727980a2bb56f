"""``maskwise audit``: what was done with a gallery, and whether the log of it is whole."""

from __future__ import annotations

import click

from maskwise.cli.gallery_show import when
from maskwise.cli.inputs import as_name
from maskwise.cli.options import gallery_option, json_option, open_gallery
from maskwise.cli.output import print_json, print_table, printable
from maskwise.cli.status import OK, USAGE


@click.group(name="audit")
def command() -> None:
    """Who did what to whom and when in a gallery; is the log of it whole.

    \b
    Examples:
      maskwise audit show --since 2026-01-01
      maskwise audit verify --gallery staff.db
    """


@command.command()
@click.option("--since", metavar="DATE", help="Entries from this day or time on, UTC.")
@click.option(
    "--subject",
    metavar="NAME|UID",
    help="Entries of one person: the name, or the uid that a receipt of a deletion holds.",
)
@gallery_option
@json_option("one JSON object an entry a line, all that the hash is made of")
def show(since: str | None, subject: str | None, gallery: str | None, as_json: bool) -> None:
    """The entries of the log, oldest first; people by their uid, never by name.

    \b
    Examples:
      maskwise audit show --subject "Ada Lovelace"
      maskwise audit show --json > log.jsonl
    """
    from maskwise.gallery.consent import since as time_of

    begin = "" if since is None else time_of(since)
    with open_gallery(gallery) as store:
        found = store.audit_log(since=begin, subject=None if subject is None else as_name(subject))
    if as_json:
        for entry in found:
            print_json(entry.as_json())
        return
    if not found:
        click.echo("no entries")
        return
    print_table(
        ("entry", "at (UTC)", "by", "what", "person", "details"),
        [
            (
                str(entry.seq),
                when(entry.at),
                entry.actor,
                entry.action,
                entry.subject_id or "-",
                ", ".join(f"{key} {_word(entry.details[key])}" for key in sorted(entry.details)),
            )
            for entry in found
        ],
    )


@command.command()
@click.option(
    "--expect",
    metavar="HASH",
    help="The hash of an entry that must be there: the last one of an earlier `audit verify`.",
)
@gallery_option
@json_option("one JSON object")
@click.pass_context
def verify(ctx: click.Context, expect: str | None, gallery: str | None, as_json: bool) -> None:
    """Look for entries that were changed, removed or moved, and people who came or went unlogged.

    An end that was cut off, or a log that somebody made anew as a whole, cannot be told from a
    sound one by the file alone: keep the last hash elsewhere, and give it to --expect.

    \b
    Example:
      maskwise audit verify --expect 5f0c...

    Exit codes: 0 sound; 2 it is not (what is wrong is named), or a gallery error.
    """
    with open_gallery(gallery) as store:
        where, report = store.where, store.verify_audit(expect)
    if as_json:
        print_json(
            {
                "gallery": where,
                "sound": not report.faults,
                "entries": report.entries,
                "last_hash": report.last_hash,
                "after_expected": report.after_expected,
                "problems": list(report.faults),
            }
        )
    else:
        for fault in report.faults:
            click.echo(printable(fault))
        count = f"{report.entries:,} entr{'y' if report.entries == 1 else 'ies'}"
        state = f"{len(report.faults):,} wrong" if report.faults else "sound"
        click.echo(f"{state}: {count}, the last is {report.last_hash}")
        if report.after_expected is not None:
            click.echo(f"{report.after_expected:,} came after the one that was expected")
        elif not report.faults:
            click.echo(
                "whether its end was cut off cannot be seen from the file: keep this hash "
                "elsewhere, and check with --expect"
            )
    ctx.exit(USAGE if report.faults else OK)


def _word(value: int | str | bool | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
