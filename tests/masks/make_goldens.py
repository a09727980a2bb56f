"""Draw the pictures of tests/golden/masks anew: `python tests/masks/make_goldens.py`.

Do it when the masks are meant to look different, look at the pictures, and say so in the
changelog; raise DRAWING_VERSION when specs that people have stored would draw something else.
"""

from __future__ import annotations

from pathlib import Path

from mask_scenes import GOLDENS, golden
from PIL import Image as PillowImage

FOLDER = Path(__file__).resolve().parents[1] / "golden" / "masks"

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, spec in GOLDENS.items():
        PillowImage.fromarray(golden(spec)).save(FOLDER / f"{name}.png", optimize=True)
        print(FOLDER / f"{name}.png")
