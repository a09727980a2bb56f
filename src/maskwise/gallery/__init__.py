"""The store of enrolled people.

``open_gallery`` opens one by path or URL; ``Gallery`` is what every engine does. What is kept,
byte by byte, stands in docs/gallery-format.md.
"""

from maskwise.gallery.audit import AuditEntry, AuditReport
from maskwise.gallery.consent import Consent, DueSubject
from maskwise.gallery.gallery import Gallery
from maskwise.gallery.records import (
    DeleteResult,
    EnrolResult,
    GallerySize,
    GalleryStats,
    NewReference,
    ProbeWear,
    ReferenceDetails,
    SubjectDetails,
    SubjectSummary,
    TemplateDetails,
    clean_name,
)
from maskwise.gallery.stored import StoredReference
from maskwise.gallery.where import default_place, gallery_file, open_gallery

__all__ = [
    "AuditEntry",
    "AuditReport",
    "Consent",
    "DeleteResult",
    "DueSubject",
    "EnrolResult",
    "Gallery",
    "GallerySize",
    "GalleryStats",
    "NewReference",
    "ProbeWear",
    "ReferenceDetails",
    "StoredReference",
    "SubjectDetails",
    "SubjectSummary",
    "TemplateDetails",
    "clean_name",
    "default_place",
    "gallery_file",
    "open_gallery",
]
