"""What a bot makes of bytes that no well-behaved service sends (scripted, over a real socket)."""

from __future__ import annotations

import asyncio
import gzip
import logging
import random
import zlib
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from blazebot import Content, Invalid, Message, ServiceError, Text, Unknown
from blazebot.wire.codec import compress
from tests.wire.conftest import Logged
from tests.wire.scripted_service import Line, message, scripted
from tests.wire.world import MakeBot

MIB = 1024 * 1024


def incompressible(size: int) -> bytes:
    return random.Random(7).randbytes(size)


BAD_FRAMES = {
    "not gzip": b"hello",
    "truncated gzip": compress(b'{"id": "1", "action": "X"}')[:-6],
    "bytes behind": compress(b'{"id": "1", "action": "X"}') + b"more",
    "gzip bomb": gzip.compress(b" " * 64 * MIB),
    "5 MiB": gzip.compress(b'{"id": "' + incompressible(5 * MIB).hex()[: 5 * MIB].encode() + b'"}'),
    "5 MiB that do not compress": zlib.compress(incompressible(5 * MIB), 0, 31),
    "not JSON": compress(b"{]"),
    "not UTF-8": compress(b'{"id": "\xff", "action": "X"}'),
    "nested deeply": compress(b'{"id": "1", "action": "X", "data": ' + b"[" * 100_000),
    "not an object": compress(b"[1, 2]"),
    "no id": compress(b'{"action": "CREATE_MESSAGE", "data": {}}'),
    "null id": compress(b'{"id": null, "action": "CREATE_MESSAGE"}'),
    "data of another shape": compress(b'{"id": "1", "action": "CREATE_MESSAGE", "data": [1]}'),
    "no message id": compress(b'{"id": "1", "action": "CREATE_MESSAGE", "data": {"data": ""}}'),
}


async def test_bad_frames_among_pending_messages_cost_nothing_else(
    make_bot: MakeBot, caplog: pytest.LogCaptureFixture
) -> None:
    views = [message(f"text {number}") for number in range(len(BAD_FRAMES) + 2)]
    done = asyncio.Event()

    async def script(line: Line) -> None:
        await line.push(views[0])
        for view, bad in zip(views[1:], BAD_FRAMES.values(), strict=False):
            await line.socket.send_bytes(bad)
            await line.push(view)
        await line.socket.send_str("a text frame")
        await line.push(views[-1])
        await line.until_acknowledged(*(view["message_id"] for view in views))
        done.set()

    async with scripted(script) as service:
        bot = make_bot(service.url)
        texts: list[str] = []

        @bot.on(Text)
        async def take(message: Message[Text]) -> None:
            texts.append(message.content.text)

        async with bot, asyncio.timeout(20):
            await done.wait()
        assert texts == [f"text {number}" for number in range(len(views))]
        assert len(service.lines) == 1
    skipped = [one.getMessage() for one in caplog.records if "bad frame" in one.getMessage()]
    assert len(skipped) == len(BAD_FRAMES) + 1
    assert all("SHA-256" in line and "bytes" in line for line in skipped)
    assert sum("frame_limit" in line for line in skipped) == 3


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"data_base64": "a"}, Invalid),
        ({"data_base64": "!!!"}, Invalid),
        ({"data_base64": "_w"}, Invalid),  # one byte, 0xFF
        ({"category": "PLAIN_SOMETHING_NEW"}, Unknown),
        ({"category": "SYSTEM_CIRCLE", "data_base64": "", "data": None}, Unknown),
        ({"data_base64": None, "data": "aGVs\nbG8="}, Text),
        ({"quote_message_id": None, "silent": None, "expire_in": None}, Text),
    ],
)
async def test_content_that_does_not_fit_reaches_its_handler_and_disturbs_nobody(
    make_bot: MakeBot, fields: dict[str, Any], kind: type[Content]
) -> None:
    odd, after = message("hello", **fields), message("after")

    async def script(line: Line) -> None:
        await line.push(odd)
        await line.push(after)
        await line.until_acknowledged(odd["message_id"], after["message_id"])
        assert line.acknowledged() == {odd["message_id"]: "READ", after["message_id"]: "READ"}
        done.set()

    done = asyncio.Event()
    async with scripted(script) as service:
        bot = make_bot(service.url)
        taken: list[Content] = []

        @bot.on(Content)
        async def take(message: Message[Content]) -> None:
            taken.append(message.content)

        async with bot, asyncio.timeout(20):
            await done.wait()
    assert isinstance(taken[0], kind)
    assert taken[1] == Text("after")


