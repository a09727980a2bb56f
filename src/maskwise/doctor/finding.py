"""One line of the doctor's, and what becomes of a check that fails itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from maskwise.errors import MaskwiseError

State = Literal["ok", "note", "wrong"]
"""note: works, and one should know it. wrong: something will not work, or not as it should."""


@dataclass(frozen=True, slots=True)
class Finding:
    """area, name: what it is about. says: how it is. remedy: what to do, "" for nothing."""

    area: str
    name: str
    state: State
    says: str
    remedy: str = ""


Check = Callable[[], Iterator[Finding]]


def guarded(area: str, check: Check) -> Iterator[Finding]:
    """The findings of ``check``; what it raises is the last of them."""
    try:
        yield from check()
    except MaskwiseError as error:
        yield Finding(area, area, "wrong", str(error))
    except ImportError as error:
        yield Finding(
            area,
            area,
            "wrong",
            f"cannot be looked at: {error}",
            "reinstall maskwise with what it needs (pip install --force-reinstall maskwise)",
        )
    # A broken installation fails in ways that nobody has seen: the other areas still matter.
    except Exception as error:
        yield Finding(area, area, "wrong", f"cannot be looked at: {type(error).__name__}: {error}")
