from __future__ import annotations

import copy
import dataclasses
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.errors import InputError
from maskwise.testing.strategies import dlib5_landmarks, similarity_transforms, unit_vectors
from maskwise.types import (
    NO_MASK,
    SCHEME_POINTS,
    Chip,
    ChipSpec,
    Detection,
    Image,
    Landmarks,
    MaskSpec,
    MaskState,
    Template,
    Wear,
    check_chips,
)

SPEC = ChipSpec("tiny", 8, "five", np.arange(10.0).reshape(5, 2))


class TestImage:
    def test_it_has_height_and_width_in_this_order(self) -> None:
        image = Image(np.zeros((2, 3, 3), np.uint8))
        assert (image.height, image.width) == (2, 3)

    def test_a_writable_array_is_copied(self) -> None:
        pixels = np.zeros((2, 2, 3), np.uint8)
        image = Image(pixels)
        pixels[:] = 9
        assert image.pixels.max() == 0
        with pytest.raises(ValueError, match="read-only"):
            image.pixels[0, 0, 0] = 1

    def test_a_read_only_array_is_adopted(self) -> None:
        pixels = np.zeros((2, 2, 3), np.uint8)
        pixels.flags.writeable = False
        assert Image(pixels).pixels is pixels

    def test_a_strided_array_is_made_contiguous(self) -> None:
        pixels = np.random.default_rng(1).integers(0, 256, (4, 6, 3)).astype(np.uint8)
        flipped = pixels[:, ::-2]
        flipped.flags.writeable = False
        image = Image(flipped)
        assert image.pixels.flags.c_contiguous
        np.testing.assert_array_equal(image.pixels, flipped)

    @pytest.mark.parametrize(
        "pixels",
        [
            np.zeros((2, 2), np.uint8),
            np.zeros((2, 2, 4), np.uint8),
            np.zeros((3, 2, 2), np.uint8),
            np.zeros((2, 2, 3), np.float32),
            np.zeros((0, 2, 3), np.uint8),
            np.zeros((2, 0, 3), np.uint8),
            [[[0, 0, 0]]],
            "photo.jpg",
        ],
    )
    def test_anything_else_is_refused(self, pixels: object) -> None:
        with pytest.raises(InputError, match=r"expected \(H, W, 3\) uint8"):
            Image(pixels)  # type: ignore[arg-type]


class TestLandmarks:
    @pytest.mark.parametrize("scheme", list(SCHEME_POINTS))
    def test_each_scheme_has_its_number_of_points(self, scheme: str) -> None:
        count = SCHEME_POINTS[scheme]
        ok = Landmarks(scheme, np.zeros((count, 2)))  # type: ignore[arg-type]
        assert ok.points.dtype == np.float32
        assert ok.visible.all()
        assert ok.visible.shape == (count,)
        with pytest.raises(InputError, match=rf"expected shape \({count}, 2\), got \({count + 1}"):
            Landmarks(scheme, np.zeros((count + 1, 2)))  # type: ignore[arg-type]

    def test_an_unknown_scheme_is_refused_with_the_known_ones(self) -> None:
        with pytest.raises(InputError, match="dlib5"):
            Landmarks("seven", np.zeros((7, 2)))  # type: ignore[arg-type]

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_points_must_be_finite(self, value: float) -> None:
        with pytest.raises(InputError, match="NaN or infinite"):
            Landmarks("five", np.full((5, 2), value))

    @pytest.mark.parametrize("points", ["abc", [[1, 2], [3]], None])
    def test_what_is_no_array_of_numbers_is_an_input_error(self, points: object) -> None:
        with pytest.raises(InputError, match="points"):
            Landmarks("five", points)  # type: ignore[arg-type]

    def test_visible_may_be_a_list_and_must_fit(self) -> None:
        visible = [True, False, True, True, False]
        found = Landmarks("five", np.zeros((5, 2)), visible)  # type: ignore[arg-type]
        assert found.visible.tolist() == visible
        with pytest.raises(InputError, match="visible"):
            Landmarks("five", np.zeros((5, 2)), np.ones(4, bool))

    def test_the_values_are_copied_and_frozen(self) -> None:
        points = np.zeros((5, 2), np.float32)
        found = Landmarks("five", points)
        points[:] = 5
        assert found.points.max() == 0
        for array in (found.points, found.visible):
            assert not array.flags.writeable

    def test_the_eyes_are_the_subjects_right_then_left(self) -> None:
        five = np.arange(10.0).reshape(5, 2)
        np.testing.assert_array_equal(Landmarks("five", five).eyes, five[:2])
        # dlib5 begins with the subject's left eye: outer and inner corner, then the right one.
        corners = np.array([[90, 40], [70, 42], [30, 40], [50, 44], [60, 70]])
        np.testing.assert_array_equal(Landmarks("dlib5", corners).eyes, [[40, 42], [80, 41]])
        ibug = np.zeros((68, 2))
        ibug[36:42], ibug[42:48] = (30, 50), (70, 52)
        np.testing.assert_array_equal(Landmarks("ibug68", ibug).eyes, [[30, 50], [70, 52]])

    def test_ipd_is_the_distance_of_the_eyes(self) -> None:
        found = Landmarks("five", [[0, 0], [3, 4], [0, 0], [0, 0], [0, 0]])  # type: ignore[arg-type]
        assert found.ipd_px == 5

    @given(dlib5_landmarks(), similarity_transforms(scale=(0.1, 5)))
    def test_mapping_there_and_back_changes_nothing(
        self, found: Landmarks, transform: np.ndarray
    ) -> None:
        inverse = np.linalg.inv(np.vstack([transform, [0, 0, 1]]))[:2]
        back = found.mapped(transform).mapped(inverse)
        np.testing.assert_allclose(back.points, found.points, atol=0.05)
        assert back.scheme == found.scheme

    def test_mapping_keeps_what_is_visible(self) -> None:
        visible = np.array([True, True, False, True, True])
        moved = Landmarks("five", np.zeros((5, 2)), visible).mapped([[2, 0, 1], [0, 2, -1]])
        np.testing.assert_array_equal(moved.visible, visible)
        np.testing.assert_array_equal(moved.points, np.tile([1, -1], (5, 1)))


class TestDetection:
    def test_the_area_is_width_times_height(self) -> None:
        assert Detection(np.array([-5, 1, 5, 3.5]), 0.2).area == 25

    @pytest.mark.parametrize("box", [(3, 0, 3, 5), (0, 5, 3, 5), (5, 0, 3, 5)])
    def test_an_empty_box_is_refused(self, box: tuple[float, ...]) -> None:
        with pytest.raises(InputError, match="x1 < x2 and y1 < y2"):
            Detection(np.array(box), 1.0)

    @pytest.mark.parametrize("box", [(0, 0, 1), (0, 0, 1, np.nan), ((0, 0, 1, 1),)])
    def test_other_shapes_and_nan_are_refused(self, box: tuple[float, ...]) -> None:
        with pytest.raises(InputError, match=r"Detection\.box"):
            Detection(np.array(box), 1.0)


class TestChip:
    def test_the_arrays_must_fit_the_spec(self) -> None:
        points = Landmarks("five", np.zeros((5, 2)))
        chip = Chip(np.zeros((8, 8, 3), np.uint8), np.eye(2, 3), SPEC, points)
        assert not chip.pixels.flags.writeable
        with pytest.raises(InputError, match=r"Chip\.pixels: expected shape \(8, 8, 3\)"):
            dataclasses.replace(chip, pixels=np.zeros((9, 8, 3), np.uint8))
        with pytest.raises(InputError, match=r"Chip\.transform"):
            dataclasses.replace(chip, transform=np.eye(3))

    def test_wider_numbers_are_not_cut_to_bytes(self) -> None:
        points = Landmarks("five", np.zeros((5, 2)))
        for pixels in (np.full((8, 8, 3), 0.7), np.full((8, 8, 3), 300), np.full((8, 8, 3), -1.0)):
            with pytest.raises(InputError, match=r"Chip\.pixels: expected an array of uint8"):
                Chip(pixels, np.eye(2, 3), SPEC, points)  # type: ignore[arg-type]

    def test_a_spec_names_what_is_wrong(self) -> None:
        with pytest.raises(InputError, match=r"ChipSpec\.reference"):
            ChipSpec("tiny", 8, "five", np.zeros((4, 2)))
        with pytest.raises(InputError, match=r"ChipSpec\.scheme"):
            ChipSpec("tiny", 8, "six", np.zeros((6, 2)))  # type: ignore[arg-type]
        with pytest.raises(InputError, match=r"ChipSpec\.size"):
            ChipSpec("tiny", 0, "five", np.zeros((5, 2)))
        with pytest.raises(InputError, match=r"ChipSpec\.fit"):
            ChipSpec("tiny", 8, "five", np.zeros((5, 2)), fit="face")  # type: ignore[arg-type]

    def test_a_spec_uses_all_points_unless_told(self) -> None:
        assert SPEC.used.tolist() == [True] * 5
        used = np.array([True, False, True, False, False])
        some = dataclasses.replace(SPEC, used=used)
        used[:] = False
        assert some.used.tolist() == [True, False, True, False, False]
        assert not some.used.flags.writeable
        assert pickle.loads(pickle.dumps(some)).used.sum() == 2
        with pytest.raises(InputError, match=r"ChipSpec\.used: a chip needs two .* got 1"):
            dataclasses.replace(SPEC, used=np.arange(5) == 2)
        with pytest.raises(InputError, match=r"ChipSpec\.used: expected shape \(5\)"):
            dataclasses.replace(SPEC, used=np.ones(4, bool))

    def test_check_chips_names_what_it_got(self) -> None:
        check_chips(np.zeros((0, 8, 8, 3), np.uint8), 8)
        for bad, got in (
            (np.zeros((8, 8, 3), np.uint8), r"\(8, 8, 3\) uint8"),
            (np.zeros((1, 8, 9, 3), np.uint8), r"\(1, 8, 9, 3\)"),
            (np.zeros((1, 8, 8, 3), np.int8), "int8"),
            ([], "list"),
        ):
            with pytest.raises(InputError, match=f"got .*{got}"):
                check_chips(bad, 8)  # type: ignore[arg-type]


