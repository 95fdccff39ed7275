"""The quota of the service, kept by all processes of a bot together."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from blazebot import Bot, Message, Text
from blazebot.delivery import quota as quota_module
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.testing.processes import Process, SandboxProcess
from blazebot.wire.frames import CREATE_MESSAGE, CREATE_PLAIN_MESSAGES
from tests.wire.world import MakeBot, World

FLOOD = Path(__file__).parent / "flood.py"

MINUTE = 6
"""Seconds for which this service counts, so that a test sees some of its minutes."""

QUOTA = 1500
OURS = 1350
"""What the bot is told: as minutes are ten times as short, how unevenly messages travel weighs ten
times as much."""


@pytest.fixture
async def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SandboxProcess]:
    """A service with short minutes, which counts every write."""
    monkeypatch.setattr(quota_module, "MINUTE", MINUTE)
    process = SandboxProcess(
        tmp_path,
        environment={
            "BLAZEBOT_SANDBOX_QUOTA": str(QUOTA),
            "BLAZEBOT_SANDBOX_QUOTA_WINDOW": str(MINUTE),
            "BLAZEBOT_SANDBOX_QUOTA_COUNTS_REPEATS": "true",
        },
    )
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def keystore(world: World, tmp_path: Path) -> dict[str, Any]:
    """A bot's, which stands in a file too."""
    bot_id = await world.control.create_bot("Bot")
    keystore = await world.control.issue_session(bot_id, "app")
    (tmp_path / "keystore.json").write_text(json.dumps(keystore))
    return keystore


@asynccontextmanager
async def flooding(
    world: World, bot: Bot, tmp_path: Path, *, shared: bool = True
) -> AsyncIterator[list[Process]]:
    """Let two processes send to 200 people each, as much as they may."""
    processes = []
    for name in "ab":
        people = await world.people.create(["Alice"] * 200)
        await world.people.add_friend(people, bot.id)
        (tmp_path / name).write_text("\n".join(people))
        data = tmp_path / "data" / (bot.id if shared else name)
        data.mkdir(parents=True, exist_ok=True)
        arguments = (
            *(world.sandbox.url, str(tmp_path / "keystore.json"), str(data)),
            *(str(OURS), str(MINUTE), str(tmp_path / name)),
        )
        processes.append(
            Process([sys.executable, str(FLOOD), *arguments], log=tmp_path / f"{name}.log")
        )
    try:
        for process in processes:
            await process.start()
        yield processes
    finally:
        for process in processes:
            await process.kill()


async def arrivals(world: World, bot: Bot) -> tuple[list[tuple[float, int]], int]:
    """Return when how many messages arrived, and how often the answer was 429."""
    arrived, refused = [], 0
    async for entry in world.control.log(bot_id=bot.id):
        refused += is_refused(entry)
        if count := count_sent(entry):
            arrived.append((datetime.fromisoformat(entry["at"]).timestamp(), count))
    return sorted(arrived), refused


def is_refused(entry: dict[str, Any]) -> bool:
    answer = entry["frame"] if entry.get("direction") == "sent" else entry.get("answer")
    return isinstance(answer, dict) and (answer.get("error") or {}).get("code") == 429


def count_sent(entry: dict[str, Any]) -> int:
    if entry.get("direction") == "received":
        frame = entry["frame"]
        if frame["action"] == CREATE_PLAIN_MESSAGES:
            return len(frame["params"]["messages"])
        return int(frame["action"] == CREATE_MESSAGE)
    return len(entry["request"]) if entry.get("path") == "/messages" else 0


def most_in_a_minute(arrived: list[tuple[float, int]]) -> int:
    """Return the most messages that arrived in any minute of the service."""
    return max(
        sum(count for at, count in arrived if first <= at <= first + MINUTE) for first, _ in arrived
    )


async def test_processes_that_are_killed_pass_no_quota_and_replies_do_not_wait(
    world: World,
    make_bot: MakeBot,
    keystore: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = time_waits(monkeypatch)
    bot = make_bot(world.sandbox.url, keystore, quota=OURS)

    @bot.on(Text)
    async def echo(message: Message[Text]) -> None:
        if message.content.text != "Hello":
            await message.reply(message.content.text)

    alice = await world.person(bot)
    replies: list[str] = []
    async with bot, flooding(world, bot, tmp_path) as processes:
        for number in range(5):
            until = time.monotonic() + MINUTE / 2
            while time.monotonic() < until:
                replies.append(str(len(replies)))
                await world.say(alice, bot, replies[-1])
                await world.until(lambda: world.texts(alice, bot) == replies)
                await asyncio.sleep(0.02)
            victim = processes[number % 2]
            await victim.kill()
            await victim.start()
    arrived, refused = await arrivals(world, bot)
    assert refused == 0
    assert 0.8 * OURS < most_in_a_minute(arrived) <= QUOTA
    assert sum(wait > 0.1 for wait in waits) <= len(replies) / 100


def time_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return what will hold how long, in seconds, whatever this process sends waits for room."""
    waits: list[float] = []
    take = QuotaLimiter.take

    async def timed(limiter: QuotaLimiter, count: int = 1, *, first: bool = False) -> None:
        began = time.monotonic()
        await take(limiter, count, first=first)
        waits.append(time.monotonic() - began)

    monkeypatch.setattr(QuotaLimiter, "take", timed)
    return waits


async def test_the_check_fails_for_processes_that_share_nothing(
    world: World, make_bot: MakeBot, keystore: dict[str, Any], tmp_path: Path
) -> None:
    bot = make_bot(world.sandbox.url, keystore)
    async with flooding(world, bot, tmp_path, shared=False):
        async with asyncio.timeout(4 * MINUTE):
            async for entry in world.control.log(bot_id=bot.id, follow=True):
                if is_refused(entry):
                    break
    arrived, refused = await arrivals(world, bot)
    assert refused
    assert most_in_a_minute(arrived) > QUOTA


async def test_what_waits_for_room_outlives_its_line_and_is_counted_each_time(
    world: World, make_bot: MakeBot, keystore: dict[str, Any]
) -> None:
    ours = 300
    bot = make_bot(world.sandbox.url, keystore, quota=ours)
    people = await world.people.create(["Alice"] * 100)
    await world.people.add_friend(people, bot.id)
    await world.people.watch(people)
    async with bot:
        sends = [asyncio.create_task(bot.send(person, "news")) for person in people]
        for last in (10, 40):
            await sends[last]
            await world.control.add_fault("drop")
        assert not all(one.done() for one in sends)
        async with asyncio.timeout(30):
            await asyncio.gather(*sends)
    await world.people.catch_up(20)
    for person in people:
        assert [one["text"] for one in world.messages(person)] == ["Hello", "news"]
    arrived, refused = await arrivals(world, bot)
    assert not refused
    assert len(arrived) >= len(people)
    assert most_in_a_minute(arrived) <= ours
