"""A worker: it runs a bot's handlers, for messages from JetStream, and sends by the gateway."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, Self

import aiohttp
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.kv import KeyValue

from blazebot.announce.announcements import Announcements
from blazebot.bot.buttons.presses import Buttons
from blazebot.bot.clock import Clock
from blazebot.bot.dispatcher import Dispatcher
from blazebot.bot.jobs.jobs import Jobs
from blazebot.bot.jobs.scheduler import Scheduler
from blazebot.bot.outgoing import Outgoing
from blazebot.bot.parts import make_rest
from blazebot.bot.settings import BotSettings
from blazebot.bot.states.keeper import StateKeeper
from blazebot.bot.tracing import load_traces
from blazebot.client.attachments import AttachmentClient
from blazebot.client.http import open_http
from blazebot.client.proxies import Proxies
from blazebot.delivery.attempts import Attempts
from blazebot.delivery.batches import BatchSender
from blazebot.delivery.conversations import Conversations
from blazebot.delivery.encrypted import EncryptedSender
from blazebot.delivery.engine import Engine
from blazebot.delivery.inbox import Inbox
from blazebot.delivery.quota import Allowance
from blazebot.delivery.sender import Sender
from blazebot.delivery.session_lock import open_data_directory
from blazebot.errors import EngineError, FrameError, NotRunning, SettingsError
from blazebot.jetstream.connection import Client, close, connect, end, warn_if_old
from blazebot.jetstream.dead_letters import DeadLetterStream
from blazebot.jetstream.deliveries import Deliveries
from blazebot.jetstream.gateway import Gateway
from blazebot.jetstream.gateway_line import GatewayLine, GatewayQuota
from blazebot.jetstream.jobs import BucketJobStorage
from blazebot.jetstream.names import Names
from blazebot.jetstream.outbox import StreamOutbox
from blazebot.jetstream.states import BucketStateStorage
from blazebot.jetstream.streams import Terms, declare, jobs_bucket, states_bucket
from blazebot.keys.encryption import MessageCipher
from blazebot.keys.keystore import Keystore
from blazebot.watch.counts import Counts
from blazebot.wire.codec import decode_json
from blazebot.wire.messages import MessageView

logger = logging.getLogger("blazebot.jetstream")

_FLUSH_LEAST: Final = 1.0  # seconds for the last acknowledgements, however little grace is left
_QUEUE: Final = "workers"  # each receipt goes to one of them


class Worker:
    """Runs a bot's handlers; with ``gateway`` it stands by for the bot's line too.

    Made by :meth:`open`, begun by :meth:`start`, ended by :meth:`stop`. How failed handlers are
    tried again is the engine's of one process; JetStream does the rest: what comes when and to
    whom, and what becomes of the messages of a worker that dies.
    """

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
        url: str,
        with_gateway: bool,
    ) -> Self:
        """Return a worker for NATS at ``url``, put together.

        Raises:
            EngineError: NATS cannot be used.
            SettingsError: the data directory cannot be used.
        """
        directory = open_data_directory(settings.data_root, keystore.app_id)
        proxies = Proxies(settings.proxy)
        proxies.check(settings.rest_addresses)
        async with AsyncExitStack() as opened:
            http = open_http(proxies)
            opened.push_async_callback(http.close)
            gateway = Gateway(keystore, settings, url) if with_gateway else None
            client = await connect(
                url, name=f"blazebot worker {keystore.app_id}", within=settings.open_timeout
            )
            opened.push_async_callback(close, client)
            warn_if_old(client, settings.engine_replicas)
            js, names = client.jetstream(), Names(keystore.app_id)
            terms = Terms(settings.engine_partitions, settings.engine_replicas)
            await declare(js, names, terms)
            states.open(directory, BucketStateStorage(await states_bucket(js, names, terms)))
            opened.push_async_callback(states.close)
            jobs = await jobs_bucket(js, names, terms)
            worker = cls(
                keystore,
                settings,
                cipher,
                dispatcher,
                clock=clock,
                http=http,
                client=client,
                js=js,
                jobs=jobs,
                directory=directory,
                gateway=gateway,
            )
            worker._closing = opened.pop_all()
            return worker

    def __init__(
        self,
        keystore: Keystore,
        settings: BotSettings,
        cipher: MessageCipher,
        dispatcher: Dispatcher,
        *,
        clock: Clock,
        http: aiohttp.ClientSession,
        client: Client,
        js: JetStreamContext,
        jobs: KeyValue,
        directory: Path,
        gateway: Gateway | None,
    ) -> None:
        self.http = http
        self._settings = settings
        self._dispatcher = dispatcher
        self._client = client
        self._gateway = gateway
        self._names = names = Names(keystore.app_id)
        self._closing = AsyncExitStack()
        self.line = GatewayLine(client, names)
        quota = GatewayQuota(
            self.line,
            largest=Allowance.of(settings.quota).largest,
            within=settings.send_timeout,
        )
        self.rest = make_rest(settings, keystore, http, quota)
        self.buttons = Buttons(
            keystore.app_id, dispatcher.callbacks, clock, load_key=self._button_key
        )
        # Its bounds are those of the partitions: JetStream gives no more.
        self._inbox = Inbox(
            limit=2 * settings.engine_partitions,
            lane_limit=2 * settings.engine_partitions,
            keep_ids=settings.remember_for,
            ids_limit=settings.remembered_ids,
            bytes_limit=2 * settings.engine_partitions * settings.frame_limit,
        )
        self.engine = Engine(
            self._inbox,
            handle=dispatcher.handle,
            bury=self._bury,
            acknowledge=self._settle,
            line=self.line,
            concurrency=settings.concurrency,
            handler_timeout=settings.handler_timeout,
            max_tries=settings.max_tries,
            retry_window=settings.retry_window,
            log_context=dispatcher.log_context,
        )
        self._deliveries = Deliveries(
            js,
            names,
            settings.engine_partitions,
            offer=self._offer,
            replay=self.engine.replay,
            settled=lambda message_id: self._inbox.confirmed([message_id], time.monotonic()),
        )
        self._dead_letters = DeadLetterStream(js, names)
        self._attempts = Attempts(settings.send_timeout)
        self.attachments = AttachmentClient(self.rest, http)
        self._conversations = Conversations(
            directory / "conversations.db", self.rest.create_contact
        )
        self.outbox = StreamOutbox(client, js, names)
        outgoing, run_job = Outgoing, dispatcher.run_job
        if settings.traces:
            traces = load_traces()
            dispatcher.put_around(traces.traced)
            outgoing, run_job = traces.TracedOutgoing, traces.traced_job(run_job)
        self.outgoing = outgoing(
            keystore.app_id,
            attempts=self._attempts,
            sender=Sender(self.line, self._attempts, quota),
            batches=BatchSender(self._attempts, quota, self.rest, self.line),
            encrypted=EncryptedSender(cipher, self._attempts, self.rest),
            conversations=self._conversations,
            attachments=self.attachments,
            sign=self.buttons.sign,
            encrypt=settings.encrypt,
            outbox=self.outbox,
        )
        self._job_storage = BucketJobStorage(js, self._names, jobs, self._jobs_changed)
        self._scheduler = Scheduler(
            self._job_storage,
            dispatcher.jobs,
            clock,
            settings,
            run=run_job,
            is_online=lambda: self.line.is_open,
        )
        self.jobs = Jobs(self._job_storage, dispatcher.jobs, clock, self._scheduler.look)
        self._watching_jobs: asyncio.Task[None] | None = None
        self._acknowledged = 0
        self._run: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Call what is to be called first, then take messages; raises what that raises."""
        await self.line.start()
        await self._dispatcher.start()
        receipts = await self._client.subscribe(
            self._names.receipts, queue=_QUEUE, cb=self._on_receipts
        )
        self._closing.push_async_callback(receipts.unsubscribe)
        if self._gateway is not None:
            await self._gateway.start()
            self._run = self._gateway.ended
        else:
            self._run = asyncio.create_task(_for_ever())
        await self._start_jobs()
        self._deliveries.start()
        logger.info("this worker takes messages of bot %s", self._names.app_id)

    async def _start_jobs(self) -> None:
        if not self._dispatcher.jobs:
            return
        self._watching_jobs = asyncio.create_task(self._job_storage.watch())
        try:
            async with asyncio.timeout(self._settings.open_timeout):
                await self._job_storage.loaded.wait()
        except TimeoutError:
            raise EngineError("NATS does not give the bot's jobs: see that it runs") from None
        await self._scheduler.start()

    @property
    def serves(self) -> bool:
        """Whether messages come; not so while handlers of the start run."""
        return self._run is not None

    @property
    def ended(self) -> asyncio.Task[None]:
        """Done when the gateway of this process has ended for good; raises what ended it."""
        if self._run is None:
            raise NotRunning("the bot has not been started")
        return self._run

    @property
    def announcements(self) -> Announcements:
        """Raise NotRunning: announcements are made by one process."""
        raise NotRunning("a worker makes no announcements: make them without an engine")

    async def forget(self, user_id: str) -> None:
        """Raise NotRunning: what is kept of people is kept by several processes."""
        raise NotRunning("a worker cannot forget people: use `blazebot forget` on each machine")

    def counts(self) -> Counts:
        """Return what has been counted so far; the quota is the gateway's."""
        return Counts(
            received=self._inbox.offered,
            handled=self.engine.handled,
            failed=self.engine.failed,
            retried=self.engine.retried,
            redelivered=self._deliveries.redelivered,
            let_go=self._inbox.let_go,
            acknowledged=self._acknowledged,
            buried=self.engine.buried,
            sent=self._attempts.sent,
            bad_frames=0,
            reconnects=max(0, self.line.connections - 1),
            in_flight=self.engine.in_flight,
            at_hand=len(self._inbox),
            dead_letters=0,
            quota_used=0,
            quota=self._settings.quota,
            handlers=self._dispatcher.handlers,
            jobs=self._dispatcher.job_counts,
        )

    async def stop(self) -> None:
        """Finish handlers within the grace; let other workers have the rest."""
        deadline = time.monotonic() + self._settings.stop_grace
        async with AsyncExitStack() as closing:
            closing.callback(self._dispatcher.release)
            closing.push_async_callback(self._closing.aclose)
            closing.callback(self._conversations.close)
            if self._gateway is not None:
                closing.push_async_callback(self._gateway.stop)
            closing.push_async_callback(self.line.close)
            closing.push_async_callback(self._deliveries.stop)
            if self._watching_jobs is not None:
                closing.push_async_callback(end, [self._watching_jobs])
            grace = self._settings.stop_grace
            await asyncio.gather(self.engine.stop(grace), self._scheduler.stop(grace))
            await self._dispatcher.stop(max(_FLUSH_LEAST, deadline - time.monotonic()))
            try:
                async with asyncio.timeout(max(_FLUSH_LEAST, deadline - time.monotonic())):
                    await self._deliveries.flush()
            except TimeoutError:
                logger.warning("JetStream has not taken all that was handled; it is handled again")
        if self._run is not None:
            self._run.cancel()

    # What the parts tell each other

    def _offer(self, view: MessageView) -> None:
        self._conversations.exists(view.conversation_id or "")
        self.engine.offer(view)

    def _jobs_changed(self) -> None:
        self._scheduler.look()

    def _settle(self, message_id: str, status: str) -> None:
        self._acknowledged += 1
        self._deliveries.settle(message_id, status)

    async def _on_receipts(self, message: Msg) -> None:
        try:
            views = decode_json(message.data, list[MessageView])
        except FrameError as error:
            logger.error("receipts of a gateway cannot be read: %s", error)
            return
        for view in views:
            self._dispatcher.on_receipt(view)

    def _button_key(self) -> bytes:
        if self._settings.button_key is None:
            raise SettingsError(
                "button_key: workers share no directory: set BLAZEBOT_BUTTON_KEY, the same for all"
            )
        return self._settings.button_key.encode()

    async def _bury(self, view: MessageView, error: BaseException, tries: int) -> None:
        context = self._dispatcher.log_context(view)
        await self._dispatcher.last_try_failed(view, error, self._settings.handler_timeout)
        await self._dead_letters.add(view, error, tries)
        logger.error(
            "message %s is a dead letter after %d tries: %s",
            view.message_id,
            tries,
            error,
            extra=context,
        )


async def _for_ever() -> None:
    await asyncio.Event().wait()
