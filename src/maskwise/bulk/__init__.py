"""Many people into a gallery: several processes or machines look at photos, one writes."""

from typing import Final

from maskwise.bulk.run import BulkReport, PersonPhotos, enrol_many
from maskwise.bulk.work import PhotoJob, Workshop

MOST: Final = 16
"""Processes, unless more are asked for: each takes some 200 MB with the shipped models, and more
while it decodes a large photo."""

__all__ = ["MOST", "BulkReport", "PersonPhotos", "PhotoJob", "Workshop", "enrol_many"]
