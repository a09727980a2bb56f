"""A mask classifier that is fed chips placed by other landmarks than its own."""

from __future__ import annotations

from maskwise.occlusion.protocol import MaskClassifier
from maskwise.types import U8, ChipSpec, MaskState, Scheme


class Placed:
    """``classifier``, its chips placed by landmarks of ``scheme``; see ``align.by_scheme``.

    Raises InputError when no mean face tells where the chip has points of ``scheme``.
    """

    def __init__(self, classifier: MaskClassifier, scheme: Scheme) -> None:
        self._classifier = classifier
        from maskwise.align import by_scheme  # OpenCV comes with it

        self._spec = by_scheme(classifier.chip_spec, scheme)

    @property
    def id(self) -> str:
        """The classifier's, and the name of these chips."""
        return f"{self._classifier.id}/{self._spec.name}"

    @property
    def chip_spec(self) -> ChipSpec:
        """The classifier's chip by the other landmarks."""
        return self._spec

    def classify(self, chips: U8) -> list[MaskState]:
        """(N, S, S, 3) uint8 RGB chips -> one state a chip; N may be 0."""
        return self._classifier.classify(chips)


def placed(classifier: MaskClassifier, scheme: Scheme) -> MaskClassifier:
    """``classifier`` itself where its chips are placed by ``scheme``, else ``Placed``."""
    same = classifier.chip_spec.scheme == scheme
    return classifier if same else Placed(classifier, scheme)
