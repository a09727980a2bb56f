"""Path, bytes, PIL picture or array -> Image: the only place that decodes pixels.

What comes out is upright 8-bit RGB:

- EXIF orientation is applied (also that of a PIL picture that still carries the tag).
- Transparency is laid over white (straight alpha), as a web page shows a cut-out portrait.
- 16-bit grey and 16-bit arrays are scaled by 1/257; 16-bit colour files lose their low byte.
- CMYK is converted without a profile; embedded ICC profiles are ignored, so the colours of a
  wide-gamut photo shift a little.
- Of an animation or a multi-page TIFF the first picture counts.

A truncated file is refused, not padded. Pillow is imported at the first call, its settings are
left as they are, and its warnings do not get out.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import stat
import threading
import unicodedata
import warnings
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from maskwise.errors import ImageError
from maskwise.types import U8, Image

if TYPE_CHECKING:
    import PIL.Image

ImageInput: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview"
    " | PIL.Image.Image | npt.NDArray[Any] | Image"
)
"""A file's path, a file's content, or a picture in memory. Arrays: (H, W), (H, W, 1), (H, W, 3)
or (H, W, 4), uint8 or uint16 over their whole range."""

ColorOrder = Literal["rgb", "bgr"]

DEFAULT_MAX_PIXELS: Final = 180_000_000
"""Larger pictures are refused by their header. Decoding takes about 10 bytes a pixel for a while,
14 with transparency: 1.8 and 2.5 GB at this limit."""

MAX_FILE_BYTES: Final = 1 << 30
"""Larger files are refused unread: no photo within DEFAULT_MAX_PIXELS needs more."""

IMAGE_SUFFIXES: Final = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    *(".pbm", ".pgm", ".ppm"),
)
"""What ``find_images`` takes for pictures that can be read. ``load`` looks at the content alone."""

_CONVERT_SUFFIXES: Final = (".heic", ".heif", ".avif")
"""Found too, so that ``load`` says what to do about them instead of their being missed."""

_FORMATS: Final = (
    (b"\xff\xd8\xff", "JpegImagePlugin", "JpegImageFile"),
    (b"\x89PNG\r\n\x1a\n", "PngImagePlugin", "PngImageFile"),
    (b"GIF8", "GifImagePlugin", "GifImageFile"),
    (b"BM", "BmpImagePlugin", "BmpImageFile"),
    (b"II*\0", "TiffImagePlugin", "TiffImageFile"),
    (b"MM\0*", "TiffImagePlugin", "TiffImageFile"),
    (b"II+\0", "TiffImagePlugin", "TiffImageFile"),
    (b"MM\0+", "TiffImagePlugin", "TiffImageFile"),
    *((b"P%d" % n, "PpmImagePlugin", "PpmImageFile") for n in range(1, 7)),
)
_SILENT_FORMATS: Final = ("JPEG", "WEBP", "BMP", "GIF")
"""Formats that Pillow decodes without a Python warning, so that threads may do so at once."""

_WARNINGS_LOCK = threading.Lock()


def _free_lock() -> None:
    """In a forked child: a thread that was not forked may have held it."""
    global _WARNINGS_LOCK  # noqa: PLW0603
    _WARNINGS_LOCK = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_free_lock)


def load(
    source: ImageInput,
    *,
    color_order: ColorOrder = "rgb",
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> Image:
    """Any picture as upright RGB; an Image comes back unchanged.

    color_order: of the channels of an array with colours; every other input knows its own.
    max_pixels: a file, bytes or PIL picture with more is refused before it is decoded.
    Raises ImageError, one line that names the picture and the remedy.
    """
    return _load(source, color_order, max_pixels)[0]


def load_with_sha256(
    source: ImageInput,
    *,
    color_order: ColorOrder = "rgb",
    max_pixels: int = DEFAULT_MAX_PIXELS,
) -> tuple[Image, str]:
    """``load``, and 64 hex digits that tell one picture from another; read and decoded once.

    For a file or bytes: the SHA-256 of the content, as ``sha256sum`` prints it. For what has
    no content (arrays, PIL pictures, Images): of ``b"<height>x<width>x3\\n"`` and then the
    decoded RGB pixels, row by row. So the same photo has one digest as a file and another as
    an array.
    """
    picture, content = _load(source, color_order, max_pixels)
    if content is not None:
        return picture, hashlib.sha256(content).hexdigest()
    digest = hashlib.sha256(f"{picture.height}x{picture.width}x3\n".encode())
    digest.update(picture.pixels.reshape(-1).data)
    return picture, digest.hexdigest()


def read(path: str | os.PathLike[str]) -> bytes:
    """The content of a picture's file; ImageError as ``load`` where it cannot be read."""
    return _read(os.fspath(path), describe(path))


