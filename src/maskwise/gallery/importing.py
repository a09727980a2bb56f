"""Bring galleries along that were kept as names and encodings, as face_recognition's users do.

``read`` takes a file to names and encodings; ``import_encodings`` puts them into a gallery. What
files may hold, and what imported people lack, stands in docs/importing.md.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from maskwise.encode.dlib_resnet import DlibResnet
from maskwise.errors import EncoderMismatchError, InputError
from maskwise.gallery.encoding_files import NAME_WORDS, read_value
from maskwise.gallery.encoding_looks import lengths_of, not_of_dlib
from maskwise.gallery.encoding_rows import Rows
from maskwise.gallery.gallery import Gallery, re_encode_to
from maskwise.gallery.records import NewReference, clean_name
from maskwise.image import describe
from maskwise.types import F32, Template, Wear

IMPORTED: Final = "imported"
"""The detector id of references without a photo, and the beginning of their source."""

_UNKNOWN: Final = Wear("unknown")


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """Names and encodings, row by row.

    names: (N,) tuple of people, cleaned as galleries keep them; several rows may be of one person.
    encodings: (N, D) float32, as they were given: of any length but 0. source: for messages.
    Raises InputError for no rows, another shape, NaN, infinite or only zeros, numbers too large
    for float32, a name that cannot be, and as many names as encodings are not.
    """

    names: Sequence[str]
    encodings: F32
    source: str = "<encodings>"

    def __post_init__(self) -> None:
        try:
            given = np.asarray(self.encodings)
        except ValueError:  # rows of several lengths
            given = np.empty(0, object)
        if given.ndim != 2 or given.dtype.kind not in "fiu" or not given.size:
            raise InputError(
                f"{self.source}: expected encodings as an (N, D) array of numbers, got "
                f"{given.shape} {given.dtype}"
            )
        if isinstance(self.names, str) or len(self.names) != len(given):
            raise InputError(
                f"{self.source}: {len(self.names)} names for {len(given)} encodings; expected as "
                "many of one as of the other"
            )
        with np.errstate(over="ignore"):
            encodings = np.array(given, np.float32, order="C")
        for row in np.flatnonzero(~np.isfinite(encodings).all(axis=1)):
            raise self._fault(row, "holds NaN, an infinite or a much too large number")
        for row in np.flatnonzero(~encodings.any(axis=1)):
            raise self._fault(row, "is all zeros")
        encodings.flags.writeable = False
        object.__setattr__(self, "encodings", encodings)
        object.__setattr__(self, "names", tuple(self._clean_names()))

    def _fault(self, row: Any, what: str) -> InputError:
        name = str(self.names[row])[:100]
        return InputError(
            f"{self.source}: row {row + 1} ({name!r}) {what}, so it is no encoding; correct it or "
            "take it out"
        )

    def _clean_names(self) -> Iterator[str]:
        known: dict[str, str] = {}
        for row, name in enumerate(self.names, 1):
            cleaned = known.get(name) if isinstance(name, str) else None
            if cleaned is None:
                try:
                    cleaned = known[name] = clean_name(name)
                except InputError as error:
                    raise InputError(f"{self.source}: row {row}: {error}") from error
            yield cleaned


@dataclass(frozen=True, slots=True)
class PersonImport:
    """What became of one person's encodings.

    encodings: rows of this person. added: newly stored (or would be). already: in the gallery
    before. repeated: the same numbers as in an earlier row. new: not in the gallery before.
    """

    subject: str
    encodings: int
    added: int
    already: int
    repeated: int
    new: bool


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. people: in the order of their first row. warnings: sentences."""

    people: tuple[PersonImport, ...]
    encoder_id: str
    warnings: tuple[str, ...]

    @property
    def encodings(self) -> int:
        """Rows."""
        return sum(person.encodings for person in self.people)

    @property
    def added(self) -> int:
        """Rows that were stored."""
        return sum(person.added for person in self.people)

    @property
    def already(self) -> int:
        """Rows that the gallery had."""
        return sum(person.already for person in self.people)

    @property
    def repeated(self) -> int:
        """Rows that stood in the file before."""
        return sum(person.repeated for person in self.people)

    @property
    def new_people(self) -> int:
        """People who were not in the gallery."""
        return sum(person.new for person in self.people)


def read(path: str | os.PathLike[str], names: str | os.PathLike[str] | None = None) -> Imported:
    """The names and encodings in a file: .npz, .npy, JSON, CSV or a pickle (read, never run).

    names: a second file with a name a row (.txt, .json, .csv or .npy), for a file of encodings
    alone. docs/importing.md lists what the files may look like.
    Raises InputError, which names the file and the remedy, for everything else.
    """
    rows = Rows(describe(path))
    rows.add_value(read_value(path), None if names is None else _names(names))
    return Imported(tuple(rows.names), rows.encodings(), rows.source)


