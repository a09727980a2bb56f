"""Payloads of points <-> values (docs/qdrant.md has the table).

Text and numbers that must come back bit by bit are ASCII text: JSON on the way carries no lone
surrogates, and the server may round the last bit of a float in a payload (not those of vectors:
a binary32 survives).
"""

from __future__ import annotations

import string
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote, unquote_to_bytes

import numpy as np
from qdrant_client import models

from maskwise.errors import GalleryFormatError
from maskwise.gallery import codec
from maskwise.gallery.records import NewReference
from maskwise.types import F32, Template, Wear, WearKind

MASKED: Final = ("virtual", "real")
"""The kinds of wear that a masked probe is compared with; unknown counts as bare."""

_PLAIN: Final = string.printable.strip().replace("%", "") + " "


@dataclass(slots=True, eq=False)
class Row:
    """A point: its id, its payload, and for a template its vector, where that was read.

    stored: it is in the collection. changed: and no longer as it is there.
    """

    payload: dict[str, Any]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    vector: F32 | None = None
    stored: bool = False
    changed: bool = False

    @classmethod
    def of(cls, record: models.Record | models.ScoredPoint) -> Row:
        """The point as it was read."""
        payload = dict(record.payload or {})
        vector = None if record.vector is None else np.array(record.vector, np.float32)
        return cls(payload, str(record.id), vector, stored=True)

    def __getitem__(self, name: str) -> Any:
        try:
            return self.payload[name]
        except KeyError:
            raise GalleryFormatError(
                f"the point {self.id} lacks {name!r}: the gallery is damaged; restore a snapshot"
            ) from None

    def change(self, **fields: Any) -> None:
        """Set fields; those that differ make the row changed."""
        if any(self.payload.get(name) != value for name, value in fields.items()):
            self.payload.update(fields)
            self.changed = True

    def point(self, number: int) -> models.PointStruct:
        """The point as written by the write of that number."""
        payload = {k: v for k, v in self.payload.items() if k != "until"} | {"since": number}
        vector: Any = {} if self.vector is None else self.vector.tolist()
        return models.PointStruct(id=self.id, vector=vector, payload=payload)


def text(value: str) -> str:
    """Any text in ASCII, printable as far as it was: ``codec.encode_text``, percent-encoded."""
    return quote(codec.encode_text(value), safe=_PLAIN)


def from_text(stored: object) -> str:
    """What ``text`` made; GalleryFormatError on anything else."""
    if not isinstance(stored, str) or not stored.isascii():
        raise GalleryFormatError(f"not a stored text: {stored!r}; restore a snapshot")
    return codec.decode_text(unquote_to_bytes(stored))


def number(value: float | None) -> str | None:
    """A float as text that gives every bit back."""
    return None if value is None else repr(float(value))


def from_number(stored: object) -> float | None:
    """What ``number`` made; GalleryFormatError on anything else."""
    try:
        return None if stored is None else float(cast(str, stored))
    except (TypeError, ValueError) as error:
        raise GalleryFormatError(f"not a stored number: {stored!r}; restore a snapshot") from error


def person(name: str, uid: str, created_at: str, order: int) -> Row:
    """A new person."""
    return Row(
        {
            "kind": "person",
            "uid": uid,
            "name": text(name),
            "created_at": created_at,
            "order": order,
        }
    )


def reference(owner: Row, uid: str, created_at: str, order: int, photo: NewReference) -> Row:
    """A new reference without templates."""
    row = Row(
        {
            "kind": "reference",
            "uid": uid,
            "person": owner["uid"],
            "order": order,
            "photo": photo.photo_sha256,
            "created_at": created_at,
            "templates": 0,
            "kept_bytes": 0,
        }
    )
    row.payload.update(facts(photo, photo.masks))
    return row


def facts(photo: NewReference, masks: Sequence[str]) -> dict[str, Any]:
    """What a later enrolment of the photo may say otherwise."""
    return {"source": text(photo.source), "masks": codec.encode_list(masks), **place(photo)}


def place(photo: NewReference) -> dict[str, Any]:
    """Where the face stands in the photo, and who found it."""
    return {
        "box": None if photo.box is None else codec.encode_list([float(v) for v in photo.box]),
        "ipd_px": number(photo.ipd_px),
        "detector": text(photo.detector_id),
    }


def template(owner: Row, of: Row, template: Template, created_at: str, order: int) -> Row:
    """A new template of a reference."""
    kind, mask_type, spec = codec.encode_wear(template.wear)
    payload = {
        "person": owner["uid"],
        "owner": owner["order"],
        "reference": of["uid"],
        "order": order,
        "masked": kind in MASKED,
        "alone": True,
        "wear": kind,
        "mask_type": None if mask_type is None else text(mask_type),
        "mask_spec": None if spec is None else text(spec),
        "label": text(template.wear.label),
        "quality": number(template.quality),
        "created_at": created_at,
    }
    return Row(payload, vector=np.asarray(template.vector, np.float32))


def wear_of(row: Row) -> Wear:
    """What a template wears."""
    mask_type, spec = row["mask_type"], row["mask_spec"]
    return codec.decode_wear(
        cast(WearKind, row["wear"]),
        None if mask_type is None or spec is not None else from_text(mask_type),
        None if spec is None else from_text(spec),
    )


def as_template(row: Row, encoder: Mapping[str, Any]) -> Template:
    """A template that was read with its vector."""
    vector = row.vector
    if vector is None or vector.shape != (encoder["dim"],):
        raise GalleryFormatError(
            f"the template {row.id} has no vector of {encoder['dim']} numbers; restore a snapshot"
        )
    return Template(vector, encoder["name"], wear_of(row), from_number(row["quality"]))