def decode(content: bytes, name: str, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Image:
    """What ``load`` makes of a file of this content, called ``name``; raises as ``load``."""
    return _checked(_opened(content, name), name, max_pixels)


def describe(source: object) -> str:
    """A printable name of any input, for messages: the path as it was given, or its kind.

    Bytes of a file name that are no UTF-8, and control characters, are written as escapes.
    """
    if isinstance(source, Image):
        return source.source
    if isinstance(source, bytes | bytearray | memoryview):
        return "<bytes>"
    if isinstance(source, np.ndarray):
        return "<array>"
    if isinstance(source, str | os.PathLike):
        return _printable(os.fspath(source)) or "''"
    return _printable(getattr(source, "filename", "")) or f"<{type(source).__name__}>"


def find_images(path: str | os.PathLike[str]) -> list[Path]:
    """The pictures in a folder and the folders in it, sorted; a file is returned as it is.

    Goes by IMAGE_SUFFIXES in any case (and finds HEIC and AVIF, for ``load`` to explain).
    Names that begin with a dot are skipped. Links are followed, each folder is visited once.
    What has the name of a picture and cannot be read is returned too, and so is a folder that
    cannot be listed: ``load`` raises for it, and nothing is lost without a word.
    Raises ImageError when the path is missing or the folder holds no picture.
    """
    top, name = Path(path), describe(path)
    try:
        if not stat.S_ISDIR(_status(os.fspath(path)).st_mode):
            return [top]
        found = sorted(_walk(top))
    except (OSError, ValueError) as error:
        raise ImageError(f"{name}: {_why_unreadable(error)}") from error
    if not found:
        suffixes = " ".join(IMAGE_SUFFIXES)
        raise ImageError(
            f"{name}: no pictures in this folder; looked in it and below for {suffixes}"
        )
    return found


def _walk(top: Path) -> Iterator[Path]:
    """Pictures below ``top``. Links to folders come last: a folder counts where it stands."""
    folders, links = deque([top]), deque[Path]()
    seen: set[tuple[int, int]] = set()
    while folders or links:
        folder = folders.popleft() if folders else links.popleft()
        try:
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = list(os.scandir(folder))
        except OSError:
            if folder == top:
                raise
            yield folder
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                (links if entry.is_symlink() else folders).append(folder / entry.name)
            elif Path(entry.name).suffix.lower() in (*IMAGE_SUFFIXES, *_CONVERT_SUFFIXES):
                yield folder / entry.name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _load(
    source: ImageInput, color_order: ColorOrder, max_pixels: int
) -> tuple[Image, bytes | None]:
    """The Image, and the file's content where there is one."""
    if color_order not in ("rgb", "bgr"):
        raise ImageError(f"color_order: expected 'rgb' or 'bgr', got {color_order!r}")
    name = describe(source)
    if isinstance(source, Image):
        return source, None
    if isinstance(source, np.ndarray):
        return Image(_from_array(source, color_order), name), None
    content: bytes | None = None
    if isinstance(source, str | os.PathLike):
        content = _read(os.fspath(source), name)
    elif isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
    if content is not None:
        picture = _opened(content, name)
    else:
        from PIL.Image import Image as Picture

        if not isinstance(source, Picture):
            raise ImageError(_wrong_type(source))
        picture = source
    return _checked(picture, name, max_pixels), content


def _checked(picture: PIL.Image.Image, name: str, max_pixels: int) -> Image:
    width, height = picture.size
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width} x {height} px are {width * height / 1e6:.4g} million pixels, more "
            f"than the limit of {max_pixels / 1e6:.4g} million; make the picture smaller"
        )
    return Image(_pixels(picture, name), name)


