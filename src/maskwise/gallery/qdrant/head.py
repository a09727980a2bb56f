"""The head: one point that says which writes count and whose turn it is to write.

Qdrant has no transactions. But one point changes as a whole, and a change of its payload under a
condition is applied or not, in one order for all. So every write has a number of its own; each
point says since which number it counts, and until which; and the head says up to which number
writes count (``seq``). A write becomes true by the one request that raises it. See docs/adr/0021.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from qdrant_client import models

from maskwise.errors import GalleryFormatError, MaskwiseError, StorageError
from maskwise.gallery.qdrant.link import Condition, Link
from maskwise.gallery.qdrant.words import TooLateError

FORMAT: Final = 1
HEAD_ID: Final = "6d737767-0000-4000-8000-000000000001"
"""The letters mswg, as a file's application_id, and the first point of all."""

LEASE_S: Final = 60.0
"""How long a writer that is not heard of has the turn; half as long lies between two renewals."""
BUSY_TIMEOUT_S: Final = 75.0
"""How long a call waits for other writers: longer than for one that died."""
LATE_S: Final = 3600.0
"""How long a request may be under way and still do no harm."""

_MAY_BE_NULL: Final = ("encoder", "templates")
_LOOK_AGAIN_S: Final = 0.05
_READ_BACK: Final = (0.0, 0.5, 2.0)  # s before each try


@dataclass(frozen=True, slots=True)
class Head:
    """seq: the last write that counts. last: the highest number that was given.

    writer, token, turn_ends: whose turn it is (0: nobody's), and until when (ms). void: numbers of
    writes that failed, with the time (ms) when that was found. swept: what no longer counted at
    this number may be gone. clean: and is gone for sure. drop: collections to delete. next: the
    next place in the order of people, references and templates. encoder: name, space, dim,
    created_at; None while empty. templates: the collection that holds them. settings: see
    ``place.Settings``.
    """

    seq: int = 0
    last: int = 0
    writer: int = 0
    token: str = ""
    turn_ends: int = 0
    void: tuple[tuple[int, int], ...] = ()
    swept: int = 0
    clean: int = 0
    drop: tuple[str, ...] = ()
    next: int = 1
    encoder: Mapping[str, Any] | None = None
    templates: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def payload(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "kind": "head",
            "format": FORMAT,
            **{name: getattr(self, name) for name in self.__slots__},
            "void": [list(pair) for pair in self.void],
            "drop": list(self.drop),
        }

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Head:
        """What ``payload`` gave; GalleryFormatError on anything else."""
        try:
            # Setting a field to null takes it away.
            values: dict[str, Any] = {name: payload.get(name) for name in _MAY_BE_NULL}
            values |= {name: payload[name] for name in cls.__slots__ if name not in values}
            values["void"] = tuple((int(n), int(at)) for n, at in payload["void"])
            values["drop"] = tuple(payload["drop"])
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise GalleryFormatError(
                f"the gallery's head is damaged ({error!r}); restore a snapshot"
            ) from error

    @property
    def view(self) -> View:
        """What counts now."""
        return View(self.seq, tuple(n for n, _ in self.void))


@dataclass(frozen=True, slots=True)
class View:
    """The gallery after write ``seq``, but for the writes ``void``."""

    seq: int
    void: tuple[int, ...] = ()

    def alive(self, *conditions: Condition) -> models.Filter:
        """Points that count and meet the conditions."""
        began = models.FieldCondition(key="since", range=models.Range(lte=self.seq))
        ended: Condition = models.FieldCondition(key="until", range=models.Range(lte=self.seq))
        if not self.void:
            return models.Filter(must=[began, *conditions], must_not=[ended])
        ended = models.Filter(must=[ended], must_not=[self._void("until")])
        return models.Filter(must=[began, *conditions], must_not=[ended, self._void("since")])

    def left_by_failures(self, name: str) -> models.Filter:
        """Points whose ``since`` or ``until`` is of a write that failed."""
        return models.Filter(must=[self._void(name)])

    def ended(self) -> models.Filter:
        """Points that no longer count."""
        ended = models.FieldCondition(key="until", range=models.Range(lte=self.seq))
        return models.Filter(must=[ended], must_not=[self._void("until")] if self.void else None)

    def _void(self, name: str) -> models.FieldCondition:
        return models.FieldCondition(key=name, match=models.MatchAny(any=list(self.void)))


def is_equal(key: str, value: str | int | bool) -> models.FieldCondition:
    """The condition that a field has this value."""
    return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def is_any(key: str, values: list[str]) -> models.FieldCondition:
    """The condition that a field has one of these values."""
    return models.FieldCondition(key=key, match=models.MatchAny(any=values))


