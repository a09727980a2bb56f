"""The gallery on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from maskwise.errors import GalleryFormatError, SubjectError
from maskwise.gallery import codec
from maskwise.gallery.accounted import everybody
from maskwise.gallery.gallery import check_probes
from maskwise.gallery.postgres import (
    check,
    copying,
    enrolling,
    indexes,
    listing,
    nearest,
    replacing,
    whole,
    wiping,
)
from maskwise.gallery.postgres.connected import ConnectedGallery
from maskwise.gallery.postgres.link import BUSY_TIMEOUT_S, Connection, Link, one
from maskwise.gallery.postgres.place import parse
from maskwise.gallery.postgres.rows import PostgresRows
from maskwise.gallery.postgres.schema import format_of, open_schema
from maskwise.gallery.records import (
    EnrolResult,
    GallerySize,
    GalleryStats,
    NewReference,
    ProbeWear,
    SubjectDetails,
    SubjectSummary,
    clean_name,
)
from maskwise.gallery.stored import StoredReference
from maskwise.gallery.whole import START, Place
from maskwise.types import F32, Candidate, Template


class PostgresGallery(ConnectedGallery):
    """A Gallery in a schema of a PostgreSQL database with pgvector.

    Processes and machines may share it: readers do not wait, writers take turns. Threads may
    share an object. A connection does not survive a fork: open the gallery in the child. One that
    broke is made anew by the next call.
    """

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
            return [self._enrol(connection, subject, photos) for subject, photos in people]

    def replace_templates(
        self, encoder_id: str, references: Iterable[tuple[str, NewReference | None]]
    ) -> GallerySize:
        """Give every reference templates of another encoder, in one transaction."""
        with self._writing() as connection:
            rows = PostgresRows(connection)
            before = everybody(rows)
            size = replacing.replace(connection, encoder_id, references)
            self._log_re_encoding(rows, before)
            number = wiping.transaction_id(connection)
        wiping.wipe(self._link, number)
        return size

    def rename(self, old: str, new: str) -> None:
        """Change a name; SubjectError when ``old`` is not there or ``new`` is taken."""
        name = clean_name(new)
        with self._writing() as connection:
            key = self._row_of(PostgresRows(connection), old)
            taken = enrolling.find(connection, name)
            if taken is not None and taken != key:
                raise SubjectError(f"the name {name!r} is taken; choose another one")
            connection.execute(
                "UPDATE subject SET name = %s WHERE id = %s", (codec.encode_text(name), key)
            )
            self._log_renaming(PostgresRows(connection), key)
            number = wiping.transaction_id(connection)
        wiping.wipe(self._link, number)

    def restore(self, records: Iterable[StoredReference]) -> int:
        """Store whole references with their ids and times, in one transaction."""
        with self._writing() as connection:
            stored = whole.restore(connection, self.where, records)
            if stored:
                self._log_restoring(PostgresRows(connection), stored)
        return stored

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

    def export(self, after: str | None = None) -> Iterator[StoredReference]:
        """Whole references by person and photo as they were enrolled, a batch a transaction."""
        place = START
        if after is not None:
            with self._link.reading() as connection:
                place = whole.place_of(connection, self.where, after)
        return self._export(place)

    def _export(self, place: Place) -> Iterator[StoredReference]:
        while True:
            with self._link.reading() as connection:
                found, place = whole.batch(connection, place)
            if not found:
                return
            yield from found

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
            return listing.show(connection, self._row_of(PostgresRows(connection), subject))

    def stats(self) -> GalleryStats:
        """The gallery in figures."""
        with self._link.reading() as connection:
            found = format_of(connection, self._link.place.schema)
            return listing.stats(connection, self.where, found)

    @property
    def keeps_calibration(self) -> bool:
        """True."""
        return True

    def calibration(self) -> str | None:
        """The text of its own calibration."""
        with self._link.reading() as connection:
            text = one(connection, "SELECT content FROM calibration")
        return None if text is None else str(text)

    def keep_calibration(self, text: str | None) -> None:
        """Keep a calibration in place of the one before; None takes that away."""
        with self._writing() as connection:
            connection.execute("DELETE FROM calibration")
            if text is not None:
                connection.execute("INSERT INTO calibration (content) VALUES (%s)", (text,))
            self._log(PostgresRows(connection), "calibration", None, {"kept": text is not None})

    def save_copy(self, path: Path) -> None:
        """Write all that it holds to a new SQLite file."""
        copying.save_copy(self._link, path, self.actor, self._log_copy)

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

    # What the above are made of.

    def _reference(self, connection: Connection, uid: str) -> int:
        key = one(connection, "SELECT id FROM reference WHERE uid = %s", (uid,))
        if key is None:
            raise SubjectError(
                f"{self.where} has no reference {uid!r}; `maskwise gallery show NAME --json` "
                "lists a person's"
            )
        return int(key)

    def _enrol(
        self, connection: Connection, subject: str, references: Sequence[NewReference]
    ) -> EnrolResult:
        key, result = enrolling.enrol(connection, self.where, subject, references)
        self._log_enrolment(
            PostgresRows(connection), (key, result.subject_id), references, result.templates
        )
        return result
