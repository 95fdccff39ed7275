"""Many messages on their way out, up to 100 in one frame or REST request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from blazebot.client.quota import SendQuota, Sends
from blazebot.client.rest import RestClient
from blazebot.delivery.attempts import Attempts
from blazebot.delivery.sender import Service
from blazebot.errors import BlazebotError, RequestError, RequestTimeout, ServiceError, Unauthorized
from blazebot.wire.codec import encode_json
from blazebot.wire.frames import CREATE_PLAIN_MESSAGES
from blazebot.wire.limits import BATCH_LIMIT, REQUEST_LIMIT
from blazebot.wire.messages import MessageBatch, MessageRequest

_AROUND: Final = 200  # bytes that stand around the messages in a frame
_PLAIN: Final = "PLAIN_"


class BatchQuota(SendQuota, Protocol):
    """How many messages may leave, and at once."""

    @property
    def largest(self) -> int:
        """The most messages that may leave at once."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the service does not take a message; trying again would not help."""

    error: BlazebotError

    @property
    def reason(self) -> str:
        """The error in words."""
        return str(self.error)


def split(requests: Sequence[MessageRequest], most: int = BATCH_LIMIT) -> list[range]:
    """Return which requests go together, in order: at most ``most`` and 128 KiB in each batch [D].

    One that is larger by itself stands alone.
    """
    batches: list[range] = []
    start = room = 0
    for number, request in enumerate(requests):
        size = len(encode_json(request)) + 1
        if number and (number - start == most or size > room):
            batches.append(range(start, number))
            start = number
        if number == start:
            room = REQUEST_LIMIT - _AROUND
        room -= size
    if requests:
        batches.append(range(start, len(requests)))
    return batches


class BatchSender:
    """Sends batches over the line where it is open and they may go there, otherwise by REST.

    They go after single messages, where the quota has no room for all. ``line`` is None in a
    process that has none.
    """

    def __init__(
        self,
        attempts: Attempts,
        quota: BatchQuota,
        rest: RestClient,
        line: Service | None = None,
    ) -> None:
        self._attempts = attempts
        self._quota = quota
        self._rest = rest
        self._line = line

    async def send(
        self, requests: Sequence[MessageRequest], *, deadline: float | None = None
    ) -> list[Refusal | None]:
        """Send any number of messages; return for each None, or why it was refused.

        They go in batches, one after another, with the same ids through all tries. The service
        refuses a batch as a whole if it refuses one [A]: then it is halved until the refused
        message stands alone. ``deadline`` is on the monotonic clock, by default ``send_timeout``
        from now.

        Raises:
            SendTimeout: not all were taken in time. Some may have taken effect; sending all again
                with the same ids is safe.
            Unauthorized: the service refuses the session for good.
        """
        deadline = self._attempts.deadline() if deadline is None else deadline
        refusals: list[Refusal | None] = []
        for numbers in split(requests, self._quota.largest):
            batch = requests[numbers.start : numbers.stop]
            refusals += await self._send_batch(batch, deadline)
        return refusals

    async def _send_batch(
        self, requests: Sequence[MessageRequest], deadline: float
    ) -> list[Refusal | None]:
        # Whose turn it is not goes by itself in its turn, lest it holds up the others.
        busy = {
            one.conversation_id for one in requests if self._attempts.is_busy(one.conversation_id)
        }
        free = [one for one in requests if one.conversation_id not in busy]
        alone = [
            asyncio.ensure_future(self._send_alone(one, deadline))
            for one in requests
            if one.conversation_id in busy
        ]
        try:
            together = iter(await self._send_free(free, deadline))
            others = iter(await asyncio.gather(*alone))
        finally:
            for task in alone:
                task.cancel()
        return [next(others if one.conversation_id in busy else together) for one in requests]

    async def _send_free(
        self, requests: Sequence[MessageRequest], deadline: float
    ) -> list[Refusal | None]:
        taken = {one.conversation_id for one in requests}
        self._attempts.begin(taken)
        try:
            return await self._send_halves(requests, deadline) if requests else []
        finally:
            self._attempts.end(taken)

    async def _send_alone(self, request: MessageRequest, deadline: float) -> Refusal | None:
        try:
            attempt = partial(self._attempt, [request])
            await self._attempts.in_turn(request.conversation_id, attempt, deadline)
        except (ServiceError, RequestError) as error:
            return _refusal(error)
        return None

    async def _send_halves(
        self, requests: Sequence[MessageRequest], deadline: float, *, is_bad: bool = False
    ) -> list[Refusal | None]:
        """Send ``requests``; ``is_bad`` says that one of them will be refused."""
        if len(requests) == 1 or not is_bad:
            try:
                await self._attempts.until_taken(partial(self._attempt, requests), deadline)
            except (ServiceError, RequestError) as error:
                refusal = _refusal(error)
                if len(requests) == 1:
                    return [refusal]
            else:
                self._attempts.sent += len(requests)
                return [None] * len(requests)
        middle = len(requests) // 2
        first = await self._send_halves(requests[:middle], deadline)
        # If nothing was wrong with the first half, it is with the second: it need not be tried.
        second = await self._send_halves(requests[middle:], deadline, is_bad=not any(first))
        return first + second

    async def _attempt(self, requests: Sequence[MessageRequest], *, within: float) -> None:
        if self._line is not None and self._line.is_open and _may_use_line(requests):
            await self._line.request(
                CREATE_PLAIN_MESSAGES,
                MessageBatch(list(requests)),
                within=within,
                sends=Sends(self._quota, len(requests), first=False),
            )
            return
        try:
            async with asyncio.timeout(within):
                await self._rest.send_messages(requests, within=within)
        except TimeoutError:
            raise RequestTimeout("the service did not take a batch in time") from None


def _may_use_line(requests: Iterable[MessageRequest]) -> bool:
    """Tell whether CREATE_PLAIN_MESSAGES takes these [S]."""
    return all(one.category.startswith(_PLAIN) and one.recipient_id for one in requests)


def _refusal(error: ServiceError | RequestError) -> Refusal:
    if isinstance(error, Unauthorized):
        raise error
    return Refusal(error)
