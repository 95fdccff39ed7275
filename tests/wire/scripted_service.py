"""A service that does on the wire what the sandbox would not: for a bot to be tried against.

Each line runs a script, an async function that is given the open :class:`Line`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
from aiohttp import WSMsgType, web

from blazebot.wire.base64 import encode_base64
from blazebot.wire.codec import compress, decompress
from blazebot.wire.frames import LIST_PENDING_MESSAGES

USER_ID = "7d7ef298-9720-48c0-acb2-0c6a9b1748c1"
CONVERSATION_ID = "8cf39982-5011-3960-ad45-35d1bde81291"


def message(text: str | bytes, **fields: Any) -> dict[str, Any]:
    """Return a view of a text message; ``fields`` replace those of the same name."""
    raw = text.encode() if isinstance(text, str) else text
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {
        "type": "message",
        "message_id": str(uuid4()),
        "conversation_id": CONVERSATION_ID,
        "user_id": USER_ID,
        "category": "PLAIN_TEXT",
        "data": "",
        "data_base64": encode_base64(raw),
        "status": "SENT",
        "source": "LIST_PENDING_MESSAGES",
        "created_at": now,
        "updated_at": now,
        **fields,
    }


class Line:
    """One connection of the bot, as the service has it."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.requests: list[dict[str, Any]] = []
        self._arrived = asyncio.Event()
        self._closed = asyncio.Event()
        self.listing: dict[str, Any] = {}
        """What the answer to a listing holds beside id and action."""
        self.answers = True
        """Whether requests are answered as they come, empty."""

    async def push(self, view: dict[str, Any], action: str = "CREATE_MESSAGE") -> None:
        """Push a view in a frame of its own."""
        await self.send({"id": str(uuid4()), "action": action, "data": view})

    async def send(self, frame: dict[str, Any]) -> None:
        """Send a frame."""
        await self.socket.send_bytes(compress(msgspec.json.encode(frame)))

    async def request(self, action: str, count: int = 1) -> dict[str, Any]:
        """Wait for the ``count``-th request of ``action`` and return it."""
        async with asyncio.timeout(10):
            while len(found := self.all(action)) < count:
                self._arrived.clear()
                await self._arrived.wait()
        return found[count - 1]

    async def numbered(self, number: int) -> dict[str, Any]:
        """Wait for the request with this number, from 0, and return it."""
        while len(self.requests) <= number:
            self._arrived.clear()
            await self._arrived.wait()
        return self.requests[number]

    def all(self, action: str) -> list[dict[str, Any]]:
        """Return all requests of ``action`` so far."""
        return [one for one in self.requests if one["action"] == action]

    def acknowledged(self) -> dict[str, str]:
        """Return the status that each message was acknowledged with so far."""
        return {
            receipt["message_id"]: receipt["status"]
            for request in self.all("ACKNOWLEDGE_MESSAGE_RECEIPTS")
            for receipt in request["params"]["messages"]
        }

    async def until_acknowledged(self, *message_ids: str) -> None:
        """Wait until all of these are acknowledged on this line."""
        async with asyncio.timeout(20):
            while not set(message_ids) <= self.acknowledged().keys():
                self._arrived.clear()
                await self._arrived.wait()

    async def until_closed(self) -> int | None:
        """Wait until the bot has closed the line; return the code."""
        async with asyncio.timeout(20):
            await self._closed.wait()
        return self.socket.close_code

    async def read(self) -> None:
        """Read requests, and answer them, until the line is closed."""
        async for incoming in self.socket:
            if incoming.type is not WSMsgType.BINARY:
                continue
            frame = msgspec.json.decode(decompress(incoming.data))
            self.requests.append(frame)
            self._arrived.set()
            more = self.listing if frame["action"] == LIST_PENDING_MESSAGES else {}
            if self.answers or frame["action"] == LIST_PENDING_MESSAGES:
                await self.send({"id": frame["id"], "action": frame["action"], **more})
        self._closed.set()


Script = Callable[[Line], Awaitable[None]]


class ScriptedService:
    """The service at ``url``: ``lines`` are the connections so far, ``calls`` the REST calls.

    ``me`` is what ``GET /me`` answers.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.lines: list[Line] = []
        self.calls: list[tuple[str, Any]] = []
        self._called = asyncio.Event()
        self.me: dict[str, Any] = {"data": {"user_id": USER_ID}}
        self.listing: dict[str, Any] = {}
        self.hang = ""
        """A path whose calls are never answered."""
        self.refusal: int | None = None
        """An HTTP status to refuse handshakes with."""
        self.url = ""
        self.failures: list[BaseException] = []

    async def until_called(self, path: str) -> Any:
        """Wait for a REST call of ``path``; return its body."""
        async with asyncio.timeout(20):
            while path not in dict(self.calls):
                self._called.clear()
                await self._called.wait()
        return dict(self.calls)[path]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        if request.headers.get("Upgrade", "").lower() != "websocket":
            body = await request.read()
            document = msgspec.json.decode(body) if body else None
            self.calls.append((request.path, document))
            self._called.set()
            if request.path == self.hang:
                await asyncio.Event().wait()
            if request.path == "/conversations":  # the one that was asked for
                return web.json_response({"data": document})
            return web.json_response(self.me if request.path == "/me" else {"data": []})
        if self.refusal is not None:
            return web.Response(status=self.refusal)
        socket = web.WebSocketResponse(protocols=("Mixin-Blaze-1",), max_msg_size=0)
        await socket.prepare(request)
        line = Line(socket)
        line.listing = self.listing
        self.lines.append(line)
        reading = asyncio.create_task(line.read())
        scripted = asyncio.create_task(self._play(line))
        try:
            for ended in asyncio.as_completed((scripted, reading)):
                await ended
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            self.failures.append(error)
            raise
        finally:
            reading.cancel()
            scripted.cancel()
        return socket

    async def _play(self, line: Line) -> None:
        await line.request(LIST_PENDING_MESSAGES)
        await self.script(line)


@asynccontextmanager
async def scripted(script: Script) -> AsyncIterator[ScriptedService]:
    """Serve on loopback; each line of the bot runs ``script``."""
    service = ScriptedService(script)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()
