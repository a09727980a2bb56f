"""What an evaluation is made of: every trial with its score, or why it has none.

Words of ISO/IEC 19795-1: a probe is compared with a reference, a trial is mated (one person) or
non-mated (two). A trial whose photo gave no template has no score and stays: a probe that failed
is a failure to acquire, a reference that failed is a failure to enrol.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, get_args

import numpy as np
import numpy.typing as npt

from maskwise.errors import EvaluationError
from maskwise.evaluate.trials import I32
from maskwise.types import F64, Bool, WearKind

U16 = npt.NDArray[np.uint16]

MOST_VALUES: Final = 1 << 16
DECIDED: Final = "decided as"
"""The attribute that says whose threshold counts, where it is not that of what is worn."""
UNKNOWN: Final = "unknown"
"""The wear pair of trials of which one side's wear is not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """T words out of a few. codes: (T,) uint16, read-only, places in ``values``.

    values: the words, each once, sorted, and each in use. ``Labels.of`` makes them.
    """

    codes: U16
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        codes = frozen(self.codes, np.uint16, "Labels.codes")
        used = np.bincount(codes, minlength=1) if codes.size else np.zeros(0, int)
        if list(self.values) != sorted(set(self.values)) or (
            len(used) != len(self.values) or not used.all()
        ):
            raise EvaluationError(
                f"Labels: expected sorted words, all of them in use, got {len(self.values)} "
                f"words and {np.count_nonzero(used)} codes; use Labels.of"
            )
        object.__setattr__(self, "codes", codes)

    @classmethod
    def of(cls, words: Sequence[str] | npt.NDArray[np.str_]) -> Labels:
        """Labels of T words."""
        values, codes = np.unique(np.asarray(words, np.str_), return_inverse=True)
        if len(values) > MOST_VALUES:
            raise EvaluationError(
                f"a column has {len(values)} different words and may have {MOST_VALUES}; "
                "group them, or leave the column out"
            )
        return cls(codes.reshape(-1).astype(np.uint16), tuple(values.tolist()))

    @classmethod
    def all_one(cls, word: str, count: int) -> Labels:
        """``count`` times the same word."""
        return cls(np.zeros(count, np.uint16), (word,) if count else ())

    @classmethod
    def coded(cls, codes: npt.NDArray[Any], words: Sequence[str]) -> Labels:
        """Labels ``words[code]``; ``words`` in any order, with repeats, used or not."""
        used, inverse = np.unique(codes, return_inverse=True)
        return cls.of([words[code] for code in used])[inverse.reshape(-1)]

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, keep: npt.NDArray[Any]) -> Labels:
        """The labels of some trials: (T,) bool or places."""
        used, codes = np.unique(self.codes[keep], return_inverse=True)
        values = tuple(self.values[code] for code in used)
        return Labels(codes.reshape(-1).astype(np.uint16), values)

    def where(self, value: str) -> Bool:
        """(T,) bool: which of them are ``value``."""
        if value not in self.values:
            return np.zeros(len(self), bool)
        found: Bool = self.codes == self.values.index(value)
        return found

    def words(self) -> npt.NDArray[np.str_]:
        """(T,) str."""
        return np.array(self.values or ("",), np.str_)[self.codes]

    def counts(self) -> dict[str, int]:
        """How often each word stands there."""
        return dict(zip(self.values, np.bincount(self.codes).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Provenance:
    """What scores were made of, so that a figure can be made again.

    models: name -> sha256 of the weights file, or a model's id. data_sha256: of the photos'
    hashes. trials_sha256: ``TrialList.sha256``. version: maskwise's. created: ISO 8601, UTC.
    settings: options as text. notes: what was left out, sentences for people.
    """

    encoder_id: str
    models: Mapping[str, str]
    data_sha256: str
    trials_sha256: str
    version: str
    seed: int
    created: str
    settings: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """T trials with their scores. Arrays are read-only.

    photos: P paths, with "/". subjects: whom each shows, P names. pairs: (T, 2) int32, places of
    the reference's photo, then the probe's. scores: (T,) float64, higher is more alike, NaN where
    there is none. mated: (T,) bool. reference_wear, probe_wear: as ``Wear.label`` says it
    (``none``, ``virtual:surgical``, ``real``, ``unknown``; ``virtual`` alone: the best of several
    types).
    reference_failure, probe_failure: why there is no template, "" where there is one.
    fold: (T,) int32 or None. attributes: the columns of a user's file.
    Raises EvaluationError for NaN or infinite scores without a failure, for scores beside one,
    and for a trial whose people are not as ``mated`` says.
    """

    provenance: Provenance
    photos: tuple[str, ...]
    subjects: tuple[str, ...]
    pairs: I32
    scores: F64
    mated: Bool
    reference_wear: Labels
    probe_wear: Labels
    reference_failure: Labels
    probe_failure: Labels
    fold: I32 | None = None
    attributes: Mapping[str, Labels] = field(default_factory=dict)

    def __post_init__(self) -> None:
        set_, count = object.__setattr__, len(self.mated)
        set_(self, "pairs", frozen(self.pairs, np.int32, "Scores.pairs", (count, 2)))
        set_(self, "scores", frozen(self.scores, np.float64, "Scores.scores", (count,)))
        set_(self, "mated", frozen(self.mated, np.bool_, "Scores.mated", (count,)))
        if self.fold is not None:
            set_(self, "fold", frozen(self.fold, np.int32, "Scores.fold", (count,)))
        set_(self, "attributes", MappingProxyType(dict(self.attributes)))
        for name, labels in self.labels().items():
            if len(labels) != count:
                raise EvaluationError(f"Scores.{name}: expected {count} labels, got {len(labels)}")
        self._check()

    def _check(self) -> None:
        if len(self.subjects) != len(self.photos):
            raise EvaluationError(
                f"Scores: {len(self.photos)} photos and {len(self.subjects)} subjects"
            )
        if self.pairs.size and not (0 <= self.pairs.min() <= self.pairs.max() < len(self.photos)):
            raise EvaluationError(f"Scores.pairs: expected places among {len(self.photos)} photos")
        finite, failed = np.isfinite(self.scores), self.failed
        for wrong, why in (
            (~finite & ~failed, "is NaN or infinite, and neither photo failed"),
            (~np.isnan(self.scores) & failed, "is there though a photo failed"),
        ):
            if wrong.any():
                where = int(np.flatnonzero(wrong)[0])
                raise EvaluationError(
                    f"the score of trial {where} {why}: {self.scores[where]} "
                    f"({np.count_nonzero(wrong)} such trials); correct the scores"
                )
        people = self.subject_codes()
        wrong = (people[:, 0] == people[:, 1]) != self.mated
        if wrong.any():
            where = int(np.flatnonzero(wrong)[0])
            names = [self.subjects[place] for place in self.pairs[where]]
            raise EvaluationError(
                f"trial {where} has mated={bool(self.mated[where])}, and its people are {names}"
            )
        for labels in (self.reference_wear, self.probe_wear):
            for word in labels.values:
                wear_kind(word)

    def __len__(self) -> int:
        return len(self.mated)

    @property
    def failed(self) -> Bool:
        """(T,) bool: trials without a score."""
        return ~(self.reference_failure.where("") & self.probe_failure.where(""))

    def labels(self) -> dict[str, Labels]:
        """Every column of words; attributes as ``attribute/<name>``."""
        return {
            "reference_wear": self.reference_wear,
            "probe_wear": self.probe_wear,
            "reference_failure": self.reference_failure,
            "probe_failure": self.probe_failure,
            **{f"attribute/{key}": value for key, value in self.attributes.items()},
        }

    def subject_codes(self) -> npt.NDArray[np.int64]:
        """(T, 2) int64: the people of reference and probe; equal codes are one person."""
        if not self.photos:
            return np.zeros((0, 2), np.int64)
        codes = np.unique(np.array(self.subjects, np.str_), return_inverse=True)[1].reshape(-1)
        found: npt.NDArray[np.int64] = codes.astype(np.int64)[self.pairs]
        return found

    def people(self) -> set[str]:
        """The names of the people in these trials."""
        return {self.subjects[place] for place in np.unique(self.pairs).tolist()}

    def wear_pair(self) -> Labels:
        """``bare-bare``, ``bare-masked`` or ``masked-masked``; ``unknown`` where a side is."""
        return self._by_wear(_wear_pair)

    def mask_type(self) -> Labels:
        """The wear of the probe where it is masked, else of the reference: ``virtual:cloth``."""
        return self._by_wear(_mask_type)

    def _by_wear(self, of: Any) -> Labels:
        reference, probe = self.reference_wear, self.probe_wear
        words = [of(r, p) for r in reference.values for p in probe.values]
        codes = reference.codes.astype(np.int64) * len(probe.values) + probe.codes
        return Labels.coded(codes, words)

    def subset(self, keep: npt.NDArray[Any]) -> Scores:
        """Some of the trials: (T,) bool or places. Photos and subjects stay as they are."""
        return Scores(
            self.provenance,
            self.photos,
            self.subjects,
            self.pairs[keep],
            self.scores[keep],
            self.mated[keep],
            self.reference_wear[keep],
            self.probe_wear[keep],
            self.reference_failure[keep],
            self.probe_failure[keep],
            None if self.fold is None else self.fold[keep],
            {key: value[keep] for key, value in self.attributes.items()},
        )


def wear_kind(label: str) -> WearKind:
    """``virtual:cloth`` -> ``virtual``; EvaluationError for what is no wear."""
    kind = label.partition(":")[0]
    for known in get_args(WearKind):
        if kind == known:
            return known  # type: ignore[no-any-return]
    raise EvaluationError(
        f"{label!r} is no wear; expected one of {get_args(WearKind)}, or with :type"
    )


def _wear_pair(reference: str, probe: str) -> str:
    kinds = {wear_kind(reference), wear_kind(probe)}
    if "unknown" in kinds:
        return UNKNOWN
    if kinds == {"none"}:
        return "bare-bare"
    return "bare-masked" if "none" in kinds else "masked-masked"


def _mask_type(reference: str, probe: str) -> str:
    return reference if wear_kind(probe) == "none" else probe


def frozen(
    array: npt.ArrayLike, dtype: type, name: str, shape: tuple[int, ...] | None = None
) -> Any:
    """``array`` as ``dtype``, read-only; copied unless it is so already. shape None: (any,)."""
    try:
        given = np.asarray(array)
        out: npt.NDArray[Any] = np.asarray(given, dtype)
        if out.dtype.kind in "iu" and out.dtype != given.dtype and (out != given).any():
            raise ValueError("some do not fit")
    except (TypeError, ValueError, OverflowError) as error:
        raise EvaluationError(f"{name}: expected {dtype.__name__} ({error})") from error
    if out.ndim != 1 if shape is None else out.shape != shape:
        raise EvaluationError(f"{name}: expected shape {shape or '(any,)'}, got {out.shape}")
    if out.flags.writeable:
        out = out.copy()
        out.flags.writeable = False
    return out
