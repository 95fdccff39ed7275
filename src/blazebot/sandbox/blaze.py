"""The Blaze endpoint: a bot's connection (protocol sections 4, 6 and 10)."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from blazebot.errors import FrameError, ServiceError, TokenError
from blazebot.sandbox.answers import answer_headers, json_answer
from blazebot.sandbox.authority import Authority, Identity
from blazebot.sandbox.drafts import AnyRequest, new_id
from blazebot.sandbox.lines import Line
from blazebot.sandbox.refusals import (
    bad_field,
    bad_request,
    bad_shape,
    broken,
    error_body,
    unauthorized,
)
from blazebot.sandbox.service import BotLine, Service
from blazebot.sandbox.views import message_view, sent_view
from blazebot.wire import frames
from blazebot.wire.codec import (
    decode_frame,
    decode_json,
    encode_answer,
    encode_error,
)
from blazebot.wire.frames import Frame
from blazebot.wire.limits import BATCH_LIMIT, socket_limit
from blazebot.wire.messages import MessageView

__all__ = ["SUBPROTOCOLS", "Blaze", "BlazeLine", "IncomingReceipt"]

T = TypeVar("T")

SUBPROTOCOLS: Final = ("Mixin-Blaze-1", "MixinBot-Blaze-1")
"""What clients offer; the one offered is echoed, and none is fine too [C]."""

_PAGE: Final = 200
"""Messages read from the database at a time."""

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
    ) -> None:
        super().__init__(socket, transport, service.settings)
        self._bot, self._session_id = identity.user, identity.session_id
        self._service = service
        self._store = service.store
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
        return self._store.count_pending(self._bot.user_id, up_to=self._pushed_to)

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
        try:
            await super().run()
        finally:
            if self._redelivery is not None:
                self._redelivery.cancel()

    # What the bot asks

    def receive(self, message: WSMessage) -> None:
        """Take one message: whatever is wrong with it is answered, and the line goes on."""
        try:
            if message.type is not WSMsgType.BINARY:
                raise FrameError("a text frame: frames are binary, gzip of one JSON object")
            frame = decode_frame(message.data, self._settings.frame_limit)
        except FrameError as error:
            self.put(encode_error(new_id(), frames.ERROR, error_body(bad_request(str(error)))))
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

    def _list_pending(self, frame: Frame) -> None:
        # The answer goes before all that is pushed: the sender takes answers first.
        self.put(encode_answer(frame.id, frame.action))
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
        receipt = _params(frame, IncomingReceipt)
        self._service.acknowledge(self._bot.user_id, receipt.message_id, receipt.status or "")
        self._answer(frame)

    def _acknowledge_all(self, frame: Frame) -> None:
        batch = _params(frame, _ReceiptBatch)
        if len(batch.messages) > BATCH_LIMIT:
            raise bad_field("messages", f"at most {BATCH_LIMIT} in one batch")
        for receipt in batch.messages:
            self._service.acknowledge(self._bot.user_id, receipt.message_id, receipt.status or "")
        self._answer(frame)

    def _answer(self, frame: Frame, data: Any = None) -> None:
        self._store.after_commit(partial(self._settle, frame, data))

    def _settle(self, frame: Frame, data: Any, error: Exception | None) -> None:
        if error is not None:
            self._refuse_request(frame, broken())
        else:
            self.put(encode_answer(frame.id, frame.action, data))

    def _refuse_request(self, frame: Frame, error: ServiceError) -> None:
        self.put(encode_error(frame.id, frame.action, error_body(error)))

    # What is pushed

    async def push_more(self) -> bool:
        """Push receipts and a page of pending messages; return whether there may be more."""
        while self._receipts:
            action, view = self._receipts.popleft()
            await self.send(encode_answer(self._frame_id(), action, view))
        if not self._listing:
            return False
        self._dropped.clear()
        page = self._service.pending(self._bot.user_id, after=self._cursor, limit=_PAGE)
        self._complete = not page
        if not page:
            return False
        try:
            # What was read may be of a transaction that is still open.
            await self._store.committed()
        except sqlite3.Error:  # it was undone: what was read never was
            return True
        last = self._cursor = page[-1].seq
        for message in page:
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
            await self.send(encode_answer(self._frame_id(), frames.CREATE_MESSAGE, view))
        self._pushed_to = max(self._pushed_to, last)
        self._mark(last)
        await asyncio.sleep(0)  # a peer that reads quickly does not get the loop for itself
        return True

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
            if not self._store.has_pending(bot_id, up_to=seq):
                continue
            if self._complete:
                self._start_over()
            else:  # a slow reader would never get to the end
                self._marks.appendleft((now + self._settings.redeliver_after, seq))
            break
        self._arm()


def _params(frame: Frame, kind: type[T]) -> T:
    try:
        return decode_json(frame.params, kind)
    except FrameError as error:
        raise bad_shape(error, "params") from None


class Blaze:
    """The endpoint: takes a handshake and serves the line."""

    def __init__(self, authority: Authority, service: Service) -> None:
        self._authority = authority
        self._service = service
        self._settings = service.settings
        self.handshakes: Counter[str] = Counter()
        """How many handshakes of each bot were accepted since the start."""
        self._lines: set[BlazeLine] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Take a handshake; the answer to one without a valid token is HTTP 401."""
        headers = answer_headers(request, self._service.clocks)
        try:
            identity = self._authority.identify(
                request.headers.get("Authorization"), method=request.method, uri=request.raw_path
            )
            if identity.authorization is not None:
                raise unauthorized(TokenError("session", "a person's token opens no connection"))
        except ServiceError as error:
            return json_answer({"error": error_body(error)}, 401, headers)
        socket = web.WebSocketResponse(
            protocols=SUBPROTOCOLS,
            compress=False,
            autoping=False,
            autoclose=False,
            decode_text=False,
            max_msg_size=socket_limit(self._settings.frame_limit),
            timeout=self._settings.stop_grace,
        )
        socket.headers.update(headers)
        await socket.prepare(request)
        if request.transport is None:  # gone already
            return socket
        line = BlazeLine(socket, request.transport, identity, self._service)
        self._lines.add(line)
        try:
            self._admit(line, identity)
            await line.run()
        finally:
            self._lines.discard(line)
            if self._service.lines.get(line.bot_id) is line:
                del self._service.lines[line.bot_id]
        return socket

    def end_all(self) -> None:
        """Close all lines because the sandbox stops."""
        for line in self._lines:
            line.end(WSCloseCode.GOING_AWAY, "the sandbox stops")

    def _admit(self, line: BlazeLine, identity: Identity) -> None:
        """Make the line its bot's live one."""
        bot_id = line.bot_id
        self.handshakes[bot_id] += 1
        user = self._service.store.user(bot_id)
        if user is None or user.session_id != identity.session_id:  # ended since the check
            line.refuse(unauthorized(TokenError("session", "a newer session has replaced this")))
            return
        older = self._service.lines.get(bot_id)
        if older is None or self._settings.newer_connection_wins:
            self._service.lines[bot_id] = line
            loser: BotLine | None = older
        else:
            loser = line
        if loser is not None:
            loser.end(WSCloseCode.POLICY_VIOLATION, "this session has another connection")
