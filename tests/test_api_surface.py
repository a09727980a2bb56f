"""The public names. Taking one away breaks a user: this list changes only with the changelog."""

from __future__ import annotations

import subprocess
import sys

import pytest

import maskwise

PUBLIC = [
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


def test_the_public_names_are_these() -> None:
    assert maskwise.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert name in dir(maskwise)
    value = getattr(maskwise, name)
    if not isinstance(value, str):
        assert value.__doc__
        assert value.__module__.startswith("maskwise.")


def test_the_modules_of_the_stages_are_there_without_an_import_of_their_own() -> None:
    rows = (maskwise.__doc__ or "").split("=\n")[2].splitlines()
    named = {part.strip("`") for row in rows for part in row.split() if "``maskwise." in part}
    assert len(named) >= 9
    code = f"import maskwise; print({', '.join(sorted(name.strip('`,') for name in named))})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("<module 'maskwise.") == len(named)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Recogniser'"):
        maskwise.Recogniser  # noqa: B018


HEAVY = ["cv2", "onnxruntime", "PIL", "sqlite3", "dlib", "numpy", "rich", "click"]


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import maskwise", HEAVY),
        ("import maskwise; maskwise.__version__, dir(maskwise)", HEAVY),
        ("from maskwise import InputError", HEAVY),
        ("import maskwise.types, maskwise.decide, maskwise.compare", HEAVY[:5]),
        ("import maskwise.models, maskwise.encode, maskwise.landmarks", HEAVY[:5]),
        ("import maskwise.align", HEAVY[1:5]),
        ("import maskwise.encode.dlib_resnet, maskwise.landmarks.dlib5", HEAVY[1:5]),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(statement: str, heavy: list[str]) -> None:
    code = f"import sys; {statement}; print(*sorted(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
