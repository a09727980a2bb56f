"""What insightface.app holds: FaceAnalysis, and the Face that it gives."""

from maskwise.compat.insightface.app.face_analysis import FaceAnalysis

__all__ = ["FaceAnalysis"]
