"""Messages as JetStream delivers them to a worker: of each partition one at a time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from blazebot.errors import FrameError
from blazebot.jetstream.connection import NatsError, end
from blazebot.jetstream.dead_letters import REPLAY
from blazebot.jetstream.names import Names, consumer_of
from blazebot.jetstream.pulling import pull
from blazebot.jetstream.streams import ACK_WAIT
from blazebot.wire.codec import decode_json, encode_json
from blazebot.wire.messages import MessageView, Receipt

logger = logging.getLogger("blazebot.jetstream")

_PROGRESS_EVERY: Final = ACK_WAIT / 4
_COMPLAIN_EVERY: Final = 10.0
_PUBLISHED: Final = 5.0  # seconds for a PubAck


class _Delivery:
    """A message at hand, what it is settled with, and whether JetStream has taken that."""

    __slots__ = ("message", "over", "status")

    def __init__(self, message: Msg) -> None:
        self.message = message
        self.status: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.over = asyncio.Event()


class Deliveries:
    """Takes messages of all partitions and gives each to ``offer``; :meth:`settle` ends it.

    Those that a person wants to be handled again go to ``replay``.

    While one is at hand JetStream is told so, so that it goes to another worker soon if this one
    dies, and not before. ``settled`` is called when JetStream has taken that it is over.
    """

    def __init__(
        self,
        js: JetStreamContext,
        names: Names,
        partitions: int,
        *,
        offer: Callable[[MessageView], None],
        replay: Callable[[MessageView], None],
        settled: Callable[[str], None],
    ) -> None:
        self._js = js
        self._names = names
        self._partitions = partitions
        self._offer = offer
        self._replay = replay
        self._settled = settled
        self._at_hand: dict[str, _Delivery] = {}
        self._handled = HandledNotes(js, names)
        self._tasks: list[asyncio.Task[None]] = []
        self._complained_at = -_COMPLAIN_EVERY
        self.redelivered = 0
        """Messages so far that had been delivered before, to this worker or another."""

    def start(self) -> None:
        """Begin to take messages."""
        self._tasks = [
            asyncio.create_task(self._serve(partition)) for partition in range(self._partitions)
        ]
        self._tasks.append(asyncio.create_task(self._report_progress()))

    async def stop(self) -> None:
        """Take no more, and let others have what is not settled."""
        await end(self._tasks)

    async def flush(self) -> None:
        """Return when JetStream has taken what is settled."""
        for delivery in list(self._at_hand.values()):
            if delivery.status.done():
                await delivery.over.wait()

    def settle(self, message_id: str, status: str) -> None:
        """End a message at hand: it is to be acknowledged to the service with ``status``."""
        delivery = self._at_hand.get(message_id)
        if delivery is not None and not delivery.status.done():
            delivery.status.set_result(status)

    async def _serve(self, partition: int) -> None:
        await pull(
            self._js,
            (consumer_of(partition), self._names.messages),
            1,
            take=self._handle,
            complain=self._complain,
        )

    def _complain(self, error: Exception) -> None:
        # All partitions fail together.
        if time.monotonic() - self._complained_at >= _COMPLAIN_EVERY:
            self._complained_at = time.monotonic()
            logger.warning("JetStream gives no messages: %s", str(error) or type(error).__name__)

    async def _handle(self, message: Msg) -> None:
        try:
            view = decode_json(message.data, MessageView)
        except FrameError as error:
            logger.error("a message of %s cannot be read, and is dropped: %s", self._names, error)
            await message.term()
            return
        if message.metadata.num_delivered > 1:
            self.redelivered += 1
        delivery = self._at_hand[view.message_id] = _Delivery(message)
        try:
            take = self._replay if REPLAY in (message.headers or {}) else self._offer
            take(view)
            status = await delivery.status
            await self._handled.add(Receipt(view.message_id, status))
            await message.ack()
        except asyncio.CancelledError:
            with suppress(NatsError):
                await message.nak()
            raise
        except (NatsError, TimeoutError) as error:
            # It comes again, and is known then.
            logger.warning("message %s stays unacknowledged: %s", view.message_id, error)
        else:
            self._settled(view.message_id)
        finally:
            delivery.over.set()
            self._at_hand.pop(view.message_id, None)

    async def _report_progress(self) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_EVERY)
            for delivery in list(self._at_hand.values()):
                with suppress(NatsError):
                    await delivery.message.in_progress()


class HandledNotes:
    """Tells gateways what was handled, for good: what comes while one note is written shares the
    next."""

    def __init__(self, js: JetStreamContext, names: Names) -> None:
        self._js = js
        self._subject = names.subject("handled")
        self._waiting: list[tuple[Receipt, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def add(self, receipt: Receipt) -> None:
        """Return when JetStream has the note; raises what publishing did: perhaps it has not."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((receipt, done))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await done

    async def _write(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                error: Exception | None = None
                try:
                    body = encode_json([receipt for receipt, _ in waiting])
                    await self._js.publish(self._subject, body, timeout=_PUBLISHED)
                except Exception as raised:  # whoever waits is told, and its message comes again
                    error = raised
                for _, done in waiting:
                    if done.done():
                        continue
                    if error is None:
                        done.set_result(None)
                    else:
                        done.set_exception(error)
        finally:
            self._writing = None
