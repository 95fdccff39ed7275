"""Throttling: so many messages of one person in so much time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, TypeVar

from blazebot.bot.message import Message
from blazebot.bot.middleware.chain import Next
from blazebot.bot.outgoing import Sendable
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content

V = TypeVar("V")

PEOPLE_REMEMBERED: Final = 10_000
"""People whose messages are counted; of others, those that wrote last."""

_MESSAGES_REMEMBERED: Final = 10_000
_SERVICE: Final = "SYSTEM_"


def throttle(
    rate: int,
    per: float,
    reply: Sendable | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> Throttle:
    """Return outer middleware that lets ``rate`` messages of a person pass in ``per`` seconds.

    They may come all at once; then one more may after each ``per / rate`` seconds. The others are
    dropped; to the first of them it replies with ``reply``. A message that is tried again is
    counted once, and what the service itself says, such as a transfer, passes uncounted.

    Raises:
        RegistrationError: ``rate`` or ``per`` is not above 0.
    """
    if rate < 1 or per <= 0:
        raise RegistrationError(f"throttle({rate}, {per}): both should be above 0")
    return Throttle(rate, per, reply, clock)


class _Bucket:
    """What one person may still send, and since when that is so."""

    __slots__ = ("at", "tokens", "told")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at
        self.told = False


class Throttle:
    """See :func:`throttle`."""

    def __init__(
        self, rate: int, per: float, reply: Sendable | None, clock: Callable[[], float]
    ) -> None:
        self._rate = rate
        self._per = per
        self._reply = reply
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._passed: OrderedDict[str, None] = OrderedDict()

    async def __call__(self, message: Message[Content], call_next: Next) -> None:
        """Pass the message on, or drop it."""
        if message.category.startswith(_SERVICE) or message.id in self._passed:
            await call_next(message)
            return
        bucket = self._bucket(message.user_id)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            bucket.told = False
            _remember(self._passed, message.id, None, _MESSAGES_REMEMBERED)
            await call_next(message)
        elif self._reply is not None and not bucket.told:
            await message.reply(self._reply)
            bucket.told = True

    def _bucket(self, user_id: str) -> _Bucket:
        now = self._clock()
        bucket = self._buckets.pop(user_id, None) or _Bucket(self._rate, now)
        bucket.tokens = min(self._rate, bucket.tokens + (now - bucket.at) * self._rate / self._per)
        bucket.at = now
        _remember(self._buckets, user_id, bucket, PEOPLE_REMEMBERED)
        return bucket


def _remember(kept: OrderedDict[str, V], key: str, value: V, limit: int) -> None:
    kept[key] = value
    if len(kept) > limit:
        kept.popitem(last=False)
