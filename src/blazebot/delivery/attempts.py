"""Attempts to send: in turn within a conversation, again and again until a deadline."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Iterable
from typing import Final, Protocol

from blazebot.errors import BlazebotError, ConnectionLost, RequestTimeout, SendTimeout, ServiceError

logger = logging.getLogger("blazebot.delivery")

_PAUSE: Final = 0.5
_PAUSE_CAP: Final = 10.0


class Attempt(Protocol):
    """One way to send something, which may take ``within`` seconds."""

    def __call__(self, *, within: float) -> Awaitable[object]:
        """Send it."""


class Attempts:
    """What all senders of a bot share: one send at a time in a conversation, and its deadline.

    ``send_timeout`` are the seconds for one send, unless its caller sets another deadline.
    Deadlines are on the monotonic clock.
    """

    def __init__(self, send_timeout: float) -> None:
        self._send_timeout = send_timeout
        # Conversation -> who waits for the send that is under way there.
        self._queues: dict[str, deque[asyncio.Future[None]]] = {}
        self.sent = 0
        """Messages that the service has taken so far."""

    def deadline(self) -> float:
        """Return when a send that begins now has to end."""
        return time.monotonic() + self._send_timeout

    async def in_turn(
        self, conversation_id: str, attempt: Attempt, deadline: float | None = None
    ) -> None:
        """Do ``attempt(within=seconds)`` in its turn, again and again until the service takes it.

        Raises:
            ServiceError: the service refused it; trying again would not help.
            SendTimeout: it was not taken in time, reconnects and pauses included.
        """
        deadline = self.deadline() if deadline is None else deadline
        await self._take_turn(conversation_id, deadline)
        try:
            await self.until_taken(attempt, deadline)
            self.sent += 1
        finally:
            self._pass_turn(conversation_id)

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

    # Turns

    def is_busy(self, conversation_id: str) -> bool:
        """Whether a send is under way in a conversation."""
        return conversation_id in self._queues

    def begin(self, conversation_ids: Iterable[str]) -> None:
        """Have the turn in conversations of which none is busy, until :meth:`end`."""
        for conversation_id in conversation_ids:
            self._queues[conversation_id] = deque()

    def end(self, conversation_ids: Iterable[str]) -> None:
        """Pass the turn on in each of these conversations."""
        for conversation_id in conversation_ids:
            self._pass_turn(conversation_id)

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

    def _timeout(self, refusal: BlazebotError | None) -> SendTimeout:
        waited = "a message was not taken by its deadline, see send_timeout"
        return SendTimeout(f"{waited}; last: {refusal}" if refusal else waited)
