"""Why zeroed landmarks changed nothing, shown on one face: docs/why-zeroed-landmarks.md.

    python examples/zeroed_landmarks.py [PHOTO] [--out FOLDER]

Needs maskwise alone. With dlib installed (pip install dlib-bin, no compiler needed) it also asks
dlib itself. PHOTO: a picture with a bare face; without, one of the sample people, whom nobody is.
--out: where to put pictures of the chips, that is, of the aligned faces that the network sees.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from maskwise import detect, dlib_chip, image, landmarks, masks, samples
from maskwise.align import DLIB_CHIP, DLIB_CHIP_68, transform_of
from maskwise.compat import face_recognition
from maskwise.cover import cover
from maskwise.encode.dlib_resnet import DlibResnet
from maskwise.errors import ModelError
from maskwise.landmarks import subsets
from maskwise.landmarks.dlib68 import Dlib68
from maskwise.stages import prominence
from maskwise.types import F64, U8, Chip, Detection, Image, Landmarks

try:
    import dlib
except ImportError:
    dlib = None

QUESTION = subsets.indices("question", "ibug68")
"""What the code of the question kept of the 68; the others it set to (0, 0)."""


def main() -> None:
    """Look at one face in five ways."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("--out", type=Path, help="a folder for the pictures")
    arguments = parser.parse_args()
    photo = arguments.photo or samples.people() / "Diego" / "1.jpg"
    picture = image.load(photo)
    face, five = the_face(picture)
    all68 = sixty_eight(picture, face, five)

    subclass(picture, face, all68)
    wrecked = zeroed(picture, all68)
    which_points_matter(picture, all68)
    left_out(picture, five)
    rows = the_mask_is_still_seen(picture, five)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        save(arguments.out / "zeroed-landmarks.png", wrecked)
        save(arguments.out / "masked-chips.png", rows)
        print(f"\nThe chips are in {arguments.out}: look at them.")


def the_face(picture: Image) -> tuple[Detection, Landmarks]:
    """The main face, and its five points: four eye corners and the nose base."""
    found = detect.create("mmod").detect(picture)
    if not found:
        raise SystemExit(f"{picture.source}: no face found; name another photo")
    face = max(found, key=lambda d: prominence(d, picture))
    return face, landmarks.create().predict(picture, [face])[0]


def sixty_eight(picture: Image, face: Detection, five: Landmarks) -> Landmarks:
    """The 68 points: predicted where the weights are there and their licence was accepted.

    Else dlib's mean face laid on the five points, and a jaw that is made up: what this program
    shows does not depend on where exactly a point stands.
    """
    try:
        points = Dlib68().predict(picture, [face])[0]
    except ModelError:
        print(
            "The 68 points are dlib's mean face laid on five predicted ones: the weights of the 68"
        )
        print("forbid commercial use. `maskwise models accept dlib-68-points` takes the real ones.")
        return mean_face_on(five)
    print("The 68 points are predicted.")
    return points


def mean_face_on(five: Landmarks) -> Landmarks:
    """dlib's mean face where the five points are, in whole px as dlib's points are."""
    points = DLIB_CHIP_68.reference.copy()
    turn = np.linspace(0, np.pi, 17)
    points[:17] = points[27] + np.stack([-60 * np.cos(turn), 100 * np.sin(turn)], axis=1)
    to_chip = transform_of(five, DLIB_CHIP)
    back = np.linalg.inv(np.vstack([to_chip, [0, 0, 1]]))[:2]
    laid = points @ back[:, :2].T + back[:, 2]
    return Landmarks("ibug68", np.rint(laid).astype(np.float32))


def with_zeros(points: Landmarks, kept: Sequence[int]) -> Landmarks:
    """All points but ``kept`` at (0, 0), and all of them taken seriously."""
    moved = np.zeros_like(points.points)
    moved[list(kept)] = points.points[list(kept)]
    return Landmarks(points.scheme, moved)


def heading(text: str) -> None:
    """Print a heading."""
    print(f"\n{text}\n{'-' * len(text)}")


