"""Deleting a person everywhere that maskwise keeps them, and a receipt that says what was done.

Out of the gallery, of the files beside it and of the cache of evaluations. What lies elsewhere
(photos, backups, exports, other galleries) is out of reach, and the receipt says that, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from maskwise.errors import MaskwiseError
from maskwise.gallery import DeleteResult, Gallery, SubjectDetails
from maskwise.gallery.copies import Copy, copies_with, wipe
from maskwise.own_calibration import place_beside

FORMAT: Final = "maskwise-deletion"
VERSION: Final = 1

_OUT_OF_REACH: Final = (
    "photos, backups, exports and other galleries; what disks keep of overwritten blocks"
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was removed of a person, and what could not be.

    where: the gallery. actor: who did it. copies_left: files beside the gallery that hold the
    person still, or may; copies_deleted: those that were deleted whole, everybody in them.
    cached: rows of the evaluations' cache of templates that were deleted. calibration: what was
    found of one. problems: sentences on what failed.
    """

    where: str
    actor: str
    result: DeleteResult
    copies_left: tuple[Copy, ...]
    copies_deleted: tuple[Path, ...]
    cached: int
    calibration: Path | None
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The receipt as a file; docs/privacy.md tells what the keys mean."""
        entry = self.result.entry
        return {
            "format": FORMAT,
            "version": VERSION,
            "gallery": self.where,
            "subject": self.result.subject,
            "subject_id": self.result.subject_id,
            "deleted_at": None if entry is None else entry.at,
            "actor": self.actor,
            "removed": {
                "photos": self.result.references,
                "templates": self.result.templates,
                "kept_faces": self.result.kept_faces,
                "index_entries": self.result.templates,
                "cached_templates": self.cached,
            },
            "wiped": self.result.wiped,
            "remains": self.result.remains,
            "calibration": {
                "file": None if self.calibration is None else str(self.calibration),
                "names_the_person": False,
            },
            "copies_left": [
                {"path": str(copy.path), "readable": copy.holds is not None}
                for copy in self.copies_left
            ],
            "copies_deleted": [str(path) for path in self.copies_deleted],
            "out_of_reach": _OUT_OF_REACH,
            "audit": None if entry is None else {"seq": entry.seq, "hash": entry.hash},
            "problems": list(self.problems),
        }

    def lines(self) -> list[str]:
        """The same for people; the first line is short."""
        result, entry = self.result, self.result.entry
        told = [
            f"deleted {result.subject}: {_count(result.references, 'photo')}, "
            f"{_count(result.templates, 'template')}, {_count(result.kept_faces, 'kept face')}",
            f"person       {result.subject_id}",
            f"gallery      {self.where}",
            f"by           {self.actor}",
        ]
        if entry is not None:
            told += [f"at           {entry.at}", f"audit        entry {entry.seq}, {entry.hash}"]
        told += [
            "index        gone; other processes drop theirs at their next search",
            f"cache        {_count(self.cached, 'template')} of evaluations deleted",
            "calibration  "
            + ("there is none" if self.calibration is None else f"{self.calibration}: no name,")
            + ("" if self.calibration is None else " no template of anybody in it; it stays"),
        ]
        told += [f"copy         {path}: deleted, with all in it" for path in self.copies_deleted]
        told += [
            f"copy         {copy.path}: "
            + ("still holds this person" if copy.holds else "cannot be read, so it may hold them")
            for copy in self.copies_left
        ]
        if not result.wiped:
            told.append(
                result.remains
                or "another process is reading this gallery: the deleted bytes leave its log file "
                "when that has ended and the gallery is opened again"
            )
        return [*told, *self.problems, f"not reached  {_OUT_OF_REACH}"]


@dataclass(frozen=True, slots=True)
class Found:
    """Somebody as they were, and the files beside the gallery that hold them, or may."""

    person: SubjectDetails
    copies: tuple[Copy, ...]


def look(gallery: Gallery, subject: str) -> Found:
    """What there is to delete; SubjectError when nobody is called so. Nothing is changed."""
    person = gallery.show(subject)
    return Found(person, () if gallery.file is None else tuple(copies_with(gallery.file, person)))


def erase(gallery: Gallery, subject: str, *, with_copies: bool = False) -> Receipt:
    """Delete somebody from the gallery and from what lies beside it.

    with_copies: delete the copies of the gallery, too, that hold the person, or cannot be read:
    everybody in them goes. Raises as ``Gallery.delete``, and then the gallery and its copies are
    as they were. What else fails is told by the receipt.
    """
    receipt = erase_found(gallery, look(gallery, subject), with_copies=with_copies)
    assert receipt is not None  # only another way to delete gives none
    return receipt


def erase_found(
    gallery: Gallery,
    found: Found,
    *,
    with_copies: bool = False,
    delete: Callable[[], DeleteResult | None] | None = None,
) -> Receipt | None:
    """``erase`` of whom ``look`` found.

    delete: how the gallery is told, default ``Gallery.delete``; when it gives None, so do we.
    """
    problems: list[str] = []
    cached = 0
    try:
        # First: who is killed after the deletion could not say whose photos these were.
        cached = _forget_cached([r.photo_sha256 for r in found.person.references])
    except MaskwiseError as error:
        problems.append(f"the cache of evaluations may hold this person: {error}")
    result = gallery.delete(found.person.subject) if delete is None else delete()
    if result is None:
        return None
    failed = {copy.path: wipe(copy.path) for copy in found.copies if with_copies}
    deleted = [path for path, why in failed.items() if not why]
    problems += [f"{path} cannot be deleted ({why})" for path, why in failed.items() if why]
    if result.entry is not None and deleted:
        try:
            counts = {"copies": len(deleted)}
            gallery.record("delete-copies", subject_id=result.subject_id, details=counts)
        except MaskwiseError as error:
            problems.append(f"the audit log does not tell of the copies: {error}")
    own = None if gallery.file is None else place_beside(gallery.file)
    return Receipt(
        where=gallery.where,
        actor=gallery.actor if result.entry is None else result.entry.actor,
        result=result,
        copies_left=tuple(copy for copy in found.copies if copy.path not in deleted),
        copies_deleted=tuple(deleted),
        cached=cached,
        calibration=own if own is not None and own.exists() else None,
        problems=tuple(problems),
    )


def _forget_cached(photos: Sequence[str]) -> int:
    from maskwise.evaluate.template_cache import TemplateCache, cache_size

    if not cache_size()[1]:
        return 0  # none is made
    with TemplateCache.open() as cache:
        return cache.forget(photos)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
