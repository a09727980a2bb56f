"""What insightface.model_zoo holds: get_model, and the two kinds of models that are run here."""

from maskwise.compat.insightface.model_zoo import model_zoo
from maskwise.compat.insightface.model_zoo.arcface_onnx import ArcFaceONNX
from maskwise.compat.insightface.model_zoo.model_zoo import get_model
from maskwise.compat.insightface.model_zoo.scrfd import SCRFD, RetinaFace

__all__ = ["SCRFD", "ArcFaceONNX", "RetinaFace", "get_model", "model_zoo"]
