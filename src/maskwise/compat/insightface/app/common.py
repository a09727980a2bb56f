"""A face as insightface's users have it: a dict whose items are attributes too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np

from maskwise.types import F32

_COMPUTED: Final = ("embedding_norm", "normed_embedding", "sex")

_MAY_LACK: Final = (
    *("bbox", "kps", "det_score", "embedding"),
    *("gender", "age", "pose", "landmark_2d_106", "landmark_3d_68"),
)


class Face(dict[str, Any]):
    """One face of a picture.

    bbox: (4,) float32 x1, y1, x2, y2 in px. kps: (5, 2) float32 (x, y) of the subject's right eye,
    left eye, nose tip, right and left corner of the mouth, or None. det_score: 0 to 1.
    embedding: (D,) float32 as the model gives it. gender (1: male), age, pose, landmark_2d_106,
    landmark_3d_68: None, as none of their models is run here; who has them may set them.

    ``face.embedding`` and ``face["embedding"]`` are one thing, and anything else may be added in
    both ways. An attribute that there is not raises AttributeError (insightface gives None for a
    misspelt one), an item KeyError.
    """

    def __init__(self, d: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__()
        for name, value in {**(d or {}), **kwargs}.items():
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        if name in _COMPUTED:
            source = "gender" if name == "sex" else "embedding"
            raise AttributeError(f"{name} follows from {source}: set that")
        super().__setitem__(name, _plain(value))

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        if name in _MAY_LACK:
            return None
        raise AttributeError(f"a face has no {name!r}; it has {', '.join(self._names())}")

    def __delattr__(self, name: str) -> None:
        if name not in self:
            raise AttributeError(f"a face has no {name!r} that could be deleted")
        del self[name]

    def __dir__(self) -> Iterable[str]:
        return sorted({*super().__dir__(), *self._names()})

    def _names(self) -> list[str]:
        return sorted({*self, *_MAY_LACK, *_COMPUTED})

    @property
    def embedding_norm(self) -> np.float32 | None:
        """The embedding's length; None without one."""
        found: np.float32 | None = None
        if self.embedding is not None:
            found = np.linalg.norm(self.embedding)
        return found

    @property
    def normed_embedding(self) -> F32 | None:
        """(D,) float32 of length 1; None without an embedding."""
        found: F32 | None = None
        if self.embedding is not None:
            found = self.embedding / self.embedding_norm
        return found

    @property
    def sex(self) -> str | None:
        """``M`` or ``F`` from ``gender``; None without one."""
        if self.gender is None:
            return None
        return "M" if self.gender == 1 else "F"


def _plain(value: Any) -> Any:
    """Dicts become faces, tuples lists, as in insightface."""
    if isinstance(value, list | tuple):
        return [Face(one) if isinstance(one, dict) else one for one in value]
    if isinstance(value, dict) and not isinstance(value, Face):
        return Face(value)
    return value
