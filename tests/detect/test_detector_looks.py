from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.detect import looks
from maskwise.detect.looks import Look

sides = st.integers(1, 6000)


class TestLetterboxed:
    def test_a_wide_and_a_tall_picture(self) -> None:
        wide = looks.letterboxed((1280, 960), (640, 640))
        assert wide == Look((640, 640), (640, 480), (0, 0), (0.5, 0.5))
        tall = looks.letterboxed((250, 1000), (640, 320))
        assert tall == Look((640, 320), (80, 320), (0, 0), (0.32, 0.32))

    def test_small_pictures_are_enlarged(self) -> None:
        assert looks.letterboxed((10, 10), (640, 640)).scale == (64, 64)

    def test_sizes_are_cut_and_the_heights_scale_counts(self) -> None:
        look = looks.letterboxed((333, 1000), (640, 640))
        assert look.size == (213, 640)  # 213.12
        assert look.scale == (0.64, 0.64)

    def test_the_cut_takes_a_row_as_it_does_there(self) -> None:
        assert looks.letterboxed((352, 480), (352, 480)).size == (352, 479)

    @pytest.mark.parametrize("picture", [(2000, 3), (3, 2000), (6000, 1), (1, 6000)])
    def test_a_flat_picture_keeps_a_row(self, picture: tuple[int, int]) -> None:
        look = looks.letterboxed(picture, (640, 640))
        assert min(look.size) == 1
        assert look.scale == (look.size[0] / picture[0], look.size[1] / picture[1])

    @given(sides, sides)
    def test_the_picture_lies_in_the_canvas(self, width: int, height: int) -> None:
        look = looks.letterboxed((width, height), (640, 480))
        assert 1 <= look.size[0] <= 640
        assert 1 <= look.size[1] <= 480
        assert look.size[0] == 640 or look.size[1] == 480


class TestFitted:
    @given(sides, sides, st.sampled_from([None, (640, 640), (640, 320), (96, 64)]))
    def test_every_look_holds_the_whole_picture(
        self, width: int, height: int, fixed: tuple[int, int] | None
    ) -> None:
        for look in self.whole(looks.fitted((width, height), fixed)):
            for axis, side in enumerate((width, height)):
                assert look.place[axis] >= 0
                assert look.place[axis] + look.size[axis] <= look.canvas[axis]
                assert look.scale[axis] == look.size[axis] / side
                # Nobody is squeezed by more than rounding makes.
                scale = look.scale[0 if width >= height else 1]
                assert abs(look.size[axis] - side * scale) <= 1 or look.size[axis] == 1

    def whole(self, looks: list[Look]) -> list[Look]:
        """Those that are no tiles."""
        return [
            one
            for one in looks
            if all(side <= most for side, most in zip(one.size, one.canvas, strict=True))
        ]

    @given(sides, sides, st.sampled_from([(640, 640), (640, 320), (96, 64)]))
    def test_tiles_cover_the_picture_and_overlap(
        self, width: int, height: int, fixed: tuple[int, int]
    ) -> None:
        planned = looks.fitted((width, height), fixed)
        assert len(self.whole(planned)) == 2
        tiles = [look for look in planned if look not in self.whole(planned)]
        assert len(tiles) in (0, 2, 4)
        assert {look.canvas for look in planned} == {fixed}
        if tiles:
            size = tiles[0].size
            shown = np.zeros((size[1], size[0]), np.uint8)
            for look in tiles:
                x, y = (-start for start in look.place)
                assert x >= 0
                assert y >= 0
                part = shown[y : y + fixed[1], x : x + fixed[0]]
                part += 1
                assert part.shape == (min(fixed[1], size[1]), min(fixed[0], size[0]))
            assert shown.min() == 1
            # A face of 96 px lies in one tile wherever it is.
            assert (shown > 1).any(axis=0).sum() >= 96 or (shown > 1).any(axis=1).sum() >= 96

    @given(sides, sides)
    def test_memory_is_bounded(self, width: int, height: int) -> None:
        assert all(max(look.canvas) <= 1280 for look in looks.fitted((width, height), None))

    @pytest.mark.parametrize(
        ("picture", "first"),
        [((250, 250), 500), ((640, 480), 1280), ((1000, 900), 1280), ((4000, 3000), 1280)],
    )
    def test_the_first_look_is_the_large_one(self, picture: tuple[int, int], first: int) -> None:
        large, small = looks.fitted(picture, None)
        assert max(large.size) == first
        assert max(small.size) <= 256
        assert small.place[0] > 0  # amid a border

    @pytest.mark.parametrize("picture", [(250, 250), (4000, 3000), (100, 3000)])
    def test_a_file_of_one_size_gets_that_size(self, picture: tuple[int, int]) -> None:
        assert {look.canvas for look in looks.fitted(picture, (640, 640))} == {(640, 640)}


