"""Whose thresholds ``maskwise calibrate`` fits, and where they go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from maskwise.cli.options import Tools, open_gallery
from maskwise.errors import ConfigurationError, EncoderMismatchError, OutputError

if TYPE_CHECKING:
    from maskwise.encode import Encoder
    from maskwise.pipeline import Recognizer


def reference_recognizer(
    tools: Tools, models: dict[str, str], probes: Recognizer
) -> Recognizer | None:
    """Who enrols with another encoder than ``probes``; None where it is the same one."""
    from maskwise.evaluate.calibration_trials import check_one_space

    found = tools.recognizer(**models)
    if found.encoder.id == probes.encoder.id:
        return None
    check_one_space(found.encoder, probes.encoder)
    return found


def place_for(
    gallery: str | None, out: str | None, encoder: Encoder, reference: Recognizer | None
) -> Path:
    """Where to write; refused before the slow part where that cannot be."""
    from maskwise.own_calibration import FORMAT, place_beside

    if out is None:
        with open_gallery(gallery) as store:
            pinned = store.encoder_id
            if reference is not None:
                store.check_encoder(reference.encoder.id)
            elif pinned not in (None, encoder.id) and store.encoder_space == encoder.space:
                raise EncoderMismatchError(
                    f"{store.where} holds templates of the encoder {pinned}, which compare with "
                    f"those of {encoder.id}; name the gallery's with --reference-encoder to fit "
                    "thresholds of the two together; where both are one file, use the --detector "
                    "that the people were enrolled with"
                )
            else:
                store.check_encoder(encoder.id)
            if store.file is None:
                raise ConfigurationError(
                    f"{store.where}: this gallery is no file, so that nothing can lie beside it; "
                    "name a file with --out"
                )
            return place_beside(store.file)
    place = Path(out)
    if not place.parent.is_dir():
        raise OutputError(f"{out}: there is no folder {place.parent}; make it first")
    if place.exists():
        try:
            ours = json.loads(place.read_text("utf-8"))["format"] == FORMAT
        except (OSError, ValueError, KeyError, TypeError):
            ours = False
        if not ours:
            raise ConfigurationError(
                f"{out}: is there already and is no calibration; name another file"
            )
    return place
