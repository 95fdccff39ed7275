"""Tasks that a handler begins and that outlive it: what they send is kept by the outbox."""

from __future__ import annotations

import asyncio

import pytest

from blazebot import Message, SendTimeout, Text
from tests.wire.world import World

pytestmark = pytest.mark.sandbox("shared")


async def test_a_key_holds_over_restarts_in_a_task_of_the_start(world: World) -> None:
    bot = await world.bot()
    alice = await world.person(bot)
    polling: list[asyncio.Task[str]] = []

    async def poll(online: asyncio.Event) -> str:
        await online.wait()
        return await bot.send(alice, "paid", key="paid-1")

    @bot.on_startup
    async def begin() -> None:
        polling.append(asyncio.create_task(poll(online)))

    for _ in range(2):
        online = asyncio.Event()
        async with bot:
            online.set()
            await polling[-1]
            await bot.send(alice, "that was all")
    await world.until(lambda: len(world.texts(alice, bot)) == 3)
    assert world.texts(alice, bot) == ["paid", "that was all", "that was all"]


@pytest.mark.parametrize("by", ["reply", "send"])
async def test_what_a_task_sends_after_its_handler_is_sent_by_the_next_process(
    world: World, by: str
) -> None:
    bot = await world.bot(send_timeout=0.5)
    alice = await world.person()
    working: list[asyncio.Task[None]] = []
    handled = asyncio.Event()

    async def work(message: Message[Text]) -> None:
        await handled.wait()
        if by == "reply":
            await message.reply("done")
        else:
            await bot.send(alice, "done")

    @bot.on(Text)
    async def begin(message: Message[Text]) -> None:
        working.append(asyncio.create_task(work(message)))

    async with bot:
        await world.say(alice, bot, "work")
        await world.until(lambda: "READ" in world.statuses(alice).values())
        fault = await world.control.add_fault("error", code=500, only="CREATE_*", times=None)
        handled.set()
        with pytest.raises(SendTimeout):
            await working[0]
    assert world.texts(alice, bot) == []
    await world.control.clear_faults(fault)
    async with bot:
        await world.until(lambda: world.texts(alice, bot) == ["done"])
