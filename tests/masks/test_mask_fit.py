from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mask_scenes import landmarks_of, posed

from maskwise.errors import InputError
from maskwise.masks.cast import pixel_map
from maskwise.masks.face import CHIN, MODELS, MOUTH, NOSE_BASE
from maskwise.masks.fit import MAX_PITCH, MAX_YAW, MIN_IPD_PX, fit_pose
from maskwise.masks.surface import Shape, points_on
from maskwise.types import Landmarks, Scheme

PLACES = np.array([NOSE_BASE, MOUTH, CHIN, (1.0, 0.8, -0.5), (-1.0, 0.8, -0.5)])

angles = st.floats(-45, 45)
scales = st.floats(8, 400)
shifts = st.tuples(st.floats(-500, 500), st.floats(-500, 500))
jitter = st.lists(st.floats(-0.06, 0.06), min_size=10, max_size=10)


@settings(deadline=None)
@given(yaw=st.floats(-38, 38), pitch=st.floats(-12, 12), roll=angles, scale=scales, shift=shifts)
def test_the_average_face_is_found_in_its_pose(
    yaw: float, pitch: float, roll: float, scale: float, shift: tuple[float, float]
) -> None:
    truth = posed(yaw, pitch, roll, scale=scale, shift=shift)
    found = fit_pose(landmarks_of(truth))
    # The priors pull yaw and pitch a little towards zero.
    assert abs(np.degrees(found.yaw) - yaw) < 4
    assert abs(np.degrees(found.pitch) - pitch) < 5
    error = found.project(PLACES) - truth.project(PLACES)
    assert np.hypot(*error.T).max() < 0.12 * scale


@pytest.mark.parametrize("scheme", ["five", "ibug68"])
@settings(deadline=None)
@given(yaw=st.floats(-35, 35), roll=angles)
def test_the_other_schemes_agree(scheme: Scheme, yaw: float, roll: float) -> None:
    truth = posed(yaw, 3, roll, scale=50)
    found = fit_pose(landmarks_of(truth, scheme))
    error = found.project(PLACES) - truth.project(PLACES)
    assert np.hypot(*error.T).max() < 0.12 * 50


@settings(deadline=None)
@given(noise=jitter, yaw=st.floats(-30, 30), roll=angles, scale=st.floats(0.25, 8), shift=shifts)
def test_the_fit_turns_scales_and_shifts_with_the_landmarks(
    noise: list[float], yaw: float, roll: float, scale: float, shift: tuple[float, float]
) -> None:
    base = landmarks_of(posed(yaw, scale=50))
    base = Landmarks("dlib5", base.points + 50 * np.reshape(noise, (5, 2)).astype(np.float32))
    r = np.radians(roll)
    turn = scale * np.array([[np.cos(r), -np.sin(r)], [np.sin(r), np.cos(r)]])
    moved = fit_pose(base.mapped(np.hstack([turn, np.reshape(shift, (2, 1))])))
    still = fit_pose(base)
    expected = still.project(PLACES) @ turn.T + np.array(shift)
    np.testing.assert_allclose(moved.project(PLACES), expected, atol=2e-3 * 50 * scale + 2e-3)
    assert moved.yaw == pytest.approx(still.yaw, abs=2e-3)


def test_a_mirrored_face_looks_the_other_way() -> None:
    points = landmarks_of(posed(20, 5, 8)).points
    flipped = points[[2, 3, 0, 1, 4]] * [-1, 1] + [150, 0]
    pose = fit_pose(Landmarks("dlib5", points))
    mirror = fit_pose(Landmarks("dlib5", flipped.astype(np.float32)))
    assert mirror.yaw == pytest.approx(-pose.yaw, abs=1e-4)
    assert mirror.pitch == pytest.approx(pose.pitch, abs=1e-4)


