"""A bot's line while this gateway holds it: messages to JetStream, sends and receipts from it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Final

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from blazebot.bot.parts import make_inbox, make_rest
from blazebot.bot.settings import BotSettings
from blazebot.client.blaze import BlazeClient
from blazebot.client.http import open_http
from blazebot.client.proxies import Proxies
from blazebot.client.quota import Sends
from blazebot.client.receipts import ReceiptSender
from blazebot.delivery.attempts import Attempts
from blazebot.delivery.batches import BatchSender
from blazebot.delivery.conversations import Conversations
from blazebot.delivery.encrypted import EncryptedSender
from blazebot.delivery.engine import Engine
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.delivery.outbox import Outbox
from blazebot.delivery.sender import Sender
from blazebot.errors import (
    BlazebotError,
    ConnectionLost,
    EngineError,
    FrameError,
    NotRunning,
)
from blazebot.jetstream.bundle import Bundle
from blazebot.jetstream.calls import ACTIONS, REFUSED, TAKE, Answer, Call
from blazebot.jetstream.connection import Client, NatsError, end
from blazebot.jetstream.gateway_line import OPEN
from blazebot.jetstream.names import GATEWAY_CONSUMER, Names, partition_of
from blazebot.jetstream.outbox import OutboxStream
from blazebot.jetstream.publishing import publish_once
from blazebot.jetstream.pulling import pull
from blazebot.keys.encryption import MessageCipher
from blazebot.keys.keystore import Keystore
from blazebot.watch.counts import Counts
from blazebot.wire.codec import decode_json, encode_json
from blazebot.wire.messages import DELIVERED, READ, MessageView, Receipt

logger = logging.getLogger("blazebot.jetstream")

SAY_EVERY: Final = 1.0
"""Seconds after which workers are told again whether the line is open."""

LOOK_EVERY: Final = 5.0
"""Seconds after which the outbox is looked into, whether or not there is news of it."""

_ANSWERS: Final = 10_000  # that are remembered, for calls that are repeated
_PULLED: Final = 50


class HeldLine:
    """The line of one bot, and what goes by it. Made by :meth:`start`, ended by :meth:`close`.

    A message from the service goes to JetStream, in the order of its conversation, and is
    acknowledged as delivered once JetStream has it; what cannot be published waits, as a failed
    handler does.
    """

    def __init__(
        self,
        keystore: Keystore,
        settings: BotSettings,
        *,
        client: Client,
        js: JetStreamContext,
        names: Names,
        directory: Path,
    ) -> None:
        self._settings = settings
        self._client = client
        self._js = js
        self._names = names
        self._http = open_http(Proxies(settings.proxy))
        self._quota = QuotaLimiter(directory / "quota", settings.quota)
        rest = make_rest(settings, keystore, self._http, self._quota)
        self._inbox = make_inbox(settings)
        self.line = BlazeClient(
            keystore,
            self._http,
            rest,
            urls=settings.blaze_addresses,
            on_message=self._on_message,
            on_receipt=self._on_receipt,
            on_unknown=self._acknowledge,
            on_open=self._on_open,
            on_accepted=lambda: None,
            heartbeat=settings.heartbeat,
            request_timeout=settings.request_timeout,
            frame_limit=settings.frame_limit,
            accepted_before=False,
        )
        self._receipts = ReceiptSender(
            on_socket=self.line.acknowledge,
            by_rest=rest.acknowledge,
            confirmed=self._confirmed,
            batch=settings.receipt_batch,
            delay=settings.receipt_delay,
            limit=settings.remembered_ids,
        )
        self._engine = Engine(
            self._inbox,
            handle=self._publish,
            bury=_keep,
            acknowledge=self._delivered,
            line=self.line,
            concurrency=settings.concurrency,
            handler_timeout=settings.handler_timeout,
            max_tries=settings.max_tries,
            retry_window=settings.retry_window,
        )
        self._calls: dict[str, asyncio.Task[None]] = {}
        self._answered: dict[str, bytes] = {}
        self._to_workers = Bundle(client.publish)
        self._notes: dict[str, _Note] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = AsyncExitStack()
        self._sent = 0
        attempts = Attempts(settings.send_timeout)
        self._outbox_stream = OutboxStream(js, names)
        self._conversations = Conversations(directory / "conversations.db", rest.create_contact)
        self._outbox = Outbox(
            self._outbox_stream,
            attempts=attempts,
            sender=Sender(self.line, attempts, self._quota),
            batches=BatchSender(attempts, self._quota, rest, self.line),
            encrypted=EncryptedSender(
                MessageCipher(keystore.session_id, keystore.private_key), attempts, rest
            ),
            conversations=self._conversations,
        )

    async def start(self) -> None:
        """Begin to serve workers; the line is opened by who runs it."""
        calls = await self._client.subscribe(self._names.calls, cb=self._on_calls)
        self._closing.push_async_callback(calls.unsubscribe)
        news = await self._client.subscribe(self._names.outbox_news, cb=self._on_outbox_news)
        self._closing.push_async_callback(news.unsubscribe)
        self._tasks = [
            asyncio.create_task(self._say_whether_open()),
            asyncio.create_task(self._take_handled()),
            asyncio.create_task(self._outbox.run()),
            asyncio.create_task(self._look_into_outbox()),
        ]

    async def close(self) -> None:
        """Close the line first; then end what was under way, which others do again."""
        await self.line.close()
        await end([*self._tasks, *self._calls.values()])
        await self._engine.stop(0.0)
        await self._receipts.close()
        await self._outbox.close()
        self._conversations.close()
        with suppress(NatsError):
            await self._closing.aclose()
        await self._http.close()
        self._quota.close()

    async def stop(self, grace: float) -> None:
        """Take no more, publish what is at hand, send the last receipts, within the grace."""
        deadline = time.monotonic() + grace
        await self._engine.stop(grace)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                if self._calls:
                    await asyncio.wait(self._calls.values())
                await self._receipts.flush()

    def counts(self) -> Counts:
        """Return what has been counted since this gateway holds the line."""
        return Counts(
            received=self._inbox.offered,
            handled=self._engine.handled,
            failed=self._engine.failed,
            retried=self._engine.retried,
            redelivered=self._inbox.repeats,
            let_go=self._inbox.let_go,
            acknowledged=self._receipts.acknowledged,
            buried=0,
            sent=self._sent,
            bad_frames=self.line.bad_frames,
            reconnects=max(0, self.line.connections - 1),
            in_flight=self._engine.in_flight,
            at_hand=len(self._inbox),
            dead_letters=0,
            quota_used=self._quota.used,
            quota=self._quota.quota,
            handlers={},
            jobs={},
        )

    # From the service

    def _on_open(self) -> None:
        self._engine.line_opened()

    def _on_message(self, view: MessageView) -> None:
        self._engine.offer(view)

    def _on_receipt(self, view: MessageView) -> None:
        self._to_workers.add(self._names.receipts, encode_json(view))

    async def _publish(self, view: MessageView) -> None:
        """Publish a message; return once JetStream has it. Raises ConnectionLost: not known."""
        partition = partition_of(view.conversation_id or "", self._settings.engine_partitions)
        subject = self._names.partition_subject(partition)
        name = self._names.deduplication_id(view.message_id)
        try:
            await publish_once(self._js, subject, encode_json(view), name)
        except (NatsError, TimeoutError) as error:
            words = str(error) or type(error).__name__
            raise ConnectionLost(f"JetStream did not take a message: {words}") from None

    def _delivered(self, message_id: str, status: str) -> None:
        self._receipts.add(message_id, DELIVERED)  # read it is once a worker has handled it

    def _acknowledge(self, message_id: str, status: str) -> None:
        self._receipts.add(message_id, status)

    # From workers: sends

    async def _on_calls(self, message: Msg) -> None:
        try:
            calls = decode_json(message.data, list[Call])
        except FrameError as error:
            logger.error("a call of a worker cannot be read: %s", error)
            return
        for call in calls:
            answer = self._answered.get(call.id)
            if answer is not None:
                self._to_workers.add(message.reply, answer)
            elif call.id not in self._calls and call.action in ACTIONS:
                # One that is under way is answered when it ends.
                self._calls[call.id] = asyncio.create_task(self._serve(call, message.reply))

    async def _serve(self, call: Call, reply: str) -> None:
        try:
            try:
                await self._do(call)
            except NotRunning:
                return  # this gateway has let the line go: the next one gets the call again
            except BlazebotError as error:
                answer = Answer.of(call.id, error)
            else:
                self._sent += call.count
                answer = Answer.of(call.id)
            body = self._answered[call.id] = encode_json(answer)
            if len(self._answered) > _ANSWERS:
                del self._answered[next(iter(self._answered))]
            self._to_workers.add(reply, body)
        finally:
            self._calls.pop(call.id, None)

    async def _do(self, call: Call) -> None:
        if call.action == REFUSED:
            self._quota.refused(call.retry_after)
        elif call.action == TAKE:
            await self._quota.take(call.count, first=call.first)
        else:
            sends = Sends(self._quota, call.count, call.first)
            await self.line.request(call.action, call.params, within=call.within, sends=sends)

    async def _say_whether_open(self) -> None:
        while True:
            with suppress(NatsError):
                await self._client.publish(self._names.line, OPEN if self.line.is_open else b"")
            await asyncio.sleep(SAY_EVERY)

    # From workers: what was accepted to be sent

    async def _on_outbox_news(self, message: Msg) -> None:
        self._outbox_stream.news()
        self._outbox.look()

    async def _look_into_outbox(self) -> None:
        # A worker may have died between its message and the news of it.
        while True:
            await asyncio.sleep(LOOK_EVERY)
            self._outbox.look()

    # From workers: what was handled

    async def _take_handled(self) -> None:
        def complain(error: Exception) -> None:
            words = str(error) or type(error).__name__
            logger.warning("what was handled is not known: %s", words)

        await pull(
            self._js,
            (GATEWAY_CONSUMER, self._names.handled),
            _PULLED,
            take=self._on_handled,
            complain=complain,
        )

    async def _on_handled(self, message: Msg) -> None:
        try:
            receipts = decode_json(message.data, list[Receipt])
        except FrameError as error:
            logger.error("a note of a worker cannot be read and is dropped: %s", error)
            await message.term()
            return
        note = _Note(message, receipts)
        for receipt in receipts:
            self._notes[receipt.message_id] = note
            self._receipts.add(receipt.message_id, receipt.status)

    def _confirmed(self, receipts: Sequence[Receipt]) -> None:
        self._inbox.confirmed([one.message_id for one in receipts], time.monotonic())
        for receipt in receipts:
            note = self._notes.get(receipt.message_id)
            # That it was delivered may be confirmed while it says that it was read; READ is all.
            if note is None or receipt.status not in (note.left[receipt.message_id], READ):
                continue
            del self._notes[receipt.message_id], note.left[receipt.message_id]
            if not note.left:
                asyncio.ensure_future(_acknowledge_note(note.message))  # noqa: RUF006 - soon over


class _Note:
    """A worker's note of what was handled, and what of it the service has not taken yet."""

    __slots__ = ("left", "message")

    def __init__(self, message: Msg, receipts: Sequence[Receipt]) -> None:
        self.message = message
        self.left = {one.message_id: one.status for one in receipts}


async def _acknowledge_note(message: Msg) -> None:
    with suppress(NatsError):
        await message.ack()


async def _keep(view: MessageView, error: BaseException, tries: int) -> None:
    """Refuse to bury a message: the service keeps it until JetStream takes it."""
    raise EngineError(f"JetStream does not take message {view.message_id}: {error}")