async def test_what_cannot_be_read_and_nobody_takes_is_reported(
    make_bot: MakeBot, logged: Logged
) -> None:
    async def script(line: Line) -> None:
        await line.push(message(b"\xff\xfe"))

    async with scripted(script) as service, make_bot(service.url):
        await logged.until("no handler takes Invalid: text is not UTF-8")


async def test_unknown_action_is_logged_once_and_acknowledged(
    make_bot: MakeBot, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [str(uuid4()) for _ in range(3)]
    done = asyncio.Event()

    async def script(line: Line) -> None:
        for message_id in ids:
            await line.push({"message_id": message_id}, action="REFRESH_SOMETHING")
        await line.send({"id": str(uuid4()), "action": "NO_DATA"})
        await line.send({"id": str(uuid4()), "action": "BARE_STRING", "data": "abc"})
        await line.until_acknowledged(*ids)
        done.set()

    async with scripted(script) as service, make_bot(service.url), asyncio.timeout(20):
        await done.wait()
    logged = [one for one in caplog.records if "REFRESH_SOMETHING" in one.getMessage()]
    assert len(logged) == 1


async def test_error_frames_and_stray_answers_cost_nothing(
    make_bot: MakeBot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "blazebot")
    view = message("after all that")
    done = asyncio.Event()

    async def script(line: Line) -> None:
        error = {"code": 20121, "desciption": "Authorization code expired."}
        await line.send({"id": str(uuid4()), "action": "CREATE_MESSAGE", "error": error})
        await line.send({"id": str(uuid4()), "action": "ERROR", "error": {"code": 500}})
        stray = {"message_id": str(uuid4()), "category": "", "conversation_id": ""}
        await line.push(stray)
        await line.send({"id": str(uuid4()), "action": "CREATE_MESSAGE"})
        await line.send({"id": str(uuid4()), "action": "LIST_PENDING_MESSAGES", "data": None})
        await line.push(view)
        await line.until_acknowledged(view["message_id"])
        assert set(line.acknowledged()) == {view["message_id"]}
        done.set()

    async with scripted(script) as service, make_bot(service.url), asyncio.timeout(20):
        await done.wait()
        assert len(service.lines) == 1
    assert "Authorization code expired." in caplog.text
    assert "an answer to no request" in caplog.text


async def test_an_error_answer_is_raised_with_its_words(make_bot: MakeBot) -> None:
    view = message("say something")
    raised: list[ServiceError] = []
    done = asyncio.Event()

    async def script(line: Line) -> None:
        line.answers = False
        await line.push(view)
        sent = await line.request("CREATE_MESSAGE")
        body = {"status": 202, "code": 10002, "desciption": "bad field", "extra": {"field": "x"}}
        await line.send({"id": sent["id"], "action": "CREATE_MESSAGE", "error": body})
        line.answers = True
        await line.until_acknowledged(view["message_id"])
        done.set()

    async with scripted(script) as service:
        bot = make_bot(service.url)

        @bot.on(Text)
        async def take(message: Message[Text]) -> None:
            try:
                await message.reply("something")
            except ServiceError as error:
                raised.append(error)

        async with bot, asyncio.timeout(20):
            await done.wait()
    assert raised[0].code == 10002
    assert raised[0].description == "bad field"
    assert raised[0].extra == {"field": "x"}
    assert msgspec.json.encode(str(raised[0]))  # its text has no bytes that cannot be shown
