"""Messages on their way out: in order within a conversation, tried again until a deadline."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any, Final, Protocol

from blazebot.delivery.sent_count import SentCount
from blazebot.errors import BlazebotError, ConnectionLost, RequestTimeout, SendTimeout, ServiceError
from blazebot.wire.frames import CREATE_MESSAGE, CREATE_PLAIN_MESSAGES
from blazebot.wire.messages import MessageBatch, MessageRequest

logger = logging.getLogger("blazebot.delivery")

_PAUSE: Final = 0.5
_PAUSE_CAP: Final = 10.0


class Attempt(Protocol):
    """One way to send something, which may take ``within`` seconds."""

    def __call__(self, *, within: float) -> Awaitable[object]:
        """Send it."""


class Service(Protocol):
    """What the sender needs of the line to the service."""

    def request(
        self, action: str, params: Any = None, *, within: float | None = None
    ) -> Awaitable[object]:
        """Send a request until it is answered, ``within`` seconds."""


class Sender:
    """Sends messages, each until the service has answered or ``send_timeout`` seconds are over.

    Messages of one conversation go one after another, in the order in which they were given.
    """

    def __init__(self, service: Service, *, send_timeout: float) -> None:
        self._service = service
        self._send_timeout = send_timeout
        # Conversation -> who waits for the send that is under way there.
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        self.sent = SentCount()

    async def send(self, request: MessageRequest) -> None:
        """Send a message; return once the service has taken it.

        The same ``message_id`` is kept through all tries, so it takes effect once.

        Raises:
            ServiceError: the service refused it; trying again would not help.
            SendTimeout: no answer within ``send_timeout``, reconnects and pauses included.
        """
        await self.in_turn(
            request.conversation_id, partial(self._service.request, CREATE_MESSAGE, request)
        )

    async def in_turn(self, conversation_id: str, attempt: Attempt) -> None:
        """Do ``attempt(within=seconds)`` in its turn, again and again until the service takes it.

        Raises:
            ServiceError, SendTimeout: as :meth:`send`.
        """
        deadline = self.deadline()
        await self._take_turn(conversation_id, deadline)
        try:
            await self.until_taken(attempt, deadline)
            self.sent.add(1, time.monotonic())
        finally:
            self._pass_turn(conversation_id)

    def deadline(self) -> float:
        """Return when a send that begins now has to end, on the monotonic clock."""
        return time.monotonic() + self._send_timeout

    async def send_batch(self, requests: Sequence[MessageRequest]) -> list[ServiceError | None]:
        """Send up to 100 plain messages, each with its recipient, in one frame [S].

        The service refuses a batch as a whole if it refuses one [A]: then its halves are sent, with
        the same message ids, until the refused message stands alone. Returns, for each message,
        None or the error that it was refused with.

        Raises:
            SendTimeout: as :meth:`send`; some of the messages may have taken effect.
        """
        deadline = self.deadline()
        # Whose turn it is not goes by itself in its turn, lest it holds up the others.
        busy = {one.conversation_id for one in requests if one.conversation_id in self._queues}
        free = [one for one in requests if one.conversation_id not in busy]
        alone = [
            asyncio.ensure_future(self._send_alone(one))
            for one in requests
            if one.conversation_id in busy
        ]
        try:
            batch = iter(await self._send_free(free, deadline))
            others = iter(await asyncio.gather(*alone))
        finally:
            for task in alone:
                task.cancel()
        return [next(others if one.conversation_id in busy else batch) for one in requests]

    async def _send_free(
        self, requests: Sequence[MessageRequest], deadline: float
    ) -> list[ServiceError | None]:
        taken = {one.conversation_id for one in requests}
        for conversation_id in taken:
            self._queues[conversation_id] = deque()
        try:
            return await self._send_halves(requests, deadline) if requests else []
        finally:
            for conversation_id in taken:
                self._pass_turn(conversation_id)

    async def _send_alone(self, request: MessageRequest) -> ServiceError | None:
        try:
            await self.send(request)
        except ServiceError as error:
            if error.code == 401:
                raise
            return error
        return None

    async def _send_halves(
        self, requests: Sequence[MessageRequest], deadline: float
    ) -> list[ServiceError | None]:
        try:
            batch = MessageBatch(list(requests))
            await self.until_taken(
                partial(self._service.request, CREATE_PLAIN_MESSAGES, batch), deadline
            )
        except ServiceError as error:
            if error.code == 401:
                raise
            if len(requests) == 1:
                return [error]
            middle = len(requests) // 2
            first = await self._send_halves(requests[:middle], deadline)
            return first + await self._send_halves(requests[middle:], deadline)
        self.sent.add(len(requests), time.monotonic())
        return [None] * len(requests)

    async def wait_idle(self) -> None:
        """Return when nothing is being sent and nobody waits for a turn."""
        while self._queues:
            conversation_id = next(iter(self._queues))
            await self._take_turn(conversation_id, self.deadline())
            self._pass_turn(conversation_id)

    async def _take_turn(self, conversation_id: str, deadline: float) -> None:
        queue = self._queues.get(conversation_id)
        if queue is None:
            self._queues[conversation_id] = deque()
            return
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self._pass_turn(conversation_id)  # it had just become ours
            if isinstance(error, TimeoutError):
                raise self._timeout(None) from None
            raise

    def _pass_turn(self, conversation_id: str) -> None:
        queue = self._queues[conversation_id]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._queues[conversation_id]

    async def until_taken(self, attempt: Attempt, deadline: float) -> None:
        """Do ``attempt`` until the service takes it; raises as :meth:`in_turn`."""
        pause = _PAUSE
        refusal: BlazebotError | None = None
        while (left := deadline - time.monotonic()) > 0:
            try:
                await attempt(within=left)
            except (ServiceError, ConnectionLost, RequestTimeout) as error:
                if isinstance(error, ServiceError) and not error.temporary:
                    raise
                refusal = error
            else:
                return
            wait = random.uniform(pause / 2, pause)  # noqa: S311 - jitter, not a secret
            if wait >= deadline - time.monotonic():
                break
            logger.warning("send put off for %.1f s: %s", wait, refusal)
            await asyncio.sleep(wait)
            pause = min(_PAUSE_CAP, pause * 2)
        raise self._timeout(refusal) from refusal

    def _timeout(self, refusal: BlazebotError | None) -> SendTimeout:
        waited = f"a message was not taken for {self._send_timeout:g} s, see send_timeout"
        return SendTimeout(f"{waited}; last: {refusal}" if refusal else waited)
