"""The gallery on a Qdrant server or cluster, or in a folder of Qdrant's local mode."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeVar

from maskwise.errors import GalleryFormatError, StorageError, SubjectError
from maskwise.gallery import codec
from maskwise.gallery.gallery import Gallery, check_probes
from maskwise.gallery.qdrant import (
    check,
    copying,
    enrolling,
    listing,
    replacing,
    rows,
    whole,
)
from maskwise.gallery.qdrant import head as heads
from maskwise.gallery.qdrant.head import Head, is_equal
from maskwise.gallery.qdrant.link import Link, connect
from maskwise.gallery.qdrant.nearest import Search
from maskwise.gallery.qdrant.place import parse
from maskwise.gallery.qdrant.schema import open_gallery, quiet
from maskwise.gallery.qdrant.words import MissingCollectionError
from maskwise.gallery.qdrant.writing import writing
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
from maskwise.gallery.stored import StoredReference
from maskwise.types import F32, Candidate, Template

_READ_TRIES: Final = 20

_REMAINS: Final = (
    "no search finds them; the server frees their bytes when it next rewrites the segments that "
    "held them, and its log of writes later (docs/qdrant.md)"
)
_REMAINS_HERE: Final = (
    "no search finds them; bytes of them may be in the folder's files until others come to their "
    "place (docs/qdrant.md)"
)
_NOT_SWEPT: Final = (
    "no search finds them; the server could not be reached to delete the points as well: the next "
    "enrolment, renaming or deletion does (docs/qdrant.md)"
)

_Answer = TypeVar("_Answer")


class QdrantGallery(Gallery):
    """A Gallery in collections of Qdrant.

    Processes and machines may share one on a server: readers do not wait, writers take turns. A
    folder is for one process at a time. Threads may share an object.
    """

    def __init__(self, link: Link, wait_s: float = heads.BUSY_TIMEOUT_S) -> None:
        """wait_s: how long a call waits for other writers."""
        self._link = link
        self._wait_s = wait_s
        # Also closes when the object is dropped and when Python ends.
        self._close = weakref.finalize(self, link.close)

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> QdrantGallery:
        """The gallery that ``url`` names; see ``open_gallery`` for the errors."""
        place = parse(url)
        if place.folder is not None:
            quiet()
            if not create and not (place.folder / "meta.json").is_file():
                raise StorageError(
                    f"{place.shown}: there is no gallery yet; enrol someone first: "
                    "maskwise enrol PEOPLE_DIR --gallery URL"
                )
            _make_private(place.folder, place.shown)
        return cls.on(connect(place), create=create)

    @classmethod
    def on(cls, link: Link, *, create: bool = True) -> QdrantGallery:
        """The gallery behind a link, which it takes over."""
        try:
            open_gallery(link, create=create)
        except BaseException:
            link.close()
            raise
        return cls(link)

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

    # Writing.

    def enrol_all(self, people: Iterable[tuple[str, Sequence[NewReference]]]) -> list[EnrolResult]:
        """Store photos of many people, all or none."""
        with self._link.lock, writing(self._link, self._wait_s) as write:
            return enrolling.enrol_all(write, self._without_consent(people))

    def replace_templates(
        self, encoder_id: str, references: Iterable[tuple[str, NewReference | None]]
    ) -> GallerySize:
        """Give every reference templates of another encoder, in a collection of their own."""
        with self._link.lock, writing(self._link, self._wait_s) as write:
            return replacing.replace(write, encoder_id, references)

    def restore(self, records: Iterable[StoredReference]) -> int:
        """Store references as another gallery exported them, all or none."""

        def checked() -> Iterator[StoredReference]:
            for record in records:
                self._check_consent(record.photo)
                yield record

        with self._link.lock, writing(self._link, self._wait_s) as write:
            return whole.restore(write, checked())

    def rename(self, old: str, new: str) -> None:
        """Change a name; SubjectError when ``old`` is not there or ``new`` is taken."""
        name = clean_name(new)
        with self._link.lock, writing(self._link, self._wait_s) as write:
            person = listing.known(self._link, write.view, old)
            taken = listing.find(self._link, write.view, name)
            if taken is not None and taken["uid"] != person["uid"]:
                raise SubjectError(f"the name {name!r} is taken; choose another one")
            person.change(name=rows.text(name))
            if person.changed:
                write.end_rows([person])
                person.id = rows.Row({}).id
                write.put(person)

    def delete(self, subject: str) -> DeleteResult:
        """Delete a person; the points are deleted, their bytes when the server rewrites them."""
        with self._link.lock:
            with writing(self._link, self._wait_s) as write:
                person = listing.known(self._link, write.view, subject)
                uid = person["uid"]
                photos = listing.photos_where(self._link, write.view, is_equal("person", uid))
                write.end(is_equal("person", uid), templates=True)
                write.end(is_equal("person", uid))
                write.end_rows([person])
            remains = _REMAINS_HERE if self._link.is_local else _REMAINS
            try:
                after = heads.read(self._link)
                if after.clean < write.number:
                    remains = _NOT_SWEPT
            except StorageError:
                remains = _NOT_SWEPT
        return DeleteResult(
            clean_name(subject),
            len(photos),
            sum(int(row["templates"]) for row in photos),
            wiped=False,
            subject_id=uid,
            kept_faces=sum(1 for row in photos if row["kept_bytes"]),
            remains=remains,
        )

    # Reading.

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

    def _batch(self, place: whole.Place) -> tuple[list[StoredReference], whole.Place | None]:
        return self._read(lambda h: whole.batch(self._link, h.view, h.templates, h.encoder, place))

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

    def close(self) -> None:
        """Let go of the server or folder; closing twice is fine."""
        self._close()

    # What the above are made of.

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

    def _without_consent(
        self, people: Iterable[tuple[str, Sequence[NewReference]]]
    ) -> Iterator[tuple[str, Sequence[NewReference]]]:
        for name, photos in people:
            for photo in photos:
                self._check_consent(photo)
            yield name, photos

    def _check_consent(self, photo: NewReference) -> None:
        if photo.consent is not None:
            self._keeps_none()


class _MovedError(Exception):
    """The state that was being read is no longer whole."""


def _make_private(folder: Path, shown: str) -> None:
    """The folder, for its owner alone where it is made."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{shown}: {error.strerror or error}; check the path and its permissions"
        ) from error
