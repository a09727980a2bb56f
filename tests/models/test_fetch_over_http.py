"""Fetching one file, from a real server on loopback."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from model_server import Server, Told, sha

from maskwise.errors import FetchError, OutputError
from maskwise.models import writing
from maskwise.models.fetch import over_http
from maskwise.models.fetch.over_http import Wanted, fetch

DATA = random.Random(1).randbytes(300_000)


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_http, "_PAUSE_S", 0.001)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "m.onnx.part"


def wanted(server: Server, *paths: str, data: bytes = DATA, **more: Any) -> Wanted:
    urls = tuple(server.url(path) for path in paths or ("m",))
    return Wanted("m", urls, **{"sha256": sha(data), "size": len(data), **more})


def test_a_file_comes_whole_and_progress_is_told(server: Server, part: Path) -> None:
    server.serve("m", DATA)
    told = Told()
    fetch(wanted(server), part, told)
    assert part.read_bytes() == DATA
    assert told.begun == [("m", len(DATA))]
    assert told.counts == sorted(told.counts)
    assert (told.counts[0], told.counts[-1]) == (0, len(DATA))
    assert told.remarks == []
    assert server.seen[0][1]["Accept-Encoding"] == "identity"


def test_a_cut_connection_is_gone_on_with(server: Server, part: Path) -> None:
    server.serve("m", DATA, cuts=[100_000, 50_000, 0, 0])
    told = Told()
    fetch(wanted(server), part, told)
    assert part.read_bytes() == DATA
    assert server.ranges() == ["", "bytes=100000-", *["bytes=150000-"] * 3]
    assert [headers.get("If-Range") for _, headers in server.seen[1:]] == ['"one"'] * 4
    assert len(told.remarks) == 4
    assert "the connection was cut; going on from 0.1 MB" in told.remarks[0]
    assert told.counts[-1] == len(DATA)


@pytest.mark.parametrize("length", [True, False])
def test_a_connection_that_is_always_cut_is_given_up(
    server: Server, part: Path, length: bool
) -> None:
    server.serve("m", DATA, cuts=[1000] + [0] * 20, length=length)
    with pytest.raises(FetchError, match=r"127\.0\.0\.1:\d+: the connection was cut, 4 times"):
        fetch(wanted(server), part, Told())
    assert part.stat().st_size == 1000, "kept for the next time"
    assert len(server.seen) == 5


def test_what_an_earlier_pull_left_is_gone_on_with(server: Server, part: Path) -> None:
    server.serve("m", DATA, cuts=[120_000] + [0] * 20)
    with pytest.raises(FetchError):
        fetch(wanted(server), part, Told())
    server.seen.clear()
    server.serve("m", DATA)
    told = Told()
    fetch(wanted(server), part, told)
    assert part.read_bytes() == DATA
    assert server.ranges() == ["bytes=120000-"]
    assert told.counts[0] == 120_000


def test_what_is_whole_already_is_not_asked_for(server: Server, part: Path) -> None:
    part.write_bytes(DATA)
    fetch(wanted(server), part, Told())
    assert server.seen == []


def test_another_version_on_the_server_begins_anew(server: Server, part: Path) -> None:
    """If-Range: the server sends all of what it has now."""
    other = bytes(reversed(DATA))
    server.serve("m", other, cuts=[100_000] + [0] * 20, tag='"old"')
    with pytest.raises(FetchError):
        fetch(wanted(server), part, Told())
    server.serve("m", DATA, tag='"new"')
    server.seen.clear()
    fetch(wanted(server), part, Told())
    assert part.read_bytes() == DATA
    assert server.seen[0][1]["If-Range"] == '"old"'
    assert len(server.seen) == 1


def test_a_changed_file_behind_a_server_without_tags_begins_anew(
    server: Server, part: Path
) -> None:
    part.write_bytes(b"x" * 1000)
    server.serve("m", DATA, tag="")
    told = Told()
    fetch(wanted(server), part, told)
    assert part.read_bytes() == DATA
    assert server.ranges() == ["bytes=1000-", ""]
    assert any("from the start" in remark for remark in told.remarks)


def test_a_server_without_ranges_sends_it_all_again(server: Server, part: Path) -> None:
    server.serve("m", DATA, cuts=[100_000], ranges=False)
    fetch(wanted(server), part, Told())
    assert part.read_bytes() == DATA
    assert server.ranges() == ["", "bytes=100000-"]


def test_without_ranges_and_always_cut_it_ends(server: Server, part: Path) -> None:
    server.serve("m", DATA, cuts=[100_000] * 50, ranges=False)
    with pytest.raises(FetchError, match="cut, 4 times"):
        fetch(wanted(server), part, Told())
    assert len(server.seen) == 5


def test_416_begins_anew(server: Server, part: Path) -> None:
    part.write_bytes(DATA[:1000])
    server.serve("m", DATA, refuse_ranges=True)
    fetch(wanted(server), part, Told())
    assert part.read_bytes() == DATA
    assert server.ranges() == ["bytes=1000-", ""]


def test_cut_and_416_for_ever_ends(server: Server, part: Path) -> None:
    server.serve("m", DATA, refuse_ranges=True, cuts=[1000] * 50)
    with pytest.raises(FetchError, match="4 times"):
        fetch(wanted(server), part, Told())
    assert len(server.seen) < 12


def test_more_bytes_than_there_should_be_are_thrown_away(server: Server, part: Path) -> None:
    part.write_bytes(DATA + b"more")
    server.serve("m", DATA)
    fetch(wanted(server), part, Told())
    assert part.read_bytes() == DATA


def test_another_file_is_refused_and_not_kept(server: Server, part: Path) -> None:
    server.serve("m", bytes(len(DATA)))
    with pytest.raises(FetchError, match=r"sent another file: sha256 [0-9a-f]{12}\.\.\., expected"):
        fetch(wanted(server), part, Told())
    assert list(part.parent.iterdir()) == []


def test_another_size_is_refused_before_it_comes(server: Server, part: Path) -> None:
    server.serve("m", DATA + b"?")
    with pytest.raises(FetchError, match="has 300,001 bytes, expected 300,000"):
        fetch(wanted(server), part, Told())
    assert not part.exists()


def test_a_server_that_never_stops_is_stopped(server: Server, part: Path) -> None:
    server.serve("m", DATA * 3, length=False)
    with pytest.raises(FetchError, match=r"sends more than 0\.3 MB"):
        fetch(wanted(server), part, Told())


def test_404_then_the_next_mirror(server: Server, part: Path) -> None:
    server.serve("second", DATA)
    told = Told()
    fetch(wanted(server, "first", "second"), part, told)
    assert part.read_bytes() == DATA
    assert [path for path, _ in server.seen] == ["first", "second"]
    assert any("HTTP 404" in remark and "trying 127.0.0.1" in remark for remark in told.remarks)


def test_bytes_of_one_mirror_are_gone_on_with_at_the_next(server: Server, part: Path) -> None:
    server.serve("first", DATA, cuts=[100_000] + [0] * 20)
    server.serve("second", DATA, tag='"two"')
    fetch(wanted(server, "first", "second"), part, Told())
    assert part.read_bytes() == DATA
    path, headers = server.seen[-1]
    assert (path, headers["Range"]) == ("second", "bytes=100000-")
    assert "If-Range" not in headers, "that tag is the first mirror's"


def test_mirrors_that_hold_different_files_do_not_mix(server: Server, part: Path) -> None:
    server.serve("first", bytes(len(DATA)), cuts=[100_000] + [0] * 20)
    server.serve("second", DATA)
    fetch(wanted(server, "first", "second"), part, Told())
    assert part.read_bytes() == DATA


def test_every_mirrors_reason_is_told(server: Server, part: Path) -> None:
    server.serve("second", b"short")
    with pytest.raises(FetchError) as caught:
        fetch(wanted(server, "first", "second"), part, Told())
    assert "HTTP 404" in str(caught.value)
    assert "has 5 bytes, expected 300,000" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_server_that_is_busy_is_asked_again(server: Server, part: Path) -> None:
    server.serve("m", DATA, statuses=[503, 429, 502])
    fetch(wanted(server), part, Told())
    assert part.read_bytes() == DATA
    assert len(server.seen) == 4


def test_a_redirection_is_followed_with_the_range(server: Server, part: Path) -> None:
    part.write_bytes(DATA[:1000])
    server.serve("m", b"", status=302, location=server.url("there"))
    server.serve("there", DATA)
    fetch(wanted(server), part, Told())
    assert part.read_bytes() == DATA
    assert server.ranges() == ["bytes=1000-"] * 2


@pytest.mark.parametrize(
    "target", ["http://example.invalid/m", "ftp://example.invalid/m", "file:///etc/passwd"]
)
def test_a_redirection_away_from_https_is_refused(server: Server, part: Path, target: str) -> None:
    server.serve("m", b"", status=302, location=target)
    with pytest.raises(FetchError, match=r"[Rr]edirect"):
        fetch(wanted(server), part, Told())
    assert not part.exists()


def test_a_redirection_in_a_circle_ends(server: Server, part: Path) -> None:
    server.serve("m", b"", status=302, location=server.url("m"))
    with pytest.raises(FetchError):
        fetch(wanted(server), part, Told())


@pytest.mark.parametrize(
    "url", ["http://example.invalid/m", "file:///etc/passwd", "data:,x", "m.onnx", "https:///m"]
)
def test_only_https_is_fetched(part: Path, url: str) -> None:
    with pytest.raises(FetchError, match="only https is"):
        fetch(Wanted("m", (url,), sha(DATA), len(DATA)), part, Told())


@pytest.mark.parametrize("target", ["https://[x/m", "https://a b/m", "//[", "https://h:port/m"])
def test_a_redirection_to_nonsense(server: Server, part: Path, target: str) -> None:
    server.serve("m", b"", status=302, location=target)
    with pytest.raises(FetchError) as caught:
        fetch(wanted(server), part, Told())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("https://[x/m", "is no address"),
        ("https://h:port/m", "no address"),
        ("https://me:secret@example.invalid/m", "name or a password"),
    ],
)
def test_addresses_that_cannot_be(part: Path, url: str, reason: str) -> None:
    with pytest.raises(FetchError, match=reason) as caught:
        fetch(Wanted("m", (url,), sha(DATA), len(DATA)), part, Told())
    assert "secret" not in str(caught.value)


def test_a_slow_server_goes_on_as_long_as_something_comes(
    server: Server, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(over_http, "_TIMEOUT_S", 0.5)
    server.serve("m", DATA[:2000], step=100, pause_s=0.05)
    told = Told()
    fetch(wanted(server, data=DATA[:2000]), part, told)
    assert part.read_bytes() == DATA[:2000]
    assert len(told.counts) > 5, "told while it comes, not at the end"
    assert len(server.seen) == 1


def test_a_server_that_falls_silent_is_asked_again(
    server: Server, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(over_http, "_TIMEOUT_S", 0.2)
    asset = server.serve("m", DATA, step=150_000, pause_s=1.0)
    told = Told()

    def wake() -> None:
        while len(server.seen) < 2:
            time.sleep(0.01)
        asset.pause_s = 0.0

    threading.Thread(target=wake, daemon=True).start()
    fetch(wanted(server), part, told)
    assert part.read_bytes() == DATA
    assert server.ranges()[:2] == ["", "bytes=150000-"]
    assert any("nothing came for" in remark for remark in told.remarks)


def test_nobody_there(part: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(FetchError, match=rf"127\.0\.0\.1:{port}: .*refused"):
        fetch(Wanted("m", (f"http://127.0.0.1:{port}/m",), sha(DATA), 1), part, Told())


def test_a_proxy_from_the_environment_is_used(
    server: Server, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve("models.invalid/m", DATA)
    monkeypatch.setenv("http_proxy", server.base)
    url = "http://models.invalid/m"
    fetch(Wanted("m", (url,), sha(DATA), len(DATA), named=True), part, Told())
    assert part.read_bytes() == DATA
    assert server.seen[0][0] == "models.invalid/m"


def test_too_little_room_is_told_before_anything_comes(
    server: Server, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve("m", DATA)
    usage = type(shutil.disk_usage("."))(10**9, 10**9 - 100_000, 100_000)
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match=r"m needs 0\.3 MB, and 0\.1 MB are free; make room"):
        fetch(wanted(server), part, Told())
    assert not part.exists()


class _FullDisk(NamedTuple):
    """Stands in for an open file: the disk is full after some bytes."""

    file: Any

    def __enter__(self) -> _FullDisk:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def write(self, block: bytes) -> int:
        if self.file.tell() + len(block) > 150_000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return int(self.file.write(block))


def test_a_disk_that_fills_up_keeps_what_came(
    server: Server, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.serve("m", DATA)
    real = Path.open

    def opened(self: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        file = real(self, mode, *args, **more)
        return _FullDisk(file) if self == part and mode in ("wb", "ab") else file

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        with pytest.raises(OutputError, match=r"No space left.*needs 0\.3 MB in all; make room"):
            fetch(wanted(server), part, Told())
    assert 0 < part.stat().st_size <= 150_000
    fetch(wanted(server), part, Told())
    assert part.read_bytes() == DATA
    assert server.ranges()[-1].startswith("bytes=")


def test_a_folder_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    server.serve("m", DATA)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot be written"):
        fetch(wanted(server), tmp_path / "file" / "m.part", Told())


class TestWithoutASha:
    def test_the_size_is_the_servers(self, server: Server, part: Path) -> None:
        server.serve("m", DATA)
        told = Told()
        fetch(wanted(server, sha256="", size=0), part, told)
        assert part.read_bytes() == DATA
        assert told.begun == [("m", len(DATA))]

    def test_a_part_that_is_shorter_than_asked_is_not_the_end(
        self, server: Server, part: Path
    ) -> None:
        server.serve("m", DATA, cuts=[1000], most=len(DATA) // 2)
        fetch(wanted(server, sha256="", size=0), part, Told())
        assert part.read_bytes() == DATA
        assert len(server.seen) > 2

    @pytest.mark.parametrize("length", ["9" * 5000, "-1", "many", "\u00b2"])
    def test_a_length_that_is_none(self, server: Server, part: Path, length: str) -> None:
        server.serve("m.onnx", DATA, length=length)
        fetch(Wanted("m", (server.url("m.onnx"),), "", 0), part, Told())
        assert part.read_bytes() == DATA

    def test_a_cut_file_is_not_taken_for_whole(self, server: Server, part: Path) -> None:
        server.serve("m", DATA, cuts=[1000] + [0] * 20)
        with pytest.raises(FetchError, match="cut"):
            fetch(wanted(server, sha256="", size=0), part, Told())

    def test_bytes_of_an_unknown_version_are_not_gone_on_with(
        self, server: Server, part: Path
    ) -> None:
        part.write_bytes(b"x" * 1000)
        server.serve("m", DATA)
        fetch(wanted(server, sha256="", size=0), part, Told())
        assert part.read_bytes() == DATA
        assert server.ranges() == [""]


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"url": 3}'])
def test_a_damaged_note_does_no_harm(server: Server, part: Path, damage: str) -> None:
    part.write_bytes(DATA[:5000])
    part.with_name(f"{part.name}.json").write_text(damage)
    server.serve("m", DATA)
    fetch(wanted(server), part, Told())
    assert part.read_bytes() == DATA


_CHILD = """
import json, sys
from pathlib import Path
from maskwise.models.fetch import over_http
from maskwise.models.fetch.over_http import Wanted, fetch
class Told:
    def begin(self, what, total): print("begun", flush=True)
    def have(self, count): print(count, flush=True)
    def remark(self, message): pass
values = json.loads(sys.argv[1])
wanted = Wanted("m", tuple(values["urls"]), values["sha256"], values["size"])
fetch(wanted, Path(values["part"]), Told())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends signals")
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_a_killed_pull_is_gone_on_with(server: Server, part: Path, name: str) -> None:
    asset = server.serve("m", DATA, step=10_000, pause_s=0.05)
    values = {"urls": [server.url("m")], "sha256": sha(DATA), "size": len(DATA), "part": str(part)}
    start = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    child = subprocess.Popen(
        [sys.executable, "-c", start + _CHILD, json.dumps(values)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    for line in child.stdout:
        if line.strip().isdecimal() and int(line) >= 50_000:
            break
    child.send_signal(getattr(signal, name))
    child.communicate(timeout=30)
    assert child.returncode != 0
    have = part.stat().st_size
    assert 0 < have < len(DATA)
    asset.pause_s = 0.0
    server.seen.clear()
    fetch(wanted(server), part, Told())
    assert part.read_bytes() == DATA
    assert server.ranges() == [f"bytes={have}-"]
