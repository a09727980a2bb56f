"""The index file beside a large gallery: opened when it holds, made when it does not."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from maskwise.errors import ConfigurationError
from maskwise.gallery import indexing
from maskwise.gallery.index import CoarseIndex, NearestIndex, TieredIndex
from maskwise.gallery.index.codes import Mask
from maskwise.gallery.index.file import (
    WEARS,
    DamagedIndexError,
    Head,
    Part,
    read_head,
    read_keys,
    read_part,
    wipe,
)
from maskwise.gallery.index.protocol import I64
from maskwise.gallery.index.scanning import Scanner, import_faiss
from maskwise.gallery.index_building import build
from maskwise.types import F32

_SHARE: Final = 10
"""When a tenth of the templates came or went since an index was made, it is made anew."""
_TAIL: Final = 20_000
"""So many may always have come: searching them exactly costs a few milliseconds."""
_REFIT: Final = 4
"""The levels of the codes are fitted anew to a gallery that has grown so many times."""
_WAIT_S: Final = 0.2
"""An index whose checksums do not hold may be one that is being changed: look once more."""


@dataclass(frozen=True, slots=True)
class Older:
    """The templates up to the key ``last``, by wear (None: there are none of it)."""

    bare: NearestIndex | None
    masked: NearestIndex | None
    last: int


class FiledIndex:
    """What stands in ``NAME.index``, in memory.

    connection: where the truth is read during a search; set it before. Methods expect to run in
    its read transaction, and raise sqlite3.Error and GalleryFormatError.
    """

    def __init__(self, gallery: Path) -> None:
        self.connection: sqlite3.Connection | None = None
        self._gallery = gallery
        self._place = indexing.place_beside(gallery)
        self._head: Head | None = None
        self._kept = False
        self._parts: dict[str, CoarseIndex] = {}
        self._unable = False

    @property
    def used(self) -> bool:
        """Whether it holds templates now."""
        return self._head is not None

    def forget(self) -> None:
        """Let go of everything."""
        self._head, self._parts = None, {}

    def due(self, held: int, new: int) -> bool:
        """Whether an index is to be made, (anew) when ``new`` templates join the ``held`` ones."""
        if self._unable:
            return False
        if self._head is None:
            return held + new >= indexing.LEAST
        return self._outgrown(held + new - sum(map(len, self._parts.values())))

    def current(self, connection: sqlite3.Connection, now: indexing.Now) -> Older | None:
        """The index as the tables stand, made if need be; None for a gallery that needs none."""
        why = "much came or went since the last one was made"
        if not self._caught_up(now) or (self._outgrown(self._newer(now)) and self._replaced()):
            self.forget()
            why = self._opened(connection, now) or why
        if self._head is not None and not self._outgrown(self._newer(now)):
            return self._older()
        (count,) = connection.execute("SELECT count(*) FROM template").fetchone()
        if count < indexing.LEAST and self._head is None:
            if self._place.exists():
                indexing.log.warning("%s was deleted: %s", self._place, why)
                self._wipe()
            return None
        if not self._able():
            return None
        indexing.log.warning(
            "%s: making the search index of %s templates: %s",
            *(self._gallery, f"{count:,}", why),
        )
        afresh = self._head is None or count > _REFIT * self._head.fitted
        self.make(connection, now, afresh=afresh)
        return self._older()

    def make(
        self,
        connection: sqlite3.Connection,
        now: indexing.Now,
        step: Callable[[int], None] | None = None,
        *,
        afresh: bool = True,
    ) -> bool:
        """Make it anew, of whatever size; whether it could be kept in a file. step: progress.

        afresh: read all templates, not only those that the one in memory lacks.
        """
        import_faiss()
        older = None
        if self._head is not None and not afresh:
            older = self._head, {wear: part.part() for wear, part in self._parts.items()}
        head, parts = build(connection, now, step, older)
        try:
            head, self._kept = indexing.publish(self._gallery, head, parts)
        except OSError as error:
            self._kept = False
            indexing.log.warning(
                "%s: the search index stays in memory, since it cannot be written: %s",
                self._gallery,
                error.strerror or error,
            )
        self._head = head
        self._parts = {wear: self._in_memory(part) for wear, part in parts.items()}
        return self._kept

    def state(self, connection: sqlite3.Connection, now: indexing.Now) -> tuple[Head | None, str]:
        """The head of the file, None when it is none, and why it does not hold ("": it does)."""
        try:
            head = self._read_head()
        except FileNotFoundError:
            return None, ""
        except DamagedIndexError as error:
            return None, f"it is damaged: {error}"
        except OSError as error:
            return None, f"it cannot be read: {error.strerror}"
        return head, indexing.fault(connection, head, now) or ""

    def _read_head(self) -> Head:
        try:
            return read_head(self._place)
        except DamagedIndexError:
            time.sleep(_WAIT_S)
            return read_head(self._place)

    def _opened(self, connection: sqlite3.Connection, now: indexing.Now) -> str:
        """Read the file into memory if it holds; why it does not, "" where there is none."""
        head, why = self.state(connection, now)
        if head is None or why:
            return why or ("" if self._place.exists() else "there is none yet")
        if not self._able():
            return ""
        try:
            parts = self._read_parts(head)
        except (DamagedIndexError, OSError) as error:
            return f"it is damaged: {error}"
        if any(read.removals != now.removals for read, *_ in parts.values()):
            return "it is stale: templates went while it was read"
        self._head, self._kept = head, True
        self._parts = {wear: self._coarse(*part[1:]) for wear, part in parts.items()}
        return ""

    def _read_parts(self, head: Head) -> dict[str, tuple[Head, Scanner, I64, I64]]:
        def read() -> dict[str, tuple[Head, Scanner, I64, I64]]:
            return {wear: read_part(self._place, head.build, wear) for wear in head.parts}

        try:
            return read()
        except DamagedIndexError:
            time.sleep(_WAIT_S)
            return read()

    def _caught_up(self, now: indexing.Now) -> bool:
        """Take out what was erased in the file since; whether that is all that went."""
        if self._head is None or not self._kept:
            return False
        if (self._head.encoder, self._head.dim) != (now.name, now.dim):
            return False
        try:
            found = {wear: read_keys(self._place, self._head.build, wear) for wear in self._parts}
        except (DamagedIndexError, OSError):
            return False
        if any(head.removals != now.removals for head, _ in found.values()):
            return False
        for wear, (head, keys) in found.items():
            self._head = head
            self._parts[wear].keep(keys > 0)
        return True

    def _replaced(self) -> bool:
        """Whether another process has made one anew."""
        try:
            return self._head is not None and read_head(self._place).build != self._head.build
        except (DamagedIndexError, OSError):
            return True

    def _newer(self, now: indexing.Now) -> int:
        return 0 if self._head is None else now.last - self._head.last

    def _outgrown(self, newer: int) -> bool:
        if self._head is None:
            return False
        rows = sum(self._head.count(wear) for wear in WEARS)
        return max(newer, self._head.gone) > max(_TAIL, rows // _SHARE)

    def _older(self) -> Older | None:
        if self._head is None:
            return None
        tiers = {wear: TieredIndex(part, self._head.dim) for wear, part in self._parts.items()}
        return Older(tiers.get("bare"), tiers.get("masked"), self._head.last)

    def _in_memory(self, part: Part) -> CoarseIndex:
        scanner = Scanner(part.levels, len(part.keys))
        scanner.fill(part.packed)
        return self._coarse(scanner, part.keys, part.owners)

    def _coarse(self, scanner: Scanner, keys: I64, owners: I64) -> CoarseIndex:
        scanner.check()
        return CoarseIndex(scanner, keys, owners, self._fetch)

    def _fetch(self, keys: I64) -> tuple[Mask, F32]:
        if self.connection is None or self._head is None:
            raise RuntimeError("an index was searched outside a transaction")
        return indexing.fetch(self.connection, keys, self._head.dim)

    def _able(self) -> bool:
        """Whether faiss is there; says so once when it is not."""
        if not self._unable:
            try:
                import_faiss()
            except ConfigurationError as error:
                self._unable = True
                indexing.log.warning("%s: all is searched in memory: %s", self._gallery, error)
        return not self._unable

    def _wipe(self) -> None:
        try:
            wipe(self._place)
        except OSError as error:
            indexing.log.warning("%s: delete it: %s", self._place, error.strerror)