def subclass(picture: Image, face: Detection, points: Landmarks) -> None:
    """The subclass that overrides part() and parts(): dlib never asks it."""
    heading("1. A subclass of full_object_detection is never asked")
    if dlib is None:
        print("dlib is not installed: pip install dlib-bin shows this part.")
        return
    calls = []

    class Truncated(dlib.full_object_detection):  # type: ignore[misc]
        def part(self, index: int) -> Any:
            calls.append(index)
            return super().part(index) if index in QUESTION else dlib.point(0, 0)

        def parts(self) -> Any:
            calls.append("all")
            return dlib.points([self.part(k) for k in range(68)])

    rect = dlib.rectangle(*(int(v) for v in face.box))
    truncated = Truncated(rect, dlib_points(points))
    # Asked from Python, it answers as it should.
    asked = truncated.part(30)
    print(f"from Python, part(30) of the subclass is ({asked.x}, {asked.y})")
    calls.clear()
    plain = dlib_chip_of(picture, dlib.full_object_detection(rect, dlib_points(points)))
    sliced = dlib_chip_of(picture, truncated)
    print(f"calls of part() and parts() while dlib cuts the chip: {len(calls)}")
    print(f"the chip is the same, byte for byte: {np.array_equal(plain, sliced)}")
    same = np.array_equal(*DlibResnet().describe_batch(np.stack([plain, sliced])))
    print(f"the 128 numbers are the same, bit for bit: {same}")
    print(
        f"and maskwise cuts that very chip: {np.array_equal(dlib_chip.cut(picture, points), plain)}"
    )


def zeroed(picture: Image, points: Landmarks) -> list[tuple[str, U8]]:
    """Points that really are at (0, 0) wreck the chip."""
    heading("2. Points that really are at (0, 0) wreck the chip")
    shapes = {
        "all 68 points": points,
        "zeros but|for the eyes": with_zeros(points, subsets.indices("eyes", "ibug68")),
        "the question's|zeros": with_zeros(points, QUESTION),
        "the same points|left out": subsets.keep(points, "question"),
    }
    chips = {name: dlib_chip.cut(picture, shape) for name, shape in shapes.items()}
    whole = chips["all 68 points"]
    vectors = described(np.stack(list(chips.values())))
    for (name, chip), vector in zip(chips.items(), vectors, strict=True):
        moved = np.abs(chip.astype(int) - whole).mean()
        apart = np.linalg.norm(vector - vectors[0])
        label = name.replace("|", " ")
        print(f"{label:25} chip differs by {moved:4.1f} of 255, encoding by {apart:.2f}")
    print("Two photos of one person are usually less than 0.6 apart. Zeroing is not leaving out.")
    if dlib is not None:
        zeros = dlib.full_object_detection(
            dlib.rectangle(0, 0, 9, 9), dlib_points(shapes["the question's|zeros"])
        )
        same = np.array_equal(dlib_chip_of(picture, zeros), chips["the question's|zeros"])
        print(f"dlib cuts the same wreck: {same}")
    return list(chips.items())


def which_points_matter(picture: Image, points: Landmarks) -> None:
    """Move one point after the other, and see whether the chip changes."""
    heading("3. Jaw, brows and lower lip never matter")
    whole = dlib_chip.cut(picture, points)
    matter = []
    for k in range(68):
        moved = points.points.copy()
        moved[k] += 40
        moved_points = Landmarks("ibug68", moved)
        if dlib is None:
            chip = dlib_chip.cut(picture, moved_points)
        else:
            shape = dlib.full_object_detection(
                dlib.rectangle(0, 0, 9, 9), dlib_points(moved_points)
            )
            chip = dlib_chip_of(picture, shape)
        if not np.array_equal(chip, whole):
            matter.append(k)
    who = "maskwise cuts as dlib does" if dlib is None else "dlib itself"
    print(f"moved by 40 pixels ({who}), these change the chip: {spans(matter)}")
    print(f"the subset dlib33 is: {spans(subsets.indices('dlib33', 'ibug68'))}")


def left_out(picture: Image, five: Landmarks) -> None:
    """Align on what a mask leaves bare: a good chip, and nearly the same numbers."""
    heading("4. Leaving points out works, and on a bare face changes little")
    chips = [dlib_chip.cut(picture, subsets.keep(five, s)) for s in ("all", "eyes")]
    apart = np.linalg.norm(np.subtract(*described(np.stack(chips))))
    print(f"aligned on five points and on the eyes alone: encodings {apart:.2f} apart")
    box = tuple(int(v) for v in the_box(picture))
    (one,) = face_recognition.face_encodings_masked(picture.pixels, [box], model="small")
    print(
        f"face_encodings_masked(picture, boxes, model='small') gives {len(one)} numbers, ", end=""
    )
    print(f"the same ones: {np.allclose(one, described(chips[1][None])[0], atol=1e-5)}")


