"""The control API, over HTTP and on its socket."""

from __future__ import annotations

import asyncio
import io
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


async def test_people_and_bots_are_listed(box: Box) -> None:
    alice = await box.do("POST", "/people", {"full_name": "Alice"})
    fields = ("user_id", "kind", "full_name", "identity_number", "avatar_url", "created_at")
    assert tuple(alice) == fields
    many = await box.do("POST", "/people", [{"full_name": "Bob"}, {}])
    assert await box.do("GET", "/people") == {"people": [alice, *many["people"]]}
    assert many["people"][1]["full_name"]
    bot = await box.do("POST", "/bots")
    assert await box.do("GET", "/bots") == {"bots": [bot]}
    assert (bot["kind"], bot["connected"], bot["session_id"]) == ("bot", False, "")


async def test_mistakes_are_told_in_clear_words(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    group = await box.do("POST", "/groups", {"creator_id": alice})
    say = f"/people/{alice}/messages"
    mistakes: list[tuple[str, str, Any, int]] = [
        ("GET", "/no/such/thing", None, 404),
        ("DELETE", "/people", None, 405),
        ("POST", "/people", [1], 400),
        ("GET", f"/bots/{alice}", None, 404),
        ("POST", f"/bots/{bot.app_id}/sessions", {"form": "paper"}, 400),
        ("POST", f"/people/{bot.app_id}/friends", {"user_id": bot.app_id}, 404),
        ("POST", f"/people/{alice}/friends", {"user_id": alice}, 404),
        ("POST", f"/people/{alice}/friends", {}, 400),
        ("POST", "/groups", {"creator_id": new_id()}, 400),
        ("POST", "/groups", {"creator_id": alice, "participants": [new_id()]}, 400),
        ("POST", say, {"text": "to nobody"}, 400),
        ("POST", say, {"recipient_id": new_id(), "text": "x"}, 400),
        ("POST", say, {"recipient_id": alice, "text": "to myself"}, 400),
        ("POST", say, {"recipient_id": bot.app_id}, 400),
        ("POST", say, {"recipient_id": bot.app_id, "text": "x", "category": "PLAIN_POST"}, 400),
        ("POST", say, {"recipient_id": bot.app_id, "category": "X", "data_base64": "a"}, 400),
        ("POST", say, {"conversation_id": new_id(), "text": "x"}, 403),
        ("GET", f"{say}?limit=many", None, 400),
        ("GET", f"{say}?after=-1", None, 400),
        ("GET", f"/people/{alice}/conversations/{new_id()}/messages", None, 403),
        ("GET", f"/people/{new_id()}/messages", None, 404),
        ("POST", "/clocks", {"token_offset": 1e12}, 400),
    ]
    for method, path, body, expected in mistakes:
        status, answer = await box.control(method, path, body)
        assert (status, answer["error"]["status"]) == (expected, expected), (path, body)
        assert answer["error"]["extra"]["reason"]
    assert group["participants"][0]["role"] == "OWNER"


async def test_what_is_no_request_at_all_is_refused_in_json(box: Box) -> None:
    json_type = {"Content-Type": "application/json"}
    large = b'{"full_name": "' + b"x" * (16 * 1024 * 1024) + b'"}'
    mistakes: list[tuple[str, str, bytes, dict[str, str], int]] = [
        ("GET", "", b"", {}, 404),
        ("GET", "/", b"", {}, 404),
        ("GET", "/bots/", b"", {}, 404),
        ("GET", "/people/%ff%00/relationships", b"", {}, 404),
        ("PUT", "/bots", b"", {}, 405),
        ("PATCH", "/clocks", b"", {}, 405),
        ("GET", "/socket", b"", {}, 400),
        ("GET", "/health", b"", {"Host": "evil.example"}, 403),
        ("POST", "/bots", b"{", json_type, 400),
        ("POST", "/bots", b"", json_type, 200),
        ("POST", "/bots", b'"\xff"', json_type, 400),
        ("POST", "/bots", b"[" * 100_000, json_type, 400),
        ("POST", "/bots", b"{}", {"Content-Type": "text/plain"}, 415),
        ("POST", "/bots", b"{}", {"Content-Type": "application/json; charset=utf-8"}, 200),
        ("POST", "/bots", large, json_type, 413),
    ]
    for method, path, body, headers, expected in mistakes:
        async with box.http.request(
            method, f"{box.url}control{path}", data=io.BytesIO(body), headers=headers
        ) as response:
            assert response.status == expected, (method, path, body[:20])
            assert response.content_type == "application/json"
            answer = await response.json()
        if expected != 200:
            assert answer["error"]["status"] == expected
            assert answer["error"]["extra"]["reason"], answer
    async with box.http.delete(f"{box.url}control/people") as response:
        assert response.headers["Allow"] == "GET,POST"


async def test_what_takes_long_is_not_taken_in_one_request(box: Box) -> None:
    alice = await box.person()
    many = [alice] * 10_001
    requests: list[tuple[str, Any]] = [
        ("/people", [{}] * 1001),
        (f"/people/{alice}/read", {"message_ids": many}),
        (f"/people/{alice}/conversations", {"participants": many}),
    ]
    for path, body in requests:
        status, answer = await box.control("POST", path, body)
        assert (status, answer["error"]["code"]) == (400, 10002)


async def test_a_bots_sessions_over_time(box: Box) -> None:
    bot = await box.bot("app")
    newer = await box.new_session(bot.app_id)
    first, second = (await box.do("GET", f"/bots/{bot.app_id}/sessions"))["sessions"]
    assert (first["session_id"], second["session_id"]) == (bot.session_id, newer.session_id)
    assert first["created_at"] < first["ended_at"] <= second["created_at"]
    assert second["ended_at"] is None


async def test_what_a_developer_sets_of_a_bot_is_shown(box: Box) -> None:
    path = f"/bots/{(await box.bot()).app_id}"
    change = {"full_name": "Robot", "redirect_uri": "https://bot.example/oauth"}
    changed = await box.do("POST", path, change)
    assert change.items() <= changed.items()
    assert await box.do("GET", path) == changed
    assert (await box.do("POST", path, {"redirect_uri": ""}))["redirect_uri"] == ""


async def test_a_deleted_bot_is_gone_and_its_talks_stay_with_the_people(box: Box) -> None:
    alice, bob, bot = await box.person("Alice"), await box.person("Bob"), await box.bot()
    bot_name = (await box.do("GET", f"/bots/{bot.app_id}"))["full_name"]
    with_bot = await box.befriend(alice, bot)
    group = (
        await box.do("POST", f"/people/{alice}/conversations", {"participants": [bot.app_id]})
    )["conversation_id"]
    await box.do("POST", f"/people/{alice}/authorizations", {"bot_id": bot.app_id})
    async with box.line(bot) as line:
        assert await box.do("DELETE", f"/bots/{bot.app_id}") == {}
        while (frame := await line.pushed()).error is None:  # what was pushed before
            pass
        assert frame.error.code == 401
        await line.closed()
    _, answer = await box.rest(bot, "GET", "/me")
    assert answer["error"]["code"] == 401

    assert (await box.do("GET", "/bots"))["bots"] == []
    refused: list[tuple[str, str, Any, int]] = [
        ("GET", f"/bots/{bot.app_id}", None, 404),
        ("DELETE", f"/bots/{bot.app_id}", None, 404),
        ("POST", f"/bots/{bot.app_id}/sessions", {}, 404),
        ("POST", f"/people/{bob}/friends", {"user_id": bot.app_id}, 404),
        ("POST", f"/people/{bob}/authorizations", {"bot_id": bot.app_id}, 404),
        ("POST", f"/people/{bob}/messages", {"recipient_id": bot.app_id, "text": "?"}, 400),
        ("POST", f"/people/{bob}/conversations", {"participants": [bot.app_id]}, 400),
        ("POST", f"/people/{bob}/relationships", {"user_id": bot.app_id, "action": "ADD"}, 400),
    ]
    for method, path, body, status in refused:
        assert (await box.control(method, path, body))[0] == status, path

    conversations = (await box.do("GET", f"/people/{alice}/conversations"))["conversations"]
    by_id = {one["conversation_id"]: one for one in conversations}
    assert by_id[with_bot]["name"] == bot_name
    assert {one["full_name"] for one in by_id[with_bot]["participants"]} == {"Alice", bot_name}
    assert [one["user_id"] for one in by_id[group]["participants"]] == [alice]
    history = await box.do("GET", f"/people/{alice}/conversations/{with_bot}/messages")
    assert [one["text"] for one in history["messages"]] == ["Hello"]
    await box.say(alice, "Still there?", conversation_id=with_bot)
    assert (await box.sees(alice))[-1]["status"] == "SENT"


async def test_every_category_and_quotes_pass(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    quoted = await box.say(alice, "quote me", recipient_id=bot.app_id)
    await box.do(
        "POST",
        f"/people/{alice}/messages",
        {
            "recipient_id": bot.app_id,
            "category": "PLAIN_POST",
            "data_base64": text("# Title"),
            "quote_message_id": quoted,
        },
    )
    async with box.line(bot) as line:
        await line.view()
        view = await line.view()
        assert (view["category"], view["data_base64"]) == ("PLAIN_POST", text("# Title"))
        assert view["quote_message_id"] == quoted


async def test_conversations_unread_and_history(box: Box) -> None:
    alice, bob, bot = await box.person("Alice"), await box.person("Bob"), await box.bot()
    await box.befriend(alice, bot)
    sent = [await box.say(bob, f"{number}", recipient_id=alice) for number in range(5)]
    newest, oldest = (await box.do("GET", f"/people/{alice}/conversations"))["conversations"]
    assert (newest["name"], newest["unread"], newest["category"]) == ("Bob", 5, "CONTACT")
    assert newest["last_message"]["text"] == "4"
    assert (oldest["unread"], oldest["last_message"]["text"]) == (0, "Hello")

    await box.do("POST", f"/people/{alice}/read", {"message_ids": sent[:3]})
    history = f"/people/{alice}/conversations/{newest['conversation_id']}/messages"
    page = (await box.do("GET", f"{history}?limit=3"))["messages"]
    assert [message["text"] for message in page] == ["2", "3", "4"]
    assert [message["status"] for message in page] == ["READ", "DELIVERED", "DELIVERED"]
    page = (await box.do("GET", f"{history}?limit=3&before={page[0]['seq']}"))["messages"]
    assert [message["text"] for message in page] == ["0", "1"]
    newest = (await box.do("GET", f"/people/{alice}/conversations"))["conversations"][0]
    assert newest["unread"] == 2


async def test_a_person_pages_through_what_changed(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    for number in range(7):
        await box.say(alice, f"{number}", recipient_id=bot.app_id)
    seen, cursor, more = [], 0, True
    while more:
        path = f"/people/{alice}/messages?after={cursor}&limit=3"
        page = await box.do("GET", path)
        assert len(page["messages"]) <= 3
        seen += [message["text"] for message in page["messages"]]
        cursor, more = page["cursor"], page["more"]
    assert seen == ["0", "1", "2", "3", "4", "5", "6"]
    assert (await box.do("GET", "/health"))["cursor"] == cursor


# The socket


async def test_many_people_at_once(box: Box) -> None:
    bot = await box.bot()
    async with box.driver() as driver, box.line(bot) as line:
        people = (await driver.data("people", people=[{}, {}, {}]))["people"]
        ids = [person["user_id"] for person in people]
        friends = [{"person_id": id_, "user_id": bot.app_id} for id_ in [*ids, new_id()]]
        outcomes = (await driver.data("friends", friends=friends))["friends"]
        assert [one.get("added") for one in outcomes] == [True, True, True, None]
        assert outcomes[3]["error"]["code"] == 404
        for _ in ids:
            await line.view()

        await driver.data("subscribe", people=ids)
        messages = [
            {"person_id": id_, "recipient_id": bot.app_id, "text": f"from {id_}"} for id_ in ids
        ]
        broken = {"person_id": ids[0], "text": "to nobody"}
        sent = (await driver.data("send", messages=[*messages, broken]))["messages"]
        assert [set(one) for one in sent[:3]] == [
            {"message_id", "conversation_id", "seq", "created_at"}
        ] * 3
        assert sent[3]["error"]["code"] == 10002
        for id_, one in zip(ids, sent[:3], strict=True):
            event = await driver.event()
            assert event["person_id"] == id_
            assert event["message"]["message_id"] == one["message_id"]
            assert (event["message"]["seq"], event["message"]["status"]) == (one["seq"], "SENT")
            assert (await line.view())["message_id"] == one["message_id"]

        state = await driver.data("bot", bot_id=bot.app_id)
        assert state["connected"]
        assert (state["pending"], state["unacknowledged"]) == (6, 6)
        await line.acknowledge(*(one["message_id"] for one in sent[:3]))
        assert {(await driver.event())["message"]["status"] for _ in ids} == {"READ"}


async def test_what_a_person_receives_is_seen_once_and_is_delivered_by_it(box: Box) -> None:
    alice, bob = await box.person(), await box.person()
    async with box.driver() as driver:
        await driver.data("subscribe", people=[bob])
        sent = await box.say(alice, "hi", recipient_id=bob)
        event = await driver.event()
        assert (event["message"]["message_id"], event["message"]["status"]) == (sent, "DELIVERED")
        await driver.data("read", reads=[{"person_id": bob, "message_ids": [sent, new_id()]}])
        assert (await driver.event())["message"]["status"] == "READ"
        assert [message["status"] for message in await box.sees(alice)] == ["READ"]


async def test_everybody_is_seen_if_nobody_is_named(box: Box) -> None:
    async with box.driver() as driver:
        await driver.data("subscribe")
        alice, bob = await box.person(), await box.person()  # later ones too
        await box.say(alice, "hi", recipient_id=bob)
        assert {(await driver.event())["person_id"] for _ in range(2)} == {alice, bob}


async def test_what_a_bot_sends_and_is_pushed_is_counted(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    where = await box.befriend(alice, bot)

    async def counts() -> tuple[int, int]:
        shown = await box.do("GET", f"/bots/{bot.app_id}")
        return shown["sent"], shown["pushed"]

    assert await counts() == (0, 0)
    message = {"message_id": new_id(), "category": "PLAIN_TEXT", "data_base64": text("hi")}
    async with box.line(bot) as line:
        await line.view()
        for _ in range(2):  # the second time it is the same
            await line.request(CREATE_MESSAGE, {"conversation_id": where, **message})
        assert await counts() == (1, 1)


async def test_a_cursor_goes_on_where_another_connection_ended(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    first = await box.say(alice, "one", recipient_id=bot.app_id)
    async with box.driver() as driver:
        await driver.data("subscribe", people=[alice], after=0)
        assert (await driver.event())["message"]["message_id"] == first
        cursor = driver.cursor
    second = await box.say(alice, "two", recipient_id=bot.app_id)
    async with box.driver() as driver:
        assert await driver.data("subscribe", people=[alice], after=cursor) == {"cursor": cursor}
        assert (await driver.event())["message"]["message_id"] == second
        # A cursor from elsewhere that lies ahead is brought back.
        assert (await driver.data("subscribe", people=[], after=10**9))["cursor"] < 10**9


async def test_bad_commands_are_answered_and_the_line_goes_on(box: Box) -> None:
    async with box.driver() as driver:
        for bad in ("", "{", "[]", '{"op": "fly", "id": 1}', '{"op": "send", "id": 1}'):
            await driver.socket.send_str(bad)
            frame = await driver.frame()
            assert frame["error"]["code"] == 400
            assert frame["id"] == (1 if "1" in bad else None)
        answer = await driver.command("subscribe", people=[new_id()])
        assert answer["error"]["code"] == 404
        answer = await driver.command("bot", bot_id=new_id())
        assert answer["error"]["code"] == 404
        answer = await driver.command("read", reads=[{"person_id": "x", "message_ids": []}])
        assert answer["error"]["code"] == 404


async def test_many_drivers_and_bots_do_not_hold_each_other_up(box: Box) -> None:
    bots = [await box.bot() for _ in range(3)]

    async def talk(bot: Keystore) -> None:
        async with box.driver() as driver, box.line(bot) as line:
            (person,) = (await driver.data("people", people=[{}]))["people"]
            message = {"person_id": person["user_id"], "recipient_id": bot.app_id}
            batch = [message | {"text": f"{number}"} for number in range(100)]
            sent = (await driver.data("send", messages=batch))["messages"]
            views = [await line.view() for _ in batch]
            assert [view["message_id"] for view in views] == [one["message_id"] for one in sent]

    await asyncio.gather(*map(talk, bots))
