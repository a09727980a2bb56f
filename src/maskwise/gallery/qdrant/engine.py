"""The gallery on a Qdrant server or cluster, or in a folder of Qdrant's local mode."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from maskwise.errors import MaskwiseError, StorageError, SubjectError
from maskwise.gallery.qdrant import (
    enrolling,
    listing,
    merging,
    replacing,
    rows,
    whole,
)
from maskwise.gallery.qdrant import head as heads
from maskwise.gallery.qdrant.head import is_equal
from maskwise.gallery.qdrant.link import Link, connect
from maskwise.gallery.qdrant.place import parse
from maskwise.gallery.qdrant.reading import Reading
from maskwise.gallery.qdrant.schema import open_gallery, quiet
from maskwise.gallery.qdrant.writing import writing
from maskwise.gallery.records import (
    DeleteResult,
    EnrolResult,
    GallerySize,
    MergeResult,
    NewReference,
    clean_name,
)
from maskwise.gallery.stored import StoredReference

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


class QdrantGallery(Reading):
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
            remains = self._remains(write.number)
        return DeleteResult(
            clean_name(subject),
            len(photos),
            sum(int(row["templates"]) for row in photos),
            wiped=False,
            subject_id=uid,
            kept_faces=sum(1 for row in photos if row["kept_bytes"]),
            remains=remains,
        )

    def merge(self, subject: str, into: str) -> MergeResult:
        """Make one person of two, in one write."""
        with self._link.lock:
            with writing(self._link, self._wait_s) as write:
                moved, dropped = merging.merge(write, subject, into)
            remains = self._remains(write.number)
        return MergeResult(clean_name(subject), clean_name(into), moved, dropped, False, remains)

    def close(self) -> None:
        """Let go of the server or folder; closing twice is fine."""
        with self._link.lock:  # whoever is at it ends first
            self._close()

    # What the above are made of.

    def _remains(self, number: int) -> str:
        """What is left of what the write of that number took away."""
        try:
            if heads.read(self._link).clean < number:
                return _NOT_SWEPT
        except MaskwiseError:
            return _NOT_SWEPT
        return _REMAINS_HERE if self._link.is_local else _REMAINS

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


def _make_private(folder: Path, shown: str) -> None:
    """The folder, for its owner alone where it is made."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"{shown}: {error.strerror or error}; check the path and its permissions"
        ) from error