class TestOwnSized:
    @pytest.mark.parametrize(
        ("picture", "sizes"),
        [
            ((20, 30), [(40, 60), (20, 30)]),
            ((159, 80), [(318, 160), (159, 80)]),
            ((300, 90), [(512, 153), (160, 48)]),
            ((320, 90), [(320, 90)]),
            ((321, 200), [(321, 200), (160, 99)]),
            ((960, 1280), [(960, 1280), (120, 160)]),
            ((1500, 1000), [(1280, 853), (160, 106)]),
        ],
    )
    def test_without_tiles(self, picture: tuple[int, int], sizes: list[tuple[int, int]]) -> None:
        planned = looks.own_sized(picture)
        assert [look.size for look in planned] == sizes
        assert all(look.canvas == look.size and look.place == (0, 0) for look in planned)

    @given(sides, sides)
    def test_no_look_is_large(self, width: int, height: int) -> None:
        planned = looks.own_sized((width, height))
        assert all(1 <= side <= 1280 for look in planned for side in look.canvas)
        assert len(planned) <= 18  # 4096x4096 px

    @given(sides, sides)
    def test_the_larger_first_and_nobody_squeezed(self, width: int, height: int) -> None:
        planned = looks.own_sized((width, height))
        sizes = [max(look.size) for look in planned]
        assert sizes == sorted(sizes, reverse=True)
        assert sizes[-1] <= 160 or max(width, height) == 320
        for look in planned:
            scale = look.scale[0 if width >= height else 1]
            for axis, side in enumerate((width, height)):
                assert look.scale[axis] == look.size[axis] / side
                assert abs(look.size[axis] - side * scale) <= 1 or look.size[axis] == 1

    def test_the_small_look_is_for_close_ups_alone(self) -> None:
        large, small = looks.own_sized((640, 480))
        boxes = np.array([[0, 0, 9, 63], [0, 0, 9, 64]], np.float32)
        assert looks.counting(large, boxes).tolist() == [True, True]
        assert looks.counting(small, boxes).tolist() == [False, True]

    def test_the_small_look_is_left_out_where_a_large_face_was_seen(self) -> None:
        large, small = looks.own_sized((640, 480))
        seen = np.array([[0, 0, 9, 159], [0, 0, 9, 160]], np.float32)
        assert not looks.answered(small, (640, 480), [seen[:0], seen[:1]])
        assert looks.answered(small, (640, 480), [seen[:1], seen[1:]])
        assert not looks.answered(large, (640, 480), [seen])

    @given(st.integers(1537, 9000), st.integers(1, 9000))
    def test_tiles_cover_the_picture_and_overlap(self, width: int, height: int) -> None:
        *tiles, whole, small = looks.own_sized((width, height))
        assert (max(whole.size), max(small.size)) == (1280, 160)
        assert {look.size for look in tiles} == {tiles[0].size}
        assert max(tiles[0].size) == min(max(width, height), 4096)
        assert all(look.averaged == (max(width, height) > 4096) for look in tiles)
        for axis in (0, 1):
            side, tile = tiles[0].size[axis], tiles[0].canvas[axis]
            starts = sorted({-look.place[axis] for look in tiles})
            assert starts[0] == 0
            assert starts[-1] + tile == side
            assert tile % 32 == 0 or len(starts) == 1
            # A face of 96 px lies in one tile wherever it is.
            assert all(after + 96 <= start + tile for start, after in pairwise(starts))
        assert len({look.place for look in tiles}) == len(tiles)


