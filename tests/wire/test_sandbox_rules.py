"""Rules of sections 6, 7 and 10 that stand by themselves; ``docs/rules.md`` lists them all."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.sandbox.settings import SandboxSettings
from blazebot.wire.codec import decompress, encode_request
from blazebot.wire.frames import (
    ACKNOWLEDGE_MESSAGE_RECEIPT,
    ACKNOWLEDGE_MESSAGE_RECEIPTS,
    CREATE_MESSAGE,
    CREATE_PLAIN_MESSAGES,
    LIST_PENDING_MESSAGES,
)
from blazebot.wire.ids import contact_conversation_id
from tests.wire.sandbox_peers import Box, new_id, sandbox_here, text


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


def bearer(bot: Keystore) -> dict[str, str]:
    return {"Authorization": f"Bearer {sign_token(bot, 'GET', '/', now=time.time())}"}


async def test_acknowledging_one_by_one(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    sent = await box.say(alice, "one", recipient_id=bot.app_id)
    async with box.line(bot) as line:
        for status in ("DELIVERED", "READ"):
            receipt = {"message_id": sent, "status": status}
            answer = await line.request(ACKNOWLEDGE_MESSAGE_RECEIPT, receipt)
            assert (answer.error, bytes(answer.data)) == (None, b"")
            assert [message["status"] for message in await box.sees(alice)] == [status]


async def test_who_writes_is_known_and_can_be_answered(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    await box.say(alice, "hi", recipient_id=bot.app_id)
    async with box.line(bot) as line:
        view = await line.view()
        where = contact_conversation_id(alice, bot.app_id)
        assert (view["user_id"], view["conversation_id"]) == (alice, where)
        reply = {"conversation_id": where, "message_id": new_id(), "category": "PLAIN_TEXT"}
        answer = await line.request(CREATE_MESSAGE, reply | {"data_base64": text("hi")})
        assert answer.error is None


async def test_answers_are_quick_and_hold_no_params(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    where = await box.befriend(alice, bot)
    message = {
        "conversation_id": where,
        "message_id": new_id(),
        "category": "PLAIN_TEXT",
        "recipient_id": alice,
        "data_base64": text("x"),
    }
    receipt = {"message_id": message["message_id"], "status": "READ"}
    socket = await box.http.ws_connect(box.url, headers=bearer(bot))
    for action, params, holds in (
        (CREATE_MESSAGE, message, {"data"}),
        (CREATE_MESSAGE, {}, {"error"}),
        (CREATE_PLAIN_MESSAGES, {"messages": [message]}, set()),
        (ACKNOWLEDGE_MESSAGE_RECEIPT, receipt, set()),
        (ACKNOWLEDGE_MESSAGE_RECEIPTS, {"messages": [receipt]}, set()),
        ("NO_SUCH_ACTION", {}, {"error"}),
        (LIST_PENDING_MESSAGES, None, set()),
    ):
        frame_id = new_id()
        async with asyncio.timeout(1):  # some clients give up after 3 s
            await socket.send_bytes(encode_request(frame_id, action, params))
            answer = json.loads(decompress(await socket.receive_bytes()))
        assert (answer["id"], answer["action"]) == (frame_id, action)
        assert set(answer) == {"id", "action"} | holds
    await socket.close()


async def test_compression_of_the_socket_is_not_taken_up(box: Box) -> None:
    bot = await box.bot()
    async with box.http.ws_connect(box.url, headers=bearer(bot), compress=15) as socket:
        assert not socket.compress


async def test_who_never_pings_keeps_its_line() -> None:
    async with sandbox_here(heartbeat=0.05, silence_limit=0.2) as box:
        bot = await box.bot()
        socket = await box.http.ws_connect(box.url, headers=bearer(bot), autoping=False)
        async with asyncio.timeout(5):
            for _ in range(10):  # for half a second
                message = await socket.receive()
                assert message.type is aiohttp.WSMsgType.PING
                await socket.pong(message.data)
            await socket.send_bytes(encode_request(new_id(), LIST_PENDING_MESSAGES))
            while (message := await socket.receive()).type is not aiohttp.WSMsgType.BINARY:
                pass
        await socket.close()


def test_pings_come_as_often_as_clients_need_them() -> None:
    assert 10 <= SandboxSettings().heartbeat <= 20


async def test_every_answer_has_the_headers_of_the_service(box: Box) -> None:
    bot = await box.bot()
    for method, path, body in (
        ("GET", "/me", None),
        ("GET", "/no/such/thing", None),
        ("POST", "/messages", b"[{"),
        ("POST", "/acknowledgements", []),
    ):
        headers = {"X-Request-Id": new_id(), "X-Device": "unknown", "Accept-Language": "xx"}
        answer, _ = await box.rest(bot, method, path, body, **headers)
        assert answer.status in (200, 202)
        assert answer.content_type == "application/json"
        assert answer.headers["X-Request-Id"] == headers["X-Request-Id"]
        assert answer.headers["X-Server-Time"].isdigit()
    async with box.http.get(f"{box.url}me") as unauthorized:
        assert (unauthorized.status, unauthorized.content_type) == (202, "application/json")
        assert unauthorized.headers["X-Server-Time"].isdigit()
        assert unauthorized.headers["X-Request-Id"]


async def test_server_errors_come_with_http_500() -> None:
    for code, status in ((500, 500), (7000, 500), (7001, 500), (429, 202)):
        async with sandbox_here(faults=(f"error code={code}",)) as box:
            answer, document = await box.rest(await box.bot(), "GET", "/me")
            assert (answer.status, document["error"]["code"]) == (status, code)
