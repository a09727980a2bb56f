"""URLs of galleries on Qdrant: what is read from them, and what never shows."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qdrant_client import QdrantClient, models

from maskwise.errors import ConfigurationError, GalleryFormatError, MaskwiseError, StorageError
from maskwise.gallery import gallery_file, open_gallery
from maskwise.gallery.qdrant.engine import QdrantGallery
from maskwise.gallery.qdrant.head import HEAD_ID
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.qdrant.place import KEY_VARIABLE, Place, Settings, parse
from maskwise.gallery.where import without_secrets
from maskwise.testing.enrolments import axis, reference, virtual
from maskwise.testing.qdrant_server import Server
from maskwise.types import NO_MASK

WORD = "Tr0ub4dor"
"""In every key of these tests, and nowhere else."""


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


@pytest.mark.parametrize(
    ("url", "shown", "key"),
    [
        ("qdrant+http://h", "qdrant+http://h:6333/maskwise", None),
        ("qdrant+https://h:1/staff/", "qdrant+https://h:1/staff", None),
        (f"qdrant+https://{WORD}@h/a", "qdrant+https://h:6333/a", WORD),
        (f"qdrant+https://:{WORD}@h/a", "qdrant+https://h:6333/a", WORD),
        (f"QDRANT+HTTPS://me:{WORD}%40%2F@h/a", "qdrant+https://h:6333/a", f"{WORD}@/"),
        (f"qdrant+https://h/a?api_key={WORD}", "qdrant+https://h:6333/a", WORD),
        (f"qdrant+http://{WORD}@127.0.0.1/a", "qdrant+http://127.0.0.1:6333/a", WORD),
        (f"qdrant+http://{WORD}@[::1]/a", "qdrant+http://[::1]:6333/a", WORD),
        (f"qdrant+http://{WORD}@h/a?insecure=true", "qdrant+http://h:6333/a", WORD),
        ("qdrant+path:///srv/faces/staff", "qdrant+path:///srv/faces/staff", None),
        ("qdrant+path://faces/staff", "qdrant+path://faces/staff", None),
    ],
)
def test_a_url_is_shown_without_its_key(url: str, shown: str, key: str | None) -> None:
    place = parse(url)
    assert (place.shown, place.key) == (shown, key)
    assert without_secrets(url) == shown
    assert WORD not in repr(place)
    assert parse(shown).shown == shown
    assert gallery_file(url) is None


def test_the_key_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, WORD)
    assert parse("qdrant+https://h/a").key == WORD
    assert parse("qdrant+https://other@h/a").key == "other"
    with pytest.raises(ConfigurationError, match="unencrypted") as caught:
        parse("qdrant+http://h/a")
    assert WORD not in str(caught.value)


def test_folders_and_parameters() -> None:
    assert parse("qdrant+path:///srv/faces/staff").folder == Path("/srv/faces")
    assert parse("qdrant+path://faces/staff").folder == Path("faces")
    place = parse(
        "qdrant+http://h/a?shards=6&replicas=2&quantization=int8&on_disk=true&ef_search=50&timeout=9"
    )
    assert place.settings == Settings(6, 2, "int8", True)
    assert (place.depth, place.timeout_s) == (50, 9)
    assert parse("qdrant+http://h/a").settings == Settings()


@pytest.mark.parametrize(
    "rest",
    [
        *("http://h/a?shards=0", "http://h/a?replicas=x", "http://h/a?quantization=four"),
        *("http://h/a?on_disk=yes", "http://h/a?other=1", "http://h/a?timeout=", "http://h/a/b"),
        *("http://h/a b", "http://h/é", f"http://h/{'x' * 201}", "http:///a", "http://h:x/a"),
        *("grpc://h/a", "path://", "path://x", "path:///a?shards=1", "http://h/a?ef_search=0"),
    ],
)
def test_what_cannot_be_is_refused(rest: str) -> None:
    with pytest.raises(ConfigurationError):
        parse(f"qdrant+{rest}")


@given(st.text(max_size=12), st.text(max_size=12))
def test_no_key_ever_shows(before: str, after: str) -> None:
    key = f"{before}{WORD}{after}"
    for written in (quote(key, safe="", errors="replace"), key):
        for url in (f"qdrant+https://{written}@host/a", f"qdrant+https://u:{written}@host/a"):
            assert WORD not in without_secrets(url)
            try:
                said = repr(parse(url))
            except MaskwiseError as error:
                said = f"{error!r}{error.__cause__!r}"
            assert WORD not in said


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("maskwise.gallery.qdrant.")]:
        if not name.endswith(".place"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(ConfigurationError, match=r'pip install "maskwise\[qdrant\]"') as caught:
        open_gallery(f"qdrant+https://{WORD}@h/a")
    assert WORD not in str(caught.value)


def test_nothing_of_it_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, maskwise.gallery, maskwise.cli; maskwise.gallery.open_gallery(None).close();"
        "from maskwise.gallery.where import without_secrets; without_secrets('qdrant+http://k@h');"
        "sys.exit(any(m.startswith('qdrant_client') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The server's answers.


def test_a_server_that_is_not_there_is_named() -> None:
    with pytest.raises(StorageError, match="cannot be reached") as caught:
        open_gallery(f"qdrant+http://{WORD}@127.0.0.1:9/a?timeout=2")
    assert "qdrant+http://127.0.0.1:9/a" in str(caught.value)
    assert WORD not in str(caught.value)


class _Answers(http.server.BaseHTTPRequestHandler):
    """A server that wants another key."""

    answer: ClassVar = (401, b'{"status":{"error":"Must provide an API key"}}')

    def do_GET(self) -> None:
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_wrong_key_is_said_and_not_shown(port: int) -> None:
    with pytest.raises(ConfigurationError, match="refuses the API key") as caught:
        open_gallery(f"qdrant+http://{WORD}@127.0.0.1:{port}/a")
    assert KEY_VARIABLE in str(caught.value)
    assert WORD not in str(caught.value)


def open_as_server(client: QdrantClient, settings: Settings, version: str = "1.17.0") -> Server:
    server = Server(client, version)
    place = Place("people", "x", url="http://h:6333", settings=settings)
    gallery = QdrantGallery.on(Link(place, server))  # type: ignore[arg-type]
    templates = [(NO_MASK, axis(0)), (virtual(), axis(1))]
    gallery.enrol("Ann", [reference("a.jpg", templates)])
    return server


def test_an_old_server_is_refused(client: QdrantClient) -> None:
    with pytest.raises(ConfigurationError, match=r"Qdrant 1\.16\.3 and maskwise needs 1\.17"):
        open_as_server(client, Settings(), "1.16.3")


def test_settings_are_those_of_the_collections_and_stay(client: QdrantClient) -> None:
    server = open_as_server(client, Settings(6, 3, "int8", True))
    main, templates = server.made["people"], server.made["people_templates_1"]
    for made in (main, templates):
        assert (made["shard_number"], made["replication_factor"]) == (6, 3)
        assert made["write_consistency_factor"] == 2
    assert main["vectors_config"] == {}
    vectors = templates["vectors_config"]
    assert (vectors.size, vectors.distance, vectors.on_disk) == (16, models.Distance.DOT, True)
    assert templates["quantization_config"].scalar.always_ram
    assert {"masked", "alone", "since", "until"} <= server.indexed["people_templates_1"]
    # Later they need not be named; others are refused.
    again = open_as_server(client, Settings())
    assert again.made == {}
    with pytest.raises(ConfigurationError, match="shards=6, not 7"):
        open_as_server(client, Settings(shards=7))


def test_other_collections_and_newer_galleries_are_left_alone(client: QdrantClient) -> None:
    client.create_collection("people", vectors_config={})
    client.upsert("people", [models.PointStruct(id=1, vector={}, payload={"a": 1})])
    link = Link(Place("people", "x"), client)
    with pytest.raises(GalleryFormatError, match="no gallery; name another"):
        QdrantGallery.on(link)
    newer = models.PointStruct(id=HEAD_ID, vector={}, payload={"kind": "head", "format": 2})
    client.upsert("people", [newer])
    with pytest.raises(GalleryFormatError, match="upgrade maskwise"):
        QdrantGallery.on(Link(Place("people", "x"), client))


def test_a_gallery_that_is_not_there_is_not_made(tmp_path: Path, client: QdrantClient) -> None:
    with pytest.raises(StorageError, match="there is no gallery yet"):
        open_gallery(f"qdrant+path://{tmp_path}/x/people", create=False)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StorageError, match="there is no gallery yet"):
        QdrantGallery.on(Link(Place("people", "x"), client), create=False)


def test_a_folder_is_for_one_process(tmp_path: Path) -> None:
    with open_gallery(f"qdrant+path://{tmp_path}/x/people"):
        code = (
            "import sys; from maskwise.gallery import open_gallery\n"
            "try: open_gallery(sys.argv[1])\n"
            "except OSError as error: print(error)"
        )
        said = subprocess.run(
            [sys.executable, "-c", code, f"qdrant+path://{tmp_path}/x/people"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    assert "another process has this folder open" in said