@settings(deadline=None)
@given(nose_x=st.floats(-6, 6), nose_y=st.floats(0.25, 3))
def test_any_nose_gives_a_pose_within_bounds(nose_x: float, nose_y: float) -> None:
    points = landmarks_of(posed(scale=50)).points.copy()
    points[4] = (75 + 50 * nose_x, 50 + 50 * nose_y)
    _refused_or_near(Landmarks("dlib5", points))


@settings(deadline=None)
@given(
    scheme=st.sampled_from(["five", "dlib5"]),
    numbers=st.lists(st.floats(-300, 300), min_size=10, max_size=10),
)
def test_any_five_points_are_refused_or_give_a_face_near_them(
    scheme: Scheme, numbers: list[float]
) -> None:
    points = np.reshape(numbers, (5, 2)).astype(np.float32)
    _refused_or_near(Landmarks(scheme, points))


@settings(deadline=None)
@given(yaw=st.floats(-70, 70), noise=jitter, scheme=st.sampled_from(["five", "dlib5"]))
def test_noisy_points_are_refused_or_give_a_face_near_them(
    yaw: float, noise: list[float], scheme: Scheme
) -> None:
    points = landmarks_of(posed(yaw, scale=50), scheme).points
    shift = np.reshape(noise, (5, 2)).astype(np.float32) * 250
    _refused_or_near(Landmarks(scheme, points + shift))


def _refused_or_near(landmarks: Landmarks) -> None:
    try:
        pose = fit_pose(landmarks)
    except InputError:
        return
    assert abs(pose.yaw) <= MAX_YAW
    assert abs(pose.pitch) <= MAX_PITCH
    assert pose.scale <= 6 * landmarks.ipd_px + 1e-3
    arc, y = (v.ravel() for v in np.meshgrid(np.linspace(-2.1, 2.1, 9), np.linspace(-0.5, 2.3, 9)))
    far = pose.project(points_on(Shape(), arc, y)) - landmarks.points.mean(0)
    assert np.hypot(*far.T).max() < 4 * pose.scale


@pytest.mark.parametrize("scheme", ["five", "dlib5", "ibug68"])
def test_turning_the_head_moves_the_mask_without_jumps(scheme: Scheme) -> None:
    front = Shape()
    arc, y = (v.ravel() for v in np.meshgrid(np.linspace(-1.2, 1.2, 7), np.linspace(0.3, 1.9, 7)))
    places = points_on(front, arc, y)
    yaws = np.arange(-65, 65.5, 0.5)
    poses = [fit_pose(landmarks_of(posed(yaw, scale=50), scheme)) for yaw in yaws]
    found = np.degrees([pose.yaw for pose in poses])
    assert (np.diff(found) > 0.2).all()
    assert np.abs(found - yaws).max() < 6
    seen = np.array([pose.project(places) for pose in poses])
    # Half a degree moves a point at most 1.8 units from the axis by 0.016 units.
    assert np.hypot(*np.moveaxis(np.diff(seen, axis=0), -1, 0)).max() < 0.03 * 50


@settings(deadline=None)
@given(chin=st.floats(-0.15, 0.2), width=st.floats(-0.1, 0.1), yaw=st.floats(-40, 40), roll=angles)
def test_the_68_points_tell_the_length_of_the_chin(
    chin: float, width: float, yaw: float, roll: float
) -> None:
    model = MODELS["ibug68"].places
    longer = model[:, :3].copy()
    longer[:, 1] += chin * model[:, 3]
    longer[:, 0] += width * model[:, 4]
    truth = posed(yaw, 3, roll, scale=50)
    pose = fit_pose(Landmarks("ibug68", truth.project(longer).astype(np.float32)))
    found = pose.project(np.array([CHIN, NOSE_BASE]))
    expected = truth.project(np.array([longer[8], model[33, :3]]))
    assert np.hypot(*(found - expected).T).max() < 0.06 * 50


def test_invisible_points_do_not_count() -> None:
    truth = landmarks_of(posed(15, scale=50))
    spoiled = truth.points.copy()
    spoiled[0] += 30
    visible = np.array([False, True, True, True, True])
    pose = fit_pose(Landmarks("dlib5", spoiled, visible))
    expected = posed(15, scale=50).project(PLACES)
    assert np.hypot(*(pose.project(PLACES) - expected).T).max() < 0.15 * 50


