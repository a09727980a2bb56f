"""Values <-> the bytes and text that a gallery file holds (docs/gallery-format.md).

A byte written once must stay readable: a change here comes with a migration.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final

import numpy as np

from maskwise.errors import GalleryFormatError, InputError
from maskwise.types import F32, MaskSpec, Wear, WearKind

_VECTOR: Final = np.dtype("<f4")
_WEARS_KEPT: Final = 1024  # A gallery has few, each on many templates, and JSON is slow.
UNIT_TOLERANCE: Final = 1e-3
"""How far a stored vector's length may be from 1; the same as Template allows."""


@contextlib.contextmanager
def stored(row: str) -> Iterator[None]:
    """What is made inside stands in a gallery: a value of no sound form is damage.

    Raises GalleryFormatError that names the row, for InputError.
    """
    try:
        yield
    except InputError as error:
        raise GalleryFormatError(
            f"{row}: {error}; the gallery is damaged: run `maskwise gallery check`, restore a "
            "backup or enrol again"
        ) from error


def encode_vector(vector: F32) -> bytes:
    """(D,) float32 -> D * 4 bytes: IEEE 754 binary32, little-endian, nothing else."""
    return np.asarray(vector).astype(_VECTOR, copy=False).tobytes()


def decode_vectors(blobs: Sequence[bytes], dim: int) -> F32:
    """What ``encode_vector`` wrote -> (N, D) float32; GalleryFormatError for another length."""
    for blob in blobs:
        if len(blob) != dim * _VECTOR.itemsize:
            raise GalleryFormatError(
                f"a template has {len(blob)} bytes where its encoder's {dim} numbers take "
                f"{dim * _VECTOR.itemsize}; the gallery is damaged: run `maskwise gallery check`, "
                "restore a backup or enrol again"
            )
    rows = np.frombuffer(b"".join(blobs), _VECTOR).astype(np.float32)
    return rows.reshape(len(blobs), dim)


def vector_fault(blob: bytes, dim: int) -> str | None:
    """What is wrong with a stored vector, or None."""
    if len(blob) != dim * _VECTOR.itemsize:
        return f"{len(blob)} bytes where {dim} numbers take {dim * _VECTOR.itemsize}"
    length = float(np.linalg.norm(np.frombuffer(blob, _VECTOR).astype(np.float64)))
    if not abs(length - 1) <= UNIT_TOLERANCE:
        return f"a length of {length:.4f} where 1 is due"
    return None


def encode_text(text: str) -> bytes:
    """Any str -> UTF-8; a lone surrogate becomes its three bytes (Python's ``surrogatepass``).

    So a name of a folder or file that is no valid UTF-8, which Python reads with lone
    surrogates (PEP 383), is kept without loss; all other text is plain UTF-8.
    """
    return text.encode("utf-8", "surrogatepass")


def decode_text(stored: bytes) -> str:
    """What ``encode_text`` wrote; GalleryFormatError on anything else."""
    try:
        return stored.decode("utf-8", "surrogatepass")
    except (UnicodeDecodeError, AttributeError) as error:
        raise GalleryFormatError(f"not a stored text: {stored!r}; restore a backup") from error


@lru_cache(maxsize=_WEARS_KEPT)
def encode_wear(wear: Wear) -> tuple[WearKind, str | None, str | None]:
    """Wear -> its kind, its mask's type, and the JSON of the spec of a virtual mask."""
    if wear.spec is not None:
        return wear.kind, wear.spec.type, wear.spec.to_json()
    return wear.kind, wear.type, None


@lru_cache(maxsize=_WEARS_KEPT)
def decode_wear(kind: WearKind, mask_type: str | None, spec: str | None) -> Wear:
    """What ``encode_wear`` wrote; GalleryFormatError on anything else."""
    try:
        if spec is not None:
            return Wear(kind, MaskSpec.from_json(spec))
        return Wear(kind, None, mask_type)
    except InputError as error:
        raise GalleryFormatError(f"not a stored wear: {error}; restore a backup") from error


def encode_list(items: Sequence[str] | Sequence[float]) -> str:
    """Strings or finite numbers -> a JSON array without spaces."""
    return json.dumps(list(items), separators=(",", ":"), allow_nan=False)


def decode_strings(text: str) -> tuple[str, ...]:
    """A JSON array of strings; GalleryFormatError on anything else."""
    return tuple(str(item) for item in _array(text))


def decode_numbers(text: str | None) -> tuple[float, ...] | None:
    """A JSON array of numbers, or None for NULL; GalleryFormatError on anything else."""
    if text is None:
        return None
    try:
        return tuple(float(item) for item in _array(text))
    except (TypeError, ValueError) as error:
        raise GalleryFormatError(f"not a stored list of numbers: {text!r}") from error


def _array(text: str) -> list[Any]:
    try:
        items = json.loads(text)
    except (TypeError, ValueError) as error:
        raise GalleryFormatError(f"not a stored list: {text!r}; restore a backup") from error
    if not isinstance(items, list):
        raise GalleryFormatError(f"not a stored list: {text!r}; restore a backup")
    return items
