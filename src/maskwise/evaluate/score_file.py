"""Scores as one file, from which every table and plot is made again (docs/metrics.md).

A NumPy ``.npz``: one member a column, no pickle, so ``numpy.load`` opens it anywhere. ``header``
is UTF-8 JSON: format, version, kind (``trials`` or ``searches``), count, provenance, photos,
subjects, the words of each column of labels, and the SHA-256 of all columns. Equal content gives
equal bytes (with one zlib); the content's own hash does not depend on the compression.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from maskwise.errors import EvaluationError
from maskwise.evaluate.files import written_at_once
from maskwise.evaluate.scores import Labels, Provenance, Scores
from maskwise.evaluate.searches import Searches
from maskwise.image import describe

FORMAT: Final = "maskwise-scores"
VERSION: Final = 1
_ATTRIBUTE: Final = "attribute/"
_LARGEST_HEADER: Final = 1 << 28
_NPY_HEADER: Final = 1 << 12
_LEVEL: Final = 4  # of deflate: scores hardly shrink, codes do at any level
_DTYPES: Final[dict[str, tuple[str, ...]]] = {
    "pairs": ("<i4",),
    "scores": ("<f4", "<f8"),
    "mated": ("|b1",),
    "fold": ("<i4",),
    "mate_score": ("<f4", "<f8"),
    "other_score": ("<f4", "<f8"),
    "rank": ("<i4",),
}
_LABELS: Final = ("|u1", "<u2")
_TRIALS: Final = ("pairs", "scores", "mated")
_SEARCHES: Final = ("mated", "mate_score", "rank", "other_score")

PathLike: TypeAlias = "str | os.PathLike[str]"


def write_scores(path: PathLike, scores: Scores | Searches) -> str:
    """Write ``scores`` to ``path`` at once or not at all; returns the content's SHA-256.

    Raises OutputError where that cannot be done.
    """
    columns, header = _taken_apart(scores)
    digest = _digest(header, columns)
    text = json.dumps({**header, "sha256": digest}, sort_keys=True).encode()
    members = {"header": np.frombuffer(text, np.uint8), **columns}
    with written_at_once(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name, column in members.items():
            # A fixed date: two runs with equal results give equal files.
            info = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            content = io.BytesIO()
            np.lib.format.write_array(content, column, (1, 0), allow_pickle=False)
            archive.writestr(info, content.getvalue(), zipfile.ZIP_DEFLATED, _LEVEL)
    return digest


def read_scores(path: PathLike) -> Scores:
    """The trials of a score file, all of it checked.

    Raises EvaluationError that names the file and the remedy: not there, no score file, of
    searches, of a newer maskwise, damaged.
    """
    return _as_scores(*_read(path, "trials"))


def _as_scores(
    header: Mapping[str, Any], columns: Mapping[str, npt.NDArray[Any]], name: str
) -> Scores:
    with _explained(name):
        labels = _labels(header, columns)
        return Scores(
            provenance=_provenance(header),
            photos=tuple(header["photos"]),
            subjects=tuple(header["subjects"]),
            pairs=columns["pairs"],
            scores=columns["scores"].astype(np.float64),
            mated=columns["mated"],
            fold=columns.get("fold"),
            attributes=_attributes(labels),
            **{key: labels[key] for key in labels if not key.startswith(_ATTRIBUTE)},
        )


def read_searches(path: PathLike) -> Searches:
    """The searches of a score file; as ``read_scores``."""
    return _as_searches(*_read(path, "searches"))


def read_any(path: PathLike) -> Scores | Searches:
    """What a score file holds, of either kind; as ``read_scores``."""
    header, columns, name = _read(path, "")
    return (_as_scores if header["kind"] == "trials" else _as_searches)(header, columns, name)


def _as_searches(
    header: Mapping[str, Any], columns: Mapping[str, npt.NDArray[Any]], name: str
) -> Searches:
    with _explained(name):
        labels = _labels(header, columns)
        return Searches(
            provenance=_provenance(header),
            probes=tuple(header["photos"]),
            subjects=tuple(header["subjects"]),
            people=int(header["people"]),
            references=int(header["references"]),
            mated=columns["mated"],
            mate_score=columns["mate_score"].astype(np.float64),
            rank=columns["rank"],
            other_score=columns["other_score"].astype(np.float64),
            enrol_failures=tuple((key, int(n)) for key, n in header["enrol_failures"]),
            attributes=tuple(_attributes(labels).items()),
            **{key: labels[key] for key in labels if not key.startswith(_ATTRIBUTE)},
        )


def content_sha256(scores: Scores | Searches) -> str:
    """64 hex digits of everything that a score file of ``scores`` holds."""
    columns, header = _taken_apart(scores)
    return _digest(header, columns)


def _taken_apart(
    scores: Scores | Searches,
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
    """Columns by name, sorted, and the header without its hash."""
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "count": len(scores),
        "provenance": {
            name: dict(value) if isinstance(value, Mapping) else value
            for name, value in ((n, getattr(scores.provenance, n)) for n in Provenance.__slots__)
        },
        "subjects": scores.subjects,
    }
    if isinstance(scores, Scores):
        header |= {"kind": "trials", "photos": scores.photos}
        columns = {name: getattr(scores, name) for name in _TRIALS}
        if scores.fold is not None:
            columns["fold"] = scores.fold
    else:
        header |= {"kind": "searches", "photos": scores.probes, "people": scores.people}
        header |= {"references": scores.references, "enrol_failures": scores.enrol_failures}
        columns = {name: getattr(scores, name) for name in _SEARCHES}
    labels = scores.labels()
    # Attributes have a user's names: the file numbers them.
    header["labels"] = [[key, value.values] for key, value in sorted(labels.items())]
    for place, (_, value) in enumerate(sorted(labels.items())):
        kind = np.uint8 if len(value.values) <= 256 else np.uint16
        columns[f"labels{place}"] = value.codes.astype(kind)
    return {name: _compact(columns[name]) for name in sorted(columns)}, header


def _compact(column: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Little-endian; float64 as float32 where that loses nothing, as cosines of templates do."""
    if column.dtype.kind == "f":
        with np.errstate(over="ignore"):
            narrow = column.astype("<f4")
        return narrow if np.array_equal(narrow, column, equal_nan=True) else column.astype("<f8")
    return np.ascontiguousarray(column.astype(column.dtype.newbyteorder("<")))


