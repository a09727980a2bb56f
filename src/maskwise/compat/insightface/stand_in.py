"""For programs whose imports cannot be changed: our modules under insightface's names."""

from __future__ import annotations

import sys
from typing import Final

_OURS: Final = __name__.rpartition(".")[0]
_NAME: Final = "insightface"


def stand_in() -> None:
    """From now on ``import insightface`` gives these modules, in this process.

    Raises RuntimeError when the real package is imported already.
    """
    there = sys.modules.get(_NAME)
    if there is not None and there is not sys.modules[_OURS]:
        raise RuntimeError(
            "insightface is imported already; call stand_in() before anything imports it"
        )
    for name, module in list(sys.modules.items()):
        if name == _OURS or name.startswith(f"{_OURS}."):
            sys.modules[_NAME + name.removeprefix(_OURS)] = module
