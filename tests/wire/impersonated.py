"""A sandbox under the service's own names, and a client that is led there as by a hosts file."""

from __future__ import annotations

import re
import shlex
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from blazebot.client.coalescing import CoalescingWebSocket
from blazebot.testing.processes import SandboxProcess

_LISTENING = re.compile(r"^# The service's own names, by TLS on port (\d+) of", re.MULTILINE)


@asynccontextmanager
async def running(process: SandboxProcess) -> AsyncIterator[None]:
    """Start a sandbox, and end it whatever happens."""
    try:
        await process.start()
        yield
    finally:
        await process.stop()


class Led(AbstractResolver):
    """Leads every name to one port of an address of this machine, whatever port is asked for."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self._port = port
        self._address = address

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=self._address,
                port=self._port,
                family=socket.AF_INET6 if ":" in self._address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """There is nothing to close."""


class Impersonator(SandboxProcess):
    """A sandbox process with ``--impersonate``, a hosts file and an authority of its own."""

    def __init__(
        self, directory: Path, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        self.hosts = directory / "hosts"
        self.ca_dir = directory / "ca"
        super().__init__(
            directory,
            arguments=[
                *("--impersonate", "--tls-port", "0", "--ca-dir", str(self.ca_dir)),
                *arguments,
            ],
            environment={"BLAZEBOT_SANDBOX_HOSTS_FILE": str(self.hosts), **(environment or {})},
        )

    @property
    def tls_port(self) -> int:
        """The port that it has printed last."""
        return int(_LISTENING.findall(self.log)[-1])

    @property
    def exports(self) -> dict[str, str]:
        """The variables that it has printed for clients."""
        words = [shlex.split(line) for line in self.log.splitlines() if line.startswith("export ")]
        return dict(word.split("=", 1) for _, word in words)

    def trusting(self) -> ssl.SSLContext:
        """What a client uses that reads ``SSL_CERT_FILE``."""
        return ssl.create_default_context(cafile=self.exports["SSL_CERT_FILE"])

    def client(self, address: str = "127.0.0.1") -> aiohttp.ClientSession:
        """A client for which all names lead here, and which trusts what it was told to."""
        resolver = Led(self.tls_port, address)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, ssl=self.trusting()),
            ws_response_class=CoalescingWebSocket,  # whose sockets are closed when it is
        )
