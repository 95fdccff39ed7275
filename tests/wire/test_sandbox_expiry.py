"""What ends by itself: messages that disappear, and what nobody fetched within 7 days."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from blazebot.wire.base64 import encode_base64
from blazebot.wire.frames import CREATE_MESSAGE
from tests.wire.sandbox_peers import Box, Driver, body_of, new_id, sandbox_here, text

WEEK = 7 * 24 * 3600


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


async def move_clock(box: Box, seconds: float) -> None:
    await box.do("POST", "/clocks", {"retention_offset": seconds})


async def seen(driver: Driver, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until somebody sees a message that is so."""
    message: dict[str, Any] = {}
    while not message or not condition(message):
        message = (await driver.event())["message"]
    return message


async def history(box: Box, person: str, where: str) -> list[str]:
    page = await box.do("GET", f"/people/{person}/conversations/{where}/messages")
    return [message["text"] for message in page["messages"]]


def draft(where: str, words: str, **fields: Any) -> dict[str, Any]:
    return {
        "conversation_id": where,
        "message_id": new_id(),
        "category": "PLAIN_TEXT",
        "data_base64": text(words),
    } | fields


# Messages that disappear


async def test_a_message_disappears_after_it_was_read(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    where = await box.befriend(alice, bot)
    async with box.line(bot) as line, box.driver() as driver:
        await line.view()
        await driver.data("subscribe", people=[alice])
        await line.request(CREATE_MESSAGE, draft(where, "secret", expire_in=60))
        message = await seen(driver, lambda one: one["text"] == "secret")
        assert (message["expire_in"], message["disappeared"]) == (60, False)
        await move_clock(box, 3600)  # it is not read: it stays
        assert await history(box, alice, where) == ["Hello", "secret"]
        await box.do("POST", f"/people/{alice}/read", {"message_ids": [message["message_id"]]})
        await seen(driver, lambda one: one["status"] == "READ")
        await move_clock(box, 3600 + 59)
        assert await history(box, alice, where) == ["Hello", "secret"]
        await move_clock(box, 3600 + 61)
        gone = await seen(driver, lambda one: one["disappeared"])
        assert gone["message_id"] == message["message_id"]
        assert (gone["text"], gone["data_base64"], gone["status"]) == (None, "", "READ")
        assert await history(box, alice, where) == ["Hello"]
        listed = (await box.do("GET", f"/people/{alice}/conversations"))["conversations"]
        assert listed[0]["last_message"]["text"] == "Hello"


async def test_it_disappears_for_bots_too(box: Box) -> None:
    alice, one, two = await box.person(), await box.bot(), await box.bot()
    group = await box.do(
        "POST", "/groups", {"creator_id": alice, "participants": [one.app_id, two.app_id]}
    )
    where = group["conversation_id"]
    sent = await box.say(alice, "secret", conversation_id=where, expire_in=5)
    async with box.line(one) as line:
        new_group, view = await line.view(), await line.view()
        assert view["expire_in"] == 5
        await line.acknowledge(new_group["message_id"], sent)
    assert (await box.do("GET", f"/bots/{two.app_id}"))["pending"] == 2
    await move_clock(box, 6)
    assert (await box.do("GET", f"/bots/{two.app_id}"))["pending"] == 1
    async with box.line(two) as line:
        assert (await line.view())["category"] == "SYSTEM_CONVERSATION"
        assert await line.silent()


async def test_a_message_takes_the_time_of_its_conversation(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    where = await box.befriend(alice, bot)
    await box.do("POST", f"/people/{alice}/conversations/{where}/disappear", {"duration": 30})
    await box.say(alice, "inherits", conversation_id=where)
    await box.say(alice, "has its own", conversation_id=where, expire_in=300)
    async with box.line(bot) as line:
        views = [await line.view() for _ in range(4)]
        assert [view["expire_in"] for view in views] == [0, 0, 30, 300]
        await line.acknowledge(*(view["message_id"] for view in views))
        await move_clock(box, 31)
        texts = [text for text in await history(box, alice, where) if text is not None]
        assert texts == ["Hello", "has its own"]


async def test_assumptions_on_disappearing_can_be_turned_round() -> None:
    async with sandbox_here(inherit_expire_in=False, disappear_from="sent") as box:
        alice, bot = await box.person(), await box.bot()
        where = await box.befriend(alice, bot)
        await box.do("POST", f"/people/{alice}/conversations/{where}/disappear", {"duration": 30})
        await box.say(alice, "stays", conversation_id=where)
        await box.say(alice, "goes", conversation_id=where, expire_in=30)
        await move_clock(box, 31)
        texts = [text for text in await history(box, alice, where) if text is not None]
        assert texts == ["Hello", "stays"]
        async with box.line(bot) as line:
            views = [await line.view() for _ in range(3)]
            assert [view["data_base64"] for view in views if view["category"] == "PLAIN_TEXT"] == [
                text("Hello"),
                text("stays"),
            ]
            assert await line.silent()


async def test_without_a_move_of_the_clock_it_disappears_in_its_own_time(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    async with box.driver() as driver:
        await driver.data("subscribe", people=[alice])
        sent = await box.say(alice, "secret", recipient_id=bot.app_id, expire_in=1)
        async with box.line(bot) as line:
            await line.acknowledge((await line.view())["message_id"])
        gone = await seen(driver, lambda one: one["disappeared"])
        assert gone["message_id"] == sent


async def test_what_has_disappeared_is_not_sent_anew(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    where = await box.befriend(alice, bot)
    once = draft(where, "once", expire_in=5)
    async with box.line(bot) as line:
        await line.view()
        first = body_of(await line.request(CREATE_MESSAGE, once))
        await box.sees(alice)
        await box.do("POST", f"/people/{alice}/read", {"message_ids": [once["message_id"]]})
        await move_clock(box, 6)
        assert body_of(await line.request(CREATE_MESSAGE, once)) == first
        recall = encode_base64(json.dumps({"message_id": once["message_id"]}).encode())
        recalling = draft(where, "", category="MESSAGE_RECALL") | {"data_base64": recall}
        assert (await line.request(CREATE_MESSAGE, recalling)).error is None
        (gone,) = [one for one in await box.sees(alice) if one["message_id"] == once["message_id"]]
        assert (gone["disappeared"], gone["recalled"], gone["text"]) == (True, False, None)


# What is kept for 7 days


async def pending(box: Box, *bot_ids: str) -> list[int]:
    return [(await box.do("GET", f"/bots/{bot_id}"))["pending"] for bot_id in bot_ids]


async def test_what_nobody_fetches_is_dropped_without_being_asked_for(box: Box) -> None:
    alice, one, two = await box.person(), await box.bot(), await box.bot()
    for bot in (one, two):
        await box.say(alice, "old", recipient_id=bot.app_id)
    delivered = await box.say(alice, "delivered", recipient_id=two.app_id)
    async with box.line(two) as line:
        await line.acknowledge(delivered, status="DELIVERED")
    await move_clock(box, WEEK - 60)
    await box.say(alice, "newer", recipient_id=one.app_id)
    assert await pending(box, one.app_id, two.app_id) == [2, 1]
    await move_clock(box, WEEK + 60)
    assert await pending(box, one.app_id, two.app_id) == [1, 0]
    # For the people it stays, and what was delivered can still be read.
    assert [message["text"] for message in await box.sees(alice)] == [
        "old",
        "old",
        "delivered",
        "newer",
    ]
    async with box.line(two) as line:
        await line.acknowledge(delivered)
    assert [message["status"] for message in await box.sees(alice)][2] == "READ"
    # Back in time nothing comes back, and what is sent now is kept for as long.
    await move_clock(box, 0)
    await box.say(alice, "now", recipient_id=two.app_id)
    await move_clock(box, WEEK - 60)
    assert await pending(box, one.app_id, two.app_id) == [1, 1]
    await move_clock(box, 2 * WEEK)
    assert await pending(box, one.app_id, two.app_id) == [0, 0]


async def test_much_is_dropped_in_pieces_while_the_service_goes_on(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    async with box.driver() as driver:
        message = {"person_id": alice, "recipient_id": bot.app_id, "text": "old"}
        for _ in range(8):
            await driver.data("send", messages=[message] * 250)
    await move_clock(box, WEEK + 60)
    (left,) = await pending(box, bot.app_id)
    assert left < 2000
    newer = await box.say(alice, "newer", recipient_id=bot.app_id)
    async with asyncio.timeout(10):
        while await pending(box, bot.app_id) != [1]:
            pass
    async with box.line(bot) as line:
        assert (await line.view())["message_id"] == newer


async def test_the_clock_stays_moved_over_a_restart(tmp_path: Path) -> None:
    db = str(tmp_path / "sandbox.db")
    async with sandbox_here(db=db) as box:
        alice, bot = await box.person(), await box.bot()
        await move_clock(box, 1000)
        await box.do("POST", "/clocks", {"token_offset": 5000})
        await box.say(alice, "later", recipient_id=bot.app_id)
        before = await box.sees(alice)
    async with sandbox_here(db=db) as box:
        clocks = await box.do("GET", "/clocks")
        assert (clocks["retention_offset"], clocks["token_offset"]) == (1000, 0)
        assert [one["created_at"] for one in await box.sees(alice)] == [before[0]["created_at"]]
        assert clocks["retention_now"] > before[0]["created_at"]


async def test_what_became_due_while_it_was_stopped_ends_at_the_start(tmp_path: Path) -> None:
    db = str(tmp_path / "sandbox.db")
    async with sandbox_here(db=db, disappear_from="sent") as box:
        alice, bot = await box.person(), await box.bot()
        await box.say(alice, "secret", recipient_id=bot.app_id, expire_in=1)
        newest = (await box.do("GET", "/health"))["cursor"]
    await asyncio.sleep(1.0)
    async with sandbox_here(db=db) as box, box.driver() as driver:
        await driver.data("subscribe", people=[alice], after=newest - 1)
        await seen(driver, lambda one: one["disappeared"])
        assert await pending(box, bot.app_id) == [0]
