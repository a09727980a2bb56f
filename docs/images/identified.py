"""Put identified.jpg together: probes of the sample people, as `maskwise demo` annotates them.

    maskwise demo --out FOLDER
    python docs/images/identified.py FOLDER

Also masks.jpg, the demo's picture of one person in every mask, made smaller.
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

_HERE = Path(__file__).parent
_SHOWN = ("Kofi_bare", "Kofi_gas", "Mei_kn95", "Greta_surgical", "stranger-4_n95")
_HEIGHT, _GAP, _WIDTH = 400, 8, 1400


def main(demo: Path) -> None:
    """Both pictures."""
    tiles = [Image.open(demo / "annotated" / f"{name}.jpg") for name in _SHOWN]
    small = [
        tile.resize((tile.width * _HEIGHT // tile.height, _HEIGHT), Image.Resampling.LANCZOS)
        for tile in tiles
    ]
    width = sum(tile.width for tile in small) + _GAP * (len(small) - 1)
    row = Image.new("RGB", (width, _HEIGHT), "white")
    x = 0
    for tile in small:
        row.paste(tile, (x, 0))
        x += tile.width + _GAP
    row.save(_HERE / "identified.jpg", quality=84)

    masks = Image.open(demo / "masks.png").convert("RGB")
    size = (_WIDTH, masks.height * _WIDTH // masks.width)
    masks.resize(size, Image.Resampling.LANCZOS).save(_HERE / "masks.jpg", quality=86)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
