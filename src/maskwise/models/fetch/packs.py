"""Take models out of a zip that need not be what it says it is.

Only what the catalogue names is written, to where the catalogue says, so no name inside the zip
ever becomes a path. Sizes are those of the catalogue: what unpacks to more is refused.
"""

from __future__ import annotations

import hashlib
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Final

from maskwise.errors import FetchError, MaskwiseError
from maskwise.models.entries import ModelEntry
from maskwise.models.writing import in_mb, not_written, put, settle

_BLOCK: Final = 1 << 20
_MOST_NAMES: Final = 1000
_MOST_UNKNOWN: Final = 1_000_000_000  # bytes of a model whose size nobody has told us
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGES: Final = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError),
    *(NotImplementedError, ValueError, OSError),
)


def is_zip(path: Path) -> bool:
    """Whether the file begins as a zip does; False where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def take(source: Path, name: str, path: Path, most: int) -> tuple[str, int] | None:
    """Put the small file ``name`` of a zip to ``path``, if the zip holds it; its sha256 and size.

    most: bytes. Raises as ``unpack``.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            found = [i for i in archive.infolist() if i.filename.rsplit("/", 1)[-1] == name]
            if not found:
                return None
            _require_plain(found[0], len(found), most, source)
            with archive.open(found[0]) as packed:
                size = found[0].file_size
                return write_checked(packed, path, "", size, f"{source}: {name}")
    except MaskwiseError:
        raise
    except _DAMAGES as error:
        raise FetchError(f"{source} is no zip, or a damaged one ({error})") from error


def unpack(
    source: Path, models: list[tuple[ModelEntry, str]], folder: Path
) -> dict[str, tuple[str, int]]:
    """Put each of ``models`` to its place below ``folder``; name -> its sha256 and size.

    models: each with the sha256 that it must have, "" where nobody knows. Each is written beside
    its place, checked, then renamed.
    Raises FetchError for a zip that is damaged, lacks one of them, or holds it twice, as a link,
    encrypted, larger than it may be, or with another sha256; OutputError when it cannot be written.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            if len(archive.infolist()) > _MOST_NAMES:
                raise FetchError(f"{source} holds more than {_MOST_NAMES} files: no pack of ours")
            members = [(*one, _member(archive, one[0], source)) for one in models]
            return {
                model.name: _write(archive, member, model, sha, folder)
                for model, sha, member in members
            }
    except MaskwiseError:
        raise
    except _DAMAGES as error:
        raise FetchError(f"{source} is no zip, or a damaged one ({error})") from error


def _member(archive: zipfile.ZipFile, model: ModelEntry, source: Path) -> zipfile.ZipInfo:
    wanted = model.member.casefold()
    base = wanted.rsplit("/", 1)[-1]
    names = [(info.filename.casefold(), info) for info in archive.infolist()]
    found = [info for name, info in names if name == wanted]
    # Somebody may have packed the folder, or what is in it.
    found = found or [info for name, info in names if name.rsplit("/", 1)[-1] == base]
    if not found:
        raise FetchError(f"{source} holds no {model.member}")
    _require_plain(found[0], len(found), _MOST_UNKNOWN, source)
    if model.size and found[0].file_size != model.size:
        raise FetchError(
            f"{source}: {found[0].filename} has {found[0].file_size:,} bytes, expected "
            f"{model.size:,}"
        )
    return found[0]


def _require_plain(info: zipfile.ZipInfo, count: int, most: int, source: Path) -> None:
    if count > 1:
        raise FetchError(f"{source} holds {info.filename} {count} times; refused")
    if info.is_dir() or stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        raise FetchError(f"{source}: {info.filename} is no plain file; refused")
    if info.flag_bits & 0x1 or info.compress_type not in _METHODS:
        raise FetchError(f"{source}: {info.filename} is encrypted or packed in an unusual way")
    if info.file_size > most:
        raise FetchError(
            f"{source}: {info.filename} has {info.file_size:,} bytes, more than {most:,}"
        )


def _write(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, model: ModelEntry, sha256: str, folder: Path
) -> tuple[str, int]:
    what = f"{archive.filename}: {info.filename}"
    with archive.open(info) as packed:
        return write_checked(packed, folder / model.file, sha256, model.size, what)


def write_checked(
    stream: IO[bytes], path: Path, sha256: str, size: int, what: str
) -> tuple[str, int]:
    """Write ``stream`` to ``path`` if it is what it should be; its sha256 and size.

    sha256, size: "" and 0 where nobody has told us.
    Raises FetchError for another file, OutputError when it cannot be written.
    """
    most = size or _MOST_UNKNOWN
    new = path.with_name(f"{path.name}.new")
    digest = hashlib.sha256()
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = new.open("wb")
    except OSError as error:
        raise not_written(path, error, size) from error
    try:
        with target:
            while block := stream.read(_BLOCK):
                count += len(block)
                if count > most:
                    raise FetchError(f"{what} is larger than {in_mb(most)}; refused")
                digest.update(block)
                _put_out(target, block, path, size)
            _settle(target, path, size)
        if size and count != size:
            raise FetchError(f"{what} has {count:,} bytes, expected {size:,}")
        if sha256 and digest.hexdigest() != sha256:
            raise FetchError(
                f"{what} is another file: sha256 {digest.hexdigest()[:12]}..., expected "
                f"{sha256[:12]}..."
            )
        try:
            put(new, path)
        except OSError as error:
            raise not_written(path, error, size) from error
    finally:
        new.unlink(missing_ok=True)
    return digest.hexdigest(), count


def _put_out(target: IO[bytes], block: bytes, path: Path, size: int) -> None:
    try:
        target.write(block)
    except OSError as error:
        raise not_written(path, error, size) from error


def _settle(target: IO[bytes], path: Path, size: int) -> None:
    try:
        target.flush()
        settle(target.fileno())
    except OSError as error:
        raise not_written(path, error, size) from error
