"""Pending messages, pushes, acknowledgements and receipts (protocol section 6)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from blazebot.wire.frames import (
    ACKNOWLEDGE_MESSAGE_RECEIPT,
    CREATE_MESSAGE,
    LIST_PENDING_MESSAGES,
)
from blazebot.wire.messages import MessageView
from tests.wire.sandbox_peers import Box, Line, body_of, new_id, sandbox_here, text


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


def draft(conversation_id: str, words: str, **fields: Any) -> dict[str, Any]:
    return {
        "conversation_id": conversation_id,
        "message_id": new_id(),
        "category": "PLAIN_TEXT",
        "data_base64": text(words),
    } | fields


async def views(line: Line, count: int) -> list[str]:
    return [(await line.view())["message_id"] for _ in range(count)]


async def test_a_friend_says_hello_and_the_bot_answers(box: Box) -> None:
    alice, bot = await box.person("Alice"), await box.bot()
    conversation_id = await box.befriend(alice, bot)
    async with box.line(bot) as line:
        view = await line.view()
        assert (view["user_id"], view["conversation_id"]) == (alice, conversation_id)
        assert view["data_base64"] == text("Hello")
        await line.acknowledge(view["message_id"])
        reply_to = draft(conversation_id, "Hi Alice")
        answer = body_of(await line.request(CREATE_MESSAGE, reply_to))
        assert answer["message_id"] == reply_to["message_id"]
        assert answer["user_id"] == bot.app_id
        assert (answer["status"], answer["category"], answer["conversation_id"]) == ("SENT", "", "")

        hello, reply = await box.sees(alice)
        assert (hello["text"], hello["status"]) == ("Hello", "READ")
        assert (reply["text"], reply["status"]) == ("Hi Alice", "DELIVERED")
        assert await line.receipt() == (reply["message_id"], "DELIVERED")
        await box.do("POST", f"/people/{alice}/read", {"message_ids": [reply["message_id"]]})
        assert await line.receipt() == (reply["message_id"], "READ")


async def test_a_friend_says_hello_once(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    first = await box.befriend(alice, bot)
    assert await box.befriend(alice, bot) == first
    async with box.line(bot) as line:
        await line.view()
        assert await line.silent()


async def test_nothing_is_pushed_before_it_is_asked_for(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    await box.befriend(alice, bot)
    async with box.line(bot, listing=False) as line:
        await box.say(alice, "one", recipient_id=bot.app_id)
        assert await line.silent()
        frame_id = new_id()
        answer = await line.request(LIST_PENDING_MESSAGES, {"offset": None}, frame_id)
        assert (answer.id, answer.action) == (frame_id, LIST_PENDING_MESSAGES)
        assert (bytes(answer.data), answer.error) == (b"", None)
        assert len(await views(line, 2)) == 2


async def test_pending_come_in_order_and_live_ones_after_them(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    sent = [await box.say(alice, f"{n}", recipient_id=bot.app_id) for n in range(450)]
    async with box.line(bot) as line:
        pushed = [await line.view() for _ in sent]
        assert [view["message_id"] for view in pushed] == sent
        assert {view["source"] for view in pushed} == {"LIST_PENDING_MESSAGES"}
        live = await box.say(alice, "live", recipient_id=bot.app_id)
        view = await line.view()
        assert (view["message_id"], view["source"]) == (live, "CREATE_MESSAGE")


async def test_a_view_has_every_field_re_encoded(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    sent = await box.do(
        "POST",
        f"/people/{alice}/messages",
        {
            "recipient_id": bot.app_id,
            "category": "PLAIN_IMAGE",
            "data_base64": "-_8\n=",  # URL alphabet, padding and a line break
            "message_id": new_id().upper(),
            "quote_message_id": new_id(),
            "unchecked": True,
        },
    )
    async with box.line(bot) as line:
        view = await line.view()
    assert set(view) == set(MessageView.__struct_fields__)
    assert (view["data"], view["data_base64"]) == ("+/8=", "-_8")
    assert view["message_id"] == sent["message_id"] == sent["message_id"].lower()
    assert (view["type"], view["status"], view["category"]) == ("message", "SENT", "PLAIN_IMAGE")
    assert (view["representative_id"], view["silent"], view["expire_in"]) == ("", False, 0)
    assert view["session_id"]
    assert view["quote_message_id"]
    assert view["created_at"] == view["updated_at"] == sent["created_at"]
    assert len(view["created_at"]) == len("2020-01-01T00:00:00.123456789Z")


async def test_what_is_not_acknowledged_comes_again(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    sent = [await box.say(alice, f"{n}", recipient_id=bot.app_id) for n in range(5)]
    async with box.line(bot) as line:
        assert await views(line, 5) == sent
        await line.acknowledge(sent[1], sent[3])
        await line.list_pending()
        assert await views(line, 3) == [sent[0], sent[2], sent[4]]
        state = await box.do("GET", f"/bots/{bot.app_id}")
        assert (state["pending"], state["unacknowledged"]) == (3, 3)
    async with box.line(bot) as line:  # and on the next connection
        assert await views(line, 3) == [sent[0], sent[2], sent[4]]
        await line.acknowledge(*sent, status="DELIVERED")
        state = await box.do("GET", f"/bots/{bot.app_id}")
        assert (state["pending"], state["unacknowledged"]) == (0, 0)
        assert (state["connected"], state["connections"]) == (True, 2)
        await line.list_pending()
        assert await line.silent()


async def test_what_is_not_acknowledged_in_time_comes_again() -> None:
    async with sandbox_here(redeliver_after=0.2) as box:
        alice, bot = await box.person(), await box.bot()
        sent = [await box.say(alice, f"{n}", recipient_id=bot.app_id) for n in range(3)]
        async with box.line(bot) as line:
            assert await views(line, 3) == sent
            await line.acknowledge(sent[1])
            assert await views(line, 2) == [sent[0], sent[2]]
            assert await views(line, 2) == [sent[0], sent[2]]
            await line.acknowledge(sent[0], sent[2])


async def test_a_status_only_moves_forward(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    sent = await box.say(alice, "one", recipient_id=bot.app_id)
    async with box.line(bot) as line:
        await line.view()
        seen = []
        for status in ("DELIVERED", "READ", "DELIVERED", "SENT", "NONSENSE"):
            await line.acknowledge(sent, status=status)
            seen += [message["status"] for message in await box.sees(alice)]
        assert seen == ["DELIVERED", "READ", "READ", "READ", "READ"]


async def test_odd_receipts_are_taken_without_complaint(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    conversation_id = await box.befriend(alice, bot)
    async with box.line(bot) as line:
        await line.view()
        own = draft(conversation_id, "own")
        await line.request(CREATE_MESSAGE, own)
        await line.acknowledge(own["message_id"], new_id(), "no id at all", "")
        for params in ({"message_id": own["message_id"], "status": "READ"}, {"message_id": "x"}):
            answer = await line.request(ACKNOWLEDGE_MESSAGE_RECEIPT, params)
            assert answer.error is None
        assert [message["status"] for message in await box.sees(alice)] == ["SENT", "DELIVERED"]


async def test_acknowledging_by_rest(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    sent = await box.say(alice, "one", recipient_id=bot.app_id)
    receipts = [{"message_id": sent.upper(), "status": "READ"}]
    _, answer = await box.rest(bot, "POST", "/acknowledgements", receipts)
    assert answer == {"data": receipts}
    assert [message["status"] for message in await box.sees(alice)] == ["READ"]


async def test_receipts_can_be_asked_for(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    where = await box.befriend(alice, bot)
    sent = [draft(where, words) for words in ("one", "two", "three")]
    ids = [one["message_id"] for one in sent]
    await box.rest(bot, "POST", "/messages", sent)

    async def receipts(since: int) -> list[tuple[str, str]]:
        _, answer = await box.rest(bot, "GET", f"/messages/status/{since}")
        for view in answer["data"]:
            assert set(view) == set(MessageView.__struct_fields__)
            assert view["source"] == "ACKNOWLEDGE_MESSAGE_RECEIPT"
        return [(view["message_id"], view["status"]) for view in answer["data"]]

    assert await receipts(0) == []
    await box.sees(alice)
    assert await receipts(0) == [(id_, "DELIVERED") for id_ in ids]
    now = time.time_ns()
    assert await receipts(now) == []
    await box.do("POST", f"/people/{alice}/read", {"message_ids": [ids[1]]})
    assert await receipts(now) == [(ids[1], "READ")]
    assert [id_ for id_, _ in await receipts(0)] == [ids[0], ids[2], ids[1]]
    for offset in ("-1", "soon", "1.5", "9" * 20):
        _, answer = await box.rest(bot, "GET", f"/messages/status/{offset}")
        assert answer["error"]["code"] == 10002


async def test_the_same_message_id_is_one_message(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    conversation_id = await box.befriend(alice, bot)
    request = draft(conversation_id, "once")
    again = request | {"data_base64": text("twice"), "message_id": request["message_id"].upper()}
    async with box.line(bot) as line:
        await line.view()
        first = body_of(await line.request(CREATE_MESSAGE, request))
        assert body_of(await line.request(CREATE_MESSAGE, again)) == first
        _, answer = await box.rest(bot, "POST", "/messages", [request, again, request])
        assert answer == {}
        assert [message["text"] for message in await box.sees(alice)] == ["Hello", "once"]

        other = await box.bot()
        taken = draft(await box.befriend(alice, other), "x", message_id=request["message_id"])
        async with box.line(other) as their_line:
            refused = await their_line.request(CREATE_MESSAGE, taken)
            assert refused.error is not None
            assert refused.error.code == 403
        status, _ = await box.control(
            "POST",
            f"/people/{alice}/messages",
            {"conversation_id": conversation_id, "text": "x", "message_id": request["message_id"]},
        )
        assert status == 403


async def test_two_bots_in_a_group_both_hear_people_and_not_each_other(box: Box) -> None:
    alice, bob = await box.person(), await box.person()
    one, two = await box.bot("ed25519"), await box.bot("network-user")
    group = await box.do(
        "POST",
        "/groups",
        {"creator_id": alice, "name": "All", "participants": [bob, one.app_id, two.app_id]},
    )
    where = group["conversation_id"]
    sent = await box.say(alice, "hi all", conversation_id=where)
    async with box.line(one) as first, box.line(two) as second:
        new_group = await views(first, 1)
        assert await views(second, 1) == new_group
        await second.acknowledge(*new_group)
        assert (await first.view())["message_id"] == (await second.view())["message_id"] == sent
        reply = draft(where, "hi from one")
        await first.request(CREATE_MESSAGE, reply)
        assert await second.silent()
        await first.acknowledge(sent, status="READ")
        # Any receipt moves the status of a group's message; each one has read what it has read.
        assert (await box.sees(alice))[1]["status"] == "READ"
        assert [message["status"] for message in await box.sees(bob)] == ["DELIVERED"] * 3
        assert (await box.do("GET", f"/bots/{two.app_id}"))["pending"] == 1
        assert await first.receipt() == (reply["message_id"], "DELIVERED")
        await box.do("POST", f"/people/{bob}/read", {"message_ids": [reply["message_id"]]})
        assert await first.receipt() == (reply["message_id"], "READ")


async def test_assumptions_can_be_turned_round() -> None:
    async with sandbox_here(bots_hear_bots=True, group_status="all") as box:
        alice, one, two = await box.person(), await box.bot(), await box.bot()
        group = await box.do(
            "POST", "/groups", {"creator_id": alice, "participants": [one.app_id, two.app_id]}
        )
        where = group["conversation_id"]
        async with box.line(one) as first, box.line(two) as second:
            sent = draft(where, "to all")
            await first.request(CREATE_MESSAGE, sent)
            assert (await views(second, 2))[1] == sent["message_id"]
            await views(first, 1)  # the group is new
            await second.acknowledge(sent["message_id"], status="READ")
            await box.do("POST", f"/people/{alice}/read", {"message_ids": []})
            assert await first.silent()
            await box.sees(alice)
            assert await first.receipt() == (sent["message_id"], "DELIVERED")
            await box.do("POST", f"/people/{alice}/read", {"message_ids": [sent["message_id"]]})
            assert await first.receipt() == (sent["message_id"], "READ")


async def test_what_is_older_than_seven_days_is_dropped(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    await box.say(alice, "old", recipient_id=bot.app_id)
    week = 7 * 24 * 3600
    await box.do("POST", "/clocks", {"retention_offset": week - 60})
    newer = await box.say(alice, "newer", recipient_id=bot.app_id)
    await box.do("POST", "/clocks", {"retention_offset": week + 60})
    async with box.line(bot) as line:  # its token is fine: that is the other clock
        assert await views(line, 1) == [newer]
        assert (await box.do("GET", f"/bots/{bot.app_id}"))["pending"] == 1
