"""Single messages on their way out, over the line."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import Any, Protocol

from blazebot.client.quota import SendQuota, Sends
from blazebot.delivery.attempts import Attempts
from blazebot.wire.frames import CREATE_MESSAGE
from blazebot.wire.messages import MessageRequest


class Service(Protocol):
    """What senders need of the line to the service."""

    @property
    def is_open(self) -> bool:
        """Whether requests can be written now."""

    def request(
        self,
        action: str,
        params: Any = None,
        *,
        within: float | None = None,
        sends: Sends | None = None,
    ) -> Awaitable[object]:
        """Send a request until it is answered, ``within`` seconds."""


class Sender:
    """Sends messages, each until the service has answered or its deadline is over.

    Messages of one conversation go one after another, in the order in which they were given. They
    go before batches where the quota has no room for all.
    """

    def __init__(self, service: Service, attempts: Attempts, quota: SendQuota) -> None:
        self._service = service
        self._attempts = attempts
        self._sends = Sends(quota, 1, first=True)

    async def send(self, request: MessageRequest) -> None:
        """Send a message; return once the service has taken it.

        The same ``message_id`` is kept through all tries, so it takes effect once.

        Raises:
            ServiceError: the service refused it; trying again would not help.
            SendTimeout: no answer within ``send_timeout``, reconnects and pauses included.
        """
        await self._attempts.in_turn(
            request.conversation_id,
            partial(self._service.request, CREATE_MESSAGE, request, sends=self._sends),
        )
