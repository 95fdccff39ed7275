"""Receipts: batched, over the socket or by REST, tried again, bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blazebot.client.receipts import IN_FLIGHT_LIMIT, ReceiptQueue, ReceiptSender
from blazebot.errors import BlazebotError, ConnectionLost, ServiceUnavailable, service_error
from blazebot.wire.limits import BATCH_LIMIT
from blazebot.wire.messages import DELIVERED, READ, Receipt

# The queue


def test_oldest_first_and_the_rest_stays() -> None:
    queue = ReceiptQueue(limit=10)
    for message_id in ("a", "b", "c"):
        queue.add(message_id, READ)
    assert queue.take(2) == [Receipt("a", READ), Receipt("b", READ)]
    assert queue.take(2) == [Receipt("c", READ)]
    assert queue.take(2) == []


def test_a_status_only_moves_forward() -> None:
    queue = ReceiptQueue(limit=10)
    queue.add("a", DELIVERED)
    queue.add("a", READ)
    queue.add("b", READ)
    queue.put_back([Receipt("b", DELIVERED), Receipt("c", DELIVERED)])
    assert queue.take() == [Receipt("a", READ), Receipt("b", READ), Receipt("c", DELIVERED)]


@given(
    st.lists(st.tuples(st.integers(0, 20), st.sampled_from((DELIVERED, READ)))), st.integers(1, 5)
)
def test_the_queue_is_bounded_and_the_oldest_goes(added: list[tuple[int, str]], limit: int) -> None:
    queue = ReceiptQueue(limit=limit)
    for number, status in added:
        queue.add(str(number), status)
        assert len(queue) <= limit
    newest = str(added[-1][0]) if added else None
    assert newest in [receipt.message_id for receipt in queue.take()] or newest is None


# The sender


class Service:
    """Takes batches over the socket and by REST, and refuses as it is told."""

    def __init__(self) -> None:
        self.on_socket: list[list[str]] = []
        self.by_rest: list[list[str]] = []
        self.confirmed: list[str] = []
        self.socket_error: BlazebotError | None = None
        self.rest_error: BlazebotError | None = None
        self.refused: set[str] = set()
        self.lost_calls: range = range(0)
        self.free = asyncio.Event()
        self.free.set()
        self._changed = asyncio.Condition()

    async def take_on_socket(self, receipts: Sequence[Receipt]) -> None:
        await self._take(receipts, self.on_socket, self.socket_error)

    async def take_by_rest(self, receipts: Sequence[Receipt]) -> None:
        lost = len(self.by_rest) in self.lost_calls
        error = ConnectionLost("gone") if lost else self.rest_error
        await self._take(receipts, self.by_rest, error)

    async def _take(
        self, receipts: Sequence[Receipt], batches: list[list[str]], error: BlazebotError | None
    ) -> None:
        ids = [receipt.message_id for receipt in receipts]
        batches.append(ids)
        await self._notify()
        await self.free.wait()
        if error is not None:
            raise error
        if self.refused.intersection(ids):
            raise service_error(10002, "bad field")

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5), self._changed:
            await self._changed.wait_for(holds)

    def confirm(self, receipts: Sequence[Receipt]) -> None:
        self.confirmed.extend(one.message_id for one in receipts)


@pytest.fixture
def service() -> Service:
    return Service()


@asynccontextmanager
async def sending(
    service: Service, *, batch: int = 100, delay: float = 0.01, limit: int = 10_000
) -> AsyncIterator[ReceiptSender]:
    sender = ReceiptSender(
        on_socket=service.take_on_socket,
        by_rest=service.take_by_rest,
        confirmed=service.confirm,
        batch=batch,
        delay=delay,
        limit=limit,
        retry_delay=0.01,
    )
    try:
        yield sender
    finally:
        await sender.close()


def ids(count: int, start: int = 0) -> list[str]:
    return [str(number) for number in range(start, start + count)]


def add_all(sender: ReceiptSender, message_ids: Sequence[str]) -> None:
    for message_id in message_ids:
        sender.add(message_id, READ)


async def test_a_full_batch_goes_at_once(service: Service) -> None:
    async with sending(service, delay=3600) as sender:
        add_all(sender, ids(230))
        await service.until(lambda: len(service.on_socket) == 2)
        assert service.on_socket == [ids(100), ids(100, 100)]


async def test_a_part_of_a_batch_goes_after_the_delay(service: Service) -> None:
    async with sending(service, delay=0.2) as sender:
        began = time.monotonic()
        add_all(sender, ids(230))
        await service.until(lambda: len(service.on_socket) == 3)
        assert time.monotonic() - began >= 0.199
        assert service.on_socket == [ids(100), ids(100, 100), ids(30, 200)]
        await sender.flush()
        assert service.confirmed == ids(230)
        assert service.by_rest == []


async def test_no_batch_is_above_what_the_service_takes(service: Service) -> None:
    async with sending(service, batch=1000) as sender:
        add_all(sender, ids(BATCH_LIMIT + 1))
        await sender.flush()
        assert [len(batch) for batch in service.on_socket] == [BATCH_LIMIT, 1]


@pytest.mark.parametrize(
    "error", [ConnectionLost("gone"), ServiceUnavailable(500), service_error(10002)]
)
async def test_where_the_socket_fails_it_goes_by_rest(
    service: Service, error: BlazebotError
) -> None:
    service.socket_error = error
    async with sending(service) as sender:
        add_all(sender, ids(3))
        await sender.flush()
        assert service.by_rest == [ids(3)]
        assert service.confirmed == ids(3)


@pytest.mark.parametrize(
    "error", [ConnectionLost("gone"), ServiceUnavailable(500), service_error(401)]
)
async def test_where_both_fail_it_is_tried_again_until_it_is_taken(
    service: Service, error: BlazebotError
) -> None:
    service.socket_error = service.rest_error = error
    async with sending(service) as sender:
        add_all(sender, ids(3))
        await service.until(lambda: len(service.by_rest) >= 3)
        assert service.confirmed == []
        service.socket_error = None
        await service.until(lambda: len(service.on_socket) > len(service.by_rest))
        await sender.flush()
        assert service.confirmed == ids(3)


@pytest.mark.parametrize("refused", [{"0"}, {"57"}, {"99"}, {"3", "4", "80"}])
async def test_a_refused_batch_is_halved_until_the_refused_stand_alone(
    service: Service, refused: set[str]
) -> None:
    service.refused = refused
    async with sending(service) as sender:
        add_all(sender, ids(100))
        await sender.flush()
        # The refused count as done with, lest they be sent for ever.
        assert sorted(service.confirmed, key=int) == ids(100)
        alone = [batch for batch in service.by_rest if len(batch) == 1]
        assert [[message_id] for message_id in sorted(refused, key=int)] == [
            batch for batch in alone if batch[0] in refused
        ]
        assert len(service.by_rest) <= 2 * 7 * len(refused)
        sent = len(service.on_socket)
        await sender.flush()
        assert len(service.on_socket) == sent


async def test_parts_of_a_refused_batch_survive_a_loss_between_them(service: Service) -> None:
    service.refused = {"0"}
    service.socket_error = ConnectionLost("gone")
    service.lost_calls = range(1, 4)
    async with sending(service) as sender:
        add_all(sender, ids(4))
        await service.until(lambda: ["0"] in service.by_rest)
        await sender.flush()
        assert sorted(service.confirmed) == ids(4)


async def test_batches_on_their_way_are_bounded_and_the_rest_follows(service: Service) -> None:
    service.free.clear()
    async with sending(service, batch=1) as sender:
        add_all(sender, ids(IN_FLIGHT_LIMIT + 5))
        await service.until(lambda: len(service.on_socket) == IN_FLIGHT_LIMIT)
        service.free.set()
        await service.until(lambda: len(service.on_socket) == IN_FLIGHT_LIMIT + 5)


async def test_what_waits_is_bounded(service: Service) -> None:
    service.free.clear()
    async with sending(service, batch=1, limit=3) as sender:
        add_all(sender, ids(IN_FLIGHT_LIMIT + 10))
        service.free.set()
        await sender.flush()
        assert service.confirmed == [*ids(IN_FLIGHT_LIMIT), *ids(3, IN_FLIGHT_LIMIT + 7)]


async def test_flushing_sends_all_that_waits_be_it_more_than_goes_at_once(
    service: Service,
) -> None:
    async with sending(service, batch=2, delay=60) as sender:
        service.free.clear()
        add_all(sender, ids(4 * IN_FLIGHT_LIMIT + 1))
        flushing = asyncio.create_task(sender.flush())
        await service.until(lambda: len(service.on_socket) == IN_FLIGHT_LIMIT)
        service.free.set()
        await flushing
        assert sorted(service.confirmed, key=int) == ids(4 * IN_FLIGHT_LIMIT + 1)


async def test_flushing_ends_though_all_fails(service: Service) -> None:
    service.socket_error = service.rest_error = ConnectionLost("gone")
    async with sending(service, delay=60) as sender:
        add_all(sender, ids(5))
        async with asyncio.timeout(5):
            await sender.flush()
        assert service.confirmed == []


async def test_closing_gives_up_what_is_on_its_way(service: Service) -> None:
    service.free.clear()
    async with sending(service) as sender:
        add_all(sender, ids(101))
        await service.until(lambda: len(service.on_socket) == 1)
        async with asyncio.timeout(5):
            await sender.close()
        assert service.confirmed == []
    assert asyncio.all_tasks() == {asyncio.current_task()}
