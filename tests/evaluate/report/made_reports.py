"""Score files small enough to count by hand, and a reader of the page."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser
from typing import Any

import numpy as np
from made import PROVENANCE

from maskwise.decide import OperatingCurve, OperatingPoints
from maskwise.evaluate.scores import Labels, Scores

MATED = (0.95, 0.9, 0.85, 0.8, 0.6, 0.4)
NON_MATED = (0.7, 0.6, 0.5, 0.4, 0.3, 0.2)
VOID = {"meta", "br", "img", "link", "hr", "input"}


def twelve(**changes: Any) -> Scores:
    """The twelve trials of docs/metrics.md: person k has the photos k/a.png and k/b.png."""
    pairs = [(2 * k, 2 * k + 1) for k in range(6)] + [(2 * k, (2 * k + 2) % 12) for k in range(6)]
    given: dict[str, Any] = {
        "provenance": PROVENANCE,
        "photos": tuple(f"{k}/{side}.png" for k in range(6) for side in "ab"),
        "subjects": tuple(f"person {k}" for k in range(6) for _ in "ab"),
        "pairs": np.array(pairs, np.int32),
        "scores": np.array(MATED + NON_MATED),
        "mated": np.repeat([True, False], 6),
        "reference_wear": Labels.all_one("none", 12),
        "probe_wear": Labels.all_one("none", 12),
        "reference_failure": Labels.all_one("", 12),
        "probe_failure": Labels.all_one("", 12),
    }
    return Scores(**{**given, **changes})


def points(threshold: float = 0.6, encoder_id: str = PROVENANCE.encoder_id) -> OperatingPoints:
    """One threshold at every FMR."""
    curve = OperatingCurve((0.1, 1e-6), (threshold, threshold), 1000, "somebody else")
    return OperatingPoints(encoder_id, {"bare-bare": curve, "masked-masked": curve})


class Page(HTMLParser):
    """Checks that what is opened is closed, in order; keeps tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.text: list[str] = []
        self.feed(html)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value or "") for key, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, key, value or "") for key, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text.append(data)

    def values(self, key: str) -> list[str]:
        """Of an attribute, wherever it stands."""
        return [value for _, name, value in self.attributes if name == key]
