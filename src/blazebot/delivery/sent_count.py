"""How many messages were sent, in all and in the last minute. Pure: the caller has the clock."""

from __future__ import annotations

from typing import Final

MINUTE: Final = 60


class SentCount:
    """Counts messages by the second; times are in seconds of a clock that never goes back."""

    __slots__ = ("_now", "_seconds", "total")

    def __init__(self) -> None:
        self.total = 0
        """Messages sent so far."""
        self._seconds = [0] * MINUTE
        self._now = 0

    def add(self, count: int, now: float) -> None:
        """Count messages that were sent now."""
        second = int(now)
        if second != self._now:
            self._advance(second)
        self._seconds[second % MINUTE] += count
        self.total += count

    def last_minute(self, now: float) -> int:
        """Return how many were sent in this second and the 59 before it."""
        self._advance(int(now))
        return sum(self._seconds)

    def _advance(self, second: int) -> None:
        for passed in range(max(self._now + 1, second - MINUTE + 1), second + 1):
            self._seconds[passed % MINUTE] = 0
        self._now = second
