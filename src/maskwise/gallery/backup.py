"""A gallery's backup: a copy that was checked before it got its name."""

from __future__ import annotations

from pathlib import Path

from maskwise.errors import GalleryFormatError
from maskwise.gallery.files import draft_beside, publish_new, translated
from maskwise.gallery.gallery import Gallery
from maskwise.gallery.records import GallerySize
from maskwise.gallery.sqlite import SqliteGallery


def backup(gallery: Gallery, path: Path) -> GallerySize:
    """Write ``gallery`` as it stands to a new file, and check that; returns what it holds.

    Others may read and write meanwhile. The file appears under its name once it is sound, mode
    0600. Raises StorageError when it cannot be written or is there already, and
    GalleryFormatError, with no file left, when the copy is damaged: then the gallery is.
    """
    with translated(str(path)), draft_beside(path) as draft:
        draft.unlink()  # save_copy writes over no file; the name was ours for a moment
        gallery.save_copy(draft)
        with SqliteGallery.open(draft, create=False, key=gallery.key) as copy:
            problems = copy.integrity_check()
            size = copy.size()
        if problems:
            raise GalleryFormatError(
                f"{gallery.where}: its copy is not sound, so none was kept: "
                f"{'; '.join(problems[:5])}; `maskwise gallery check` tells more"
            )
        publish_new(draft, path)
    return size
