"""A bot's live connection: what it asks, and what is pushed to it (protocol sections 4 to 6)."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from blazebot.errors import FrameError, ServiceError, TokenError
from blazebot.sandbox.faults import (
    ACKNOWLEDGEMENT,
    ANSWER,
    LINE,
    PAGE,
    PUSH,
    REQUEST,
    Fault,
    Faults,
    damaged,
    reordered,
)
from blazebot.sandbox.impersonation.authority import Identity
from blazebot.sandbox.lines import Line
from blazebot.sandbox.rules.drafts import AnyRequest, new_id
from blazebot.sandbox.rules.refusals import (
    bad_field,
    bad_request,
    bad_shape,
    broken,
    error_body,
    unauthorized,
)
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.rules.views import message_view, sent_view
from blazebot.sandbox.storage.rows import StoredMessage
from blazebot.sandbox.wire_log import WireLog
from blazebot.wire import frames
from blazebot.wire.codec import (
    decode_frame,
    decode_json,
    encode_answer,
    encode_error,
)
from blazebot.wire.frames import Frame
from blazebot.wire.limits import BATCH_LIMIT
from blazebot.wire.messages import MessageView

__all__ = ["BlazeLine", "IncomingReceipt"]

T = TypeVar("T")

_PAGE: Final = 200
"""Messages read from the database at a time."""

_UNKNOWN: Final = "UNKNOWN_TO_CLIENTS"
"""What an unknown action is called; behind ``PLAIN_`` an unknown category."""

_RECEIPTS_MOST: Final = 20_000
"""Receipts that wait for a bot that does not read; beyond it the oldest are let go."""

logger = logging.getLogger("blazebot.sandbox")


class IncomingReceipt(msgspec.Struct):
    """A receipt as a server reads it: one without a status means nothing, and does no harm."""

    message_id: str
    status: str | None = None


class _ReceiptBatch(msgspec.Struct):
    messages: list[IncomingReceipt]


class _RequestBatch(msgspec.Struct):
    messages: list[AnyRequest]


class BlazeLine(Line):
    """A bot's live connection.

    Nothing is pushed before ``LIST_PENDING_MESSAGES`` [S]. From then on a cursor runs through what
    the bot has not acknowledged, and waits at its end for what is new. It starts over with the next
    ``LIST_PENDING_MESSAGES``, and when something stays unacknowledged for ``redeliver_after``.
    """

    kind = WSMsgType.BINARY

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        identity: Identity,
        service: Service,
        *,
        faults: Faults,
        log: WireLog,
        opened_with: Fault | None = None,
    ) -> None:
        super().__init__(socket, transport, service.settings)
        self._bot, self._session_id = identity.user, identity.session_id
        self._service = service
        self._store = service.store
        self._deliveries = service.deliveries
        self._faults = faults
        self._log, self._number = log, log.new_line()
        self._struck = opened_with.kind if opened_with else ""  # the fault of its opening, its end
        self._loses_receipts = False
        self._held: dict[str, Fault] = {}  # by the id of the frame whose answer is held back
        # Ids of the frames that are pushed: UUIDs of one random beginning, counted at their end.
        self._frame_prefix, self._frame_count = new_id()[:24], 0
        self._receipts: deque[tuple[str, MessageView]] = deque(maxlen=_RECEIPTS_MOST)
        self._listing = False
        self._complete = True
        self._dropped: set[int] = set()  # of the page that is being pushed
        self._cursor = 0
        self._pushed_to = 0
        self._listed_to = 0
        # When to look again whether everything up to a seq is acknowledged.
        self._marks: deque[tuple[float, int]] = deque()
        self._redelivery: asyncio.TimerHandle | None = None
        self._actions: dict[str, Callable[[Frame], None]] = {
            frames.LIST_PENDING_MESSAGES: self._list_pending,
            frames.CREATE_MESSAGE: self._create_message,
            frames.CREATE_PLAIN_MESSAGES: self._create_plain_messages,
            frames.ACKNOWLEDGE_MESSAGE_RECEIPT: self._acknowledge,
            frames.ACKNOWLEDGE_MESSAGE_RECEIPTS: self._acknowledge_all,
        }

    @property
    def bot_id(self) -> str:
        """Whose line it is."""
        return self._bot.user_id

    @property
    def unacknowledged(self) -> int:
        """How many messages were pushed on this line and are not acknowledged."""
        return self._store.messages.count_pending(self._bot.user_id, up_to=self._pushed_to)

    def push(self, action: str, view: MessageView) -> None:
        """Push what is not kept: a receipt."""
        self._receipts.append((action, view))
        self.wake()

    def drop(self, seq: int) -> None:
        """Push a message no more, even if it is about to: it was recalled."""
        if self._listing:  # else nothing is about to be pushed
            self._dropped.add(seq)

    def refuse(self, error: ServiceError) -> None:
        """Send an ``ERROR`` that belongs to no request, and close [S]."""
        self.put(encode_error(new_id(), frames.ERROR, error_body(error)))
        self.end(WSCloseCode.POLICY_VIOLATION, error.description)

    async def run(self) -> None:
        """Serve the line until it is closed, by either side."""
        self._log.line(self._bot.user_id, self._number, "opened", fault=self._struck)
        self._struck = ""
        try:
            await super().run()
        finally:
            if self._redelivery is not None:
                self._redelivery.cancel()
            self._log.line(self._bot.user_id, self._number, "closed", self.ended_by, self._struck)

    async def send(self, frame: bytes, fault: str = "") -> None:
        """Send one frame now: an answer, or with ``fault`` what it says."""
        if self._faults.is_active and not fault:
            struck = self._faults.take(ANSWER, self._bot.user_id)
            if struck is not None:
                frame, fault = damaged(frame, struck, self._faults.chance(struck)), struck.kind
        await self._transmit(frame, fault)

    async def _transmit(self, frame: bytes, fault: str = "") -> None:
        self._log.frame(self._bot.user_id, self._number, "sent", frame, fault)
        await super().send(frame)

    # What the bot asks

    def receive(self, message: WSMessage) -> None:
        """Take one message: whatever is wrong with it is answered, and the line goes on."""
        if self._faults.is_active:
            fault = self._faults.take(LINE, self._bot.user_id)
            if fault is not None:
                self._note(message.data, fault)
                self.suffer(fault)
                return
        try:
            if message.type is not WSMsgType.BINARY:
                raise FrameError("a text frame: frames are binary, gzip of one JSON object")
            frame = decode_frame(message.data, self._settings.frame_limit)
        except FrameError as error:
            self._note(message.data)
            self.put(encode_error(new_id(), frames.ERROR, error_body(bad_request(str(error)))))
            return
        fault = self._fault_of(frame) if self._faults.is_active else None
        self._note(message.data, fault)
        if fault is not None and self._suffer_request(frame, fault):
            return
        act = self._actions.get(frame.action)
        try:
            if act is None:
                raise bad_field("action", f"there is no action {frame.action[:100]!r}")
            act(frame)
        except ServiceError as error:
            self._refuse_request(frame, error)
        except Exception:
            logger.exception("%s failed", frame.action)
            self._refuse_request(frame, broken())
        finally:
            self._loses_receipts = False

    def _note(self, data: bytes, fault: Fault | None = None) -> None:
        kind = fault.kind if fault else ""
        self._log.frame(self._bot.user_id, self._number, "received", data, kind)

    def _list_pending(self, frame: Frame) -> None:
        # The answer goes before all that is pushed: the sender takes answers first.
        self._reply(frame, encode_answer(frame.id, frame.action))
        self._listing = True
        self._listed_to = self._store.position
        self._start_over()

    def _create_message(self, frame: Frame) -> None:
        request = _params(frame, AnyRequest)
        (message,) = self._service.send(self._bot, self._session_id, [request])
        self._answer(frame, sent_view(message))

    def _create_plain_messages(self, frame: Frame) -> None:
        batch = _params(frame, _RequestBatch)
        self._service.send_plain(self._bot, self._session_id, batch.messages)
        self._answer(frame)

    def _acknowledge(self, frame: Frame) -> None:
        self._take_receipts([_params(frame, IncomingReceipt)])
        self._answer(frame)

    def _acknowledge_all(self, frame: Frame) -> None:
        batch = _params(frame, _ReceiptBatch)
        if len(batch.messages) > BATCH_LIMIT:
            raise bad_field("messages", f"at most {BATCH_LIMIT} in one batch")
        self._take_receipts(batch.messages)
        self._answer(frame)

    def _take_receipts(self, receipts: list[IncomingReceipt]) -> None:
        for receipt in () if self._loses_receipts else receipts:
            self._deliveries.acknowledge(self._bot.user_id, receipt.message_id, receipt.status)

    def _answer(self, frame: Frame, data: Any = None) -> None:
        self._store.after_commit(partial(self._settle, frame, data))

    def _settle(self, frame: Frame, data: Any, error: Exception | None) -> None:
        if error is not None:
            self._refuse_request(frame, broken())
        else:
            self._reply(frame, encode_answer(frame.id, frame.action, data))

    def _refuse_request(self, frame: Frame, error: ServiceError) -> None:
        self._reply(frame, encode_error(frame.id, frame.action, error_body(error)))

    def _reply(self, frame: Frame, answer: bytes) -> None:
        fault = self._held.pop(frame.id, None) if self._held else None
        if fault is None:
            self.put(answer)
        elif fault.kind == "slow":
            self._loop.call_later(fault.seconds, self.put, answer)
        elif fault.kind == "stall":
            self._faults.hold(fault, partial(self.put, answer))
        else:
            self._log.frame(self._bot.user_id, self._number, "sent", answer, fault.kind)

    # What is pushed

    async def push_more(self) -> bool:
        """Push receipts and a page of pending messages; return whether there may be more."""
        while self._receipts:
            action, view = self._receipts.popleft()
            await self._transmit(encode_answer(self._frame_id(), action, view))
        if not self._listing:
            return False
        self._dropped.clear()
        page = self._deliveries.pending(self._bot.user_id, after=self._cursor, limit=_PAGE)
        self._complete = not page
        if not page:
            return False
        try:
            # What was read may be of a transaction that is still open.
            await self._store.committed()
        except sqlite3.Error:  # it was undone: what was read never was
            return True
        last = self._cursor = page[-1].seq
        for message in self._in_order(page):
            if self.has_answers:
                await self.send_answers()
            if self._cursor != last:  # asked to start over meanwhile
                return True
            if message.seq in self._dropped:
                continue
            source = (
                frames.LIST_PENDING_MESSAGES
                if message.seq <= self._listed_to
                else frames.CREATE_MESSAGE
            )
            view = message_view(message, source)
            if self._faults.is_active:
                if not await self._push_under_faults(view):
                    return True
            else:
                await self._transmit(self._push_frame(view))
        self._pushed_to = max(self._pushed_to, last)
        self._deliveries.pushed[self._bot.user_id] += len(page)
        self._mark(last)
        await asyncio.sleep(0)  # a peer that reads quickly does not get the loop for itself
        return True

    def _push_frame(self, view: MessageView, action: str = frames.CREATE_MESSAGE) -> bytes:
        return encode_answer(self._frame_id(), action, view)

    def _frame_id(self) -> str:
        self._frame_count += 1
        return f"{self._frame_prefix}{self._frame_count:012x}"

    def _start_over(self) -> None:
        self._cursor, self._complete = 0, False
        self._marks.clear()
        self.wake()

    def _mark(self, seq: int) -> None:
        """Note that everything up to ``seq`` is pushed by now."""
        wait = self._settings.redeliver_after
        step = min(1.0, wait / 8)  # one mark for each step of time, however many pages
        due = (self._loop.time() // step + 1) * step + wait
        if self._marks and self._marks[-1][0] == due:
            self._marks[-1] = due, seq
        else:
            self._marks.append((due, seq))
        self._arm()

    def _arm(self) -> None:
        if self._marks and self._redelivery is None:
            self._redelivery = self._loop.call_at(self._marks[0][0], self._redeliver)

    def _redeliver(self) -> None:
        """Start over if what was due by now is not acknowledged."""
        self._redelivery = None
        now, bot_id = self._loop.time(), self._bot.user_id
        while self._marks and self._marks[0][0] <= now:
            _, seq = self._marks.popleft()
            if not self._store.messages.has_pending(bot_id, up_to=seq):
                continue
            if self._complete:
                self._start_over()
            else:  # a slow reader would never get to the end
                self._marks.appendleft((now + self._settings.redeliver_after, seq))
            break
        self._arm()

    # Faults

    def suffer(self, fault: Fault) -> None:
        """Do to this line what a fault says."""
        self._struck = fault.kind
        if fault.kind == "drop":
            self.end(WSCloseCode.GOING_AWAY, "a fault")
        elif fault.kind == "abort":
            self.abort("a fault")
        elif fault.kind == "freeze":
            self.freeze()
        else:
            self.refuse(unauthorized(TokenError("session", "a fault")))

    def _fault_of(self, frame: Frame) -> Fault | None:
        fault = None
        if frame.action.startswith(frames.ACKNOWLEDGE_MESSAGE_RECEIPT):
            fault = self._faults.take(ACKNOWLEDGEMENT, self._bot.user_id, frame.action)
        return fault or self._faults.take(REQUEST, self._bot.user_id, frame.action)

    def _suffer_request(self, frame: Frame, fault: Fault) -> bool:
        """Do to a request what a fault says; return whether that was all."""
        if fault.kind == "error":
            self._refuse_request(frame, fault.error())
            return True
        if fault.kind == "lost_acknowledgement":
            self._loses_receipts = True
        else:
            self._held[frame.id] = fault
        return False

    def _in_order(self, page: list[StoredMessage]) -> Sequence[StoredMessage]:
        """Return a page as it is pushed: in order, unless a fault says otherwise."""
        if not self._faults.is_active or len({one.conversation_id for one in page}) < 2:
            return page
        fault = self._faults.take(PAGE, self._bot.user_id)
        return page if fault is None else reordered(page, self._faults.chance(fault))

    async def _push_under_faults(self, view: MessageView) -> bool:
        """Push a message; return whether the line goes on."""
        fault = self._faults.take(LINE, self._bot.user_id)
        if fault is not None:
            self.suffer(fault)
            return False
        fault = self._faults.take(PUSH, self._bot.user_id, view.category or "")
        frame = self._push_frame(view)
        if fault is None:
            await self._transmit(frame)
        elif fault.kind == "duplicate":
            await self._transmit(frame)
            await self._transmit(self._push_frame(view), fault.kind)
        elif fault.kind in ("unknown_action", "unknown_category"):
            await self._transmit(self._unknown_frame(view, fault), fault.kind)
            await self._transmit(frame)
        else:
            await self._transmit(damaged(frame, fault, self._faults.chance(fault)), fault.kind)
        return True

    def _unknown_frame(self, view: MessageView, fault: Fault) -> bytes:
        """Return a push that is kept nowhere, of a kind that no client knows."""
        view = msgspec.structs.replace(view, message_id=new_id())
        if fault.kind == "unknown_action":
            return self._push_frame(view, _UNKNOWN)
        return self._push_frame(msgspec.structs.replace(view, category=f"PLAIN_{_UNKNOWN}"))


def _params(frame: Frame, kind: type[T]) -> T:
    try:
        return decode_json(frame.params, kind)
    except FrameError as error:
        raise bad_shape(error, "params") from None
