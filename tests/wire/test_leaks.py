"""What a thousand lines leave behind: no task, no socket, no file, no memory."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from pathlib import Path

import pytest

from blazebot import Bot, Message, Text
from tests.wire.world import WITHIN, World

LINES = 1_000


def files() -> int:
    """Open file descriptors of this process: files and sockets."""
    return len(list(Path("/proc/self/fd").iterdir()))


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


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts files as Linux shows them")
async def test_a_thousand_lines_leave_nothing_behind(world: World) -> None:
    bot = await world.bot(heartbeat=1.0)

    @bot.on(Text)
    async def echo(message: Message[Text]) -> None:
        await message.reply(message.content.text)

    async with bot:
        alice = await world.person(bot)
        await reconnect(bot, 50)  # caches fill
        await world.say(alice, bot, "before")
        await world.until_texts(alice, bot, ["before"])
        gc.collect()
        tasks, opened = len(asyncio.all_tasks()), files()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            await reconnect(bot, LINES)
            # The socket library keeps a closed line until its next heartbeat was due. One
            # forgotten object of each line, however small, would be more than this.
            async with asyncio.timeout(WITHIN):
                while tracemalloc.get_traced_memory()[0] - before > 100 * LINES:
                    await asyncio.sleep(0.1)
                    gc.collect()
        finally:
            tracemalloc.stop()
        await world.say(alice, bot, "after")
        await world.until_texts(alice, bot, ["before", "after"])
        assert len(asyncio.all_tasks()) <= tasks
        assert files() <= opened + 10  # REST keeps a few connections for a while