def test_landmarks_that_are_no_face_are_refused() -> None:
    points = landmarks_of(posed(scale=50)).points
    with pytest.raises(InputError, match="three visible"):
        fit_pose(Landmarks("dlib5", points, np.array([True, True, False, False, False])))
    with pytest.raises(InputError, match="px apart"):
        fit_pose(Landmarks("dlib5", np.zeros((5, 2), np.float32)))
    # An 8 px face: some 3.5 px between the eyes, whichever way it looks.
    for yaw in (0, 60):
        with pytest.raises(InputError, match="too small"):
            fit_pose(landmarks_of(posed(yaw, scale=0.8 * MIN_IPD_PX)))
        fit_pose(landmarks_of(posed(yaw, scale=1.3 * MIN_IPD_PX)))
    with pytest.raises(InputError, match="swapped"):
        fit_pose(Landmarks("dlib5", points[[2, 3, 0, 1, 4]]))
    above = points.copy()
    above[4, 1] = -20
    with pytest.raises(InputError, match="cannot be a face"):
        fit_pose(Landmarks("dlib5", above))


@settings(deadline=None)
@given(yaw=st.floats(-40, 40), pitch=st.floats(-15, 15), roll=angles)
def test_a_pixel_shows_the_point_that_is_projected_there(
    yaw: float, pitch: float, roll: float
) -> None:
    pose = posed(yaw, pitch, roll, scale=80, shift=(200, 150))
    arc, y = (v.ravel() for v in np.meshgrid(np.linspace(-0.6, 0.6, 7), np.linspace(0.3, 1.6, 7)))
    shape = Shape()
    px = pose.project(points_on(shape, arc, y))
    seen = pixel_map(pose, shape, (0, 0), (400, 400))
    # Only what faces the viewer well: the far side is hidden, and the nose hides a little more.
    facing = np.abs(arc / 1.1 + np.radians(yaw)) < np.radians(45)
    column, row = np.rint(px[facing]).astype(int).T
    miss = np.hypot(seen.arc[row, column] - arc[facing], seen.y[row, column] - y[facing])
    assert np.median(miss) < 0.05
    assert (seen.inside[row, column] > 0).all()


def test_the_sky_beside_the_head_is_outside() -> None:
    pose = posed(0, scale=50, shift=(100, 80))
    seen = pixel_map(pose, Shape(), (0, 0), (200, 200))
    assert (seen.inside[100:140, :20] < 0).all()
    assert (seen.inside[100:140, 80:120] > 0).all()


def test_the_models_of_all_schemes_are_mirror_symmetric() -> None:
    for scheme in MODELS.values():
        model = scheme.places[:, :3]
        flipped = {tuple(p) for p in np.round(model * [-1, 1, 1], 6) + 0.0}
        assert flipped == {tuple(p) for p in np.round(model, 6) + 0.0}


@pytest.mark.parametrize("chin", [-0.12, 0.18])
def test_a_stretched_face_shows_its_points_where_they_are_projected(chin: float) -> None:
    model = MODELS["ibug68"].places
    longer = model[:, :3].copy()
    longer[:, 1] += chin * model[:, 3]
    points = posed(20, 3, 10, scale=80, shift=(200, 150)).project(longer)
    pose = fit_pose(Landmarks("ibug68", points.astype(np.float32)))
    arc, y = (v.ravel() for v in np.meshgrid(np.linspace(-0.6, 0.2, 7), np.linspace(0.6, 1.7, 7)))
    shape = Shape()
    column, row = np.rint(pose.project(points_on(shape, arc, y))).astype(int).T
    seen = pixel_map(pose, shape, (0, 0), (400, 400))
    assert np.median(np.hypot(seen.arc[row, column] - arc, seen.y[row, column] - y)) < 0.05
