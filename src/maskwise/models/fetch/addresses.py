"""Which addresses we fetch from: https alone, and http where the user said so."""

from __future__ import annotations

import ipaddress
import urllib.request
from typing import Any
from urllib.parse import urlsplit


class RefusedError(Exception):
    """We do not fetch from there; says why."""


def require_allowed(url: str, *, named: bool) -> None:
    """RefusedError unless ``url`` is https, or http on this machine or ``named`` by the user."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise RefusedError(f"{url!r} is no address ({error})") from error
    if parts.username is not None:
        raise RefusedError("an address with a name or a password in it is not fetched")
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname and (named or _is_loopback(parts.hostname)):
        return
    raise RefusedError(
        f"{url} is not fetched: only https is (http where --url names it), and a file at hand is "
        "taken with --from"
    )


def host_of(url: str) -> str:
    """The part of an address that people recognise."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2] or url
    except ValueError:
        return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class CarefulRedirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirection where a request would be allowed, and never from https to http."""

    def __init__(self, *, named: bool) -> None:
        self._named = named

    def redirect_request(  # noqa: PLR0917 - urllib calls it so
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        """RefusedError where we do not go."""
        if req.type == "https" and not newurl.lower().startswith("https:"):
            raise RefusedError(f"redirects from https to {newurl}")
        try:
            require_allowed(newurl, named=self._named)
        except RefusedError as error:
            raise RefusedError(f"redirects elsewhere ({error})") from None
        return super().redirect_request(req, fp, code, msg, headers, newurl)
