"""Serving over standard input and output, until the client is gone or somebody says to stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import threading
from typing import Final, Self

from mcp.server import MCPServer

_GRACE: Final = 5.0  # seconds for what is under way at the end
_BLOCK: Final = 65536


class _EndingInput:
    """Standard input that ends when it is told to: a blocked read of it cannot be cancelled."""

    def __enter__(self) -> Self:
        self._near, far = socket.socketpair()
        self._real = os.dup(0)
        os.dup2(far.fileno(), 0)
        far.close()
        threading.Thread(target=self._pass_on, daemon=True).start()
        return self

    def end(self) -> None:
        """Let it end."""
        with contextlib.suppress(OSError):
            self._near.shutdown(socket.SHUT_WR)

    def __exit__(self, *exc_info: object) -> None:
        self.end()

    def _pass_on(self) -> None:
        with contextlib.suppress(OSError):  # it was told to end
            while block := os.read(self._real, _BLOCK):
                self._near.sendall(block)
        self.end()


async def serve(server: MCPServer, ended: asyncio.Task[None] | None) -> None:
    """Serve until the client closes its end, or ``ended`` is done; raises what that raises."""
    with _EndingInput() as typed:
        serving = asyncio.create_task(server.run_stdio_async())
        try:
            both = [one for one in (serving, ended) if one is not None]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            typed.end()
            await asyncio.wait((serving,), timeout=_GRACE)
            serving.cancel()
        if ended is not None and ended.done():
            await ended
        elif not serving.cancelled() and serving.done():
            await serving