def import_encodings(
    gallery: Gallery,
    names: Sequence[str],
    encodings: npt.ArrayLike,
    *,
    encoder_id: str | None = None,
    source: str = "<encodings>",
    dry_run: bool = False,
    on_rows: Callable[[int], None] | None = None,
) -> ImportReport:
    """Store encodings under their names: all, or when anything is wrong, none.

    names: (N,) people's names. encodings: (N, D) numbers of any length but 0; they are scaled to
    unit length. Each becomes a reference of its person with one template whose wear is unknown.
    What the person has already (the same numbers in float32) is left as it is.
    encoder_id: of the encoder that made them; None: dlib's ResNet v1, as in face_recognition.
    source: where they came from; kept as ``imported: <source>#<row>``. dry_run: store nothing,
    and report what would be. on_rows: told how many more rows were stored.
    Raises InputError as ``Imported`` does and for encodings of another width than the encoder's or
    the gallery's, EncoderMismatchError when the gallery holds templates of another encoder, and
    what ``Gallery.enrol`` raises.
    """
    # Checked here too, as any array may come.
    rows = Imported(names, encodings, source)  # type: ignore[arg-type]
    encoder = encoder_id or DlibResnet().id
    _check_width(gallery, rows, encoder, encoder_id is not None)
    work = _sorted_out(gallery, rows)
    shipped = DlibResnet()
    space = shipped.space if encoder == shipped.id else ""

    def references() -> Iterator[tuple[str, list[NewReference]]]:
        lengths = lengths_of(rows.encodings)
        for person in work:
            if not person.new_rows:
                continue
            made = [
                NewReference(
                    f"{IMPORTED}: {source}#{row + 1}",
                    [
                        Template(
                            np.asarray(rows.encodings[row] / lengths[row], np.float32),
                            encoder,
                            _UNKNOWN,
                        )
                    ],
                    photo_sha256=digest,
                    box=None,
                    ipd_px=None,
                    detector_id=IMPORTED,
                    masks=(),
                    space=space,
                )
                for row, digest in person.new_rows.items()
            ]
            yield person.subject, made
            if on_rows is not None:
                on_rows(len(made))

    if not dry_run and any(person.new_rows for person in work):
        gallery.enrol_all(references())
    found = tuple(
        PersonImport(p.subject, p.rows, len(p.new_rows), p.already, p.repeated, p.is_new)
        for p in work
    )
    odd = not_of_dlib(rows.names, rows.encodings, source) if encoder == shipped.id else ()
    return ImportReport(found, encoder, tuple(odd))


@dataclass(slots=True)
class _Person:
    """One person's rows, sorted out. new_rows: row -> digest."""

    subject: str
    is_new: bool
    rows: int = 0
    already: int = 0
    repeated: int = 0
    new_rows: dict[int, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)


def _sorted_out(gallery: Gallery, rows: Imported) -> list[_Person]:
    known = {person.subject for person in gallery.people()}
    people: dict[str, _Person] = {}
    for row, name in enumerate(rows.names):
        person = people.get(name)
        if person is None:
            person = people[name] = _Person(name, name not in known)
        digest = encoding_sha256(rows.encodings[row])
        person.rows += 1
        if digest in person.seen:
            person.repeated += 1
        elif not person.is_new and gallery.holds(name, digest, ()):
            person.already += 1
        else:
            person.new_rows[row] = digest
        person.seen.add(digest)
    return list(people.values())


def encoding_sha256(encoding: F32) -> str:
    """What stands for the photo's sha256: of ``imported encoding`` and the numbers as given.

    encoding: (D,) float32. Before scaling: these are the same on every machine.
    """
    numbers = np.asarray(encoding, "<f4").tobytes()
    return hashlib.sha256(b"imported encoding\n" + numbers).hexdigest()


def _check_width(gallery: Gallery, rows: Imported, encoder: str, named: bool) -> None:
    width, shipped = rows.encodings.shape[1], DlibResnet()
    if encoder == shipped.id and width != shipped.dim:
        remedy = "" if named else "; name the encoder that made them with --encoder-id"
        raise InputError(
            f"{rows.source}: expected {shipped.dim} numbers an encoding, as dlib's network and "
            f"face_recognition give ({shipped.id}), got {width}{remedy}"
        )
    pinned = gallery.encoder_id
    if pinned not in (None, encoder):
        # To name the gallery's encoder is no help here: numbers stay as they are.
        raise EncoderMismatchError(
            f"{gallery.where} holds templates of the encoder {pinned}, and one gallery takes those "
            f"of one encoder, not also these encodings, of {encoder}; import them into another "
            f"gallery, or move this one over first: {re_encode_to(encoder)}"
        )
    dim = gallery.stats().dim
    if dim is not None and dim != width:
        raise InputError(
            f"{rows.source}: the templates in {gallery.where} have {dim} numbers, these {width}"
        )


def _names(path: str | os.PathLike[str]) -> list[Any]:
    source, value = describe(path), read_value(path)
    if isinstance(value, dict) and set(value) == {"names"}:
        value = value["names"]
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "US":
        value = value.tolist()
    if not isinstance(value, list):
        raise InputError(f"{source}: expected names, one a row or a list of text")
    is_table = Path(path).suffix.lower() in (".csv", ".tsv")
    has_header = is_table and str(value[0]).strip().lower() in NAME_WORDS
    return value[has_header:]
