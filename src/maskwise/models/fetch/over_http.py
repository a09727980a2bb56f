"""One file over HTTPS: mirrors in turn, resumed where it was cut, checked before anyone uses it.

The bytes gather in ``NAME.part``; beside it ``NAME.part.json`` says which version of which address
they are of (RFC 9110, section 13.1.5: If-Range). urllib reads the usual proxy variables.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from maskwise.errors import FetchError
from maskwise.models.fetch.addresses import CarefulRedirects, RefusedError, host_of, require_allowed
from maskwise.models.writing import in_mb, not_written, require_space, settle

_TIMEOUT_S: Final = 30.0  # of connecting, and of waiting for the next bytes
_PAUSE_S: Final = 1.0  # before the second try; doubled each time
_TRIES_WITHOUT_A_BYTE: Final = 4
_BLOCK: Final = 1 << 16
_MOST_DIGITS: Final = 20  # of a number of bytes
_MOST_UNKNOWN: Final = 2_000_000_000  # bytes of a file whose size nobody has told us
_PASSING: Final = (408, 425, 429, 500, 502, 503, 504)


class Listener(Protocol):
    """Who is told how a pull goes on."""

    def begin(self, what: str, total: int) -> None:
        """Bytes of ``what`` are about to come; total 0: nobody knows how many."""

    def have(self, count: int) -> None:
        """So many bytes are there now, those of an earlier pull among them."""

    def remark(self, message: str) -> None:
        """One line for people."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to fetch.

    sha256, size: "" and 0 where they are not known; then size is what the server says, and the
    caller must have been told to trust it. named: the user named the address, so that http is
    allowed.
    """

    what: str
    urls: tuple[str, ...]
    sha256: str
    size: int
    named: bool = False


class _MirrorError(Exception):
    """This address does not serve; another may."""


class _AgainError(Exception):
    """It may go on if it is tried again."""


def fetch(wanted: Wanted, part: Path, listener: Listener) -> None:
    """Bring ``wanted`` into ``part``, which is whole, checked and on the disk when this returns.

    part: what lies there already is gone on with. It stays after an error or Ctrl-C, for the next
    time, unless its sha256 is wrong.
    Raises FetchError with every mirror's reason, OutputError when it cannot be written.
    """
    reasons = []
    for url in wanted.urls:
        try:
            _from_mirror(wanted, url, part, listener)
            return
        except (_MirrorError, RefusedError) as error:  # noqa: PERF203 - the next one is tried
            reasons.append(f"{host_of(url)}: {error}")
            if url != wanted.urls[-1]:
                listener.remark(f"{reasons[-1]}; trying {host_of(wanted.urls[len(reasons)])}")
    raise FetchError(f"{wanted.what} cannot be fetched ({'; '.join(reasons)})")


def _from_mirror(wanted: Wanted, url: str, part: Path, listener: Listener) -> None:
    require_allowed(url, named=wanted.named)
    while True:
        resumed = _size(part) > 0
        _download(wanted, url, part, listener)
        problem = _what_is_wrong(wanted, part)
        if not problem:
            return
        _forget(part)
        if not resumed:
            raise _MirrorError(problem)
        listener.remark(f"{host_of(url)}: what was begun earlier does not fit; from the start")


def _what_is_wrong(wanted: Wanted, part: Path) -> str:
    if not wanted.sha256:
        return ""
    digest = hashlib.sha256()
    with part.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() == wanted.sha256:
        return ""
    return (
        f"sent another file: sha256 {digest.hexdigest()[:12]}..., expected {wanted.sha256[:12]}..."
    )


def _download(wanted: Wanted, url: str, part: Path, listener: Listener) -> None:
    """Until ``part`` has all bytes that ``url`` has."""
    idle = 0
    most = _size(part)
    while not (wanted.size and _size(part) == wanted.size):
        if wanted.size and _size(part) > wanted.size:
            _forget(part)
        try:
            _request(wanted, url, part, listener)
            return
        except _AgainError as error:
            # Against the most that ever came: a server may cut, refuse the rest, and begin again.
            idle = 0 if _size(part) > most else idle + 1
            most = max(most, _size(part))
            if idle >= _TRIES_WITHOUT_A_BYTE:
                raise _MirrorError(f"{error}, {idle} times") from error
            listener.remark(f"{host_of(url)}: {error}; going on from {in_mb(_size(part))}")
            time.sleep(_PAUSE_S * 2**idle / 2)


def _request(wanted: Wanted, url: str, part: Path, listener: Listener) -> None:
    """One request, whose answer is appended to ``part`` or begins it anew."""
    have = _size(part)
    known = _version(part) if _origin(part) == url else {}
    headers = {"User-Agent": "maskwise", "Accept-Encoding": "identity"}
    if have and (known or wanted.sha256):
        headers |= {"Range": f"bytes={have}-", **known}
    with _opened(urllib.request.Request(url, headers=headers), wanted, part) as answer:
        begins = _begins_at(answer, have)
        total = _total(answer)
        if wanted.size and total and total != wanted.size:
            raise _MirrorError(f"has {total:,} bytes, expected {wanted.size:,}")
        most = wanted.size or min(total or _MOST_UNKNOWN, _MOST_UNKNOWN)
        if total > most:
            raise _MirrorError(f"has {in_mb(total)}, more than we take")
        require_space(part.parent, (wanted.size or total) - begins, wanted.what)
        listener.begin(wanted.what, wanted.size or total)
        if begins == 0:
            _remember(part, url, answer.headers)
        _append(answer, part, begins, total=wanted.size or total, most=most, listener=listener)


def _opened(request: urllib.request.Request, wanted: Wanted, part: Path) -> Any:
    opener = urllib.request.build_opener(CarefulRedirects(named=wanted.named))
    try:
        return opener.open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:
            _forget(part)
            raise _AgainError("has no such part (HTTP 416)") from error
        if error.code in _PASSING:
            raise _AgainError(f"HTTP {error.code} {error.reason}") from error
        raise _MirrorError(f"HTTP {error.code} {error.reason}") from error
    except urllib.error.URLError as error:
        inner = error.reason
        if isinstance(inner, TimeoutError):
            raise _AgainError("no answer") from error
        if isinstance(inner, ssl.SSLCertVerificationError):
            raise _MirrorError(f"its certificate is not valid ({inner.verify_message})") from error
        raise _MirrorError(getattr(inner, "strerror", None) or str(inner)) from error
    except (ValueError, http.client.InvalidURL) as error:  # also that of a redirection
        raise _MirrorError(f"leads to what is no address ({error})") from error
    except (OSError, http.client.HTTPException) as error:
        raise _AgainError(_in_words(error)) from error


def _begins_at(answer: Any, have: int) -> int:
    """Where in the file the answer begins; a server that knows no ranges sends all of it."""
    if answer.status == 200:
        return 0
    begin, _, _ = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")
    if answer.status == 206 and begin == str(have):
        return have
    raise _MirrorError(f"HTTP {answer.status} is no answer to what was asked")


def _total(answer: Any) -> int:
    """Bytes of the whole file; 0 where the server does not tell.

    A part may be shorter than what was asked for: its Content-Length says nothing of the whole.
    """
    header = "Content-Range" if answer.status == 206 else "Content-Length"
    whole = answer.headers.get(header, "").rpartition("/")[2]
    return int(whole) if whole.isdecimal() and len(whole) < _MOST_DIGITS else 0


def _append(
    answer: Any, part: Path, have: int, *, total: int, most: int, listener: Listener
) -> None:
    try:
        file = part.open("ab" if have else "wb")
    except OSError as error:
        raise not_written(part, error) from error
    with file:
        listener.have(have)
        while block := _next(answer):
            have += len(block)
            if have > most:
                raise _MirrorError(f"sends more than {in_mb(most)}")
            try:
                file.write(block)
            except OSError as error:
                raise not_written(part, error, total or most) from error
            listener.have(have)
        try:
            file.flush()
            settle(file.fileno())
        except OSError as error:
            raise not_written(part, error, total or most) from error
    if total and have < total:
        raise _AgainError("the connection was cut")


def _next(answer: Any) -> bytes:
    """The bytes that came since the last time: waits for the first of them alone."""
    try:
        block: bytes = answer.read1(_BLOCK)
    except (OSError, http.client.HTTPException) as error:
        raise _AgainError(_in_words(error)) from error
    return block


def _in_words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came for {_TIMEOUT_S:.0f} s"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _size(part: Path) -> int:
    try:
        return part.stat().st_size
    except OSError:
        return 0


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _remember(part: Path, url: str, headers: Mapping[str, str]) -> None:
    """Which version begins to come: by its strong tag, else by its date."""
    tag = headers.get("ETag", "")
    version = "" if tag.startswith("W/") else tag
    note = {"url": url, "version": version or headers.get("Last-Modified", "")}
    try:
        part.unlink(missing_ok=True)  # or a kill between the two would leave old bytes, new note
        _note(part).write_text(json.dumps(note), encoding="utf-8")
    except OSError as error:
        raise not_written(part, error) from error


def _origin(part: Path) -> str:
    return _read_note(part).get("url", "")


def _version(part: Path) -> dict[str, str]:
    version = _read_note(part).get("version", "")
    return {"If-Range": version} if version else {}


def _read_note(part: Path) -> dict[str, str]:
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(_note(part).read_text("utf-8"))
        if isinstance(found, dict):
            return {str(key): str(value) for key, value in found.items()}
    return {}


def _forget(part: Path) -> None:
    for path in (part, _note(part)):
        path.unlink(missing_ok=True)


def clear(part: Path) -> None:
    """Delete what a fetch left, once it is used."""
    _forget(part)
