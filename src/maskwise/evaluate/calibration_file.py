"""A calibration as a JSON file, which decisions use.

It has the form of the shipped ``operating_points.json``: ``encoders`` -> encoder id -> wear pair ->
a table of FMRs and thresholds (see ``decide``), each with its counts and its map of scores; beside
them ``provenance``, what the scores were made of, and ``refused``, what could not be fitted. A file
of several encoders holds these for each, under ``made``. ``own_calibration`` reads of it what
decisions need.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from maskwise.decide import OperatingCurve, references_of
from maskwise.errors import ConfigurationError, EvaluationError
from maskwise.evaluate.calibration import Calibration, PairCalibration, known_pair
from maskwise.evaluate.files import written_at_once
from maskwise.evaluate.llr import map_from_json
from maskwise.evaluate.scores import Provenance
from maskwise.image import describe
from maskwise.own_calibration import FORMAT, VERSION, entries, joined
from maskwise.types import WearPair


def write_calibration(path: str | os.PathLike[str], calibration: Calibration) -> None:
    """Write ``calibration`` as JSON, at once or not at all; OutputError where that fails.

    What the file holds of the same references' encoder with the probes of others stays.
    """
    there = None
    with contextlib.suppress(OSError, ValueError):
        there = Path(path).read_text("utf-8")
    with written_at_once(path) as file:
        file.write(text_of(calibration, there).encode())


def text_of(calibration: Calibration, there: str | None = None) -> str:
    """``calibration`` as the text of a file, JSON, that takes the place of ``there``."""
    own = calibration.encoder_id
    parts = {
        name: part
        for name, part in _entries_there(there).items()
        if references_of(name) == references_of(own)
    }
    content = joined({**parts, own: to_json(calibration)})
    return json.dumps(content, indent=1, sort_keys=True) + "\n"


def _entries_there(text: str | None) -> dict[str, dict[str, Any]]:
    """What a file holds; nothing where it is not there or damaged: it is replaced."""
    if text is not None:
        with contextlib.suppress(KeyError, TypeError, AttributeError, ValueError):
            given = json.loads(text)
            if given["format"] == FORMAT:
                return entries(given)
    return {}


def to_json(calibration: Calibration) -> dict[str, Any]:
    """The content of a file that holds it alone, as ``json`` takes it."""
    given = calibration.provenance
    return {
        "format": FORMAT,
        "version": 1,
        "encoders": {
            calibration.encoder_id: {
                pair: {
                    "fmr": list(found.curve.fmr),
                    "threshold": list(found.curve.thresholds),
                    "calibrated_on": found.curve.calibrated_on,
                    "mated": found.mated,
                    "non_mated": found.non_mated,
                    "people": found.people,
                    "llr": found.scores_to_llr.to_json(),
                    "cllr": found.cllr,
                    "min_cllr": found.min_cllr,
                }
                for pair, found in calibration.pairs.items()
            }
        },
        "provenance": {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in ((n, getattr(given, n)) for n in Provenance.__slots__)
        },
        "refused": dict(calibration.refused),
        **({} if calibration.target_fmr is None else {"target_fmr": calibration.target_fmr}),
    }


def read_calibration(path: str | os.PathLike[str], encoder_id: str = "") -> Calibration:
    """What ``write_calibration`` wrote.

    encoder_id: which, of several that the file holds (``decide.pair_id``); "": that of references
    and probes of one encoder, else the first.
    Raises EvaluationError that names the file and the remedy: not there, something else, of a
    newer maskwise, damaged, without that encoder.
    """
    name = describe(path)
    try:
        given = json.loads(Path(path).read_text("utf-8"))
        if given["format"] != FORMAT:
            _refuse(name, "is no calibration; make one with maskwise calibrate")
        if given["version"] > VERSION:
            _refuse(
                name,
                f"is of format version {given['version']}, and this maskwise reads up to "
                f"{VERSION}; update maskwise",
            )
        found = entries(given)
        wanted = encoder_id or min(found, key=lambda name: (name != references_of(name), name))
        if wanted not in found:
            _refuse(
                name,
                f"holds no thresholds of {wanted}; there are those of {', '.join(sorted(found))}",
            )
        given = found[wanted]
        table = given["encoders"][wanted]
        provenance = Provenance(
            **{**given["provenance"], "notes": tuple(given["provenance"]["notes"])}
        )
        pairs: dict[WearPair, PairCalibration] = {}
        for word, row in table.items():
            pair = known_pair(word)
            if pair is None:
                raise ValueError(f"no wear pair: {word!r}")
            pairs[pair] = PairCalibration(
                OperatingCurve(
                    tuple(map(float, row["fmr"])),
                    tuple(map(float, row["threshold"])),
                    int(row["non_mated"]),
                    str(row["calibrated_on"]),
                ),
                map_from_json(row["llr"]),
                int(row["mated"]),
                int(row["non_mated"]),
                int(row["people"]),
                float(row["cllr"]),
                float(row["min_cllr"]),
            )
        refused = {str(key): str(value) for key, value in given["refused"].items()}
        target = None if given.get("target_fmr") is None else float(given["target_fmr"])
    except FileNotFoundError as error:
        _refuse(name, "no such file; make a calibration with maskwise calibrate", error)
    except OSError as error:
        _refuse(name, f"cannot be read ({error.strerror or error})", error)
    except (KeyError, TypeError, AttributeError, ConfigurationError, ValueError) as error:
        if isinstance(error, EvaluationError) and str(error).startswith(f"{name}: "):
            raise
        _refuse(
            name,
            f"is no calibration, or damaged ({error}); make it again with maskwise calibrate",
            error,
        )
    return Calibration(
        wanted, MappingProxyType(pairs), provenance, MappingProxyType(refused), target
    )


def _refuse(name: str, problem: str, error: BaseException | None = None) -> NoReturn:
    raise EvaluationError(f"{name}: {problem}") from error