def _read(path: str, name: str) -> bytes:
    try:
        status = _status(path)
        if stat.S_ISDIR(status.st_mode):
            if not os.access(path, os.R_OK | os.X_OK):
                raise PermissionError
            raise ImageError(f"{name}: a folder, not a picture; name a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(
                f"{name}: not a regular file but a pipe, socket or device; save the picture to "
                "a file first"
            )
        if status.st_size > MAX_FILE_BYTES:
            raise ImageError(
                f"{name}: {status.st_size:,} bytes are more than a photo has "
                f"(limit {MAX_FILE_BYTES:,}); save it as JPEG"
            )
        return Path(path).read_bytes()
    except ImageError:
        raise
    except (OSError, ValueError) as error:
        raise ImageError(f"{name}: {_why_unreadable(error)}") from error


def _status(path: str) -> os.stat_result:
    if not path:  # Path("") would be the current folder
        raise FileNotFoundError
    return Path(path).stat()


def _why_unreadable(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return "no such file or folder; check the path"
    if isinstance(error, PermissionError):
        return "may not be read; give yourself the permission to read it"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"cannot be read ({reason or _one_line(error)}); check the path and the disk"


def _opened(content: bytes, name: str) -> PIL.Image.Image:
    """The picture with its header read. The plugin is called directly: ``PIL.Image.open``
    would first hold the size against a limit of its own, which belongs to the user's process.
    """
    plugin, kind = _plugin(content, name)
    from PIL.Image import DecompressionBombError

    with _quietly():
        try:
            factory = getattr(importlib.import_module(f"PIL.{plugin}"), kind)
            picture: PIL.Image.Image = factory(io.BytesIO(content))
        except DecompressionBombError as error:
            raise ImageError(f"{name}: {_one_line(error)}; make the picture smaller") from error
        except Exception as error:  # of any class, where the file is damaged
            raise _damaged(name, error) from error
    return picture


def _plugin(content: bytes, name: str) -> tuple[str, str]:
    """Pillow's module and class for ``content``, by its first bytes."""
    if not content:
        raise ImageError(f"{name}: empty (0 bytes); get the picture again from where it came")
    for magic, plugin, kind in _FORMATS:
        if content.startswith(magic):
            return plugin, kind
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WebPImagePlugin", "WebPImageFile"
    if content[4:8] == b"ftyp":
        brand = content[8:12]
        if brand[:3] in (b"hei", b"hev", b"mif", b"msf"):
            raise ImageError(f"{name}: a HEIC picture, which is not read; export it as JPEG")
        if brand[:3] == b"avi":
            raise ImageError(f"{name}: an AVIF picture, which is not read; export it as JPEG")
        raise ImageError(f"{name}: a video, not a picture; save a frame of it as JPEG or PNG")
    raise ImageError(
        f"{name}: not a picture of a kind that is read (JPEG, PNG, WebP, BMP, GIF, TIFF, PPM); "
        "save it as JPEG or PNG"
    )


def _pixels(picture: PIL.Image.Image, name: str) -> U8:
    """(H, W, 3) uint8 RGB, upright, read-only."""
    from PIL.Image import Transpose

    # The steps that bring each EXIF orientation (JEITA CP-3451, tag 0x0112) upright.
    steps = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }
    try:
        with nullcontext() if picture.format in _SILENT_FORMATS else _quietly():
            picture.load()
        # Only now: Pillow turns TIFF by itself, and a PNG may carry EXIF after its pixels.
        step = steps.get(_orientation(picture))
        kind = picture.format
        upright = picture if step is None else picture.transpose(step)
        return _rgb(upright, kind, name)
    except ImageError:
        raise
    except Exception as error:  # of any class, where the file is damaged
        raise _damaged(name, error) from error


def _orientation(picture: PIL.Image.Image) -> int:
    with _quietly():
        try:
            value = picture.getexif().get(0x0112, 1)
        except Exception:  # damaged EXIF says nothing; the pixels are sound
            return 1
    return value if isinstance(value, int) else 1


