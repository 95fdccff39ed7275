"""Jobs of a bot against the real sandbox: in time, once, and not lost by a crash."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from blazebot import Bot, Conversation, Job, Message, Router, Text
from blazebot.testing.processes import SandboxProcess
from tests.wire.conftest import Logged
from tests.wire.world import WITHIN, World

pytestmark = pytest.mark.sandbox("shared")

HOUR = timedelta(hours=1).total_seconds()


class Reminder(msgspec.Struct):
    conversation_id: str
    words: str


def reminding(bot: Bot) -> Bot:
    """Let a bot remind people of what they write, an hour later."""

    @bot.job
    async def remind(job: Job[Reminder], bot: Bot) -> None:
        await bot.send(Conversation(job.data.conversation_id), f"remember: {job.data.words}")

    @bot.command("remind")
    async def wanted(message: Message[Text]) -> None:
        _, words = message.content.text.split(maxsplit=1)
        await bot.jobs.schedule(
            remind, after=timedelta(hours=1), data=Reminder(message.conversation_id, words)
        )
        await message.reply("I will")

    return bot


async def until_texts(world: World, person: str, bot: Bot, texts: list[str]) -> None:
    """Wait until a person has exactly these texts from a bot."""
    await world.until(lambda: world.texts(person, bot) == texts)


async def test_a_reminder_survives_a_restart(world: World) -> None:
    first = reminding(await world.bot())
    async with first:
        alice = await world.person(first)
        await world.say(alice, first, "/remind tea", "/remind cake")
        await world.until(lambda: world.texts(alice, first) == ["I will", "I will"])
    settings = first.settings
    second = reminding(Bot(first.keystore, server=settings.server, data_dir=settings.data_dir))
    async with second:
        assert [job.data["words"] for job in await second.jobs.all()] == ["tea", "cake"]
        second.clock.move(HOUR + 1)
        await world.until(lambda: len(world.texts(alice, second)) == 4)
        assert set(world.texts(alice, second)[2:]) == {"remember: tea", "remember: cake"}
        assert await second.jobs.all() == []


async def test_a_handler_that_runs_again_schedules_once(world: World) -> None:
    bot = await world.bot()
    runs: list[str] = []

    @bot.job
    async def remind(job: Job[str]) -> None:
        await bot.send(job.data, "once")

    @bot.command("remind")
    async def wanted(message: Message[Text]) -> None:
        for _ in range(2):  # the same twice is meant so
            runs.append(await bot.jobs.schedule(remind, after=timedelta(0), data=message.user_id))
        if len(runs) == 2:
            raise RuntimeError("after all was scheduled")
        await bot.send(message.user_id, "done")

    async with bot:
        alice = await world.person(bot)
        await world.say(alice, bot, "/remind")
        await world.until(lambda: "done" in world.texts(alice, bot))
        await world.until(lambda: world.texts(alice, bot).count("once") == 2)
        assert await bot.jobs.all() == []
    assert len(runs) == 4
    assert runs[:2] == runs[2:]
    assert world.texts(alice, bot).count("once") == 2


async def test_what_a_job_sent_before_a_crash_is_not_sent_again(
    world: World, sandbox: SandboxProcess, tmp_path: Path
) -> None:
    bot_id = await world.control.create_bot("Bot")
    keystore = json.dumps(dict(await world.control.issue_session(bot_id, "app")))
    alice = await world.person()
    command = [sys.executable, "-m", "tests.wire.jobs_bot", sandbox.url, keystore]
    command += [str(tmp_path / "data"), alice]

    crashed = await asyncio.create_subprocess_exec(*command, "die")
    async with asyncio.timeout(20):
        assert await crashed.wait() == -signal.SIGKILL
    process = await asyncio.create_subprocess_exec(*command)
    try:
        await world.until(lambda: [one["text"] for one in world.messages(alice)][-1:] == ["three"])
    finally:
        process.terminate()
        async with asyncio.timeout(20):
            assert await process.wait() == 0
    assert [one["text"] for one in world.messages(alice)] == ["one", "two", "three"]


async def test_a_cron_job_by_a_clock_that_is_moved(world: World) -> None:
    bot = await world.bot()
    people: list[str] = []

    @bot.job(cron="0 9 * * *", tz="Asia/Shanghai")
    async def morning(job: Job) -> None:
        for person in people:
            await bot.send(person, f"good morning, it is {job.due:%H:%M} in London")

    async with bot:
        people += [await world.person(bot) for _ in range(2)]
        now = datetime.now(UTC)
        nine = now.replace(hour=1, minute=0, second=0, microsecond=0)
        nine += timedelta(days=1) if nine <= now else timedelta(0)
        for days in range(2):
            bot.clock.move((nine + timedelta(days=days) - datetime.now(UTC)).total_seconds())
            for person in people:
                words = ["good morning, it is 01:00 in London"] * (days + 1)
                await until_texts(world, person, bot, words)
            async with asyncio.timeout(WITHIN):  # what comes due while it runs would be left out
                while True:
                    (job,) = await bot.jobs.all()
                    if job.due.timestamp() > bot.clock.now():
                        break
                    await asyncio.sleep(0.01)


async def test_a_job_that_fails_is_tried_again_and_what_it_sent_stays_sent(
    world: World, logged: Logged
) -> None:
    bot = await world.bot(max_tries=3)
    tries = 0

    @bot.job
    async def report(job: Job[str]) -> None:
        nonlocal tries
        tries += 1
        await bot.send(job.data, "first part")
        if tries < 3:
            raise RuntimeError("not yet")
        await bot.send(job.data, "second part")

    async with bot:
        alice = await world.person(bot)
        await bot.jobs.schedule(report, after=timedelta(0), data=alice)
        await world.until(lambda: "second part" in world.texts(alice, bot))
    await logged.until("failed (try 2, next in")
    assert world.texts(alice, bot) == ["first part", "second part"]


async def test_what_waits_for_the_service_is_not_given_up(world: World, logged: Logged) -> None:
    bot = await world.bot(max_tries=1, send_timeout=0.2)
    done = asyncio.Event()

    @bot.job
    async def report(job: Job[str]) -> None:
        await bot.send(job.data, "at last")
        done.set()

    async with bot:
        alice = await world.person(bot)
        await world.control.add_fault("lost_answer", only="CREATE_MESSAGE", times=None)
        await bot.jobs.schedule(report, after=timedelta(0), data=alice)
        await logged.until("waits for the service: SendTimeout")
        await world.control.clear_faults()
        bot.clock.move(5)
        async with asyncio.timeout(20):
            await done.wait()
        await until_texts(world, alice, bot, ["at last"])


async def test_at_the_end_a_job_has_the_grace_and_its_sends_are_taken(world: World) -> None:
    bot = await world.bot()
    begun, go = asyncio.Event(), asyncio.Event()

    @bot.job
    async def slow(job: Job[str]) -> None:
        begun.set()
        await go.wait()
        await bot.send(job.data, "before the end")

    async with bot:
        alice = await world.person(bot)
        await bot.jobs.schedule(slow, after=timedelta(0), data=alice)
        await begun.wait()
        asyncio.get_running_loop().call_soon(go.set)
    await world.until(lambda: world.texts(alice, bot) == ["before the end"])


async def test_two_bots_that_share_a_router_have_jobs_of_their_own(world: World) -> None:
    router = Router()

    @router.job
    async def greet(job: Job[str], bot: Bot) -> None:
        await bot.send(job.data, f"I am {bot.id}")

    one, two = await world.bot("One"), await world.bot("Two")
    for bot in (one, two):
        bot.include(router)
    async with one, two:
        alice = await world.person()
        await one.jobs.schedule(greet, after=timedelta(0), data=alice, key="k")
        await two.jobs.schedule("greet", after=timedelta(0), data=alice, key="k")
        for bot in (one, two):
            await until_texts(world, alice, bot, [f"I am {bot.id}"])
