"""The parts of a running bot, put together: line, receipts, inbox, engine, sender."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import platformdirs

from blazebot.bot.outgoing import Outgoing
from blazebot.bot.settings import BotSettings
from blazebot.client.attachments import AttachmentClient
from blazebot.client.blaze import BlazeClient
from blazebot.client.proxies import Proxies, open_http
from blazebot.client.receipts import ReceiptSender
from blazebot.client.rest import RestClient
from blazebot.delivery.conversations import Conversations
from blazebot.delivery.dead_letters import DeadLetters
from blazebot.delivery.encrypted import EncryptedSender
from blazebot.delivery.engine import Engine
from blazebot.delivery.inbox import Inbox
from blazebot.delivery.sender import Sender
from blazebot.delivery.session_lock import SessionLock, open_data_directory
from blazebot.errors import NotRunning
from blazebot.keys.encryption import MessageCipher
from blazebot.keys.keystore import Keystore
from blazebot.wire.messages import MessageView

logger = logging.getLogger("blazebot")

_FLUSH_LEAST = 1.0  # seconds for the last receipts, however little of the grace is left


class Runtime:
    """A running bot. Made by :meth:`start`, ended by :meth:`stop`."""

    def __init__(
        self,
        keystore: Keystore,
        settings: BotSettings,
        cipher: MessageCipher,
        *,
        handle: Callable[[MessageView], Awaitable[None]],
        last_try_failed: Callable[[MessageView, BaseException], Awaitable[None]],
    ) -> None:
        self._settings = settings
        self._last_try_failed = last_try_failed
        self._proxies = Proxies(settings.proxy)
        self._proxies.check((*settings.rest_addresses, *settings.blaze_addresses))
        root = (
            Path(settings.data_dir)
            if settings.data_dir
            else platformdirs.user_data_path("blazebot", appauthor=False)
        )
        directory = open_data_directory(root, keystore.app_id)
        self._lock = SessionLock(directory, keystore.session_id)
        self._lock.acquire()
        try:
            self._put_together(keystore, cipher, directory, handle)
        except BaseException:
            self._lock.release()
            raise

    def _put_together(
        self,
        keystore: Keystore,
        cipher: MessageCipher,
        directory: Path,
        handle: Callable[[MessageView], Awaitable[None]],
    ) -> None:
        settings = self._settings
        self._dead_letters = DeadLetters(directory / "dead-letters.db")
        self._fingerprint = keystore.fingerprint
        self.http = open_http(self._proxies)
        self.rest = RestClient(
            keystore,
            self.http,
            urls=settings.rest_addresses,
            timeout=settings.request_timeout,
        )
        self._inbox = Inbox(
            limit=settings.inbox_limit,
            lane_limit=settings.conversation_limit,
            keep_ids=settings.remember_for,
            ids_limit=settings.remembered_ids,
            bytes_limit=settings.inbox_bytes,
        )
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
            on_socket=self.line.acknowledge,
            by_rest=self.rest.acknowledge,
            confirmed=self._confirmed,
            batch=settings.receipt_batch,
            delay=settings.receipt_delay,
            limit=settings.remembered_ids,
        )
        self.engine = Engine(
            self._inbox,
            handle=handle,
            bury=self._bury,
            acknowledge=self._acknowledge,
            line=self.line,
            concurrency=settings.concurrency,
            handler_timeout=settings.handler_timeout,
            max_tries=settings.max_tries,
            retry_window=settings.retry_window,
        )
        self._sender = Sender(self.line, send_timeout=settings.send_timeout)
        self.attachments = AttachmentClient(self.rest, self.http)
        self._conversations = Conversations(
            directory / "conversations.db", self.rest.create_contact
        )
        self.outgoing = Outgoing(
            keystore.app_id,
            sender=self._sender,
            encrypted=EncryptedSender(cipher, self._sender, self.rest),
            conversations=self._conversations,
            attachments=self.attachments,
            encrypt=settings.encrypt,
        )
        self._run: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start to serve; returns at once."""
        self._run = asyncio.create_task(self.line.run())
        self._run.add_done_callback(_report_end)

    @property
    def ended(self) -> asyncio.Task[None]:
        """Done when the line has ended for good; raises what ended it."""
        if self._run is None:
            raise NotRunning("the bot has not been started")
        return self._run

    async def stop(self) -> None:
        """Stop taking, finish handlers within the grace, send the last receipts, close."""
        deadline = time.monotonic() + self._settings.stop_grace
        async with AsyncExitStack() as closing:
            closing.callback(self._lock.release)
            closing.callback(self._dead_letters.close)
            closing.callback(self._conversations.close)
            closing.push_async_callback(self.http.close)
            closing.push_async_callback(self._close_line)
            closing.push_async_callback(self._receipts.close)
            await self.engine.stop(self._settings.stop_grace)
            try:
                async with asyncio.timeout(max(_FLUSH_LEAST, deadline - time.monotonic())):
                    if self.line.is_open:
                        await self._sender.wait_idle()
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

    def _on_accepted(self) -> None:
        self._lock.accepted(self._fingerprint)

    def _on_message(self, view: MessageView) -> None:
        self._conversations.exists(view.conversation_id or "")
        self.engine.offer(view)

    def _on_receipt(self, view: MessageView) -> None:
        logger.debug("message %s is %s", view.message_id, view.status)

    def _acknowledge(self, message_id: str, status: str) -> None:
        self._receipts.add(message_id, status)

    def _confirmed(self, message_ids: Sequence[str]) -> None:
        self._inbox.confirmed(message_ids, time.monotonic())

    async def _bury(self, view: MessageView, error: BaseException, tries: int) -> None:
        try:
            async with asyncio.timeout(self._settings.handler_timeout):
                await self._last_try_failed(view, error)
        except (Exception, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # not the error handler: this task is ended
            logger.exception("error handler failed for message %s", view.message_id)
        self._dead_letters.add(view, error, tries)
        logger.error(
            "message %s is a dead letter after %d tries: %s", view.message_id, tries, error
        )


def _report_end(run: asyncio.Task[None]) -> None:
    # Whoever serves inside another loop may not be waiting for it.
    if not run.cancelled() and (error := run.exception()) is not None:
        logger.error("the bot has stopped serving: %s", error)
