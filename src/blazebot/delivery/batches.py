"""Many messages on their way out, up to 100 in one frame or REST request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, sqrt
from typing import Final, Protocol, TypeAlias

from blazebot.client.quota import SendQuota, Sends
from blazebot.client.rest import RestClient
from blazebot.delivery.attempts import Attempts
from blazebot.delivery.quota import LEASE
from blazebot.delivery.sender import Service
from blazebot.errors import (
    BlazebotError,
    RequestError,
    RequestTimeout,
    SendTimeout,
    ServiceError,
    Unauthorized,
)
from blazebot.wire.codec import encode_json
from blazebot.wire.frames import CREATE_PLAIN_MESSAGES
from blazebot.wire.limits import BATCH_LIMIT, REQUEST_LIMIT
from blazebot.wire.messages import MessageBatch, MessageRequest

_AROUND: Final = 200  # bytes that stand around the messages in a frame
_PLAIN: Final = "PLAIN_"
_ONE_BY_ONE: Final = 12  # messages that go one by one where one of them is refused


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


class RefusedTogether(Refusal):
    """A message that was refused with others: it may be one of these that is at fault."""


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


SendBatch: TypeAlias = Callable[[Sequence[MessageRequest]], Awaitable[list[Refusal | None]]]
"""Sends a batch once; returns for each message None, or why it was refused."""


async def in_pieces(
    requests: Sequence[MessageRequest], most: int, send: SendBatch
) -> list[Refusal | None]:
    """Send any number of messages, at most ``most`` at once; return what became of each.

    The service refuses a batch as a whole if it refuses one message of it [A]. Each try counts
    against the quota, so few are tried a third time: a hundred go in tens, and the tens that are
    refused one by one. Halving would write half as many again for each that is refused.
    """
    refusals: list[Refusal | None] = []
    for numbers in split(requests, most):
        batch = requests[numbers.start : numbers.stop]
        found = await send(batch)
        together = [number for number, one in enumerate(found) if isinstance(one, RefusedTogether)]
        if together:
            size = ceil(sqrt(len(together))) if len(together) > _ONE_BY_ONE else 1
            again = await in_pieces([batch[number] for number in together], size, send)
            for number, refusal in zip(together, again, strict=True):
                found[number] = refusal
        refusals += found
    return refusals


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

    @property
    def has_line(self) -> bool:
        """Whether this process has a line, open or not."""
        return self._line is not None

    async def send(self, requests: Sequence[MessageRequest]) -> list[Refusal | None]:
        """Send any number of messages; return for each None, or why it was refused.

        They go in batches, one after another, with the same ids through all tries.

        Raises:
            SendTimeout: not all were taken within ``send_timeout``. Some may have taken effect;
                sending all again with the same ids is safe.
            Unauthorized: the service refuses the session for good.
        """
        once = partial(self.send_once, deadline=self._attempts.deadline())
        return await in_pieces(requests, self._quota.largest, once)

    async def send_once(
        self, requests: Sequence[MessageRequest], *, deadline: float
    ) -> list[Refusal | None]:
        """Send one batch; where it is refused as a whole, each has a RefusedTogether.

        ``deadline`` is on the monotonic clock; raises as :meth:`send`.
        """
        # Before it takes its turn: who writes while it waits for room is answered at once.
        taken_until = await self._take_room(len(requests), deadline)
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
            refusal = await self._send_free(free, deadline, taken_until)
            others = iter(await asyncio.gather(*alone))
        finally:
            for task in alone:
                task.cancel()
        return [next(others) if one.conversation_id in busy else refusal for one in requests]

    async def _take_room(self, count: int, deadline: float) -> float:
        """Return until when there is room for so many messages, once there is."""
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._quota.take(count)
        except TimeoutError:
            raise SendTimeout(
                f"the quota had no room for a batch of {count} by its deadline; see quota"
            ) from None
        return time.monotonic() + LEASE

    async def _send_free(
        self, requests: Sequence[MessageRequest], deadline: float, taken_until: float
    ) -> Refusal | None:
        if not requests:
            return None
        taken = {one.conversation_id for one in requests}
        self._attempts.begin(taken)
        try:
            sends = self._sends(requests, taken_until)
            await self._attempts.until_taken(partial(self._attempt, requests, sends), deadline)
        except (ServiceError, RequestError) as error:
            return _refusal(error, RefusedTogether if len(requests) > 1 else Refusal)
        finally:
            self._attempts.end(taken)
        self._attempts.sent += len(requests)
        return None

    async def _send_alone(self, request: MessageRequest, deadline: float) -> Refusal | None:
        try:
            attempt = partial(self._attempt, [request], self._sends([request]))
            await self._attempts.in_turn(request.conversation_id, attempt, deadline)
        except (ServiceError, RequestError) as error:
            return _refusal(error)
        return None

    def _sends(self, requests: Sequence[MessageRequest], taken_until: float = 0.0) -> Sends:
        return Sends(self._quota, len(requests), first=False, taken_until=taken_until)

    async def _attempt(
        self, requests: Sequence[MessageRequest], sends: Sends, *, within: float
    ) -> None:
        if self._line is not None and self._line.is_open and _may_use_line(requests):
            await self._line.request(
                CREATE_PLAIN_MESSAGES, MessageBatch(list(requests)), within=within, sends=sends
            )
            return
        try:
            async with asyncio.timeout(within):
                await self._rest.send_messages(requests, within=within, sends=sends)
        except TimeoutError:
            raise RequestTimeout("the service did not take a batch in time") from None


def _may_use_line(requests: Iterable[MessageRequest]) -> bool:
    """Tell whether CREATE_PLAIN_MESSAGES takes these [S]."""
    return all(one.category.startswith(_PLAIN) and one.recipient_id for one in requests)


def _refusal(error: ServiceError | RequestError, kind: type[Refusal] = Refusal) -> Refusal:
    if isinstance(error, Unauthorized):
        raise error
    return kind(error)
