"""Whether a line that brings bytes brings whole frames."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import aiohttp

_HEARTBEATS: Final = 3.0


class FrameWatch:
    """Closes ``socket`` when no frame has come whole for three heartbeats, not even a pong.

    The heartbeat alone would not: to it any byte is a sign of life, even a pong that a frame
    without an end has swallowed. So pings and pongs have to come here: ``autoping`` is off.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, heartbeat: float) -> None:
        self._socket = socket
        self._within = _HEARTBEATS * heartbeat
        self._watching = asyncio.ensure_future(self._watch())
        self.frames = 0
        """Frames that came whole so far, as whoever reads them counts."""

    async def takes(self, message: aiohttp.WSMessage) -> bool:
        """Count a ping or pong, and answer a ping; tell whether it was one."""
        if message.type is aiohttp.WSMsgType.PING:
            with suppress(ConnectionError):  # the line ends
                await self._socket.pong(message.data)
        elif message.type is not aiohttp.WSMsgType.PONG:
            return False
        self.frames += 1
        return True

    def stop(self) -> None:
        """Watch no more."""
        self._watching.cancel()

    async def _watch(self) -> None:
        before = -1
        while self.frames != before:
            before = self.frames
            await asyncio.sleep(self._within)
        await self._socket.close(code=aiohttp.WSCloseCode.PROTOCOL_ERROR)
