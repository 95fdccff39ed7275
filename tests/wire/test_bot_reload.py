"""``blazebot run --reload``: no change of the source costs a message."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.wire.running import Running, keystore_of
from tests.wire.world import World

pytestmark = pytest.mark.sandbox("shared")

BOT = """
from blazebot import Bot, Message, Text

bot = Bot("echo.json", receipt_delay=0.01)

@bot.on(Text)
async def echo(message: Message[Text]) -> None:
    await message.reply(message.content.text)

VERSION = {version}
"""


class Source:
    """A bot's source, changed as an author changes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._version = 0
        self.change()

    def change(self, further: str = "") -> None:
        """Save another version."""
        self._version += 1
        self._path.write_text(BOT.format(version=self._version) + further)


@pytest.fixture
async def source(tmp_path: Path) -> Source:
    return Source(tmp_path / "echo.py")


@pytest.fixture
async def running(world: World, tmp_path: Path, source: Source) -> AsyncIterator[Running]:
    """The command with its bot, whose line is open."""
    await keystore_of(world, "echo", tmp_path)
    running = Running(world, tmp_path, "echo:bot", "--reload")
    await running.process.start()
    await running.until("line open")
    yield running
    await running.process.stop()


async def test_changes_while_people_talk(
    world: World, running: Running, source: Source, tmp_path: Path
) -> None:
    bot_id = next(iter(running.entries))["bot"]
    people = await world.people.create(["Alice", "Bob", "Carol"])
    await world.people.watch(people)
    texts = {person: [f"{person[:4]} {number}" for number in range(60)] for person in people}

    async def talk(person: str) -> None:
        for text in texts[person]:
            await world.people.send([{"person_id": person, "recipient_id": bot_id, "text": text}])
            await asyncio.sleep(0.05)

    def answers(person: str) -> list[str]:
        return [one["text"] for one in world.messages(person) if one["user_id"] == bot_id]

    talking = asyncio.gather(*(talk(person) for person in people))
    for starts in range(2, 5):
        source.change()
        await running.until("line open", starts)
    await talking
    await world.until(lambda: all(answers(person) == texts[person] for person in people))
    assert running.process.log.count("starting again") == 3
    assert await running.process.stop() == 0


async def test_source_that_cannot_be_read_leaves_the_bot_as_it_is(
    world: World, running: Running, source: Source
) -> None:
    bot_id = next(iter(running.entries))["bot"]
    source.change("def (\n")
    await running.until("what runs goes on until this is mended")
    assert "SyntaxError" in running.process.log
    alice = await world.person()
    await world.people.send([{"person_id": alice, "recipient_id": bot_id, "text": "still there?"}])
    await world.until(lambda: len(world.messages(alice)) == 2)
    source.change()
    await running.until("line open", 2)


async def test_source_that_fails_waits_for_the_next_change(
    running: Running, source: Source
) -> None:
    source.change("1 / 0\n")
    await running.until("the bot has ended with status 1: waiting for a change")
    assert "ZeroDivisionError" in running.process.log
    assert "importlib" not in running.process.log
    source.change()
    await running.until("line open", 2)
    running.process.send_signal(signal.SIGINT)
    async with asyncio.timeout(15):
        assert await running.process.wait() == 0


async def test_the_bot_ends_with_it_even_if_it_is_killed(world: World, running: Running) -> None:
    bot_id = next(iter(running.entries))["bot"]
    assert (await world.control.bot(bot_id))["connected"]
    running.process.send_signal(signal.SIGKILL)
    async with asyncio.timeout(15):
        async for entry in world.control.log(bot_id=bot_id, follow=True):
            if entry["kind"] == "line" and entry["event"] == "closed":
                break


async def test_it_ends_with_the_status_of_its_bot(running: Running, source: Source) -> None:
    source.change("1 / 0\n")
    await running.until("waiting for a change")
    assert await running.process.stop() == 1
