"""Findings by their names."""

from __future__ import annotations

from collections.abc import Iterable

from maskwise.doctor import Finding


def by_name(found: Iterable[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in found}


def states(found: Iterable[Finding]) -> dict[str, str]:
    return {finding.name: finding.state for finding in found}
