"""What hostile clients try on a bot's own HTTP endpoint: the bot goes on, in bounded memory."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from blazebot import Bot
from blazebot.watch import endpoint
from blazebot.watch.endpoint import Endpoint
from blazebot.watch.guard import Address
from tests.wire.abuse import (
    MIB,
    answer_to,
    bounded,
    dial,
    head,
    read_no_more,
    status,
    talking,
    until_cut,
)
from tests.wire.running import SHARED, Running, fetch, keystore_of
from tests.wire.world import World

CONNECTIONS = endpoint._CONNECTIONS_MOST


@pytest.mark.sandbox("shared")
async def test_a_bot_goes_on_whatever_its_endpoint_is_asked(world: World, tmp_path: Path) -> None:
    await keystore_of(world, "one", tmp_path)
    (tmp_path / "app.py").write_text(SHARED + 'bot = make("one")\n')
    running = Running(world, tmp_path, "app:bot", BLAZEBOT_WATCH_PORT="0")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(running.process.stop)
        await running.process.start()
        url = await running.watched_at()
        await running.until("line open")
        await stack.enter_async_context(talking(world, Bot(str(tmp_path / "one.json"))))
        async with bounded(running.process.pid, 48):
            await refuse_oddities(url)
            await refuse_many(url)
            await endure_floods(url)
        assert (await fetch(f"{url}/readyz"))[0] == 200
    assert "Traceback" not in running.process.log, running.process.log


async def refuse_oddities(url: str) -> None:
    heads = {
        head("GET /metrics", X="x" * MIB): 400,
        head("GET /metrics", **{f"X{number}": "x" for number in range(1000)}): 400,
        head(f"GET /metrics?{'x' * MIB}"): 400,
        head("GET /metrics", Host="evil.example"): 403,
        head("GET /metrics", Host="127.0.0.1.evil.example"): 403,
        head("GET /../../etc/passwd"): 404,
        head("GET /metrics/%2e%2e/x"): 404,
        head("POST /metrics", Content_Length=str(2**40)) + bytes(MIB): 405,
        head("PUT /healthz", Transfer_Encoding="chunked") + b"ffffffff\r\n" + bytes(MIB): 405,
    }
    answers = await asyncio.gather(*(answer_to(url, one) for one in heads))
    assert [status(one) for one in answers] == list(heads.values())


async def refuse_many(url: str) -> None:
    """More connections than it takes, none of which asks anything."""
    held = [await dial(url) for _ in range(CONNECTIONS)]
    assert status(await answer_to(url, head("GET /healthz"))) == 503
    for _, writer in held:
        writer.transport.abort()

    async def is_served() -> bool:
        return status(await answer_to(url, head("GET /healthz"))) == 200

    async with asyncio.timeout(10):
        while not await is_served():
            pass


async def endure_floods(url: str) -> None:
    """Scrapes by the thousand on one connection, of which no answer is read."""
    scrape = head("GET /metrics").replace(b"close", b"keep-alive")
    writers = []
    for _ in range(8):
        _, writer = await dial(url)
        read_no_more(writer)
        writer.write(scrape * 5_000)
        writers.append(writer)
    for _ in range(5):
        assert (await fetch(f"{url}/healthz"))[0] == 200
    for writer in writers:
        writer.transport.abort()


async def test_who_is_slow_or_does_not_read_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "_PATIENCE", 0.3)
    async with Endpoint(Address("127.0.0.1", 0), list) as watched:
        assert await answer_to(watched.url) == b""
        byte_by_byte = [bytes([one]) for one in head("GET /metrics") * 10]
        assert await answer_to(watched.url, *byte_by_byte, pause=0.05) == b""
        _, writer = await dial(watched.url)
        read_no_more(writer)
        scrape = head("GET /metrics").replace(b"close", b"keep-alive")
        await until_cut(writer, scrape * 1_000)
