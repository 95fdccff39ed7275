"""Kills during load: all that was answered is there afterwards, however it was asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blazebot.keys.keystore import Keystore
from blazebot.wire.frames import CREATE_MESSAGE
from tests.wire.sandbox_peers import Box, Driver, Line, Process, body_of, new_id, text

KILLS = 20
WORLDS = 2  # at the same time, with so many kills together
ENOUGH = 8
"""Answers of each kind before a kill."""


def draft(where: str) -> dict[str, Any]:
    return {
        "conversation_id": where,
        "message_id": new_id(),
        "category": "PLAIN_TEXT",
        "data_base64": text("x"),
    }


class Load:
    """A bot and Alice, who write to each other, and what of it was answered.

    Each list of ``answered`` is of one way: what was sent or acknowledged by it.
    """

    def __init__(self, alice: str, bot: Keystore, where: str) -> None:
        self.alice, self.bot, self.where = alice, bot, where
        self.sent_by_bot: list[str] = []
        self.sent_by_alice: list[str] = []
        self.acknowledged: set[str] = set()
        self.asked: set[str] = set()
        self.read: set[str] = set()
        self.answers: dict[str, int] = {}

    async def until_killed(self, box: Box, process: Process) -> None:
        """Send by all ways until enough was answered on each, and kill the sandbox."""
        self.answers = dict.fromkeys(("line", "rest", "driver", "control"), 0)
        killed = asyncio.Event()

        async def work(way: str, act: Callable[[], Awaitable[None]]) -> None:
            try:
                while True:
                    await act()
                    self.answers[way] += 1
                    if min(self.answers.values()) >= ENOUGH:
                        killed.set()
                        process.process.kill()
            except Exception:
                if not killed.is_set():
                    raise

        line = await box.connect(self.bot)
        await line.list_pending()
        async with box.driver() as driver, asyncio.timeout(10):
            await asyncio.gather(
                work("line", lambda: self.by_line(line)),
                work("rest", lambda: self.by_rest(box)),
                work("driver", lambda: self.by_driver(driver)),
                work("control", lambda: self.by_control(box)),
            )
        await process.end()

    async def by_line(self, line: Line) -> None:
        message = draft(self.where)
        body_of(await line.request(CREATE_MESSAGE, message))
        self.sent_by_bot.append(message["message_id"])
        view = await line.view_of_message()
        self.asked.add(view)
        await line.acknowledge(view)
        self.acknowledged.add(view)

    async def by_rest(self, box: Box) -> None:
        messages = [draft(self.where) for _ in range(3)]
        response, answer = await box.rest(self.bot, "POST", "/messages", messages)
        assert (response.status, answer) == (200, {})
        self.sent_by_bot += [message["message_id"] for message in messages]
        ids = [id_ for id_ in self.sent_by_alice[-20:] if id_ not in self.asked][:3]
        self.asked.update(ids)
        receipts = [{"message_id": id_, "status": "READ"} for id_ in ids]
        response, answer = await box.rest(self.bot, "POST", "/acknowledgements", receipts)
        assert (response.status, answer["data"]) == (200, receipts)
        self.acknowledged.update(ids)

    async def by_driver(self, driver: Driver) -> None:
        message = {"person_id": self.alice, "conversation_id": self.where, "text": "hi"}
        data = await driver.data("send", messages=[message] * 5)
        self.sent_by_alice += [one["message_id"] for one in data["messages"]]
        ids = [id_ for id_ in self.sent_by_bot[-5:] if id_ not in self.read]
        await driver.data("read", reads=[{"person_id": self.alice, "message_ids": ids}])
        self.read.update(ids)

    async def by_control(self, box: Box) -> None:
        self.sent_by_alice.append(await box.say(self.alice, "ho", conversation_id=self.where))


async def everything(box: Box, person: str) -> dict[str, dict[str, Any]]:
    """All messages that a person sees, by id."""
    seen: dict[str, dict[str, Any]] = {}
    page: dict[str, Any] = {"cursor": 0, "more": True}
    while page["more"]:
        path = f"/people/{person}/messages?limit=1000&after={page['cursor']}"
        page = await box.do("GET", path)
        seen |= {message["message_id"]: message for message in page["messages"]}
    return seen


async def kill_again_and_again(
    db: Path, http: aiohttp.ClientSession, kills: int, module: str = "blazebot"
) -> None:
    process = await Process.start(db)
    box = Box(process.url, http)
    alice, bot = await box.person(), await box.bot()
    load = Load(alice, bot, await box.befriend(alice, bot))
    assert await process.terminate() == 0
    for _ in range(kills):
        process = await Process.start(db, module=module)
        await load.until_killed(Box(process.url, http), process)

    process = await Process.start(db)
    try:
        await check(load, Box(process.url, http), alice, bot, kills)
    except BaseException:
        await process.kill()
        raise
    assert await process.terminate() == 0


async def check(load: Load, box: Box, alice: str, bot: Keystore, kills: int) -> None:
    """Compare what was answered with what is there."""
    seen = await everything(box, alice)
    assert len(load.sent_by_bot) >= kills * ENOUGH * 4
    assert len(load.sent_by_alice) >= kills * ENOUGH * 6
    lost = {*load.sent_by_bot, *load.sent_by_alice} - seen.keys()
    assert not lost, f"{len(lost)} messages are lost"
    assert len(load.acknowledged) >= kills * ENOUGH
    assert {seen[id_]["status"] for id_ in load.acknowledged} == {"READ"}
    assert len(load.read) >= kills * ENOUGH
    assert {seen[id_]["status"] for id_ in load.read} == {"READ"}
    # What the bot did not acknowledge it still gets, and nothing that it did.
    pending = (await box.do("GET", f"/bots/{bot.app_id}"))["pending"]
    async with box.line(bot) as line:
        pushed = {await line.view_of_message() for _ in range(pending)}
        assert await line.silent()
    assert pushed >= set(load.sent_by_alice) - load.asked
    assert pushed.isdisjoint(load.acknowledged)


async def test_kills_lose_nothing_that_was_answered(tmp_path: Path) -> None:
    async with aiohttp.ClientSession() as http:
        worlds = [
            kill_again_and_again(tmp_path / f"{number}.db", http, KILLS // WORLDS)
            for number in range(WORLDS)
        ]
        await asyncio.gather(*worlds)


async def test_the_check_fails_for_a_sandbox_that_answers_before_its_commit(
    tmp_path: Path,
) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(AssertionError, match="messages are lost"):
            await kill_again_and_again(
                tmp_path / "hasty.db", http, kills=3, module="tests.soak.hasty_sandbox"
            )
