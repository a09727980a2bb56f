"""A web server on loopback that misbehaves as it is told, for tests of pulls."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Asset:
    """One address. Each request takes the next of ``cuts``: after so many bytes it is cut off."""

    data: bytes = b""
    status: int = 200
    location: str = ""
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    tag: str = '"one"'
    length: bool | str = True
    pause_s: float = 0.0
    step: int = 1 << 16
    refuse_ranges: bool = False
    most: int = 0  # bytes of an answer to a Range; 0: all that are left
    statuses: list[int] = field(default_factory=list)


class Server:
    """``url(path)`` is where ``assets[path]`` is; ``seen`` are the requests' path and headers."""

    def __init__(self) -> None:
        self.assets: dict[str, Asset] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def url(self, path: str) -> str:
        return f"{self.base}/{path}"

    def serve(self, path: str, data: bytes, **more: object) -> Asset:
        self.assets[path] = Asset(data, **more)  # type: ignore[arg-type]
        return self.assets[path]

    def ranges(self) -> list[str]:
        """The Range header of each request, "" where there was none."""
        return [headers.get("Range", "") for _, headers in self.seen]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        # A proxy is asked for the whole address.
        path = handler.path.removeprefix(self.base).partition("://")[2] or handler.path
        path = path.lstrip("/")
        self.seen.append((path, dict(handler.headers.items())))
        asset = self.assets.get(path)
        status = asset.statuses.pop(0) if asset and asset.statuses else 0
        if asset is None or status or asset.status != 200:
            handler.send_response(status or (asset.status if asset else 404))
            if asset and asset.location:
                handler.send_header("Location", asset.location)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        begin = self._begin(handler, asset)
        if begin is None:
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(asset.data)}")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        body = asset.data[begin:]
        if begin and asset.most:
            body = body[: asset.most]
        handler.send_response(206 if begin else 200)
        if begin:
            end = begin + len(body) - 1
            handler.send_header("Content-Range", f"bytes {begin}-{end}/{len(asset.data)}")
        if asset.length:
            told = asset.length if isinstance(asset.length, str) else str(len(body))
            handler.send_header("Content-Length", told)
        if asset.tag:
            handler.send_header("ETag", asset.tag)
        handler.end_headers()
        if asset.cuts:
            body = body[: asset.cuts.pop(0)]
        try:
            for start in range(0, len(body), asset.step):
                handler.wfile.write(body[start : start + asset.step])
                time.sleep(asset.pause_s)
        except OSError:  # the client went
            pass
        handler.close_connection = True

    def _begin(self, handler: BaseHTTPRequestHandler, asset: Asset) -> int | None:
        asked = handler.headers.get("Range", "")
        condition = handler.headers.get("If-Range")
        if not asked or not asset.ranges or (condition and condition != asset.tag):
            return 0
        begin = int(asked.removeprefix("bytes=").rstrip("-"))
        return None if asset.refuse_ranges or begin >= len(asset.data) else begin


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Told:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, int]] = []
        self.counts: list[int] = []
        self.remarks: list[str] = []

    def begin(self, what: str, total: int) -> None:
        self.begun.append((what, total))

    def have(self, count: int) -> None:
        self.counts.append(count)

    def remark(self, message: str) -> None:
        self.remarks.append(message)
