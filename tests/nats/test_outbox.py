"""What is sent outside handlers is safe once it is in NATS, whoever dies then."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.nats.conftest import MakeFleet
from tests.nats.storm import kill

SENDING = """
import asyncio
from pathlib import Path

from blazebot import Bot, Message, Text
from blazebot.errors import NotRunning

bot = Bot("bot.json", receipt_delay=0.01)
sending = set()

@bot.on(Text)
async def echo(message: Message[Text]) -> None:
    await message.reply(message.content.text)

@bot.on_startup
async def begin(bot: Bot) -> None:
    sending.add(asyncio.create_task(send()))

async def send() -> None:
    try:
        texts = Path("texts").read_text().splitlines()
    except FileNotFoundError:
        return
    for line in texts:
        person, text = line.split(" ", 1)
        while True:
            try:
                await bot.enqueue(person, text, key=text)
                break
            except NotRunning:  # the start is not over
                await asyncio.sleep(0.01)
    Path("accepted").write_text("all")
    await asyncio.sleep({work})
    Path("refused").write_text("".join(one.reason for one in await bot.outbox.failed()))
"""

NOBODY = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"


async def test_what_was_accepted_arrives_once_in_order_without_its_worker(
    make_fleet: MakeFleet,
) -> None:
    fleet = await make_fleet(bot=SENDING)
    gateway, worker = fleet.gateway("gateway"), fleet.worker("worker")
    await gateway.start()
    await worker.start()
    people = await fleet.greeted(3)
    await worker.kill()
    await gateway.stop()  # lets go of its lease at once
    news = [f"news {number}" for number in range(40)]
    lines = [f"{person} {text}" for text in news for person in people]
    (fleet.folder / "texts").write_text("\n".join([f"{NOBODY} to nobody", *lines]))
    await worker.start()  # with no gateway to send it
    await written(fleet.folder / "accepted")
    await worker.kill()
    await gateway.start()
    await fleet.until(lambda: fleet.echoed() > len(people), 30)
    await kill(gateway)()
    await fleet.until(lambda: fleet.echoed() >= len(lines), 30)
    assert [fleet.echoes(person) for person in people] == [news] * len(people)
    (fleet.folder / "texts").write_text("")
    await worker.start()
    await written(fleet.folder / "refused")
    assert NOBODY in (fleet.folder / "refused").read_text()


async def written(path: Path) -> None:
    """Return when the bot has written a file with something in it."""
    async with asyncio.timeout(20):
        while not (path.exists() and path.stat().st_size):  # noqa: ASYNC110, ASYNC240 - another process
            await asyncio.sleep(0.05)
