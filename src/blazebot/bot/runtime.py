"""The parts of a running bot, put together: line, receipts, inbox, engine, sender."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import aiohttp

from blazebot.announce.announcements import Announcements
from blazebot.announce.channel import Channel
from blazebot.bot.buttons.key import load_button_key
from blazebot.bot.buttons.presses import Buttons
from blazebot.bot.clock import Clock
from blazebot.bot.dispatcher import Dispatcher
from blazebot.bot.jobs.jobs import Jobs
from blazebot.bot.jobs.scheduler import Scheduler
from blazebot.bot.jobs.store import JobStore
from blazebot.bot.mailbox import store as mailbox
from blazebot.bot.outgoing import Outgoing
from blazebot.bot.parts import make_inbox, make_rest
from blazebot.bot.settings import BotSettings
from blazebot.bot.states.keeper import StateKeeper
from blazebot.bot.tracing import load_traces
from blazebot.client.attachments import AttachmentClient
from blazebot.client.blaze import BlazeClient
from blazebot.client.http import open_http
from blazebot.client.proxies import Proxies
from blazebot.client.receipts import ReceiptSender
from blazebot.delivery.attempts import Attempts
from blazebot.delivery.batches import BatchSender
from blazebot.delivery.conversations import Conversations
from blazebot.delivery.dead_letters import FILE_NAME, DeadLetters
from blazebot.delivery.encrypted import EncryptedSender
from blazebot.delivery.engine import Engine
from blazebot.delivery.limiter import QuotaLimiter
from blazebot.delivery.outbox import Outbox
from blazebot.delivery.outbox_store import OutboxStore
from blazebot.delivery.replays import Replays
from blazebot.delivery.sender import Sender
from blazebot.delivery.session_lock import SessionLock, open_data_directory
from blazebot.errors import NotRunning
from blazebot.keys.encryption import MessageCipher
from blazebot.keys.keystore import Keystore
from blazebot.watch.counts import Counts
from blazebot.wire.ids import contact_conversation_id
from blazebot.wire.messages import READ, MessageView, Receipt

logger = logging.getLogger("blazebot")

_FLUSH_LEAST = 1.0  # seconds for the last receipts, however little of the grace is left


class Runtime:
    """A running bot. Made by :meth:`open`, begun by :meth:`start`, ended by :meth:`stop`."""

    @classmethod
    async def open(
        cls,
        keystore: Keystore,
        settings: BotSettings,
        cipher: MessageCipher,
        dispatcher: Dispatcher,
        *,
        clock: Clock,
        states: StateKeeper,
    ) -> Self:
        """Return the parts of a bot, put together, or leave nothing open and raise.

        Raises:
            SessionInUse, SettingsError: see :meth:`Bot.start`.
        """
        proxies = Proxies(settings.proxy)
        proxies.check((*settings.rest_addresses, *settings.blaze_addresses))
        http = open_http(proxies)
        try:
            return cls(
                keystore, settings, cipher, dispatcher, clock=clock, states=states, http=http
            )
        except BaseException:
            await http.close()
            raise

    def __init__(
        self,
        keystore: Keystore,
        settings: BotSettings,
        cipher: MessageCipher,
        dispatcher: Dispatcher,
        *,
        clock: Clock,
        states: StateKeeper,
        http: aiohttp.ClientSession,
    ) -> None:
        self.http = http
        self._settings = settings
        self._dispatcher = dispatcher
        self._clock = clock
        self._states = states
        self._traces = load_traces() if settings.traces else None
        self._directory = directory = open_data_directory(settings.data_root, keystore.app_id)
        self._lock = SessionLock(directory, keystore.session_id)
        self._lock.acquire()
        try:
            self._put_together(keystore, cipher, directory)
        except BaseException:
            self._lock.release()
            raise

    def _put_together(
        self,
        keystore: Keystore,
        cipher: MessageCipher,
        directory: Path,
    ) -> None:
        settings = self._settings
        self.buttons = Buttons(
            keystore.app_id,
            self._dispatcher.callbacks,
            self._clock,
            load_key=lambda: load_button_key(settings.button_key, directory / "button-key"),
        )
        self._dead_letters = DeadLetters(
            directory / FILE_NAME,
            limit=settings.dead_letters_limit,
            bytes_limit=settings.dead_letters_bytes,
            keep=settings.dead_letters_keep,
        )
        self._quota = QuotaLimiter(directory / "quota", settings.quota)
        self._fingerprint = keystore.fingerprint
        self.rest = make_rest(settings, keystore, self.http, self._quota)
        self._inbox = make_inbox(settings)
        self.line = BlazeClient(
            keystore,
            self.http,
            self.rest,
            urls=settings.blaze_addresses,
            on_message=self._on_message,
            on_receipt=self._on_receipt,
            on_unknown=self._acknowledge,
            on_open=self._on_open,
            on_accepted=self._on_accepted,
            heartbeat=settings.heartbeat,
            request_timeout=settings.request_timeout,
            frame_limit=settings.frame_limit,
            accepted_before=self._lock.was_accepted(self._fingerprint),
        )
        self._receipts = ReceiptSender(
            on_socket=self._acknowledge_on_socket,
            by_rest=self.rest.acknowledge,
            confirmed=self._confirmed,
            batch=settings.receipt_batch,
            delay=settings.receipt_delay,
            limit=settings.remembered_ids,
        )
        self.engine = Engine(
            self._inbox,
            handle=self._dispatcher.handle,
            bury=self._bury,
            acknowledge=self._settled,
            line=self.line,
            concurrency=settings.concurrency,
            handler_timeout=settings.handler_timeout,
            max_tries=settings.max_tries,
            retry_window=settings.retry_window,
            log_context=self._dispatcher.log_context,
        )
        self._replays = Replays(self._dead_letters, self.line, self.engine.replay)
        self._replaying: asyncio.Task[None] | None = None
        self._attempts = Attempts(settings.send_timeout)
        self.batches = BatchSender(self._attempts, self._quota, self.rest, self.line)
        self.attachments = AttachmentClient(self.rest, self.http)
        self._conversations = Conversations(
            directory / "conversations.db", self.rest.create_contact
        )
        encrypted = EncryptedSender(cipher, self._attempts, self.rest)
        self.announcements = Announcements(
            keystore.app_id,
            directory,
            Channel(self.batches, encrypted, self._conversations),
            members=self.rest.members,
            attachments=self.attachments,
            batch_limit=self._quota.largest,
            now=self._clock.now,
        )
        sender = Sender(self.line, self._attempts, self._quota)
        self.outbox = Outbox(
            OutboxStore(directory / "outbox.db", keystore.session_id),
            attempts=self._attempts,
            sender=sender,
            batches=self.batches,
            encrypted=encrypted,
            conversations=self._conversations,
        )
        self._catching_up: asyncio.Task[None] | None = None
        outgoing, run_job = Outgoing, self._dispatcher.run_job
        if self._traces is not None:
            self._dispatcher.put_around(self._traces.traced)
            outgoing = self._traces.TracedOutgoing
            run_job = self._traces.traced_job(run_job)
        self.outgoing = outgoing(
            keystore.app_id,
            attempts=self._attempts,
            sender=sender,
            batches=self.batches,
            encrypted=encrypted,
            conversations=self._conversations,
            attachments=self.attachments,
            sign=self.buttons.sign,
            encrypt=settings.encrypt,
            outbox=self.outbox,
        )
        self._job_store = JobStore(directory / "jobs.db", keystore.session_id)
        self._scheduler = Scheduler(
            self._job_store,
            self._dispatcher.jobs,
            self._clock,
            settings,
            run=run_job,
            is_online=lambda: self.line.is_open,
        )
        self.jobs = Jobs(self._job_store, self._dispatcher.jobs, self._clock, self._scheduler.look)
        self._run: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Call what is to be called before the line opens, and open it; raises what that raises."""
        self._states.open(self._directory)
        await self._dispatcher.start()
        self._run = asyncio.create_task(self.line.run())
        self._run.add_done_callback(_report_end)
        self._replaying = asyncio.create_task(self._replays.run())
        await self._scheduler.start()
        self.announcements.start()
        await self.outbox.take_over(self._directory)
        self._catching_up = asyncio.create_task(self.outbox.run())
        self._run.add_done_callback(self._line_ended)

    @property
    def serves(self) -> bool:
        """Whether there is a line, open or not; not so while handlers of the start run."""
        return self._run is not None

    def counts(self) -> Counts:
        """Return what has been counted so far."""
        return Counts(
            received=self._inbox.offered,
            handled=self.engine.handled,
            failed=self.engine.failed,
            retried=self.engine.retried,
            redelivered=self._inbox.repeats,
            let_go=self._inbox.let_go,
            acknowledged=self._receipts.acknowledged,
            buried=self.engine.buried,
            sent=self._attempts.sent,
            bad_frames=self.line.bad_frames,
            reconnects=max(0, self.line.connections - 1),
            in_flight=self.engine.in_flight,
            at_hand=len(self._inbox),
            dead_letters=len(self._dead_letters),
            quota_used=self._quota.used,
            quota=self._quota.quota,
            handlers=self._dispatcher.handlers,
            jobs=self._dispatcher.job_counts,
        )

    async def forget(self, user_id: str) -> None:
        """Delete all that is kept of a person; raises what that raises."""
        user_id = user_id.lower()
        await self.announcements.forget(user_id)
        await self.outbox.forget(user_id)
        await self._states.forget(user_id)
        await mailbox.forget(self._directory, user_id)
        self._dead_letters.forget(user_id)
        self._conversations.forget(contact_conversation_id(self.rest.app_id, user_id))

    @property
    def ended(self) -> asyncio.Task[None]:
        """Done when the line has ended for good; raises what ended it."""
        if self._run is None:
            raise NotRunning("the bot has not been started")
        return self._run

    async def stop(self) -> None:
        """Stop taking, finish handlers within the grace, send the last receipts, close."""
        deadline = time.monotonic() + self._settings.stop_grace
        if self._replaying is not None:
            self._replaying.cancel()
        async with AsyncExitStack() as closing:
            closing.callback(self._lock.release)
            closing.callback(self._dispatcher.release)
            closing.callback(self._quota.close)
            closing.callback(self._dead_letters.close)
            closing.callback(self._conversations.close)
            closing.callback(self._job_store.close)
            closing.push_async_callback(self._states.close)
            closing.push_async_callback(self.announcements.close)
            closing.push_async_callback(self.outbox.close)
            closing.push_async_callback(self.http.close)
            closing.push_async_callback(self._close_line)
            closing.push_async_callback(self._receipts.close)
            grace = self._settings.stop_grace
            await asyncio.gather(self.engine.stop(grace), self._scheduler.stop(grace))
            await self._dispatcher.stop(max(_FLUSH_LEAST, deadline - time.monotonic()))
            await self.announcements.stop_sending()
            if self._catching_up is not None:
                self._catching_up.cancel()
            try:
                async with asyncio.timeout(max(_FLUSH_LEAST, deadline - time.monotonic())):
                    if self.line.is_open:
                        await self._attempts.wait_idle()
                    await self._receipts.flush()
            except TimeoutError:
                logger.warning("the last sends and receipts were not taken in time; see stop_grace")

    async def _close_line(self) -> None:
        await self.line.close()
        if self._run is not None:
            self._run.cancel()
            await asyncio.gather(self._run, return_exceptions=True)

    # What the parts tell each other

    def _on_open(self) -> None:
        self.engine.line_opened()

    def _line_ended(self, run: asyncio.Task[None]) -> None:
        # Both go on as long as the line may come back, and that is over.
        if self._catching_up is not None:
            self._catching_up.cancel()
        self.announcements.running.cancel()

    def _on_accepted(self) -> None:
        self._lock.accepted(self._fingerprint)

    def _on_receipt(self, view: MessageView) -> None:
        self.announcements.hearing.on_receipt(view)
        self._dispatcher.on_receipt(view)

    def _on_message(self, view: MessageView) -> None:
        self.announcements.hearing.on_message(view)
        self._conversations.exists(view.conversation_id or "")
        self.engine.offer(view)

    def _settled(self, message_id: str, status: str) -> None:
        if status == READ:
            try:
                self._dead_letters.handled(message_id)
            except sqlite3.Error:
                logger.exception("message %s is handled but still a dead letter", message_id)
        self._receipts.add(message_id, status)

    def _acknowledge(self, message_id: str, status: str) -> None:
        self._receipts.add(message_id, status)

    async def _acknowledge_on_socket(self, receipts: Sequence[Receipt]) -> None:
        await self.announcements.hearing.write()
        await self.line.acknowledge(receipts)

    def _confirmed(self, receipts: Sequence[Receipt]) -> None:
        self._inbox.confirmed([one.message_id for one in receipts], time.monotonic())

    async def _bury(self, view: MessageView, error: BaseException, tries: int) -> None:
        context = self._dispatcher.log_context(view)
        await self._dispatcher.last_try_failed(view, error, self._settings.handler_timeout)
        self._dead_letters.add(view, error, tries)
        logger.error(
            "message %s is a dead letter after %d tries: %s",
            view.message_id,
            tries,
            error,
            extra=context,
        )


def _report_end(run: asyncio.Task[None]) -> None:
    # Whoever serves inside another loop may not be waiting for it.
    if not run.cancelled() and (error := run.exception()) is not None:
        logger.error("the bot has stopped serving: %s", error)
