"""Replies while an announcement takes all of the quota: at once, and within it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from blazebot import Bot, Message, Text
from blazebot.testing.processes import Process, SandboxProcess
from tests.soak.test_bot_quota import arrivals
from tests.wire.world import MakeBot, World

WRITERS = 8
PAUSE = 0.2  # seconds that a person waits before they write again


@dataclass(frozen=True)
class Crowd:
    """How many people are announced to, at which quota, for how many seconds it is watched."""

    people: int
    quota: int
    seconds: float


SHORT = Crowd(people=1_000, quota=12_000, seconds=4.0)
FULL = Crowd(people=24_000, quota=20_000, seconds=60.0)


@pytest.fixture
async def sandbox(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[SandboxProcess]:
    """A service with the quota of the test, which counts every write."""
    process = SandboxProcess(
        tmp_path,
        environment={
            "BLAZEBOT_SANDBOX_QUOTA": str(FULL.quota),
            "BLAZEBOT_SANDBOX_QUOTA_COUNTS_REPEATS": "true",
        },
    )
    await process.start()
    yield process
    await process.stop()


@asynccontextmanager
async def announcing(bot: Bot, people: list[str], directory: Path, by: str) -> AsyncIterator[None]:
    """Announce to people, by the bot itself or by the command beside it."""
    (directory / "people.txt").write_text("\n".join(people))
    if by == "bot":
        await bot.announce("news", directory / "people.txt")
        yield
        return
    (directory / "message.txt").write_text("news")
    command = [sys.executable, "-m", "blazebot", "announce", str(directory / "message.txt")]
    process = Process(
        [*command, "--to", str(directory / "people.txt"), "--json"],
        log=directory / "announce.log",
        environment={
            "BLAZEBOT_KEYSTORE": str(directory / "keystore.json"),
            "BLAZEBOT_SERVER": str(bot.settings.server),
            "BLAZEBOT_DATA_DIR": str(bot.settings.data_dir),
            "BLAZEBOT_QUOTA": str(bot.settings.quota),
        },
    )
    await process.start()
    try:
        yield
    finally:
        await process.kill()


async def seconds_of_replies(
    world: World, bot: Bot, writers: list[str], until: float
) -> list[float]:
    """Let people write, one message after another; return how long each reply took to be seen."""
    took: list[float] = []

    async def write(person: str) -> None:
        replies: list[str] = []
        while time.monotonic() < until:
            replies.append(str(len(replies)))
            began = time.monotonic()
            await world.say(person, bot, replies[-1])
            await world.until(lambda: world.texts(person, bot)[-1:] == replies[-1:])
            took.append(time.monotonic() - began)
            await asyncio.sleep(PAUSE)

    await asyncio.gather(*map(write, writers))
    return took


async def replies_meanwhile(
    world: World, make_bot: MakeBot, directory: Path, crowd: Crowd, by: str
) -> tuple[list[float], list[tuple[float, int]], int]:
    bot_id = await world.control.create_bot("Bot")
    keystore = await world.control.issue_session(bot_id, "app")
    (directory / "keystore.json").write_text(json.dumps(keystore))
    bot = make_bot(world.sandbox.url, keystore, quota=crowd.quota)

    @bot.on(Text)
    async def echo(message: Message[Text]) -> None:
        if message.content.text != "Hello":  # with which all of them begin
            await message.reply(message.content.text)

    writers = [await world.person(bot) for _ in range(WRITERS)]
    people = []
    for begin in range(0, crowd.people, 1000):
        people += await world.people.create(["Person"] * min(1000, crowd.people - begin))
        await world.people.add_friend(people[begin:], bot_id)
    async with bot, announcing(bot, people, directory, by):
        await until_some_were_sent(bot)
        took = await seconds_of_replies(world, bot, writers, time.monotonic() + crowd.seconds)
    arrived, refused = await arrivals(world, bot)
    return sorted(took), arrived, refused


async def until_some_were_sent(bot: Bot) -> None:
    async with asyncio.timeout(30):
        # Another process sends it, so that nothing tells of it but the disk.
        while not any(one.sent for one in await bot.announcements.all()):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


def most_in(arrived: list[tuple[float, int]], seconds: float) -> int:
    """Return the most messages that arrived in any so many seconds."""
    most = held = begin = 0
    for at, count in arrived:
        held += count
        while arrived[begin][0] <= at - seconds:
            held -= arrived[begin][1]
            begin += 1
        most = max(most, held)
    return most


async def test_replies_do_not_wait_for_an_announcement(
    world: World, make_bot: MakeBot, tmp_path: Path
) -> None:
    took, arrived, refused = await replies_meanwhile(world, make_bot, tmp_path, SHORT, "command")
    assert refused == 0
    assert most_in(arrived, 1.0) > 0.8 * SHORT.quota / 60, "the quota was not used"
    # Not by the share that a machine with other work to do may delay: by the wait for room.
    assert took[len(took) // 2] < 0.1


@pytest.mark.soak
@pytest.mark.parametrize("by", ["bot", "command"])
async def test_replies_are_quick_all_along(
    world: World, make_bot: MakeBot, tmp_path: Path, by: str
) -> None:
    took, arrived, refused = await replies_meanwhile(world, make_bot, tmp_path, FULL, by)
    p50, p99 = took[len(took) // 2], took[int(len(took) * 0.99)]
    most = most_in(arrived, 60.0)
    load = os.getloadavg()[0]
    print(  # noqa: T201
        f"\nby {by}: {len(took)} replies, p50 {p50 * 1000:.1f} ms, p99 {p99 * 1000:.1f} ms; "
        f"at most {most:,} of {FULL.quota:,} messages in a minute; load {load:.1f}"
    )
    assert refused == 0
    assert 0.75 * FULL.quota < most <= 0.98 * FULL.quota
    assert p99 < 0.1
