"""NATS, a sandbox and people for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from nats.js import JetStreamContext

from blazebot.jetstream.connection import connect
from blazebot.testing.control import Control, People
from blazebot.testing.processes import SandboxProcess
from tests.nats.fleet import ECHO, Fleet
from tests.nats.servers import NatsServers

MakeFleet = Callable[..., Awaitable[Fleet]]


@pytest.fixture
async def make_fleet(tmp_path: Path) -> AsyncIterator[MakeFleet]:
    """Make a bot, with so many nodes of NATS, whose handler works for up to so many seconds."""
    async with AsyncExitStack() as stack:

        async def make(nodes: int = 1, work: float = 0.0, bot: str = ECHO) -> Fleet:
            servers = NatsServers(tmp_path / "nats", nodes)
            stack.push_async_callback(servers.stop)
            await servers.start()
            sandbox = SandboxProcess(tmp_path)
            stack.push_async_callback(sandbox.stop)
            await sandbox.start()
            http = await stack.enter_async_context(aiohttp.ClientSession())
            people = await stack.enter_async_context(People(http, sandbox.url))
            fleet = Fleet(tmp_path, servers, sandbox, Control(http, sandbox.url), people)
            stack.push_async_callback(fleet.close)
            await fleet.prepare(bot, work)
            return fleet

        yield make


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[NatsServers]:
    """One node of NATS."""
    servers = NatsServers(tmp_path)
    try:
        await servers.start()
        yield servers
    finally:
        await servers.stop()


@pytest.fixture
async def js(servers: NatsServers) -> AsyncIterator[JetStreamContext]:
    """Its JetStream."""
    client = await connect(servers.url, name="test", within=10)
    yield client.jetstream(timeout=1)
    await client.close()
