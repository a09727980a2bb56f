"""What is installed, chosen and wrong on this machine; ``maskwise doctor`` prints it.

Nothing is changed: no folder is made, no gallery brought to a newer format, nothing fetched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from maskwise.doctor import machine, places, runtime, selftest
from maskwise.doctor.finding import Finding, State, guarded

__all__ = ["AREAS", "Finding", "State", "examine"]

AREAS = ("installed", "machine", "settings", "devices", "models", "gallery", "folders", "self-test")
"""The areas of the findings, in order."""


def examine(
    gallery: str | None = None, models: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """Everything, as it is found out; the areas come in the order of AREAS.

    gallery: a path or URL; None: the user's own. models: the addresses of ``detector`` and
    ``encoder``, where they are not the default ones. No check raises: one that fails is a finding.
    """
    chosen = dict(models or {})
    told: dict[str, str] = {}
    for finding in _all(gallery, chosen):
        yield _told_once(finding, told)


def _all(gallery: str | None, chosen: Mapping[str, str]) -> Iterator[Finding]:
    yield from guarded("installed", machine.installed)
    yield from guarded("machine", machine.machine)
    yield from guarded("settings", machine.settings)
    yield from guarded("devices", runtime.devices)
    yield from guarded("models", lambda: runtime.models(chosen))
    yield from guarded("gallery", lambda: places.gallery(gallery, chosen))
    yield from guarded("folders", places.folders)
    yield from guarded("self-test", lambda: selftest.verify_samples(chosen))


def _told_once(finding: Finding, told: dict[str, str]) -> Finding:
    """What is wrong for a reason that was told before refers to it.

    told: reason -> where it stands; is added to.
    """
    if finding.state != "wrong":
        return finding
    if finding.says in told:
        return replace(finding, says=f"as above: {told[finding.says]}", remedy="")
    told[finding.says] = f"{finding.area}, {finding.name}"
    return finding
