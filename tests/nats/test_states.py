"""States are the same for all workers, whichever of them handles a message."""

from __future__ import annotations

from tests.nats.conftest import MakeFleet
from tests.nats.storm import kill

COUNTING = """
import asyncio
from blazebot import Bot, Message, State, Text

bot = Bot("bot.json", receipt_delay=0.01)

@bot.on(Text)
async def count(message: Message[Text], state: State) -> None:
    number = state.data.get("number", 0) + 1
    state.update(number=number)
    await message.reply(str(number))
    await asyncio.sleep({work})
"""


async def test_each_message_is_counted_once_though_workers_are_killed(
    make_fleet: MakeFleet,
) -> None:
    fleet = await make_fleet(work=0.03, bot=COUNTING)
    await fleet.gateway("gateway").start()
    one, two = fleet.worker("one"), fleet.worker("two")
    for worker in (one, two):
        await worker.start()
    people = await fleet.greeted(10)  # their Hello is number 1
    for worker, handled in ((one, 0), (two, 20)):
        texts = tuple(f"after {handled}: {number}" for number in range(20))
        await fleet.say(dict.fromkeys(people, texts))
        enough = (handled + 5) * len(people)
        await fleet.until(lambda enough=enough: fleet.echoed() >= enough, 30)  # type: ignore[misc]
        await kill(worker)()
    numbers = [str(number) for number in range(2, 42)]
    await fleet.until(lambda: all(fleet.echoes(one) == numbers for one in people), 30)
