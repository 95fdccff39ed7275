"""A way between two ends that can be cut: nothing passes then, and nobody is told."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from tests.nats.loopback import LoopbackServer


class TcpProxy(LoopbackServer):
    """Passes bytes on to ``port`` of this machine, from :attr:`port`, but while it is cut."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._target = port
        self._whole = asyncio.Event()
        self._whole.set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def end(self) -> None:
        """End the connections there are."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Let nothing pass."""
        self._whole.clear()

    def mend(self) -> None:
        """Let everything pass again, also what has come meanwhile."""
        self._whole.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on what either side says."""
        with suppress(OSError):
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", self._target)
            for one, other in ((reader, other_writer), (other_reader, writer)):
                task = asyncio.ensure_future(self._pass_on(one, other))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError):
                while data := await reader.read(64 * 1024):
                    await self._whole.wait()
                    writer.write(data)
                    await writer.drain()
        finally:
            writer.close()
