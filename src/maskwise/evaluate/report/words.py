"""Numbers and names as people read them."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from html import escape
from typing import Final

from maskwise.evaluate.intervals import Interval, Rate
from maskwise.evaluate.scores import Labels, wear_kind

NOTHING: Final = "\u2013"
"""Where there is no figure: an en dash."""
_JOINERS: Final = "\u200c\u200d"  # some scripts need them, and they turn nothing round


def shown(text: str) -> str:
    r"""``text`` on one line, fit for HTML, SVG and XML: what cannot be printed as ``\x1b``."""
    return "".join(
        c if c.isprintable() or c in _JOINERS else c.encode("unicode_escape").decode("ascii")
        for c in text
    )


def markup(text: str) -> str:
    """``text`` for HTML, also inside an attribute; no line ends before a percent sign."""
    return escape(shown(text)).replace(" %", "\u00a0%")


def slug(text: str, taken: set[str]) -> str:
    """A file name's part for ``text``, never with ``--``, new in ``taken``; added to it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    stem = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:40] or "part"
    name, count = stem, 1
    while name in taken:
        count += 1
        name = f"{stem}-{count}"
    taken.add(name)
    return name


def percent(share: float, figures: int = 3) -> str:
    """``0.0342`` -> ``3.42 %``; more decimals for small shares."""
    return NOTHING if math.isnan(share) else f"{_hundred(share, figures)} %"


def _hundred(share: float, figures: int) -> str:
    value = 100 * share
    if value <= 0:
        return "0"
    decimals = min(max(figures - 1 - math.floor(math.log10(value)), 0), 8)
    if value > 99:  # 99.97 is not 100: the figures that count are those of the rest
        rest = 100 - value
        decimals = 0 if rest <= 0 else min(max(figures - 2 - math.floor(math.log10(rest)), 1), 4)
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent_range(interval: Interval) -> str:
    """``1.2 to 3.4 %``, or ``below 3.4 %`` where the lower end is 0."""
    if interval.low <= 0 and interval.high < 1:
        return f"below {percent(interval.high, 2)}"
    if interval.high >= 1 and interval.low > 0:
        return f"above {percent(interval.low, 2)}"
    return f"{_hundred(interval.low, 2)} to {percent(interval.high, 2)}"


def drawn_masks(probe_wear: Labels) -> Iterator[str]:
    """What figures with drawn masks do not tell; nothing where no probe wears one."""
    if any(wear_kind(word) == "virtual" for word in probe_wear.values):
        yield "The masks on probes are drawn: how real ones fare, these figures do not tell."


def count(number: int, one: str, many: str = "") -> str:
    """``1 person``, ``1,200 people``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def score(value: float) -> str:
    """A score or threshold."""
    if math.isinf(value):
        return "none needed" if value < 0 else "above all"
    return NOTHING if math.isnan(value) else f"{value:.4f}"


def in_words(share: float) -> str:
    """``0.001`` -> ``1 in 1,000``, where it is one of a round number; else percent."""
    turned = 1 / share if share > 0 else math.inf
    if math.isfinite(turned) and turned >= 2 and abs(turned - round(turned)) < 1e-6 * turned:
        return f"1 in {round(turned):,}"
    return percent(share)


def of_many(rate: Rate) -> str:
    """``about 3 of 100``: a rate as people count, of a round number; counts at 0 and 1."""
    share = rate.value
    if math.isnan(share) or share in (0, 1):
        return f"{'all' if share == 1 else 'none'} of {rate.trials:,}"
    whole = 100
    while share * whole < 0.95 or round(share * whole) == whole:
        whole *= 10
    return f"about {round(share * whole):,} of {whole:,}"
