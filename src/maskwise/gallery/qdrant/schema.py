"""The collections: made, opened, and how they are set up.

``<name>`` holds what has no vector: the head, people, references and kept faces.
``<name>_templates_<number>`` holds the templates; the head says which one counts.
"""

from __future__ import annotations

import dataclasses
import re
import time
import warnings
from typing import Any, Final

from qdrant_client import models

from maskwise.errors import ConfigurationError, GalleryFormatError, StorageError
from maskwise.gallery.qdrant import head as heads
from maskwise.gallery.qdrant.head import HEAD_ID, Head
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.qdrant.place import Settings, as_settings

OLDEST_SERVER: Final = (1, 17)
"""``update_mode``, by which two processes can make one gallery, came with Qdrant 1.17.0."""

_KEYWORD: Final = models.PayloadSchemaType.KEYWORD
_INTEGER: Final = models.PayloadSchemaType.INTEGER
_BOOL: Final = models.PayloadSchemaType.BOOL

# Whatever a filter names: an unindexed field would be looked for in every payload on disk.
_FIELDS: Final[dict[str, models.PayloadSchemaType]] = {
    **dict.fromkeys(("kind", "uid", "name", "person", "reference", "photo", "token"), _KEYWORD),
    **dict.fromkeys(("since", "until", "order", "last", "writer", "turn_ends", "swept"), _INTEGER),
}
_TEMPLATE_FIELDS: Final[dict[str, models.PayloadSchemaType]] = {
    **dict.fromkeys(("person", "reference", "label"), _KEYWORD),
    **dict.fromkeys(("since", "until"), _INTEGER),
    **dict.fromkeys(("masked", "alone"), _BOOL),
}

# Searches filter by the other fields; these are for writes alone, and long.
_NOT_SEARCHED: Final = ("person", "reference", "label")

# As for the gallery on PostgreSQL, where their recall was measured.
_GRAPH: Final = models.HnswConfigDiff(m=24, ef_construct=128)

_HEAD_WAIT_S: Final = 10.0


def open_gallery(link: Link, *, create: bool) -> Head:
    """The gallery's head; made where there is none and ``create`` is set.

    Raises StorageError when there is no gallery (without ``create``), GalleryFormatError when the
    collection is none or newer, ConfigurationError for an old server and for other settings.
    """
    _check_server(link)
    if not link.exists(link.place.collection):
        if not create:
            raise StorageError(
                f"{link.place.shown}: there is no gallery yet; enrol someone first: "
                "maskwise enrol PEOPLE_DIR --gallery URL"
            )
        _make(link)
    head = _read_soon(link, create)
    _check_settings(link, as_settings(head.settings))
    return head


def make_templates(link: Link, settings: Settings, number: int, dim: int) -> str:
    """A new collection for templates of ``dim`` numbers; its name, of this write alone."""
    name = templates_name(link.place.collection, number)
    quantization: Any = None
    if settings.quantization == "int8":
        # Without a quantile: unit vectors have no outliers worth clipping.
        quantization = models.ScalarQuantization(
            scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, always_ram=True)
        )
    elif settings.quantization == "binary":
        quantization = models.BinaryQuantization(
            binary=models.BinaryQuantizationConfig(always_ram=True)
        )
    _create(
        link,
        name,
        settings,
        _TEMPLATE_FIELDS,
        # Dot, not cosine: the server would scale the vectors, and their last bits would differ.
        vectors_config=models.VectorParams(
            size=dim, distance=models.Distance.DOT, on_disk=bool(settings.on_disk)
        ),
        hnsw_config=_GRAPH,
        quantization_config=quantization,
    )
    return name


def templates_name(collection: str, number: int) -> str:
    """The collection of the templates that the write of that number began."""
    return f"{collection}_templates_{number}"


def _make(link: Link) -> None:
    settings = link.place.settings
    _create(link, link.place.collection, settings, _FIELDS, vectors_config={})
    head = Head(settings=dataclasses.asdict(settings))
    # only_new: another process may have made it, and begun to write.
    point = models.PointStruct(id=HEAD_ID, vector={}, payload=head.payload())
    link.upsert(link.place.collection, [point], only_new=True)


def _create(
    link: Link,
    name: str,
    settings: Settings,
    indexed: dict[str, models.PayloadSchemaType],
    **kwargs: Any,
) -> None:
    replicas = settings.replicas
    try:
        link.ask(
            "create_collection",
            name,
            shard_number=settings.shards,
            replication_factor=replicas,
            # More than half must have stored a write, so that more than half can say so.
            write_consistency_factor=None if replicas is None else replicas // 2 + 1,
            on_disk_payload=True,
            **kwargs,
        )
    except StorageError:
        if not link.exists(name):  # Another process may have been faster.
            raise
    if link.is_local:
        return
    for field, kind in indexed.items():
        schema: Any = kind
        if settings.on_disk and field in _NOT_SEARCHED:
            schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, on_disk=True)
        link.ask("create_payload_index", name, field_name=field, field_schema=schema, wait=True)


def _read_soon(link: Link, create: bool) -> Head:
    """The head, which another process may be about to make."""
    end = time.monotonic() + _HEAD_WAIT_S
    while True:
        try:
            return heads.read(link)
        except GalleryFormatError:
            if link.count(link.place.collection, models.Filter()):
                raise
        if time.monotonic() >= end or link.is_local:
            break
        time.sleep(0.2)
    if not create:
        heads.read(link)
    _make(link)  # Whoever began it did not get so far.
    return heads.read(link)


def _check_server(link: Link) -> None:
    if link.is_local:
        return
    version = str(link.ask("info").version)
    found = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if found < OLDEST_SERVER:
        raise ConfigurationError(
            f"{link.place.shown}: the server is Qdrant {version} and maskwise needs 1.17 or newer; "
            "update it, one minor version at a time"
        )


def _check_settings(link: Link, made_with: Settings) -> None:
    """What the URL names must be what the gallery was made with."""
    for field in dataclasses.fields(Settings):
        asked, is_so = getattr(link.place.settings, field.name), getattr(made_with, field.name)
        if asked is not None and asked != is_so:
            made = "the default" if is_so is None else is_so
            raise ConfigurationError(
                f"{link.place.shown} was made with {field.name}={made}, not {asked}; leave that "
                "out of the URL, or copy it into a new collection: maskwise gallery copy"
            )


def quiet() -> None:
    """Local mode warns from 20,000 points on; docs/qdrant.md says what it is good for."""
    warnings.filterwarnings("ignore", message="Local mode is not recommended")
