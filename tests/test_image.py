"""maskwise.image: what is decoded, to which pixels; what is refused, and in which words."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageFile
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from maskwise import image
from maskwise.errors import ImageError
from maskwise.types import Image

LOSSLESS = ("PNG", "WEBP", "BMP", "TIFF", "PPM")
POSIX = pytest.mark.skipif(os.name != "posix", reason="POSIX file names and file kinds")


def noise(*shape: int, dtype: str = "uint8", seed: int = 0) -> npt.NDArray[Any]:
    high = np.iinfo(dtype).max + 1
    return np.random.default_rng(seed).integers(0, high, shape).astype(dtype)


def encoded(
    picture: PIL.Image.Image | npt.NDArray[Any], kind: str = "PNG", **options: Any
) -> bytes:
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    if kind == "WEBP":
        options = {"lossless": True, "exact": True, **options}
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def pixels(source: image.ImageInput, **options: Any) -> npt.NDArray[np.uint8]:
    got = image.load(source, **options)
    assert got.pixels.dtype == np.uint8
    assert got.pixels.flags.c_contiguous
    assert not got.pixels.flags.writeable
    return got.pixels


def refusal(source: Any, **options: Any) -> str:
    """The message of the ImageError: one printable line."""
    with pytest.raises(ImageError) as caught:
        image.load(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    message.encode()  # no surrogates
    assert ";" in message, "names a remedy"
    return message


def grey3(values: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.stack([values] * 3, axis=-1).astype(np.uint8)


def over_white(rgba: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    alpha = rgba[..., 3:].astype(np.float64) / 255
    return np.rint(rgba[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


# Files and bytes


@pytest.mark.parametrize("kind", LOSSLESS)
def test_lossless_files_give_their_pixels(kind: str, tmp_path: Path) -> None:
    want = noise(5, 7, 3)
    content = encoded(want, kind)
    path = tmp_path / "picture.jpg"  # the content counts, not the name
    path.write_bytes(content)
    for source in (path, str(path), content, bytearray(content), memoryview(content)):
        np.testing.assert_array_equal(pixels(source), want)


def test_jpeg_and_the_first_frame_of_a_gif() -> None:
    red, blue = (PIL.Image.new("RGB", (16, 8), colour) for colour in ("#c81e1e", "#1e1ec8"))
    got = pixels(encoded(red, "JPEG", quality=95))
    assert got.shape == (8, 16, 3)
    assert np.abs(got.astype(int) - [200, 30, 30]).max() <= 3
    animation = encoded(red, "GIF", save_all=True, append_images=[blue], duration=100)
    np.testing.assert_array_equal(pixels(animation), np.full((8, 16, 3), [200, 30, 30]))


def test_the_first_page_of_a_tiff_and_the_first_picture_of_an_mpo() -> None:
    first, second = (PIL.Image.fromarray(noise(8, 8, 3, seed=s)) for s in (1, 2))
    tiff = encoded(first, "TIFF", save_all=True, append_images=[second])
    np.testing.assert_array_equal(pixels(tiff), np.asarray(first))
    mpo = encoded(first, "MPO", save_all=True, append_images=[second])
    np.testing.assert_array_equal(pixels(mpo), pixels(encoded(first, "JPEG")))


def test_one_pixel_is_a_picture() -> None:
    np.testing.assert_array_equal(pixels(encoded(noise(1, 1, 3))), noise(1, 1, 3))


def test_source_is_the_path_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    content = encoded(noise(3, 3, 3))
    Path("a b.png").write_bytes(content)
    assert image.load("./a b.png").source == "./a b.png"
    assert image.load(Path("a b.png")).source == "a b.png"
    assert image.load(content).source == "<bytes>"
    assert image.load(noise(3, 3, 3)).source == "<array>"
    with PIL.Image.open("a b.png") as picture:
        assert Path(image.load(picture).source).name == "a b.png"
    assert image.load(PIL.Image.new("RGB", (3, 3))).source == "<Image>"


# EXIF orientation

AS_STORED: dict[int, Callable[[npt.NDArray[Any]], npt.NDArray[Any]]] = {
    # JEITA CP-3451, tag 0x0112: where row 0 and column 0 of the file belong in the picture.
    1: lambda u: u,  # top, left
    2: lambda u: u[:, ::-1],  # top, right
    3: lambda u: u[::-1, ::-1],  # bottom, right
    4: lambda u: u[::-1],  # bottom, left
    5: lambda u: u.swapaxes(0, 1),  # left, top
    6: lambda u: u[:, ::-1].swapaxes(0, 1),  # right, top
    7: lambda u: u[::-1, ::-1].swapaxes(0, 1),  # right, bottom
    8: lambda u: u[::-1].swapaxes(0, 1),  # left, bottom
}


def exif(orientation: Any) -> PIL.Image.Exif:
    tags = PIL.Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("orientation", AS_STORED)
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "JPEG"])
def test_exif_orientation_is_applied(kind: str, orientation: int) -> None:
    upright = np.kron(noise(2, 3, 3), np.ones((16, 16, 1), np.uint8))
    stored = np.ascontiguousarray(AS_STORED[orientation](upright))
    options: dict[str, Any] = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    content = encoded(stored, kind, exif=exif(orientation), **options)
    limit = 3 if kind == "JPEG" else 0
    assert np.abs(pixels(content).astype(int) - upright).max() <= limit
    # A picture that PIL has opened is stored the same way, and comes out the same.
    with PIL.Image.open(io.BytesIO(content)) as picture:
        np.testing.assert_array_equal(pixels(picture), pixels(content))


def test_a_picture_turned_by_pil_is_not_turned_twice() -> None:
    from PIL import ImageOps

    content = encoded(noise(4, 6, 3), exif=exif(6))
    with PIL.Image.open(io.BytesIO(content)) as picture:
        np.testing.assert_array_equal(pixels(ImageOps.exif_transpose(picture)), pixels(content))


@pytest.mark.parametrize("orientation", [1, 6])
def test_16_bit_grey_is_turned_too(orientation: int) -> None:
    upright = noise(4, 6, dtype="uint16")
    stored = np.ascontiguousarray(AS_STORED[orientation](upright))
    got = pixels(encoded(stored, exif=exif(orientation)))
    np.testing.assert_array_equal(got, grey3(np.rint(upright / 257)))


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_ignored(value: int) -> None:
    want = noise(4, 6, 3)
    np.testing.assert_array_equal(pixels(encoded(want, exif=exif(value))), want)


@pytest.mark.parametrize(
    "block",
    [
        b"Exif\0\0garbage that is no TIFF header",
        b"Exif\0\0II*\0\x08\0\0\0\x40\0\x12\x01",  # an IFD that ends in its first entry
        b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\xff\xff\xff\x7f\x40\0\0\0\0\0\0\0",
        b"Exif\0\0",
    ],
)
def test_damaged_exif_leaves_the_picture_as_it_is(block: bytes) -> None:
    for kind in ("JPEG", "PNG", "WEBP"):
        plain = PIL.Image.fromarray(noise(8, 16, 3))
        np.testing.assert_array_equal(
            pixels(encoded(plain, kind, exif=block)), pixels(encoded(plain, kind))
        )


def test_a_copy_that_still_carries_the_tag_is_turned() -> None:
    content = encoded(noise(4, 6, 3), exif=exif(6))
    with PIL.Image.open(io.BytesIO(content)) as picture:
        np.testing.assert_array_equal(pixels(picture.copy()), pixels(content))
    assert pixels(content).shape == (6, 4, 3)


# Modes


def test_grey_modes() -> None:
    values = noise(5, 6)
    np.testing.assert_array_equal(pixels(encoded(values)), grey3(values))
    bits = PIL.Image.fromarray(values).point(lambda v: 255 * (v > 99)).convert("1")
    np.testing.assert_array_equal(pixels(encoded(bits)), grey3(255 * (values > 99)))


def test_alpha_is_laid_over_white() -> None:
    rgba = noise(9, 11, 4)
    rgba[0, :, 3], rgba[1, :, 3] = 0, 255
    for kind in ("PNG", "WEBP", "TIFF"):
        got = pixels(encoded(rgba, kind))
        assert np.abs(got.astype(int) - over_white(rgba)).max() <= 1
        assert (got[0] == 255).all()
        np.testing.assert_array_equal(got[1], rgba[1, :, :3])


def test_grey_with_alpha_and_premultiplied_pictures() -> None:
    la = noise(6, 5, 2)
    rgba = np.concatenate([grey3(la[..., 0]), la[..., 1:]], axis=-1)
    want = over_white(rgba).astype(int)
    grey_alpha = PIL.Image.fromarray(rgba).convert("LA")
    assert np.abs(pixels(encoded(grey_alpha)).astype(int) - want).max() <= 2
    opaque = PIL.Image.fromarray(np.dstack([rgba[..., :3], np.full((6, 5), 255, np.uint8)]))
    for picture in (opaque.convert("RGBa"), opaque.convert("LA").convert("La")):
        assert np.abs(pixels(picture).astype(int) - rgba[..., :3]).max() <= 1


def palette_picture() -> tuple[PIL.Image.Image, npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    index, colours = noise(7, 9) % 16, noise(16, 3, seed=3)
    picture = PIL.Image.fromarray(index)
    picture.putpalette(colours.tobytes())
    assert picture.mode == "P"
    return picture, index, colours


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palette(kind: str) -> None:
    picture, index, colours = palette_picture()
    np.testing.assert_array_equal(pixels(encoded(picture, kind)), colours[index])
    np.testing.assert_array_equal(pixels(picture), colours[index])


def test_palette_with_one_transparent_colour_and_with_many() -> None:
    picture, index, colours = palette_picture()
    for kind in ("PNG", "GIF"):
        want = np.where((index == 3)[..., None], 255, colours[index])
        np.testing.assert_array_equal(pixels(encoded(picture, kind, transparency=3)), want)
    alpha = noise(16, seed=4)
    rgba = np.concatenate([colours, alpha[:, None]], axis=-1)[index]
    got = pixels(encoded(picture, transparency=alpha.tobytes()))
    assert np.abs(got.astype(int) - over_white(rgba)).max() <= 1


def test_a_transparent_colour_of_rgb_and_of_grey() -> None:
    rgb = noise(4, 4, 3)
    colour = tuple(int(v) for v in rgb[1, 2])
    got = pixels(encoded(rgb, transparency=colour))
    assert (got[1, 2] == 255).all()
    np.testing.assert_array_equal(got[0], rgb[0])
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    got = pixels(encoded(grey, transparency=5))
    np.testing.assert_array_equal(got, grey3(np.where(grey == 5, 255, grey)))


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled(kind: str) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    if kind == "PPM":  # older versions of Pillow cannot write it
        content = b"P5 256 256 65535\n" + values.astype(">u2").tobytes()
    else:
        content = encoded(values, kind)
    # value / 257 is never half-way, so rint leaves nothing open.
    np.testing.assert_array_equal(pixels(content), grey3(np.rint(values / 257)))


def test_big_endian_16_bit_tiff() -> None:
    values = noise(4, 5, dtype="uint16")
    content = encoded(PIL.Image.fromarray(values.astype(">u2")), "TIFF")
    assert content.startswith(b"MM")
    np.testing.assert_array_equal(pixels(content), grey3(np.rint(values / 257)))


def test_16_bit_grey_in_mode_i_as_older_pillows_give_it() -> None:
    values = noise(4, 5, dtype="uint16")
    picture = PIL.Image.fromarray(values.astype(np.int32))
    picture.format = "PNG"
    want = grey3(np.rint(values / 257))
    np.testing.assert_array_equal(pixels(picture), want)
    picture.getexif()[0x0112] = 3
    np.testing.assert_array_equal(pixels(picture), want[::-1, ::-1])


def test_16_bit_colour_png_keeps_its_high_byte() -> None:
    values = noise(3, 4, 3, dtype="uint16")
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    np.testing.assert_array_equal(pixels(png(4, 3, 16, 2, rows)), values >> 8)


def test_other_colour_modes() -> None:
    want = np.kron(noise(2, 2, 3), np.ones((8, 8, 1), np.uint8))
    rgb = PIL.Image.fromarray(want)
    cmyk = rgb.convert("CMYK")
    np.testing.assert_array_equal(pixels(encoded(cmyk, "TIFF")), want)
    assert np.abs(pixels(encoded(cmyk, "JPEG", quality=100)).astype(int) - want).max() <= 6
    assert np.abs(pixels(rgb.convert("YCbCr")).astype(int) - want).max() <= 3
    np.testing.assert_array_equal(pixels(rgb.convert("RGBX")), want)
    assert np.abs(pixels(rgb.convert("HSV")).astype(int) - want).max() <= 12


@pytest.mark.parametrize("mode", ["I", "F", "LAB"])
def test_modes_without_a_fixed_range_are_refused(mode: str) -> None:
    assert f"mode {mode}" in refusal(PIL.Image.new(mode, (3, 3)))
    if mode != "LAB":
        message = refusal(encoded(PIL.Image.new(mode, (3, 3)), "TIFF"))
        assert message.startswith(f"<bytes>: pixels of Pillow's mode {mode}")


# Arrays


def test_arrays_of_every_shape() -> None:
    rgb, grey, rgba = noise(4, 5, 3), noise(4, 5), noise(4, 5, 4)
    np.testing.assert_array_equal(pixels(rgb), rgb)
    np.testing.assert_array_equal(pixels(grey), grey3(grey))
    np.testing.assert_array_equal(pixels(grey[..., None]), grey3(grey))
    assert np.abs(pixels(rgba).astype(int) - over_white(rgba)).max() <= 1
    np.testing.assert_array_equal(pixels(np.ma.masked_array(rgb, rgb > 9)), rgb)


@pytest.mark.parametrize("dtype", ["<u2", ">u2"])
def test_uint16_arrays_are_scaled(dtype: str) -> None:
    values = noise(4, 5, 3, dtype="uint16").astype(dtype)
    np.testing.assert_array_equal(pixels(values), np.rint(values / 257))
    np.testing.assert_array_equal(
        pixels(values, color_order="bgr"), np.rint(values / 257)[..., ::-1]
    )


def test_bgr_turns_the_channels_of_arrays_round() -> None:
    rgb, rgba = noise(4, 5, 3), noise(4, 5, 4)
    np.testing.assert_array_equal(pixels(rgb[..., ::-1], color_order="bgr"), rgb)
    bgra = np.ascontiguousarray(rgba[..., [2, 1, 0, 3]])
    np.testing.assert_array_equal(pixels(bgra, color_order="bgr"), pixels(rgba))
    np.testing.assert_array_equal(pixels(rgb[..., 0], color_order="bgr"), grey3(rgb[..., 0]))
    np.testing.assert_array_equal(pixels(encoded(rgb), color_order="bgr"), rgb)  # a file knows
    with pytest.raises(ImageError, match="'gbr'"):
        image.load(rgb, color_order="gbr")  # type: ignore[arg-type]


slices = st.builds(slice, st.none(), st.none(), st.sampled_from([1, 2, 3, -1, -2]))


@given(
    base=hnp.arrays(
        st.sampled_from([np.uint8, np.uint16]),
        st.tuples(st.integers(1, 8), st.integers(1, 8), st.sampled_from([1, 3, 4])),
    ),
    rows=slices,
    columns=slices,
    swap=st.booleans(),
    fortran=st.booleans(),
    read_only=st.booleans(),
    flip=st.booleans(),
)
def test_a_view_is_read_as_its_contiguous_copy(
    *,
    base: npt.NDArray[Any],
    rows: slice,
    columns: slice,
    swap: bool,
    fortran: bool,
    read_only: bool,
    flip: bool,
) -> None:
    base = np.asfortranarray(base) if fortran else base
    view = base[rows, columns, :: -1 if flip else 1]
    view = view.swapaxes(0, 1) if swap else view
    view.flags.writeable = not read_only
    plain = np.array(view, order="C")
    for order in ("rgb", "bgr"):
        before = pixels(plain, color_order=order).copy()
        got = pixels(view, color_order=order)
        np.testing.assert_array_equal(got, before)
        base.flags.writeable = True
        base ^= 1  # what the caller does to the base later must not show
        np.testing.assert_array_equal(got, before)
        base ^= 1


def test_a_read_only_view_is_copied() -> None:
    base = noise(4, 5, 3)
    view = base[:]
    view.flags.writeable = False
    got = pixels(view)
    base ^= 255
    np.testing.assert_array_equal(got, noise(4, 5, 3))


def test_a_read_only_array_is_adopted_without_a_copy() -> None:
    rgb = noise(4, 5, 3)
    rgb.flags.writeable = False
    assert np.shares_memory(pixels(rgb), rgb)


@pytest.mark.parametrize("dtype", ["bool", "int8", "int64", "uint32", "float32", "float64", "O"])
def test_other_dtypes_are_refused(dtype: str) -> None:
    message = refusal(np.zeros((3, 3, 3), dtype))
    assert "expected uint8 (0 to 255) or uint16" in message
    assert str(np.dtype(dtype)) in message


@pytest.mark.parametrize(
    "shape", [(3,), (4, 5, 2), (3, 4, 5), (2, 4, 5, 3), (0, 5, 3), (4, 0), (4, 0, 4), ()]
)
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    assert str(shape) in refusal(np.zeros(shape, np.uint8)).replace("; ", " ; ")


def test_other_types_are_refused_by_name() -> None:
    class Tensor:
        def __array__(self) -> None:
            raise AssertionError("not to be converted by stealth")

    for source in (Tensor(), None, 3, [[1, 2]], io.BytesIO(b"x")):
        kind = type(source)
        assert refusal(source).startswith(f"{kind.__module__}.{kind.__qualname__}: not a picture")


# Images and digests


def test_an_image_comes_back_unchanged() -> None:
    given_image = Image(noise(3, 4, 3), "here")
    assert image.load(given_image) is given_image
    assert image.load_with_sha256(given_image)[0] is given_image


def test_the_digest_of_a_file_is_that_of_its_content(tmp_path: Path) -> None:
    content = encoded(noise(4, 5, 3))
    path = tmp_path / "a.png"
    path.write_bytes(content)
    want = hashlib.sha256(content).hexdigest()
    for source in (path, str(path), content, bytearray(content), memoryview(content)):
        picture, digest = image.load_with_sha256(source)
        assert digest == want
        np.testing.assert_array_equal(picture.pixels, noise(4, 5, 3))


def test_the_digest_of_pixels_tells_shapes_and_pixels_apart() -> None:
    rgb = noise(4, 6, 3)
    want = hashlib.sha256(b"4x6x3\n" + rgb.tobytes()).hexdigest()
    sources: list[image.ImageInput] = [rgb, PIL.Image.fromarray(rgb), Image(rgb)]
    assert {image.load_with_sha256(source)[1] for source in sources} == {want}
    assert image.load_with_sha256(rgb[..., ::-1], color_order="bgr")[1] == want
    assert image.load_with_sha256(rgb.reshape(6, 4, 3))[1] != want


def counted(patch: pytest.MonkeyPatch, owner: type, name: str, calls: list[object]) -> None:
    original = getattr(owner, name)

    def call(self: object) -> Any:
        calls.append(self)
        return original(self)

    patch.setattr(owner, name, call)


def test_a_file_is_read_once_and_decoded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(noise(4, 5, 3)))
    reads: list[object] = []
    decodes: list[object] = []
    counted(monkeypatch, Path, "read_bytes", reads)
    counted(monkeypatch, PIL.ImageFile.ImageFile, "load_prepare", decodes)
    image.load_with_sha256(path)
    assert (len(reads), len(decodes)) == (1, 1)


# Bad files


@pytest.mark.parametrize("name", ["missing.jpg", "", "a\0b.jpg", "x" * 5000])
def test_a_path_that_leads_nowhere(name: str) -> None:
    assert refusal(name).startswith(image.describe(name) + ": ")
    with pytest.raises(ImageError):
        image.find_images(name)


def test_a_file_taken_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert "no such file" in refusal(tmp_path / "a.jpg" / "b.jpg")


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    assert refusal(tmp_path) == f"{tmp_path}: a folder, not a picture; name a file in it"


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "none.jpg"
    path.touch()
    assert refusal(path).startswith(f"{path}: empty (0 bytes)")
    assert refusal(b"").startswith("<bytes>: empty (0 bytes)")


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"hello\n", "not a picture of a kind that is read"),
        (b"<!DOCTYPE html><html>", "not a picture of a kind that is read"),
        (b"\xff", "not a picture of a kind that is read"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0", "AVIF"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "video"),
    ],
)
def test_files_that_are_no_pictures(content: bytes, word: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(content)
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    assert word in message
    assert "JPEG" in message, "says what to save it as"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM", "GIF"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_truncated_file_is_refused(kind: str, share: float, tmp_path: Path) -> None:
    content = encoded(noise(64, 64, 3), kind)
    path = tmp_path / "short.jpg"
    path.write_bytes(content[: max(int(len(content) * share), 12)])
    message = refusal(path)
    assert message.startswith(f"{path}: damaged or cut short (")
    assert not PIL.ImageFile.LOAD_TRUNCATED_IMAGES


@settings(max_examples=300)
@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "BMP", "TIFF", "PPM", "GIF"]),
    cut=st.integers(0, 400),
    changes=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6),
)
def test_damage_is_refused_by_name_or_decoded(
    kind: str, cut: int, changes: list[tuple[int, int]]
) -> None:
    tags = {} if kind in ("BMP", "PPM", "GIF") else {"exif": exif(6)}
    content = bytearray(encoded(noise(6, 7, 3), kind, **tags))
    for where, value in changes:
        content[where % len(content)] = value
    content = content[: len(content) - cut] if cut < len(content) else content
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            outcome = f"<bytes>: {image.load(content, max_pixels=1_000_000).pixels.shape}"
        except ImageError as error:
            outcome = str(error)
    assert outcome.startswith("<bytes>: ")
    assert "\n" not in outcome
    assert not caught


def test_a_failure_of_any_class_becomes_an_image_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def out_of_memory(_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(PIL.ImageFile.ImageFile, "load_prepare", out_of_memory)
    assert "(MemoryError)" in refusal(encoded(noise(4, 4, 3)))


# Size


def png(
    width: int,
    height: int,
    bits: int,
    colour: int,
    rows: bytes,
    *,
    last: tuple[bytes, bytes] = (b"tEXt", b"a\0b"),
) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(*last)
        + chunk(b"IEND", b"")
    )


def test_a_bomb_is_refused_by_its_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png(30_000, 30_000, 8, 2, b""))
    limit = PIL.Image.MAX_IMAGE_PIXELS
    monkeypatch.setattr(PIL.ImageFile.ImageFile, "load", lambda _: pytest.fail("decoded"))
    message = refusal(path)
    assert message.startswith(f"{path}: 30000 x 30000 px are 900 million pixels")
    assert "limit of 180 million; make the picture smaller" in message
    with PIL.Image.open(io.BytesIO(png(9_000, 9_000, 8, 2, b""))) as picture:
        assert "81 million" in refusal(picture, max_pixels=80_000_000)
    assert limit == PIL.Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG", "GIF"])
def test_the_limit_is_the_last_size_that_passes(kind: str) -> None:
    content = encoded(noise(4, 5, 3), kind)
    assert pixels(content, max_pixels=20).shape == (4, 5, 3)
    assert "5 x 4 px" in refusal(content, max_pixels=19)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "PPM", "JPEG", "GIF"])
def test_pillow_s_own_limit_neither_warns_nor_decides(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = encoded(noise(8, 8, 3), kind)
    for limit in (40, 20):  # Pillow would warn above it, and refuse above twice as many
        monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", limit)
        assert pixels(content).shape == (8, 8, 3)
        assert limit == PIL.Image.MAX_IMAGE_PIXELS


def test_where_pillow_refuses_the_size_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    import PIL.PngImagePlugin

    def refuse(*_: object) -> None:
        raise PIL.Image.DecompressionBombError("Image size (9 pixels) exceeds limit")

    monkeypatch.setattr(PIL.PngImagePlugin, "PngImageFile", refuse)
    assert "make the picture smaller" in refusal(encoded(noise(3, 3, 3)))


def test_a_file_larger_than_any_photo_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "film.png"
    content = encoded(noise(3, 3, 3))
    path.write_bytes(content)
    monkeypatch.setattr(image, "MAX_FILE_BYTES", len(content))
    assert pixels(path).shape == (3, 3, 3)
    monkeypatch.setattr(image, "MAX_FILE_BYTES", len(content) - 1)
    assert f"{len(content)} bytes are more than a photo has" in refusal(path)


# Permissions, kinds of files, names


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(noise(3, 3, 3)))

    def deny(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "read_bytes", deny)
    assert refusal(path).startswith(f"{path}: may not be read; give yourself the permission")


def test_a_disk_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encoded(noise(3, 3, 3)))

    def fail(_: Path) -> bytes:
        raise OSError(5, "Input/output error", str(path))

    monkeypatch.setattr(Path, "read_bytes", fail)
    assert "cannot be read (Input/output error)" in refusal(path)


@POSIX
def test_pipes_and_devices_are_refused_without_waiting(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/null")):
        assert refusal(path).startswith(f"{path}: not a regular file")


@POSIX
def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    try:
        folder = os.fsencode(tmp_path) + b"/f\xfcnf\n"
        Path(os.fsdecode(folder)).mkdir()
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    path = Path(os.fsdecode(folder + b"/\xe9.png"))
    path.write_bytes(encoded(noise(3, 3, 3)))
    assert image.find_images(path.parent) == [path]
    shown = f"{tmp_path}/f\\xfcnf\\n/\\xe9.png"
    assert image.load(path).source == shown
    assert image.load(str(path)).source == shown
    path.write_bytes(b"text")
    assert refusal(path).startswith(f"{shown}: not a picture")
    path.unlink()
    assert refusal(path).startswith(f"{shown}: no such file")


def test_describe_keeps_what_people_write() -> None:
    for name in ("é ü/写真 1.jpg", "Bildschirmfoto 3.04\u202fPM.png", "👩\u200d🦰.jpg"):
        assert image.describe(name) == name
    assert image.describe("a\u2028b\ud800") == "a\\u2028b\\ud800"
    assert image.describe("") == "''"
    assert image.describe(3) == "<int>"


# Warnings and threads


def test_warnings_of_pillow_do_not_get_out_and_filters_stay(tmp_path: Path) -> None:
    plain = PIL.Image.fromarray(noise(8, 8, 3))
    corrupt = encoded(plain, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\x40\0\x12\x01")
    with pytest.warns(UserWarning, match="EXIF"), PIL.Image.open(io.BytesIO(corrupt)) as picture:
        picture.getexif()  # Pillow does warn of it
    filters = list(warnings.filters)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        errors: list[BaseException] = []

        def work() -> None:
            try:
                for _ in range(20):
                    image.load(corrupt)
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert not caught
    assert list(warnings.filters) == filters


def test_a_warning_while_decoding_does_not_get_out() -> None:
    # The frame count of an animation, after the pixels and none.
    content = png(1, 1, 8, 2, b"\0abc", last=(b"acTL", bytes(8)))
    with pytest.warns(UserWarning, match="APNG"), PIL.Image.open(io.BytesIO(content)) as picture:
        picture.load()
    assert pixels(content).tolist() == [[[97, 98, 99]]]


def test_warning_filters_are_changed_by_one_thread_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = encoded(noise(3, 3, 3))
    inside, most = [], []

    def slow(_: object) -> PIL.Image.Exif:
        inside.append(1)
        time.sleep(0.005)
        most.append(len(inside))
        inside.pop()
        return PIL.Image.Exif()

    monkeypatch.setattr(PIL.Image.Image, "getexif", slow)
    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.getexif", slow)
    threads = [threading.Thread(target=image.load, args=[content]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 4


def test_importing_the_module_does_not_import_pillow() -> None:
    code = "import sys, maskwise.image; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Folders


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def found(folder: Path) -> list[str]:
    paths = image.find_images(folder)
    assert all(isinstance(path, Path) for path in paths)
    return [path.relative_to(folder).as_posix() for path in paths]


def test_find_images_goes_down_sorts_and_skips(tmp_path: Path) -> None:
    make(tmp_path, "b/2.PNG", "b/1.jpg", "a/c/x.TiFf", "z.webp", "a.b.jpeg", "a/phone.HEIC")
    make(tmp_path, ".hidden.jpg", ".git/x.jpg", "a/._1.jpg", "notes.txt", "jpg", "a/png.")
    (tmp_path / "folder.jpg").mkdir()
    assert found(tmp_path) == [
        *("a/c/x.TiFf", "a/phone.HEIC", "a.b.jpeg", "b/1.jpg", "b/2.PNG", "z.webp")
    ]
    assert image.find_images(str(tmp_path)) == image.find_images(tmp_path)


def test_a_file_is_found_whatever_its_name(tmp_path: Path) -> None:
    make(tmp_path, ".photo.txt")
    assert image.find_images(tmp_path / ".photo.txt") == [tmp_path / ".photo.txt"]


def test_a_folder_without_pictures_names_what_is_looked_for(tmp_path: Path) -> None:
    make(tmp_path, "a/notes.txt", ".x.jpg")
    with pytest.raises(ImageError) as caught:
        image.find_images(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}: no pictures in this folder")
    assert all(suffix in message for suffix in image.IMAGE_SUFFIXES)


@POSIX
def test_links(tmp_path: Path) -> None:
    make(tmp_path, "a/1.jpg", "z/2.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "a" / "self").symlink_to("self")
    (tmp_path / "aa").symlink_to("z")  # stands under its own name, and once
    (tmp_path / "b.jpg").symlink_to("a/1.jpg")
    (tmp_path / "broken.jpg").symlink_to("nowhere.jpg")
    other = tmp_path.parent / f"{tmp_path.name}-other"
    make(other, "3.jpg")
    (tmp_path / "c").symlink_to(other)
    assert found(tmp_path) == ["a/1.jpg", "b.jpg", "broken.jpg", "c/3.jpg", "z/2.jpg"]
    assert "no such file" in refusal(tmp_path / "broken.jpg")
    link = tmp_path / "link"
    link.symlink_to("z")
    assert image.find_images(link) == [link / "2.jpg"]


def test_a_folder_that_cannot_be_listed_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a/1.jpg", "b/2.jpg")
    scandir, access = os.scandir, os.access

    def deny(path: Path) -> Any:
        if Path(path) == tmp_path / "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    monkeypatch.setattr(os, "access", lambda p, m: Path(p) != tmp_path / "b" and access(p, m))
    assert found(tmp_path) == ["a/1.jpg", "b"]
    assert refusal(tmp_path / "b").startswith(f"{tmp_path / 'b'}: may not be read")
    with pytest.raises(ImageError, match="may not be read"):
        image.find_images(tmp_path / "b")
