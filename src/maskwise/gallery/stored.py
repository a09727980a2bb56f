"""A whole reference as a gallery holds it, with ids and times: what moves between galleries."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from maskwise.errors import GalleryFormatError, InputError
from maskwise.gallery import codec
from maskwise.gallery.consent import Consent
from maskwise.gallery.records import NewReference, clean_name
from maskwise.types import Template

_UID: Final = re.compile(r"[0-9a-f]{32}")
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00")


@dataclass(frozen=True, slots=True, eq=False)
class StoredReference:
    """One enrolled photo with all that a gallery holds of it, its person's facts included.

    subject_id, reference_id: 32 lower-case hex digits; they mean the same in every copy.
    subject: the name, as ``clean_name`` makes it. subject_created_at: of the person's first
    enrolment, created_at: of the photo's, template_times: of each template of ``photo``, in
    their order (oldest first); all UTC, ISO 8601 to the millisecond, such as
    ``2026-03-01T12:00:00.000+00:00``. photo: the rest; its ``space`` is never "", its ``consent``
    what is noted of the person, None for nothing.
    Raises InputError for values of another form.
    """

    subject_id: str
    subject: str
    subject_created_at: str
    reference_id: str
    created_at: str
    photo: NewReference
    template_times: tuple[str, ...]

    def __post_init__(self) -> None:
        for uid in (self.subject_id, self.reference_id):
            if not isinstance(uid, str) or not _UID.fullmatch(uid):
                raise InputError(f"an id is 32 lower-case hex digits, got {uid!r}")
        for time in (self.subject_created_at, self.created_at, *self.template_times):
            if not isinstance(time, str) or not _TIME.fullmatch(time):
                raise InputError(f"a time looks like 2026-03-01T12:00:00.000+00:00, got {time!r}")
        if clean_name(self.subject) != self.subject:
            raise InputError(f"not a name as galleries keep it: {self.subject!r}")
        if len(self.template_times) != len(self.photo.templates):
            raise InputError(
                f"{self.photo.source}: {len(self.photo.templates)} templates with "
                f"{len(self.template_times)} times"
            )
        if not self.photo.space:
            raise InputError(f"{self.photo.source}: a stored reference names its space")

    @property
    def encoder(self) -> tuple[str, str, int]:
        """Encoder id, its space, and how many numbers its templates have."""
        first = self.photo.templates[0]
        return first.encoder_id, self.photo.space, len(first.vector)

    def to_json(self) -> dict[str, Any]:
        """The record of the export format, without the encoder; docs/moving-galleries.md."""
        photo, agreed = self.photo, self.photo.consent
        return {
            "subject_id": self.subject_id,
            "subject": self.subject,
            "subject_created_at": self.subject_created_at,
            "consent": "" if agreed is None else agreed.text or "",
            "expires_at": None if agreed is None else agreed.expires_at or None,
            "reference_id": self.reference_id,
            "created_at": self.created_at,
            "source": photo.source,
            "photo_sha256": photo.photo_sha256,
            "box": None if photo.box is None else [float(v) for v in photo.box],
            "ipd_px": None if photo.ipd_px is None else float(photo.ipd_px),
            "detector": photo.detector_id,
            "masks": list(photo.masks),
            "templates": [
                _template_json(template, time)
                for template, time in zip(photo.templates, self.template_times, strict=True)
            ],
            "kept_face": None if photo.kept is None else _base64(photo.kept),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], encoder_id: str, space: str) -> StoredReference:
        """What ``to_json`` made; InputError for anything else, fields too few or too many."""
        fields = _exactly(value, _FIELDS, "a reference")
        if not isinstance(fields["templates"], list):
            raise InputError("templates: expected a list")
        templates = [_exactly(t, _TEMPLATE_FIELDS, "a template") for t in fields["templates"]]
        for name in ("subject", "consent", "source", "photo_sha256", "detector"):
            if not isinstance(fields[name], str):
                raise InputError(f"{name}: expected text, got {fields[name]!r:.40}")
        masks, box, ipd_px = fields["masks"], fields["box"], fields["ipd_px"]
        if not isinstance(masks, list) or not all(isinstance(mask, str) for mask in masks):
            raise InputError(f"masks: expected a list of text, got {masks!r:.40}")
        if box is not None and not (isinstance(box, list) and all(map(_is_number, box))):
            raise InputError(f"box: expected four numbers or null, got {box!r:.40}")
        if ipd_px is not None and not _is_number(ipd_px):
            raise InputError(f"ipd_px: expected a number or null, got {ipd_px!r:.40}")
        kept, expires_at = fields["kept_face"], fields["expires_at"]
        if expires_at is not None and not isinstance(expires_at, str):
            raise InputError(f"expires_at: expected text or null, got {expires_at!r:.40}")
        photo = NewReference(
            fields["source"],
            [_template(t, encoder_id) for t in templates],
            photo_sha256=fields["photo_sha256"],
            box=None if box is None else tuple(map(float, box)),
            ipd_px=None if ipd_px is None else float(ipd_px),
            detector_id=fields["detector"],
            masks=tuple(masks),
            space=space,
            kept=None if kept is None else _bytes(kept, "kept_face"),
            consent=(
                Consent(fields["consent"], expires_at or "")
                if fields["consent"] or expires_at
                else None
            ),
        )
        return cls(
            fields["subject_id"],
            fields["subject"],
            fields["subject_created_at"],
            fields["reference_id"],
            fields["created_at"],
            photo,
            tuple(t["created_at"] for t in templates),
        )

    def sha256(self) -> str:
        """Of the canonical content: equal exactly when nothing differs, on whatever engine.

        The sha256 of ``to_json`` with ``encoder`` and ``space`` added, as JSON in ASCII with
        sorted keys and no spaces.
        """
        encoder_id, space, _ = self.encoder
        whole = {**self.to_json(), "encoder": encoder_id, "space": space}
        return hashlib.sha256(as_line(whole, sort=True)).hexdigest()


def as_line(value: Mapping[str, Any], *, sort: bool = False) -> bytes:
    """JSON in ASCII without spaces; lone surrogates come back from it as they were."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, sort_keys=sort)
    return text.encode("ascii")


