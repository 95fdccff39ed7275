"""A sandbox behind a proxy that makes it do wrong, for whatever should notice.

What goes wrong is a :class:`Wrong`: its methods see each call, each answer and each frame on their
way, and may change, answer or drop it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web
from multidict import CIMultiDict
from yarl import URL

from blazebot.errors import FrameError
from blazebot.wire.codec import compress, decompress

Frame = dict[str, Any]
Headers = CIMultiDict[str]

_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "content-encoding", "date"}


@dataclass
class Answer:
    """An answer to a call, to be changed. ``document`` is its JSON, None if it is none."""

    method: str
    path: str
    status: int
    headers: Headers
    text: bytes = b""
    document: Any = None

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Socket:
    """One line, as the proxy has it: what a :class:`Wrong` may do to it of its own accord."""

    to_bot: list[Frame | bytes | str] = field(default_factory=list)
    to_service: list[Frame] = field(default_factory=list)


class Wrong:
    """What goes wrong; this one changes nothing."""

    compress = False
    """Whether permessage-deflate is taken up."""
    pongs = True
    """Whether pings are answered."""
    protocols: tuple[str, ...] = ("Mixin-Blaze-1", "MixinBot-Blaze-1")
    """Subprotocols that are echoed."""
    greeting: Frame | None = None
    """What the service is sent on each line, though no bot has said it."""

    def called(self, call: str, headers: Headers, body: bytes) -> bytes | None:
        """Return the body that goes on to the service; None answers ``{}`` in its place.

        ``call`` is method and address: ``GET /me?a=b``.
        """
        return body

    def answered(self, answer: Answer) -> None:
        """Change an answer."""

    def opened(self, token: str) -> int | None:
        """Return a status to refuse a handshake with, None to let it through."""
        return None

    def refused(self, status: int) -> int:
        """Return the status of a handshake that the service has refused with another."""
        return status

    async def asked(self, frame: Frame, socket: Socket) -> None:
        """Pass a bot's frame on, by putting it to ``to_service``, or answer it."""
        socket.to_service.append(frame)

    def pushed(self, frame: Frame, socket: Socket) -> None:
        """Pass a frame of the service on, by putting it to ``to_bot``."""
        socket.to_bot.append(frame)


class Proxy:
    """Stands before the sandbox at ``sandbox_url``."""

    def __init__(self, http: aiohttp.ClientSession, sandbox_url: str, wrong: Wrong) -> None:
        self._http = http
        self._to = sandbox_url.rstrip("/")
        self._wrong = wrong

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._line(request)
        return await self._call(request)

    async def _call(self, request: web.Request) -> web.Response:
        headers = _kept(request.headers)
        call = f"{request.method} {request.raw_path}"
        body = self._wrong.called(call, headers, await request.read())
        if body is None:
            return web.json_response({})
        url = URL(self._to + request.raw_path, encoded=True)
        async with self._http.request(request.method, url, data=body, headers=headers) as response:
            text = await response.read()
            answer = Answer(
                request.method, request.path, response.status, _kept(response.headers), text
            )
        if answer.headers.get("Content-Type", "").startswith("application/json"):
            answer.document = json.loads(text)
        before = json.dumps(answer.document)
        self._wrong.answered(answer)
        if json.dumps(answer.document) != before:
            answer.text = json.dumps(answer.document).encode()
        return web.Response(status=answer.status, headers=answer.headers, body=answer.text)

    async def _line(self, request: web.Request) -> web.StreamResponse:
        wrong = self._wrong
        authorization = request.headers.get("Authorization", "")
        status = wrong.opened(authorization)
        if status is not None:
            return web.Response(status=status)
        try:
            there = await self._http.ws_connect(
                self._to, headers={"Authorization": authorization}, autoclose=False
            )
        except aiohttp.WSServerHandshakeError as error:
            return web.Response(status=wrong.refused(error.status))
        here = web.WebSocketResponse(
            protocols=wrong.protocols, compress=wrong.compress, autoping=wrong.pongs
        )
        await here.prepare(request)
        if wrong.greeting is not None:
            await self._pass_on(Socket(to_service=[wrong.greeting]), here, there)
        passing = [
            asyncio.create_task(self._from_bot(here, there)),
            asyncio.create_task(self._from_service(there, here)),
        ]
        try:
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in passing:
                task.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
            await there.close()
            await here.close()
        return here

    async def _from_bot(
        self, here: web.WebSocketResponse, there: aiohttp.ClientWebSocketResponse
    ) -> None:
        async for message in here:
            if message.type is WSMsgType.TEXT:
                await there.send_str(message.data)
                continue
            if message.type is not WSMsgType.BINARY:
                continue
            frame = _read(message.data)
            if not isinstance(frame, dict) or "id" not in frame:
                await there.send_bytes(message.data)
                continue
            socket = Socket()
            await self._wrong.asked(frame, socket)
            await self._pass_on(socket, here, there)

    async def _from_service(
        self, there: aiohttp.ClientWebSocketResponse, here: web.WebSocketResponse
    ) -> None:
        async for message in there:
            if message.type is WSMsgType.BINARY:
                socket = Socket()
                self._wrong.pushed(_read(message.data), socket)
                await self._pass_on(socket, here, there)

    async def _pass_on(
        self,
        socket: Socket,
        here: web.WebSocketResponse,
        there: aiohttp.ClientWebSocketResponse,
    ) -> None:
        for frame in socket.to_service:
            await there.send_bytes(compress(json.dumps(frame).encode()))
        for sent in socket.to_bot:
            if isinstance(sent, str):
                await here.send_str(sent)
            else:
                await here.send_bytes(
                    sent if isinstance(sent, bytes) else compress(json.dumps(sent).encode())
                )


@asynccontextmanager
async def distorted(
    http: aiohttp.ClientSession, sandbox_url: str, wrong: Wrong
) -> AsyncIterator[str]:
    """Serve the sandbox made wrong on loopback; yield its address."""
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", Proxy(http, sandbox_url, wrong).handle)
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def changing(change: Callable[[Answer], None]) -> Wrong:
    """Return what changes every answer so."""

    class Changing(Wrong):
        def answered(self, answer: Answer) -> None:
            change(answer)

    return Changing()


def pushing(change: Callable[[Frame], None]) -> Wrong:
    """Return what changes every frame of the service so."""

    class Pushing(Wrong):
        def pushed(self, frame: Frame, socket: Socket) -> None:
            change(frame)
            socket.to_bot.append(frame)

    return Pushing()


def _kept(headers: Mapping[str, str]) -> Headers:
    kept = {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}
    return CIMultiDict(kept)


def _read(data: bytes) -> Any:
    try:
        return json.loads(decompress(data))
    except (FrameError, ValueError):
        return None