class TestPlanes:
    def test_shrunk_by_means_where_the_look_says_so(self) -> None:
        pixels = np.zeros((8, 8, 3), np.uint8)
        pixels[::4] = 200
        for averaged, want in ((True, [50, 50]), (False, [0, 0])):
            look = Look((2, 2), (2, 2), (0, 0), (0.25, 0.25), averaged)
            shown = looks.planes(looks.resized(pixels, look), look, 2, bgr=False, mean=0, std=1)
            assert shown[0, 0, :, 0].tolist() == want

    def test_order_and_scale_of_colours_and_black_around(self) -> None:
        pixels = np.array([[[255, 127, 0], [1, 2, 3]]], np.uint8)
        look = Look((5, 3), (2, 1), (2, 1), (1.0, 1.0))
        rgb = looks.planes(pixels, look, 4, bgr=False, mean=127.5, std=128.0)
        assert rgb.shape == (1, 3, 4, 8)
        assert rgb.dtype == np.float32
        assert rgb.flags.c_contiguous
        assert rgb[0, :, 1, 2].tolist() == [127.5 / 128, -0.5 / 128, -127.5 / 128]
        rgb[0, :, 1, 2:4] = -127.5 / 128
        assert (rgb == np.float32(-127.5 / 128)).all()
        bgr = looks.planes(pixels, look, 4, bgr=True, mean=0, std=1)
        assert bgr[0, :, 1, 3].tolist() == [3, 2, 1]
        assert bgr.sum() == 255 + 127 + 6

    def test_a_tile_shows_its_part(self) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (48, 80, 3), np.uint8)
        look = Look((64, 32), (80, 48), (-16, -10), (1.0, 1.0))
        shown = looks.planes(pixels, look, 32, bgr=False, mean=0, std=1)
        np.testing.assert_array_equal(shown[0].transpose(1, 2, 0), pixels[10:42, 16:80])

    def test_nothing_is_resized_without_need(self) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (32, 64, 3), np.uint8)
        shown = looks.planes(pixels, looks.unchanged((64, 32)), 32, bgr=False, mean=0, std=1)
        np.testing.assert_array_equal(shown[0].transpose(1, 2, 0), pixels)

    @pytest.mark.parametrize(("width", "height"), [(500, 400), (90, 130)])
    def test_letterboxed_pictures_are_resized_as_insightface_does(
        self, width: int, height: int
    ) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)
        look = looks.letterboxed((width, height), (160, 160))
        shown = looks.planes(looks.resized(pixels, look), look, 32, bgr=False, mean=0, std=1)
        want = cv2.resize(pixels, look.size, interpolation=cv2.INTER_LINEAR)
        np.testing.assert_array_equal(
            shown[0, :, : look.size[1], : look.size[0]].transpose(1, 2, 0), want
        )


def test_boxes_at_a_tiles_inner_edges_are_cut() -> None:
    boxes = np.float32([[0, 9, 9, 20], [9, 0, 20, 9], [20, 9, 64, 20], [9, 20, 20, 64]])
    whole = Look((64, 64), (64, 64), (0, 0), (1.0, 1.0))
    assert looks.counting(whole, boxes).tolist() == [True] * 4
    upper_left = Look((64, 64), (100, 100), (0, 0), (1.0, 1.0))
    assert looks.counting(upper_left, boxes).tolist() == [True, True, False, False]
    lower_right = Look((64, 64), (100, 100), (-36, -36), (1.0, 1.0))
    assert looks.counting(lower_right, boxes).tolist() == [False, False, True, True]