def _rgb(picture: PIL.Image.Image, kind: str | None, name: str) -> U8:
    mode = picture.mode
    # PNG and PGM of 16 bits come as I;16 or, from older versions of Pillow, as I.
    if mode.startswith("I;16") or (mode == "I" and kind in ("PNG", "PPM")):
        grey = _eight_bits(np.asarray(picture).astype(np.uint16))
        return _owned(np.repeat(grey[..., None], 3, axis=2))
    if mode in ("I", "F", "LAB"):
        raise ImageError(
            f"{name}: pixels of Pillow's mode {mode} have no fixed range of grey or RGB; "
            "save the picture with 8 bits a channel"
        )
    if mode not in ("CMYK", "YCbCr") and picture.has_transparency_data:
        return _over_white(picture)
    return np.asarray(picture if mode == "RGB" else picture.convert("RGB"))


def _over_white(picture: PIL.Image.Image) -> U8:
    import PIL.Image

    if picture.mode == "La":
        picture = picture.convert("LA")
    rgba = picture if picture.mode == "RGBA" else picture.convert("RGBA")
    white = PIL.Image.new("RGB", rgba.size, "white")
    white.paste(rgba, mask=rgba)
    return np.asarray(white)


def _from_array(array: npt.NDArray[Any], color_order: ColorOrder) -> U8:
    """(H, W, 3) uint8 RGB, read-only, sharing no memory that the caller may change."""
    dtype, shape = array.dtype, array.shape
    if dtype.kind != "u" or dtype.itemsize > 2:
        raise ImageError(
            f"<array>: expected uint8 (0 to 255) or uint16 (0 to 65535), got {dtype}; scale "
            "other values to 0..255 and convert them with .astype(numpy.uint8)"
        )
    pixels = np.asarray(array)[..., None] if array.ndim == 2 else np.asarray(array)
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3, 4):
        raise ImageError(
            "<array>: expected one picture of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            f"got {shape}; put the channels last and pass the pictures of a batch one by one"
        )
    if pixels.size == 0:
        raise ImageError(f"<array>: no pixels in {shape}; check the slice that cut it out")
    if dtype.itemsize == 2:
        pixels = _eight_bits(pixels)
    channels = pixels.shape[2]
    if channels == 1:
        return _owned(np.repeat(pixels, 3, axis=2))
    if color_order == "bgr":
        pixels = pixels[..., [2, 1, 0, 3][:channels]]
    if channels == 4:
        import PIL.Image

        return _over_white(PIL.Image.fromarray(np.ascontiguousarray(pixels)))
    # Adopt what nobody may write to; a read-only view says nothing of its base.
    safe = not array.flags.writeable and array.base is None
    out = np.ascontiguousarray(pixels)
    return _owned(out.copy() if np.may_share_memory(out, array) and not safe else out)


def _eight_bits(values: npt.NDArray[np.uint16]) -> U8:
    """The nearest of 0..255 to value / 257 (never half-way): 65535 becomes 255."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _owned(pixels: U8) -> U8:
    """Made read-only, so that Image adopts it instead of copying."""
    pixels.flags.writeable = False
    return pixels


@contextmanager
def _quietly() -> Iterator[None]:
    """Swallow Pillow's warnings. Filters belong to the process, hence one thread at a time."""
    with _WARNINGS_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _damaged(name: str, error: Exception) -> ImageError:
    return ImageError(
        f"{name}: damaged or cut short ({_one_line(error)}); get the picture again from where "
        "it came"
    )


def _wrong_type(source: object) -> str:
    kind = type(source)
    return (
        f"{kind.__module__}.{kind.__qualname__}: not a picture; expected a path, a file's bytes, "
        "a PIL picture or a NumPy array of (H, W, 3) uint8 (tensors: .cpu().numpy(); open "
        "files: .read())"
    )


def _one_line(error: Exception) -> str:
    return _printable(" ".join(str(error).split())) or type(error).__name__


def _printable(text: str | bytes) -> str:
    try:
        shown = os.fsencode(text).decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        shown = os.fsdecode(text)
    return "".join(
        c.encode("unicode_escape").decode()
        if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")
        else c
        for c in shown
    )
