"""Throttling: so many messages of one person in so much time."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, TypeVar

from blazebot.bot.message import Message
from blazebot.bot.middleware.chain import Next
from blazebot.bot.outgoing import Sendable, check_sendable
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content

V = TypeVar("V")

PEOPLE_REMEMBERED: Final = 10_000
"""People whose messages are counted; of others, those that wrote last."""

_MESSAGES_REMEMBERED: Final = 10_000
_SERVICE: Final = "SYSTEM_"


def throttle(rate: int, per: float, reply: Sendable | None = None) -> Throttle:
    """Return outer middleware that lets ``rate`` messages of a person pass in ``per`` seconds.

    They may come all at once; then one more may after each ``per / rate`` seconds. The others are
    dropped; to the first of them it replies with ``reply``. What counts is when they were written,
    by the clock of the bot: what has waited for it passes as it would have. A message that is tried
    again is counted once; one from long before others that passed, such as a dead letter, and what
    the service itself says, such as a transfer, pass uncounted. Bots that share it count each for
    themselves.

    Raises:
        ContentError: ``reply`` cannot be sent.
        RegistrationError: ``rate`` or ``per`` is no number above 0.
    """
    if not (isinstance(rate, int) and isinstance(per, int | float) and rate >= 1 and per > 0):
        raise RegistrationError(
            f"throttle({rate!r:.80}, {per!r:.80}): both should be numbers above 0, per in seconds"
        )
    if reply is not None:
        check_sendable(reply)
    return Throttle(rate, per, reply)


class _Bucket:
    """What one person may still send, and since when that is so."""

    __slots__ = ("at", "tokens", "told")

    def __init__(self, tokens: float, at: float) -> None:
        self.tokens = tokens
        self.at = at
        self.told = False


class Throttle:
    """See :func:`throttle`."""

    def __init__(self, rate: int, per: float, reply: Sendable | None) -> None:
        self._rate = rate
        self._per = per
        self._reply = reply
        # By bot, too: in a group, two that share this get the same message.
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._passed: OrderedDict[tuple[str, str], None] = OrderedDict()

    async def __call__(self, message: Message[Content], call_next: Next) -> None:
        """Pass the message on, or drop it."""
        bot = message.bot
        passed = (bot.id, message.id)
        if message.category.startswith(_SERVICE) or passed in self._passed:
            await call_next(message)
            return
        person, written = (bot.id, message.user_id), bot.clock.monotonic() - message.age
        known = self._buckets.get(person)
        if known is not None and known.at - written > self._per:
            await call_next(message)
            return
        bucket = self._bucket(person, written)
        if bucket.tokens >= 1:
            bucket.tokens -= 1
            bucket.told = False
            _remember(self._passed, passed, None, _MESSAGES_REMEMBERED)
            await call_next(message)
        elif self._reply is not None and not bucket.told:
            await message.reply(self._reply)
            bucket.told = True

    def _bucket(self, person: tuple[str, str], now: float) -> _Bucket:
        bucket = self._buckets.pop(person, None) or _Bucket(self._rate, now)
        passed = max(0.0, now - bucket.at)
        bucket.tokens = min(self._rate, bucket.tokens + passed * self._rate / self._per)
        bucket.at = now
        _remember(self._buckets, person, bucket, PEOPLE_REMEMBERED)
        return bucket


def _remember(
    kept: OrderedDict[tuple[str, str], V], key: tuple[str, str], value: V, limit: int
) -> None:
    kept[key] = value
    if len(kept) > limit:
        kept.popitem(last=False)
