"""The half of the gallery on Qdrant that reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from maskwise.errors import GalleryFormatError, StorageError, SubjectError
from maskwise.gallery import codec
from maskwise.gallery.gallery import Gallery, check_probes
from maskwise.gallery.qdrant import check, copying, listing, whole
from maskwise.gallery.qdrant import head as heads
from maskwise.gallery.qdrant.head import Head, is_equal
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.qdrant.nearest import Search
from maskwise.gallery.qdrant.words import MissingCollectionError
from maskwise.gallery.records import (
    GallerySize,
    GalleryStats,
    ProbeWear,
    SubjectDetails,
    SubjectSummary,
)
from maskwise.gallery.stored import StoredReference
from maskwise.types import F32, Candidate, Template

_READ_TRIES: Final = 20

_Answer = TypeVar("_Answer")


class _MovedError(Exception):
    """The state that was being read is no longer whole."""


class Reading(Gallery):
    """Everything that is read, each time in one state of the gallery."""

    _link: Link

    @property
    def where(self) -> str:
        """The URL without API key and parameters."""
        return self._link.place.shown

    @property
    def encoder_id(self) -> str | None:
        """The encoder whose templates this gallery holds; None while it is empty."""
        encoder = heads.read(self._link).encoder
        return None if encoder is None else str(encoder["name"])

    @property
    def encoder_space(self) -> str | None:
        """The space of its templates; None while it is empty."""
        encoder = heads.read(self._link).encoder
        return None if encoder is None else str(encoder["space"])

    def holds(
        self, subject: str, photo_sha256: str, masks: Sequence[str], *, kept: bool = False
    ) -> bool:
        """Whether that photo is enrolled for that person with at least these mask types."""

        def look(head: Head) -> bool:
            person = listing.find(self._link, head.view, subject)
            if person is None:
                return False
            conditions = is_equal("person", person["uid"]), is_equal("photo", photo_sha256)
            found = listing.photos_where(self._link, head.view, *conditions)
            if not found or (kept and not found[0]["kept_bytes"]):
                return False
            return set(masks) <= set(codec.decode_strings(found[0]["masks"]))

        return self._read(look)

    def templates(self, reference_id: str) -> list[Template]:
        """The templates of a reference, oldest first."""
        return self._read(lambda h: listing.templates(self._link, h, h.view, reference_id))

    def kept_face(self, reference_id: str) -> bytes | None:
        """The face that was kept of a reference, or None."""

        def look(head: Head) -> bytes | None:
            listing.photo(self._link, head.view, reference_id)
            return whole.kept_faces(self._link, head.view, [reference_id]).get(reference_id)

        return self._read(look)

    def export(self, after: str | None = None) -> Iterator[StoredReference]:
        """Every reference whole, in the order of enrolment; some at a time are of one moment."""
        start = whole.START
        if after is not None:
            uid = after
            start = self._read(lambda h: whole.place_of(self._link, h.view, uid))
        return self._exported(start)

    def _exported(self, start: whole.Place) -> Iterator[StoredReference]:
        place: whole.Place | None = start
        while place is not None:
            some, place = self._batch(place)
            yield from some

    def _batch(self, after: whole.Place) -> tuple[list[StoredReference], whole.Place | None]:
        return self._read(lambda h: whole.batch(self._link, h.view, h.templates, h.encoder, after))

    def size(self) -> GallerySize:
        """Counts, as of now."""
        return self._read(lambda h: listing.size(self._link, h, h.view))

    def people(self) -> list[SubjectSummary]:
        """Everybody, by name."""
        return self._read(lambda h: listing.people(self._link, h.view))

    def show(self, subject: str) -> SubjectDetails:
        """One person in detail; SubjectError when there is none of that name."""
        return self._read(lambda h: listing.show(self._link, h, h.view, subject))

    def stats(self) -> GalleryStats:
        """The gallery in figures."""
        return self._read(lambda h: listing.stats(self._link, h, h.view))

    def save_copy(self, path: Path) -> None:
        """Write all that it holds to a new SQLite file."""
        self._read(lambda h: copying.save_copy(self._link, h, path, lambda: self._check_whole(h)))

    def integrity_check(self) -> list[str]:
        """One sentence for everything that is wrong; [] for a sound gallery."""

        def look(head: Head) -> list[str]:
            found: list[str] = []
            try:
                for fault in check.faults(self._link, head):
                    found.append(fault)  # noqa: PERF402 - keeps what was found before an error
            except GalleryFormatError as error:
                found.append(str(error))
            return found

        try:
            return self._read(look)
        except GalleryFormatError as error:
            return [str(error)]

    def search(
        self, vectors: F32, *, wear: ProbeWear, top: int, other_wear_shift: float = 0.0
    ) -> list[list[Candidate]]:
        """The people nearest to each probe; see ``Gallery.search``.

        Exact while the server reads every row (it decides by size); an index may miss somebody.
        """

        def look(head: Head) -> list[list[Candidate]]:
            encoder = head.encoder
            check_probes(vectors, top, wear, None if encoder is None else int(encoder["dim"]))
            if encoder is None or head.templates is None or not len(vectors):
                return [[] for _ in vectors]
            search = Search(
                *(self._link, head.view, head.templates, int(encoder["dim"])),
                head.settings.get("quantization"),
            )
            hits = search.nearest(vectors, top, masked=wear == "masked", shift=other_wear_shift)
            won = {int(k): search.rows[int(k)] for h in hits for k in h.keys}
            known = listing.winners(self._link, head.view, won)
            return [
                [
                    Candidate(rank, uid, name, reference, source, float(score), worn)
                    for rank, (key, score) in enumerate(zip(h.keys, h.scores, strict=True), 1)
                    for uid, name, reference, source, worn in [known[int(key)]]
                ]
                for h in hits
            ]

        return self._read(look)

    def _read(self, look: Callable[[Head], _Answer]) -> _Answer:
        """What ``look`` finds in one state of the gallery, whatever others write meanwhile.

        What was deleted after that state may be gone while it looks: then it looks again.
        """
        with self._link.lock:
            for _ in range(_READ_TRIES):
                head = heads.read(self._link)
                try:
                    answer = look(head)
                    self._check_whole(head)
                    return answer
                except _MovedError:
                    continue
                except (MissingCollectionError, GalleryFormatError, SubjectError, KeyError):
                    if heads.read(self._link).swept <= head.seq:
                        raise
        raise StorageError(
            f"{self.where}: others delete or change people faster than it can be read; run it "
            "again when they are done"
        )

    def _check_whole(self, head: Head) -> None:
        """Raise when something of that state may be gone."""
        if heads.read(self._link).swept > head.seq:
            raise _MovedError
