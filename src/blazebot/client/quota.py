"""What a write of messages asks before it leaves: whether the quota has room."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Protocol

from blazebot.errors import BlazebotError, RequestTimeout, TooManyRequests

__all__ = ["SendQuota", "Sends"]


class SendQuota(Protocol):
    """How many messages may leave."""

    def try_take(self, count: int, *, first: bool) -> bool:
        """Take room for so many messages if there is some now; return whether there was."""

    async def take(self, count: int = 1, *, first: bool = False) -> None:
        """Return when so many messages may leave."""

    def refused(self, retry_after: float | None) -> None:
        """Say that the service answered 429."""


@dataclass(slots=True)
class Sends:
    """What a request sends: ``count`` messages, each time that it is written [S].

    ``first``: before all others that wait for room. ``taken_until``: room for the first write has
    been taken before, and is good until then, on the monotonic clock.
    """

    quota: SendQuota
    count: int = 1
    first: bool = True
    taken_until: float = 0.0

    def may_leave(self) -> bool:
        """Take room if there is some now; return whether there was."""
        return self._was_taken() or self.quota.try_take(self.count, first=self.first)

    async def leave(self, within: float | None = None) -> None:
        """Return when it may be written; RequestTimeout after ``within`` seconds."""
        if self._was_taken():
            return
        try:
            async with asyncio.timeout(within):
                await self.quota.take(self.count, first=self.first)
        except TimeoutError:
            raise RequestTimeout(
                f"the quota had no room for {self.count} messages within {within:g} s; see quota"
            ) from None

    def _was_taken(self) -> bool:
        until, self.taken_until = self.taken_until, 0.0
        return time.monotonic() < until

    def failed(self, error: BlazebotError) -> None:
        """Tell the quota of a write that failed."""
        if isinstance(error, TooManyRequests):
            self.quota.refused(error.retry_after)
