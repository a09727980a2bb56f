"""Which key a gallery is opened with, and what is done where key and gallery do not go together."""

from __future__ import annotations

import logging
from typing import Final, Literal

from maskwise.errors import ConfigurationError, GalleryKeyError, StorageError
from maskwise.gallery.encryption.keys import (
    FILE_VARIABLE,
    NAME_VARIABLE,
    OwnerKey,
    key_of_environment,
)
from maskwise.gallery.sqlite import SqliteGallery

FROM_ENVIRONMENT: Final = "from the environment"
"""The key that $MASKWISE_KEY_FILE or $MASKWISE_KEY_ENV names, where one is set."""

Key = OwnerKey | Literal["from the environment"] | None

log = logging.getLogger("maskwise.gallery")


def chosen(key: Key) -> OwnerKey | None:
    """The key itself; raises ConfigurationError as ``key_of_environment``."""
    return key_of_environment() if key == FROM_ENVIRONMENT else key


def settle(gallery: SqliteGallery, given: Key, key: OwnerKey | None) -> None:
    """A gallery that opened: one with nobody in it becomes encrypted when there is a key.

    One in clear that has people stays as it is. That is an error when the key was named for it
    (whoever expects an encrypted gallery is not to be given another one), and a warning when the
    environment only names a key.
    """
    if key is None or gallery.key is not None or gallery.encryption is None:
        return
    if gallery.size().people == 0:
        try:
            gallery.encryption.encrypt(key)
        except StorageError as error:
            if "readonly" not in str(error.__cause__):
                raise
        return
    how = "encrypt it (maskwise gallery encrypt), or leave the key away"
    if given == FROM_ENVIRONMENT:
        log.warning(
            "%s is not encrypted, though %s or %s is set; %s",
            *(gallery.where, FILE_VARIABLE, NAME_VARIABLE, how),
        )
        return
    raise GalleryKeyError(f"{gallery.where} is not encrypted, and a key was given for it; {how}")


def refuse(given: Key, what: str) -> None:
    """ConfigurationError for a key that was named for a gallery which cannot be encrypted."""
    if isinstance(given, OwnerKey):
        raise ConfigurationError(
            f"{what} is not encrypted by maskwise (docs/encryption.md says why); leave the key away"
        )
