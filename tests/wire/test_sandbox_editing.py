"""Recalls and pins: messages that change others."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.codec import decode_json
from blazebot.wire.content import Pin, Recall, decode_bytes
from blazebot.wire.frames import CREATE_MESSAGE
from tests.wire.sandbox_peers import Box, Line, body_of, new_id, sandbox_here, text


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


def recall(message_id: str) -> dict[str, Any]:
    return {
        "category": "MESSAGE_RECALL",
        "data_base64": encode_base64(Recall(message_id).encode()),
    }


def pin(*message_ids: str, action: str = "PIN") -> dict[str, Any]:
    document = f'{{"action":"{action}","message_ids":[{",".join(map(repr, message_ids))}]}}'
    return {"category": "MESSAGE_PIN", "data_base64": text(document.replace("'", '"'))}


async def send(line: Line, where: str, **fields: Any) -> str:
    request = {"conversation_id": where, "message_id": new_id()} | fields
    body_of(await line.request(CREATE_MESSAGE, request))
    return str(request["message_id"])


async def refused(line: Line, where: str, **fields: Any) -> int:
    request = {"conversation_id": where, "message_id": new_id()} | fields
    frame = await line.request(CREATE_MESSAGE, request)
    assert frame.error is not None
    return frame.error.code


async def act(box: Box, person: str, where: str, **fields: Any) -> tuple[int, Any]:
    """Let a person send, and return the answer."""
    return await box.control(
        "POST", f"/people/{person}/messages", {"conversation_id": where} | fields
    )


async def seen(box: Box, person: str, message_id: str) -> dict[str, Any]:
    (message,) = [one for one in await box.sees(person) if one["message_id"] == message_id]
    return message


async def message_of(line: Line) -> dict[str, Any]:
    """The next pushed message, receipts passed over."""
    while not (view := body_of(await line.pushed()))["category"]:
        pass
    return view


class Group:
    """Alice's group with Bob and a bot, which has read the news of it."""

    def __init__(self, alice: str, bob: str, bot: Keystore, where: str, line: Line) -> None:
        self.alice, self.bob, self.bot, self.where, self.line = alice, bob, bot, where, line


@pytest.fixture
async def group(box: Box) -> AsyncIterator[Group]:
    alice, bob, bot = await box.person(), await box.person(), await box.bot()
    new = {"creator_id": alice, "participants": [bob, bot.app_id]}
    where = (await box.do("POST", "/groups", new))["conversation_id"]
    async with box.line(bot) as line:
        await line.acknowledge((await line.view())["message_id"])
        yield Group(alice, bob, bot, where, line)


