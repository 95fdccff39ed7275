"""Acknowledgements on their way to the service: batched, confirmed, tried again."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from blazebot.errors import BlazebotError, ServiceError
from blazebot.wire.limits import BATCH_LIMIT
from blazebot.wire.messages import STATUS_RANK, Receipt

logger = logging.getLogger("blazebot.receipts")

IN_FLIGHT_LIMIT: Final = 512
"""Batches that may wait for their answer at once.

Answers come behind what is being pushed: megabytes, when much is pending.
"""


class ReceiptQueue:
    """Receipts that wait to be sent, oldest first, one for each message. Pure.

    ``limit`` bounds how many wait: beyond it the oldest is let go. That loses nothing, for its
    message is pushed again, known again, and acknowledged again.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._waiting: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message_id: str, status: str) -> int:
        """Queue a receipt, and return how many wait.

        Of two for one message the further status stays.
        """
        waiting = self._waiting
        before = waiting.get(message_id)
        if before is None or _rank(status) > _rank(before):
            waiting[message_id] = status
        if len(waiting) > self._limit:
            del waiting[next(iter(waiting))]
        return len(waiting)

    def take(self, count: int = BATCH_LIMIT) -> list[Receipt]:
        """Remove and return the ``count`` oldest receipts."""
        if len(self._waiting) <= count:
            taken, self._waiting = self._waiting, {}
            return [Receipt(message_id, status) for message_id, status in taken.items()]
        oldest = [message_id for message_id, _ in zip(self._waiting, range(count), strict=False)]
        return [Receipt(message_id, self._waiting.pop(message_id)) for message_id in oldest]

    def put_back(self, receipts: Sequence[Receipt]) -> None:
        """Queue receipts again whose sending failed."""
        for receipt in receipts:
            self.add(receipt.message_id, receipt.status)


def _rank(status: str) -> int:
    # A note in a stream may say anything; what is no status the service refuses.
    return STATUS_RANK.get(status, -1)


class ReceiptSender:
    """Sends receipts in batches: a full one at once, a part after ``delay`` seconds.

    ``on_socket`` sends a batch over the line and returns when it is answered, or raises; then the
    batch goes by ``by_rest``; where that fails too it is tried again after ``retry_delay``
    seconds. ``confirmed`` is told the receipts that the service has taken.
    """

    def __init__(
        self,
        *,
        on_socket: Callable[[Sequence[Receipt]], Awaitable[object]],
        by_rest: Callable[[Sequence[Receipt]], Awaitable[object]],
        confirmed: Callable[[Sequence[Receipt]], None],
        batch: int,
        delay: float,
        limit: int,
        retry_delay: float = 1.0,
    ) -> None:
        self._on_socket = on_socket
        self._by_rest = by_rest
        self._confirmed = confirmed
        self._batch = min(batch, BATCH_LIMIT)
        self._delay = delay
        self._retry_delay = retry_delay
        self._queue = ReceiptQueue(limit=limit)
        self._timer: asyncio.TimerHandle | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self.acknowledged = 0
        """Receipts that the service has taken so far."""

    def add(self, message_id: str, status: str) -> None:
        """Queue a receipt; never waits."""
        waiting = self._queue.add(message_id, status)
        if waiting >= self._batch and len(self._sending) < IN_FLIGHT_LIMIT:
            self._send_batches()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self._timed_out)

    async def flush(self) -> None:
        """Send what waits and return when it is confirmed or has failed once more."""
        self._stop_timer()
        left = len(self._queue)
        while left > 0 and self._queue:
            if len(self._sending) < IN_FLIGHT_LIMIT:
                left -= self._batch
                self._start(self._queue.take(self._batch))
            else:
                await asyncio.wait(self._sending, return_when=asyncio.FIRST_COMPLETED)
        if self._sending:
            await asyncio.wait(set(self._sending))

    async def close(self) -> None:
        """Give up what is on its way: the service pushes those messages again."""
        self._stop_timer()
        sending = list(self._sending)
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        self._stop_timer()

    def _timed_out(self) -> None:
        self._timer = None
        self._send_batches(partial=True)

    def _send_batches(self, *, partial: bool = False) -> None:
        least = 1 if partial else self._batch
        while len(self._queue) >= least and len(self._sending) < IN_FLIGHT_LIMIT:
            self._start(self._queue.take(self._batch))
        if not self._queue:
            self._stop_timer()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self._timed_out)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self, receipts: list[Receipt]) -> None:
        task = asyncio.create_task(self._send(receipts))
        self._sending.add(task)
        task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.discard(task)
        if len(self._queue) >= self._batch and not task.cancelled():
            self._send_batches()

    async def _send(self, receipts: list[Receipt]) -> None:
        # Halves of a refused batch, so that one receipt that the service refuses for good does
        # not hold up the others.
        parts = deque([receipts])
        while parts:
            part = parts.popleft()
            try:
                await self._deliver(part)
            except ServiceError as error:
                if error.temporary or error.code == 401:
                    await self._later([*part, *(one for rest in parts for one in rest)], error)
                    return
                if len(part) == 1:
                    logger.warning("receipt of %s dropped: %s", part[0].message_id, error)
                    self._confirmed(part)
                    continue
                middle = len(part) // 2
                parts.extendleft((part[middle:], part[:middle]))
            except Exception as error:
                if not isinstance(error, BlazebotError):
                    logger.exception("sending receipts failed in an unforeseen way")
                await self._later([*part, *(one for rest in parts for one in rest)], error)
                return
            else:
                self.acknowledged += len(part)
                self._confirmed(part)

    async def _deliver(self, receipts: Sequence[Receipt]) -> None:
        try:
            await self._on_socket(receipts)
        except BlazebotError as error:
            logger.debug("%d receipts not taken on the socket: %s", len(receipts), error)
            await self._by_rest(receipts)

    async def _later(self, receipts: Sequence[Receipt], error: Exception) -> None:
        logger.debug("%d receipts wait to be sent again: %s", len(receipts), error)
        self._queue.put_back(receipts)
        await asyncio.sleep(self._retry_delay)
        self._send_batches(partial=True)
