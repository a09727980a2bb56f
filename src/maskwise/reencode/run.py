"""Doing it: encode every reference into a draft beside the gallery, then move all at once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maskwise import image
from maskwise.errors import (
    ConfigurationError,
    GalleryError,
    GalleryFormatError,
    GalleryKeyError,
    InputError,
)
from maskwise.gallery import Gallery, GallerySize, NewReference, kept, open_gallery
from maskwise.gallery.files import draft_beside, publish_new, translated
from maskwise.pipeline import Recognizer
from maskwise.reencode.places import discard, draft_of, free_place, retire_calibration
from maskwise.reencode.plan import Failure, Plan, Step
from maskwise.reencode.templates import face_at, templates_of

_BATCH: Final = 16  # references that are stored together in the draft

Rows = Iterator[tuple[str, NewReference | None]]


@dataclass(frozen=True, slots=True)
class Report:
    """What a run did.

    where: the gallery that holds the new templates, and its size. failures: references that it
    lacks; lost: people whom it lacks with them. resumed: references that an earlier, interrupted
    run had encoded. before: the gallery as it was; None for another ``out``. calibration: where
    the old calibration was moved, if there was one that no longer holds.
    """

    where: str
    size: GallerySize
    failures: tuple[Failure, ...]
    lost: tuple[str, ...]
    resumed: int
    before: Path | None
    calibration: Path | None


def re_encode(
    gallery: Gallery,
    recognizer: Recognizer,
    plan: Plan,
    *,
    out: Path | None = None,
    drop_missing: bool = False,
    on_reference: Callable[[Step], None] | None = None,
) -> Report:
    """Give every reference of ``gallery`` templates of ``recognizer``'s encoder, all or nothing.

    Names, ids, times, kept faces and virtual masks stay. What is encoded is collected in a draft
    beside the gallery, which an interrupted run leaves and the next one goes on from. Then the
    gallery as it was is saved as ``<name>.before-<time>.db``, and all templates are replaced in
    one transaction; a calibration that was made for other models is moved away likewise.
    out: a new file that gets the result, the gallery stays as it is.
    drop_missing: go on though people would lose all their templates.
    Raises ConfigurationError when people would (naming how many), or nobody is left; GalleryError
    when something cannot be read or written. The gallery is then as it was.
    """
    if out is not None and (out.exists() or out.is_symlink()):
        raise ConfigurationError(f"{out}: there is a file of that name already; name another one")
    _refuse_losses(plan, plan.missing, drop_missing)
    with _draft(gallery, recognizer) as draft:
        failures, resumed = _fill(draft, gallery, recognizer, plan, on_reference)
        missing = {f.step.reference.reference_id for f in failures}
        lost = _refuse_losses(plan, failures, drop_missing)
        faults = draft.integrity_check()
        if faults or draft.size().people != len(plan.steps) - len(missing):
            raise GalleryFormatError(
                f"{draft.where}: what was encoded is damaged or incomplete ({'; '.join(faults)}); "
                "delete this file and run it again"
            )
        rows = _rows(draft, recognizer, plan, missing)
        encoder_id = recognizer.encoder.id
        before = calibration = None
        if out is not None:
            size = _write_out(gallery, out, encoder_id, rows)
        else:
            before = None if gallery.file is None else free_place(gallery.file, ".db")
            if before is not None:
                gallery.save_copy(before)
            size = _replace(gallery, encoder_id, rows, before)
            if gallery.file is not None:
                calibration = retire_calibration(gallery.file, recognizer)
    discard(draft.file)
    where = gallery.where if out is None else str(out)
    return Report(where, size, tuple(failures), lost, resumed, before, calibration)


def _refuse_losses(plan: Plan, failures: Sequence[Failure], drop: bool) -> tuple[str, ...]:
    lost = plan.lost([failure.step for failure in failures])
    if len(lost) == len(plan.people):
        raise ConfigurationError(
            f"none of {len(plan.steps)} photos can be encoded again: neither photos nor faces were "
            "kept where they are looked for; name the folders of the photos with --photos"
        )
    if lost and not drop:
        shown = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
        raise ConfigurationError(
            f"{len(lost)} of {len(plan.people)} people would lose all their templates ({shown}), "
            "so nothing was changed; name the folders of their photos with --photos, or leave "
            "these people out with --drop-missing"
        )
    return lost


@contextlib.contextmanager
def _draft(gallery: Gallery, recognizer: Recognizer) -> Iterator[Gallery]:
    """A gallery in which the "people" are references, each with one photo: its new templates.

    It stays after an error, unless nothing came into it.
    """
    place = draft_of(gallery, recognizer)
    try:
        draft = open_gallery(place, key=gallery.key)
    except (GalleryFormatError, GalleryKeyError):  # of no use: what it held is encoded again
        discard(place)
        draft = open_gallery(place, key=gallery.key)
    empty = False
    try:
        yield draft
    finally:
        with contextlib.suppress(GalleryError), draft:
            empty = draft.size().people == 0
        if empty:
            discard(place)


def _fill(
    draft: Gallery,
    gallery: Gallery,
    recognizer: Recognizer,
    plan: Plan,
    on_reference: Callable[[Step], None] | None,
) -> tuple[list[Failure], int]:
    """Encode what the draft lacks; the failures, and how many references it had."""
    failures = list(plan.missing)
    wanted = {s.reference.reference_id: s for s in plan.steps if s.origin != "none"}
    done = set()
    for uid in [person.subject for person in draft.people()]:
        if uid in wanted and _is_of(draft, wanted[uid]):
            done.add(uid)
        else:
            draft.delete(uid)
    new: list[tuple[str, list[NewReference]]] = []
    try:
        for uid, step in wanted.items():
            if uid not in done:
                try:
                    new.append((uid, [_encode(gallery, recognizer, step)]))
                except (InputError, GalleryFormatError) as error:
                    failures.append(Failure(step, str(error)))
            if len(new) == _BATCH:
                draft.enrol_all(new)
                new = []
            if on_reference is not None:
                on_reference(step)
    finally:
        if new:
            draft.enrol_all(new)
    return failures, len(done)


def _is_of(draft: Gallery, step: Step) -> bool:
    """Whether what the draft holds under a reference's id is what ``step`` asks for."""
    (held,) = draft.show(step.reference.reference_id).references
    same = (held.photo_sha256, held.source) == (step.reference.photo_sha256, step.reference.source)
    return same and [t.wear for t in held.templates] == list(step.wears)


