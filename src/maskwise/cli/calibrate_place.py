"""Whose thresholds ``maskwise calibrate`` fits, and where they go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maskwise.cli.options import Tools, open_gallery
from maskwise.errors import ConfigurationError, EncoderMismatchError, OutputError

if TYPE_CHECKING:
    from maskwise.encode import Encoder
    from maskwise.evaluate.calibration import Calibration
    from maskwise.pipeline import Recognizer


@dataclass(frozen=True, slots=True)
class Place:
    """Where a calibration goes. shown: the file, or the URL without secrets.

    server: the URL of the gallery that keeps it; None for a file.
    """

    shown: str
    server: str | None = None

    def write(self, fitted: Calibration) -> None:
        """Put it there, beside what is there for probes of other encoders; all or nothing."""
        from maskwise.evaluate.calibration_file import text_of, write_calibration

        if self.server is None:
            write_calibration(self.shown, fitted)
            return
        with open_gallery(self.server) as store:
            store.keep_calibration(text_of(fitted, store.calibration()))


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
) -> Place:
    """Where to write; refused before the slow part where that cannot be."""
    from maskwise.gallery import default_place
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
                if not store.keeps_calibration:
                    raise ConfigurationError(
                        f"{store.where}: this gallery is no file, so that nothing can lie beside "
                        "it; name a file with --out"
                    )
                return Place(store.where, gallery or default_place())
            return Place(str(place_beside(store.file)))
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
    return Place(out)


def drop(gallery: str | None) -> str:
    """Take the gallery's calibration away; where it was, or ConfigurationError for none."""
    from maskwise.own_calibration import place_beside

    with open_gallery(gallery) as store:
        beside = None if store.file is None else place_beside(store.file)
        there = store.calibration() is not None if beside is None else beside.exists()
        if not there:
            raise ConfigurationError(f"{store.where} has no calibration of its own")
        if beside is None:
            store.keep_calibration(None)
            return store.where
    try:
        beside.unlink()
    except OSError as error:
        raise OutputError(f"{beside}: cannot be deleted ({error.strerror})") from error
    return str(beside)
