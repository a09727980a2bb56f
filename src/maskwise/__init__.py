"""maskwise: face recognition that keeps working when people put on a mask.

    >>> import maskwise
    >>> recognizer = maskwise.Recognizer("people.db")            # doctest: +SKIP
    >>> recognizer.enrol("Ada", ["ada-1.jpg", "ada-2.jpg"])      # doctest: +SKIP
    >>> for found in recognizer.identify("masked.jpg"):          # doctest: +SKIP
    ...     print(found.subject or "a stranger", found.decision.score)

Each stage can be used alone; ``maskwise.masks`` and the other modules are there without an import
of their own:

=============  ===================================  ========================================
stage          from -> to                           where
=============  ===================================  ========================================
load           path, bytes, array, PIL -> Image     ``load_image``, ``maskwise.image``
detect         Image -> [Detection]                 ``Recognizer.detect``, ``maskwise.detect``
landmarks      Image, [Detection] -> [Landmarks]    ``maskwise.landmarks``
align          Image, Landmarks -> Chip             ``Recognizer.align``, ``maskwise.align``
mask state     chips -> [MaskState]                 ``maskwise.occlusion``
virtual masks  Chip + MaskSpec -> Chip              ``maskwise.masks``
encode         chips -> vectors                     ``Recognizer.encode``, ``maskwise.encode``
compare        vectors -> scores                    ``maskwise.compare``
gallery        Templates -> stored; search          ``maskwise.gallery``
decide         score -> Decision                    ``maskwise.decide``
=============  ===================================  ========================================

Nothing heavy is imported and no model is opened before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from maskwise.answers import (
        EnrolReport,
        Face,
        Identification,
        PhotoReport,
        Verification,
    )
    from maskwise.errors import (
        AmbiguousFaceError,
        ConfigurationError,
        EncoderMismatchError,
        EvaluationError,
        GalleryError,
        GalleryFormatError,
        GalleryKeyError,
        ImageError,
        InputError,
        LicenceError,
        MaskwiseError,
        ModelError,
        NoFaceError,
        OutputError,
        StorageError,
        SubjectError,
    )
    from maskwise.gallery import Gallery, open_gallery
    from maskwise.image import load as load_image
    from maskwise.pipeline import Recognizer
    from maskwise.types import (
        Candidate,
        Chip,
        ChipSpec,
        Decision,
        Detection,
        Image,
        Landmarks,
        MaskSpec,
        MaskState,
        OperatingPoint,
        Template,
        Wear,
    )

__version__ = "0.1.0"

_STAGES: Final = (
    *("align", "annotate", "compare", "decide", "detect", "encode", "errors", "gallery"),
    *("image", "landmarks", "masks", "models", "occlusion", "types"),
)

_HOMES: Final = {
    "AmbiguousFaceError": "errors",
    "Candidate": "types",
    "Chip": "types",
    "ChipSpec": "types",
    "ConfigurationError": "errors",
    "Decision": "types",
    "Detection": "types",
    "EncoderMismatchError": "errors",
    "EnrolReport": "answers",
    "EvaluationError": "errors",
    "Face": "answers",
    "Gallery": "gallery",
    "GalleryError": "errors",
    "GalleryFormatError": "errors",
    "GalleryKeyError": "errors",
    "Identification": "answers",
    "Image": "types",
    "ImageError": "errors",
    "InputError": "errors",
    "Landmarks": "types",
    "LicenceError": "errors",
    "MaskSpec": "types",
    "MaskState": "types",
    "MaskwiseError": "errors",
    "ModelError": "errors",
    "NoFaceError": "errors",
    "OperatingPoint": "types",
    "OutputError": "errors",
    "PhotoReport": "answers",
    "Recognizer": "pipeline",
    "StorageError": "errors",
    "SubjectError": "errors",
    "Template": "types",
    "Verification": "answers",
    "Wear": "types",
    "load_image": "image:load",
    "open_gallery": "gallery",
}

__all__ = [
    "AmbiguousFaceError",
    "Candidate",
    "Chip",
    "ChipSpec",
    "ConfigurationError",
    "Decision",
    "Detection",
    "EncoderMismatchError",
    "EnrolReport",
    "EvaluationError",
    "Face",
    "Gallery",
    "GalleryError",
    "GalleryFormatError",
    "GalleryKeyError",
    "Identification",
    "Image",
    "ImageError",
    "InputError",
    "Landmarks",
    "LicenceError",
    "MaskSpec",
    "MaskState",
    "MaskwiseError",
    "ModelError",
    "NoFaceError",
    "OperatingPoint",
    "OutputError",
    "PhotoReport",
    "Recognizer",
    "StorageError",
    "SubjectError",
    "Template",
    "Verification",
    "Wear",
    "__version__",
    "load_image",
    "open_gallery",
]


def __getattr__(name: str) -> Any:
    if name in _STAGES:
        return import_module(f"{__name__}.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = home.partition(":")
    value = getattr(import_module(f"{__name__}.{module}"), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_STAGES})
