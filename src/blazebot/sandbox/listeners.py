"""Where the sandbox listens, and what to do where it cannot."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Sequence

from aiohttp import web

from blazebot.errors import SandboxError

__all__ = ["Listener", "has_ipv6_loopback", "port_words"]


class Listener:
    """One application at one port of some addresses, by TLS where there is a ``context``.

    ``option`` is how another port is chosen. A port that is 0 is picked once, and stays.
    ``grace`` is how many seconds the other side has for closing its lines.
    """

    def __init__(
        self,
        app: web.Application,
        addresses: Sequence[str],
        port: int,
        *,
        option: str,
        grace: float,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.port = port
        self._addresses = addresses
        self._option = option
        self._context = context
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=grace
        )

    async def open(self) -> None:
        """Listen, for the first time or after an interruption.

        Raises:
            SandboxError: the port cannot be had; the message says what to do.
        """
        if self._runner.server is None:
            await self._runner.setup()
        for address in self._addresses:
            try:
                await web.TCPSite(
                    self._runner, address, self.port, ssl_context=self._context
                ).start()
            except OSError as error:
                await self._stop_listening()
                raise SandboxError(port_words(address, self.port, self._option, error)) from None
            self.port = self._runner.addresses[0][1]

    async def interrupt(self) -> None:
        """Listen no more, and cut all connections, as the end of the process would."""
        await self._stop_listening()
        server = self._runner.server
        for connection in server.connections if server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def close(self) -> None:
        """Listen no more, and close all connections."""
        await self._runner.cleanup()

    async def _stop_listening(self) -> None:
        for site in list(self._runner.sites):
            await site.stop()


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
