"""Users by REST: oneself, others, codes, relationships, and what blocking does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from blazebot.keys.keystore import Keystore
from blazebot.wire.frames import CREATE_MESSAGE
from tests.wire.sandbox_peers import Box, new_id, sandbox_here, text


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


@pytest.fixture
async def bot(box: Box) -> Keystore:
    return await box.bot()


async def ask(box: Box, bot: Keystore, method: str, path: str, body: Any = None) -> Any:
    answer, document = await box.rest(bot, method, path, body)
    assert answer.status == 200, document
    return document["data"]


async def code(box: Box, bot: Keystore, method: str, path: str, body: Any = None) -> int:
    answer, document = await box.rest(bot, method, path, body)
    assert answer.status == 202, document
    return int(document["error"]["code"])


async def relate(box: Box, bot: Keystore, user_id: str, action: str) -> str:
    body = {"user_id": user_id, "action": action, "full_name": "", "phone": ""}
    user = await ask(box, bot, "POST", "/relationships", body)
    assert user["user_id"] == user_id
    return str(user["relationship"])


async def test_users_by_id_number_and_search(box: Box, bot: Keystore) -> None:
    alice, other = await box.person("Alice"), await box.bot()
    user = await ask(box, bot, "GET", f"/users/{alice.upper()}")
    assert (user["user_id"], user["full_name"], user["relationship"]) == (
        alice,
        "Alice",
        "STRANGER",
    )
    number = user["identity_number"]
    for path in (f"/users/{number}", f"/search/{number}", f"/search/{alice}"):
        assert await ask(box, bot, "GET", path) == user
    assert (await ask(box, bot, "GET", f"/users/{bot.app_id}"))["relationship"] == "ME"
    assert (await ask(box, bot, "GET", f"/users/{other.app_id}"))["app"]["app_id"] == other.app_id
    for path in (f"/users/{new_id()}", "/users/12", "/search/%2B8613800000000", "/search/no%2Fno"):
        assert await code(box, bot, "GET", path) == 404

    ids = [other.app_id, alice, new_id(), alice]
    users = await ask(box, bot, "POST", "/users/fetch", ids)
    assert [one["user_id"] for one in users] == [other.app_id, alice]
    assert await code(box, bot, "POST", "/users/fetch", ["no id"]) == 10002
    assert await code(box, bot, "POST", "/users/fetch", {}) == 10002


async def test_a_profile_is_changed(box: Box, bot: Keystore) -> None:
    me = await ask(box, bot, "GET", "/me")
    assert await ask(box, bot, "GET", "/safe/me") == me
    changes = {"full_name": " Echo ", "biography": "says it again", "avatar_base64": ""}
    changed = await ask(box, bot, "POST", "/me", changes)
    assert changed == await ask(box, bot, "GET", "/me")
    assert (changed["full_name"], changed["biography"]) == ("Echo", "says it again")
    assert changed["app"]["name"] == "Echo"
    assert await ask(box, bot, "POST", "/me") == changed
    for wrong in (
        {"full_name": "  "},
        {"full_name": "x" * 65},
        {"biography": "x" * 1025},
        {"avatar_base64": "%"},
        {"full_name": 1},
    ):
        assert await code(box, bot, "POST", "/me", wrong) == 10002
    assert await ask(box, bot, "GET", "/me") == changed


async def test_codes_stand_for_users_and_conversations(box: Box, bot: Keystore) -> None:
    alice = await box.person()
    me = await ask(box, bot, "GET", "/me")
    assert me["code_url"].endswith(me["code_id"])
    user = await ask(box, bot, "GET", f"/codes/{me['code_id']}")
    assert (user["type"], user["user_id"]) == ("user", bot.app_id)
    where = await box.befriend(alice, bot)
    conversation = await ask(box, bot, "GET", f"/conversations/{where}")
    found = await ask(box, bot, "GET", f"/codes/{conversation['code_id']}")
    assert found == conversation
    assert found["type"] == "conversation"
    assert await code(box, bot, "GET", f"/codes/{new_id()}") == 404
    for headers in ({}, {"Authorization": "Bearer "}):  # public, as shipped clients think [C]
        url = f"{box.url}codes/{me['code_id']}"
        async with box.http.get(url, headers=headers) as answer:
            assert (await answer.json())["data"]["user_id"] == bot.app_id


async def test_relationships_of_a_bot(box: Box, bot: Keystore) -> None:
    alice, bob = await box.person(), await box.person()
    for action, expected in (
        ("REMOVE", "STRANGER"),
        ("ADD", "FRIEND"),
        ("UNBLOCK", "FRIEND"),
        ("BLOCK", "BLOCKING"),
        ("REMOVE", "BLOCKING"),
        ("UNBLOCK", "STRANGER"),
        ("ADD", "FRIEND"),
        ("Remove", "STRANGER"),  # as one client writes it [C]
        ("ADD", "FRIEND"),
        ("ADD", "FRIEND"),
    ):
        assert await relate(box, bot, alice, action) == expected, action
    assert await relate(box, bot, bob, "BLOCK") == "BLOCKING"
    friends = await ask(box, bot, "GET", "/friends")
    assert [(one["user_id"], one["relationship"]) for one in friends] == [(alice, "FRIEND")]
    blocked = await ask(box, bot, "GET", "/blocking_users")
    assert [(one["user_id"], one["relationship"]) for one in blocked] == [(bob, "BLOCKING")]
    assert (await ask(box, bot, "GET", f"/users/{bob}"))["relationship"] == "BLOCKING"
    for wrong in (
        {"user_id": alice, "action": "MARRY"},
        {"user_id": new_id(), "action": "ADD"},
        {"user_id": bot.app_id, "action": "ADD"},
        {"user_id": "", "action": "ADD"},
    ):
        assert await code(box, bot, "POST", "/relationships", wrong) == 10002


async def test_who_blocks_a_bot_gets_nothing_from_it(box: Box, bot: Keystore) -> None:
    alice, bob = await box.person(), await box.person()
    where, elsewhere = await box.befriend(alice, bot), await box.befriend(bob, bot)
    path = f"/people/{alice}/relationships"

    def item(conversation_id: str) -> dict[str, Any]:
        return {
            "conversation_id": conversation_id,
            "message_id": new_id(),
            "category": "PLAIN_TEXT",
            "data_base64": text("hi"),
        }

    blocked = await box.do("POST", path, {"user_id": bot.app_id, "action": "BLOCK"})
    assert blocked == {"user_id": bot.app_id, "relationship": "BLOCKING"}
    assert (await box.do("GET", path))["relationships"] == [blocked]
    assert await code(box, bot, "POST", "/messages", item(where)) == 403
    assert await code(box, bot, "POST", "/messages", [item(elsewhere), item(where)]) == 403
    async with box.line(bot) as line:
        await line.view()
        await line.view()
        answer = await line.request(CREATE_MESSAGE, item(where))
        assert answer.error is not None
        assert answer.error.code == 403
        assert (await box.rest(bot, "POST", "/messages", item(elsewhere)))[1] == {}

        # Who unblocks a bot finds a stranger; who adds it again greets it again.
        await box.do("POST", path, {"user_id": bot.app_id, "action": "UNBLOCK"})
        assert (await box.rest(bot, "POST", "/messages", item(where)))[1] == {}
        added = await box.do("POST", path, {"user_id": bot.app_id, "action": "ADD"})
        assert added["relationship"] == "FRIEND"
        assert (await line.view())["data_base64"] == text("Hello")

    assert await relate(box, bot, alice, "BLOCK") == "BLOCKING"
    status, _ = await box.control(
        "POST", f"/people/{alice}/messages", {"conversation_id": where, "text": "let me in"}
    )
    assert status == 403


async def test_blocking_can_be_assumed_to_change_nothing() -> None:
    async with sandbox_here(refuse_blocked=False) as box:
        bot, alice = await box.bot(), await box.person()
        where = await box.befriend(alice, bot)
        block = {"user_id": bot.app_id, "action": "BLOCK"}
        await box.do("POST", f"/people/{alice}/relationships", block)
        item = {"conversation_id": where, "message_id": new_id(), "category": "PLAIN_TEXT"}
        assert (await box.rest(bot, "POST", "/messages", item | {"data": "aGk="}))[1] == {}
