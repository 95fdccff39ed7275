"""The service's REST endpoints: shapes, errors and headers (sections 9 and 10)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.wire.ids import contact_conversation_id, group_conversation_id
from tests.wire.sandbox_peers import Box, new_id, sandbox_here, text


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


@pytest.fixture
async def bot(box: Box) -> Keystore:
    return await box.bot()


async def refused(box: Box, bot: Keystore, method: str, path: str, body: Any = None) -> int:
    """The code of an error, whose form is checked."""
    answer, document = await box.rest(bot, method, path, body)
    assert answer.status == 202
    assert answer.content_type == "application/json"
    assert set(document) == {"error"}
    error = document["error"]
    assert error["status"] == 202
    assert error["description"]
    assert isinstance(error.get("extra", {}), dict)
    code: int = error["code"]
    return code


USER = {
    "type",
    "user_id",
    "identity_number",
    "phone",
    "full_name",
    "avatar_url",
    "biography",
    "is_verified",
    "is_scam",
    "mute_until",
    "relationship",
    "created_at",
    "has_safe",
}
ME = USER | {
    "session_id",
    "pin_token",
    "pin_token_base64",
    "code_id",
    "code_url",
    "device_status",
    "has_pin",
    "receive_message_source",
    "accept_conversation_source",
    "accept_search_source",
    "fiat_currency",
    "transfer_notification_threshold",
    "transfer_confirmation_threshold",
    "tip_key_base64",
    "tip_counter",
}


async def test_me(box: Box, bot: Keystore) -> None:
    answer, document = await box.rest(bot, "GET", "/me", **{"X-Request-Id": "mine"})
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert answer.headers["X-Request-Id"] == "mine"
    assert int(answer.headers["X-Server-Time"]) / 1e9 == pytest.approx(time.time(), abs=5)
    assert set(document) == {"data"}
    me = document["data"]
    assert set(me) >= ME
    assert (me["type"], me["user_id"], me["session_id"]) == ("user", bot.app_id, bot.session_id)
    assert me["identity_number"].startswith("7000")
    assert me["app"]["app_id"] == bot.app_id
    answer, _ = await box.rest(bot, "GET", "/me")
    assert answer.headers["X-Request-Id"]


async def test_what_is_not_there_is_404_in_the_services_way(box: Box, bot: Keystore) -> None:
    for method, path in (
        ("GET", "/no/such/thing"),
        ("PUT", "/me"),
        ("POST", "/"),
        ("DELETE", "/messages"),
        ("GET", f"/conversations/{new_id()}"),
    ):
        assert await refused(box, bot, method, path) == 404


async def test_401_is_an_answer_too(box: Box, bot: Keystore) -> None:
    async with box.http.get(f"{box.url}me") as answer:
        assert answer.status == 202
        assert (await answer.json())["error"]["code"] == 401
    token = sign_token(bot, "POST", "/messages", b"[]", now=time.time())
    async with box.http.post(
        f"{box.url}messages", data=b"{}", headers={"Authorization": f"Bearer {token}"}
    ) as answer:
        assert (await answer.json())["error"]["extra"]["cause"] == "request"


async def test_the_uri_is_signed_as_it_was_sent(box: Box, bot: Keystore) -> None:
    answer, _ = await box.rest(bot, "GET", "/me?a=%7E%2f&b=ü".replace("ü", "%C3%BC"))
    assert answer.status == 200


async def test_messages_one_or_many(box: Box, bot: Keystore) -> None:
    alice = await box.person()
    where = await box.befriend(alice, bot)

    def item(words: str, **fields: Any) -> dict[str, Any]:
        return {
            "conversation_id": where,
            "message_id": new_id(),
            "category": "PLAIN_TEXT",
            "data_base64": text(words),
            "recipient_id": alice,
            "mentions": None,
            "unknown field": [],
        } | fields

    for body in (item("one"), [item("two"), item("three")], []):
        answer, document = await box.rest(bot, "POST", "/messages", body)
        assert (answer.status, document) == (200, {})
    assert [message["text"] for message in await box.sees(alice)][1:] == ["one", "two", "three"]

    path = "/messages"
    assert await refused(box, bot, "POST", path, b"[{") == 400
    assert await refused(box, bot, "POST", path, b"") == 400
    assert await refused(box, bot, "POST", path, "text") == 10002
    assert await refused(box, bot, "POST", path, [item("x") for _ in range(101)]) == 10002
    assert await refused(box, bot, "POST", path, item("x" * 128 * 1024)) == 400
    assert await refused(box, bot, "POST", path, [item("x"), item("x", category="")]) == 10002
    assert await refused(box, bot, "POST", path, item("x", conversation_id=new_id())) == 403
    assert len(await box.sees(alice)) == 4


async def test_a_body_beyond_all_bounds_is_refused(box: Box, bot: Keystore) -> None:
    assert await refused(box, bot, "POST", "/messages", b"[" * 17 * 1024 * 1024) == 413


async def test_acknowledgements_have_a_limit(box: Box, bot: Keystore) -> None:
    receipts = [{"message_id": new_id(), "status": "READ"} for _ in range(101)]
    assert await refused(box, bot, "POST", "/acknowledgements", receipts) == 10002
    assert await refused(box, bot, "POST", "/acknowledgements", {}) == 10002


async def test_a_conversation_of_two(box: Box, bot: Keystore) -> None:
    alice = await box.person()
    where = contact_conversation_id(alice, bot.app_id)
    message = {"conversation_id": where, "message_id": new_id(), "category": "PLAIN_TEXT"}
    assert await refused(box, bot, "POST", "/messages", message) == 403

    request = {
        "category": "CONTACT",
        "conversation_id": where.upper(),
        "participants": [
            {"user_id": alice.upper(), "role": "", "created_at": "0001-01-01T00:00:00Z"}
        ],
    }
    for changes, code in (
        ({"conversation_id": new_id()}, 10002),
        ({"participants": []}, 10002),
        ({"participants": [{"user_id": new_id()}]}, 10002),
        ({"participants": [{"user_id": bot.app_id}]}, 10002),
        ({"category": "CHANNEL"}, 10002),
    ):
        assert await refused(box, bot, "POST", "/conversations", request | changes) == code
    for _ in range(2):
        _, document = await box.rest(bot, "POST", "/conversations", request)
        conversation = document["data"]
        assert conversation["conversation_id"] == where
    _, document = await box.rest(bot, "GET", f"/conversations/{where}")
    assert document["data"] == conversation
    assert set(conversation) == {
        "type",
        "conversation_id",
        "creator_id",
        "category",
        "name",
        "icon_url",
        "announcement",
        "created_at",
        "code_id",
        "code_url",
        "mute_until",
        "expire_in",
        "participants",
        "participant_sessions",
        "circles",
    }
    assert {one["user_id"] for one in conversation["participants"]} == {alice, bot.app_id}
    assert set(conversation["participants"][0]) == {"type", "user_id", "role", "created_at"}
    sessions = {one["user_id"]: one for one in conversation["participant_sessions"]}
    assert sessions[bot.app_id]["session_id"] == bot.session_id
    assert sessions[bot.app_id]["public_key"]
    assert sessions[alice]["public_key"]
    assert conversation["expire_in"] == 0
    assert (await box.rest(bot, "POST", "/messages", message))[1] == {}
    other = await box.bot()
    assert await refused(box, other, "GET", f"/conversations/{where}") == 403


async def test_a_group(box: Box, bot: Keystore) -> None:
    people = [await box.person() for _ in range(2)]
    random_id = new_id()
    derived = group_conversation_id(bot.app_id, "Friends", people, random_id)
    request = {
        "category": "GROUP",
        "conversation_id": derived,
        "name": "Friends",
        "announcement": "welcome",
        "random_id": random_id,
        "participants": [{"user_id": person} for person in people],
    }
    _, document = await box.rest(bot, "POST", "/conversations", request)
    group = document["data"]
    assert (group["name"], group["announcement"]) == ("Friends", "welcome")
    roles = {one["user_id"]: one["role"] for one in group["participants"]}
    assert roles == {bot.app_id: "OWNER", people[0]: "", people[1]: ""}

    any_id = request | {"conversation_id": new_id()}
    assert await refused(box, bot, "POST", "/conversations", any_id) == 10002
    _, document = await box.rest(bot, "POST", "/conversations", any_id | {"random_id": ""})
    assert document["data"]["conversation_id"] == any_id["conversation_id"]
    other = await box.bot()
    assert await refused(box, other, "POST", "/conversations", any_id | {"random_id": ""}) == 403
    many = [{"user_id": person} for person in [*people, new_id()]]
    assert await refused(box, bot, "POST", "/conversations", any_id | {"participants": many}) == (
        10002
    )
