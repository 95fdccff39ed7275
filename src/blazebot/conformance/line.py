"""A bot's line, raw: frames as they came, and what is expected of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Final
from uuid import uuid4

import aiohttp

from blazebot.conformance.expectations import Violation, clip, expect
from blazebot.errors import FrameError
from blazebot.wire.codec import decode_json, decompress, encode_request
from blazebot.wire.frames import (
    ACKNOWLEDGE_MESSAGE_RECEIPT,
    ACKNOWLEDGE_MESSAGE_RECEIPTS,
    CREATE_MESSAGE,
    ERROR,
    LIST_PENDING_MESSAGES,
)
from blazebot.wire.limits import FRAME_LIMIT
from blazebot.wire.messages import READ

__all__ = ["QUIET", "Frame", "Line"]

QUIET: Final = 1.0
"""Seconds without a frame after which none is taken to come."""

_UNCLAIMED_MOST: Final = 10_000
"""Frames that nobody has asked for yet; beyond it the oldest are let go."""

_GONE: Final = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.ERROR,
)

Frame = dict[str, Any]
"""A frame's JSON object, unchecked."""


class Line:
    """One open connection. ``patience`` is how many seconds any frame is waited for.

    What is pushed while something else is awaited is kept until it is asked for. What others have
    sent to the bot stays there unacknowledged.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, patience: float) -> None:
        self.socket = socket
        self._patience = patience
        self._unclaimed: deque[Frame] = deque(maxlen=_UNCLAIMED_MOST)

    async def send(self, action: str, params: Any = None) -> str:
        """Send a request and return its id."""
        frame_id = str(uuid4())
        await self.socket.send_bytes(encode_request(frame_id, action, params))
        return frame_id

    async def request(self, action: str, params: Any = None) -> Frame:
        """Send a request and return its answer, whatever it says."""
        frame_id = await self.send(action, params)
        return await self.frame(f"answer to {action}", lambda frame: frame.get("id") == frame_id)

    async def taken(self, action: str, params: Any = None) -> Frame:
        """Send a request and return its answer, which must not be an error."""
        frame = await self.request(action, params)
        expect("error" not in frame, f"{action}: answered with {clip(frame.get('error'))}")
        return frame

    async def frame(self, what: str, wanted: Callable[[Frame], bool]) -> Frame:
        """Return the next frame that is ``wanted``; ``what`` it is, in words.

        Raises:
            Violation: none came in time, the line was closed, or something came that is no frame.
        """
        for frame in self._unclaimed:
            if wanted(frame):
                self._unclaimed.remove(frame)
                return frame
        try:
            async with asyncio.timeout(self._patience):
                while not wanted(frame := await self._read()):
                    self._unclaimed.append(frame)
        except TimeoutError:
            raise Violation(f"no {what} within {self._patience:g} s") from None
        return frame

    async def list_pending(self) -> Frame:
        """Ask for what is pending; return the answer."""
        return await self.taken(LIST_PENDING_MESSAGES)

    async def view(self, message_id: str) -> dict[str, Any]:
        """Return the view of a message once it is pushed."""
        frame = await self.frame(
            f"push of message {message_id}", lambda frame: _is_view(frame, message_id)
        )
        view: dict[str, Any] = frame["data"]
        return view

    async def receipt(self, message_id: str, status: str) -> dict[str, Any]:
        """Return the receipt that tells that a message has this status, once it is pushed."""
        frame = await self.frame(
            f"receipt that message {message_id} is {status}",
            lambda frame: (
                frame.get("action") == ACKNOWLEDGE_MESSAGE_RECEIPT
                and _data(frame).get("message_id") == message_id
                and _data(frame).get("status") == status
            ),
        )
        return _data(frame)

    async def error(self) -> dict[str, Any]:
        """Return the error of the next ``ERROR``, which belongs to no request."""
        frame = await self.frame("ERROR frame", lambda frame: frame.get("action") == ERROR)
        error = frame.get("error")
        return error if isinstance(error, dict) else {}

    async def acknowledge(self, *message_ids: str, status: str = READ) -> None:
        """Acknowledge messages in one batch."""
        receipts = [{"message_id": id_, "status": status} for id_ in message_ids]
        await self.taken(ACKNOWLEDGE_MESSAGE_RECEIPTS, {"messages": receipts})

    async def pushes(self, message_id: str, within: float = QUIET) -> int:
        """Return how often a message is pushed within this time, that is before it is over."""
        try:
            async with asyncio.timeout(within):
                while True:
                    self._unclaimed.append(await self._read())
        except TimeoutError:
            pass
        return sum(_is_view(frame, message_id) for frame in self._unclaimed)

    async def ping(self, within: float) -> None:
        """Wait for a ping of the service and answer it; the line must not answer by itself."""
        message = await self._control(aiohttp.WSMsgType.PING, within)
        await self.socket.pong(message.data)

    async def pong(self, data: bytes) -> None:
        """Send a ping and wait for its answer; the line must not answer pings by itself."""
        await self.socket.ping(data)
        message = await self._control(aiohttp.WSMsgType.PONG, self._patience)
        expect(bytes(message.data) == data, "the pong does not hold what the ping held")

    async def closed(self) -> None:
        """Wait until the service closes the line."""
        try:
            async with asyncio.timeout(self._patience):
                while (await self.socket.receive()).type not in _GONE:
                    pass
        except TimeoutError:
            raise Violation(f"the line was not closed within {self._patience:g} s") from None

    async def _control(self, kind: aiohttp.WSMsgType, within: float) -> aiohttp.WSMessage:
        try:
            async with asyncio.timeout(within):
                while (message := await self._receive()).type is not kind:
                    pass
        except TimeoutError:
            raise Violation(f"no {kind.name.lower()} within {within:g} s") from None
        return message

    async def _receive(self) -> aiohttp.WSMessage:
        message = await self.socket.receive()
        if message.type in _GONE:
            raise Violation(f"the service closed the line, code {self.socket.close_code}")
        return message

    async def _read(self) -> Frame:
        message = await self._receive()
        expect(
            message.type is aiohttp.WSMsgType.BINARY,
            f"a {message.type.name} message came, where frames are binary",
        )
        try:
            return decode_json(decompress(message.data, FRAME_LIMIT), dict[str, Any])
        except FrameError as error:
            raise Violation(f"a message came that is no gzip of a JSON object: {error}") from None


def _data(frame: Frame) -> dict[str, Any]:
    data = frame.get("data")
    return data if isinstance(data, dict) else {}


def _is_view(frame: Frame, message_id: str) -> bool:
    return frame.get("action") == CREATE_MESSAGE and _data(frame).get("message_id") == message_id
