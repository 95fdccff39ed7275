"""A WebSocket's frames leave together: few writes, every byte, in order, and the last at once."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from blazebot.client.coalescing import CoalescingTransport, CoalescingWebSocket


class Transport(asyncio.Transport):
    """Notes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.closing = False

    def is_closing(self) -> bool:
        return self.closing

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        self.writes.append(bytes(data))


async def test_the_frames_of_one_turn_leave_in_one_write_and_those_of_the_next_in_another() -> None:
    transport = Transport()
    coalescing = CoalescingTransport(transport)
    for frame in (b"\x82one", b"\x82two"):
        coalescing.write(frame)
    assert transport.writes == []
    await asyncio.sleep(0)
    coalescing.write(b"\x82three")
    await asyncio.sleep(0)
    assert transport.writes == [b"\x82one\x82two", b"\x82three"]


async def test_little_is_held_back_within_a_turn() -> None:
    transport = Transport()
    coalescing = CoalescingTransport(transport)
    frame = b"\x82" + bytes(1023)
    for _ in range(1000):
        coalescing.write(frame)
    assert sum(map(len, transport.writes)) > 1000 * 1024 - 64 * 1024
    await asyncio.sleep(0)
    assert b"".join(transport.writes) == 1000 * frame
    assert len(transport.writes) < 20


async def test_what_ends_the_connection_leaves_at_once_behind_all_else() -> None:
    transport = Transport()
    coalescing = CoalescingTransport(transport)
    coalescing.write(b"\x82last words")
    coalescing.write(b"\x88\x00")
    assert transport.writes == [b"\x82last words\x88\x00"]


async def test_nothing_is_written_to_a_transport_that_closes() -> None:
    transport = Transport()
    coalescing = CoalescingTransport(transport)
    coalescing.write(b"\x82too late")
    transport.closing = True
    await asyncio.sleep(0)
    assert transport.writes == []
    assert coalescing.is_closing()


@pytest.mark.parametrize(("first", "code"), [("client", 4000), ("server", aiohttp.WSCloseCode.OK)])
async def test_whoever_closes_first_all_arrives_and_the_clients_code_does(
    first: str, code: int
) -> None:
    arrived: list[bytes] = []
    codes: list[int | None] = []

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            arrived.append(message.data)
            if first == "server" and len(arrived) == 100:
                await socket.close(code=4000)
        codes.append(socket.close_code)
        return socket

    application = web.Application()
    application.router.add_get("/", serve)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with (
            asyncio.timeout(10),
            aiohttp.ClientSession(ws_response_class=CoalescingWebSocket) as http,
            http.ws_connect(url) as socket,
        ):
            for number in range(100):
                await socket.send_bytes(b"%d" % number)
            if first == "client":
                await socket.close(code=4000)
            else:
                assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
    finally:
        await runner.cleanup()
    assert arrived == [b"%d" % number for number in range(100)]
    assert codes == [code]