def _digest(header: Mapping[str, Any], columns: Mapping[str, npt.NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps(header, sort_keys=True).encode())
    for name, column in columns.items():
        digest.update(f"\n{name} {column.dtype.str} {column.shape}\n".encode())
        digest.update(np.ascontiguousarray(column).data)
    return digest.hexdigest()


def _read(path: PathLike, kind: str) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]], str]:
    name = describe(path)
    with _explained(name):
        with zipfile.ZipFile(path) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            raw = _member(archive, sizes, "header", _LARGEST_HEADER).astype(np.uint8).tobytes()
            header = json.loads(raw.decode())
            if not isinstance(header, dict) or header.get("format") != FORMAT:
                raise ValueError("it has no header of a score file")
            if header["version"] > VERSION:
                _fail(
                    name,
                    f"is of format version {header['version']}, and this maskwise reads up to "
                    f"{VERSION}; update maskwise",
                )
            if header["kind"] not in ("trials", "searches"):
                raise ValueError("it holds neither trials nor searches")
            if kind and header["kind"] != kind:
                _fail(
                    name, f"holds {header['kind']}, and {kind} are needed here; name another file"
                )
            count = int(header["count"])
            columns = {
                member.removesuffix(".npy"): _column(archive, sizes, member, count)
                for member in sorted(sizes)
                if member != "header.npy"
            }
        said = header.pop("sha256")
        if said != _digest(header, columns):
            raise ValueError("its content is not what its SHA-256 says")
    return header, columns, name


def _column(
    archive: zipfile.ZipFile, sizes: Mapping[str, int], member: str, count: int
) -> npt.NDArray[Any]:
    name = member.removesuffix(".npy")
    dtypes = _LABELS if name.startswith("labels") else _DTYPES[name]
    column = _member(archive, sizes, name, 16 * count)
    shape = (count, 2) if name == "pairs" else (count,)
    if column.dtype.str not in dtypes or column.shape != shape:
        raise ValueError(f"{name} is {column.dtype.str} {column.shape}")
    return column


def _member(
    archive: zipfile.ZipFile, sizes: Mapping[str, int], name: str, largest: int
) -> npt.NDArray[Any]:
    # The size is looked at first: a small archive may unpack to more than the memory.
    if sizes[f"{name}.npy"] > largest + _NPY_HEADER:
        raise ValueError(f"{name} is larger than it can be")
    with archive.open(f"{name}.npy") as member:
        content = io.BytesIO(member.read(largest + _NPY_HEADER + 1))
    array: npt.NDArray[Any] = np.lib.format.read_array(content, allow_pickle=False)
    array.flags.writeable = False
    return array


def _labels(header: Mapping[str, Any], columns: Mapping[str, Any]) -> dict[str, Labels]:
    return {
        key: Labels(columns[f"labels{place}"].astype(np.uint16), tuple(values))
        for place, (key, values) in enumerate(header["labels"])
    }


def _attributes(labels: Mapping[str, Labels]) -> dict[str, Labels]:
    return {
        key.removeprefix(_ATTRIBUTE): value
        for key, value in labels.items()
        if key.startswith(_ATTRIBUTE)
    }


def _provenance(header: Mapping[str, Any]) -> Provenance:
    given = dict(header["provenance"])
    return Provenance(**{**given, "notes": tuple(given["notes"])})


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Whatever goes wrong with a file becomes an EvaluationError that names it."""
    try:
        yield
    except EvaluationError as error:
        if str(error).startswith(name):
            raise
        _fail(name, f"contradicts itself ({error}); make it again with maskwise evaluate", error)
    except FileNotFoundError as error:
        _fail(name, "no such file; name a score file that maskwise evaluate wrote", error)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        _fail(name, "is no score file, or damaged; make it again with maskwise evaluate", error)
    except OSError as error:
        _fail(name, f"cannot be read ({error.strerror or error})", error)
    except (KeyError, TypeError, ValueError, AttributeError, NotImplementedError) as error:
        _fail(
            name,
            f"is no score file, or damaged ({error}); make it again with maskwise evaluate",
            error,
        )


def _fail(name: str, problem: str, error: BaseException | None = None) -> NoReturn:
    raise EvaluationError(f"{name}: {problem}") from error