def read(link: Link) -> Head:
    """The head as it is now; GalleryFormatError where the collection has none."""
    found = link.points(link.place.collection, [HEAD_ID])
    if not found:
        raise GalleryFormatError(
            f"{link.place.shown}: this collection is no gallery; name another one in the URL"
        )
    payload = found[0].payload or {}
    if payload.get("kind") != "head" or not isinstance(payload.get("format"), int):
        raise GalleryFormatError("the gallery's head is damaged; restore a snapshot")
    if payload["format"] > FORMAT:
        raise GalleryFormatError(
            f"{link.place.shown} has gallery format {payload['format']} and this version of "
            f"maskwise knows up to {FORMAT}; upgrade maskwise: pip install --upgrade maskwise"
        )
    return Head.of(payload)


def take_turn(link: Link, wait_s: float) -> Head:
    """The head, once it is this caller's turn to write (``token`` says so); StorageError if not."""
    end = time.monotonic() + wait_s
    while True:
        head = read(link)
        if not head.writer or head.turn_ends <= now_ms():
            taken = _try_turn(link, head)
            if taken is not None:
                return taken
        elif time.monotonic() >= end:
            raise StorageError(
                f"{link.place.shown}: another process has been writing to it for long; wait for it"
            )
        time.sleep(_LOOK_AGAIN_S)


def _try_turn(link: Link, head: Head) -> Head | None:
    token = uuid.uuid4().hex
    void = head.void if not head.writer else (*head.void, (head.writer, now_ms()))
    wanted = {
        "last": head.last + 1,
        "writer": head.last + 1,
        "token": token,
        "turn_ends": now_ms() + round(1000 * LEASE_S),
        "void": [list(pair) for pair in void],
    }
    as_read = [
        is_equal(name, getattr(head, name)) for name in ("last", "writer", "token", "turn_ends")
    ]
    try:
        _change(link, wanted, *as_read)
        now = read(link)
    except BaseException:
        with contextlib.suppress(MaskwiseError):
            give_up(link, token, (*void, (head.last + 1, now_ms())))
        raise
    return now if now.token == token else None


def renew(link: Link, token: str) -> None:
    """Keep the turn; TooLateError when it is another's by now."""
    _change(link, {"turn_ends": now_ms() + round(1000 * LEASE_S)}, is_equal("token", token))
    if read(link).token != token:
        raise _too_late(link)


def give_up(link: Link, token: str, void: tuple[tuple[int, int], ...]) -> None:
    """End a turn of which nothing is to count."""
    _change(link, {**_NOBODY, "void": [list(pair) for pair in void]}, is_equal("token", token))


def commit(link: Link, head: Head, changes: Mapping[str, Any]) -> Head:
    """Make this turn's write count, and end the turn; returns the head.

    head: as ``take_turn`` gave it. Raises TooLateError when the turn was another's meanwhile, and
    StorageError when nobody can know what became of it.
    """
    number, failed = head.writer, False
    try:
        _change(link, {**changes, **_NOBODY, "seq": number}, is_equal("token", head.token))
    except MaskwiseError:
        failed = True  # It may have been applied, and only the answer be lost.
    for now in _read_back(link):
        if now.token == head.token:
            # Not applied (yet): what still comes shall find another token.
            if failed:
                with contextlib.suppress(MaskwiseError):
                    give_up(link, head.token, (*head.void, (number, now_ms())))
            continue
        if now.seq >= number and number not in dict(now.void):
            return now
        raise _too_late(link)
    raise StorageError(
        f"{link.place.shown}: the server could not be reached while the last request was under "
        "way, so the step may be stored or not: look, or run it again (what is there already is "
        "not stored twice)"
    )


def note_clean(link: Link, head: Head) -> None:
    """Say that all that no longer counts at ``head.seq`` is gone, unless more was taken away."""
    _change(link, {"clean": head.swept, "drop": []}, is_equal("swept", head.swept))


def _too_late(link: Link) -> TooLateError:
    return TooLateError(
        f"{link.place.shown}: another process took its turn to write meanwhile, or the server "
        "could not be reached; nothing was stored: run it again"
    )


_NOBODY: Final = {"writer": 0, "token": "", "turn_ends": 0}


def _read_back(link: Link) -> Iterator[Head]:
    for pause in _READ_BACK:
        time.sleep(pause)
        try:
            yield read(link)
        except MaskwiseError:
            continue


def _change(link: Link, changes: Mapping[str, Any], *conditions: Condition) -> None:
    """Set fields of the head if it meets the conditions when that is applied."""
    one = models.HasIdCondition(has_id=[HEAD_ID])
    link.set_payload(link.place.collection, changes, models.Filter(must=[one, *conditions]))


def now_ms() -> int:
    """The time, ms since 1970, by this machine's clock."""
    return round(1000 * time.time())
