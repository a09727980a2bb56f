"""All or nothing: a write, from its turn to the moment that makes it count, and what is left over.

Everything that a write stores counts since its number, and what it takes away counts until its
number: nobody sees either before the head's ``seq`` is raised to it. A write that fails leaves
points of a void number, which the next write deletes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

from qdrant_client import models

from maskwise.errors import InputError, MaskwiseError
from maskwise.gallery.enrolling import now
from maskwise.gallery.gallery import another_encoder
from maskwise.gallery.qdrant import head as heads
from maskwise.gallery.qdrant.head import Head, View
from maskwise.gallery.qdrant.link import AT_ONCE, Condition, Link
from maskwise.gallery.qdrant.place import as_settings
from maskwise.gallery.qdrant.rows import Row
from maskwise.gallery.qdrant.schema import make_templates, templates_name

_KEPT_BACK: Final = 1000  # points in memory before they are sent


class Writing:
    """A write under way.

    view: the gallery with what this write has stored so far. encoder, templates: as they will be.
    """

    def __init__(self, link: Link, head: Head) -> None:
        self.link = link
        self.number = head.writer
        self.view = View(head.writer, head.view.void)
        self.encoder = None if head.encoder is None else dict(head.encoder)
        self.templates = head.templates
        self.takes_away = False
        self._head = head
        self._next = head.next
        self._rows: list[models.PointStruct] = []
        self._template_rows: list[models.PointStruct] = []
        self._renewed = time.monotonic()

    @property
    def main(self) -> str:
        """The collection of people, references and faces."""
        return self.link.place.collection

    def next_order(self) -> int:
        """A place in the order of enrolment; never given twice."""
        self._next += 1
        return self._next - 1

    def pin(self, encoder_id: str, dim: int, space: str) -> None:
        """Take this encoder with the first template, or check that it is the gallery's.

        Raises EncoderMismatchError, and InputError for another width. The space is what the
        encoder says now.
        """
        known, where = self.encoder, self.link.place.shown
        if known is None:
            self.begin_templates(encoder_id, dim, space)
            return
        if known["name"] != encoder_id:
            raise another_encoder(where, known["name"], encoder_id)
        if known["dim"] != dim:
            raise InputError(
                f"{where}: the templates of {encoder_id} have {known['dim']} numbers, got {dim}"
            )
        if space:
            known["space"] = space

    def begin_templates(self, encoder_id: str, dim: int, space: str) -> None:
        """A new, empty collection for templates of this encoder."""
        settings = as_settings(self._head.settings)
        self.templates = make_templates(self.link, settings, self.number, dim)
        self.encoder = {
            "name": encoder_id,
            "space": space or encoder_id,
            "dim": dim,
            "created_at": now(),
        }

    def put(self, row: Row) -> None:
        """Store a row of people, references or faces."""
        self._rows.append(row.point(self.number))
        self._some_sent()

    def put_template(self, row: Row) -> None:
        """Store a template."""
        self._template_rows.append(row.point(self.number))
        self._some_sent()

    def end(self, *conditions: Condition, templates: bool = False) -> None:
        """Let all points that count now and meet the conditions count no longer."""
        collection = self.templates if templates else self.main
        if collection is not None:
            self.takes_away = True
            self.link.set_payload(collection, {"until": self.number}, self.view.alive(*conditions))

    def end_rows(self, rows: Sequence[Row], *, templates: bool = False) -> None:
        """Let these points count no longer."""
        ids: list[Any] = [row.id for row in rows]
        for first in range(0, len(ids), AT_ONCE):
            some = models.HasIdCondition(has_id=ids[first : first + AT_ONCE])
            self.end(some, templates=templates)

    def flush(self) -> None:
        """Send what was kept back; afterwards ``view`` shows it."""
        if self._rows:
            self.link.upsert(self.main, self._rows)
        if self._template_rows and self.templates is not None:
            self.link.upsert(self.templates, self._template_rows)
        self._rows, self._template_rows = [], []

    def stay(self) -> None:
        """Keep the turn, in a write that takes long."""
        if time.monotonic() - self._renewed >= heads.LEASE_S / 2:
            heads.renew(self.link, self._head.token)
            self._renewed = time.monotonic()

    def changes(self) -> dict[str, Any]:
        """Of the head, for this write to count."""
        before, after = self._head.templates, self.templates
        recent = heads.now_ms() - round(1000 * heads.LATE_S)
        gone = [before] if before is not None and before != after else []
        return {
            "next": self._next,
            "encoder": self.encoder,
            "templates": after,
            "void": [list(pair) for pair in self._head.void if pair[1] >= recent],
            "drop": gone,
            "swept": self.number if self.takes_away or gone else self._head.swept,
        }

    def _some_sent(self) -> None:
        if len(self._rows) + len(self._template_rows) >= _KEPT_BACK:
            self.flush()
        self.stay()


@contextlib.contextmanager
def writing(link: Link, wait_s: float) -> Iterator[Writing]:
    """Everything done inside is stored at the end, or nothing."""
    head = heads.take_turn(link, wait_s)
    try:
        sweep(link, head)
        write = Writing(link, head)
        yield write
        write.flush()
        if write.encoder is not None and not _is_anybody_left(write):
            write.encoder = write.templates = None
        stored = heads.commit(link, head, write.changes())
    except BaseException:
        _undo(link, head)
        raise
    # It counts now: what cannot be swept is swept by the next write.
    with contextlib.suppress(MaskwiseError):
        if stored.seq == head.writer:
            sweep(link, stored)


def sweep(link: Link, head: Head) -> None:
    """Delete what no longer counts and what failed writes have left."""
    view = head.view
    collections = [link.place.collection, *([head.templates] if head.templates else [])]
    for name in collections:
        if head.void:
            link.delete(name, view.left_by_failures("since"))
            link.drop_field(name, "until", view.left_by_failures("until"))
        if head.clean < head.swept:
            link.delete(name, view.ended())
    for number in view.void:
        link.drop_collection(templates_name(link.place.collection, number))
    for name in head.drop:
        link.drop_collection(name)
    if head.clean < head.swept:
        heads.note_clean(link, head)


def _is_anybody_left(write: Writing) -> bool:
    """Whether a person counts; asked only after something was taken away."""
    if not write.takes_away:
        return True
    people = write.view.alive(heads.is_equal("kind", "person"))
    return bool(write.link.first_by(write.main, people, "order", 0, 1))


def _undo(link: Link, head: Head) -> None:
    """Make the number void, and delete what came of it as far as that is possible now."""
    with contextlib.suppress(MaskwiseError):
        heads.give_up(link, head.token, (*head.void, (head.writer, heads.now_ms())))
        after = heads.read(link)
        if head.writer in after.view.void:  # else it may count
            sweep(link, after)
