"""Which points of a face count: named subsets of each scheme, and one scheme from another.

A point that is left out is not visible, and whoever aligns on the landmarks goes by the others.
That is not the same as a point at (0, 0), which would drag the whole face there.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, TypeAlias, get_args

import numpy as np

from maskwise.errors import InputError
from maskwise.types import SCHEME_POINTS, Bool, Landmarks, Scheme

Subset: TypeAlias = str | Iterable[int]
"""A name of ``NAMES``, or the points' indices."""

_BROWS: Final = tuple(range(17, 27))
_BRIDGE: Final = tuple(range(27, 31))
_EYES: Final = tuple(range(36, 48))

# ibug68's dlib33 are the points that dlib places its chip by: get_face_chip_details in
# dlib/image_transforms/interpolation.h leaves out the jaw, the brows and the lower lip.
_SUBSETS: Final[Mapping[Scheme, Mapping[str, tuple[int, ...]]]] = {
    "ibug68": {
        "all": tuple(range(68)),
        "dlib33": (*range(27, 55), *range(60, 65)),
        "eyes": _EYES,
        "eyes+bridge": (*_BRIDGE, *_EYES),
        "eyes+brows": (*_BROWS, *_EYES),
        "question": (0, 1, *range(15, 29), *_EYES),
    },
    "five": {"all": (0, 1, 2, 3, 4), "eyes": (0, 1), "eyes+nose": (0, 1, 2)},
    "dlib5": {"all": (0, 1, 2, 3, 4), "eyes": (0, 1, 2, 3), "eyes+nose": (0, 1, 2, 3, 4)},
}

NAMES: Final[Mapping[Scheme, tuple[str, ...]]] = MappingProxyType(
    {scheme: tuple(named) for scheme, named in _SUBSETS.items()}
)
"""The names of each scheme's subsets. ``eyes``, ``eyes+bridge`` and ``eyes+brows`` are what a mask
leaves bare; ``question`` are the points that the question kept which began this project."""


def indices(subset: Subset, scheme: Scheme) -> tuple[int, ...]:
    """The points of ``subset``, ascending.

    subset: a name (see ``NAMES``) or whole numbers from 0 to one less than the scheme's points.
    Raises InputError for another scheme or name, for an index that is out of range, twice there or
    no whole number, and for none at all.
    """
    if scheme not in _SUBSETS:
        raise InputError(f"no landmark scheme {scheme!r}; there are: {', '.join(get_args(Scheme))}")
    named = _SUBSETS[scheme]
    if isinstance(subset, str):
        if subset not in named:
            raise InputError(f"no subset {subset!r} of {scheme}; {_choices(scheme)}")
        return named[subset]
    try:
        given = [operator.index(k) for k in subset]
    except TypeError:
        raise InputError(f"not a subset of {scheme}: {subset!r}; {_choices(scheme)}") from None
    wrong = [k for k in given if not 0 <= k < SCHEME_POINTS[scheme]]
    if wrong:
        raise InputError(f"{scheme} has no point {wrong[0]}; {_choices(scheme)}")
    if len(set(given)) != len(given):
        twice = next(k for k in given if given.count(k) > 1)
        raise InputError(f"the subset names point {twice} twice; name each once")
    if not given:
        raise InputError(f"the subset is empty; {_choices(scheme)}")
    return tuple(sorted(given))


def keep(landmarks: Landmarks, subset: Subset) -> Landmarks:
    """The same points, of which only those of ``subset`` are visible.

    What was not visible before stays so. Raises InputError as ``indices``.
    """
    kept = np.zeros(len(landmarks.points), bool)
    kept[list(indices(subset, landmarks.scheme))] = True
    return Landmarks(landmarks.scheme, landmarks.points, landmarks.visible & kept)


# Each of dlib5's points is one of ibug68's, by what it marks: the left eye's outer and inner
# corner, the right eye's, the nose base. dlib's mean faces have them in the same places, too.
_DLIB5_OF_IBUG68: Final = (45, 42, 36, 39, 33)
# The nose tip, and the corners of the mouth, right and left.
_NOSE_MOUTH_OF_IBUG68: Final = (30, 48, 54)
_LIDS: Final = (slice(36, 42), slice(42, 48))  # of the right eye, and of the left


def convert(landmarks: Landmarks, scheme: Scheme, *, estimate: bool = False) -> Landmarks:
    """The landmarks in another scheme; a point is visible when all that it comes from is.

    - ``ibug68`` to ``dlib5`` is exact: each of the five marks the place of one of the 68.
    - ``ibug68`` to ``five`` is an estimate, to be asked for with ``estimate``: an eye centre
      is the mean of its six lid points, as in ``Landmarks.eyes``, and lids are not pupils.
    - To the same scheme: the landmarks themselves.

    Nothing else can be had: the other scheme's points are not there to be taken or averaged.
    Raises InputError, which says why, for those and for an estimate that was not asked for.
    """
    if scheme not in SCHEME_POINTS:
        raise InputError(f"no landmark scheme {scheme!r}; there are: {', '.join(get_args(Scheme))}")
    if scheme == landmarks.scheme:
        return landmarks
    if landmarks.scheme != "ibug68":
        raise InputError(
            f"{landmarks.scheme} landmarks cannot become {scheme}: {_LACKING[scheme]} "
            f"not among them; predict {scheme} on the picture instead"
        )
    if scheme == "dlib5":
        take = list(_DLIB5_OF_IBUG68)
        return Landmarks("dlib5", landmarks.points[take], landmarks.visible[take])
    if not estimate:
        raise InputError(
            "ibug68 landmarks become five only by estimate: the eye centres are the means of the "
            "lids' points, not the pupils; ask for it with estimate=True"
        )
    return _five_of_ibug68(landmarks)


def _five_of_ibug68(landmarks: Landmarks) -> Landmarks:
    take = list(_NOSE_MOUTH_OF_IBUG68)
    visible: Bool = np.array([landmarks.visible[lid].all() for lid in _LIDS])
    return Landmarks(
        "five",
        np.concatenate([landmarks.eyes, landmarks.points[take]]).astype(np.float32),
        np.concatenate([visible, landmarks.visible[take]]),
    )


_LACKING: Final[Mapping[Scheme, str]] = {
    "five": "the nose tip and the corners of the mouth are",
    "dlib5": "the corners of the eyes and the nose base are",
    "ibug68": "most of the 68 points are",
}


def _choices(scheme: Scheme) -> str:
    return (
        f"name one of {', '.join(NAMES[scheme])}, or indices from 0 to {SCHEME_POINTS[scheme] - 1}"
    )
