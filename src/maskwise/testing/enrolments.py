"""Invented people for the tests of galleries, and the answers that a search owes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from maskwise.gallery import NewReference, ProbeWear
from maskwise.gallery.kept import pack
from maskwise.testing.pictures import drawn_face, face_detection
from maskwise.types import F32, Landmarks, MaskSpec, Template, Wear

ENCODER = "encoder-a/0123"
"""Of all templates, unless said otherwise."""
REAL = Wear("real")


def virtual(mask_type: str = "surgical", seed: int = 0) -> Wear:
    """A drawn mask."""
    return Wear("virtual", MaskSpec(mask_type, "#a0c8e0", seed=seed))


def unit_vectors(count: int, dim: int = 16, seed: int = 0) -> F32:
    """(count, dim) float32 of unit length, in all directions."""
    rows = np.random.default_rng(seed).standard_normal((count, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def axis(number: int, dim: int = 16) -> F32:
    """(dim,) float32: one, where all else is zero; scores between such vectors are exact."""
    return np.asarray(np.eye(dim)[number], np.float32)


def mix(first: int, second: int, share: float) -> F32:
    """A unit vector whose score with axis ``first`` is ``share``, the rest along ``second``."""
    rest = float(np.sqrt(1 - share**2))
    return np.asarray(share * axis(first) + rest * axis(second), np.float32)


def reference(
    photo: str,
    templates: Sequence[tuple[Wear, F32]],
    *,
    encoder: str = ENCODER,
    masks: Sequence[str] | None = None,
    space: str = "",
    kept: bytes | None = None,
) -> NewReference:
    """A reference of an invented photo; masks: default the types of the virtual templates."""
    types = [wear.spec.type for wear, _ in templates if wear.spec is not None]
    return NewReference(
        photo,
        [Template(vector, encoder, wear) for wear, vector in templates],
        photo_sha256=sha256(photo),
        box=(1.5, -2.0, 30.0, 40.25),
        ipd_px=21.5,
        detector_id="detector/1",
        masks=tuple(dict.fromkeys(types if masks is None else masks)),
        space=space,
        kept=kept,
    )


def kept_face(seed: int = 0) -> bytes:
    """A drawn face as galleries keep one, with five landmarks about where it has them."""
    box = face_detection().box
    shares = np.array([[0.31, 0.33], [0.69, 0.33], [0.5, 0.5], [0.35, 0.8], [0.65, 0.8]])
    points = np.float32(box[:2] + shares * (box[2:] - box[:2]))
    return pack(drawn_face(seed), {"five": Landmarks("five", points)}, box)


def sha256(photo: str) -> str:
    """The sha256 that ``reference`` gives an invented photo."""
    return hashlib.sha256(photo.encode("utf-8", "surrogatepass")).hexdigest()


def brute_force(
    people: Mapping[str, Sequence[tuple[Wear, F32]]], probe: F32, wear: ProbeWear, top: int
) -> list[tuple[str, float]]:
    """The answer that ``search`` owes, from one loop: names and scores by falling score."""
    found = []
    for name, templates in people.items():
        masked = [v for w, v in templates if w.kind in ("virtual", "real")]
        bare = [v for w, v in templates if w.kind in ("none", "unknown")]
        fitting = (masked or bare) if wear == "masked" else (bare or masked)
        found.append((name, max(float(v @ probe) for v in fitting)))
    return sorted(found, key=lambda pair: -pair[1])[:top]
