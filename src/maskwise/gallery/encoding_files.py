"""Files of names and encodings, as programs around face_recognition keep them -> plain values.

No file is trusted: nothing in it is run, and sizes are checked before anything is made.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import lzma
import os
import stat
import warnings
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from maskwise.errors import InputError
from maskwise.gallery import safe_pickle
from maskwise.gallery.pickled_numpy import check_text
from maskwise.image import describe

MAX_BYTES: Final = 1 << 30
"""The largest file, and the most that a compressed one may hold: a million encodings of 128
numbers in double precision."""

FORMATS: Final = ".npz, .npy, .json, .csv, or a pickle"

_NPY: Final = b"\x93NUMPY"
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
NAME_WORDS: Final = ("name", "names", "person", "label", "labels", "subject")
"""What the column of names may be called in a table's header, in any case."""


def read_value(path: str | os.PathLike[str]) -> Any:
    """What the file holds: dicts, lists, text, numbers and NumPy arrays of numbers or text.

    The content says what the file is, and for text the ending of its name. A .csv gives
    ``{"names": [...], "encodings": (N, D) float64}``, or the array alone where the rows have no
    name, or the names alone where they have nothing else; a .txt gives its lines; an .npz a dict
    of its arrays.
    Raises InputError when the file cannot be read, is damaged, too large, or of another format.
    """
    source = describe(path)
    data = _bytes(Path(path), source)
    if data.startswith(_NPY):
        return _npy(data, source)
    if data.startswith(_ZIP):
        return _npz(data, source)
    if data[:1] == b"\x80":
        return safe_pickle.loads(data, source)
    return _text_value(data, source, Path(path).suffix.lower())


def _text_value(data: bytes, source: str, suffix: str) -> Any:
    if suffix in (".csv", ".tsv"):
        return _csv(_text(data, source), source)
    if suffix == ".txt":
        return _text(data, source).splitlines()
    start = data.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if suffix == ".json" or start in (b"{", b"["):
        return _json(data, source)
    if data[:1] in (b"(", b"]", b"}", b"c") and data.rstrip()[-1:] == b".":
        return safe_pickle.loads(data, source)  # of protocol 0 or 1
    raise InputError(f"{source}: not a file of names and encodings; expected {FORMATS}")


def _bytes(path: Path, source: str) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{source}: a folder; name the file that holds the encodings")
        with path.open("rb") as file:
            # Room is taken for what is asked for, so ask for no more than is there.
            facts = os.fstat(file.fileno())
            size = facts.st_size if stat.S_ISREG(facts.st_mode) else MAX_BYTES
            data = file.read(min(size, MAX_BYTES) + 1)
    except FileNotFoundError:
        raise InputError(f"{source}: no such file; check the path") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{source}: cannot be read ({reason}); check the path") from error
    if len(data) > MAX_BYTES:
        raise _too_large(source)
    if not data:
        raise InputError(f"{source}: the file is empty; copy it again")
    return data


def _too_large(source: str) -> InputError:
    return InputError(f"{source}: holds more than {MAX_BYTES >> 20} MiB; split it into several")


def _text(data: bytes, source: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{source}: not UTF-8 ({error}); save it as UTF-8") from error


def _json(data: bytes, source: str) -> Any:
    try:
        return json.loads(data, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{source}: no JSON that can be read ({error}); mend it") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Python would keep the last of two people of one name without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise ValueError(f"the name {twice[:100]!r} stands twice in one object")
    return found


# NumPy's files.


def _npy(data: bytes, source: str) -> Any:
    """One array; one of objects is a pickle inside, which the restricted reader takes."""
    file = io.BytesIO(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header that Python 2 wrote
            version = np.lib.format.read_magic(file)
            if version not in ((1, 0), (2, 0)):
                raise ValueError(f"version {version}")
            read = np.lib.format.read_array_header_1_0
            read = read if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
    except Exception as error:  # whatever NumPy's parser raises for a header that is none
        raise InputError(f"{source}: a damaged .npy ({error}); save it again") from error
    if dtype.hasobject:
        return safe_pickle.loads(data[file.tell() :], source)
    if dtype.kind not in "biufSU":
        raise InputError(f"{source}: an array of {dtype}; expected numbers or text")
    count = 1
    for side in shape:
        count *= int(side)
    if count * dtype.itemsize != len(data) - file.tell():
        raise InputError(
            f"{source}: says {shape} of {dtype} but holds {len(data) - file.tell()} bytes; the "
            "file is damaged or cut off: save it again"
        )
    if not count:
        return np.zeros(shape, dtype)
    flat: npt.NDArray[Any] = np.frombuffer(data, dtype, offset=file.tell())
    try:
        check_text(flat)
    except ValueError as error:
        raise InputError(f"{source}: a damaged .npy ({error}); save it again") from error
    return flat.reshape(shape, order="F" if fortran else "C")


def _npz(data: bytes, source: str) -> dict[str, Any]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if not members or not all(member.filename.endswith(".npy") for member in members):
                raise InputError(f"{source}: a zip file, but no .npz; expected {FORMATS}")
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise _too_large(source)
            found = {}
            for member in members:
                with archive.open(member) as file:
                    # Never more than it says, whatever the compressed data would make.
                    content = file.read(member.file_size)
                name = member.filename.removesuffix(".npy")
                found[name] = _npy(content, f"{source}[{name}]")
            return found
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError) as error:
        raise InputError(f"{source}: a damaged .npz ({error}); save it again") from error
    except (RuntimeError, NotImplementedError, ValueError, LookupError) as error:
        raise InputError(f"{source}: an unusual .npz ({error}); save it with np.savez") from error


# Tables.


def _csv(text: str, source: str) -> Any:
    delimiter = max(",;\t", key=text.split("\n", 1)[0].count)
    reader = csv.reader(io.StringIO(text, ""), delimiter=delimiter)
    try:
        rows = (row for row in reader if any(row))
        first = next(rows, None)
        if first is None:
            raise InputError(f"{source}: holds no rows")
        if len(first) == 1:
            return [row[0] for row in (first, *rows)]
        is_header = not any(map(_is_number, first))
        name, numbers = _columns(first, is_header)
        names, values = [], []
        for row in rows if is_header else itertools.chain([first], rows):
            if len(row) != len(first):
                raise ValueError(f"{len(row)} cells where the first one has {len(first)}")
            names.append(None if name is None else row[name])
            values.append(np.array([float(row[c]) for c in numbers]))
    except (csv.Error, ValueError) as error:
        reason = str(error)[:200]
        raise InputError(
            f"{source}: line {reader.line_num}: {reason}; expected a name and numbers in each"
        ) from error
    if not values:
        raise InputError(f"{source}: holds no rows below the header")
    return np.stack(values) if name is None else {"names": names, "encodings": np.stack(values)}


def _columns(first: list[str], is_header: bool) -> tuple[int | None, list[int]]:
    """The column of the names, None where there is none, and those of the numbers."""
    columns = list(range(len(first)))
    name: int | None = None
    if is_header:
        titles = [title.strip().lower() for title in first]
        # A table saved by pandas begins with a column of row numbers, without a title.
        columns = [c for c in columns if titles[c] not in ("", "unnamed: 0")]
        name = next((c for c in columns if titles[c] in NAME_WORDS), columns[0] if columns else 0)
    elif not _is_number(first[0]):
        name = 0
    elif not _is_number(first[-1]):
        name = columns[-1]
    return name, [c for c in columns if c != name]


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