mask_specs = st.builds(
    MaskSpec,
    type=st.text(max_size=20),
    color=st.from_regex(r"#[0-9a-f]{6}", fullmatch=True),
    coverage=st.floats(0, 1),
    seed=st.integers(0, 2**63),
)


class TestMaskSpecAndWear:
    @given(mask_specs)
    def test_json_reads_back_to_an_equal_value(self, spec: MaskSpec) -> None:
        text = spec.to_json()
        assert "\n" not in text
        assert MaskSpec.from_json(text) == spec
        assert MaskSpec.from_json(text).to_json() == text

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "surgical",
            "null",
            "[]",
            "{}",
            '{"type": "surgical"}',
            '{"type": "surgical", "color": "#ffffff", "size": 3}',
            '{"type": "surgical", "color": 7}',
            '{"type": "surgical", "color": "#ffffff", "seed": "3"}',
            '{"type": "surgical", "color": "#ffffff", "seed": true}',
        ],
    )
    def test_other_text_is_an_input_error_that_quotes_it(self, text: str) -> None:
        with pytest.raises(InputError, match="not a mask spec") as caught:
            MaskSpec.from_json(text)
        assert repr(text) in str(caught.value)

    def test_labels_are_for_people(self) -> None:
        spec = MaskSpec("surgical", "#aaccee")
        assert NO_MASK.label == "none"
        assert Wear("virtual", spec).label == "virtual:surgical"
        assert Wear("real").label == "real"
        assert Wear("real", type="cloth").label == "real:cloth"
        assert Wear("unknown").label == "unknown"

    @pytest.mark.parametrize("kind", ["none", "real", "unknown"])
    def test_a_spec_belongs_to_virtual_masks_and_to_no_other(self, kind: str) -> None:
        with pytest.raises(InputError, match="cannot be"):
            Wear(kind, MaskSpec("surgical", "#aaccee"))  # type: ignore[arg-type]
        with pytest.raises(InputError, match="cannot be"):
            Wear("virtual")
        with pytest.raises(InputError, match="cannot be"):
            Wear("paper")  # type: ignore[arg-type]

    @pytest.mark.parametrize(("probability", "worn"), [(0.49, False), (0.5, True), (1.0, True)])
    def test_a_mask_is_worn_from_one_half_up(self, probability: float, worn: bool) -> None:
        assert MaskState(probability).worn is worn

    def test_a_mask_state_keeps_its_alpha_and_takes_no_other(self) -> None:
        alpha = np.zeros((38, 38), np.uint8)
        kept = MaskState(0.9, style="under-nose", alpha=alpha.T).alpha
        assert kept is not None
        assert kept.flags.c_contiguous
        assert not kept.flags.writeable
        alpha[:] = 1
        assert not kept.any()
        for bad in (alpha[1:], alpha.astype(np.float32), alpha[None]):
            with pytest.raises(InputError, match=r"MaskState\.alpha"):
                MaskState(0.9, alpha=bad)
        with pytest.raises(InputError, match=r"MaskState\.style: 'slipped'"):
            MaskState(0.9, style="slipped")  # type: ignore[arg-type]


class TestTemplate:
    @given(unit_vectors(16))
    def test_unit_vectors_are_taken_as_they_are(self, rows: np.ndarray) -> None:
        template = Template(rows[0], "e/1", NO_MASK)
        np.testing.assert_array_equal(template.vector, rows[0])
        assert not template.vector.flags.writeable

    @pytest.mark.parametrize("length", [0.0, 0.99, 1.01, 2.0])
    def test_other_lengths_are_refused(self, length: float) -> None:
        with pytest.raises(InputError, match=f"unit length, got {length:.4f}"):
            Template(np.array([length, 0]), "e/1", NO_MASK)

    def test_a_matrix_and_nan_are_refused(self) -> None:
        for vector in (np.eye(2), np.array([np.nan, 1])):
            with pytest.raises(InputError, match=r"Template\.vector"):
                Template(vector, "e/1", NO_MASK)


@pytest.mark.parametrize("clone", [lambda v: pickle.loads(pickle.dumps(v)), copy.deepcopy])
def test_values_survive_pickling_and_copying(clone: object) -> None:
    template = Template(np.array([0.6, 0.8]), "e/1", Wear("virtual", MaskSpec("n95", "#ffffff")))
    again = clone(template)  # type: ignore[operator]
    np.testing.assert_array_equal(again.vector, template.vector)
    assert (again.encoder_id, again.wear) == (template.encoder_id, template.wear)


def test_values_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        NO_MASK.kind = "real"  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        SPEC.size = 9  # type: ignore[misc]
