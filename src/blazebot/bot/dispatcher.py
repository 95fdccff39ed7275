"""Giving what comes in to its handlers, while the bot runs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from blazebot.bot.deadlines import handler_deadline
from blazebot.bot.events import Event, current_event
from blazebot.bot.incoming import read_content
from blazebot.bot.injection import Plan
from blazebot.bot.jobs.job import Job
from blazebot.bot.jobs.plans import JobPlan
from blazebot.bot.jobs.storage import StoredJob
from blazebot.bot.message import Message
from blazebot.bot.receipts import Receipt, ReceiptWorker
from blazebot.bot.routes import Route
from blazebot.bot.routing import Routing
from blazebot.bot.states.keeper import Run
from blazebot.delivery.engine import log_context
from blazebot.delivery.message_ids import SentByHandler
from blazebot.keys.encryption import MessageCipher
from blazebot.watch.counts import HandlerCounts
from blazebot.wire.content import Content, Invalid
from blazebot.wire.messages import MessageView

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot

logger = logging.getLogger("blazebot.bot")

FAILURES_REMEMBERED: Final = 10_000
"""Messages of which it is known whose handler failed."""


class Dispatcher:
    """Gives messages, receipts, the start and the end of ``bot`` to their handlers.

    ``around(run)`` is ``run`` with what stands around the running of messages. ``timeout`` is in
    seconds, for each handler that the engine does not watch over.
    """

    def __init__(
        self,
        bot: Bot,
        routing: Routing,
        cipher: MessageCipher,
        *,
        around: Callable[[Run], Run],
        timeout: float,
        receipts_limit: int,
    ) -> None:
        self._bot = bot
        self._app_id = bot.id
        self._routing = routing
        self._cipher = cipher
        self._timeout = timeout
        self._run = routing.injector.run
        self.jobs = routing.jobs
        """The bot's jobs by name."""
        self.callbacks = routing.callbacks
        """The kinds of callbacks that it takes, by name."""
        self._find = around(routing.injector.closing(routing.root.enter))
        self._call_for_error = around(self._call_nearest)
        self._failed: OrderedDict[str, Route | None] = OrderedDict()
        self.handlers: dict[str, HandlerCounts] = {}
        """What is counted of each handler, by name; of no handler, by an empty one."""
        self._counts: dict[Route | None, HandlerCounts] = {}
        self.job_counts: dict[str, HandlerCounts] = {}
        """What is counted of each job, by name."""
        self._receipts = ReceiptWorker(self._call_for_receipt, receipts_limit)
        self._holds = False
        self._started = False

    def put_around(self, around: Callable[[Run], Run]) -> None:
        """Put something around all that is done for a message once it is read."""
        self._find = around(self._find)

    # Messages

    async def handle(self, view: MessageView) -> None:
        """Give a message to whoever takes it; raises what that raises."""
        message = self._message(view, view.message_id)
        token = current_event.set(message)
        began = time.perf_counter()
        try:
            await self._find(message)
        except BaseException:
            self._count(message.route, began).failures += 1
            self._failed[message.id] = message.route
            if len(self._failed) > FAILURES_REMEMBERED:
                self._failed.popitem(last=False)
            raise
        finally:
            current_event.reset(token)
            message.ended()
        self._count(message.route, began)
        if self._failed:
            self._failed.pop(message.id, None)
        if message.route is None and isinstance(message.content, Invalid):
            logger.warning(
                "message %s (%s) cannot be read and no handler takes Invalid: %s",
                message.id,
                message.content.name,
                message.content.reason,
            )

    async def last_try_failed(self, view: MessageView, error: BaseException, within: float) -> None:
        """Call the handler of such an error that is nearest to the one that failed, if any.

        It may take ``within`` seconds. How it fails itself is logged.
        """
        context = self.log_context(view)
        try:
            # What it sends has ids apart from what the message's own handler sent.
            message = self._message(view, f"{view.message_id}|error")
            message.route = self._failed.pop(message.id, None)
            async with asyncio.timeout(within):
                await self._call_for_error(message, error)
        except (Exception, SystemExit, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # not the error handler: this task is ended
            logger.exception("error handler failed for message %s", view.message_id, extra=context)

    async def _call_nearest(self, message: Message[Content], error: BaseException) -> None:
        for kinds, call in self._routing.errors[message.route]:
            if isinstance(error, kinds):
                await self._run(message, call, error)
                return

    def log_context(self, view: MessageView) -> dict[str, str]:
        """Return what the log says of a message beside words; the handler, where that failed."""
        route = self._failed.get(view.message_id)
        return log_context(view) | {"handler": "" if route is None else route.name}

    def _count(self, route: Route | None, began: float) -> HandlerCounts:
        counts = self._counts.get(route)
        if counts is None:
            name = "" if route is None else route.name
            # Handlers of one name, such as those that a factory makes, are counted as one.
            counts = self._counts[route] = self.handlers.setdefault(name, HandlerCounts())
        counts.seconds.observe(time.perf_counter() - began)
        return counts

    def _message(self, view: MessageView, key: str) -> Message[Content]:
        content = read_content(view, self._cipher)
        return Message(self._bot, view, content, SentByHandler(self._app_id, key))

    # What is no message

    def on_receipt(self, view: MessageView) -> None:
        """Have the handlers of receipts called for one, in their turn."""
        if self._routing.receipts:
            self._receipts.offer(Receipt(self._bot, view))

    async def _call_for_receipt(self, receipt: Receipt) -> None:
        for plan in self._routing.receipts:
            await self._call_quietly(plan, receipt)

    async def run_job(self, plan: JobPlan, job: StoredJob) -> None:
        """Run a job; raises what that raises."""
        counts = self.job_counts.setdefault(job.name, HandlerCounts())
        began = time.perf_counter()
        try:
            data = plan.data.decode(job.data)
            await self._run(Job(self._bot, job.name, job.key, job.due, data), plan.call)
        except BaseException:
            counts.failures += 1
            raise
        finally:
            counts.seconds.observe(time.perf_counter() - began)

    async def start(self) -> None:
        """Do what is to be done before the line opens; raises what that raises."""
        self._routing.hold()
        self._holds = True
        for plan in self._routing.startups:
            await self._call(plan, self._occasion())
        self._started = True

    async def stop(self, within: float) -> None:
        """Finish with receipts, and do what is to be done in the end, within so many seconds."""
        if not self._started:
            return
        try:
            async with asyncio.timeout(within):
                await self._receipts.close()
                for plan in reversed(self._routing.shutdowns):
                    await self._call_quietly(plan, self._occasion())
        except TimeoutError:
            logger.warning("what is to be done in the end was not done in time; see stop_grace")

    def release(self) -> None:
        """Let handlers be registered again."""
        if self._holds:
            self._holds = False
            self._routing.release()

    def _occasion(self) -> Event:
        return Event(self._bot, None)

    async def _call(self, plan: Plan, event: Event) -> None:
        async with handler_deadline(self._timeout, plan.place, "handler_timeout"):
            await self._run(event, plan.call)

    async def _call_quietly(self, plan: Plan, event: Event) -> None:
        try:
            await self._call(plan, event)
        except (Exception, SystemExit):
            logger.exception("%s failed", plan.place)
