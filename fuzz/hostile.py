"""A service that answers a bot with what an input says, and the bot."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import msgspec
from aiohttp import web

from blazebot import Bot, Content, Message, Text
from blazebot.client import blaze, reconnects
from blazebot.errors import FrameError
from blazebot.wire.codec import compress, decompress
from blazebot.wire.frames import CREATE_MESSAGE, LIST_PENDING_MESSAGES
from fuzz.seeds import keystores
from fuzz.watch import Watch
from tests.wire.scripted_service import USER_ID

LAST: Final = "after that"
"""What the message says that must be handled, whatever came before it."""

Answer = Callable[[dict[str, Any]], bytes | None]
"""What a request of the bot is answered with, as WebSocket frames; None: nothing."""


class Hostile:
    """The service end of a bot's line.

    ``answer`` says what a request is answered with; None answers it well. ``pending`` are views
    that are pushed on each new line, until they are acknowledged.
    """

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.pending: dict[str, dict[str, Any]] = {}
        self.handled: list[str] = []
        """Ids of the messages that say ``LAST``, each time that the bot's handler was given one."""
        self.line: web.WebSocketResponse | None = None
        self.transport: asyncio.Transport | None = None
        self._news = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take a line, or answer a REST call."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            return self._call(request.path, await request.read())
        socket = web.WebSocketResponse(
            protocols=("Mixin-Blaze-1",), max_msg_size=0, autoclose=False, decode_text=False
        )
        await socket.prepare(request)
        async for message in socket:
            if message.type is web.WSMsgType.BINARY:
                await self._take(socket, request, message.data)
        if self.line is socket:
            self.line = None
        return socket

    async def _take(self, socket: web.WebSocketResponse, request: web.Request, data: bytes) -> None:
        try:
            frame = msgspec.json.decode(decompress(data))
        except FrameError:
            raise AssertionError("the bot sent what is no frame") from None
        is_listing = frame["action"] == LIST_PENDING_MESSAGES
        if is_listing and self.line is not socket:
            self.line, self.transport = socket, request.transport
        elif self.answer is not None and (odd := self.answer(frame)) is not None:
            self.write(odd)
        await self._send(socket, {"id": frame["id"], "action": frame["action"]})
        params = frame.get("params") or {}
        self._acknowledged(params.get("messages") or [])
        if is_listing:
            for view in list(self.pending.values()):
                await self.push(view)
        self._tell()

    async def push(self, view: dict[str, Any]) -> None:
        """Push a message on the line that is open, if there is one."""
        if self.line is not None:
            await self._send(self.line, {"id": "1", "action": CREATE_MESSAGE, "data": view})

    def write(self, data: bytes) -> None:
        """Send bytes as they are on the line that is open."""
        if self.transport is not None:
            self.transport.write(data)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what the bot has done makes it so."""
        while not condition():
            self._news.clear()
            await self._news.wait()

    def _call(self, path: str, body: bytes) -> web.Response:
        document = msgspec.json.decode(body) if body else None
        if path == "/acknowledgements":
            self._acknowledged(document or [])
            self._tell()
        return web.json_response({"data": {"user_id": USER_ID} if path == "/me" else document})

    def _acknowledged(self, receipts: list[dict[str, Any]]) -> None:
        for receipt in receipts:
            self.pending.pop(receipt["message_id"], None)

    def _tell(self) -> None:
        self._news.set()

    async def _send(self, socket: web.WebSocketResponse, frame: dict[str, Any]) -> None:
        with suppress(ConnectionError):  # the bot may have left the line
            if not socket.closed:
                await socket.send_bytes(compress(json.dumps(frame).encode()))


@asynccontextmanager
async def served_bot(watch: Watch) -> AsyncIterator[Hostile]:
    """A bot that answers whatever it is sent, and whose line leads to a hostile service."""
    # The pauses of a bot whose line breaks all the time would be most of the time.
    blaze._BACKOFF_CAP = 0.001  # type: ignore[misc]
    reconnects.CONTESTED_DELAY = 0.001  # type: ignore[misc]
    hostile = Hostile()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hostile.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    document = keystores()[3]
    watch.secrets = {value for name, value in document.items() if "private" in name}
    with tempfile.TemporaryDirectory() as folder:
        bot = Bot(
            json.dumps(document),
            server=f"http://127.0.0.1:{runner.addresses[0][1]}",
            data_dir=folder,
            concurrency=2000,
            receipt_delay=0.001,
            heartbeat=1.0,  # a frame that goes on for ever is found after three of them
            request_timeout=0.5,
            send_timeout=1.0,
            max_tries=1,
            stop_grace=0.1,
            dead_letters_limit=100,
        )

        @bot.on(Content)
        async def reply(message: Message[Content]) -> None:
            # After a 429 nothing leaves for a while: the message that is waited for needs no reply.
            if message.content == Text(LAST):
                hostile.handled.append(message.id)
            else:
                await message.reply("Hi")

        try:
            async with bot:
                yield hostile
        finally:
            await runner.cleanup()
