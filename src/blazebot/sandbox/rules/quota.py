"""The quota: how many messages a bot may send in any minute [S]. Pure: time is passed in."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["Quota"]

_PARTS: Final = 600
"""Parts of a window whose messages are counted together: memory is bounded by it."""


class _Part:
    """Messages that were taken within a short while."""

    __slots__ = ("began", "count", "ended")

    def __init__(self, now: float) -> None:
        self.began = self.ended = now
        self.count = 0


class Quota:
    """Counts what one bot sends: at most ``limit`` messages in any ``window`` seconds.

    A part of the window is let go as a whole, when its last message is older than the window: so
    there are never more than the limit, and for a 600th of a window perhaps fewer. The times that
    are passed in never go back.
    """

    def __init__(self, limit: int, window: float) -> None:
        self._limit = limit
        self._window = window
        self._width = window / _PARTS
        self._parts: deque[_Part] = deque()
        self._used = 0

    def used(self, now: float) -> int:
        """Return how many messages count against the limit now."""
        while self._parts and now - self._parts[0].ended > self._window:
            self._used -= self._parts.popleft().count
        return self._used

    def has_room(self, count: int, now: float) -> bool:
        """Tell whether so many messages more may be taken now."""
        return self.used(now) + count <= self._limit

    def take(self, count: int, now: float) -> None:
        """Count messages that are taken now."""
        if not count:
            return
        if not self._parts or now - self._parts[-1].began >= self._width:
            self._parts.append(_Part(now))
        self._parts[-1].ended = now
        self._parts[-1].count += count
        self._used += count
