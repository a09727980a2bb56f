"""``maskwise gallery retention``: how long people are kept; deletes whose time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from maskwise.cli.actor import actor_option
from maskwise.cli.options import gallery_option, json_option, open_gallery
from maskwise.cli.output import Progress, print_json, print_table, printable, remark
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED

if TYPE_CHECKING:
    from maskwise.erasure import Receipt
    from maskwise.gallery import DueSubject, Gallery


@click.command(name="retention")
@click.option(
    "--days",
    type=click.IntRange(1),
    metavar="N",
    help="Delete people whose newest photo was enrolled more than N days ago.",
)
@click.option(
    "--expire",
    is_flag=True,
    help="Delete people whose own date has passed, or who are older than the gallery's limit.",
)
@click.option(
    "--limit",
    metavar="N|off",
    help="Keep a limit of N days with the gallery, for --expire, or take it away.",
)
@click.option("--dry-run", is_flag=True, help="Say who would be deleted, and delete nobody.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@actor_option
@gallery_option
@json_option("one JSON object")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    days: int | None,
    expire: bool,
    limit: str | None,
    dry_run: bool,
    yes: bool,
    gallery: str | None,
    as_json: bool,
) -> None:
    """Delete people whose time is over; without --days and --expire, say who is due.

    A person's own date comes with `enrol --expires`; the gallery's limit, in days since the
    newest photo, with --limit. Each deletion is an entry of the audit log. Ctrl-C keeps those
    who were not deleted yet; the same command goes on.

    \b
    Examples:
      maskwise gallery retention --limit 365
      maskwise gallery retention --expire --dry-run
      maskwise gallery retention --expire --yes

    Exit codes: 0 done; 1 you said no; 2 usage or gallery error; 130 interrupted.
    """
    if days is not None and expire:
        raise click.UsageError("--days and --expire are two ways; take one")
    with open_gallery(gallery) as store:
        if limit is not None:
            _set_limit(store, limit, dry_run)
        kept_for = store.retention_days
        how: dict[str, Any] = {"days": days or kept_for, "by_date": days is None}
        people = store.due(**how)
        done: list[Receipt] = []
        interrupted = False
        if people and (expire or days is not None) and not dry_run:
            if not yes and not _agreed(people):
                click.echo("nobody was deleted", err=True)
                ctx.exit(SKIPPED)
            try:
                with Progress("deleting", len(people)) as progress:
                    for person in people:
                        done += _delete(store, person, how)
                        progress.advance()
            except KeyboardInterrupt:
                interrupted = True
                remark(f"interrupted: {len(done)} of {len(people)} were deleted; run it again")
    _tell(people, done, kept_for, as_json=as_json)
    ctx.exit(INTERRUPTED if interrupted else OK)


def _set_limit(store: Gallery, limit: str, dry_run: bool) -> None:
    wanted = None if limit == "off" else int(limit) if limit.isdecimal() else 0
    if wanted == 0:
        raise click.UsageError(f"--limit: expected a number of days, or off; got {limit!r}")
    if dry_run:
        raise click.UsageError("--limit changes the gallery; leave --dry-run away")
    if wanted != store.retention_days:
        store.set_retention_days(wanted)


def _delete(store: Gallery, person: DueSubject, how: dict[str, Any]) -> list[Receipt]:
    """The receipt; none where the person is no longer due."""
    from maskwise.erasure import erase_found, look
    from maskwise.errors import SubjectError

    try:
        found = look(store, person.subject)
    except SubjectError:  # deleted or renamed meanwhile
        return []
    receipt = erase_found(store, found, delete=lambda: store.delete_due(person.subject_id, **how))
    return [] if receipt is None else [receipt]


def _tell(
    people: list[DueSubject], done: list[Receipt], kept_for: int | None, *, as_json: bool
) -> None:
    copies = sorted({copy.path for receipt in done for copy in receipt.copies_left})
    if as_json:
        print_json(
            {
                "retention_days": kept_for,
                "due": [
                    {
                        "subject": person.subject,
                        "subject_id": person.subject_id,
                        "reason": person.reason,
                        "since": person.since,
                    }
                    for person in people
                ],
                "deleted": [receipt.as_json() for receipt in done],
            }
        )
    else:
        click.echo(
            "limit: none" if kept_for is None else f"limit: {kept_for:,} days after the last photo"
        )
        if people:
            rows = [(p.subject, _WORDS[p.reason], p.since[:10]) for p in people]
            print_table(("person", "due by", "since"), rows)
        click.echo(f"{len(people):,} due, {len(done):,} deleted")
        for receipt in done:
            click.echo(printable(receipt.lines()[0]))
    for path in copies:
        remark(f"{path} holds people who were deleted: delete it when you no longer need it")
    for problem in sorted({problem for receipt in done for problem in receipt.problems}):
        remark(problem)


_WORDS = {"expired": "their own date", "age": "the limit"}


def _agreed(people: list[DueSubject]) -> bool:
    names = ", ".join(printable(person.subject) for person in people[:5])
    more = ", ..." if len(people) > 5 else ""
    try:
        return click.confirm(f"Delete {len(people)} people ({names}{more}) for good?", err=True)
    except click.Abort:
        click.echo(err=True)  # end the line of the question
        raise click.UsageError("not confirmed, nobody was deleted; --yes does not ask") from None
