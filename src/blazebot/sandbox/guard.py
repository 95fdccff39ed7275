"""Who may speak to the sandbox at all: ``Host``, ``Origin`` and the start-up token.

A page in the developer's browser can send requests to loopback. Its own name resolved to loopback
(DNS rebinding) shows in ``Host``, and a foreign page in ``Origin``; both are refused here, for
every path. Beyond loopback the control API needs the token too.
"""

from __future__ import annotations

import hmac
import re
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from blazebot.sandbox.answers import refusal
from blazebot.sandbox.rules.refusals import forbidden
from blazebot.wire.hosts import SERVICE_HOSTS

__all__ = ["AUTHORIZE_PATH", "CONTROL_PREFIX", "Guard", "is_loopback", "service_hosts_only"]

CONTROL_PREFIX: Final = "/control"
AUTHORIZE_PATH: Final = "/oauth/authorize"
"""The page on which somebody acts for people, as the control API does."""

_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^:\[\]/@?#\s]+)(?::(\d{1,5}))?")


def is_loopback(host: str) -> bool:
    """Tell whether a host name or address is this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Checks where requests come from.

    ``host`` is the address that the sandbox is bound to, ``token`` what the control API asks for
    beyond loopback.
    """

    def __init__(self, host: str, *, allow_hosts: tuple[str, ...], token: str) -> None:
        self._local = is_loopback(host)
        self._names = {host.lower(), *(name.lower() for name in allow_hosts)}
        self._token = token.encode()

    def complaint(self, host: str, origin: str | None) -> str | None:
        """Return why a request with these headers is refused, None if it is not."""
        name = _host_name(host)
        if name is None:
            return "there is no valid Host header"
        if not self._knows(name):
            return (
                f"the sandbox is not addressed as {name!r}; if that is wanted, "
                f"allow it with --allow-host {name}"
            )
        if origin is None:
            return None
        try:
            parts = urlsplit(origin)
        except ValueError:
            parts = urlsplit("")  # that of nobody
        if parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower():
            return None
        foreign = _host_name(parts.netloc)
        if self._local and foreign is not None and is_loopback(foreign):
            return None
        return f"pages of {origin!r} may not use the sandbox"

    def admits_control(self, authorization: str | None, token: str | None) -> bool:
        """Tell whether a request may use the control API."""
        if self._local:
            return True
        scheme, _, credentials = (authorization or "").partition(" ")
        given = credentials.strip() if scheme.lower() == "bearer" else token or ""
        return hmac.compare_digest(given.encode(errors="replace"), self._token)

    def _knows(self, name: str) -> bool:
        if name in self._names:
            return True
        if self._local:
            return is_loopback(name)
        # An address cannot be rebound to another, a name can.
        return is_loopback(name) or _is_address(name)

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse with 403, or let the request through."""
        complaint = self.complaint(request.headers.get("Host", ""), request.headers.get("Origin"))
        if complaint is not None:
            return _refused(request, complaint)
        if _is_control(request.path) or request.path == AUTHORIZE_PATH:
            given = request.headers.get("Authorization"), request.query.get("token")
            if not self.admits_control(*given):
                return _refused(
                    request,
                    "the control API needs the token that the sandbox showed at its start, "
                    "as Authorization: Bearer or ?token=",
                )
        return await handler(request)


def _is_control(path: str) -> bool:
    return path == CONTROL_PREFIX or path.startswith(f"{CONTROL_PREFIX}/")


def _refused(request: web.Request, complaint: str) -> web.Response:
    """Return 403: to drivers of the control API as it tells errors, else in plain words."""
    if _is_control(request.path):
        return refusal(forbidden(complaint))
    return web.Response(status=403, text=f"Refused: {complaint}.\n")


@web.middleware
async def service_hosts_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse with 421 what is not addressed to one of the service's own names, on any port.

    ``Origin`` does not matter there: no page has the names' certificate, and nothing is to be had
    without a token.
    """
    if _host_name(request.headers.get("Host", "")) not in SERVICE_HOSTS:
        words = f"Misdirected: here are only {', '.join(SERVICE_HOSTS)}.\n"
        return web.Response(status=421, text=words)
    return await handler(request)


def _host_name(host: str) -> str | None:
    match = _HOST.fullmatch(host)
    return match[1].strip("[]").lower() if match else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
