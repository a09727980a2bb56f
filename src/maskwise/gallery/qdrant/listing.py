"""What the collections say of people, in one view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from maskwise.errors import SubjectError
from maskwise.gallery import codec
from maskwise.gallery.qdrant import rows
from maskwise.gallery.qdrant.head import FORMAT, Head, View, is_any, is_equal
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.qdrant.rows import Row
from maskwise.gallery.records import (
    GallerySize,
    GalleryStats,
    ReferenceDetails,
    SubjectDetails,
    SubjectSummary,
    TemplateDetails,
    clean_name,
)
from maskwise.types import Template

_MOST_LABELS: Final = 10_000


def find(link: Link, view: View, subject: str) -> Row | None:
    """The person of that name; None when there is none."""
    name = rows.text(clean_name(subject))
    found = people_where(link, view, is_equal("name", name))
    return found[0] if found else None


def known(link: Link, view: View, subject: str) -> Row:
    """The person of that name; SubjectError when there is none."""
    found = find(link, view, subject)
    if found is None:
        raise SubjectError(
            f"nobody in {link.place.shown} is called {clean_name(subject)!r}; "
            "`maskwise gallery list` shows who is"
        )
    return found


def people_where(link: Link, view: View, *conditions: Any) -> list[Row]:
    """People who meet the conditions."""
    condition = view.alive(is_equal("kind", "person"), *conditions)
    return [Row.of(record) for record in link.scroll(link.place.collection, condition)]


def photos_where(link: Link, view: View, *conditions: Any) -> list[Row]:
    """References that meet the conditions, in the order of their enrolment."""
    condition = view.alive(is_equal("kind", "reference"), *conditions)
    found = [Row.of(record) for record in link.scroll(link.place.collection, condition)]
    return sorted(found, key=lambda row: int(row["order"]))


def photo(link: Link, view: View, uid: str) -> Row:
    """The reference of that uid; SubjectError when there is none."""
    found = photos_where(link, view, is_equal("uid", uid))
    if not found:
        raise SubjectError(
            f"{link.place.shown} has no reference {uid!r}; `maskwise gallery show NAME --json` "
            "lists a person's"
        )
    return found[0]


def templates_where(
    link: Link, head: Head, view: View, *conditions: Any, vectors: bool = False
) -> list[Row]:
    """Templates that meet the conditions, oldest first."""
    if head.templates is None:
        return []
    records = link.scroll(head.templates, view.alive(*conditions), vectors=vectors)
    return sorted((Row.of(record) for record in records), key=lambda row: int(row["order"]))


def templates(link: Link, head: Head, view: View, uid: str) -> list[Template]:
    """The templates of the reference of that uid, oldest first."""
    photo(link, view, uid)
    assert head.encoder is not None
    condition = is_equal("reference", uid)
    return [
        rows.as_template(row, head.encoder)
        for row in templates_where(link, head, view, condition, vectors=True)
    ]


def size(link: Link, head: Head, view: View) -> GallerySize:
    """How many people, references and templates there are."""
    main = link.place.collection
    return GallerySize(
        link.count(main, view.alive(is_equal("kind", "person"))),
        link.count(main, view.alive(is_equal("kind", "reference"))),
        0 if head.templates is None else link.count(head.templates, view.alive()),
    )


def people(link: Link, view: View) -> list[SubjectSummary]:
    """Everybody, by name."""
    counts: dict[str, list[int]] = {}
    condition = view.alive(is_equal("kind", "reference"))
    for record in link.scroll(link.place.collection, condition, payload=["person", "templates"]):
        row = Row.of(record)
        count = counts.setdefault(row["person"], [0, 0])
        count[0] += 1
        count[1] += int(row["templates"])
    found: list[tuple[bytes, SubjectSummary]] = []
    for row in people_where(link, view):
        name = rows.from_text(row["name"])
        photos, templates = counts.get(row["uid"], [0, 0])
        summary = SubjectSummary(row["uid"], name, photos, templates, row["created_at"])
        found.append((codec.encode_text(name), summary))
    return [summary for _, summary in sorted(found, key=lambda pair: pair[0])]


def show(link: Link, head: Head, view: View, subject: str) -> SubjectDetails:
    """The person of that name."""
    person = known(link, view, subject)
    of_photo: dict[str, list[TemplateDetails]] = {}
    encoder = head.encoder or {"name": ""}
    for row in templates_where(link, head, view, is_equal("person", person["uid"])):
        of_photo.setdefault(row["reference"], []).append(
            TemplateDetails(
                rows.wear_of(row),
                encoder["name"],
                rows.from_number(row["quality"]),
                row["created_at"],
            )
        )
    photos = photos_where(link, view, is_equal("person", person["uid"]))
    return SubjectDetails(
        person["uid"],
        rows.from_text(person["name"]),
        person["created_at"],
        tuple(_details(row, of_photo) for row in photos),
    )


def _details(row: Row, of_photo: Mapping[str, list[TemplateDetails]]) -> ReferenceDetails:
    return ReferenceDetails(
        reference_id=row["uid"],
        source=rows.from_text(row["source"]),
        photo_sha256=row["photo"],
        box=codec.decode_numbers(row["box"]),
        ipd_px=rows.from_number(row["ipd_px"]),
        detector_id=rows.from_text(row["detector"]),
        masks=codec.decode_strings(row["masks"]),
        created_at=row["created_at"],
        templates=tuple(of_photo.get(row["uid"], ())),
        kept_bytes=int(row["kept_bytes"]),
    )


def stats(link: Link, head: Head, view: View) -> GalleryStats:
    """The gallery in figures; of its bytes only the vectors are known."""
    encoder = head.encoder
    sizes = size(link, head, view)
    return GalleryStats(
        where=link.place.shown,
        engine="qdrant",
        format=FORMAT,
        encoder_id=None if encoder is None else encoder["name"],
        dim=None if encoder is None else encoder["dim"],
        size=sizes,
        by_wear=by_wear(link, head, view),
        size_bytes=0 if encoder is None else 4 * encoder["dim"] * sizes.templates,
        encoder_space=None if encoder is None else encoder["space"],
        kept_faces=link.count(link.place.collection, view.alive(is_equal("kind", "face"))),
    )


def by_wear(link: Link, head: Head, view: View) -> dict[str, int]:
    """Templates by ``Wear.label``."""
    if head.templates is None:
        return {}
    found = link.ask(
        "facet",
        head.templates,
        key="label",
        facet_filter=view.alive(),
        limit=_MOST_LABELS,
        exact=True,
    )
    counts = {rows.from_text(hit.value): int(hit.count) for hit in found.hits}
    return dict(sorted(counts.items()))


def winners(link: Link, view: View, templates: Mapping[int, Row]) -> dict[int, tuple[Any, ...]]:
    """Template -> its person's uid and name, its reference's uid and source, its wear."""
    uids = {row[key] for row in templates.values() for key in ("person", "reference")}
    wanted, names = sorted(uids), {}
    for first in range(0, len(wanted), 256):
        condition = view.alive(is_any("uid", wanted[first : first + 256]))
        for record in link.scroll(link.place.collection, condition):
            row = Row.of(record)
            names[row["uid"]] = rows.from_text(
                row["name"] if row["kind"] == "person" else row["source"]
            )
    return {
        key: (
            row["person"],
            names[row["person"]],
            row["reference"],
            names[row["reference"]],
            rows.wear_of(row),
        )
        for key, row in templates.items()
    }
