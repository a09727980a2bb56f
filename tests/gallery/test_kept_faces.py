"""Faces kept in a gallery: encoders cut their chips from them as from the photo."""

from __future__ import annotations

import random
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.align import (
    ARCFACE_CHIP,
    DLIB_CHIP,
    DLIB_CHIP_68,
    align,
    by_scheme,
    transform_of,
)
from maskwise.errors import GalleryFormatError, InputError
from maskwise.gallery import kept, open_gallery
from maskwise.testing.enrolments import axis, kept_face, reference
from maskwise.testing.pictures import drawn_face, face_detection
from maskwise.types import F64, NO_MASK, ChipSpec, Image, Landmarks, Scheme

CHIPS = {"five": ARCFACE_CHIP, "dlib5": DLIB_CHIP, "ibug68": DLIB_CHIP_68}


def placed(spec: ChipSpec, centre: tuple[float, float], side: float, turn: float) -> Landmarks:
    """The landmarks of a face whose chip has that centre and side, turned by ``turn`` degrees."""
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    points = (spec.reference - (spec.size - 1) / 2) * side / spec.size
    return Landmarks(spec.scheme, np.float32(points @ np.array([[c, s], [-s, c]]) + centre))


def box_of(points: Landmarks) -> F64:
    used = points.points[CHIPS[points.scheme].used]
    middle, half = used.mean(0), float(np.ptp(used, axis=0).max()) * 0.9
    return np.concatenate([middle - half, middle + half])


@pytest.mark.parametrize("spec", [DLIB_CHIP, ARCFACE_CHIP], ids=["dlib", "arcface"])
@pytest.mark.parametrize("scheme", list(CHIPS))
@pytest.mark.parametrize("turn", [-35.0, 0.0, 20.0])
@pytest.mark.parametrize("centre", [(200, 150), (30, 40), (395, 290)])
def test_chips_are_those_of_the_photo_where_nothing_was_shrunk(
    spec: ChipSpec, scheme: Scheme, turn: float, centre: tuple[float, float]
) -> None:
    """Also at the edges of the photo, beyond which chips are black."""
    picture = drawn_face(3, (300, 400), 140)
    points = placed(CHIPS[scheme], centre, 90, turn)
    spec = by_scheme(spec, scheme)
    face = kept.unpack(kept.pack(picture, {scheme: points}, box_of(points)))
    assert face.image.width < picture.width
    wanted = align(picture, points, spec)
    got = align(face.image, face.landmarks[scheme], spec)
    # Landmarks are float32: a pixel in a thousand may round the other way.
    difference = np.abs(wanted.pixels.astype(int) - got.pixels)
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.02


@pytest.mark.parametrize("scheme", ["five", "dlib5"])
def test_a_large_face_is_shrunk_and_its_chips_stay_nearly_the_same(scheme: Scheme) -> None:
    picture = drawn_face(4, (1600, 1800), 900)
    spec = CHIPS[scheme]
    points = placed(spec, (900, 800), 1300, 12)
    blob = kept.pack(picture, {scheme: points}, box_of(points))
    face = kept.unpack(blob)
    assert max(face.image.width, face.image.height) == kept.LONGEST_SIDE
    wanted, got = align(picture, points, spec), align(face.image, face.landmarks[scheme], spec)
    np.testing.assert_allclose(got.landmarks.points, wanted.landmarks.points, atol=0.2)
    assert np.abs(wanted.pixels.astype(int) - got.pixels).mean() < 2


@given(
    side=st.floats(30, 900),
    turn=st.floats(-180, 180),
    x=st.floats(0, 500),
    y=st.floats(0, 400),
)
def test_landmarks_and_box_lie_on_the_same_pixels(
    side: float, turn: float, x: float, y: float
) -> None:
    picture = Image(np.zeros((400, 500, 3), np.uint8))
    points = placed(DLIB_CHIP, (x, y), side, turn)
    box = box_of(points)
    face = kept.unpack(kept.pack(picture, {"dlib5": points}, box))
    scale, shift = face.transform[:, :2], face.transform[:, 2]
    assert max(face.image.width, face.image.height) <= kept.LONGEST_SIDE
    np.testing.assert_allclose(scale, np.diag(np.diag(scale)))
    mapped = points.points.astype(float) @ scale.T + shift
    np.testing.assert_allclose(face.landmarks["dlib5"].points, mapped, atol=1e-3)
    np.testing.assert_allclose(
        face.box.reshape(2, 2), box.reshape(2, 2) @ scale.T + shift, atol=1e-3
    )
    # All of the chip that lies in the photo lies in what is kept.
    for spec in (DLIB_CHIP, by_scheme(ARCFACE_CHIP, "dlib5")):
        far = spec.size - 1
        corners = np.array([(0, 0), (far, 0), (0, far), (far, far)], float)
        back = cv2.invertAffineTransform(transform_of(points, spec))
        inside = np.clip(corners @ back[:, :2].T + back[:, 2], 0, [499, 399]) @ scale.T + shift
        assert (inside >= -0.51).all()
        assert (inside <= np.array([face.image.width, face.image.height]) - 0.49).all()


