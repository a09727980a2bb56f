"""insightface.app.FaceAnalysis on maskwise's detector and encoder."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from maskwise.compat.insightface import devices, drawing, files, packages
from maskwise.compat.insightface.app.common import Face
from maskwise.compat.insightface.model_zoo.arcface_onnx import ArcFaceONNX
from maskwise.compat.insightface.model_zoo.base import OnnxModel
from maskwise.compat.insightface.model_zoo.scrfd import SCRFD, Metric, SizesInput, sizes_of
from maskwise.compat.insightface.pictures import as_bgr
from maskwise.errors import ModelError
from maskwise.types import U8

__all__ = ["FaceAnalysis"]

_log = logging.getLogger(__name__)


class FaceAnalysis:
    """Finds the faces of a picture and encodes them, with the files of one of insightface's packs.

    name, root: the pack's files lie in ``root/models/name``, or in maskwise's store
    (``maskwise models pull buffalo_l``); nothing is downloaded. allowed_modules: ``detection``
    and ``recognition``, the ones that are run; None: those of them that the pack has, and a line
    is logged about the rest. providers, provider_options: as for ONNX Runtime; the first that is
    there is taken, but never the CPU where it was not the first: that is an error. None: CUDA
    where ONNX Runtime has it, else the CPU; MASKWISE_DEVICE says otherwise.
    sess_options, download, download_zip: taken and not used.
    Raises ModelError when files are missing, LicenceError when the licence was not accepted yet,
    ConfigurationError for modules and providers that there are not.
    """

    def __init__(
        self,
        name: str = "buffalo_l",
        root: str | os.PathLike[str] = "~/.insightface",
        allowed_modules: Sequence[str] | None = None,
        *,
        providers: Sequence[Any] | None = None,
        provider_options: Sequence[Mapping[str, Any]] | None = None,
        sess_options: object = None,
        download: bool = False,
        download_zip: bool = False,
    ) -> None:
        files.check_modules(allowed_modules)
        wanted = devices.wanted(providers, provider_options)
        self.models: dict[str, Any] = {}
        found = files.of_pack(os.fspath(name), root)
        self.model_dir = str(found[0].parent)
        told = packages.tasks_of(found[0].parent)
        pairs = list(told.items()) if told else [(files.task_of(path), path) for path in found]
        left = []
        for task, path in pairs:
            if task == files.DETECTION and task not in self.models:
                self.det_model = SCRFD(str(path), wanted=wanted)
                self.models[task] = self.det_model
            elif task == files.RECOGNITION and task not in self.models:
                if allowed_modules is None or task in allowed_modules:
                    self.models[task] = ArcFaceONNX(str(path), wanted=wanted)
            else:
                left.append(f"{path.name} ({task or 'unknown'})")
        if files.DETECTION not in self.models:
            raise ModelError(
                f"{self.model_dir} holds no detector, only {', '.join(p.name for p in found)}"
            )
        for model in self.models.values():
            model.check()
        if left and allowed_modules is None:
            _log.warning(
                "not run here: %s; what they tell stays None. allowed_modules=%s says that this "
                "is meant",
                ", ".join(left),
                list(self.models),
            )

    def prepare(
        self,
        ctx_id: int = 0,
        det_thresh: float = 0.5,
        det_size: SizesInput | None = (640, 640),
    ) -> None:
        """Set the device, the least score of a face, and the size that pictures are brought to.

        ctx_id: below 0 for the CPU; else what ``providers`` say. det_size: (width, height) in px;
        None, or several pairs, as in insightface 2: each is looked at. The models are opened now.
        Raises ModelError and ConfigurationError when they cannot be.
        """
        sizes_of(det_size)
        self.det_thresh = det_thresh
        self.det_size = det_size
        self.det_model.prepare(ctx_id, det_thresh=det_thresh)
        self.det_model.input_size = det_size
        for task, model in self.models.items():
            if task != files.DETECTION:
                model.prepare(ctx_id)
        for model in self.models.values():
            if isinstance(model, OnnxModel):
                model.open()

    def get(
        self, img: npt.NDArray[Any], max_num: int = 0, det_metric: Metric = "default"
    ) -> list[Face]:
        """The faces of ``img`` (H, W, 3) uint8 BGR, as cv2.imread gives it; best first.

        max_num: at most so many, the largest (det_metric ``max``), or those that are large and
        near the middle (``default``), best first; 0: all, by falling score.
        Raises ImageError for what is no picture, and what the models raise.
        """
        picture = as_bgr(img)
        boxes, points = self.det_model.detect(picture, max_num=max_num, metric=det_metric)
        faces = []
        for row, box in enumerate(boxes):
            kps = None if points is None else points[row]
            face = Face(bbox=box[:4], kps=kps, det_score=box[4])
            for task, model in self.models.items():
                if task != files.DETECTION:
                    model.get(picture, face)
            faces.append(face)
        return faces

    def draw_on(self, img: npt.NDArray[Any], faces: Sequence[Face]) -> U8:
        """A copy of ``img`` (H, W, 3) uint8 BGR with boxes, points and scores.

        Sex and age too where the caller has set them.
        """
        picture: U8 = as_bgr(img).copy()
        for face in faces:
            words = [] if face.det_score is None else [f"{face.det_score:.2f}"]
            if face.gender is not None and face.age is not None:
                words.append(f"{face.sex},{int(face.age)}")
            drawing.draw(picture, face.bbox, face.kps, " ".join(words))
        return picture
