"""Where the face of every reference comes from; no model is needed to know."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from maskwise.gallery import Gallery, ReferenceDetails, kept
from maskwise.image import find_images
from maskwise.masks.catalogue import DRAWING_VERSION
from maskwise.masks.specs import check
from maskwise.types import MaskSpec, Wear

Origin = Literal["kept", "photo", "folder", "none"]
"""The kept face; the photo at its source; a photo of a folder, by its sha256; nowhere."""

NOTHING_KEPT: Final = "neither photo nor face was kept"


@dataclass(frozen=True, slots=True)
class Step:
    """One reference. path: of the photo, for the origins photo and folder. why: for none."""

    subject: str
    reference: ReferenceDetails
    origin: Origin
    path: Path | None = None
    why: str = ""

    @property
    def wears(self) -> tuple[Wear, ...]:
        """What each of its templates wears, drawn masks as they are drawn now."""
        return tuple(_as_drawn_now(t.wear) for t in self.reference.templates)


@dataclass(frozen=True, slots=True)
class Failure:
    """A reference that could not be encoded again, and why."""

    step: Step
    why: str


@dataclass(frozen=True)
class Plan:
    """All references of a gallery, in the order of their people's names.

    encoder_id, space: those of the gallery as it is.
    """

    encoder_id: str
    space: str
    steps: tuple[Step, ...]

    @property
    def origins(self) -> Counter[Origin]:
        """How many references come from where."""
        return Counter(step.origin for step in self.steps)

    @property
    def missing(self) -> tuple[Failure, ...]:
        """Those that cannot be encoded again."""
        return tuple(Failure(step, step.why) for step in self.steps if step.origin == "none")

    @cached_property
    def people(self) -> tuple[str, ...]:
        """Everybody."""
        return tuple(dict.fromkeys(step.subject for step in self.steps))

    def lost(self, missing: Iterable[Step]) -> tuple[str, ...]:
        """The people who lose all their templates when ``missing`` are left out."""
        gone = {step.reference.reference_id for step in missing}
        staying = {s.subject for s in self.steps if s.reference.reference_id not in gone}
        return tuple(name for name in self.people if name not in staying)


def make_plan(
    gallery: Gallery,
    photos: Sequence[Path] = (),
    on_reference: Callable[[], None] | None = None,
) -> Plan:
    """Look for the face of every reference: kept, else the photo where it was, else in ``photos``.

    photos: folders; a picture in them (and in their sub-folders) is told by its content, whatever
    its name is now. Also checks that every virtual mask of the gallery can be drawn.
    Raises ConfigurationError for a mask that cannot (a mask file that changed), ImageError for a
    folder that cannot be read, and GalleryError.
    """
    found = _Photos(photos)
    steps = []
    for person in gallery.people():
        for reference in gallery.show(person.subject).references:
            steps.append(_step(gallery, person.subject, reference, found))
            if on_reference is not None:
                on_reference()
    for spec in {
        wear.spec
        for step in steps
        if step.origin != "none"
        for wear in step.wears
        if wear.spec is not None
    }:
        check(spec)
    return Plan(gallery.encoder_id or "", gallery.encoder_space or "", tuple(steps))


def _step(gallery: Gallery, subject: str, reference: ReferenceDetails, found: _Photos) -> Step:
    why = NOTHING_KEPT
    if reference.kept_bytes:
        fault = kept.fault(gallery.kept_face(reference.reference_id) or b"")
        if fault is None:
            return Step(subject, reference, "kept")
        why = f"{fault}; nor was its photo found"
    if sha256_of(reference.source) == reference.photo_sha256:
        return Step(subject, reference, "photo", Path(reference.source))
    path = found.get(reference.photo_sha256)
    if path is not None:
        return Step(subject, reference, "folder", path)
    return Step(subject, reference, "none", why=why)


def _as_drawn_now(wear: Wear) -> Wear:
    """A mask that an older version of the drawing code drew is drawn by this one."""
    if wear.spec is None or wear.spec.version == DRAWING_VERSION:
        return wear
    spec: MaskSpec = replace(wear.spec, version=DRAWING_VERSION)
    return replace(wear, spec=spec)


class _Photos:
    """Pictures in folders by their sha256; read when first asked."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def get(self, sha256: str) -> Path | None:
        return self._by_sha256.get(sha256)

    @cached_property
    def _by_sha256(self) -> dict[str, Path]:
        by_sha256: dict[str, Path] = {}
        for folder in self._folders:
            for path in find_images(folder):
                by_sha256.setdefault(sha256_of(path), path)
        return by_sha256


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Of a file's content, 64 hex digits; "" for what is no file or cannot be read."""
    digest = hashlib.sha256()
    try:
        if not Path(path).is_file():
            return ""
        with Path(path).open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()
