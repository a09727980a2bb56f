"""How ``maskwise gallery`` shows one person."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from maskwise.gallery import ReferenceDetails, SubjectDetails

PHOTO_COLUMNS: Final = ("photo", "templates", "face kept", "enrolled", "sha256")


def photo_row(reference: ReferenceDetails) -> tuple[str, ...]:
    """The cells of ``PHOTO_COLUMNS``."""
    return (
        reference.source,
        _wear_words(reference),
        f"{reference.kept_bytes:,} bytes" if reference.kept_bytes else "no",
        when(reference.created_at),
        reference.photo_sha256[:12],
    )


def details_json(details: SubjectDetails) -> dict[str, Any]:
    """For ``--json``."""
    return {
        "subject": details.subject,
        "subject_id": details.subject_id,
        "enrolled_at": details.created_at,
        "consent": details.consent or None,
        "expires_at": details.expires_at,
        "photos": [
            {
                "reference": r.reference_id,
                "source": r.source,
                "sha256": r.photo_sha256,
                "box": None if r.box is None else [round(v, 2) for v in r.box],
                "ipd_px": r.ipd_px,
                "detector": r.detector_id,
                "masks": list(r.masks),
                "kept_bytes": r.kept_bytes,
                "enrolled_at": r.created_at,
                "templates": [
                    {"wear": t.wear.label, "encoder": t.encoder_id, "enrolled_at": t.created_at}
                    for t in r.templates
                ],
            }
            for r in details.references
        ],
    }


def consent_lines(details: SubjectDetails) -> list[str]:
    """What is noted of consent, and until when the person is kept; [] for nothing."""
    told = [f"consent: {details.consent}"] if details.consent else []
    if details.expires_at is not None:
        told.append(f"to be deleted from {when(details.expires_at)} on, UTC")
    return told


def _wear_words(reference: ReferenceDetails) -> str:
    counts = Counter(template.wear.label for template in reference.templates)
    return ", ".join(label if n == 1 else f"{n} x {label}" for label, n in counts.items())


def when(created_at: str) -> str:
    """A time for people: to the minute, UTC."""
    return created_at[:16].replace("T", " ")
