"""What is sent outside handlers is safe once it is in NATS, whoever dies then."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nats.js import JetStreamContext

from blazebot.delivery.outbox_store import Entry, Kept
from blazebot.jetstream.names import Names
from blazebot.jetstream.outbox import OutboxStream
from blazebot.jetstream.streams import Terms, declare
from blazebot.wire.messages import MessageRequest
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
    # One host refuses the session, which is good: that ends nothing.
    await fleet.control.add_fault("unauthorized", only="POST /conversations")
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


async def test_what_was_refused_is_tried_again_when_it_is_asked_for_again(
    js: JetStreamContext,
) -> None:
    names = Names(NOBODY)
    await declare(js, names, Terms(partitions=1, replicas=1))
    outbox = OutboxStream(js, names)
    first, other = saying("first words"), saying("other words")
    number = await outbox.add(first) or 0
    assert await outbox.add(other) is None  # it waits already
    assert await outbox.waiting(0, 10) == [Kept(number, first)]
    for _ in range(2):
        await outbox.refused(number, "403")
        assert [one.message_id for one in await outbox.failed()] == [first.request.message_id]
        before, number = number, await outbox.add(other) or 0
        assert number > before
        assert await outbox.failed() == []
        assert await outbox.add(first) is None
        assert await outbox.waiting(0, 10) == [Kept(number, other)]


def saying(text: str) -> Entry:
    """A message of always the same id."""
    return Entry(
        MessageRequest(
            conversation_id=NOBODY,
            message_id=NOBODY,
            category="PLAIN_TEXT",
            status=None,
            data=text,
        )
    )
