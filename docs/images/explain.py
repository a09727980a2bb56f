"""Make explain.jpg: why a masked sample person is recognised, as `maskwise explain --draw` has it.

python docs/images/explain.py
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from maskwise import Recognizer, samples
from maskwise.explain import explain_photo
from maskwise.explain.card import card

_OUT = Path(__file__).with_name("explain.jpg")
_PROBE = "Luca_surgical.jpg"


def main() -> None:
    """Enrol the sample people in memory, explain one probe, and write its card."""
    with Recognizer() as recognizer:
        for folder in sorted(samples.people().iterdir()):
            recognizer.enrol(folder.name, sorted(folder.glob("*.jpg")))
        (explained,) = explain_photo(recognizer, samples.probes() / _PROBE)
    Image.fromarray(card(explained).pixels).save(_OUT, quality=84)
    print(f"{_OUT}: {_OUT.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
