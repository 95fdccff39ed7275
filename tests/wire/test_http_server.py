"""The HTTP server of the sandbox and of a bot's own endpoint, and clients that are gone."""

from __future__ import annotations

import asyncio
import logging

import pytest
from aiohttp import web

from blazebot.http_server import HttpServer

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


async def test_whoever_is_gone_before_the_handshake_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    errors: asyncio.Queue[ConnectionError] = asyncio.Queue()
    asked = asyncio.Event()

    async def open_late(request: web.Request) -> web.StreamResponse:
        asked.set()
        while request.transport is not None:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)
        socket = web.WebSocketResponse()
        try:
            await socket.prepare(request)
        except ConnectionError as error:
            errors.put_nowait(error)
            raise
        return socket

    app = web.Application()
    app.router.add_get("/", open_late)
    server = HttpServer(app, most=10, patience=30.0, grace=1.0)
    port = await server.listen("127.0.0.1", 0)
    try:
        async with asyncio.timeout(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(UPGRADE)
            await asked.wait()
            writer.transport.abort()
            await errors.get()
    finally:
        await server.close()
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []
