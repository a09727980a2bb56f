"""The specs of a picture's masks within its own metadata.

PNG: the tEXt chunk ``maskwise``. JPEG: the comment, after the words that mark our pictures. Both
hold JSON in ASCII: ``{"faces": [spec, ...]}``, a spec (or null, for a face that was left bare)
for each face that was found, in the order of the manifest.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, Final

from maskwise.errors import ImageError, InputError
from maskwise.image import describe
from maskwise.types import MaskSpec

KEY: Final = "maskwise"
"""Of the PNG chunk."""


def note(specs: Sequence[MaskSpec | None]) -> str:
    """The text for the metadata."""
    faces = [None if s is None else json.loads(s.to_json()) for s in specs]
    return json.dumps({"faces": faces}, sort_keys=True, separators=(",", ":"))


def read_specs(path: str | os.PathLike[str]) -> list[MaskSpec | None]:
    """The masks that maskwise drew in this PNG or JPEG; None for a face that it left bare.

    Raises ImageError when the file cannot be read or is no picture, and InputError when it
    holds no specs.
    """
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    name = describe(path)
    try:
        with Pillow.open(path) as picture:
            text = picture.info.get(KEY) or picture.info.get("comment") or ""
    except UnidentifiedImageError as error:
        raise ImageError(f"{name}: no picture; name a PNG or JPEG that maskwise wrote") from error
    except (OSError, ValueError, SyntaxError) as error:
        why = getattr(error, "strerror", None) or error
        raise ImageError(f"{name}: cannot be read ({why}); check the path") from error
    if isinstance(text, bytes):
        text = text.decode("ascii", "replace")
    start = text.find("{")
    specs = None if start < 0 else specs_in(text[start:])
    if specs is None:
        raise InputError(
            f"{name}: holds no mask specs; maskwise writes them into the PNG and JPEG files that "
            "it makes, and programs that save them again may drop them"
        )
    return specs


def specs_in(text: str) -> list[MaskSpec | None] | None:
    """What a note, a side-car, a spec or a list of specs in JSON holds; None for anything else."""
    try:
        value = json.loads(text)
        faces = value.get("faces", [value]) if isinstance(value, dict) else value
        return [None if face is None else _spec(face) for face in faces]
    except (ValueError, TypeError, AttributeError):  # InputError is a ValueError
        return None


def _spec(face: Any) -> MaskSpec:
    # A side-car has more of each face than its spec.
    return MaskSpec.from_json(json.dumps(face.get("spec", face)))
