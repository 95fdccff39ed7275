"""Where the sandbox listens, and what to do where it cannot."""

from __future__ import annotations

import contextlib
import errno
import resource
import socket
import ssl
from collections.abc import Sequence
from typing import Final

from aiohttp import web

from blazebot.errors import SandboxError
from blazebot.http_server import HttpServer
from blazebot.sandbox.settings import SandboxSettings

__all__ = ["Listener", "has_ipv6_loopback", "port_words"]

_OTHER_FILES: Final = 256
"""Files that may be open beside connections: the database, attachments, refusals."""


class Listener:
    """One application at one port of some addresses, by TLS where there is a ``context``.

    ``option`` is how another port is chosen. A port that is 0 is picked once, and stays.
    """

    def __init__(
        self,
        app: web.Application,
        addresses: Sequence[str],
        port: int,
        settings: SandboxSettings,
        *,
        option: str,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port
        self._addresses = addresses
        self._option = option
        self._context = context
        self._server = HttpServer(
            app,
            most=_room_for(settings.connection_limit),
            patience=settings.idle_limit,
            grace=settings.stop_grace,
        )

    async def open(self) -> None:
        """Listen, for the first time or after an interruption.

        Raises:
            SandboxError: the port cannot be had; the message says what to do.
        """
        for address in self._addresses:
            try:
                self.port = await self._server.listen(address, self.port, self._context)
            except OSError as error:
                self._server.stop_listening()
                raise SandboxError(port_words(address, self.port, self._option, error)) from None
            except UnicodeError:
                self._server.stop_listening()
                raise SandboxError(f"cannot listen on {address}: it is no host's name") from None

    def interrupt(self) -> None:
        """Listen no more, and cut all connections, as the end of the process would."""
        self._server.stop_listening()
        self._server.cut()

    async def close(self) -> None:
        """Listen no more, and close all connections."""
        await self._server.close()


def _room_for(connections: int) -> int:
    """Return how many of these connections this process may have; it asks for as many files."""
    wanted = connections + _OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):  # more than the system gives anybody
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    if soft == resource.RLIM_INFINITY:
        return connections
    return min(connections, max(soft - _OTHER_FILES, soft // 2))  # there is room for some


def has_ipv6_loopback() -> bool:
    """Tell whether this machine has the address ``::1``."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def port_words(address: str, port: int, option: str, error: OSError) -> str:
    """Return why a port cannot be had, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {address} is in use: stop what listens there, or pass another one "
            f"with {option}, 0 for any free one"
        )
    if error.errno == errno.EACCES:
        return (
            f"port {port} may not be used by this user: run the sandbox as root, allow the port "
            f"(on Linux: sudo sysctl net.ipv4.ip_unprivileged_port_start={port}), or pass one "
            f"above 1023 with {option}"
        )
    return f"cannot listen on {address} port {port}: {error.strerror or error}"
