"""What a bot's frames are answered with, good ones and bad ones (protocol section 4)."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Any

import pytest

from blazebot.keys.keystore import Keystore
from blazebot.wire.codec import compress
from blazebot.wire.frames import CREATE_MESSAGE, CREATE_PLAIN_MESSAGES, ErrorBody
from tests.wire.sandbox_peers import Box, Line, new_id, sandbox_here, text

HUGE = 5 * 1024 * 1024


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


@pytest.fixture
async def bot(box: Box) -> Keystore:
    return await box.bot()


@pytest.fixture
async def where(box: Box, bot: Keystore) -> str:
    """A conversation of the bot with a person."""
    return await box.befriend(await box.person(), bot)


@pytest.fixture
async def line(box: Box, bot: Keystore) -> AsyncIterator[Line]:
    async with box.line(bot, listing=False) as line:
        yield line


async def refusal(line: Line, action: str, params: Any = None) -> ErrorBody:
    frame_id = new_id()
    answer = await line.request(action, params, frame_id)
    assert (answer.id, answer.action) == (frame_id, action)
    assert answer.error is not None
    assert answer.error.status == 202
    assert answer.error.description
    return answer.error


BAD_FRAMES = {
    "not gzip": b"hello",
    "truncated gzip": compress(b'{"id": "1", "action": "X"}')[:-6],
    "bytes behind": compress(b'{"id": "1", "action": "X"}') + b"more",
    "gzip bomb": gzip.compress(b" " * HUGE),
    "not JSON": compress(b"{]"),
    "not UTF-8": compress(b'{"id": "\xff", "action": "X"}'),
    "nested": compress(b'{"id": "1", "action": "X", "params": ' + b"[" * 100_000),
    "not an object": compress(b"[1]"),
    "no id": compress(b'{"action": "X"}'),
    "no action": compress(b'{"id": "1"}'),
    "empty": b"",
}


@pytest.mark.parametrize("name", BAD_FRAMES)
async def test_a_bad_frame_is_answered_and_the_line_goes_on(line: Line, name: str) -> None:
    await line.socket.send_bytes(BAD_FRAMES[name])
    frame = await line.frame()
    assert frame.action == "ERROR"
    assert frame.error is not None
    assert frame.error.code == 400
    await line.list_pending()


async def test_a_text_frame_is_answered_and_the_line_goes_on(line: Line) -> None:
    for words in ("hello", '{"id": "1", "action": "LIST_PENDING_MESSAGES"}'):
        await line.socket.send_str(words)
        frame = await line.frame()
        assert (frame.action, frame.error and frame.error.code) == ("ERROR", 400)
    await line.list_pending()


async def test_unknown_actions_are_refused(line: Line) -> None:
    error = await refusal(line, "DO_SOMETHING")
    assert (error.code, error.extra["field"]) == (10002, "action")


BAD_REQUESTS: dict[str, tuple[dict[str, Any], int, str]] = {
    "no message id": ({"message_id": None}, 10002, "message_id"),
    "message id": ({"message_id": "1234"}, 10002, "message_id"),
    "message id not text": ({"message_id": 7}, 10002, "message_id"),
    "conversation id": ({"conversation_id": "here"}, 10002, "conversation_id"),
    "no conversation id": ({"conversation_id": ""}, 10002, "conversation_id"),
    "quote": ({"quote_message_id": "that"}, 10002, "quote_message_id"),
    "representative": ({"representative_id": "him"}, 10002, "representative_id"),
    "recipient": ({"recipient_id": "her"}, 10002, "recipient_id"),
    "base64": ({"data_base64": "a"}, 10002, "data_base64"),
    "base64 in data": ({"data_base64": "", "data": "!!"}, 10002, "data"),
    "no category": ({"category": ""}, 10002, "category"),
    "expiry": ({"expire_in": -1}, 10002, "expire_in"),
    "system category": ({"category": "SYSTEM_CONVERSATION"}, 403, ""),
    "unknown conversation": ({"conversation_id": new_id()}, 403, ""),
    "recipient elsewhere": ({"recipient_id": new_id()}, 403, ""),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
async def test_a_bad_message_is_refused(line: Line, where: str, name: str) -> None:
    changes, code, field = BAD_REQUESTS[name]
    request = {
        "conversation_id": where,
        "message_id": new_id(),
        "category": "PLAIN_TEXT",
        "data_base64": text("x"),
    } | changes
    error = await refusal(line, CREATE_MESSAGE, request)
    assert (error.code, error.extra.get("field", "")) == (code, field)


async def test_requests_without_params_are_refused(line: Line) -> None:
    for action in (
        CREATE_MESSAGE,
        CREATE_PLAIN_MESSAGES,
        "ACKNOWLEDGE_MESSAGE_RECEIPT",
        "ACKNOWLEDGE_MESSAGE_RECEIPTS",
    ):
        shapes: tuple[Any, ...] = (None, [], {}, "text")
        for params in shapes:
            assert (await refusal(line, action, params)).code == 10002


async def test_one_may_not_write_where_one_is_not(box: Box, line: Line) -> None:
    stranger, other = await box.person(), await box.bot()
    theirs = await box.befriend(stranger, other)
    request = {"conversation_id": theirs, "message_id": new_id(), "category": "PLAIN_TEXT"}
    assert (await refusal(line, CREATE_MESSAGE, request)).code == 403


def item(where: str, recipient_id: str, **fields: Any) -> dict[str, Any]:
    return {
        "conversation_id": where,
        "recipient_id": recipient_id,
        "message_id": new_id(),
        "category": "PLAIN_TEXT",
        "data": text("one of many"),
    } | fields


async def test_a_batch_is_taken_as_a_whole(box: Box, bot: Keystore, line: Line) -> None:
    alice = await box.person()
    where = await box.befriend(alice, bot)
    group = await box.do(
        "POST", "/groups", {"creator_id": alice, "name": "g", "participants": [bot.app_id]}
    )
    batch = [item(where, alice) for _ in range(100)]
    refused = {
        "no recipient": item(where, ""),
        "recipient elsewhere": item(where, new_id()),
        "not plain": item(where, alice, category="APP_CARD"),
        "quote by a picture": item(where, alice, category="PLAIN_IMAGE", quote_message_id=new_id()),
        "representative in a group": item(
            group["conversation_id"], alice, representative_id=new_id()
        ),
        "bad base64": item(where, alice, data="a"),
    }
    for name, one in refused.items():
        error = await refusal(line, CREATE_PLAIN_MESSAGES, {"messages": [*batch[:99], one]})
        assert error.code in (403, 10002), name
    too_many = [*batch, item(where, alice)]
    assert (await refusal(line, CREATE_PLAIN_MESSAGES, {"messages": too_many})).code == 10002
    assert len(await box.sees(alice)) == 2  # the hello, and that the group is new

    fine = item(where, alice, representative_id=new_id(), quote_message_id=new_id())
    answer = await line.request(CREATE_PLAIN_MESSAGES, {"messages": [*batch[:99], fine]})
    assert (answer.error, bytes(answer.data)) == (None, b"")
    seen = [message["message_id"] for message in await box.sees(alice)]
    assert seen[2:] == [one["message_id"] for one in [*batch[:99], fine]]


async def test_too_many_receipts_in_one_batch_are_refused(line: Line) -> None:
    receipts = [{"message_id": new_id(), "status": "READ"}] * 101
    error = await refusal(line, "ACKNOWLEDGE_MESSAGE_RECEIPTS", {"messages": receipts})
    assert error.code == 10002
