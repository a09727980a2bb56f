"""Public sets of photos to evaluate on, fetched when somebody asks for them, and never else."""

from __future__ import annotations

import errno
import hashlib
import http.client
import importlib
import os
import shutil
import socket
import tarfile
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from maskwise.errors import ConfigurationError, FetchError, OutputError
from maskwise.models.place import require_network

LFW_TERMS: Final = (
    "Labeled Faces in the Wild (http://vis-www.cs.umass.edu/lfw/): news photographs, collected for "
    "research on face verification; they stay their owners', and no licence comes with them."
)
LFW_SIZE: Final = "about 230 MB"

# Names as scikit-learn's loader lays them out, so that it and we share one copy.
_HOME: Final = "lfw_home"
_PHOTOS: Final = "lfw_funneled"
_PAIRS: Final = ("pairs.txt", "pairsDevTrain.txt", "pairsDevTest.txt")

# Of the network, of unpacking, and of opening what was unpacked.
_FAILS: Final = (
    *(OSError, http.client.HTTPException),
    *(EOFError, tarfile.TarError),
    *(LookupError, ValueError),
)

_TIMEOUT_S: Final = 60.0  # the loader itself would wait for ever
_POLL_S: Final = 0.5
_DISK: Final = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Lfw:
    """Where LFW lies.

    photos: one folder a person, the funneled version, 250 x 250 px. pairs: the file of View 2 (10
    folds), then those of View 1 (for training, for choosing). sha256: of each by its name.
    people, photo_count: below ``photos``. fetched: in this call.
    """

    photos: Path
    pairs: tuple[Path, ...]
    sha256: dict[str, str]
    people: int
    photo_count: int
    fetched: bool


def fetch_lfw(
    folder: str | os.PathLike[str] | None = None,
    on_bytes: Callable[[int], None] | None = None,
) -> Lfw:
    """LFW through scikit-learn's loader, which checks the sha256 of what it fetches.

    folder: where it goes (``folder/lfw_home``); None: scikit-learn's own data folder. What lies
    there already is not fetched again, and nothing of it is replaced.
    on_bytes: told now and then, from another thread, how much has come.
    All or nothing: what was not finished is deleted, also after Ctrl-C.
    Raises ConfigurationError without scikit-learn, and where a broken copy lies; FetchError when
    it cannot be fetched or MASKWISE_OFFLINE is set, and OutputError when it cannot be written.
    """
    loader = _loader()
    home = Path(folder) if folder is not None else Path(_default_folder(loader))
    place = home / _HOME
    wanted = [*_PAIRS, _PHOTOS]
    if all((place / name).exists() for name in wanted):
        return _described(place, fetched=False)
    require_network("LFW", "Carry lfw_home here from elsewhere, and name its folder with --out")
    with _staging(home) as staging:
        with _reporting(staging, on_bytes):
            _fetch(loader, staging)
        fetched = staging / _HOME
        _described(fetched, fetched=True)  # whole? before anything is moved
        try:
            place.mkdir(exist_ok=True)
            for name in wanted:
                if not (place / name).exists():
                    (fetched / name).rename(place / name)
        except OSError as error:
            raise _not_written(place, error) from error
    return _described(place, fetched=True)


def _loader() -> Any:
    try:
        return importlib.import_module("sklearn.datasets")
    except ImportError as error:
        raise ConfigurationError(
            f'LFW is fetched by scikit-learn ({error}): pip install "maskwise[data]"'
        ) from error


def _default_folder(loader: Any) -> str:
    try:
        return str(loader.get_data_home())
    except OSError as error:
        raise OutputError(
            f"scikit-learn's data folder cannot be made ({error.strerror or error}); name "
            "another one with --out"
        ) from error


def _fetch(loader: Any, staging: Path) -> None:
    """Fetch, check, unpack; then the loader opens every photo that View 2 names."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "Retry downloading": the error says it all
            loader.fetch_lfw_pairs(
                subset="10_folds",
                data_home=str(staging),
                funneled=True,
                # A pixel of each: the arrays themselves are not wanted.
                slice_=(slice(0, 1), slice(0, 1)),
                resize=None,
                color=True,
                n_retries=1,
            )
    except _FAILS as error:
        if isinstance(error, OSError) and error.errno in _DISK:
            raise _not_written(staging.parent, error) from error
        raise FetchError(
            f"LFW cannot be fetched ({_reason(error)}); is there a network, and does it let "
            "scikit-learn's downloads pass? Nothing was kept. With photos of your own: "
            "maskwise evaluate folder DIR"
        ) from error
    finally:
        socket.setdefaulttimeout(before)


def _reason(error: BaseException) -> str:
    # A URLError wraps the one that tells.
    inner = getattr(error, "reason", None)
    text = str(inner if inner is not None else error).strip()
    return " ".join(text.split()) or type(error).__name__


def _not_written(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"{folder}: cannot write there ({error.strerror or error}); LFW needs some 500 MB, or name "
        "another folder with --out"
    )


@contextmanager
def _staging(home: Path) -> Iterator[Path]:
    """A folder beside the goal, deleted afterwards; and ``home`` with it where it is left empty."""
    if home.exists() and not home.is_dir():
        raise ConfigurationError(f"{home} is a file; name a folder to write to")
    made = [path for path in (home, *home.parents) if not path.exists()]
    try:
        home.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".maskwise-lfw-", dir=home))
    except OSError as error:
        raise _not_written(home, error) from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        with suppress(OSError):  # not empty: it holds what was fetched
            for path in made:
                path.rmdir()


@contextmanager
def _reporting(staging: Path, on_bytes: Callable[[int], None] | None) -> Iterator[None]:
    """The loader tells nothing of its progress: look at its files' sizes."""
    if on_bytes is None:
        yield
        return
    done = threading.Event()

    def look() -> None:
        while not done.wait(_POLL_S):
            with suppress(OSError):
                files = (staging / _HOME).iterdir()
                on_bytes(sum(path.stat().st_size for path in files if path.is_file()))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _described(place: Path, *, fetched: bool) -> Lfw:
    """What lies there; ConfigurationError when photos are missing that View 2 names."""
    from maskwise.evaluate.pairs import parse_pairs

    photos, pairs = place / _PHOTOS, tuple(place / name for name in _PAIRS)
    try:
        contents = {path.name: path.read_bytes() for path in pairs}
        people = [Path(entry.path) for entry in os.scandir(photos) if entry.is_dir()]
        found = {f"{one.name}/{path.stem}" for one in people for path in one.glob("*.jpg")}
    except OSError as error:
        raise ConfigurationError(
            f"{place}: LFW cannot be read there ({error.strerror or error}); mend that, or name "
            "another folder with --out"
        ) from error
    rows = parse_pairs(contents[_PAIRS[0]], str(pairs[0])).rows
    missing = {photo for row in rows for photo in (row.a, row.b)} - found
    if missing:
        raise ConfigurationError(
            f"{photos} lacks {len(missing)} photos that {_PAIRS[0]} names, {min(missing)} among "
            "them: its unpacking was broken off, perhaps; delete that folder and run this again, "
            "or name another one with --out"
        )
    sha256 = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return Lfw(photos, pairs, sha256, len(people), len(found), fetched)
