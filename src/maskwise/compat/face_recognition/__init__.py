"""face_recognition 1.3.0's functions without dlib: change the import and nothing else.

::

    import maskwise.compat.face_recognition as face_recognition

Boxes are (top, right, bottom, left), encodings 128 numbers of dlib's own network, the tolerance
0.6: encodings that were stored keep their meaning. What is mended, added or answered otherwise
stands in docs/face_recognition.md. Nothing is loaded before it is used.
"""

from maskwise.compat.face_recognition.api import (
    batch_face_locations,
    compare_faces,
    face_distance,
    face_encodings,
    face_landmarks,
    face_locations,
    load_image_file,
)
from maskwise.compat.face_recognition.engine import strict
from maskwise.compat.face_recognition.visible import face_encodings_masked

__version__ = "1.3.0"
"""Of face_recognition: whose functions these are. maskwise's own is ``maskwise.__version__``."""

__all__ = [
    "batch_face_locations",
    "compare_faces",
    "face_distance",
    "face_encodings",
    "face_encodings_masked",
    "face_landmarks",
    "face_locations",
    "load_image_file",
    "strict",
]
