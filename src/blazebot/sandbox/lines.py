"""One WebSocket of ours: answers first, then what is to be pushed, pings and an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from abc import ABC, abstractmethod
from collections import deque
from typing import Final

from aiohttp import WSMessage, WSMsgType, web

from blazebot.sandbox.settings import SandboxSettings

__all__ = ["Line"]

logger = logging.getLogger("blazebot.sandbox")

_WAITING_MOST: Final = 1000
"""Answers that wait to be sent, beyond which no more requests are read."""

_WAITING_BYTES: Final = 1024 * 1024
"""And bytes of them: an answer repeats the id of its request, which may be long."""

_GONE: Final = (WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR)


class Line(ABC):
    """One accepted WebSocket.

    A single task sends: first the answers that wait, then a piece of what :meth:`push_more` has.
    So a peer that does not read holds up nobody but itself, and memory stays bounded.
    """

    def __init__(
        self, socket: web.WebSocketResponse, transport: asyncio.Transport, settings: SandboxSettings
    ) -> None:
        self._socket = socket
        self._transport = transport
        self._settings = settings
        self._answers: deque[bytes] = deque()
        self._waiting = 0  # bytes of these
        self._work = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._closing: bytes | None = None
        self._frozen = asyncio.Event()
        self.ended_by = "the other side"
        """Who ended the line, and how."""
        self._abortion: asyncio.TimerHandle | None = None
        self._ping_due = False
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._ticker = self._loop.call_later(settings.heartbeat, self._tick)

    kind: WSMsgType
    """Whether frames of this line are binary or text."""

    @abstractmethod
    def receive(self, message: WSMessage) -> None:
        """Take one message from the peer."""

    @abstractmethod
    async def push_more(self) -> bool:
        """Send a piece of what is to be pushed; return whether there may be more."""

    def wake(self) -> None:
        """Look for more to push."""
        self._work.set()

    def put(self, frame: bytes) -> None:
        """Send an answer, after those that wait."""
        self._answers.append(frame)
        self._waiting += len(frame)
        if len(self._answers) > _WAITING_MOST or self._waiting > _WAITING_BYTES:
            self._room.clear()
        self._work.set()

    def end(self, code: int, reason: str) -> None:
        """Close the line once the answers that wait are sent; what still comes is not read."""
        if self._closing is None:
            self._closing = code.to_bytes(2, "big") + reason.encode()
            self.ended_by = f"the sandbox: {code} {reason}"
            self._work.set()
            self._room.set()
            if self._frozen.is_set():
                self._transport.abort()
                return
            # A peer that reads nothing does not get to hold the line.
            self._abortion = self._loop.call_later(self._settings.stop_grace, self._transport.abort)

    def abort(self, reason: str) -> None:
        """Cut the line without a word."""
        self.ended_by = f"the sandbox: cut, {reason}"
        self._transport.abort()

    def freeze(self) -> None:
        """Neither read nor send any more, and leave the line open, as a dead peer's is."""
        self._frozen.set()
        self._ticker.cancel()
        self._transport.pause_reading()
        self._work.set()

    @property
    def has_answers(self) -> bool:
        """Whether answers wait, which go before anything that is pushed."""
        return bool(self._answers)

    async def run(self) -> None:
        """Serve the line until it is closed, by either side."""
        sender = asyncio.create_task(self._send())
        try:
            await self._read()
        finally:
            if self._closing is None or self._frozen.is_set():
                sender.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sender
            self._ticker.cancel()
            if self._abortion is not None:
                self._abortion.cancel()

    async def send(self, frame: bytes) -> None:
        """Send one frame now, waiting while the peer's side is full."""
        await self._unless_frozen()
        await self._socket.send_frame(frame, self.kind)

    async def _unless_frozen(self) -> None:
        if self._frozen.is_set():
            await asyncio.Event().wait()  # until the line is over

    async def _read(self) -> None:
        while True:
            message = await self._socket.receive()
            self._heard = self._loop.time()
            if message.type in _GONE:
                return
            if message.type is WSMsgType.CLOSE:
                if self._closing is None:
                    await self._socket.close()
                self._transport.close()
                return
            if self._frozen.is_set():
                continue
            if message.type is WSMsgType.PING:
                with contextlib.suppress(ConnectionError):  # the line ends
                    await self._socket.pong(message.data)
            elif message.type is not WSMsgType.PONG and self._closing is None:
                self.receive(message)
                if not self._room.is_set():
                    await self._room.wait()

    async def _send(self) -> None:
        try:
            while self._closing is None or self._answers:
                self._work.clear()
                await self._unless_frozen()
                await self.send_answers()
                if self._ping_due:
                    self._ping_due = False
                    await self._socket.ping()
                if self._closing is None and not await self.push_more():
                    await self._work.wait()
            # Not socket.close(), which would not wait for the peer's answer: the reader does.
            await self._socket.send_frame(self._closing, WSMsgType.CLOSE)
        except ConnectionError:
            self._transport.abort()
        except Exception:
            logger.exception("a line is dropped because of an error of the sandbox")
            self._transport.abort()

    async def send_answers(self) -> None:
        """Send the answers that wait."""
        while self._answers:
            frame = self._answers.popleft()
            self._waiting -= len(frame)
            await self.send(frame)
        self._room.set()

    def _tick(self) -> None:
        if self._loop.time() - self._heard > self._settings.silence_limit:
            logger.info("a line is dropped: nothing came for %s s", self._settings.silence_limit)
            self.abort(f"nothing came for {self._settings.silence_limit:g} s")
            return
        self._ping_due = True
        self._work.set()
        self._ticker = self._loop.call_later(self._settings.heartbeat, self._tick)
