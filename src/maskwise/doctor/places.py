"""The gallery with its calibration, and the folders that maskwise writes to."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maskwise.doctor.finding import Finding, State
from maskwise.errors import MaskwiseError

if TYPE_CHECKING:
    from maskwise.gallery.encryption.state import KeyState

_LITTLE_SPACE: Final = 1e9  # bytes
_NO_SPACE: Final = 5e7
_QUICK: Final = 200_000_000  # bytes of a gallery that SQLite looks through in a second or two


def gallery(where: str | None, chosen: Mapping[str, str]) -> Iterator[Finding]:
    """The gallery that commands would take: read only, so an older one stays as it is."""
    from maskwise.gallery import default_place, gallery_file
    from maskwise.gallery.where import is_postgres, is_qdrant

    place = where or default_place()
    if is_postgres(place) or is_qdrant(place):
        yield from _server(place)
        return
    path = gallery_file(place)
    if path is None:
        yield Finding("gallery", "place", "ok", "in memory, ends with each command")
        return
    yield Finding("gallery", "place", "ok", str(path))
    try:
        there = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        remedy = "enrol somebody: maskwise enrol PEOPLE_DIR"
        yield Finding("gallery", "people", "note", "there is no gallery yet", remedy)
        return
    yield _may_write(path)
    try:
        pinned = yield from _contents(path, there.st_size)
    except (OSError, sqlite3.Error, IndexError) as error:
        yield Finding(
            "gallery",
            "contents",
            "wrong",
            f"it cannot be read as a gallery ({error})",
            "name another file (--gallery), or restore this one from a copy",
        )
        return
    if pinned is not None:
        yield from _fits(path, pinned, chosen)


def _server(url: str) -> Iterator[Finding]:
    """A gallery on a server: whether it can be reached, and what is in it."""
    from maskwise.gallery import open_gallery
    from maskwise.gallery.where import without_secrets

    yield Finding("gallery", "place", "ok", without_secrets(url))
    try:
        with open_gallery(url, create=False) as store:
            figures = store.stats()
    except MaskwiseError as error:
        yield Finding("gallery", "contents", "wrong", str(error))
        return
    yield Finding("gallery", "format", "ok", f"format {figures.format}")
    size = figures.size
    says = (
        f"{size.people} ({size.references} photos, {size.templates} templates, "
        f"{figures.size_bytes / 1e6:.1f} MB)"
    )
    yield Finding("gallery", "people", "ok" if size.people else "note", says)
    yield Finding("gallery", "encoder", "ok", figures.encoder_id or "empty, takes any")


def _may_write(path: Path) -> Finding:
    missing = [
        str(place) for place in (path, path.parent) if not os.access(place, os.R_OK | os.W_OK)
    ]
    if missing:
        says = f"you may not read and write {' and '.join(missing)}"
        remedy = "make them yours (chown, chmod), or name another gallery"
        return Finding("gallery", "access", "wrong", says, remedy)
    return Finding("gallery", "access", "ok", "readable and writable")


def _contents(
    path: Path, size: int
) -> Generator[Finding, None, tuple[str | None, str | None] | None]:
    """Yields findings; returns the id and space of the gallery's encoder, None for no gallery.

    id: None while it is empty; space: None where the format has none yet.
    """
    from maskwise.gallery.migrations import APPLICATION_ID, MIGRATIONS, format_of

    uri = f"{path.absolute().as_uri()}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
        if _one(connection, "PRAGMA application_id") != APPLICATION_ID:
            yield Finding("gallery", "format", "wrong", "not a gallery", "name another file")
            return None
        found, newest = format_of(connection), len(MIGRATIONS)
        if found > newest:
            remedy = "pip install --upgrade maskwise"
            says = f"format {found}, and this maskwise knows up to {newest}"
            yield Finding("gallery", "format", "wrong", says, remedy)
            return None
        if found < newest:
            says = f"format {found}; the next command that uses it makes it format {newest}"
            yield Finding("gallery", "format", "note", says)
        else:
            yield Finding("gallery", "format", "ok", f"format {found}")
        if found > 4:
            yield from _encrypted(connection)
        people, photos, templates = (
            _one(connection, f"SELECT count(*) FROM {table}")
            for table in ("subject", "reference", "template")
        )
        says = f"{people} ({photos} photos, {templates} templates, {size / 1e6:.1f} MB)"
        yield Finding("gallery", "people", "ok" if people else "note", says)
        if size <= _QUICK and (fault := _one(connection, "PRAGMA quick_check(1)")) != "ok":
            remedy = "maskwise gallery check tells more; restore it from a copy"
            yield Finding("gallery", "soundness", "wrong", str(fault), remedy)
        columns = "name, space" if found > 1 else "name, NULL"
        row = connection.execute(f"SELECT {columns} FROM encoder ORDER BY id").fetchone()
        return (None, None) if row is None else (str(row[0]), row[1])


def _encrypted(connection: sqlite3.Connection) -> Iterator[Finding]:
    from maskwise.gallery.encryption.state import state as encryption_state

    try:
        state = encryption_state(connection)
    except MaskwiseError as error:
        yield Finding("gallery", "encryption", "wrong", str(error))
        return
    if state is not None:
        yield _encryption(state)


def _encryption(state: KeyState) -> Finding:
    says = f"opens with the {state.lock}; data key {state.data_key}"
    if state.residue:
        remedy = "run again: maskwise gallery encrypt"
        return Finding(
            "gallery", "encryption", "wrong", f"{says}; the file may hold faces in clear", remedy
        )
    if state.pending:
        remedy = "go on: maskwise gallery key rotate"
        says = f"{says}; {state.pending} values are of an older one"
        return Finding("gallery", "encryption", "note", says, remedy)
    return Finding("gallery", "encryption", "ok", says)


def _one(connection: sqlite3.Connection, query: str) -> Any:
    return connection.execute(query).fetchone()[0]


def _fits(
    path: Path, pinned: tuple[str | None, str | None], chosen: Mapping[str, str]
) -> Iterator[Finding]:
    """Whether the encoder that commands would take, and the calibration, fit the gallery."""
    from maskwise.decide import OperatingPoints, pair_id
    from maskwise.models.readers import option_of
    from maskwise.own_calibration import place_beside, read_own
    from maskwise.pipeline import Recognizer

    recognizer = Recognizer(**chosen)  # type: ignore[arg-type]
    wanted, (encoder, space) = recognizer.encoder.id, pinned
    if encoder is None:
        yield Finding("gallery", "encoder", "ok", f"empty, takes any; {wanted} is chosen")
    elif encoder == wanted:
        yield Finding("gallery", "encoder", "ok", wanted)
    elif space == recognizer.encoder.space:
        says = f"holds templates of {encoder}, which compare with {wanted}, the chosen one"
        remedy = (
            "if people are ranked only: choose the encoder and detector they were enrolled with"
        )
        if OperatingPoints.shipped_or_none(pair_id(encoder, wanted)) is not None:
            says += ", by thresholds of the two together"
            remedy = (
                f"to enrol more people, choose the gallery's{option_of(encoder)}, or move it over "
                "(maskwise gallery re-encode)"
            )
        yield Finding("gallery", "encoder", "note", says, remedy)
    else:
        yield Finding(
            "gallery",
            "encoder",
            "wrong",
            f"holds templates of {encoder}, and {wanted} is chosen",
            f"choose its own{option_of(encoder) or ' (--encoder)'}, or move it over (maskwise "
            "gallery re-encode)",
        )
        return
    beside = place_beside(path)
    try:
        own = read_own(beside, pair_id(encoder, wanted), recognizer.models)
    except MaskwiseError as error:
        yield Finding("gallery", "calibration", "wrong", str(error))
        return
    if own is not None:
        yield Finding("gallery", "calibration", "ok", f"{beside.name} fits")
    else:
        says = "none of its own: the shipped thresholds decide, where the encoder has some"
        yield Finding("gallery", "calibration", "ok", says)


def folders() -> Iterator[Finding]:
    """Where galleries, licences, models and caches go: writable, and with room."""
    import platformdirs

    from maskwise.models.place import folder

    places = {
        "data": Path(platformdirs.user_data_dir("maskwise", appauthor=False)),
        "models": folder(),
        "cache": Path(platformdirs.user_cache_dir("maskwise", appauthor=False)),
    }
    for name, place in places.items():
        yield _folder(name, place)


def _folder(name: str, place: Path) -> Finding:
    there = next(p for p in (place, *place.parents) if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        says = f"{place} cannot be {'written to' if there == place else 'made'}"
        return Finding("folders", name, "wrong", says, f"make {there} a folder of yours")
    free = shutil.disk_usage(there).free
    says = f"{place}{'' if there == place else ' (not made yet)'}, {free / 1e9:.1f} GB free"
    if free < _LITTLE_SPACE:
        state: State = "wrong" if free < _NO_SPACE else "note"
        return Finding("folders", name, state, says, "free some disk space")
    return Finding("folders", name, "ok", says)
