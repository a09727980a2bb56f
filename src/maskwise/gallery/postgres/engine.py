"""The gallery on a PostgreSQL server."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from maskwise.errors import GalleryFormatError, SubjectError
from maskwise.gallery import codec
from maskwise.gallery.gallery import Gallery, check_probes
from maskwise.gallery.postgres import (
    check,
    copying,
    enrolling,
    indexes,
    listing,
    nearest,
    replacing,
    wiping,
)
from maskwise.gallery.postgres.link import BUSY_TIMEOUT_S, Connection, Link, one
from maskwise.gallery.postgres.loading import LoadedTemplates
from maskwise.gallery.postgres.place import parse
from maskwise.gallery.postgres.schema import format_of, open_schema, writer_lock
from maskwise.gallery.records import (
    DeleteResult,
    EnrolResult,
    GallerySize,
    GalleryStats,
    NewReference,
    ProbeWear,
    SubjectDetails,
    SubjectSummary,
    clean_name,
)
from maskwise.types import F32, Candidate, Template


class PostgresGallery(Gallery):
    """A Gallery in a schema of a PostgreSQL database with pgvector.

    Processes and machines may share it: readers do not wait, writers take turns. Threads may
    share an object. A connection does not survive a fork: open the gallery in the child. One that
    broke is made anew by the next call.
    """

    def __init__(self, link: Link) -> None:
        self._link = link
        self._loaded = LoadedTemplates()
        self._lock = writer_lock(link.place.schema)
        # Also closes when the object is dropped and when Python ends.
        self._close = weakref.finalize(self, link.close)

    @classmethod
    def open(
        cls, url: str, *, create: bool = True, busy_timeout_s: float = BUSY_TIMEOUT_S
    ) -> PostgresGallery:
        """The gallery that ``url`` names; see ``open_gallery`` for the errors."""
        link = Link(parse(url), busy_timeout_s)
        try:
            open_schema(link, create=create)
        except BaseException:
            link.close()
            raise
        return cls(link)

    @property
    def where(self) -> str:
        """The URL without password and parameters."""
        return self._link.place.shown

    @property
    def encoder_id(self) -> str | None:
        """The encoder whose templates this gallery holds; None while it is empty."""
        with self._link.reading() as connection:
            encoder = indexes.encoder_of(connection)
        return None if encoder is None else encoder.name

    @property
    def encoder_space(self) -> str | None:
        """The space of its templates; None while it is empty."""
        with self._link.reading() as connection:
            encoder = indexes.encoder_of(connection)
        return None if encoder is None else encoder.space

    # Writing.

    def enrol_all(self, people: Iterable[tuple[str, Sequence[NewReference]]]) -> list[EnrolResult]:
        """Store photos of many people, all or none, in one transaction."""
        with self._writing() as connection:
            return [
                enrolling.enrol(connection, self.where, subject, photos)
                for subject, photos in people
            ]

    def replace_templates(
        self, encoder_id: str, references: Iterable[tuple[str, NewReference | None]]
    ) -> GallerySize:
        """Give every reference templates of another encoder, in one transaction."""
        with self._writing() as connection:
            size = replacing.replace(connection, encoder_id, references)
            number = wiping.transaction_id(connection)
        wiping.wipe(self._link, number)
        return size

    def rename(self, old: str, new: str) -> None:
        """Change a name; SubjectError when ``old`` is not there or ``new`` is taken."""
        name = clean_name(new)
        with self._writing() as connection:
            key = self._find(connection, old)
            taken = enrolling.find(connection, name)
            if taken is not None and taken != key:
                raise SubjectError(f"the name {name!r} is taken; choose another one")
            connection.execute(
                "UPDATE subject SET name = %s WHERE id = %s", (codec.encode_text(name), key)
            )
            number = wiping.transaction_id(connection)
        wiping.wipe(self._link, number)

    def delete(self, subject: str) -> DeleteResult:
        """Delete a person; a small gallery's tables are then written anew without the bytes."""
        with self._writing() as connection:
            key = self._find(connection, subject)
            references = one(
                connection, "SELECT count(*) FROM reference WHERE subject_id = %s", (key,)
            )
            templates = one(
                connection, "SELECT count(*) FROM template WHERE subject_id = %s", (key,)
            )
            connection.execute("DELETE FROM subject WHERE id = %s", (key,))
            connection.execute("DELETE FROM encoder WHERE NOT EXISTS (SELECT 1 FROM template)")
            number = wiping.transaction_id(connection)
        remains = wiping.wipe(self._link, number)
        return DeleteResult(clean_name(subject), references, templates, not remains, remains)

    # Reading.

    def holds(
        self, subject: str, photo_sha256: str, masks: Sequence[str], *, kept: bool = False
    ) -> bool:
        """Whether that photo is enrolled for that person with at least these mask types."""
        name = codec.encode_text(clean_name(subject))
        with self._link.reading() as connection:
            row = connection.execute(
                "SELECT r.masks, EXISTS (SELECT 1 FROM kept_face k WHERE k.reference_id = r.id)"
                " FROM reference r JOIN subject s ON s.id = r.subject_id"
                " WHERE s.name = %s AND r.photo_sha256 = %s",
                (name, photo_sha256),
            ).fetchone()
        if row is None or (kept and not row[1]):
            return False
        return set(masks) <= set(codec.decode_strings(row[0]))

    def templates(self, reference_id: str) -> list[Template]:
        """The templates of a reference, oldest first."""
        with self._link.reading() as connection:
            return listing.templates(connection, self._reference(connection, reference_id))

    def kept_face(self, reference_id: str) -> bytes | None:
        """The face that was kept of a reference, or None."""
        with self._link.reading() as connection:
            key = self._reference(connection, reference_id)
            face = one(connection, "SELECT face FROM kept_face WHERE reference_id = %s", (key,))
        return None if face is None else bytes(face)

    def size(self) -> GallerySize:
        """Counts, as of now."""
        with self._link.reading() as connection:
            return listing.size(connection)

    def people(self) -> list[SubjectSummary]:
        """Everybody, by name."""
        with self._link.reading() as connection:
            return listing.people(connection)

    def show(self, subject: str) -> SubjectDetails:
        """One person in detail; SubjectError when there is none of that name."""
        with self._link.reading() as connection:
            return listing.show(connection, self._find(connection, subject))

    def stats(self) -> GalleryStats:
        """The gallery in figures."""
        with self._link.reading() as connection:
            found = format_of(connection, self._link.place.schema)
            return listing.stats(connection, self.where, found)

    def save_copy(self, path: Path) -> None:
        """Write all that it holds to a new SQLite file."""
        copying.save_copy(self._link, path)

    def integrity_check(self) -> list[str]:
        """One sentence for everything that is wrong; [] for a sound gallery."""
        found: list[str] = []
        try:
            with self._link.reading() as connection:
                for fault in check.faults(connection):
                    found.append(fault)  # noqa: PERF402 - keeps what was found before an error
        except GalleryFormatError as error:
            found.append(str(error))
        return found

    def search(
        self, vectors: F32, *, wear: ProbeWear, top: int, other_wear_shift: float = 0.0
    ) -> list[list[Candidate]]:
        """The people nearest to each probe; see ``Gallery.search``.

        Exact up to ``indexes.EXACT_LIMIT`` templates; beyond, the index may miss somebody.
        """
        masked = wear == "masked"
        with self._link.reading() as connection:
            encoder = indexes.encoder_of(connection)
            check_probes(vectors, top, wear, None if encoder is None else encoder.dim)
            if encoder is None or not len(vectors):
                return [[] for _ in vectors]
            if indexes.is_small(connection):
                index = self._loaded.refreshed(connection, encoder)
                hits = index.search(vectors, top, masked=masked, other_wear_shift=other_wear_shift)
            else:
                self._loaded.drop()
                hits = nearest.search(
                    connection,
                    encoder,
                    vectors,
                    top,
                    masked=masked,
                    depth=self._link.place.depth,
                    other_wear_shift=other_wear_shift,
                )
            rows = listing.winners(connection, (int(k) for h in hits for k in h.keys))
        return [
            [
                Candidate(rank, uid, name, reference, source, float(score), worn)
                for rank, (key, score) in enumerate(zip(h.keys, h.scores, strict=True), 1)
                for uid, name, reference, source, worn in [rows[int(key)]]
            ]
            for h in hits
        ]

    def close(self) -> None:
        """Let go of the server; closing twice is fine."""
        self._loaded.drop()
        self._close()

    # What the above are made of.

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """Everything done inside is stored at the end, or nothing; the indexes are kept up."""
        with self._link.writing(self._lock) as connection:
            yield connection
            indexes.keep_up(connection)

    def _reference(self, connection: Connection, uid: str) -> int:
        key = one(connection, "SELECT id FROM reference WHERE uid = %s", (uid,))
        if key is None:
            raise SubjectError(
                f"{self.where} has no reference {uid!r}; `maskwise gallery show NAME --json` "
                "lists a person's"
            )
        return int(key)

    def _find(self, connection: Connection, subject: str) -> int:
        name = clean_name(subject)
        key = enrolling.find(connection, name)
        if key is None:
            raise SubjectError(
                f"nobody in {self.where} is called {name!r}; `maskwise gallery list` shows who is"
            )
        return key
