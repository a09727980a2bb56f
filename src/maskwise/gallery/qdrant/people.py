"""Some people, in memory, while a write changes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from maskwise.errors import GalleryFormatError
from maskwise.gallery.qdrant.head import is_any, is_equal
from maskwise.gallery.qdrant.link import AT_ONCE
from maskwise.gallery.qdrant.rows import Row
from maskwise.gallery.qdrant.writing import Writing


class People:
    """People by name and by uid, with references and templates: those loaded, and new ones.

    What is changed here is stored by ``store``.
    """

    def __init__(self, write: Writing) -> None:
        self.by_name: dict[str, Row] = {}  # by the stored name
        self.by_uid: dict[str, Row] = {}
        self.references: dict[str, list[Row]] = {}  # of a person's uid
        self.templates: dict[str, list[Row]] = {}  # of a reference's uid
        self._write = write
        self._gone: list[Row] = []  # templates

    def load(self, names: Iterable[str] = (), uids: Iterable[str] = ()) -> None:
        """Read all that there is of the people of these names (as they are stored) or uids."""
        write, found = self._write, []
        for key, values in (("name", set(names)), ("uid", set(uids))):
            wanted = sorted(values)
            for first in range(0, len(wanted), AT_ONCE):
                some = is_any(key, wanted[first : first + AT_ONCE])
                people = write.view.alive(is_equal("kind", "person"), some)
                found += [Row.of(record) for record in write.link.scroll(write.main, people)]
        new = []
        for row in found:
            if row["uid"] not in self.by_uid:
                self.add(row)
                new.append(row["uid"])
        for first in range(0, len(new), AT_ONCE):
            self._load_photos(new[first : first + AT_ONCE])

    def add(self, person: Row) -> None:
        """A person, read or new."""
        self.by_name[person["name"]] = self.by_uid[person["uid"]] = person
        self.references[person["uid"]] = []

    def add_reference(self, reference: Row) -> None:
        """A reference of a person who is here."""
        self.references[reference["person"]].append(reference)
        self.templates[reference["uid"]] = []

    def move(self, reference: Row, owner: Row) -> None:
        """Give a reference, with its templates, to another person who is here."""
        self.references[reference["person"]].remove(reference)
        self.references[owner["uid"]].append(reference)
        reference.change(person=owner["uid"])
        for template in self.templates[reference["uid"]]:
            template.change(person=owner["uid"], owner=owner["order"])

    def forget(self, uid: str) -> None:
        """A person who is no longer there, with no references left."""
        gone = self.by_uid.pop(uid)
        del self.by_name[gone["name"]], self.references[uid]

    def drop_template(self, template: Row) -> None:
        """Take a template away from its reference."""
        self.templates[template["reference"]].remove(template)
        if template.stored:
            self._gone.append(template)

    def _load_photos(self, uids: list[str]) -> None:
        write = self._write
        condition = is_any("person", uids)
        photos = write.view.alive(is_equal("kind", "reference"), condition)
        found = [Row.of(record) for record in write.link.scroll(write.main, photos)]
        for row in sorted(found, key=lambda row: int(row["order"])):
            self.add_reference(row)
        if write.templates is None:
            return
        faces = [Row.of(r) for r in write.link.scroll(write.templates, write.view.alive(condition))]
        for row in sorted(faces, key=lambda row: int(row["order"])):
            if row["reference"] not in self.templates:
                raise GalleryFormatError(
                    f"{write.link.place.shown}: the template {row.id} has no reference; run "
                    "`maskwise gallery check`, restore a snapshot"
                )
            self.templates[row["reference"]].append(row)

    def store(self) -> None:
        """Store what is new or was changed, under the write's number."""
        write = self._write
        self._tell_who_is_alone()
        changed = [row for row in self.by_uid.values() if _is_due(row)]
        changed += [row for some in self.references.values() for row in some if _is_due(row)]
        write.end_rows([row for row in changed if row.stored])
        for row in changed:
            write.put(_renewed(row))
        faces = [row for some in self.templates.values() for row in some if _is_due(row)]
        write.end_rows([*self._gone, *(row for row in faces if row.stored)], templates=True)
        self._read_vectors([row for row in faces if row.vector is None])
        for row in faces:
            write.put_template(_renewed(row))
        self._gone = []
        write.flush()

    def _tell_who_is_alone(self) -> None:
        for some in self.references.values():
            faces = [row for photo in some for row in self.templates[photo["uid"]]]
            alone = len({row["masked"] for row in faces}) == 1
            for row in faces:
                row.change(alone=alone)
            for photo in some:
                photo.change(templates=len(self.templates[photo["uid"]]))

    def _read_vectors(self, faces: Sequence[Row]) -> None:
        write = self._write
        if write.templates is None or not faces:
            return
        read: dict[str, Any] = {
            str(record.id): record.vector
            for record in write.link.points(
                write.templates, [row.id for row in faces], vectors=True
            )
        }
        for row in faces:
            if read.get(row.id) is None:
                raise GalleryFormatError(
                    f"{write.link.place.shown}: the template {row.id} is gone; run "
                    "`maskwise gallery check`, restore a snapshot"
                )
            row.vector = np.array(read[row.id], np.float32)


def _is_due(row: Row) -> bool:
    return row.changed or not row.stored


def _renewed(row: Row) -> Row:
    """The row as a new point; the row itself then stands for that."""
    if row.stored:
        row.id = Row({}).id
    row.stored, row.changed = True, False
    return row
