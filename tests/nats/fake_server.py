"""A server that speaks as much of NATS as lets a client sign in, and keeps what it is sent."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import suppress
from typing import Any

from tests.nats.loopback import LoopbackServer


class FakeNats(LoopbackServer):
    """Says ``info`` first; before that, after it, or never (``tls`` None), it changes to TLS.

    ``received`` is what clients said outside TLS and inside it, but for the handshakes;
    ``refused`` is set whenever a client has gone without signing in. It ends the first
    ``drops`` connections as soon as they are signed in.
    """

    def __init__(
        self,
        info: dict[str, Any] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        handshake_first: bool = False,
        drops: int = 0,
    ) -> None:
        super().__init__()
        self.info = info or {}
        self.tls = tls
        self.handshake_first = handshake_first
        self.drops = drops
        self.received: list[bytes] = []
        self.refused = asyncio.Event()
        self.signed_in = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    async def end(self) -> None:
        """End the connections there are."""
        self.cut()

    def cut(self) -> None:
        """End the connections there are."""
        for writer in self._writers:
            writer.transport.abort()

    @property
    def sign_in(self) -> dict[str, Any]:
        """What the last client signed in with."""
        (*_, line) = (one for one in self.received if one.startswith(b"CONNECT "))
        answer: dict[str, Any] = json.loads(line.removeprefix(b"CONNECT "))
        return answer

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let a client sign in, and keep what it says."""
        self._writers.add(writer)
        signed_in = False
        with suppress(OSError):
            if self.tls and self.handshake_first:
                await writer.start_tls(self.tls)
            info = {"server_id": "fake", "version": "2.12.0", "max_payload": 2**20}
            writer.write(f"INFO {json.dumps(info | self.info)}\r\n".encode())
            if self.tls and not self.handshake_first:
                await writer.start_tls(self.tls)
            while line := await reader.readline():
                self.received.append(line)
                if line.startswith(b"PING"):
                    writer.write(b"PONG\r\n")
                    signed_in = True
                    self.signed_in.set()
                    if self.drops:
                        self.drops -= 1
                        await writer.drain()
                        break
        self._writers.discard(writer)
        writer.transport.abort()
        if not signed_in:
            self.refused.set()
