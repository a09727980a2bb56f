"""The embedded gallery: one SQLite file is the truth, an index in memory answers searches."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from maskwise.errors import GalleryFormatError, InputError, SubjectError
from maskwise.gallery import check, codec, enrolling, listing, replacing, whole
from maskwise.gallery.accounted import everybody
from maskwise.gallery.connected import ConnectedGallery
from maskwise.gallery.encryption.care import Encryption
from maskwise.gallery.encryption.keys import OwnerKey
from maskwise.gallery.files import (
    BUSY_TIMEOUT_S,
    connect_file,
    connect_memory,
    copy_to,
    translated,
)
from maskwise.gallery.gallery import check_probes
from maskwise.gallery.index_care import SearchIndex
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
from maskwise.types import F32, Candidate, Template


class SqliteGallery(ConnectedGallery):
    """A Gallery in one SQLite file, or in memory.

    Processes may share a file: readers do not wait, writers take turns. Threads may share an
    object. A connection does not survive a fork: open the gallery in the child.
    """

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        create: bool = True,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        key: OwnerKey | None = None,
    ) -> SqliteGallery:
        """The gallery in the file ``path``; see ``open_gallery`` for the errors.

        key: opens it where it is encrypted; a gallery in clear stays so.
        """
        made = connect_file(path, create=create, busy_timeout_s=busy_timeout_s, key=key)
        return cls(made, path)

    @classmethod
    def in_memory(cls) -> SqliteGallery:
        """An empty gallery that ends with the object."""
        return cls(connect_memory(), None)

    @property
    def search_index(self) -> SearchIndex | None:
        """The index beside the file; None in memory, and of an encrypted gallery."""
        if self._path is None or self.key is not None:
            return None
        return SearchIndex(self._path, self._reading, self._loaded)

    @property
    def key(self) -> OwnerKey | None:
        """What opened it, and opens its copies; None for a gallery in clear."""
        with self._reading():
            return None if self._vault.data_key is None else self._vault.key

    @property
    def encryption(self) -> Encryption | None:
        """What encrypts it and changes its keys; None in memory."""
        if self._path is None:
            return None
        return Encryption(
            self._path,
            self._vault,
            reading=self._reading,
            writing=self._writing,
            log=self._log,
            empty_log=self._empty_log,
        )

    @property
    def encoder_id(self) -> str | None:
        """The encoder whose templates this gallery holds; None while it is empty."""
        return self._encoder_column("name")

    @property
    def encoder_space(self) -> str | None:
        """The space of its templates; None while it is empty."""
        return self._encoder_column("space")

    def _encoder_column(self, column: Literal["name", "space"]) -> str | None:
        with self._reading() as connection:
            row = connection.execute(f"SELECT {column} FROM encoder ORDER BY id").fetchone()
        return None if row is None else str(row[0])

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
            before = everybody(connection)
            size = replacing.replace(connection, encoder_id, references)
            self._log_re_encoding(connection, before)
        self._empty_log()
        return size

    def restore(self, records: Iterable[StoredReference]) -> int:
        """Store whole references with their ids and times, in one transaction."""
        with self._writing() as connection:
            stored = whole.restore(connection, self.where, records)
            if stored:
                self._log_restoring(connection, stored)
        return stored

    def rename(self, old: str, new: str) -> None:
        """Change a name; SubjectError when ``old`` is not there or ``new`` is taken."""
        name = clean_name(new)
        with self._writing() as connection:
            key = self._row_of(connection, old)
            taken = enrolling.find(connection, name)
            if taken is not None and taken != key:
                raise SubjectError(f"the name {name!r} is taken; choose another one")
            connection.execute(
                "UPDATE subject SET name = ? WHERE id = ?", (codec.encode_text(name), key)
            )
            self._log_renaming(connection, key)
        self._empty_log()

    # Reading.

    def holds(
        self, subject: str, photo_sha256: str, masks: Sequence[str], *, kept: bool = False
    ) -> bool:
        """Whether that photo is enrolled for that person with at least these mask types."""
        name = codec.encode_text(clean_name(subject))
        with self._reading() as connection:
            row = connection.execute(
                "SELECT r.masks, EXISTS (SELECT 1 FROM kept_face k WHERE k.reference_id = r.id)"
                " FROM reference r JOIN subject s ON s.id = r.subject_id"
                " WHERE s.name = ? AND r.photo_sha256 = ?",
                (name, photo_sha256),
            ).fetchone()
        if row is None or (kept and not row[1]):
            return False
        return set(masks) <= set(codec.decode_strings(row[0]))

    def templates(self, reference_id: str) -> list[Template]:
        """The templates of a reference, oldest first."""
        with self._reading() as connection:
            return listing.templates(connection, self._reference(connection, reference_id))

    def kept_face(self, reference_id: str) -> bytes | None:
        """The face that was kept of a reference, or None."""
        with self._reading() as connection:
            key = self._reference(connection, reference_id)
            row = connection.execute(
                "SELECT face FROM clear_face WHERE reference_id = ?", (key,)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def export(self, after: str | None = None) -> Iterator[StoredReference]:
        """Whole references by person and photo as they were enrolled, a batch a transaction."""
        place = whole.START
        if after is not None:
            with self._reading() as connection:
                place = whole.place_of(connection, self.where, after)
        return self._export(place)

    def _export(self, place: whole.Place) -> Iterator[StoredReference]:
        while True:
            with self._reading() as connection:
                found, place = whole.batch(connection, place)
            if not found:
                return
            yield from found

    def size(self) -> GallerySize:
        """Counts, as of now."""
        with self._reading() as connection:
            return listing.size(connection)

    def people(self) -> list[SubjectSummary]:
        """Everybody, by name."""
        with self._reading() as connection:
            return listing.people(connection)

    def show(self, subject: str) -> SubjectDetails:
        """One person in detail; SubjectError when there is none of that name."""
        with self._reading() as connection:
            return listing.show(connection, self._row_of(connection, subject))

    def stats(self) -> GalleryStats:
        """The gallery in figures."""
        with self._reading() as connection:
            return listing.stats(connection, self.where)

    def save_copy(self, path: Path) -> None:
        """Write all that it holds to a new file."""
        with self._lock, translated(str(path)):
            copy_to(self._connection, path, self._log_copy)

    def integrity_check(self) -> list[str]:
        """One sentence for everything that is wrong; [] for a sound gallery."""
        found: list[str] = []
        try:
            with self._reading() as connection:
                for fault in check.faults(connection):
                    found.append(fault)  # noqa: PERF402 - keeps what was found before an error
        except GalleryFormatError as error:
            found.append(str(error))
        except UnicodeDecodeError as error:  # SQLite quotes what is damaged, and is not decoded
            found.append(f"the file is damaged: {error.object!r}")
        return found

    def search(
        self, vectors: F32, *, wear: ProbeWear, top: int, other_wear_shift: float = 0.0
    ) -> list[list[Candidate]]:
        """The people nearest to each probe; see ``Gallery.search``."""
        with self._reading() as connection:
            index = self._loaded.refreshed(connection)
            check_probes(vectors, top, wear, None if index is None else index.dim)
            if index is None:
                return [[] for _ in vectors]
            hits = index.search(
                vectors, top, masked=wear == "masked", other_wear_shift=other_wear_shift
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

    def _enrol(
        self, connection: sqlite3.Connection, subject: str, references: Sequence[NewReference]
    ) -> EnrolResult:
        name = clean_name(subject)
        encoders = {(t.encoder_id, len(t.vector), r.space) for r in references for t in r.templates}
        if len(encoders) != 1:
            raise InputError(
                f"enrol {name}: expected references with templates of one encoder, got "
                f"{len(references)} references of {len(encoders)} encoders"
            )
        encoder = enrolling.pin(connection, self.where, *encoders.pop())
        person, uid = enrolling.person(connection, name)
        stored = [
            enrolling.store(connection, person, encoder, reference) for reference in references
        ]
        self._log_enrolment(connection, (person, uid), references, sum(stored))
        photos = {reference.photo_sha256 for reference in references}
        return EnrolResult(uid, len(photos), sum(stored))
