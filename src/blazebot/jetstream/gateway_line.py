"""The line to the service as a worker has it: by way of the gateway that holds it."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

import msgspec
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from blazebot.client.quota import Sends
from blazebot.errors import FrameError, SendTimeout
from blazebot.jetstream.bundle import Bundle
from blazebot.jetstream.calls import REFUSED, TAKE, Answer, Call
from blazebot.jetstream.connection import Client, NatsError
from blazebot.jetstream.names import Names
from blazebot.wire.codec import decode_json, encode_json

logger = logging.getLogger("blazebot.jetstream")

REPEAT_AFTER: Final = 1.0
"""Seconds after which a call that is not answered is made again: its gateway may have died."""

SILENCE: Final = 3.0
"""Seconds without a word from a gateway after which the line is taken to be closed."""

OPEN: Final = b"open"
"""What the gateway says each second while its line is open."""


class _Waiting:
    __slots__ = ("answer", "asked_at", "body")

    def __init__(self, body: bytes, answer: asyncio.Future[None], asked_at: float) -> None:
        self.body = body
        self.answer = answer
        self.asked_at = asked_at


class GatewayLine:
    """Has the gateway send what a worker sends, until it is answered.

    A call is repeated until then; a gateway that has it already does not do it twice, and what two
    gateways do takes effect once, by its message ids.
    """

    def __init__(self, client: Client, names: Names) -> None:
        self._client = client
        self._names = names
        self._inbox = client.new_inbox()
        self._calls = Bundle(self._publish)
        self._waiting: dict[str, _Waiting] = {}
        self._id_prefix = str(uuid4())
        self._count = 0
        self._heard_at = -SILENCE
        self._subscriptions: list[Subscription] = []
        self._watch: asyncio.TimerHandle | None = None
        self.opened = asyncio.Event()
        """Set while a gateway says that its line is open."""
        self.connections = 0
        """How often it was open so far, after it was not."""

    async def start(self) -> None:
        """Begin to listen to the gateway."""
        self._subscriptions = [
            await self._client.subscribe(self._inbox, cb=self._on_answers),
            await self._client.subscribe(self._names.line, cb=self._on_line),
        ]
        self._look()

    async def close(self) -> None:
        """Stop listening."""
        await self._calls.flush()
        if self._watch is not None:
            self._watch.cancel()
        with suppress(NatsError):  # the connection may be closed already
            for subscription in self._subscriptions:
                await subscription.unsubscribe()

    @property
    def is_open(self) -> bool:
        """Whether requests can be answered now."""
        return self.opened.is_set()

    async def list_pending(self) -> None:
        """Do nothing: JetStream gives what is pending by itself."""

    async def reconnect(self) -> None:
        """Do nothing: the line is the gateway's."""

    async def request(
        self,
        action: str,
        params: Any = None,
        *,
        within: float | None = None,
        sends: Sends | None = None,
    ) -> None:
        """Have a request sent; return once the service has answered.

        Raises:
            ServiceError: the service refused it.
            ConnectionLost: the gateway could not send it, but may if it is asked again.
            SendTimeout: no answer ``within`` so many seconds.
        """
        count, first = (sends.count, sends.first) if sends is not None else (0, False)
        await self._call(action, within, params=params, count=count, first=first)

    async def take(self, count: int, *, first: bool, within: float) -> None:
        """Return when so many messages may leave by REST; raises as :meth:`request`."""
        await self._call(TAKE, within, count=count, first=first)

    def refused(self, retry_after: float | None) -> None:
        """Tell the gateway of a 429."""
        self._ask(encode_json(Call(self._next_id(), REFUSED, 1.0, retry_after=retry_after)))

    async def _call(
        self,
        action: str,
        within: float | None,
        *,
        params: Any = None,
        count: int = 0,
        first: bool = False,
    ) -> None:
        call = Call(
            self._next_id(),
            action,
            60.0 if within is None else within,
            msgspec.Raw(encode_json(params)),
            count,
            first,
        )
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        body = encode_json(call)
        self._waiting[call.id] = _Waiting(body, answer, time.monotonic())
        self._ask(body)
        try:
            async with asyncio.timeout(within):
                await answer
        except TimeoutError:
            raise SendTimeout(
                "no gateway has answered in time: see that one runs for this bot, and send_timeout"
            ) from None
        finally:
            del self._waiting[call.id]

    def _next_id(self) -> str:
        self._count += 1
        return f"{self._id_prefix}-{self._count}"

    def _ask(self, call: bytes) -> None:
        self._calls.add(self._names.calls, call)

    async def _publish(self, subject: str, body: bytes) -> None:
        await self._client.publish(subject, body, reply=self._inbox)

    # What comes from the gateway

    async def _on_answers(self, message: Msg) -> None:
        if not message.data:
            return  # NATS says that no gateway listens; the call is repeated
        try:
            answers = decode_json(message.data, list[Answer])
        except FrameError as error:
            logger.error("an answer of a gateway cannot be read: %s", error)
            return
        for one in answers:
            waiting = self._waiting.get(one.id)
            if waiting is None or waiting.answer.done():
                continue
            failure = one.failure
            if failure is None:
                waiting.answer.set_result(None)
            else:
                waiting.answer.set_exception(failure)

    async def _on_line(self, message: Msg) -> None:
        if message.data != OPEN:
            self.opened.clear()
            return
        self._heard_at = time.monotonic()
        if not self.is_open:
            self.connections += 1
            self.opened.set()

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._heard_at >= SILENCE:
            self.opened.clear()
        for waiting in self._waiting.values():
            if now - waiting.asked_at >= REPEAT_AFTER:
                waiting.asked_at = now
                self._ask(waiting.body)
        self._watch = asyncio.get_running_loop().call_later(REPEAT_AFTER / 4, self._look)


class GatewayQuota:
    """The quota as a worker has it: the gateway alone counts.

    What goes over the line is counted there; what goes by REST asks it first, ``within`` so many
    seconds. ``largest`` is the most that may leave at once.
    """

    def __init__(self, line: GatewayLine, *, largest: int, within: float) -> None:
        self._line = line
        self._within = within
        self.largest = largest

    def try_take(self, count: int, *, first: bool) -> bool:
        """Return False: the gateway has to be asked."""
        return False

    async def take(self, count: int = 1, *, first: bool = False) -> None:
        """Return when so many messages may leave by REST; raises as GatewayLine.request."""
        await self._line.take(count, first=first, within=self._within)

    def refused(self, retry_after: float | None) -> None:
        """Tell the gateway of a 429."""
        self._line.refused(retry_after)
