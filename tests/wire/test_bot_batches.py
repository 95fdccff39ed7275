"""Batches: every message once, whatever goes wrong, and only the refused ones refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from blazebot.client.rest import RestClient
from blazebot.delivery import attempts as attempts_module
from blazebot.delivery.attempts import Attempts
from blazebot.delivery.batches import BatchSender
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.delivery.quota import PAUSE
from blazebot.errors import Forbidden, RequestError, SendTimeout
from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import encode_base64
from blazebot.wire.ids import contact_conversation_id
from blazebot.wire.messages import SENT, MessageRequest
from tests.wire.world import MakeBot, World

pytestmark = pytest.mark.sandbox("shared")

FAULTS: list[dict[str, Any]] = [
    {"kind": "lost_answer", "times": 2},
    {"kind": "error", "code": 429, "times": 1},
    {"kind": "error", "code": 500, "times": 2},
    {"kind": "bad_gateway", "times": 1},
]


def message(bot_id: str, person: str, text: str = "news") -> MessageRequest:
    return MessageRequest(
        conversation_id=contact_conversation_id(bot_id, person),
        message_id=str(uuid4()),
        category="PLAIN_TEXT",
        status=SENT,
        data_base64=encode_base64(text.encode()),
        recipient_id=person,
    )


@asynccontextmanager
async def batches_by_rest(
    url: str, keystore: dict[str, Any], directory: Path
) -> AsyncIterator[BatchSender]:
    """Send as a process that has no line."""
    limiter = QuotaLimiter(directory / "quota", 10**7)
    async with aiohttp.ClientSession() as http:
        rest = RestClient(Keystore.load(keystore), http, urls=[url], timeout=2.0, quota=limiter)
        yield BatchSender(Attempts(60.0), limiter, rest)
    limiter.close()


@pytest.mark.parametrize("by", ["line", "rest"])
async def test_whatever_goes_wrong_everybody_has_each_message_once_but_for_who_blocks(
    world: World,
    make_bot: MakeBot,
    tmp_path: Path,
    by: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts_module, "_PAUSE", 0.05)
    bot_id = await world.control.create_bot("Bot")
    keystore = await world.control.issue_session(bot_id, "app")
    people = await world.people.create(["Alice"] * 130)
    await world.people.add_friend(people, bot_id)
    await world.people.watch(people)
    blocking = {people[number] for number in (0, 57, 129)}
    for person in blocking:
        await world.control.call(
            "POST", f"/people/{person}/relationships", {"user_id": bot_id, "action": "BLOCK"}
        )
    batch = [(person, text) for text in ("one", "two") for person in people]
    faults = FAULTS if by == "rest" else FAULTS[:3]
    for fault in faults:
        only = "CREATE_PLAIN_MESSAGES" if by == "line" else "POST /messages"
        await world.control.add_fault(only=only, **fault)
    if by == "line":
        bot = make_bot(world.sandbox.url, keystore, quota=10**7, request_timeout=1.0)
        async with bot:
            errors = [one.error for one in await bot.send_batch(batch)]
    else:
        async with batches_by_rest(world.sandbox.url, keystore, tmp_path) as batches:
            refusals = await batches.send([message(bot_id, *one) for one in batch])
            errors = [one.error if one else None for one in refusals]
    struck = [one["struck"] for one in await world.control.faults()]
    assert struck == [fault["times"] for fault in faults]
    await world.people.catch_up(20)
    for person in people:
        texts = [one["text"] for one in world.messages(person) if one["user_id"] == bot_id]
        assert texts == ([] if person in blocking else ["one", "two"])
    assert [type(error) for error in errors] == [
        Forbidden if person in blocking else type(None) for person, _ in batch
    ]


async def test_what_never_fits_is_refused_by_itself_and_a_deadline_ends_it(
    world: World, tmp_path: Path
) -> None:
    bot_id = await world.control.create_bot("Bot")
    keystore = await world.control.issue_session(bot_id, "app")
    alice = (await world.people.create(["Alice"]))[0]
    await world.people.add_friend([alice], bot_id)
    await world.people.watch([alice])
    big = message(bot_id, alice, "x" * 100_000)
    small = message(bot_id, alice)
    async with batches_by_rest(world.sandbox.url, keystore, tmp_path) as batches:
        refusals = await batches.send([big, small])
        assert refusals[1:] == [None]
        assert refusals[0] is not None
        assert isinstance(refusals[0].error, RequestError)
        await world.control.add_fault("stall", times=None, only="POST /messages")
        began = time.monotonic()
        with pytest.raises(SendTimeout):
            await batches.send_once([message(bot_id, alice)], deadline=began + 0.5)
        assert time.monotonic() - began < 5
    await world.control.clear_faults()


async def test_a_429_slows_every_process_down(world: World, tmp_path: Path) -> None:
    bot_id = await world.control.create_bot("Bot")
    keystore = await world.control.issue_session(bot_id, "app")
    alice = (await world.people.create(["Alice"]))[0]
    await world.people.add_friend([alice], bot_id)
    await world.control.add_fault("error", code=429, only="POST /messages")
    other = QuotaLimiter(tmp_path / "quota", 10**7)
    async with batches_by_rest(world.sandbox.url, keystore, tmp_path) as batches:
        await other.take(first=True)
        sending = asyncio.create_task(batches.send([message(bot_id, alice)]))
        async with asyncio.timeout(10):
            waited = 0.0
            while not sending.done():
                began = time.monotonic()
                await other.take(first=True)
                waited = max(waited, time.monotonic() - began)
                await asyncio.sleep(0.005)
            assert waited > PAUSE / 2  # it may have looked late
            assert await sending == [None]
    other.close()
