"""Score files -> a folder with the report: the page, and everything in it as files."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from maskwise.decide import DEFAULT_FMR, DEFAULT_FPIR, OperatingPoints
from maskwise.errors import ConfigurationError, EvaluationError, OutputError
from maskwise.evaluate.files import written_at_once
from maskwise.evaluate.intervals import REPLICATES
from maskwise.evaluate.report import thresholds
from maskwise.evaluate.report.identification_part import identification_part
from maskwise.evaluate.report.page import PAGE_MARK, page
from maskwise.evaluate.report.parts import Cases, Part, Plot
from maskwise.evaluate.report.plots import Trace
from maskwise.evaluate.report.tables import Table
from maskwise.evaluate.report.thumbnails import FindFace, thumbnails
from maskwise.evaluate.report.verification_part import verification_part
from maskwise.evaluate.report.verification_plots import det_plot
from maskwise.evaluate.report.verification_tables import HEADLINE
from maskwise.evaluate.report.words import count, slug
from maskwise.evaluate.score_file import read_any
from maskwise.evaluate.scores import Scores
from maskwise.evaluate.searches import Searches
from maskwise.image import describe

PAGE: Final = "report.html"
FORMAT: Final = "maskwise-report"
VERSION: Final = 1
_BOTH: Final = "side-by-side"
_LEAST_REPLICATES: Final = 200
_BUDGET: Final = 200_000_000
"""Trials times replicates of one bootstrap: about six seconds on one core."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was written. page, json: paths. files: all paths. summary: part -> its sentences.

    not_shown: photos without a thumbnail -> why.
    """

    page: Path
    json: Path
    files: tuple[Path, ...]
    summary: Mapping[str, tuple[str, ...]]
    not_shown: Mapping[str, str]


def read_parts(paths: Sequence[str | os.PathLike[str]]) -> dict[str, Scores | Searches]:
    """Score files by a name each: the file's, or its whole path where two have the same.

    Raises EvaluationError as ``read_scores``.
    """
    stems = [Path(path).stem for path in paths]
    parts: dict[str, Scores | Searches] = {}
    for path, stem in zip(paths, stems, strict=True):
        name = stem if stems.count(stem) == 1 else Path(path).with_suffix("").as_posix()
        if name in parts:
            raise ConfigurationError(f"{describe(path)} is named twice; name each file once")
        parts[name] = read_any(path)
    return parts


def write_report(
    parts: Mapping[str, Scores | Searches],
    out_dir: str | os.PathLike[str],
    *,
    title: str = "How well faces are recognised",
    operating_points: OperatingPoints | None = None,
    target_fmr: float = DEFAULT_FMR,
    target_fpir: float = DEFAULT_FPIR,
    images: str | os.PathLike[str] | None = None,
    thumbnails: bool = True,
    find_face: FindFace | None = None,
    replicates: int | None = None,
    seed: int = 0,
    command: str = "",
    on_part: Callable[[str], None] | None = None,
) -> Report:
    """Write ``report.html``, ``report.json``, ``plots/`` and ``tables/`` into ``out_dir``.

    parts: name -> scores or searches, see ``read_parts``. operating_points: whose thresholds are
    drawn; else those that ship for the encoder, else some picked on the trials. images: the
    folder of the photos, for thumbnails of the worst errors. find_face: where in a photo the face
    is; without it the middle is shown. replicates: of each bootstrap; None for 1,000, fewer for
    many trials. command: what made the report, printed in it. Equal scores and arguments give
    equal files. Files of an earlier report are replaced one by one, whole; none is deleted.
    Raises EvaluationError for no part or an empty one, ConfigurationError for operating points of
    another encoder, a missing folder of photos, and a ``report.html`` that maskwise did not
    write, OutputError where files cannot be written.
    """
    folder = Path(out_dir)
    if not parts:
        raise EvaluationError("there is no score file to report on; name one or more")
    check_folder(folder)
    _make_folders(folder)
    asked = _Asked(operating_points, target_fmr, target_fpir, replicates, seed)
    made = _parts(parts, asked, on_part)
    compared = _compared(made)
    pictures, lost = _pictures(made, images, find_face) if thumbnails else (None, {})
    files: dict[str, bytes] = {}
    for block in [*compared, *(b for p in made for b in [*p.blocks(Plot), *p.blocks(Table)])]:
        if isinstance(block, Plot):
            files[f"plots/{block.key}.svg"] = block.canvas.svg(alone=True).encode() + b"\n"
            files[f"plots/{block.key}.png"] = block.canvas.png()
        else:
            files[f"tables/{block.key}.csv"] = block.csv()
    files["report.json"] = _json(title, command, made, compared)
    versions = ", ".join(sorted({part.provenance.version for part in made}))
    lead = f"Made by maskwise from {count(len(made), 'score file')}."
    footer = [
        f"Intervals: {_replicates_words(made)}, seed {seed}. Scores made by maskwise {versions}.",
        "Every figure is rebuilt from the score file alone; beside this page lie report.json, "
        "tables/ (CSV) and plots/ (SVG, PNG).",
        *([f"Command: {command}"] if command else []),
    ]
    # Last, so that a page never points to what is not there yet.
    files[PAGE] = page(title, lead, compared, made, pictures=pictures, footer=footer)
    paths = [_write(folder / name, content) for name, content in files.items()]
    return Report(
        folder / PAGE,
        folder / "report.json",
        tuple(paths),
        {part.name: part.summary for part in made},
        lost,
    )


@dataclass(frozen=True, slots=True)
class _Asked:
    """Arguments of ``write_report`` that figures depend on."""

    operating_points: OperatingPoints | None
    target_fmr: float
    target_fpir: float
    replicates: int | None
    seed: int


def _parts(
    parts: Mapping[str, Scores | Searches],
    asked: _Asked,
    on_part: Callable[[str], None] | None,
) -> list[Part]:
    taken = {_BOTH}
    made = []
    for name, given in parts.items():
        key = slug(name, taken)
        shared: dict[str, Any] = {
            "prefix": "" if len(parts) == 1 else f"{key}--",
            "points": thresholds.points_for(given.provenance.encoder_id, asked.operating_points),
            "replicates": _replicates(len(given)) if asked.replicates is None else asked.replicates,
            "seed": asked.seed,
        }
        if isinstance(given, Scores):
            made.append(verification_part(key, name, given, target_fmr=asked.target_fmr, **shared))
        else:
            made.append(
                identification_part(key, name, given, target_fpir=asked.target_fpir, **shared)
            )
        if on_part is not None:
            on_part(name)
    return made


def _replicates(trials: int) -> int:
    return min(REPLICATES, max(_LEAST_REPLICATES, _BUDGET // max(trials, 1)))


def _replicates_words(made: Sequence[Part]) -> str:
    given = sorted({part.extra["replicates"] for part in made})
    if given == [0]:
        return "no bootstrap; trials taken as independent"
    return f"{' or '.join(f'{n:,}' for n in given)} bootstrap replicates over people"


def _compared(made: Sequence[Part]) -> list[Table | Plot]:
    """Parts on verification side by side, where there are several."""
    given = [part for part in made if part.kind == "trials"]
    if len(given) < 2:
        return []
    blocks: list[Table | Plot] = [
        Table(
            _BOTH,
            "Verification, by score file",
            HEADLINE,
            tuple(row for part in given for row in part.headline),
        )
    ]
    traces = [
        Trace(f"{part.name}, {t.name}", t.x, t.y, t.band, t.supported_from)
        for part in given
        for t in part.traces
    ]
    return [*([det_plot(f"{_BOTH}--det", traces)] if traces else []), *blocks]


def _pictures(
    made: Sequence[Part], images: str | os.PathLike[str] | None, find_face: FindFace | None
) -> tuple[dict[str, dict[str, str]] | None, dict[str, str]]:
    if images is None:
        return None, {}
    found: dict[str, dict[str, str]] = {}
    lost: dict[str, str] = {}
    for part in made:
        wanted = [
            picture.photo
            for cases in part.blocks(Cases)
            for case in cases.cases
            for picture in case.pictures
        ]
        found[part.key], missing = thumbnails(wanted, Path(images), find_face)
        lost |= missing
    return found, lost


def _json(
    title: str, command: str, made: Sequence[Part], compared: Sequence[Table | Plot]
) -> bytes:
    content: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "title": title,
        "command": command,
        "side_by_side": {b.key: b.records() for b in compared if isinstance(b, Table)},
        "parts": [
            {
                "key": part.key,
                "name": part.name,
                "kind": part.kind,
                "summary": list(part.summary),
                "scores_sha256": part.content_sha256,
                "provenance": {
                    name: dict(value) if isinstance(value, Mapping) else value
                    for name, value in (
                        (n, getattr(part.provenance, n)) for n in type(part.provenance).__slots__
                    )
                },
                **part.extra,
                "tables": {
                    table.key: {
                        "title": table.title,
                        "rows": table.records(),
                        "notes": list(table.notes),
                    }
                    for table in part.blocks(Table)
                },
                "plots": {plot.key: dict(plot.data) for plot in part.blocks(Plot)},
            }
            for part in made
        ],
    }
    # ASCII: a byte of a file name that is no UTF-8 stands as its surrogate.
    return json.dumps(content, ensure_ascii=True, allow_nan=False, indent=1).encode() + b"\n"


def check_folder(folder: Path) -> None:
    """Refuse, before anything slow, a ``folder`` that no report can be written to.

    Raises ConfigurationError for a file in its place and for a ``report.html`` that maskwise did
    not write, OutputError for what cannot be looked at.
    """
    try:
        if folder.exists() and not folder.is_dir():
            raise ConfigurationError(f"{describe(folder)} is a file; name a folder to write to")
        old = folder / PAGE
        if old.exists() and PAGE_MARK not in old.read_text("utf-8", "replace")[:1000]:
            raise ConfigurationError(
                f"{describe(old)} is there and was not written by maskwise; name another folder"
            )
    except OSError as error:
        raise _not_written(folder, error) from error


def _make_folders(folder: Path) -> None:
    try:
        for part in (folder, folder / "plots", folder / "tables"):
            part.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_written(folder, error) from error


def _not_written(folder: Path, error: OSError) -> OutputError:
    why = error.strerror or error
    return OutputError(f"{describe(folder)}: cannot be written ({why}); choose another folder")


def _write(path: Path, content: bytes) -> Path:
    with written_at_once(path) as file:
        file.write(content)
    return path
