"""The calibration that lies beside a gallery, or that its server keeps.

``maskwise calibrate`` writes it, decisions read it. It is one JSON text, of the file
``<gallery>.calibration.json``, described in docs/calibration.md. It decides, or stops the
decision: one that is damaged, too new, or made with other models is an error, as deciding by other
thresholds than the owner chose must not happen unnoticed. Where there is none, the shipped
thresholds decide.

It holds the thresholds of the gallery's encoder, and of that one's references against the probes of
others (``decide.pair_id``), each with what it was made of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from maskwise.decide import DEFAULT_FMR, OperatingPoints, curve_from_json, references_of
from maskwise.errors import ConfigurationError, EvaluationError
from maskwise.models.readers import option_of
from maskwise.types import WearPair

if TYPE_CHECKING:
    from maskwise.gallery import Gallery

SUFFIX: Final = ".calibration.json"
FORMAT: Final = "maskwise-operating-points"
VERSION: Final = 2
_PAIRS: Final[tuple[WearPair, ...]] = ("bare-bare", "bare-masked", "masked-masked")


def place_beside(gallery: Path) -> Path:
    """Where the calibration of the gallery in this file lies, whether it is there or not."""
    return gallery.with_name(gallery.name + SUFFIX)


def read_own(path: Path, encoder_id: str, models: Mapping[str, str]) -> OperatingPoints | None:
    """The thresholds in ``path``; None when there is no such file.

    encoder_id: whose thresholds, as ``decide.pair_id`` names them; None too where the file holds
    others of the same references' encoder alone. models: of who decides (``Recognizer.models``).
    The shipped thresholds are the fallback, where the encoder has some. Raises ConfigurationError
    that names the file and the remedy: it cannot be read, is damaged or of a newer maskwise, or
    belongs to other models.
    """
    try:
        # At once: a calibration that is being replaced is read as it was or as it will be.
        text = path.read_text("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        _refuse(path, f"the gallery's calibration cannot be read ({why})", error)
    return _read(text, path, encoder_id, models)


def own_of(gallery: Gallery, encoder_id: str, models: Mapping[str, str]) -> OperatingPoints | None:
    """The thresholds that a gallery has of its own: beside its file, or kept by its server.

    As ``read_own``, which see; None for a gallery in memory.
    """
    if gallery.file is not None:
        return read_own(place_beside(gallery.file), encoder_id, models)
    text = gallery.calibration()
    return None if text is None else _read(text, gallery.where, encoder_id, models)


def carry(source: Gallery, target: Gallery) -> bool:
    """Give ``target`` the calibration of ``source``, as it stands; False where that has none.

    One that the target has stays: False. A file appears whole. Raises OSError where one cannot be
    read or written, and ValueError where a server's gallery cannot take it: it is no text.
    """
    place = None if target.file is None else place_beside(target.file)
    if target.calibration() is not None or (place is not None and place.exists()):
        return False
    beside = None if source.file is None else place_beside(source.file)
    if beside is None:
        text = source.calibration()
        content = None if text is None else text.encode()
    else:
        content = beside.read_bytes() if beside.exists() else None
    if content is None or (place is None and not target.keeps_calibration):
        return False
    if place is None:
        target.keep_calibration(content.decode())
        return True
    from maskwise.gallery.files import draft_beside, publish_new

    with draft_beside(place) as draft:
        draft.write_bytes(content)
        publish_new(draft, place)
    return True


def _read(
    text: str, path: Path | str, encoder_id: str, models: Mapping[str, str]
) -> OperatingPoints | None:
    """path: where the text stood."""
    try:
        given = json.loads(text)
        form, version = given["format"], given["version"]
        if form == FORMAT and type(version) is int and version > VERSION:
            _refuse(
                path,
                f"the gallery's calibration is of format {version}, and this maskwise reads up "
                f"to {VERSION}: update maskwise",
            )
        if form != FORMAT:
            raise ValueError("not a calibration")
        found = entries(given)
        made_for = encoder_id if encoder_id in found else next(iter(found))
        if made_for != encoder_id and references_of(made_for) == references_of(encoder_id):
            return None
        one = found[made_for]
        table = one["encoders"][made_for]
        made_with = dict(one["provenance"]["models"])
        curves = {pair: curve_from_json(table[pair]) for pair in _PAIRS if pair in table}
        if not curves:
            raise ValueError("no wear pair in it")
        target = float(one.get("target_fmr", DEFAULT_FMR))
        points = OperatingPoints(
            made_for,
            curves,
            source="own",
            fallback=OperatingPoints.shipped_or_none(made_for),
            default_fmr=target,
        )
    except ConfigurationError as error:
        if str(error).startswith(f"{path}: "):
            raise
        _refuse_damaged(path, error)
    except (EvaluationError, KeyError, TypeError, AttributeError, ValueError) as error:
        _refuse_damaged(path, error)
    _check_models(path, {**made_with, "encoder": made_for}, {**models, "encoder": encoder_id})
    return points


def entries(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What a file holds, by encoder or pair: each as a file that holds it alone (version 1).

    Raises ConfigurationError, KeyError, TypeError, AttributeError or ValueError for what is none.
    """
    version, tables = given["version"], dict(given["encoders"])
    if type(version) is not int or not 1 <= version <= VERSION or not tables:
        raise ValueError("not a calibration")
    if version == 1:
        (name,) = tables
        return {name: dict(given)}
    if len({references_of(name) for name in tables}) != 1:
        raise ValueError("thresholds of several galleries' encoders")
    return {
        name: {
            "format": given["format"],
            "version": 1,
            "encoders": {name: table},
            **given["made"][name],
        }
        for name, table in tables.items()
    }


def joined(parts: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The content of a file that holds ``parts``, which are as ``entries`` gives them.

    Of version 1 where there is one alone, so that every maskwise reads it.
    """
    if len(parts) == 1:
        return dict(*parts.values())
    shared = ("format", "version", "encoders")
    return {
        "format": FORMAT,
        "version": VERSION,
        "encoders": {name: part["encoders"][name] for name, part in parts.items()},
        "made": {
            name: {key: value for key, value in part.items() if key not in shared}
            for name, part in parts.items()
        },
    }


def _check_models(
    path: Path | str, made_with: Mapping[str, Any], models: Mapping[str, str]
) -> None:
    for stage in sorted(models):
        if made_with.get(stage) != models[stage]:
            _refuse(
                path,
                f"the gallery's calibration was made with the {stage} {made_with.get(stage)}, "
                f"and this is {models[stage]}: its thresholds do not hold",
                also=f"use the {stage} that it was made with{_option(stage, made_with)}, ",
            )


def _option(stage: str, made_with: Mapping[str, Any]) -> str:
    """`` (--encoder NAME)`` where that is what differs and a model of the store."""
    return option_of(str(made_with.get(stage))) if stage == "encoder" else ""


def _refuse_damaged(path: Path | str, error: Exception) -> NoReturn:
    _refuse(path, f"the gallery's calibration is damaged ({error})", error)


def _refuse(
    path: Path | str, problem: str, error: Exception | None = None, *, also: str = ""
) -> NoReturn:
    away = "move the file away" if isinstance(path, Path) else "take it away (--drop)"
    raise ConfigurationError(
        f"{path}: {problem}; {also}calibrate anew (maskwise calibrate), or {away} to "
        "decide by the shipped thresholds, where the encoder has some"
    ) from error