def _encode(gallery: Gallery, recognizer: Recognizer, step: Step) -> NewReference:
    reference = step.reference
    wears, qualities = step.wears, [t.quality for t in reference.templates]
    box, ipd_px, detector_id = reference.box, reference.ipd_px, recognizer.detector.id
    if step.origin == "kept":
        face = kept.unpack(gallery.kept_face(reference.reference_id) or b"")
        picture, points = face.image, face.landmarks.get(recognizer.predictor.scheme)
        if points is None:
            points = face_at(recognizer, picture, tuple(face.box.tolist())).landmarks
        detector_id = reference.detector_id  # box and eyes are those that it found
    else:
        picture, digest = image.load_with_sha256(step.path or "")
        if digest != reference.photo_sha256:
            raise InputError(f"{step.path}: the photo was written to meanwhile; run it again")
        found = face_at(recognizer, picture, box)
        points, box = found.landmarks, tuple(float(v) for v in found.box)
        ipd_px = None if points is None else points.ipd_px
    if points is None:
        raise InputError(f"{reference.source}: a face without landmarks cannot be aligned")
    return NewReference(
        reference.source,
        templates_of(recognizer, picture, points, wears, qualities),
        photo_sha256=reference.photo_sha256,
        box=box,
        ipd_px=ipd_px,
        detector_id=detector_id,
        masks=reference.masks,
        space=recognizer.encoder.space,
    )


def _rows(draft: Gallery, recognizer: Recognizer, plan: Plan, missing: set[str]) -> Rows:
    """What the draft holds, as ``Gallery.replace_templates`` wants it."""
    for step in plan.steps:
        uid = step.reference.reference_id
        if uid in missing:
            yield uid, None
            continue
        (held,) = draft.show(uid).references
        yield (
            uid,
            NewReference(
                held.source,
                draft.templates(held.reference_id),
                photo_sha256=held.photo_sha256,
                box=held.box,
                ipd_px=held.ipd_px,
                detector_id=held.detector_id,
                masks=held.masks,
                space=recognizer.encoder.space,
            ),
        )


def _replace(gallery: Gallery, encoder_id: str, rows: Rows, before: Path | None) -> GallerySize:
    try:
        return gallery.replace_templates(encoder_id, rows)
    except BaseException:
        # The gallery is as it was: a copy of it is one too many.
        if before is not None:
            before.unlink(missing_ok=True)
        raise


def _write_out(gallery: Gallery, out: Path, encoder_id: str, rows: Rows) -> GallerySize:
    with translated(str(out)), draft_beside(out) as place:
        place.unlink()
        gallery.save_copy(place)
        with open_gallery(place, create=False, key=gallery.key) as new:
            size = new.replace_templates(encoder_id, rows)
        publish_new(place, out)
    return size
