"""insightface's ``providers`` and ``ctx_id`` -> a device of ours; never the CPU in silence."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from maskwise.errors import ConfigurationError
from maskwise.models.runtime import opening
from maskwise.models.runtime import providers as ours

_log = logging.getLogger(__name__)

_DEVICES: Final = {ours.provider(name): name for name in ours.DEVICES if name != ours.AUTO}

# In every build of ONNX Runtime, and for other models: who passes get_available_providers() on
# has it in the list.
_IDLE: Final = ("AzureExecutionProvider",)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a caller asked for, checked for names that there are not.

    devices: in the order of ``providers``; None where the caller named none.
    """

    devices: tuple[str, ...] | None = None

    def device(self, ctx_id: int = 0) -> str | None:
        """What ``models.open_file`` takes; None: its default, which MASKWISE_DEVICE sets.

        ctx_id below 0 is the CPU, whatever else was asked for. Without ``providers`` it is CUDA
        where this ONNX Runtime has it, as in insightface. Raises ConfigurationError when only the
        CPU is left of a list that named something else before it.
        """
        if ctx_id < 0:
            return ours.CPU
        if self.devices is None and os.environ.get(ours.DEVICE_VARIABLE):
            return None
        runtime = opening.runtime()
        there = ours.available(runtime)
        if self.devices is None:
            return "cuda" if "cuda" in there else ours.CPU
        for place, device in enumerate(self.devices):
            if device.partition(":")[0] not in there:
                continue
            if device != ours.CPU or not place:
                if place:
                    _log.warning("%s is not there; %s is taken", self.devices[0], device)
                return device
        if os.environ.get(ours.DEVICE_VARIABLE) == ours.CPU:
            return ours.CPU
        try:
            ours.candidates(self.devices[0], runtime)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"providers: {error}. For the CPU, leave it out, prepare with ctx_id=-1, or set "
                f"{ours.DEVICE_VARIABLE}=cpu"
            ) from None
        return self.devices[0]


def wanted(
    providers: Sequence[Any] | None, options: Sequence[Mapping[str, Any]] | None = None
) -> Wanted:
    """What ``providers`` (names, or (name, options) pairs) and ``provider_options`` ask for.

    Of the options the device_id counts. Raises ConfigurationError for a provider that maskwise
    has no device for.
    """
    if providers is None:
        return Wanted()
    if isinstance(providers, str):
        raise ConfigurationError(f"providers: expected a list of names, got {providers!r}")
    found = []
    for place, given in enumerate(providers):
        name, extra = (given[0], given[1]) if isinstance(given, tuple | list) else (given, {})
        if name in _IDLE:
            continue
        if name not in _DEVICES:
            raise ConfigurationError(
                f"providers: no {name!r} here; there are: {', '.join(sorted(_DEVICES))}"
            )
        if options is not None and place < len(options):
            extra = {**options[place], **extra}
        unit = extra.get("device_id")
        device = _DEVICES[name]
        found.append(f"{device}:{unit}" if unit is not None and device != ours.CPU else device)
    return Wanted(tuple(found) or None)
