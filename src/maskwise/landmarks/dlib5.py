"""dlib's 5-point predictor (CC0): eye corners and nose base. Points are dlib's own."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from maskwise import models
from maskwise.errors import ModelError
from maskwise.landmarks.cascade import Cascade, predict
from maskwise.types import Detection, Image, Landmarks, Scheme

_MODEL: Final = "dlib-five-points"


class Dlib5:
    """The LandmarkPredictor of the ``dlib5`` scheme. The file is read at the first use.

    subpixel: False gives whole pixels, as dlib does; True gives the same points unrounded.
    """

    def __init__(self, *, subpixel: bool = False) -> None:
        self._subpixel = subpixel
        self._cascade: Cascade | None = None

    @property
    def id(self) -> str:
        """``dlib-five-points/<12 hex digits of the file's sha256>``, and ``/subpixel`` if set."""
        sha = models.entry(_MODEL).sha256[:12]
        return f"{_MODEL}/{sha}" + ("/subpixel" if self._subpixel else "")

    @property
    def scheme(self) -> Scheme:
        """``dlib5``."""
        return "dlib5"

    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        """The five points of each face, in px of ``image``; they may lie outside it.

        Box corners are rounded to whole pixels first: dlib's rectangles are integers, and their
        last column and row belong to them. Pixels outside the picture count as black.
        Raises ModelError when the weights are missing or damaged.
        """
        if not detections:
            return []
        if self._cascade is None:
            self._cascade = _read()
        return predict(self._cascade, "dlib5", image, detections, subpixel=self._subpixel)


def _read() -> Cascade:
    """Unpack the shipped file; the layout is that of training/convert_dlib/five_points.py."""
    path = models.locate(_MODEL)
    try:
        with np.load(path, allow_pickle=False) as archive:
            a: dict[str, Any] = {name: archive[name] for name in archive.files}
        return Cascade.of(
            mean=a["mean"],
            pairs=a["pairs"],
            thresholds=a["thresholds"],
            leaves=a["leaves"],
            anchors=a["anchors"],
            deltas=a["deltas"],
        )
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path} is no five-point predictor: {error}") from error