_TEMPLATE_FIELDS: Final = frozenset(
    ("wear", "mask_type", "mask_spec", "quality", "vector", "created_at")
)
_FIELDS: Final = frozenset(
    (
        "subject_id",
        "subject",
        "subject_created_at",
        "consent",
        "expires_at",
        "reference_id",
        "created_at",
        "source",
        "photo_sha256",
        "box",
        "ipd_px",
        "detector",
        "masks",
        "templates",
        "kept_face",
    )
)


def _exactly(value: Any, names: frozenset[str], what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{what} is an object, got {value!r:.40}")
    odd = names ^ value.keys()
    if odd:
        raise InputError(f"{what} has other fields than it should: {', '.join(sorted(odd))}")
    return value


def _template_json(template: Template, time: str) -> dict[str, Any]:
    wear, mask_type, spec = codec.encode_wear(template.wear)
    return {
        "wear": wear,
        "mask_type": mask_type,
        "mask_spec": spec,
        "quality": None if template.quality is None else float(template.quality),
        "vector": _base64(codec.encode_vector(template.vector)),
        "created_at": time,
    }


def _template(fields: Mapping[str, Any], encoder_id: str) -> Template:
    for name in ("mask_type", "mask_spec"):
        if fields[name] is not None and not isinstance(fields[name], str):
            raise InputError(f"{name}: expected text or null, got {fields[name]!r:.40}")
    if not isinstance(fields["wear"], str):
        raise InputError(f"wear: expected text, got {fields['wear']!r:.40}")
    if fields["quality"] is not None and not _is_number(fields["quality"]):
        raise InputError(f"quality: expected a number or null, got {fields['quality']!r:.40}")
    vector = _bytes(fields["vector"], "vector")
    if not vector or len(vector) % 4:
        raise InputError(f"vector: {len(vector)} bytes are not whole numbers of four bytes each")
    numbers = codec.decode_vectors([vector], len(vector) // 4)[0]
    if not np.isfinite(numbers).all():
        raise InputError("vector: not all numbers are finite")
    try:
        wear = codec.decode_wear(
            fields["wear"],  # Wear checks it
            fields["mask_type"] if fields["mask_spec"] is None else None,
            fields["mask_spec"],
        )
    except GalleryFormatError as error:
        raise InputError(str(error).removesuffix("; restore a backup")) from error
    if codec.encode_wear(wear) != (fields["wear"], fields["mask_type"], fields["mask_spec"]):
        raise InputError(f"wear: {fields['mask_spec']!r:.60} is not a mask as it is written")
    quality = fields["quality"]
    return Template(numbers, encoder_id, wear, None if quality is None else float(quality))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _bytes(text: Any, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what}: not base64 ({error})") from error
