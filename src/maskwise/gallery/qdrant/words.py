"""Qdrant's errors in words that name the place and the remedy, and no secret."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import (
    ApiException,
    ResponseHandlingException,
    UnexpectedResponse,
)

from maskwise.errors import ConfigurationError, GalleryError, StorageError
from maskwise.gallery.qdrant.place import KEY_VARIABLE, Place


class MissingCollectionError(StorageError):
    """A collection is not there (any more)."""


class TooLateError(StorageError):
    """Another writer's turn began before this one had stored."""


@contextlib.contextmanager
def translated(place: Place) -> Iterator[None]:
    """Raise the client's errors as StorageError or ConfigurationError."""
    try:
        yield
    except GalleryError:
        raise
    except (ApiException, ResourceExhaustedResponse, ValueError, RuntimeError, OSError) as error:
        # Not "from error": a traceback would show requests as they are.
        raise in_words(place, error) from None


def in_words(place: Place, error: Exception) -> GalleryError | ConfigurationError:
    """The error in our words."""
    where, text = place.shown, _text(place, error)
    if isinstance(error, UnexpectedResponse) and error.status_code in (401, 403):
        return ConfigurationError(
            f"{where}: the server refuses the API key, or wants one ({text}); set {KEY_VARIABLE} "
            "to a key that may read and write this collection"
        )
    if "not found" in text.lower() and "collection" in text.lower():
        return MissingCollectionError(
            f"{where}: {text}; the gallery was deleted or is damaged: look which collections the "
            "server has, restore a snapshot, or enrol again"
        )
    if isinstance(error, ResponseHandlingException):
        return StorageError(
            f"{where}: the server cannot be reached ({text}); check that it runs, the port "
            "(6333 unless changed) and http or https, then run it again"
        )
    if "already accessed" in text:
        return StorageError(
            f"{where}: another process has this folder open, and local mode is for one at a "
            "time; wait for it, or run a Qdrant server (docs/qdrant.md)"
        )
    return StorageError(f"{where}: {text}; {_remedy(error, text)}")


def _remedy(error: Exception, text: str) -> str:
    status = error.status_code if isinstance(error, UnexpectedResponse) else None
    if status == 429 or isinstance(error, ResourceExhaustedResponse):
        return "the server asks to go slower; wait and run it again"
    if status == 507 or "space" in text:
        return "free some disk space on the server; the last step was not stored"
    if status is not None and status >= 500:
        return (
            "the last step was not stored; look at the server's log and whether enough replicas "
            "are alive, then run it again"
        )
    return "the last step was not stored"


def _text(place: Place, error: Exception) -> str:
    """The first line of an error, without the key."""
    text = str(error)
    if isinstance(error, UnexpectedResponse):
        with contextlib.suppress(ValueError, TypeError, KeyError):
            text = str(json.loads(error.content)["status"]["error"])
        text = f"{error.status_code} {error.reason_phrase}: {text}"
    elif isinstance(error, ResponseHandlingException):
        text = str(error.source) or type(error.source).__name__
    line = next((line for line in text.splitlines() if line.strip()), type(error).__name__)
    if place.key:
        line = line.replace(place.key, "***")
    return line.strip().rstrip(".")
