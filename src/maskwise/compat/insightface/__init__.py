"""insightface's FaceAnalysis without the insightface package: change the import and nothing else.

::

    from maskwise.compat.insightface.app import FaceAnalysis

Detection and recognition by insightface's own model files, with its boxes, key points and 512
numbers. What is the same and what differs stands in docs/insightface.md. Nothing is downloaded,
and no model is run before it is used.
"""

from maskwise.compat.insightface import app, model_zoo, utils
from maskwise.compat.insightface.stand_in import stand_in

__version__ = "0.7.3"
"""Of insightface: whose classes these are. maskwise's own is ``maskwise.__version__``."""

__all__ = ["app", "model_zoo", "stand_in", "utils"]
