"""A WebSocket whose frames leave together: all of one turn of the event loop in one write.

A write costs more than the frame in it: encryption of its own, and a call of the system.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import aiohttp
from aiohttp.http_websocket import WebSocketWriter

_ENOUGH: Final = 64 * 1024  # bytes that are written at once, be the turn over or not
_CLOSE: Final = 0x80 | aiohttp.WSMsgType.CLOSE  # how a frame begins that ends the connection


class CoalescingWebSocket(aiohttp.ClientWebSocketResponse):
    """For ``ClientSession(ws_response_class=...)``."""

    def __init__(self, reader: Any, writer: WebSocketWriter, *args: Any, **options: Any) -> None:
        self._below = writer.transport
        writer.transport = CoalescingTransport(self._below)
        super().__init__(reader, writer, *args, **options)

    async def close(self, *, code: int = aiohttp.WSCloseCode.OK, message: bytes = b"") -> bool:
        """Close it, and the connection too: its other side may never say goodbye to TLS."""
        try:
            return await super().close(code=code, message=message)
        finally:
            if self._below.is_closing():  # else another task still waits for the last frame
                self._below.abort()


class CoalescingTransport(asyncio.Transport):
    """Writes to ``transport`` what is written here, when the turn of the loop is over.

    It holds little, and what ends the connection not at all: behind that nothing may be written.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._frames: list[bytes] = []
        self._size = 0

    def is_closing(self) -> bool:
        """Tell whether nothing can be written any more."""
        return self._transport.is_closing()

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Take one whole frame."""
        if not self._frames:
            self._loop.call_soon(self._flush)
        self._frames.append(bytes(data))
        self._size += len(data)
        if self._size >= _ENOUGH or data[0] == _CLOSE:
            self._flush()

    def _flush(self) -> None:
        frames, self._frames, self._size = self._frames, [], 0
        if frames and not self._transport.is_closing():
            self._transport.write(b"".join(frames))
