"""maskwise, stage by stage and end to end."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from maskwise import masks
from maskwise.align import align
from maskwise.bench.contestant import Look, references
from maskwise.compare import compare
from maskwise.errors import InputError
from maskwise.pipeline import Recognizer
from maskwise.types import Image

STAGES: Final = {
    "decode": "photo",
    "detect": "photo",
    "landmarks": "face",
    "align": "face",
    "mask state": "face",
    "encode": "face",
    "virtual masks": "face",
    "compare": "face",
}
"""The stages, and what each is counted by. Virtual masks: all types on each bare face."""

WHOLE: Final = {"identify": "photo", "enrol": "photo"}
"""End to end, as a program calls it."""


class Ours:
    """The Contestant that maskwise is: its stages on one photo, one after the other."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.recognizer = recognizer
        self._references = references(recognizer.encoder.dim)
        self._specs = [masks.spec_for(name) for name in recognizer.mask_types]
        self._enrolled = 0

    def look_at(self, path: Path) -> Look:
        """The stages by ``STAGES``. Raises ImageError for a photo that cannot be read."""
        r, look = self.recognizer, Look()
        picture = look.timed("decode", lambda: r.load(path))
        found = look.timed("detect", lambda: r.detector.detect(picture))
        if not found:
            return look
        points = look.timed("landmarks", lambda: r.predictor.predict(picture, found))
        spec = r.encoder.chip_spec
        chips = look.timed("align", lambda: [align(picture, p, spec) for p in points])
        pixels = np.stack([chip.pixels for chip in chips])
        looked_at = r.mask_classifier.chip_spec
        others = pixels
        if looked_at.name != spec.name:
            others = np.stack([align(picture, p, looked_at).pixels for p in points])
        states = look.timed("mask state", lambda: r.mask_classifier.classify(others))
        vectors = look.timed("encode", lambda: r.encoder.encode_batch(pixels))
        look.faces = len(found)
        bare = [chip for chip, state in zip(chips, states, strict=True) if not state.worn]
        if bare and self._specs:
            try:
                look.timed("virtual masks", lambda: masks.wear_on_chips(bare, self._specs))
            except InputError:  # points that no mask fits
                look.seconds.pop("virtual masks", None)
            else:
                # Of so many as there are faces; masked ones get none.
                look.seconds["virtual masks"] *= len(chips) / len(bare)
        # Last, as NumPy's threads go on spinning for a while, and would slow what comes next.
        look.timed("compare", lambda: [compare(v[None], self._references) for v in vectors])
        return look

    def whole(self, path: Path) -> Look:
        """``identify`` and ``enrol``; each photo is enrolled as a person of its own."""
        look = Look()
        content = path.read_bytes()  # decoding is counted, the disk is not
        look.faces = len(look.timed("identify", lambda: self.recognizer.identify(content)))
        self._enrolled += 1
        name = f"person {self._enrolled}"
        look.timed("enrol", lambda: self.recognizer.enrol(name, content))
        return look

    def answer(self, picture: Path | Image) -> int:
        """How many faces were found and encoded: the answer that a fresh process gives first."""
        return len(self.recognizer.encode(picture))
