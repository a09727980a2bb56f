"""Annotated pictures and contact sheets: what is seen, where, and at any size."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageDraw

from maskwise import annotate as module
from maskwise import lettering
from maskwise.annotate import (
    COLOURS,
    FaceLabel,
    annotate,
    contact_sheet,
    draw_labels,
    label_of,
    mask_words,
)
from maskwise.answers import Face, Identification
from maskwise.testing.fakes import FakePredictor, face_picture
from maskwise.types import (
    NO_MASK,
    U8,
    Candidate,
    Decision,
    Detection,
    Image,
    MaskState,
    OperatingPoint,
    Outcome,
    Template,
)

GREY = (128, 128, 128)


def plain(height: int, width: int) -> Image:
    return Image(np.full((height, width, 3), GREY, np.uint8), "plain")


def label(box: tuple[float, float, float, float], outcome: Outcome = "match") -> FaceLabel:
    return FaceLabel(box, outcome, ("Ada Lovelace", "0.91 (needs 0.80), no mask"))


def has(pixels: U8, colour: tuple[int, int, int]) -> U8:
    """(H, W) bool: where exactly this colour is."""
    return (pixels == np.array(colour, np.uint8)).all(-1)


def rectangle(mask: U8) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask.any(1))[0], np.nonzero(mask.any(0))[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def identification(outcome: Outcome = "match", worn: float = 0.1) -> Identification:
    image = Image(face_picture([((220, 60, 60), 90, 40, 120)]))
    detection = Detection(np.array([90, 40, 209, 159], np.float32), 0.9)
    (points,) = FakePredictor().predict(image, [detection])
    vector = np.array([1, 0, 0, 0], np.float32)
    face = Face(
        detection,
        points,
        None,  # type: ignore[arg-type]
        MaskState(worn, "cloth" if worn > 0.5 else None),
        Template(vector, "e", NO_MASK),
    )
    point = OperatingPoint(0.8, 1e-3, "e", "bare-bare", "fakes")
    candidate = Candidate(1, "s1", "Ada", "r1", "ada.jpg", 0.914, NO_MASK)
    decision = Decision(outcome, 0.914, point)
    return Identification(face, (candidate,), decision)


@pytest.mark.parametrize(
    ("outcome", "worn", "lines"),
    [
        ("match", 0.1, ("Ada", "0.91 (needs 0.80), no mask")),
        ("match", 0.9, ("Ada", "0.91 (needs 0.80), cloth mask")),
        ("no_match", 0.1, ("nobody enrolled", "0.91 (needs 0.80), no mask")),
        ("insufficient", 0.1, ("could not tell", "0.91 (needs 0.80), no mask")),
    ],
)
def test_a_label_says_who_how_sure_and_what_is_worn(
    outcome: Outcome, worn: float, lines: tuple[str, ...]
) -> None:
    assert label_of(identification(outcome, worn)).lines == lines


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (MaskState(0.1), "no mask"),
        (MaskState(0.1, style="under-chin"), "mask under the chin"),
        (MaskState(0.9, style="proper"), "mask"),
        (MaskState(0.9, style="under-nose"), "mask, nose out"),
        (MaskState(0.9, "cloth", style="under-nose"), "cloth mask, nose out"),
    ],
)
def test_how_a_mask_is_worn_in_words(state: MaskState, said: str) -> None:
    assert mask_words(state) == said


def test_a_label_shows_no_miss_as_a_tie() -> None:
    found = identification("no_match")
    tie = replace(found.decision, score=0.7996)
    assert label_of(replace(found, decision=tie)).lines[1] == "0.7996 (needs 0.8000), no mask"
    near = replace(found.decision, score=0.7962)
    assert label_of(replace(found, decision=near)).lines[1] == "0.796 (needs 0.800), no mask"
    exact = replace(found.decision, score=0.8)
    assert label_of(replace(found, decision=exact)).lines[1] == "0.80 (needs 0.80), no mask"


def test_the_picture_handed_in_is_left_alone() -> None:
    image = Image(face_picture([((220, 60, 60), 90, 40, 120)]))
    before = image.pixels.copy()
    out = annotate(image, [identification()])
    assert (image.pixels == before).all()
    assert not has(before, COLOURS["match"]).any()
    assert has(out.pixels, COLOURS["match"]).sum() > 500


@pytest.mark.parametrize("outcome", list(COLOURS))
def test_the_outcome_shows_in_colour_and_line(outcome: Outcome) -> None:
    out = draw_labels(plain(600, 600), [label((200, 100, 400, 300), outcome)]).pixels
    # The label stands above the box.
    assert rectangle(has(out, COLOURS[outcome])[95:])[::3] == pytest.approx((200, 205), abs=4)
    # Along the top edge: solid, dashed or dotted.
    on = has(out, COLOURS[outcome])[100, 200:400]
    share = {"match": (1.0, 1.0), "no_match": (0.5, 0.75), "insufficient": (0.3, 0.5)}[outcome]
    assert share[0] <= on.mean() <= share[1]
    changes = np.diff(on.astype(int)).clip(0).sum()
    assert (changes == 0) == (outcome == "match")


@pytest.mark.parametrize("side", [24, 90, 250, 1000, 4000])
def test_text_is_legible_at_any_size(side: int) -> None:
    box = (0.3 * side, 0.4 * side, 0.7 * side, 0.8 * side)
    out = draw_labels(plain(side, side), [label(box)]).pixels
    assert min(out.shape[:2]) >= 480
    plate = has(out, COLOURS["match"])
    plate[round(0.395 * out.shape[0]) :] = False
    left, top, right, bottom = rectangle(plate)
    # Two lines on the plate; seen at 480 px, each is some 18 px high.
    assert (bottom - top) / out.shape[0] * 480 > 40
    assert right < out.shape[1]
    assert left >= 0


def test_boxes_are_where_the_faces_are_when_enlarged() -> None:
    out = draw_labels(plain(100, 100), [label((20, 10, 79, 69))]).pixels
    blue = has(out, COLOURS["match"])
    x1, y1, x2, _ = rectangle(blue[: 4 * 70])
    # 480 / 100: a pixel's centre at 20 lies at 20.5 * 4.8 - 0.5.
    assert (x1, y1, x2) == pytest.approx((97.9, 49.9, 381.1), abs=2.5)


def test_crowded_faces_are_numbered_and_listed_below() -> None:
    boxes = [(10 + 60 * k, 100, 60 + 60 * k, 150) for k in range(9)]
    out = draw_labels(plain(480, 560), [label(box) for box in boxes]).pixels
    assert out.shape[0] > 480
    legend = out[481:]
    assert not has(legend, GREY).any()
    text_rows = (legend < 200).all(-1).any(1)
    assert np.diff(text_rows.astype(int)).clip(0).sum() >= 9


def test_a_picture_without_a_face_says_so_below() -> None:
    out = draw_labels(plain(500, 500), []).pixels
    assert (out[:500] == 128).all()
    assert (out[500:] < 100).any()


coordinate = st.floats(-300, 900)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(coordinate, coordinate, st.floats(1, 900), st.floats(1, 900)), max_size=6),
    st.integers(1, 700),
    st.integers(1, 700),
)
def test_any_faces_can_be_drawn_on_any_picture(
    faces: list[tuple[float, float, float, float]], height: int, width: int
) -> None:
    labels = [label((x, y, x + w, y + h)) for x, y, w, h in faces]
    out = draw_labels(plain(height, width), labels).pixels
    assert out.shape[1] >= width
    assert (out == draw_labels(plain(height, width), labels).pixels).all()


def test_labels_cover_neither_faces_nor_one_another() -> None:
    boxes = [(50, 300, 250, 500), (700, 100, 900, 300), (650, 650, 850, 850)]
    labels = [label(box) for box in boxes]
    image = plain(1000, 1000)
    draw = ImageDraw.Draw(module._enlarged(image)[0])
    places = module._places(draw, [tuple(map(round, b)) for b in boxes], labels, 38, (1000, 1000))
    assert places is not None
    for a, b in itertools.combinations([*places, *boxes], 2):
        assert a[0] >= b[2] or b[0] >= a[2] or a[1] >= b[3] or b[1] >= a[3]


def test_a_long_name_is_cut_and_stays_in_the_picture() -> None:
    long = FaceLabel((200, 100, 400, 300), "match", ("A" * 300, "0.91, no mask"))
    out = draw_labels(plain(500, 500), [long]).pixels
    assert out.shape[1] == 500


def test_names_that_the_font_lacks_lose_accents_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lettering.fitted("Ada", 20)[0] == "Ada"
    monkeypatch.setattr(lettering, "_FONTS", ())
    assert lettering.fitted("Zoë Åström", 20)[0] == "Zoe Astrom"
    assert lettering.fitted("李 Li\n\x1b", 20)[0] == "? Li??"


def test_colours_differ_for_every_vision() -> None:
    # Severity 1.0 of Machado, Oliveira and Fernandes, "A Physiologically-based Model for
    # Simulation of Color Vision Deficiency", 2009: protanopia, deuteranopia, tritanopia.
    visions = [
        np.eye(3),
        np.array(
            [
                [0.152286, 1.052583, -0.204868],
                [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998],
            ]
        ),
        np.array(
            [
                [0.367322, 0.860646, -0.227968],
                [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881],
            ]
        ),
        np.array(
            [
                [1.255528, -0.076749, -0.178779],
                [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900],
            ]
        ),
    ]
    for vision in visions:
        seen = [vision @ np.array(colour) for colour in COLOURS.values()]
        for a, b in itertools.combinations(seen, 2):
            assert np.linalg.norm(a - b) > 50


@pytest.mark.parametrize("colour", COLOURS.values())
def test_white_text_stands_out(colour: tuple[int, int, int]) -> None:
    # WCAG 2.2, contrast of text: at least 4.5 to 1.
    channel = np.array(colour) / 255
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ [0.2126, 0.7152, 0.0722])
    assert 1.05 / (luminance + 0.05) >= 4.5


@pytest.mark.parametrize("count", [1, 2, 7, 14])
def test_a_contact_sheet_shows_every_picture_whole(count: int) -> None:
    colours = [(40 + 15 * k, 250 - 15 * k, 90) for k in range(count)]
    tiles = [
        (f"tile {k}", Image(np.full((60, 30 + 10 * k, 3), colour, np.uint8)))
        for k, colour in enumerate(colours)
    ]
    sheet = contact_sheet(tiles, "Ada", tile_px=100).pixels
    spots = []
    for (_, tile), colour in zip(tiles, colours, strict=True):
        x1, y1, x2, y2 = rectangle(has(sheet, colour))
        ratio = 100 / max(tile.height, tile.width)
        assert (x2 - x1 + 1, y2 - y1 + 1) == pytest.approx(
            (tile.width * ratio, tile.height * ratio), abs=1
        )
        spots.append((x1, y1, x2, y2))
    for a, b in itertools.combinations(spots, 2):
        assert a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
    assert sheet.shape[1] >= sheet.shape[0] or count <= 2
