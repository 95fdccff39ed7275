"""Receipts on their way to their handlers: in order, bounded, the same when they come again."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from blazebot import Receipt
from blazebot.bot.receipts import ReceiptWorker
from blazebot.wire.messages import READ, MessageView
from tests.routed import make_bot

BOT = make_bot()


def receipt() -> Receipt:
    return Receipt(BOT, MessageView(message_id=str(uuid4()), status=READ))


class Handler:
    """Takes receipts, each when it may."""

    def __init__(self) -> None:
        self.taken: list[Receipt] = []
        self.may = asyncio.Event()

    async def receive(self, receipt: Receipt) -> None:
        await self.may.wait()
        self.taken.append(receipt)


async def test_they_come_in_order_and_beyond_the_bound_they_are_let_go() -> None:
    handler = Handler()
    worker = ReceiptWorker(handler.receive, limit=3)
    receipts = [receipt() for _ in range(5)]
    for one in receipts:
        worker.offer(one)
    assert worker.let_go == 2
    handler.may.set()
    await worker.close()
    assert handler.taken == receipts[:3]
    worker.offer(receipts[4])
    await worker.close()
    assert handler.taken == [*receipts[:3], receipts[4]]


async def test_what_hangs_is_given_up_with_the_wait_for_it() -> None:
    handler = Handler()
    worker = ReceiptWorker(handler.receive, limit=3)
    worker.offer(receipt())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await worker.close()
    await worker.close()
    assert handler.taken == []


def test_a_receipt_that_comes_again_sends_the_same() -> None:
    view = MessageView(message_id=str(uuid4()), status=READ, user_id=str(uuid4()))
    ids = {Receipt(BOT, view).sent.message_id("c", "PLAIN_TEXT", b"x") for _ in range(2)}
    other = Receipt(BOT, MessageView(message_id=view.message_id, status="DELIVERED"))
    assert len(ids) == 1
    assert other.sent.message_id("c", "PLAIN_TEXT", b"x") not in ids
