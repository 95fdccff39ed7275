"""Ten thousand connections, most of which ask nothing: a talk goes on beside them."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterator

import pytest

from tests.wire.abuse import MIB, Usage, answer_to, dial, head, logger, status, talking, until
from tests.wire.sandbox_peers import dial_raw
from tests.wire.world import World, echoing

CONNECTIONS = 10_000
"""As many as a sandbox takes, unless it is told otherwise."""

SOCKETS = 500
"""Control sockets among them."""

MOST = 400
"""MiB that all of them may take."""


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """Let this process, and the sandbox that it starts, open so many files."""
    wanted = CONNECTIONS + 1000
    before = soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(wanted, hard)))
        except (ValueError, OSError):
            pytest.skip(f"a process may not open {wanted} files here")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.soak
async def test_ten_thousand_connections(world: World) -> None:
    url = world.sandbox.url
    bot = echoing(await world.bot())
    async with bot, talking(world, bot):
        usage = Usage(world.sandbox.pid)
        after = []
        for _ in range(2):  # what the first leave behind the second use again
            writers = [await connect(url, number) for number in range(CONNECTIONS)]
            await until(lambda: usage.files >= CONNECTIONS - 10)
            grown = usage.now - usage.before
            logger.info(
                "%d connections take %d KiB each", CONNECTIONS, grown // 1024 // CONNECTIONS
            )
            assert grown < MOST * MIB
            refused = await asyncio.gather(*(answer_to(url) for _ in range(50)))
            assert 503 in {status(one) for one in refused}
            for writer in writers:
                writer.transport.abort()
            await until(lambda: usage.files <= 10, within=60)
            after.append(usage.now)
        assert status(await answer_to(url, head("GET /control/health"))) == 200
        logger.info("memory in MiB: %s", [one // MIB for one in (usage.before, *after)])
        assert after[1] - after[0] < MOST * MIB / 10


async def connect(url: str, number: int) -> asyncio.StreamWriter:
    """Open one of the connections: a socket, one that is silent, or one with half a head."""
    if number % (CONNECTIONS // SOCKETS) == 0:
        return (await dial_raw(url, "/control/socket"))[1]
    _, writer = await dial(url)
    if number % 2:
        writer.write(head("GET /me", X="x" * 1000)[:-2])
    return writer
