"""One photo: its faces are found, masks drawn, files written; what became of it comes back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final, Literal, Protocol

import numpy as np

from maskwise import image, masks
from maskwise.errors import ImageError, InputError, OutputError
from maskwise.mask_dataset.faces import Finder, Place, why_bare
from maskwise.mask_dataset.note import note
from maskwise.mask_dataset.plan import Look, Plan
from maskwise.types import U8, Image

Status = Literal["masked", "bare", "no_face", "unreadable", "not_written", "failed"]
"""Of a row or a photo. masked: a face that wears a mask; a photo with such a face. bare: a face
that cannot wear one; a photo whose faces all cannot. no_face, unreadable: photos that gave no
picture. not_written: the output failed. failed: the process ended over it."""

NO_FACE: Final = "no face found"
"""Reason of the status "no_face" where faces were looked for."""

RETRIED: Final[frozenset[Status]] = frozenset(("unreadable", "not_written", "failed"))
"""What the next run tries again."""


class Writer(Protocol):
    """Writes files whole or not at all; raises OutputError."""

    def picture(self, path: Path, picture: Image, text: str) -> bytes:
        """Write a picture, as ``path`` ends, with ``text`` in its metadata; what was written."""
        ...

    def matte(self, path: Path, alpha: U8) -> bytes:
        """Write (H, W) uint8 as a grey picture; what was written."""
        ...

    def file(self, path: Path, data: bytes) -> None:
        """Write a file."""
        ...


@dataclass(frozen=True, slots=True)
class Target:
    """What one look of a photo is called; paths relative to the output folder, or None."""

    look: Look
    picture: str
    alpha: str | None = None
    sidecar: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """One photo. source: its path. relative: to the folder given, with slashes. places: of its
    faces, where they are known; None: to be found. original: the name of its copy."""

    source: str
    relative: str
    targets: tuple[Target, ...]
    original: str | None = None
    places: tuple[Place, ...] | None = None


@dataclass(slots=True)
class Outcome:
    """What became of a photo.

    status: see ``Status``. reason: why it is not "masked". bare: why faces were left bare.
    files: size in bytes by name, relative to the output folder. pictures: how many of them are
    masked photos. rows: of the manifest.
    fatal: nothing more can be written (the disk is full). Fit for JSON.
    """

    relative: str
    status: Status = "masked"
    reason: str = ""
    bare: list[str] = field(default_factory=list)
    files: dict[str, int] = field(default_factory=dict)
    pictures: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Workshop:
    """All that a photo's masks need besides the photo. Is pickled for every process.

    is_fatal: whether after this error nothing more can be written.
    """

    out: Path
    plan: Plan
    finder: Finder
    writer: Writer
    is_fatal: Callable[[OutputError], bool]

    def do(self, job: Job) -> Outcome:
        """Make all pictures of one photo. Errors of the photo and of writing come back as such."""
        outcome = Outcome(job.relative)
        try:
            self._do(job, outcome)
        except ImageError as error:
            _left_out(outcome, job, "unreadable", str(error))
        except InputError as error:
            _left_out(outcome, job, "bare", str(error))
        except MemoryError:
            _left_out(outcome, job, "failed", "the memory is full; use fewer --workers")
        except OutputError as error:
            _left_out(outcome, job, "not_written", str(error))
            outcome.fatal = self.is_fatal(error)
        return outcome

    def failed(self, job: Job, reason: str) -> Outcome:
        """The outcome of a photo over which its process ended."""
        outcome = Outcome(job.relative)
        _left_out(outcome, job, "failed", reason)
        return outcome

    def _do(self, job: Job, outcome: Outcome) -> None:
        picture, digest = image.load_with_sha256(Path(job.source))
        about = {"source": job.relative, "source_sha256": digest}
        places = self.finder.find(picture) if job.places is None else list(job.places)
        if not places:
            reason = f"the landmarks file names no face of {job.relative}"
            reason = NO_FACE if job.places is None else reason
            outcome.status, outcome.reason = "no_face", reason
            outcome.rows.append({**about, "status": "no_face", "reason": reason})
            return
        fit = []
        for k, place in enumerate(places):
            reason = why_bare(place.landmarks, picture)
            if reason:
                outcome.bare.append(f"face {k}: {reason}")
                row = {**about, "status": "bare", "reason": reason, **_place(k, place)}
                outcome.rows.append(row)
            else:
                fit.append(k)
        if not fit:
            outcome.status, outcome.reason = "bare", outcome.bare[0]
            return
        for target in job.targets:
            self._draw(picture, target, about=about, places=places, fit=fit, outcome=outcome)
        if job.original is not None:
            data = Path(job.source).read_bytes()
            self.writer.file(self.out / job.original, data)
            outcome.files[job.original] = len(data)
            for row in outcome.rows:
                row["original"] = job.original

    def _draw(
        self,
        picture: Image,
        target: Target,
        *,
        about: dict[str, Any],
        places: Sequence[Place],
        fit: Sequence[int],
        outcome: Outcome,
    ) -> None:
        """One look of the photo, on the faces ``fit``."""
        specs = self.plan.specs(target.look, PurePath(about["source"]), len(places))
        wanted = [(k, spec) for k in fit if (spec := specs[k]) is not None]
        worn = masks.wear_on_image(
            picture, [places[k].landmarks for k, _ in wanted], [spec for _, spec in wanted]
        )
        drawn = dict(wanted)
        text = note([drawn.get(k) for k in range(len(places))])
        data = self.writer.picture(self.out / target.picture, worn.image, text)
        outcome.files[target.picture] = len(data)
        outcome.pictures += 1
        rows = [
            {
                "file": target.picture,
                "sha256": hashlib.sha256(data).hexdigest(),
                **about,
                "status": "masked",
                **_place(k, places[k]),
                "type": face.spec.type,
                "wear_style": face.spec.wear_style,
                "spec": json.loads(face.spec.to_json()),
                "coverage": round(face.coverage, 4),
                "covered_landmarks": np.flatnonzero(face.covered).tolist(),
            }
            for (k, _), face in zip(wanted, worn.faces, strict=True)
        ]
        if target.alpha is not None:
            data = self.writer.matte(self.out / target.alpha, worn.alpha)
            outcome.files[target.alpha] = len(data)
            for row in rows:
                row["alpha"] = target.alpha
        if target.sidecar is not None:
            data = _sidecar(rows, outcome.rows)
            self.writer.file(self.out / target.sidecar, data)
            outcome.files[target.sidecar] = len(data)
        outcome.rows += rows


def _left_out(outcome: Outcome, job: Job, status: Status, reason: str) -> None:
    # The manifest does not hang on where the folder lies.
    reason = reason.removeprefix(f"{image.describe(job.source)}: ")
    outcome.status, outcome.reason = status, reason
    outcome.rows = [{"source": job.relative, "status": status, "reason": reason}]
    outcome.files, outcome.pictures = {}, 0


def _place(index: int, place: Place) -> dict[str, Any]:
    return {
        "face": index,
        "box": None if place.box is None else [_short(v) for v in place.box],
        "landmarks": {
            "scheme": place.landmarks.scheme,
            "points": [[_short(x), _short(y)] for x, y in place.landmarks.points],
        },
    }


def _short(value: float) -> float:
    """The shortest number that is the same float32."""
    return float(str(np.float32(value)))


def _sidecar(rows: Sequence[dict[str, Any]], bare: Sequence[dict[str, Any]]) -> bytes:
    faces = sorted(
        [*rows, *(row for row in bare if row["status"] == "bare")], key=lambda r: int(r["face"])
    )
    kept = ("face", "status", "reason", "box", "landmarks", "spec", "coverage", "covered_landmarks")
    content = {"faces": [{k: row[k] for k in kept if k in row} for row in faces]}
    return json.dumps(content, ensure_ascii=True, allow_nan=False, indent=1).encode() + b"\n"
