"""What insightface.utils holds, as far as detection and recognition need it."""

from maskwise.compat.insightface.utils import face_align

__all__ = ["face_align"]
