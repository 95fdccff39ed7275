"""The in-process engine: a bounded number of handlers over the inbox."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from blazebot.delivery.inbox import Inbox, Item, Lane, Verdict
from blazebot.delivery.retries import RetryPolicy
from blazebot.errors import BlazebotError, ConnectionLost, HandlerTimeout, SendTimeout
from blazebot.wire.messages import DELIVERED, READ, MessageView

logger = logging.getLogger("blazebot.delivery")

ASK_INTERVAL: Final = 0.2
"""Seconds between two requests for what was let go."""

FAIR_SHARE: Final = 0.02
"""Seconds after which handlers that never wait give way to pings, receipts and the reader."""

ASK_PATIENCE: Final = 60.0
"""Seconds after which a new line is opened if what was let go has not come again."""

GIVE_UP: Final = 1.0
"""Seconds after which a handler that was cancelled and does not end is left behind."""

OUTAGE_PAUSE: Final = 5.0
"""Seconds until a message is tried again that failed because the service was away."""

BURY_PAUSE: Final = 10.0
"""Seconds until a message is tried again that could not be kept as a dead letter."""


class Line(Protocol):
    """What the engine needs of the line to the service."""

    @property
    def is_open(self) -> bool:
        """Whether requests can be answered now."""

    async def list_pending(self) -> None:
        """Ask for everything that is not acknowledged."""

    async def reconnect(self) -> None:
        """Drop the line and open a new one."""


def log_context(view: MessageView) -> dict[str, str]:
    """Return what the log says of a message beside words."""
    return {
        "message_id": view.message_id,
        "conversation_id": view.conversation_id or "",
        "user_id": view.user_id or "",
    }


class Engine:
    """Runs ``handle`` for each message, ``concurrency`` at once, one at a time in a conversation.

    ``acknowledge(message_id, status)`` queues a receipt. ``bury(view, error, tries)`` takes a
    message whose tries are used up; when it returns the message is acknowledged as delivered,
    when it raises the message stays unacknowledged. ``log_context(view)`` is what the log says of a
    message beside words. Times are in seconds.

    While the line is not open no handler's time runs, and what fails for that is not counted as a
    try: an outage of the service is not the handler's fault.
    """

    def __init__(
        self,
        inbox: Inbox,
        *,
        handle: Callable[[MessageView], Awaitable[None]],
        bury: Callable[[MessageView, BaseException, int], Awaitable[None]],
        acknowledge: Callable[[str, str], None],
        line: Line,
        concurrency: int,
        handler_timeout: float,
        max_tries: int,
        retry_window: float,
        log_context: Callable[[MessageView], dict[str, str]] = log_context,
    ) -> None:
        self._inbox = inbox
        self._handle = handle
        self._bury = bury
        self._acknowledge = acknowledge
        self._line = line
        self._concurrency = concurrency
        self._handler_timeout = handler_timeout
        self._retries = RetryPolicy(max_tries, retry_window, random.uniform)
        self._log_context = log_context
        self._slots: set[_Slot] = set()
        self._idle: deque[_Slot] = deque()
        self._woken = False
        # When the first handler of this turn of the loop began; None where none has.
        self._turn_began: float | None = None
        self._giving_way = 0  # slots whose handlers did not wait
        self._stopping = False
        self._watch: asyncio.TimerHandle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._ask_timer: asyncio.TimerHandle | None = None
        self._asked_at = -ASK_INTERVAL
        self._patience: asyncio.TimerHandle | None = None
        self._asking: asyncio.Task[None] | None = None
        self.handled = 0
        """Messages whose handler succeeded so far."""
        self.failed = 0
        """Tries of a handler that failed so far."""
        self.retried = 0
        """Messages put off to a further try so far."""
        self.buried = 0
        """Messages that became dead letters so far."""

    @property
    def in_flight(self) -> int:
        """How many handlers are running."""
        return sum(slot.started_at is not None for slot in self._slots)

    # Arrival

    def offer(self, view: MessageView) -> None:
        """Take a message from the line; never waits."""
        verdict = self._inbox.offer(view)
        if verdict is Verdict.ACCEPTED:
            self._wake_soon()
        elif verdict is Verdict.HANDLED:
            self._acknowledge(view.message_id, self._inbox.status(view.message_id) or READ)

    def replay(self, view: MessageView) -> None:
        """Handle a message once more, in its conversation's turn, if there is room; never waits."""
        if self._inbox.replay(view) is Verdict.ACCEPTED:
            self._wake_soon()

    def line_opened(self) -> None:
        """Note that a new line is open, on which all that is pending comes again."""
        self._inbox.line_opened()

    # Slots. One is woken first; only if its handler has to wait are more woken, so that handlers
    # that do not wait cost no switch of tasks.

    def _wake_soon(self) -> None:
        if not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._wake_first)

    def _wake_first(self) -> None:
        if self._inbox.ready and self._wake_slot():
            asyncio.get_running_loop().call_soon(self._wake_rest)
        else:
            self._woken = False

    def _wake_rest(self) -> None:
        if self._giving_way:
            asyncio.get_running_loop().call_soon(self._wake_rest)
            return
        self._woken = False
        for _ in range(self._inbox.ready):
            if not self._wake_slot():
                return

    def _wake_slot(self) -> bool:
        while self._idle:
            slot = self._idle.popleft()
            if slot.wakeup is not None and not slot.wakeup.done():
                slot.wakeup.set_result(None)
                return True
        if len(self._slots) < self._concurrency and not self._stopping:
            slot = _Slot()
            slot.task = asyncio.create_task(self._serve(slot))
            self._slots.add(slot)
            return True
        return False

    async def _serve(self, slot: _Slot) -> None:
        try:
            while True:
                lane = self._inbox.next()
                if lane is not None:
                    await self._run(slot, lane)
                    if self._turn_began is not None and (
                        time.monotonic() - self._turn_began >= FAIR_SHARE
                    ):
                        await self._give_way()
                    if slot.task is not None and slot.task.cancelling():
                        return  # somebody else ends this task, such as the end of the loop
                elif self._stopping:
                    return
                else:
                    slot.wakeup = asyncio.get_running_loop().create_future()
                    self._idle.append(slot)
                    await slot.wakeup
        finally:
            self._slots.discard(slot)
            if self._inbox.ready:
                self._wake_rest()

    async def _give_way(self) -> None:
        self._giving_way += 1
        try:
            await asyncio.sleep(0)
        finally:
            self._giving_way -= 1

    def _end_turn(self) -> None:
        self._turn_began = None

    async def _run(self, slot: _Slot, lane: Lane) -> None:
        item = lane.items[0]
        slot.started_at = now = time.monotonic()
        slot.overdue = False
        if self._turn_began is None:
            self._turn_began = now
            asyncio.get_running_loop().call_soon(self._end_turn)
        if self._watch is None:
            self._watch_slots()
        error: BaseException | None = None
        try:
            await self._handle(item.view)
        except asyncio.CancelledError as cancelled:
            # Cancelled by us it is overdue or the end; a handler may also cancel itself.
            if self._stopping and not slot.overdue:
                raise
            error = cancelled
        except (Exception, SystemExit) as raised:  # argparse exits: no message may end the bot
            error = raised
        finally:
            slot.started_at = None
            # It is cancelled again and again until it ends.
            while slot.overdue and slot.task is not None and slot.task.cancelling():
                slot.task.uncancel()
        if error is None:
            self.handled += 1
            self._finished(lane, READ)
        else:
            await self._failed(lane, item, self._timeout_error() if slot.overdue else error)

    def _finished(self, lane: Lane, status: str) -> None:
        message_id = lane.items[0].view.message_id
        if self._inbox.finished(lane, status):
            self._ask_soon()
        self._acknowledge(message_id, status)

    # Failure

    async def _failed(self, lane: Lane, item: Item, error: BaseException) -> None:
        self.failed += 1
        now = time.monotonic()
        if not self._line.is_open or isinstance(error, SendTimeout | ConnectionLost):
            logger.warning(
                "message %s waits for the service: %s: %s",
                item.view.message_id,
                type(error).__name__,
                error,
                extra=self._log_context(item.view),
            )
            self._rest(lane, now + OUTAGE_PAUSE)
            return
        item.tries += 1
        if item.failed_at is None:
            item.failed_at = now
        again = self._retries.next_try(item.tries, item.failed_at, now)
        logger.warning(
            "handler failed for message %s (try %d%s)",
            item.view.message_id,
            item.tries,
            "" if again is None else f", next in {again - now:.1f} s",
            exc_info=error,
            extra=self._log_context(item.view),
        )
        if again is not None:
            self._rest(lane, again)
            return
        try:
            await self._bury(item.view, error, item.tries)
        except Exception:
            logger.exception(
                "message %s could not be kept as a dead letter; it stays unacknowledged and is "
                "tried again in %g s",
                item.view.message_id,
                BURY_PAUSE,
                extra=self._log_context(item.view),
            )
            self._rest(lane, time.monotonic() + BURY_PAUSE)
        except BaseException:  # this task is ended
            self._inbox.released(lane)
            self._ask_soon()
            raise
        else:
            self.buried += 1
            self._finished(lane, DELIVERED)

    def _rest(self, lane: Lane, until: float) -> None:
        self.retried += 1
        self._inbox.rest(lane, until)
        self._set_alarm()

    def _timeout_error(self) -> HandlerTimeout:
        return HandlerTimeout(
            f"the handler ran for more than {self._handler_timeout:g} s; see handler_timeout"
        )

    def _set_alarm(self) -> None:
        now = time.monotonic()
        at = self._inbox.wake(now)
        if self._inbox.ready:
            self._wake_rest()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if at is not None and not self._stopping:
            loop = asyncio.get_running_loop()
            self._alarm = loop.call_later(max(0.0, at - now), self._set_alarm)

    # Deadlines: one look over all slots now and then, not a timer for each message.

    def _watch_slots(self) -> None:
        now = time.monotonic()
        busy = False
        for slot in list(self._slots):
            if slot.started_at is None or slot.task is None:
                continue
            busy = True
            if not self._line.is_open:
                slot.started_at = now
            elif now - slot.started_at >= self._handler_timeout:
                slot.overdue = True
                slot.task.cancel()
        self._watch = None
        if busy or self._inbox.ready:
            interval = min(1.0, self._handler_timeout / 10)
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(interval, self._watch_slots)

    # What was let go

    def _ask_soon(self) -> None:
        if self._ask_timer is None and not self._stopping:
            delay = max(0.0, self._asked_at + ASK_INTERVAL - time.monotonic())
            loop = asyncio.get_running_loop()
            self._ask_timer = loop.call_later(delay, self._ask)

    def _ask(self) -> None:
        self._ask_timer = None
        if not self._inbox.awaits_repeats:
            return
        self._asked_at = time.monotonic()
        self._inbox.asked(self._asked_at)
        if self._inbox.has_overflowed:
            self._start(self._line.reconnect)
            return
        self._start(self._line.list_pending)
        if self._patience is None:
            self._watch_missing()

    def _watch_missing(self) -> None:
        # What was let go may never come again, such as when it has expired. On a new line nothing
        # is awaited, for it begins with the oldest pending.
        self._patience = None
        since = self._inbox.asked_since
        if since is None or self._stopping:
            return
        left = since + ASK_PATIENCE - time.monotonic()
        if left > 0:
            self._patience = asyncio.get_running_loop().call_later(left, self._watch_missing)
        else:
            logger.info("a message was let go, asked for, and has not come again: new line")
            self._start(self._line.reconnect)

    def _start(self, ask: Callable[[], Awaitable[None]]) -> None:
        if self._asking is not None:
            self._asking.cancel()
        self._asking = asyncio.create_task(_quietly(ask))

    # The end

    async def stop(self, grace: float) -> None:
        """Take no more, wait up to ``grace`` seconds for running handlers, then cancel them."""
        self._stopping = True
        self._inbox.close()
        for timer in (self._alarm, self._ask_timer, self._patience):
            if timer is not None:
                timer.cancel()
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)
        tasks = [slot.task for slot in self._slots if slot.task is not None]
        while self._wake_slot():
            pass
        if tasks:
            _, running = await asyncio.wait(tasks, timeout=max(0.0, grace))
            if running:
                logger.warning(
                    "%d handlers given up after %g s; their messages will come again",
                    len(running),
                    grace,
                )
            for task in running:
                task.cancel()
            # A handler that swallows its cancellation is left behind.
            if running:
                await asyncio.wait(running, timeout=GIVE_UP)
        if self._watch is not None:
            self._watch.cancel()


async def _quietly(ask: Callable[[], Awaitable[None]]) -> None:
    try:
        await ask()
    except BlazebotError as error:
        # It is asked for again later; and a new line lists what is pending by itself.
        logger.debug("asking for what was let go failed: %s", error)


class _Slot:
    """Room for one running handler."""

    __slots__ = ("overdue", "started_at", "task", "wakeup")

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None
        self.wakeup: asyncio.Future[None] | None = None
        self.started_at: float | None = None
        self.overdue = False
