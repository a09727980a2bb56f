"""A gallery of plain lists, written from what ``Gallery`` promises, to compare engines with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from maskwise.gallery import NewReference, ProbeWear
from maskwise.gallery.consent import Consent
from maskwise.types import F32, Template, Wear

MASKED = ("virtual", "real")


@dataclass
class ModelPhoto:
    """A photo as it stands: who took it in last, and what is kept."""

    sha256: str
    source: str
    masks: list[str]
    templates: list[Template]
    kept: bytes | None


@dataclass
class ModelPerson:
    """A person, with the photos in the order of their first enrolment."""

    name: str
    photos: list[ModelPhoto] = field(default_factory=list)
    consent: str = ""
    expires_at: str | None = None

    def score(self, probe: F32, wear: ProbeWear) -> tuple[float, bool]:
        """Of the best template that counts, and whether it is of the other kind."""
        scores: dict[bool, list[float]] = {True: [], False: []}
        for photo in self.photos:
            for template in photo.templates:
                masked = template.wear.kind in MASKED
                scores[masked].append(float(template.vector @ probe))
        wanted = wear == "masked"
        fitting = scores[wanted] or scores[not wanted]
        return max(fitting), not scores[wanted]


class ModelGallery:
    """People in the order in which they came."""

    def __init__(self) -> None:
        self.people: list[ModelPerson] = []

    def names(self) -> list[str]:
        """Everybody, in that order."""
        return [person.name for person in self.people]

    def person(self, name: str) -> ModelPerson:
        """KeyError when nobody is called so."""
        for person in self.people:
            if person.name == name:
                return person
        raise KeyError(name)

    def enrol(self, name: str, references: Sequence[NewReference]) -> None:
        """As ``Gallery.enrol``."""
        if name not in self.names():
            self.people.append(ModelPerson(name))
        person = self.person(name)
        for new in references:
            self._take(person, new)
            if new.consent is not None:
                self.note(name, new.consent)

    def _take(self, person: ModelPerson, new: NewReference) -> None:
        for photo in person.photos:
            if photo.sha256 == new.photo_sha256:
                replaced = {role(t.wear) for t in new.templates}
                left = [t for t in photo.templates if role(t.wear) not in replaced]
                photo.templates = [*left, *new.templates]
                photo.masks = list(dict.fromkeys([*photo.masks, *new.masks]))
                photo.source = new.source
                photo.kept = new.kept or photo.kept
                return
        person.photos.append(
            ModelPhoto(new.photo_sha256, new.source, list(new.masks), list(new.templates), new.kept)
        )

    def note(self, name: str, consent: Consent) -> None:
        """As ``Gallery.set_consent``."""
        person = self.person(name)
        if consent.text is not None:
            person.consent = consent.text
        if consent.expires_at is not None:
            person.expires_at = consent.expires_at or None

    def rename(self, old: str, new: str) -> None:
        """As ``Gallery.rename``, of a name that is free."""
        self.person(old).name = new

    def delete(self, name: str) -> None:
        """As ``Gallery.delete``."""
        self.people.remove(self.person(name))

    def merge(self, name: str, into: str) -> None:
        """As ``Gallery.merge``."""
        gone, stays = self.person(name), self.person(into)
        there = {photo.sha256 for photo in stays.photos}
        stays.photos += [photo for photo in gone.photos if photo.sha256 not in there]
        self.people.remove(gone)

    def re_encode(self, new: Mapping[tuple[str, str], Sequence[Template] | None]) -> None:
        """As ``Gallery.replace_templates``, by name and sha256 of the photo."""
        for person in self.people:
            for photo in list(person.photos):
                templates = new[person.name, photo.sha256]
                if templates is None:
                    person.photos.remove(photo)
                else:
                    photo.templates = list(templates)
        self.people = [person for person in self.people if person.photos]

    def holds(self, name: str, sha256: str, masks: Sequence[str], *, kept: bool) -> bool:
        """As ``Gallery.holds``."""
        return any(
            person.name == name
            and photo.sha256 == sha256
            and set(masks) <= set(photo.masks)
            and (photo.kept is not None or not kept)
            for person in self.people
            for photo in person.photos
        )

    def search(
        self, probe: F32, wear: ProbeWear, top: int, shift: float
    ) -> list[tuple[str, float]]:
        """As ``Gallery.search``, of one probe: names and scores."""
        found = []
        for order, person in enumerate(self.people):
            score, other = person.score(probe, wear)
            found.append((-(score + (shift if other else 0)), order, person.name, score))
        return [(name, score) for *_, name, score in sorted(found)[:top]]

    def templates(self) -> int:
        """How many there are."""
        return sum(len(photo.templates) for person in self.people for photo in person.photos)


def role(wear: Wear) -> str:
    """Templates of one role replace one another."""
    return wear.label if wear.kind == "virtual" else "as it is"


def re_encoded(template: Template, encoder_id: str, vector: F32) -> Template:
    """The same template of another encoder."""
    return replace(template, encoder_id=encoder_id, vector=vector)
