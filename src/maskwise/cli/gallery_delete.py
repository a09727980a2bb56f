"""``maskwise gallery delete``: a person goes, and a receipt says what was removed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from maskwise.cli.actor import actor_option
from maskwise.cli.inputs import as_name
from maskwise.cli.options import agreed, gallery_option, json_option, open_gallery
from maskwise.cli.output import print_json, printable, remark
from maskwise.cli.status import OK, SKIPPED
from maskwise.errors import OutputError

if TYPE_CHECKING:
    from typing import TextIO

    from maskwise.erasure import Receipt
    from maskwise.gallery import SubjectDetails
    from maskwise.gallery.copies import Copy


@click.command(name="delete")
@click.argument("subject", metavar="NAME")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--with-copies",
    is_flag=True,
    help="Delete the copies beside the gallery, too, that hold this person: everybody in them.",
)
@click.option(
    "--receipt",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write a receipt to a new file, as JSON.",
)
@actor_option
@gallery_option
@json_option("one JSON object")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    subject: str,
    yes: bool,
    with_copies: bool,
    receipt: Path | None,
    gallery: str | None,
    as_json: bool,
) -> None:
    """Delete a person with all photos' templates and kept faces, for good, with a receipt.

    Templates that evaluations keep of the person's photos go, too. Copies that `gallery re-encode`
    left beside the gallery are named where they hold the person; --with-copies deletes them.

    \b
    Examples:
      maskwise gallery delete "Ada Lovelace" --yes
      maskwise gallery delete "Ada Lovelace" --receipt ada.json --with-copies

    Exit codes: 0 deleted; 1 you said no; 2 no such person, or a gallery error.
    """
    from maskwise.erasure import erase_found, look

    subject = as_name(subject)
    with open_gallery(gallery) as store:
        found = look(store, subject)
        with _new_file(receipt) as file:
            if not yes and not _agreed(found.person, found.copies if with_copies else ()):
                click.echo("nothing was deleted", err=True)
                ctx.exit(SKIPPED)
            done = erase_found(store, found, with_copies=with_copies)
            assert done is not None  # deleted, or it raised
            if file is not None:
                _write(done, file)
    _tell(done, as_json=as_json)
    ctx.exit(OK)


def _tell(done: Receipt, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "deleted": done.result.subject,
                "photos": done.result.references,
                "templates": done.result.templates,
                "wiped": done.result.wiped,
                "copies": [str(copy.path) for copy in done.copies_left],
                "receipt": done.as_json(),
            }
        )
    else:
        for line in done.lines():
            click.echo(printable(line))
    for copy in done.copies_left:
        remark(
            f"{copy.path} {'still holds' if copy.holds else 'may still hold'} this person: delete "
            "it when you no longer need it"
        )
    for problem in done.problems:
        remark(problem)


def _write(done: Receipt, file: TextIO) -> None:
    try:
        file.write(json.dumps(done.as_json(), indent=2) + "\n")
        file.flush()
    except OSError as error:  # it is deleted: say so all the same
        remark(f"the receipt cannot be written ({error.strerror or error}); it is printed below")


@contextlib.contextmanager
def _new_file(path: Path | None) -> Iterator[TextIO | None]:
    """A file that was not there, opened before anything is done; gone if nothing was.

    Raises OutputError where it cannot be made, or written.
    """
    if path is None:
        yield None
        return
    try:
        # The receipt names the person: only its owner may read it.
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError as error:
        raise OutputError(f"{path}: there is a file of that name already; name another") from error
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}; nothing was deleted") from error
    with os.fdopen(number, "w", encoding="utf-8") as file:
        try:
            yield file
        finally:
            with contextlib.suppress(OSError):
                if not file.tell():
                    path.unlink()


def _agreed(details: SubjectDetails, copies: tuple[Copy, ...]) -> bool:
    photos = f"{len(details.references):,} photo{'' if len(details.references) == 1 else 's'}"
    also = "".join(f", and the whole file {copy.path}" for copy in copies)
    return agreed(f"Delete {printable(details.subject)} ({photos}){printable(also)} for good?")
