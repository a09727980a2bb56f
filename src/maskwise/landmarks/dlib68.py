"""dlib's 68-point predictor (iBUG 300-W's points), read from dlib's own file.

The weights do not ship: the data they were trained on excludes commercial use. Where the user has
them and has accepted that (``maskwise.models.licences``), the points are dlib's own.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from maskwise.errors import InputError, ModelError
from maskwise.landmarks import shape_predictor_file
from maskwise.landmarks.cascade import Cascade, predict
from maskwise.models import licences
from maskwise.paths import expanded
from maskwise.types import SCHEME_POINTS, Detection, Image, Landmarks, Scheme

LICENCE: Final = "dlib-68-points"
"""The name under which the licence of these weights is accepted."""

PACKAGE: Final = "face_recognition_models"
"""The PyPI package that holds them. It is found, never imported: that needs pkg_resources."""

_SCHEME: Final[Scheme] = "ibug68"


class Dlib68:
    """The LandmarkPredictor of the ``ibug68`` scheme. The file is read at the first use.

    path: of a dlib shape predictor of 68 points; None takes the one in the installed package
    face_recognition_models. The licence must have been accepted whenever the file is that very
    one, wherever it lies; of another file's licence only the user can know.
    subpixel: False gives whole pixels, as dlib does; True gives the same points unrounded.
    """

    def __init__(
        self, *, path: str | os.PathLike[str] | None = None, subpixel: bool = False
    ) -> None:
        if path is not None and not os.fspath(path):
            raise InputError("Dlib68: the path is empty; name a shape predictor's file")
        self._path = None if path is None else expanded(path)
        self._subpixel = subpixel
        self._loaded: tuple[Cascade, str] | None = None

    @property
    def id(self) -> str:
        """``dlib-68-points/<12 hex digits of the file's sha256>``, and ``/subpixel`` if set.

        Reads the file when it is one that the user named; raises as ``predict``.
        """
        sha = licences.licence(LICENCE).sha256 if self._path is None else self._load()[1]
        return f"dlib-68-points/{sha[:12]}" + ("/subpixel" if self._subpixel else "")

    @property
    def scheme(self) -> Scheme:
        """``ibug68``."""
        return _SCHEME

    def predict(self, image: Image, detections: Sequence[Detection]) -> list[Landmarks]:
        """The 68 points of each face, in px of ``image``; they may lie outside it.

        Box corners are rounded to whole pixels first: dlib's rectangles are integers, and their
        last column and row belong to them. Pixels outside the picture count as black.
        Raises LicenceError when the weights' licence was not accepted, ModelError when they are
        missing or damaged, or the file named is no predictor of 68 points.
        """
        if not detections:
            return []
        cascade, _ = self._load()
        return predict(cascade, _SCHEME, image, detections, subpixel=self._subpixel)

    def _load(self) -> tuple[Cascade, str]:
        if self._loaded is None:
            self._loaded = _installed() if self._path is None else _named(self._path)
        return self._loaded


def installed_file() -> Path | None:
    """The 68-point file of the installed package; None when the package or its file is absent."""
    try:
        spec = importlib.util.find_spec(PACKAGE)
    except (ImportError, ValueError):  # something of that name that is no package
        return None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "models" / licences.licence(LICENCE).file
    return path if path.is_file() else None


def _installed() -> tuple[Cascade, str]:
    licences.require(LICENCE)
    terms = licences.licence(LICENCE)
    path = installed_file()
    if path is None:
        raise ModelError(
            f"{terms.weights} ({terms.use}) is not installed: `pip install {PACKAGE}`, or name "
            f"a copy of {terms.file}: Dlib68(path=...). Otherwise use {terms.instead}"
        )
    return _read(
        path,
        expected=terms.sha256,
        remedy=f"reinstall it (pip install --force-reinstall --no-deps {PACKAGE}), or use "
        f"{terms.instead}",
    )


def _named(path: Path) -> tuple[Cascade, str]:
    return _read(path, remedy="name another file, or none")


def _read(path: Path, *, expected: str | None = None, remedy: str) -> tuple[Cascade, str]:
    """The cascade and its file's sha256, which is looked at before anything in the file is."""
    terms = licences.licence(LICENCE)

    def check(sha256: str) -> None:
        if expected is not None and sha256 != expected:
            raise ModelError(
                f"{path} is damaged, or another version: expected sha256 {expected[:12]}..., "
                f"got {sha256[:12]}...: {remedy}"
            )
        if sha256 == terms.sha256:
            licences.require(LICENCE)
        found.append(sha256)

    found: list[str] = []
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ModelError(f"{path} cannot be read ({why}): {remedy}") from error
    key = (path.absolute(), status.st_size, status.st_mtime_ns)
    kept = _kept.get(key)
    if kept is not None:
        check(kept[1])
        return kept
    weights = shape_predictor_file.read(path, before=check, remedy=remedy)
    points = SCHEME_POINTS[_SCHEME]
    if len(weights.mean) != points:
        raise ModelError(
            f"{path} is a shape predictor of {len(weights.mean)} points, not {points}: {remedy}"
        )
    cascade = Cascade.of(
        mean=weights.mean,
        pairs=weights.pairs,
        thresholds=weights.thresholds,
        leaves=weights.leaves,
        anchors=weights.anchors,
        deltas=weights.deltas,
    )
    _kept.clear()
    _kept[key] = (cascade, found[0])
    return cascade, found[0]


# One at most, since it takes 70 MB: the predictors of a process share it. A changed file is read
# anew.
_kept: Final[dict[tuple[Path, int, int], tuple[Cascade, str]]] = {}
