"""Fetching over real TLS: certificates are checked, and nothing leads away from https."""

from __future__ import annotations

import http.server
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_server import Told, sha

from maskwise.errors import FetchError
from maskwise.models.fetch import over_http
from maskwise.models.fetch.over_http import Wanted, fetch

DATA = b"weights" * 10_000
_MAKE = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 127.0.0.1, signed by itself; its key lies beside it."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*_MAKE, *names, *files], check=True, capture_output=True)
    return folder / "cert.pem"


@pytest.fixture
def url(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(over_http, "_PAUSE_S", 0.001)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/away":
                self.send_response(302)
                self.send_header("Location", "http://127.0.0.1:9/m")
                self.end_headers()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(DATA)))
            self.end_headers()
            self.wfile.write(DATA)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def wanted(url: str) -> Wanted:
    return Wanted("m", (url,), sha(DATA), len(DATA))


def test_a_certificate_of_nobody_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="its certificate is not valid"):
        fetch(wanted(url), tmp_path / "m.part", Told())
    assert list(tmp_path.iterdir()) == []


class TestTrusted:
    @pytest.fixture(autouse=True)
    def trusted(self, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))

    def test_it_comes(self, url: str, tmp_path: Path) -> None:
        fetch(wanted(url), tmp_path / "m.part", Told())
        assert (tmp_path / "m.part").read_bytes() == DATA

    def test_a_redirection_to_http_is_refused(self, url: str, tmp_path: Path) -> None:
        """Even to this machine, and where the user named the address."""
        away = Wanted("m", (f"{url}away",), sha(DATA), len(DATA), named=True)
        with pytest.raises(FetchError, match="redirects from https to http://"):
            fetch(away, tmp_path / "m.part", Told())
