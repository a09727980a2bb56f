"""One photo after another through a Recognizer's own stages, and what is cached of each.

Load, detect, landmarks, align, mask state, virtual masks: a photo at a time, so that one picture
is in memory. Encode and the cache: a batch at a time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from maskwise import image, masks
from maskwise.align import align, transform_of
from maskwise.errors import ImageError, InputError, OutputError
from maskwise.evaluate.looks import AS_IS, Look
from maskwise.evaluate.template_cache import AS_IS_KEY, FOUND, Entry, FaceStatus, TemplateCache
from maskwise.models.runtime.providers import EXACT, precision
from maskwise.pipeline import Recognizer
from maskwise.stages import RUNNER_UP_SHARE, prominence
from maskwise.types import F32, SCHEME_POINTS, U8, Chip, Detection, Image, Landmarks, MaskState

Status = Literal[
    "found", "several_faces", "no_face", "unreadable", "missing", "wears_mask", "mask_unfit", ""
]

WORN: Final = 0.5
"""``MaskState.worn`` is True from this probability up."""

_BATCH: Final = 16  # photos; what an interruption costs at most
_CHOICE: Final = 1
"""Version of what is done between the stages; raised when that gives other templates."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it is: photos done, of so many; those that the cache held; those without a face.

    stage: "masks" in the round that draws masks on faces found before, else "faces".
    """

    done: int
    total: int
    cached: int
    failed: int
    stage: Literal["faces", "masks"] = "faces"


@dataclass(slots=True, eq=False)
class Photo:
    """What is known of one photo. failure: why nothing is. entries: by ``Look.key``.

    new: what the cache lacks: key, entry, and the chip that is still to be encoded.
    """

    sha256: str
    failure: Literal["missing", "unreadable", ""] = ""
    note: str = ""
    entries: dict[str, Entry] = field(default_factory=dict)
    new: list[tuple[str, Entry, U8 | None]] = field(default_factory=list)

    @property
    def plain(self) -> Entry | None:
        """The photo as it is."""
        return self.entries.get(AS_IS_KEY)

    @property
    def has_face(self) -> bool:
        """Whether there is a face, whatever it wears."""
        return self.plain is not None and self.plain.status in FOUND

    def lacks(self, look: Look) -> bool:
        """Whether the models must be asked for this look."""
        if self.plain is None:
            return True
        can_wear = self.has_face and self.plain.mask < WORN
        return can_wear and look.key(self.sha256) not in self.entries

    def outcome(self, look: Look) -> tuple[Status, Entry]:
        """What became of a look, once nothing lacks."""
        plain = self.plain
        if plain is None:
            return self.failure, Entry("no_face", self.note)
        if not self.has_face:
            return plain.status, plain
        if plain.mask >= WORN and (look.types or look.bare_only):
            return "wears_mask", replace(plain, note="wears a mask already")
        entry = self.entries[look.key(self.sha256)]
        return entry.status, entry


class TemplateMaker:
    """Photos in, their cached templates out."""

    def __init__(self, recognizer: Recognizer, cache: TemplateCache) -> None:
        self._recognizer, self._cache = recognizer, cache
        made_by = {"choice": _CHOICE, **recognizer.models}
        if (bits := precision()) != EXACT:  # no id tells of it, and the numbers differ
            made_by["precision"] = bits
        self._pipeline = cache.pipeline(made_by)

    def photos(
        self,
        wanted: Sequence[tuple[Path, Sequence[Look]]],
        on_photo: Callable[[Progress], None] | None = None,
    ) -> Iterator[Photo]:
        """Every photo with the looks asked of it, in order; 16 at a time are cached together."""
        cached = failed = 0
        for start in range(0, len(wanted), _BATCH):
            batch: list[Photo] = []
            for path, looks in wanted[start : start + _BATCH]:
                photo = self._look_at(path, looks)
                batch.append(photo)
                cached += not photo.new and not photo.failure
                failed += not photo.has_face
                if on_photo is not None:
                    on_photo(Progress(start + len(batch), len(wanted), cached, failed))
            self._finish(batch)
            yield from batch

    def _look_at(self, path: Path, looks: Sequence[Look]) -> Photo:
        """All but the vectors, which ``_finish`` adds. The picture is decoded at most once."""
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return Photo("", "missing", "no such file")
        except (OSError, ValueError):
            pass  # explained by ``load``
        photo = self._known(_sha256(path))
        if photo.sha256 and not any(photo.lacks(look) for look in (AS_IS, *looks)):
            return photo
        try:
            picture, digest = image.load_with_sha256(path)
        except ImageError as error:
            return Photo(photo.sha256, "unreadable", str(error))
        if digest != photo.sha256:  # the file was written to in between
            photo = self._known(digest)
        self._make(photo, picture, [look for look in looks if look.types])
        return photo

    def box(self, path: Path) -> F32 | None:
        """(4,) of the face of a photo that the cache knows, x1, y1, x2, y2 px; else None."""
        plain = self._known(_sha256(path)).plain
        return None if plain is None or plain.place is None else plain.place[:4]

    def _finish(self, batch: Iterable[Photo]) -> None:
        """Encode what is new in ``batch`` and add it to the cache, all or nothing."""
        made = [(photo, *new) for photo in batch for new in photo.new]
        chips = [chip for _, _, _, chip in made if chip is not None]
        vectors = iter(self._recognizer.encoder.encode_batch(np.stack(chips)) if chips else ())
        rows: list[tuple[str, str, Entry]] = []
        for photo, key, entry, chip in made:
            whole = entry if chip is None else replace(entry, vector=next(vectors))
            photo.entries[key] = whole
            rows.append((photo.sha256, key, whole))
        if rows:
            self._cache.add(self._pipeline, rows)

    def _known(self, sha256: str) -> Photo:
        entries = self._cache.get(self._pipeline, sha256) if sha256 else {}
        encoder, scheme = self._recognizer.encoder, self._recognizer.predictor.scheme
        place_size = 4 + 3 * SCHEME_POINTS[scheme]
        for key, entry in entries.items():
            if (entry.vector is not None and len(entry.vector) != encoder.dim) or (
                entry.status in FOUND
                and key == AS_IS_KEY
                and (entry.place is None or len(entry.place) != place_size)
            ):
                raise OutputError(
                    f"{self._cache.name}: the cache of templates is damaged (a row of another "
                    "length); delete it and run again"
                )
        return Photo(sha256, entries=entries)

    def _make(self, photo: Photo, picture: Image, drawn: Sequence[Look]) -> None:
        """Add what lacks to ``photo.new``, and the photo as it is to ``entries`` at once."""
        chip: Chip | None = None
        if photo.plain is None:
            plain, chip = self._face(picture)
            photo.entries[AS_IS_KEY] = plain
            photo.new.append((AS_IS_KEY, plain, None if chip is None else chip.pixels))
        todo = {look.key(photo.sha256): look for look in drawn if photo.lacks(look)}
        if not todo or photo.plain is None:
            return
        points = self._landmarks(photo.plain)
        if chip is None:
            chip = align(picture, points, self._recognizer.encoder.chip_spec)
        on_chip = {key: look for key, look in todo.items() if look.drawn_on == "chip"}
        if on_chip:
            photo.new += self._worn_on_chip(photo, photo.plain, chip, on_chip)
        for key, look in todo.items():
            if look.drawn_on == "photo":
                photo.new.append((key, *self._worn_on_photo(photo, picture, points, look)))

    def _face(self, picture: Image) -> tuple[Entry, Chip | None]:
        """The dominant face of a picture, as ``Recognizer.dominant`` chooses it."""
        found = [d for d in self._recognizer.detect(picture) if self._can_align(d)]
        if not found:
            return Entry("no_face", "no face found"), None
        found.sort(key=lambda d: prominence(d, picture), reverse=True)
        status: FaceStatus = "found"
        note = ""
        if len(found) > 1:
            note = f"the largest central one of {len(found)} faces"
            if max(d.area for d in found[1:]) / found[0].area >= RUNNER_UP_SHARE:
                status = "several_faces"
        points = found[0].landmarks
        assert points is not None
        chip = align(picture, points, self._recognizer.encoder.chip_spec)
        table = np.column_stack([points.points, points.visible])
        place = np.concatenate([found[0].box, table.ravel()]).astype(np.float32)
        return Entry(status, note, self._state(picture, points, chip).probability, place), chip

    def _worn_on_chip(
        self, photo: Photo, plain: Entry, chip: Chip, looks: dict[str, Look]
    ) -> list[tuple[str, Entry, U8 | None]]:
        """As enrolment draws them: all masks of a chip in one go."""
        specs = [spec for look in looks.values() if (spec := look.spec(photo.sha256)) is not None]
        try:
            worn, _ = masks.wear_on_chips([chip], specs)
        except InputError:
            return [(key, _UNFIT, None) for key in looks]
        face = Entry(plain.status, plain.note)
        return [(key, face, pixels) for key, pixels in zip(looks, worn[0], strict=True)]

    def _worn_on_photo(
        self, photo: Photo, picture: Image, points: Landmarks, look: Look
    ) -> tuple[Entry, U8 | None]:
        """As a camera would have it: the face is looked for anew."""
        spec = look.spec(photo.sha256)
        assert spec is not None
        try:
            masked = masks.wear_on_image(picture, [points], [spec]).image
        except InputError:
            return _UNFIT, None
        entry, chip = self._face(masked)
        return entry, None if chip is None else chip.pixels

    def _can_align(self, detection: Detection) -> bool:
        try:
            if detection.landmarks is not None:
                transform_of(detection.landmarks, self._recognizer.encoder.chip_spec)
        except InputError:
            return False
        return detection.landmarks is not None

    def _state(self, picture: Image, points: Landmarks, chip: Chip) -> MaskState:
        classifier = self._recognizer.mask_classifier
        if classifier.chip_spec.name != chip.spec.name:
            chip = align(picture, points, classifier.chip_spec)
        return classifier.classify(chip.pixels[None])[0]

    def _landmarks(self, entry: Entry) -> Landmarks:
        assert entry.place is not None
        table = entry.place[4:].reshape(-1, 3)
        return Landmarks(self._recognizer.predictor.scheme, table[:, :2], table[:, 2] > 0)


_UNFIT: Final = Entry("mask_unfit", "a face that no mask fits")


def _sha256(path: Path) -> str:
    """Of a file's content; "" for what is no file or cannot be read, which ``load`` explains."""
    digest = hashlib.sha256()
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except (OSError, ValueError):
        return ""
    return digest.hexdigest()
