"""One line to the message service: connect, list pending, ask and be answered, reconnect."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final
from uuid import uuid4

import aiohttp

from blazebot.client.frame_watch import FrameWatch
from blazebot.client.outstanding import Outstanding, OutstandingRequests
from blazebot.client.quota import Sends
from blazebot.client.reconnects import Reconnects
from blazebot.client.rest import RestClient
from blazebot.client.unauthorized import explain_unauthorized
from blazebot.errors import (
    BlazebotError,
    ConnectionLost,
    FrameError,
    NotRunning,
    RequestTimeout,
    SendTimeout,
    Unauthorized,
)
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.wire import frames
from blazebot.wire.codec import decode_json, decompress, encode_request, parse_frame, parse_push
from blazebot.wire.frames import Frame, Push
from blazebot.wire.limits import socket_limit
from blazebot.wire.messages import READ, MessageView, Receipt, ReceiptBatch

logger = logging.getLogger("blazebot.blaze")

SUBPROTOCOL: Final = "Mixin-Blaze-1"

_BACKOFF_BASE: Final = 0.5
_BACKOFF_CAP: Final = 30.0
_SWEEP: Final = 0.25  # seconds between looks at the clock while requests wait
_UNKNOWN_ACTIONS_LOGGED: Final = 100

Waiter = asyncio.Future[Frame]


class BlazeClient:
    """Keeps one line open, and matches requests with their answers.

    ``urls`` are the socket addresses, the preferred first. ``on_message`` is called for each
    message pushed, ``on_receipt`` for each status of a message that the bot sent; both at once,
    in order of arrival, and neither may wait. ``on_unknown`` is told the id, and the status to
    acknowledge it with, of what is pushed by an action that is not known. ``on_open`` is called
    before the first frame of each line, ``on_accepted`` once the service serves it. Times are in
    seconds: ``heartbeat`` between pings, ``request_timeout`` for one try of a request.
    ``frame_limit`` bounds a frame, in bytes once inflated. ``accepted_before`` says whether the
    service has ever accepted this key.
    """

    def __init__(
        self,
        keystore: Keystore,
        http: aiohttp.ClientSession,
        rest: RestClient,
        *,
        urls: Sequence[str],
        on_message: Callable[[MessageView], None],
        on_receipt: Callable[[MessageView], None],
        on_unknown: Callable[[str, str], None],
        on_open: Callable[[], None],
        on_accepted: Callable[[], None],
        heartbeat: float,
        request_timeout: float,
        frame_limit: int,
        accepted_before: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keystore = keystore
        self._http = http
        self._rest = rest
        self._on_message = on_message
        self._on_receipt = on_receipt
        self._on_unknown = on_unknown
        self._on_open = on_open
        self._on_accepted = on_accepted
        self._heartbeat = heartbeat
        self._request_timeout = request_timeout
        self._frame_limit = frame_limit
        self._accepted = accepted_before
        self._clock = clock
        self._reconnects = Reconnects(
            urls, base=_BACKOFF_BASE, cap=_BACKOFF_CAP, uniform=random.uniform
        )
        self._requests: OutstandingRequests[Waiter] = OutstandingRequests(
            try_timeout=request_timeout
        )
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._sweeper: asyncio.TimerHandle | None = None
        self._closing = False
        self._dropped = False
        self._refusal: Unauthorized | None = None
        self._ended: Callable[[], BlazebotError] | None = None
        self._unknown_actions: set[str] = set()
        self._id_prefix = str(uuid4())[:-8]
        self._sent = 0
        self.opened = asyncio.Event()
        """Set while a line is open and has been asked for pending messages."""
        self.connections = 0
        """Lines opened so far."""
        self.bad_frames = 0
        """Frames skipped because they could not be read."""

    # The line

    async def run(self) -> None:
        """Keep a line open until :meth:`close`.

        Raises:
            Unauthorized: the service refuses the session for good, as ``GET /me`` confirmed.
        """
        while True:
            try:
                await self._serve_line(self._reconnects.url)
            except Unauthorized as error:
                await self._confirm(error)
            except (BlazebotError, aiohttp.ClientError, OSError) as error:
                if not self._closing:
                    logger.warning("line lost: %s", error or type(error).__name__)
            if self._closing:
                return
            if self._dropped:
                self._dropped = False
                self._reconnects.dropped()
                continue
            again = self._reconnects.lost(time.monotonic())
            if again.contested:
                logger.error(
                    "the line is lost again and again right after opening: another process uses "
                    "this session. Stop it, or give this bot a session of its own. Next try in "
                    "%.0f s",
                    again.delay,
                )
            await asyncio.sleep(again.delay)

    @property
    def is_open(self) -> bool:
        """Whether a line is open and has been asked for pending messages."""
        return self.opened.is_set()

    async def close(self) -> None:
        """Close the line with 1000; :meth:`run` then returns."""
        self._closing = True
        self._end(lambda: NotRunning("the bot was stopped; what was being sent may have arrived"))
        await self._close_socket()

    def _end(self, error: Callable[[], BlazebotError]) -> None:
        """Let all that wait for an answer, and all requests to come, fail with ``error()``."""
        self._ended = self._ended or error
        self._stop_sweeping()
        for request in self._requests.abandoned():
            _fail(request.waiter, error())

    async def reconnect(self) -> None:
        """Drop the line and open a new one at once: on it pushes begin with the oldest pending."""
        if self._socket is not None:
            self._dropped = True
            await self._close_socket()

    async def _close_socket(self) -> None:
        if self._socket is not None:
            await self._socket.close(code=aiohttp.WSCloseCode.OK)

    async def _serve_line(self, url: str) -> None:
        token = sign_token(self._keystore, "GET", "/", now=self._clock())
        try:
            async with asyncio.timeout(self._request_timeout):
                socket = await self._http.ws_connect(
                    url,
                    protocols=(SUBPROTOCOL,),
                    headers={"Authorization": f"Bearer {token}"},
                    heartbeat=self._heartbeat,
                    autoping=False,  # see FrameWatch
                    timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
                    max_msg_size=socket_limit(self._frame_limit),
                )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == 401:
                raise Unauthorized(401, "refused at the handshake") from None
            raise ConnectionLost(f"{url}: the handshake was answered {error.status}") from None
        except TimeoutError:
            raise ConnectionLost(f"{url}: no handshake in time; see request_timeout") from None
        async with socket:
            await self._use(socket)

    async def _use(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._reconnects.opened(time.monotonic())
        self._on_open()
        listing = asyncio.ensure_future(self._open_line())
        watch = FrameWatch(socket, self._heartbeat)
        try:
            while True:
                message = await socket.receive()
                if message.type is aiohttp.WSMsgType.BINARY:
                    watch.frames += 1
                    self._read(message.data)
                elif message.type is aiohttp.WSMsgType.TEXT:
                    self._skip(message.data.encode(), "a text frame; frames are binary")
                elif not await watch.takes(message):
                    break
        finally:
            self._socket = None
            self.opened.clear()
            watch.stop()
            listing.cancel()
            for ended in self._requests.lost():
                _fail(ended.waiter, ConnectionLost("the line broke before the answer came"))
            await asyncio.gather(listing, return_exceptions=True)
        if self._refusal is not None:
            refusal, self._refusal = self._refusal, None
            raise refusal
        if not self._closing and not self._dropped:
            reason = socket.exception() or f"closed with {socket.close_code}"
            raise ConnectionLost(str(reason))

    async def _open_line(self) -> None:
        try:
            is_answered = await self._is_listed()
            await self._begin_line()
            while not is_answered:  # it may have been lost, and nothing is pushed before it
                is_answered = await self._is_listed()
        except BlazebotError as error:
            logger.warning("%s failed: %s", frames.LIST_PENDING_MESSAGES, error)
            self._refusal = error if isinstance(error, Unauthorized) else None
            await self._close_socket()

    async def _is_listed(self) -> bool:
        try:
            await self.list_pending()
        except RequestTimeout:
            # Pushes may come without an answer; a line that is dead is found by the heartbeat.
            logger.warning("no answer to %s", frames.LIST_PENDING_MESSAGES)
            return False
        return True

    async def _begin_line(self) -> None:
        self.connections += 1
        self._accepted = True
        now = time.monotonic()
        # What waited for a line goes first, in its order; more may come to wait meanwhile.
        while self._socket is not None and (waiting := self._requests.unwritten()):
            for request in waiting:
                await self._write(request, now)
        self.opened.set()
        self._on_accepted()
        logger.info("line open to %s", self._reconnects.url)

    async def _confirm(self, error: Unauthorized) -> None:
        # One 401 on the socket may be a passing fault of one host; REST decides.
        try:
            await self._rest.me()
        except Unauthorized as confirmed:
            explain = partial(
                explain_unauthorized,
                confirmed,
                clock_skew=self._rest.clock_skew,
                accepted_before=self._accepted,
            )
            self._end(explain)
            raise explain() from None
        except BlazebotError as other:
            logger.warning("401 (%s), and GET /me could not confirm it: %s", error, other)
        else:
            logger.warning("401 (%s), but GET /me is answered: trying again", error)
        self._reconnects.refused()

    # Frames in

    def _read(self, data: bytes) -> None:
        try:
            text = decompress(data, self._frame_limit)
            push = parse_push(text)
            if push is not None and push.id not in self._requests:
                self._push(push)
            else:
                self._take(parse_frame(text))
        except FrameError as error:
            self._skip(data, str(error))
        except Unauthorized:
            raise
        except Exception:
            logger.exception("a frame could not be taken in an unforeseen way")
            self._skip(data, "see above")

    def _push(self, push: Push) -> None:
        view = push.data
        if not view.message_id:
            raise FrameError("a message without `message_id`")
        if view.is_message:
            self._on_message(view)
        else:
            logger.debug("an answer to no request: frame %s", push.id)

    def _take(self, frame: Frame) -> None:
        request = self._requests.answered(frame.id)
        if request is not None:
            _answer(request.waiter, frame)
        elif frame.error is not None:
            error = frame.error.to_exception()
            if isinstance(error, Unauthorized):
                raise error
            logger.warning("%s to no request: %s", frame.action, error)
        elif frame.action == frames.ACKNOWLEDGE_MESSAGE_RECEIPT and frame.data:
            self._on_receipt(decode_json(frame.data, MessageView))
        elif frame.action == frames.CREATE_MESSAGE and frame.data:
            decode_json(frame.data, MessageView)  # says what is wrong: it could not be read before
        elif frame.action in frames.ANSWERED:
            logger.debug("an answer to no request: frame %s", frame.id)
        else:
            self._unknown(frame)

    def _unknown(self, frame: Frame) -> None:
        seen = self._unknown_actions
        if frame.action not in seen and len(seen) < _UNKNOWN_ACTIONS_LOGGED:
            seen.add(frame.action)
            logger.warning("unknown action %.80r ignored", frame.action)
        try:
            view = decode_json(frame.data, MessageView)
        except FrameError:
            return
        if view.message_id:
            self._on_unknown(view.message_id, READ)

    def _skip(self, data: bytes, reason: str) -> None:
        self.bad_frames += 1
        digest = hashlib.sha256(data).hexdigest()
        logger.warning("bad frame skipped (%d bytes, SHA-256 %.16s): %s", len(data), digest, reason)

    # Requests out

    async def request(
        self,
        action: str,
        params: Any = None,
        *,
        within: float | None = None,
        sends: Sends | None = None,
    ) -> Frame:
        """Send one request and return its answer.

        Without ``within`` there is one try, on the line that is open. With ``within`` (seconds)
        it is written again, with the same id, when a try times out and after each reconnect,
        until the answer or that deadline. What ``sends`` messages is written when the quota has
        room, each time.

        Raises:
            ServiceError: the service answered with an error.
            ConnectionLost: no line is open, or it broke (only without ``within``).
            RequestTimeout: no answer within ``request_timeout`` (only without ``within``).
            SendTimeout: no answer in ``within``.
            NotRunning: the client was closed.
            Unauthorized: the service has refused the session for good.
        """
        if self._ended is not None:
            raise self._ended()
        repeated = within is not None
        if self._socket is None and not repeated:
            raise ConnectionLost("no line to the service is open")
        now = time.monotonic()
        frame_id = self._next_id()
        waiter: Waiter = asyncio.get_running_loop().create_future()
        request = Outstanding(
            encode_request(frame_id, action, params),
            waiter,
            now + (self._request_timeout if within is None else within),
            repeated,
            sends=sends,
        )
        self._requests.add(frame_id, request)
        self._start_sweeping()
        try:
            if not repeated or self.opened.is_set():
                await self._write(request, now)
            frame = await waiter
        finally:
            self._requests.dropped(frame_id)
        if frame.error is not None:
            error = frame.error.to_exception()
            if sends is not None:
                sends.failed(error)
            raise error
        return frame

    def _next_id(self) -> str:
        # A UUID, random but for its end: one that is all random costs two microseconds.
        self._sent += 1
        return f"{self._id_prefix}{self._sent & 0xFFFFFFFF:08x}"

    async def list_pending(self) -> None:
        """Ask for everything that is not acknowledged; raises as :meth:`request`."""
        await self.request(frames.LIST_PENDING_MESSAGES)

    async def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """Send up to 100 receipts in one frame [C]; raises as :meth:`request`."""
        if not self.opened.is_set():
            raise ConnectionLost("no line to the service is open")
        await self.request(frames.ACKNOWLEDGE_MESSAGE_RECEIPTS, ReceiptBatch(list(receipts)))

    async def _write(self, request: Outstanding[Waiter], now: float) -> None:
        if request.sends is not None and not request.sends.may_leave():
            self._write_later(request, request.sends)
        else:
            await self._write_now(request, now)

    def _write_later(self, request: Outstanding[Waiter], sends: Sends) -> None:
        async def write() -> None:
            try:
                await sends.leave()
            finally:
                request.waits = False
            if self.opened.is_set():  # otherwise it is written when it is
                await self._write_now(request, time.monotonic())

        request.waits = True
        self._beside(request, write())

    async def _write_now(self, request: Outstanding[Waiter], now: float) -> None:
        socket = self._socket
        if socket is None:
            return
        request.written_at = now
        try:
            await socket.send_bytes(request.body)
        except (aiohttp.ClientError, OSError) as error:
            # The reader sees the loss too; a repeated request waits for the next line.
            if not request.repeated:
                _fail(request.waiter, ConnectionLost(f"the line broke while writing: {error}"))

    # The clock

    def _start_sweeping(self) -> None:
        if self._sweeper is None and self._ended is None:
            self._sweeper = asyncio.get_running_loop().call_later(_SWEEP, self._sweep)

    def _stop_sweeping(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None

    def _sweep(self) -> None:
        self._sweeper = None
        now = time.monotonic()
        due = self._requests.due(now)
        for request in due.expired:
            _fail(request.waiter, _timeout_error(repeated=request.repeated))
        for request in due.again:
            logger.info("no answer to a send within %g s: sent again", self._request_timeout)
            self._again(request, now)
        if len(self._requests):
            self._start_sweeping()

    def _again(self, request: Outstanding[Waiter], now: float) -> None:
        self._beside(request, self._write(request, now))

    def _beside(self, request: Outstanding[Waiter], writing: Coroutine[None, None, None]) -> None:
        task = asyncio.ensure_future(writing)
        # The waiter outlives the writing, and keeps it from being collected.
        request.waiter.add_done_callback(lambda _: task.cancel())


def _timeout_error(*, repeated: bool) -> BlazebotError:
    if repeated:
        return SendTimeout(
            "no answer to a message in time, reconnects included; see send_timeout. Whether it "
            "took effect is unknown; sending it again with the same message_id is safe"
        )
    return RequestTimeout("the service did not answer in time; see request_timeout")


def _answer(waiter: Waiter, frame: Frame) -> None:
    if not waiter.done():
        waiter.set_result(frame)


def _fail(waiter: Waiter, error: BlazebotError) -> None:
    if not waiter.done():
        waiter.set_exception(error)
