"""The stream of all that all people see, event by event."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

import aiohttp
import msgspec

from soak.checker import Seen

__all__ = ["Feed"]

_PAUSE: Final = 0.05
_UNREACHABLE: Final = (aiohttp.ClientError, OSError, TimeoutError)
_SUBSCRIBED: Final = 0
_HEARTBEAT: Final = 30.0  # a sandbox that is stopped answers no ping meanwhile


class _Event(msgspec.Struct, gc=False):
    person_id: str
    message: Seen


class _Frame(msgspec.Struct):
    cursor: int | None = None
    events: list[_Event] = []


class Feed:
    """Tells ``see(person_id, message)`` all that people see, in the order of changes.

    It connects again by itself, from where it was; then it may tell again what it has told.
    """

    def __init__(
        self, http: aiohttp.ClientSession, url: str, see: Callable[[str, Seen], None]
    ) -> None:
        self._http = http
        self._url = url.rstrip("/")
        self._see = see
        self._news = asyncio.Event()
        self._decoder = msgspec.json.Decoder(_Frame)
        self.cursor = 0

    async def run(self) -> None:
        """See until cancelled."""
        while True:
            try:
                async with self._http.ws_connect(
                    f"{self._url}/control/socket", max_msg_size=0, heartbeat=_HEARTBEAT
                ) as socket:
                    await self._follow(socket)
            except _UNREACHABLE:
                pass
            await asyncio.sleep(_PAUSE)

    async def _follow(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        await socket.send_json({"id": _SUBSCRIBED, "op": "subscribe", "after": self.cursor})
        async for message in socket:
            if not isinstance(message.data, str):
                continue
            frame = self._decoder.decode(message.data)
            for event in frame.events:
                self._see(event.person_id, event.message)
            if frame.cursor is not None:
                self.cursor = max(self.cursor, frame.cursor)
                self._news.set()

    async def until(self, condition: Callable[[], bool], within: float) -> bool:
        """Return whether ``condition()`` came to hold in ``within`` seconds."""
        try:
            async with asyncio.timeout(within):
                while not condition():
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return condition()
        return True
