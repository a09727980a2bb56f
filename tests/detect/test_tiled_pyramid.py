from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.detect import tiled_pyramid
from maskwise.testing.pictures import drawn_face
from maskwise.types import U8

MEAN = np.array([10, 20, 30], np.float32)


@given(st.integers(1, 900), st.integers(1, 900))
def test_tiles_lie_apart_within_the_whole(height: int, width: int) -> None:
    tiles, (whole_h, whole_w) = tiled_pyramid.layout(height, width)
    if width < 10:
        assert not len(tiles)
        return
    assert tiles[0].tolist() == [11, 11, width, height]
    taken = np.zeros((whole_h, whole_w), int)
    for x, y, w, h in tiles:
        assert x >= 0
        assert y >= 0
        assert x + w <= whole_w
        assert y + h <= whole_h
        taken[y : y + h, x : x + w] += 1
    # Below dlib's smallest window (80 px) its tiles may touch; no face can be found there.
    assert taken.max() == 1 or min(height, width) < 80
    ratios = tiles[1:, 2:] / tiles[:-1, 2:]
    assert (ratios <= 5 / 6 + 1e-9).all()
    assert (tiles[1:, 2:] >= np.floor(tiles[:-1, 2:] * 5 / 6) - 1).all()


def test_the_layout_doubles_back_up_the_right_side() -> None:
    tiles, whole = tiled_pyramid.layout(250, 250)
    left = tiles[:, 0] == 11
    assert 0 < left.sum() < len(tiles)
    assert (tiles[~left, 0] + tiles[~left, 2] == 11 + 250).all()
    assert (np.diff(tiles[left, 1]) == tiles[left, 3][:-1] + 10).all()
    assert (np.diff(tiles[~left, 1]) == -(tiles[~left, 3][1:] + 10)).all()
    # The whole ends 11 px below the lowest tile.
    assert whole == ((tiles[:, 1] + tiles[:, 3]).max() + 11, 250 + 2 * 11)


@pytest.mark.parametrize(("height", "width"), [(60, 90), (133, 41)])
def test_every_level_spans_the_picture(height: int, width: int) -> None:
    tiles, whole = tiled_pyramid.layout(height, width)
    across = np.linspace(0, 200, width)
    down = np.linspace(50, 250, height)
    ramps = np.broadcast_arrays(across, down[:, None], np.full((height, width), 99.0))
    pixels: U8 = np.rint(np.stack(ramps, axis=-1)).astype(np.uint8)
    built = tiled_pyramid.build(pixels, tiles, whole, MEAN)
    assert built.shape == (1, 3, *whole)
    assert built.dtype == np.float32
    left_over = np.ones(whole, bool)
    for x, y, w, h in tiles:
        level = built[0, :, y : y + h, x : x + w] * 256 + MEAN[:, None, None]
        # Rounding the ramps moves a value by half at most, and blending keeps it so.
        expected = np.broadcast_to(np.linspace(0, 200, w), (h, w))
        np.testing.assert_allclose(level[0], expected, atol=0.51)
        expected = np.broadcast_to(np.linspace(50, 250, h)[:, None], (h, w))
        np.testing.assert_allclose(level[1], expected, atol=0.51)
        np.testing.assert_allclose(level[2], 99, atol=1e-3)
        left_over[y : y + h, x : x + w] = False
    assert not built[0, :, left_over].any()


def test_boxes_go_back_to_where_their_tile_came_from() -> None:
    tiles, _ = tiled_pyramid.layout(500, 400)
    for level, (x, y, w, h) in enumerate(tiles[:10]):
        centre = np.array([[x + w / 2, y + h / 2]])
        (box,) = tiled_pyramid.to_picture(centre, np.array([5.0, 10.0]), tiles)
        scale = 1.2**level
        np.testing.assert_allclose(box[2:] - box[:2], [10 * scale, 20 * scale])
        # 0.3 px a level are dlib's, and floor() makes a level up to 1 px too small.
        middle = (box[:2] + box[2:]) / 2
        np.testing.assert_allclose(middle, [200, 250], atol=0.9 * scale * (level + 1))


def test_a_box_between_tiles_belongs_to_the_nearest() -> None:
    tiles = np.array([[0, 0, 10, 10], [0, 20, 8, 8]])
    half = np.array([1.0, 1.0])
    sizes = [
        np.ptp(tiled_pyramid.to_picture(np.array([[4.0, y]]), half, tiles).reshape(2, 2), axis=0)
        for y in (5, 13, 16, 22)
    ]
    np.testing.assert_allclose(sizes, [[2, 2], [2, 2], [2.4, 2.4], [2.4, 2.4]])


@pytest.mark.parametrize("size", [(30, 40), (57, 33), (120, 201), (10, 11)])
def test_doubling_is_dlibs(dlib: Any, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    for pixels in (
        rng.integers(0, 256, (*size, 3)).astype(np.uint8),
        np.full((*size, 3), 255, np.uint8),
        np.array(drawn_face(1, size, 8).pixels),
    ):
        ours = tiled_pyramid.doubled(pixels).astype(int)
        theirs = dlib.resize_image(pixels, 2 * size[0] + 1, 2 * size[1] + 2).astype(int)
        np.testing.assert_array_equal(ours[:, :-4], theirs[:, :-4])
        np.testing.assert_allclose(ours, theirs, atol=1)


@given(st.integers(1, 40), st.integers(1, 40))
def test_doubling_works_for_every_size(height: int, width: int) -> None:
    pixels = np.full((height, width, 3), 90, np.uint8)
    out = tiled_pyramid.doubled(pixels)
    assert out.shape == (2 * height + 1, 2 * width + 2, 3)
    assert np.abs(out.astype(int) - 90).max() <= 1
