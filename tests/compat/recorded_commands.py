"""What face_recognition 1.3.0's commands print of the sample people: recorded, to compare with.

    python tests/compat/recorded_commands.py    # where face_recognition 1.3.0 is installed too

writes tests/golden/face_recognition_commands.txt anew: each command after a "$ ", then its lines,
sorted, as that program takes files in the order in which the file system has them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

RECORD = Path(__file__).parents[1] / "golden" / "face_recognition_commands.txt"
SAMPLES = Path(__file__).parents[2] / "src" / "maskwise" / "samples"
COMMANDS = [
    "face_recognition known unknown --show-distance 1",
    "face_recognition known unknown/large.png --show-distance true",
    "face_recognition known unknown/twins.png --tolerance 0.3",
    "face_recognition known unknown/blank.png",
    "face_recognition unknown/nobody unknown/Mei_n95.jpg",
    "face_detection unknown",
    "face_detection known",
    "face_detection unknown/twins.png --model cnn",
]


def write_pictures(folder: Path) -> None:
    """The sample people as known/ and unknown/, among them odd pictures."""
    for name in ("known", "unknown/nobody"):
        (folder / name).mkdir(parents=True)
    for photo in SAMPLES.glob("people/*/*.jpg"):
        copy(photo, folder / "known" / f"{photo.parent.name}_{photo.name}")
    for photo in SAMPLES.glob("probes/*.jpg"):
        copy(photo, folder / "unknown" / photo.name)
    mei, kofi = (
        np.asarray(Image.open(SAMPLES / "people" / name / "1.jpg").convert("RGB"))
        for name in ("Mei", "Kofi")
    )
    odd = {
        "twins": np.hstack([mei, kofi]),
        "blank": np.full_like(mei, 200),
        "large": mei.repeat(7, axis=0).repeat(7, axis=1),  # above 1600 px
    }
    for name, pixels in odd.items():
        Image.fromarray(pixels).save(folder / "unknown" / f"{name}.png")
        if name != "large":
            Image.fromarray(pixels).save(folder / "known" / f"{name}.png")


def copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def recorded() -> dict[str, list[str]]:
    """Each command's lines, sorted."""
    parts = RECORD.read_text("utf-8").split("$ ")[1:]
    return {command: lines for command, *lines in map(str.splitlines, parts)}


def record() -> None:
    program = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        write_pictures(Path(folder))
        parts = []
        for command in COMMANDS:
            name, *arguments = command.split()
            done = subprocess.run(
                [program / name, *arguments],
                cwd=folder,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
                capture_output=True,
                text=True,
                check=True,
            )
            parts.append("\n".join([f"$ {command}", *sorted(done.stdout.splitlines())]) + "\n")
        RECORD.write_text("".join(parts), "utf-8")


if __name__ == "__main__":
    record()
