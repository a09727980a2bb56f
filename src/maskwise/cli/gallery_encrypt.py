"""``maskwise gallery encrypt`` and ``decrypt``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from maskwise.cli.actor import actor_option
from maskwise.cli.key_options import named_file, named_key, new_phrase, state_of
from maskwise.cli.options import agreed, gallery_is_there, gallery_option, json_option, open_gallery
from maskwise.cli.output import Progress, print_json, printable, remark
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED
from maskwise.errors import ConfigurationError

if TYPE_CHECKING:
    from maskwise.gallery import Gallery
    from maskwise.gallery.encryption.care import Changed, Encryption

_FILES_ALONE: Final = (
    "only galleries in files are encrypted by maskwise; a server searches what it holds, so that "
    "has to be in clear there (docs/encryption.md)"
)
NOT_WIPED: Final = (
    "another process has the gallery open, so that its files may still hold what was there before; "
    "end it and run this again"
)


@click.command()
@actor_option
@gallery_option
@json_option("one JSON object")
@click.pass_context
def encrypt(ctx: click.Context, gallery: str | None, as_json: bool) -> None:
    """Encrypt the templates and kept faces of a gallery; what was there in clear is overwritten.

    All or nothing, and the search index beside the gallery goes. From then on every command needs
    the key. Without it, nobody can read the templates, nor can we: keep a copy of it elsewhere.
    Names, sources and times stay in clear. Files that hold people beside the gallery are named.

    \b
    Examples:
      maskwise gallery key new /etc/maskwise/staff.key
      maskwise gallery encrypt --gallery staff.db --key-file /etc/maskwise/staff.key

    Exit codes: 0 encrypted; 1 encrypted, but something in clear is left (it is named); 2 refused,
    and nothing was changed; 130 interrupted: the gallery is as it was, or what is left in clear is
    wiped by the same command.
    """
    from maskwise.gallery import default_place, gallery_file
    from maskwise.gallery import open_gallery as open_any
    from maskwise.gallery.encryption.keys import key_of_environment
    from maskwise.gallery.where import copies_beside, without_secrets

    place = gallery or default_place()
    if gallery_file(place) is None:
        raise ConfigurationError(f"{without_secrets(place)}: {_FILES_ALONE}")
    if not gallery_is_there(place):
        raise ConfigurationError(
            f"{place}: there is no gallery here yet; one that is made with a key is encrypted from "
            "the start: maskwise enrol PEOPLE_DIR --key-file FILE"
        )
    there = state_of(place)
    key = named_key() or key_of_environment() or new_phrase("--key-file FILE or --key-env NAME")
    with open_any(place, create=False, key=key if there else None) as store:
        remark(f"gallery {store.where}")
        encryption = encryption_of(store)
        try:
            with Progress("encrypting", _values(store), unit="values") as progress:
                done = encryption.encrypt(key, progress.advance)
        except KeyboardInterrupt:
            done_already = state_of(place) is not None
            remark(
                "interrupted: the gallery is encrypted, but its files may still hold faces in "
                "clear; run the same command again"
                if done_already
                else "interrupted: the gallery is as it was; run the same command again"
            )
            ctx.exit(INTERRUPTED)
        state = encryption.state()
        assert store.file is not None
        assert state is not None
        in_clear = [p for p in copies_beside(store.file) if state_of(str(p)) is None]
    for path in in_clear:
        remark(f"still in clear: {path}; delete it when it is no longer needed")
    _check_place(store.file)
    if not done.wiped:
        remark(NOT_WIPED)
    if as_json:
        print_json(
            {
                **_as_json(store, done),
                "opens_with": state.lock.kind,
                "fingerprint": state.lock.fingerprint,
                "still_in_clear": [str(path) for path in in_clear],
            }
        )
    else:
        click.echo(
            f"encrypted  {done.templates:,} templates, {done.faces:,} kept faces\n"
            f"opens with the {state.lock}: keep a copy of it elsewhere; without it, all is lost"
        )
    ctx.exit(OK if done.wiped and not in_clear else SKIPPED)


@click.command()
@actor_option
@gallery_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option("one JSON object")
@click.pass_context
def decrypt(ctx: click.Context, gallery: str | None, yes: bool, as_json: bool) -> None:
    """Store the templates and kept faces of a gallery in clear again, all or nothing.

    \b
    Example:
      maskwise gallery decrypt --gallery staff.db --key-file staff.key

    Exit codes: 0 done; 1 you said no; 2 refused, and nothing was changed; 130 interrupted,
    likewise.
    """
    with open_gallery(gallery) as store:
        encryption = encryption_of(store)
        if not yes and not agreed(f"Store the faces in {printable(store.where)} in clear?"):
            ctx.exit(SKIPPED)
        try:
            with Progress("decrypting", _values(store), unit="values") as progress:
                done = encryption.decrypt(progress.advance)
        except KeyboardInterrupt:
            remark("interrupted: the gallery is as it was")
            ctx.exit(INTERRUPTED)
    if as_json:
        print_json(_as_json(store, done))
    else:
        click.echo(f"in clear  {done.templates:,} templates, {done.faces:,} kept faces")


def encryption_of(store: Gallery) -> Encryption:
    """What changes its keys; ConfigurationError for an engine that does not encrypt."""
    found = store.encryption
    if found is None:
        raise ConfigurationError(f"{store.where}: {_FILES_ALONE}")
    return found


def _values(store: Gallery) -> int:
    figures = store.stats()
    return figures.size.templates + figures.kept_faces


def _as_json(store: Gallery, done: Changed) -> dict[str, object]:
    return {
        "gallery": store.where,
        "data_key": done.data_key,
        "templates": done.templates,
        "kept_faces": done.faces,
        "wiped": done.wiped,
    }


def _check_place(gallery: Path) -> None:
    named = named_file()
    if named and Path(named).absolute().parent == gallery.absolute().parent:
        remark(f"{named} lies beside the gallery: whoever copies the folder has both; move it")
