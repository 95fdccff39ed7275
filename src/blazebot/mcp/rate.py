"""How many messages may be sent in a minute. Pure."""

from __future__ import annotations

from collections import deque
from typing import Final

MINUTE: Final = 60.0


class RateLimit:
    """Lets ``per_minute`` messages go in any 60 seconds."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._taken: deque[float] = deque()

    def take(self, now: float) -> float:
        """Take room for a message and return 0; or the seconds until there is room, taking none.

        ``now`` is in seconds, from no certain moment.
        """
        while self._taken and self._left(now) <= 0:
            self._taken.popleft()
        if len(self._taken) < self.per_minute:
            self._taken.append(now)
            return 0.0
        return self._left(now)

    def _left(self, now: float) -> float:
        # In this order a difference is rounded to no more than a minute, and never to 0 later.
        return self._taken[0] - now + MINUTE