def test_what_is_kept_is_of_one_face_and_says_so() -> None:
    picture = drawn_face(1)
    five = placed(ARCFACE_CHIP, (120, 120), 130, 0)
    dlib5 = placed(DLIB_CHIP, (120, 120), 150, 0)
    hidden = Landmarks("dlib5", dlib5.points, np.array([True, True, False, True, True]))
    box = face_detection().box
    blob = kept.pack(picture, {"dlib5": hidden, "five": five}, box)
    assert blob == kept.pack(picture, {"five": five, "dlib5": hidden}, box)
    face = kept.unpack(blob)
    assert set(face.landmarks) == {"five", "dlib5"}
    assert face.landmarks["dlib5"].visible.tolist() == hidden.visible.tolist()
    assert face.image.source == "<kept face>"
    # A detector without landmarks, or ones that place no chip.
    assert kept.unpack(kept.pack(picture, {}, box)).landmarks == {}
    nowhere = Landmarks("five", np.zeros((5, 2), np.float32))
    assert kept.unpack(kept.pack(picture, {"five": nowhere}, box)).image.width >= 120


@pytest.mark.parametrize("box", [(1, 2, 3), (0, 0, float("nan"), 5), (500, 500, 600, 600)])
def test_what_cannot_be_kept(box: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="keep"):
        kept.pack(drawn_face(1), {}, box)


def test_landmarks_under_another_name_are_refused() -> None:
    five = Landmarks("five", np.zeros((5, 2), np.float32))
    with pytest.raises(InputError, match="another scheme's name"):
        kept.pack(drawn_face(1), {"dlib5": five}, (0, 0, 9, 9))


def test_every_kind_of_damage_is_one_clear_error() -> None:
    blob = kept_face(5)
    assert kept.fault(blob) is None
    rng = random.Random(5)
    damaged = [b"", b"x", blob[:7], blob[:-1], blob[: len(blob) // 2], blob + b"x", blob[:40]]
    plain = drawn_face(1).pixels[..., ::-1]
    damaged.append(cv2.imencode(".png", plain)[1].tobytes())  # a PNG, but no kept face
    for _ in range(60):
        at = rng.randrange(len(blob))
        damaged.append(blob[:at] + bytes([blob[at] ^ (1 << rng.randrange(8))]) + blob[at + 1 :])
    for bad in damaged:
        assert kept.fault(bad)
        with pytest.raises(GalleryFormatError, match=r"a kept face is damaged .*--keep faces"):
            kept.unpack(bad)


@pytest.mark.parametrize(
    "facts",
    [
        {"landmarks": {"six": {"points": [], "visible": []}}},
        {"landmarks": {"five": {"points": [[1, 2]], "visible": [True]}}},
        {"landmarks": {"five": {}}},
        {"landmarks": []},
        {"box": [1, 2]},
        {"box": "text"},
        {"transform": [1]},
        {"format": 9},
    ],
)
def test_facts_that_are_sound_json_and_nonsense(
    facts: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    dumps = kept.json.dumps
    monkeypatch.setattr(kept.json, "dumps", lambda told, **how: dumps({**told, **facts}, **how))
    blob = kept_face(5)
    monkeypatch.undo()
    with pytest.raises(GalleryFormatError, match="a kept face is damaged"):
        kept.unpack(blob)


def test_a_picture_too_large_to_be_a_kept_face_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kept, "LONGEST_SIDE", 2000)
    points = placed(DLIB_CHIP, (900, 800), 1300, 0)
    blob = kept.pack(drawn_face(4, (1600, 1800), 900), {"dlib5": points}, box_of(points))
    monkeypatch.undo()
    with pytest.raises(GalleryFormatError, match="million pixels"):
        kept.unpack(blob)


def test_no_byte_of_a_deleted_persons_face_is_left(tmp_path: Path) -> None:
    path = tmp_path / "people.sqlite3"
    faces = {f"p{n}": kept_face(n) for n in range(4)}
    with open_gallery(path) as gallery:
        for name, face in faces.items():
            gallery.enrol(name, [reference(name, [(NO_MASK, axis(0))], kept=face)])
        gallery.enrol("p2", [reference("p2", [(NO_MASK, axis(0))], kept=kept_face(9))])
        gallery.delete("p1")
        held = b"".join(p.read_bytes() for p in path.parent.iterdir())

    def share(face: bytes) -> float:
        parts = [face[at : at + 24] for at in range(500, len(face) - 500, 400)]
        return sum(part in held for part in parts) / len(parts)

    assert share(faces["p1"]) == 0
    assert share(faces["p2"]) == 0  # replaced
    # The same look finds those who are there (pages cut some parts in two).
    assert share(faces["p0"]) > 0.8
    assert share(kept_face(9)) > 0.8
