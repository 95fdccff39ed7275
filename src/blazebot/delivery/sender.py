"""Messages on their way out: in order within a conversation, tried again until a deadline."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable
from typing import Any, Final, Protocol

from blazebot.errors import SendTimeout, ServiceError
from blazebot.wire.frames import CREATE_MESSAGE
from blazebot.wire.messages import MessageRequest

logger = logging.getLogger("blazebot.delivery")

_PAUSE: Final = 0.5
_PAUSE_CAP: Final = 10.0


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

    async def send(self, request: MessageRequest) -> None:
        """Send a message; return once the service has taken it.

        The same ``message_id`` is kept through all tries, so it takes effect once.

        Raises:
            ServiceError: the service refused it; trying again would not help.
            SendTimeout: no answer within ``send_timeout``, reconnects and pauses included.
        """
        deadline = time.monotonic() + self._send_timeout
        conversation_id = request.conversation_id
        queue = self._queues.get(conversation_id)
        if queue is None:
            self._queues[conversation_id] = deque()
        else:
            await self._wait_turn(conversation_id, queue)
        try:
            await self._send(request, deadline)
        finally:
            self._pass_turn(conversation_id)

    async def _wait_turn(self, conversation_id: str, queue: deque[asyncio.Future[None]]) -> None:
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_turn(conversation_id)  # it had just become ours
            raise

    def _pass_turn(self, conversation_id: str) -> None:
        queue = self._queues[conversation_id]
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._queues[conversation_id]

    async def _send(self, request: MessageRequest, deadline: float) -> None:
        pause = _PAUSE
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise SendTimeout(
                    f"a message had to wait for {self._send_timeout:g} s, see send_timeout"
                )
            try:
                await self._service.request(CREATE_MESSAGE, request, within=left)
            except ServiceError as error:
                if not error.temporary:
                    raise
                wait = random.uniform(pause / 2, pause)  # noqa: S311 - jitter, not a secret
                if wait >= deadline - time.monotonic():
                    raise SendTimeout(
                        f"a message was refused for {self._send_timeout:g} s, see send_timeout; "
                        f"last: {error}"
                    ) from error
                logger.warning("send put off for %.1f s: %s", wait, error)
                await asyncio.sleep(wait)
                pause = min(_PAUSE_CAP, pause * 2)
            else:
                return
