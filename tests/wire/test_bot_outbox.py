"""Sends outside handlers: once they are accepted they are sent, once and in order."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from blazebot import Bot, Conversation
from blazebot.delivery import outbox
from blazebot.delivery.outbox_store import OutboxStore
from blazebot.errors import OutboxError, SendTimeout, ServiceError, Unauthorized
from tests.wire.conftest import Logged
from tests.wire.world import World

pytestmark = pytest.mark.sandbox("shared")

TEXTS = [f"text {number:03}" for number in range(250)]


async def test_accepted_messages_survive_a_kill_in_order(world: World) -> None:
    bot = await world.bot()
    alice = await world.person(bot)
    # While the service takes nothing, all that is accepted waits on disk.
    fault = await world.control.add_fault("error", code=500, only="CREATE_*", times=None)
    async with running(world, bot, alice, TEXTS) as process:
        process.kill()
        await process.wait()
    assert world.texts(alice, bot) == []
    # And what the next process sends at first is never answered: it is sent again.
    await world.control.clear_faults(fault)
    await world.control.add_fault("lost_answer", only="CREATE_*")
    bot.use(bot._keystore or "", request_timeout=0.5)
    async with bot:
        await world.until(lambda: len(world.texts(alice, bot)) == len(TEXTS))
        last = await bot.send(alice, "after them")
        assert last
        await world.until(lambda: world.texts(alice, bot) == [*TEXTS, "after them"])


@asynccontextmanager
async def running(
    world: World, bot: Bot, to: str, texts: list[str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process of the bot that has accepted these texts."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.wire.outbox_bot", to),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={
            **os.environ,
            "BLAZEBOT_KEYSTORE": str(bot._keystore),
            "BLAZEBOT_SERVER": world.sandbox.url,
            "BLAZEBOT_DATA_DIR": str(bot.settings.data_dir),
        },
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write("\n".join(texts).encode())
        process.stdin.close()
        async with asyncio.timeout(30):
            assert await process.stdout.readline() == b"accepted\n"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_send_that_is_cut_off_is_sent_once(world: World) -> None:
    bot = await world.bot(send_timeout=1.0, request_timeout=0.3)
    alice = await world.person(bot)
    async with bot:
        await world.control.add_fault("lost_answer", only="CREATE_*", times=4)
        with pytest.raises(SendTimeout):
            await bot.send(alice, "one")
        await bot.enqueue(alice, "two")
        await world.until(lambda: world.texts(alice, bot) == ["one", "two"])


async def test_who_sends_while_something_is_left_over_waits_behind_it(world: World) -> None:
    bot = await world.bot(encrypt="always")
    alice, bob = await world.person(bot), await world.person(bot)
    async with bot:
        fault = await world.control.add_fault("error", code=500, only="CREATE_*", times=None)
        for number in range(3):
            await bot.enqueue(alice, f"{number}")
            await bot.enqueue(bob, f"{number}")
        last = asyncio.create_task(bot.send(alice, "last"))
        await asyncio.sleep(0)
        await world.control.clear_faults(fault)
        await last
        assert world.texts(alice, bot)[:3] == ["0", "1", "2"]
        await world.until(lambda: world.texts(bob, bot) == ["0", "1", "2"])
        await bot.send(alice, "and nothing hangs")
        await world.until(lambda: world.texts(alice, bot)[-1] == "and nothing hangs")


async def test_who_waits_is_told_of_a_refusal_and_otherwise_it_is_kept(
    world: World, logged: Logged
) -> None:
    async with await world.bot() as bot:
        alice = await world.person(bot)
        nowhere = Conversation(str(uuid4()))
        with pytest.raises(ServiceError):
            await bot.send(nowhere, "x")
        assert await bot.outbox.failed() == []
        message_id = await bot.enqueue(nowhere, "y")
        await bot.enqueue(alice, "the others go on")
        await world.until(lambda: world.texts(alice, bot) == ["the others go on"])
        await logged.until(f"{message_id} of the outbox is refused")
        (failed,) = await bot.outbox.failed()
        assert (failed.message_id, failed.conversation_id) == (message_id, nowhere.id)
        assert "403" in failed.reason


async def test_what_has_a_key_is_sent_once_however_often(world: World) -> None:
    async with await world.bot() as bot:
        alice = await world.person()  # the conversation is created on the way
        ids = {await bot.enqueue(alice, "first words", key="welcome") for _ in range(3)}
        assert ids == {await bot.send(alice, "other words", key="welcome")}
        await bot.send(alice, "end")
        await world.until(lambda: world.texts(alice, bot)[-1:] == ["end"])
        assert world.texts(alice, bot) == ["first words", "end"]


async def test_what_was_refused_is_tried_again_when_it_is_asked_for_again(
    world: World, logged: Logged
) -> None:
    async with await world.bot() as bot:
        alice = await world.person(bot)
        said: list[str] = []
        for key, again in (("one", bot.enqueue), ("two", bot.send)):
            await world.control.add_fault("error", code=403, only="CREATE_*")
            message_id = await bot.enqueue(alice, "refused", key=key)
            await logged.until(f"{message_id} of the outbox is refused")
            await bot.enqueue(alice, f"before {key}")
            assert await again(alice, key, key=key) == message_id
            said.extend([f"before {key}", key])
            await world.until(lambda: world.texts(alice, bot) == said)
        assert await bot.outbox.failed() == []


async def test_who_sends_what_waits_already_waits_for_it(world: World) -> None:
    async with await world.bot(send_timeout=1.0) as bot:
        alice = await world.person(bot)
        fault = await world.control.add_fault("error", code=500, only="CREATE_*", times=None)
        message_id = await bot.enqueue(alice, "first words", key="welcome")
        with pytest.raises(SendTimeout):
            await bot.send(alice, "other words", key="welcome")
        await world.control.clear_faults(fault)
        assert await bot.send(alice, "other words", key="welcome") == message_id
        await world.until(lambda: world.texts(alice, bot) == ["first words"])


@pytest.mark.parametrize("way", [Bot.send, Bot.enqueue])
async def test_who_is_cancelled_while_it_is_accepted_is_not_overtaken(
    world: World, monkeypatch: pytest.MonkeyPatch, way: Any
) -> None:
    begun, may_end = threading.Event(), threading.Event()
    commit = OutboxStore._commit

    def slowly(*arguments: Any) -> list[Any]:
        begun.set()
        may_end.wait(20)
        return commit(*arguments)

    monkeypatch.setattr(OutboxStore, "_commit", slowly)
    async with await world.bot() as bot:
        alice = await world.person(bot)
        accepting = asyncio.create_task(way(bot, alice, "one"))
        await asyncio.to_thread(begun.wait, 20)
        accepting.cancel()
        await asyncio.wait((accepting,))
        may_end.set()
        await bot.send(alice, "two")
        await world.until(lambda: "two" in world.texts(alice, bot))
        assert world.texts(alice, bot) == ["one", "two"]


async def test_a_401_of_one_host_ends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_PAUSE", 0.1)
    async with await world.bot() as bot:
        alice, bob = await world.person(), await world.person()
        await world.control.add_fault("unauthorized", only="POST /conversations")
        await bot.enqueue(alice, "one")
        await world.until(lambda: world.texts(alice, bot) == ["one"])
        await world.control.add_fault("unauthorized", only="POST /conversations")
        with pytest.raises(Unauthorized):
            await bot.send(bob, "one")
        await bot.send(bob, "two")
        await world.until(lambda: world.texts(bob, bot) == ["one", "two"])


async def test_with_a_session_that_is_refused_for_good_all_that_sends_ends(world: World) -> None:
    bot = await world.bot()
    async with bot:
        alice = await world.person(bot)
        await world.control.add_fault("error", code=500, only="*MESSAGE*", times=None)
        await bot.enqueue(alice, "never sent")
        await bot.announce("nor this", [alice])
        assert sending() == {"Outbox.run", "Announcer.run"}
        await world.control.issue_session(bot.id, "app")
        with pytest.raises(Unauthorized):
            async with asyncio.timeout(20):
                await bot.wait_closed()
        async with asyncio.timeout(5):
            while sending():  # noqa: ASYNC110 - nothing else tells of it
                await asyncio.sleep(0.01)


def sending() -> set[str]:
    """What goes on sending, by name."""
    names = {getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()}
    return names & {"Outbox.run", "Announcer.run"}


async def test_what_a_session_that_is_gone_has_left_is_taken_over(world: World) -> None:
    bot = await world.bot()
    alice = await world.person(bot)
    fault = await world.control.add_fault("error", code=500, only="CREATE_*", times=None)
    async with running(world, bot, alice, ["left"]) as process:
        process.kill()
        await process.wait()
    await world.control.clear_faults(fault)
    bot.use(await world.control.issue_session(bot.id, "app"))
    async with bot:
        await world.until(lambda: world.texts(alice, bot) == ["left"])


async def test_nothing_is_accepted_that_cannot_be_kept(world: World) -> None:
    bot = await world.bot()
    async with bot:
        alice = await world.person(bot)
        (Path(bot.settings.data_dir or "") / bot.id / "outbox.db").mkdir()
        with pytest.raises(OutboxError, match=r"outbox\.db"):
            await bot.send(alice, "x")