def the_mask_is_still_seen(picture: Image, five: Landmarks) -> list[tuple[str, U8]]:
    """The network sees pixels: with the landmarks of the bare face, a mask still moves it."""
    heading("5. The network still sees the mask")
    worn = masks.wear_on_image(picture, [five], [masks.spec_for("kn95")]).image
    eyes = subsets.keep(five, "eyes")
    bare, masked = (dlib_chip.cut(p, eyes)[None] for p in (picture, worn))
    shown = [("bare", bare[0]), ("masked", masked[0])]
    print("the same photo, bare and with a drawn mask, aligned alike; apart by:")
    print(f"  aligned on the eyes alone        {distance(bare, masked):.2f}")
    for how in ("mean", "flat", "mask"):
        one, other = cover(bare, how), cover(masked, how)  # type: ignore[arg-type]
        print(f'  and cover="{how}" on both sides  {distance(one, other):.2f}')
        shown.append((f"bare,|cover={how}", one[0]))
        shown.append((f"masked,|cover={how}", other[0]))
    to_chip = transform_of(five, DLIB_CHIP)
    chip = Chip(dlib_chip.cut(picture, five), to_chip, DLIB_CHIP, five.mapped(to_chip))
    others = [masks.spec_for(name) for name in masks.DEFAULT_TYPES if name != "kn95"]
    virtual, _ = masks.wear_on_chips([chip], others)
    probe = described(dlib_chip.cut(worn, five)[None])
    nearest = np.linalg.norm(described(virtual[0]) - probe, axis=1).min()
    print(f"  enrolled in five other masks     {nearest:.2f}")
    print("One photo proves nothing; docs/why-zeroed-landmarks.md has the figures of many.")
    return shown


def described(chips: U8) -> F64:
    """(N, 128): the numbers of chips."""
    return DlibResnet().describe_batch(chips).astype(np.float64)


def distance(one: U8, other: U8) -> float:
    """Between the encodings of two chips, (1, 150, 150, 3) each."""
    return float(np.linalg.norm(described(one) - described(other)))


def the_box(picture: Image) -> tuple[float, float, float, float]:
    """The face's box in face_recognition's order: top, right, bottom, left."""
    left, top, right, bottom = (float(v) for v in the_face(picture)[0].box)
    return top, right, bottom, left


def dlib_points(points: Landmarks) -> Any:
    """The points as dlib's own."""
    return [dlib.point(int(x), int(y)) for x, y in points.points]


def dlib_chip_of(picture: Image, shape: Any) -> U8:
    """The chip that dlib's network is given: 150 px, a quarter of padding."""
    return np.asarray(dlib.get_face_chip(np.array(picture.pixels), shape, 150, 0.25), np.uint8)


def spans(indices: Sequence[int]) -> str:
    """27, 28, 29, 31 -> "27-29, 31"."""
    parts: list[list[int]] = []
    for k in indices:
        if parts and parts[-1][-1] == k - 1:
            parts[-1].append(k)
        else:
            parts.append([k])
    return ", ".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts) or "none"


def save(path: Path, chips: Sequence[tuple[str, U8]]) -> None:
    """Chips side by side, four a row, each under its name ("|": a new line)."""
    font = ImageFont.load_default(14)
    columns, cell, top = min(4, len(chips)), 158, 40
    rows = -(-len(chips) // columns)
    sheet = PillowImage.new("RGB", (columns * cell + 8, rows * (cell + top) + 4), "white")
    draw = ImageDraw.Draw(sheet)
    for k, (name, chip) in enumerate(chips):
        x, y = 8 + cell * (k % columns), (cell + top) * (k // columns) + 2
        text = name.replace("|", "\n")
        draw.multiline_text((x, y + (0 if "\n" in text else 9)), text, "black", font, spacing=2)
        sheet.paste(PillowImage.fromarray(chip), (x, y + top))
    sheet.save(path, optimize=True)


if __name__ == "__main__":
    main()