async def test_a_bot_recalls_what_it_sent(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    where = await box.befriend(alice, bot)
    async with box.line(bot) as line, box.driver() as driver:
        await driver.data("subscribe", people=[alice])
        words = {"category": "PLAIN_TEXT", "data_base64": text("a secret"), "mentions": [alice]}
        sent = await send(line, where, **words)
        assert (await driver.event())["message"]["text"] == "a secret"
        taking_back = await send(line, where, **recall(sent))
        news = [(await driver.event())["message"] for _ in range(2)]
    by_id = {one["message_id"]: one for one in news}
    gone = by_id[sent]
    assert (gone["recalled"], gone["data_base64"], gone["text"], gone["mentions"]) == (
        True,
        "",
        None,
        [],
    )
    assert gone["category"] == "PLAIN_TEXT"
    told = by_id[taking_back]
    assert (told["category"], told["recalled"]) == ("MESSAGE_RECALL", False)
    assert decode_bytes("MESSAGE_RECALL", decode_base64(told["data_base64"])) == Recall(sent)
    assert await seen(box, alice, sent) == gone


async def test_what_is_recalled_is_gone_from_the_database(tmp_path: Path) -> None:
    path = tmp_path / "sandbox.db"
    async with sandbox_here(db=str(path)) as box:
        alice, bob = await box.person(), await box.person()
        kept = await box.say(alice, "a secret", recipient_id=bob)
        where = (await box.sees(bob))[0]["conversation_id"]
        sent = await box.say(alice, "a secret", conversation_id=where)
        assert (await act(box, bob, where, **recall(kept)))[0] == 403
        assert (await act(box, alice, where, **recall(sent)))[0] == 200
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT message_id FROM messages WHERE instr(data, 'secret')")
        assert rows.fetchall() == [(kept,)]


async def test_what_is_recalled_is_not_delivered_any_more(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    where = await box.befriend(alice, bot)
    sent = await box.say(alice, "oops", conversation_id=where)
    kept = await box.say(alice, "well", conversation_id=where)
    status, taken = await act(box, alice, where, **recall(sent))
    assert status == 200
    assert (await box.do("GET", f"/bots/{bot.app_id}"))["pending"] == 3
    async with box.line(bot) as line:
        await line.view()  # Hello
        assert (await line.view())["message_id"] == kept
        view = await line.view()
        assert (view["message_id"], view["category"]) == (taken["message_id"], "MESSAGE_RECALL")
        assert decode_json(decode_base64(view["data"]), dict[str, str]) == {"message_id": sent}
        assert await line.silent()


async def test_a_recall_takes_effect_once(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    where = await box.befriend(alice, bot)
    async with box.line(bot) as line:
        sent = await send(line, where, category="PLAIN_TEXT", data_base64=text("x"))
        request = {"message_id": new_id(), **recall(sent)}
        for _ in range(2):
            await send(line, where, **request)
        await send(line, where, **recall(sent))
        cursor = (await box.do("GET", "/health"))["cursor"]
        await send(line, where, **request)
        assert (await box.do("GET", "/health"))["cursor"] == cursor
    assert len(await box.sees(alice)) == 4  # Hello, what was recalled, two recalls


async def test_who_may_recall(box: Box, group: Group) -> None:
    alice, bob, where, line = group.alice, group.bob, group.where, group.line
    from_bob = await box.say(bob, "from Bob", conversation_id=where)
    from_bot = await send(line, where, category="PLAIN_TEXT", data_base64=text("from the bot"))
    elsewhere = await box.say(alice, "elsewhere", recipient_id=bob)
    assert await refused(line, where, **recall(from_bob)) == 403
    assert await refused(line, where, **recall(new_id())) == 403
    assert (await act(box, bob, where, **recall(from_bot)))[0] == 403
    assert (await act(box, alice, where, **recall(elsewhere)))[0] == 403
    assert (await act(box, alice, where, **recall(from_bob)))[0] == 200  # the owner
    assert (await seen(box, bob, from_bob))["recalled"]
    assert not (await seen(box, bob, from_bot))["recalled"]


async def test_or_only_who_sent_it_if_it_is_so_assumed() -> None:
    async with sandbox_here(admins_recall=False, members_pin=False) as box:
        alice, bob = await box.person(), await box.person()
        new = {"creator_id": alice, "participants": [bob]}
        where = (await box.do("POST", "/groups", new))["conversation_id"]
        sent = await box.say(bob, "mine", conversation_id=where)
        assert (await act(box, alice, where, **recall(sent)))[0] == 403
        assert (await act(box, bob, where, **pin(sent)))[0] == 403
        assert (await act(box, alice, where, **pin(sent)))[0] == 200
        assert (await act(box, bob, where, **recall(sent)))[0] == 200
        last = await seen(box, alice, sent)
        assert (last["recalled"], last["pinned"]) == (True, False)


async def test_pins(box: Box, group: Group) -> None:
    alice, bob, where, line = group.alice, group.bob, group.where, group.line
    one = await box.say(bob, "one", conversation_id=where)
    two = await send(line, where, category="PLAIN_TEXT", data_base64=text("two"))
    assert (await act(box, bob, where, **pin(one, two)))[0] == 200
    assert (await message_of(line))["message_id"] == one
    view = await message_of(line)
    assert (view["category"], view["user_id"]) == ("MESSAGE_PIN", bob)
    content = decode_bytes("MESSAGE_PIN", decode_base64(view["data"]))
    assert content == Pin("PIN", (one, two))
    for message_id in (one, two):
        assert (await seen(box, alice, message_id))["pinned"]

    await send(line, where, **pin(two, action="UNPIN"))
    assert [(await seen(box, alice, id_))["pinned"] for id_ in (one, two)] == [True, False]
    assert await refused(line, where, **pin(one, new_id())) == 403


async def test_a_group_that_changes_tells_everybody(box: Box, group: Group) -> None:
    owner, newcomer, carol = await box.bot(), await box.bot(), await box.person()
    new = {
        "category": "GROUP",
        "conversation_id": new_id(),
        "participants": [{"user_id": group.bot.app_id}, {"user_id": group.bob}],
    }
    where = (await box.rest(owner, "POST", "/conversations", new))[1]["data"]["conversation_id"]

    async def change(path: str, *user_ids: str, **fields: Any) -> None:
        body = [{"user_id": user_id} | fields for user_id in user_ids]
        _, answer = await box.rest(
            owner, "POST", f"/conversations/{where}/participants/{path}", body
        )
        assert "data" in answer, answer

    await change("ADD", newcomer.app_id, carol)
    await change("ROLE", carol, role="ADMIN")
    await change("REMOVE", newcomer.app_id)
    _, answer = await box.rest(group.bot, "POST", f"/conversations/{where}/exit")
    assert "data" in answer, answer
    for path, body in (("", {"name": "New"}), ("/disappear", {"duration": 60})):
        await box.rest(owner, "POST", f"/conversations/{where}{path}", body)

    def change_of(
        action: str, participant: str | None, actor: str, **fields: Any
    ) -> dict[str, Any]:
        whom = {} if participant is None else {"participant_id": participant}
        return {"action": action, **whom, "user_id": actor, **fields}

    told = [
        change_of("CREATE", owner.app_id, owner.app_id),
        change_of("ADD", newcomer.app_id, owner.app_id),
        change_of("ADD", carol, owner.app_id),
        change_of("ROLE", carol, owner.app_id, role="ADMIN"),
        change_of("REMOVE", newcomer.app_id, owner.app_id),
        change_of("EXIT", group.bot.app_id, group.bot.app_id),
        change_of("UPDATE", None, owner.app_id),
        change_of("EXPIRE", None, owner.app_id, expire_in=60),
    ]
    async with box.line(owner) as line:
        assert [await news_of(line) for _ in told] == told  # who did it is told too
    async with box.line(newcomer) as line:
        assert [await news_of(line) for _ in told[1:5]] == told[1:5]
        assert await line.silent()
    assert [await news_of(group.line) for _ in told[:6]] == told[:6]
    assert await group.line.silent()
    seen_by_bob = [one for one in await box.sees(group.bob) if one["conversation_id"] == where]
    assert [document_of(one) for one in seen_by_bob] == told
    seen_by_carol = await box.sees(carol)
    assert [document_of(one) for one in seen_by_carol] == told[1:]


def document_of(message: dict[str, Any]) -> dict[str, Any]:
    assert message["category"] == "SYSTEM_CONVERSATION"
    return decode_json(decode_base64(message["data_base64"]), dict[str, Any])


async def news_of(line: Line) -> dict[str, Any]:
    return document_of(await message_of(line))
