"""What one pull was asked for, and what it may believe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from maskwise.errors import ConfigurationError
from maskwise.models import additions, entries, place, trust
from maskwise.models.entries import ModelEntry, Pack
from maskwise.models.fetch.over_http import Listener
from maskwise.models.fetch.packs import is_zip

How = Literal["there already", "fetched", "copied"]


@dataclass(frozen=True, slots=True)
class Pulled:
    """A model that is whole and in its place now. how: it was there, or how it came."""

    name: str
    path: Path
    how: How
    sha256: str


@dataclass(frozen=True, slots=True)
class Wish:
    """One pull.

    name: of a model or a pack. models: those that it brings. pack: the zip that they are in, if
    they are in one. url, source: instead of the catalogue's addresses. sha256: given by the user,
    of what is fetched. trusting: what comes first of an unknown sha256 is taken.
    """

    name: str
    models: tuple[ModelEntry, ...]
    pack: Pack | None
    folder: Path
    url: str
    source: Path | None
    sha256: str
    trusting: bool
    listener: Listener

    @property
    def url_is_zip(self) -> bool:
        """Whether the address given is that of a pack."""
        return self.url.partition("?")[0].lower().endswith(".zip")

    def expected(self, what: ModelEntry | Pack) -> str:
        """The sha256 that ``what`` must have, "" where nobody knows.

        That of the catalogue, the one that was written down, or the one given now;
        ConfigurationError when these differ.
        """
        known = self.recorded(what)
        given = self.sha256 if what.name == self._given_for() else ""
        if given and known and given != known:
            raise ConfigurationError(
                f"--sha256: {what.name} is known to have sha256 {known}, not {given}"
            )
        return known or given

    def recorded(self, what: ModelEntry | Pack) -> str:
        """The sha256 of the catalogue, else the one that was written down, else "".

        A store that was carried here brings what was written down where it was filled.
        """
        if what.sha256:
            return what.sha256
        seen = trust.recorded(self.folder, what.name)
        if seen is None and self.source is not None and self.source.is_dir():
            seen = trust.recorded(self.source, what.name)
        return seen.sha256 if seen else ""

    def require_trust(self, name: str) -> None:
        """ConfigurationError unless the user said that what comes first is to be trusted."""
        if not self.trusting:
            raise ConfigurationError(
                f"nobody has told us the sha256 of {name}, so what comes cannot be checked: give "
                "it with --sha256 HEX, or take what comes with --trust-first (its sha256 is "
                "written down, and checked ever after)"
            )

    def write_down(self, what: ModelEntry | Pack, sha256: str, size: int) -> None:
        """Keep the sha256 of what the catalogue knows none of."""
        if not what.sha256:
            origin = str(self.source or self.url or "the catalogue's address")
            trust.record(self.folder, what.name, sha256, size, origin)

    def _given_for(self) -> str:
        """A pack that is not known is fetched as a whole, so its sha256 is the one given."""
        single = (self.url and not self.url_is_zip) or (
            self.source is not None and self.source.is_file() and not is_zip(self.source)
        )
        if self.pack is not None and not self.pack.sha256 and not single:
            return self.pack.name
        return self.name


def members_of(name: str) -> tuple[ModelEntry, ...]:
    """The models that a pull of ``name`` brings: those of a pack, or the one.

    Raises ConfigurationError for a name that nobody knows, for one that ships and for one that
    the user added.
    """
    if (pack := entries.packs().get(name)) is not None:
        return tuple(entries.catalogue()[member] for member in pack.members)
    if name in entries.catalogue():
        return (entries.catalogue()[name],)
    if name in entries.shipped():
        raise ConfigurationError(f"{name} ships with maskwise: there is nothing to pull")
    if name in additions.all_of(place.folder(to_fill=True)):
        raise ConfigurationError(f"{name} is a model that you added: there is nothing to pull")
    there = ", ".join(sorted({*entries.packs(), *entries.catalogue()}))
    raise ConfigurationError(f"no model {name!r} to pull; there are: {there}")
