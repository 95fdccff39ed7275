"""What a thousand lines leave behind: no task, no socket, no file, no memory."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from blazebot import Bot, Message, Text
from tests.wire.world import WITHIN, World

LINES = 1_000

BYTES_EACH = 100
"""One forgotten object of each line, however small, would be more than this."""

FILES_MORE = 10
"""REST keeps a few connections for a while."""

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="counts files as Linux shows them"
)


class Belongings:
    """What this process has now; memory while it is traced."""

    def __init__(self) -> None:
        gc.collect()
        self.tasks = len(asyncio.all_tasks())
        self.files = len(list(Path("/proc/self/fd").iterdir()))  # sockets too
        self.bytes = tracemalloc.get_traced_memory()[0]

    def grown(self, before: Belongings, times: int) -> list[str]:
        """Return what is more than before, after so many times the same."""
        more = {
            "tasks": self.tasks > before.tasks,
            "files": self.files > before.files + FILES_MORE,
            "memory": self.bytes > before.bytes + BYTES_EACH * times,
        }
        return [name for name, is_more in more.items() if is_more]


async def left_behind(before: Belongings, times: int, within: float) -> list[str]:
    """Return what is more than before, for so many seconds."""
    deadline = time.monotonic() + within
    grown = Belongings().grown(before, times)
    while grown and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        grown = Belongings().grown(before, times)
    return grown


@pytest.fixture
def traced() -> Iterator[None]:
    """Memory is traced."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


async def reconnect(bot: Bot, times: int) -> None:
    """Drop the bot's line and wait for the next one, so many times."""
    line = bot._running().line
    for _ in range(times):
        lines = line.connections
        await line.reconnect()
        async with asyncio.timeout(WITHIN):
            await line.opened.wait()
            while line.connections == lines:  # the old line's end is yet to be seen
                await asyncio.sleep(0)
                await line.opened.wait()


@pytest.mark.sandbox("shared")
async def test_a_thousand_lines_leave_nothing_behind(
    world: World, request: pytest.FixtureRequest
) -> None:
    bot = await world.bot(heartbeat=1.0)

    @bot.on(Text)
    async def echo(message: Message[Text]) -> None:
        await message.reply(message.content.text)

    async with bot:
        alice = await world.person(bot)
        await reconnect(bot, 50)  # caches fill
        await world.say(alice, bot, "before")
        await world.until_texts(alice, bot, ["before"])
        request.getfixturevalue("traced")
        before = Belongings()
        await reconnect(bot, LINES)
        # The socket library keeps a closed line until its next heartbeat was due.
        assert await left_behind(before, LINES, WITHIN) == []
        await world.say(alice, bot, "after")
        await world.until_texts(alice, bot, ["before", "after"])
        assert await left_behind(before, LINES, WITHIN) == []


LEAKS: dict[str, Callable[[ExitStack], Any]] = {
    "tasks": lambda stack: stack.callback(asyncio.create_task(asyncio.sleep(60)).cancel),
    "files": lambda stack: stack.enter_context(socket.socket()),
    "memory": lambda stack: stack.callback(lambda _: None, bytes(2 * BYTES_EACH)),
}


@pytest.mark.parametrize("what", LEAKS)
async def test_what_is_left_behind_is_found(what: str, traced: None) -> None:
    times = 20
    before = Belongings()
    with ExitStack() as stack:
        assert await left_behind(before, times, 0) == []
        for _ in range(times):
            LEAKS[what](stack)
        assert what in await left_behind(before, times, 0)
    await asyncio.sleep(0)  # cancelled tasks end
    assert await left_behind(before, times, WITHIN) == []
