"""When and where to connect next. Pure: the caller brings the clock and the chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

SHORT_LIVED: Final = 30.0
"""A line lost within so many seconds of opening counts as short-lived (design)."""

CONTESTED_AFTER: Final = 3
"""So many short-lived lines running mean that another process uses the session (design)."""

CONTESTED_DELAY: Final = 60.0
"""Seconds to wait then."""


@dataclass(frozen=True, slots=True)
class Reconnect:
    """What to do after a loss: wait ``delay`` seconds, then connect to ``url``."""

    delay: float
    url: str
    contested: bool


class Reconnects:
    """Exponential backoff with full jitter over the service's hosts.

    ``urls`` are the addresses, the preferred first; ``base`` and ``cap`` are seconds;
    ``uniform(low, high)`` draws a number between.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        base: float,
        cap: float,
        uniform: Callable[[float, float], float],
    ) -> None:
        self._urls = list(urls)
        self._base = base
        self._cap = cap
        self._uniform = uniform
        self._host = 0
        self._failures = 0
        self._short_lived = 0
        self._opened_at: float | None = None

    @property
    def url(self) -> str:
        """The address to connect to now."""
        return self._urls[self._host]

    def opened(self, now: float) -> None:
        """Say that the line has opened."""
        self._opened_at = now

    def dropped(self) -> None:
        """Say that we dropped the line ourselves: nothing is wrong with host or session."""
        self._opened_at = None

    def refused(self) -> None:
        """Say that the service refused the line, which nobody else did by taking it."""
        self._opened_at = None

    def lost(self, now: float) -> Reconnect:
        """Say that the line was lost, or that it could not be opened; return what to do."""
        opened_at, self._opened_at = self._opened_at, None
        if opened_at is None:
            # The host may be down: try the other. Nobody contests a session that cannot connect.
            self._short_lived = 0
            self._host = (self._host + 1) % len(self._urls)
            self._failures += 1
        elif now - opened_at < SHORT_LIVED:
            self._short_lived += 1
            self._failures += 1
        else:
            self._short_lived = 0
            self._failures = 1
        if self._short_lived >= CONTESTED_AFTER:
            return Reconnect(CONTESTED_DELAY, self.url, contested=True)
        # The exponent is bounded lest a week of failures overflow a float.
        ceiling = min(self._cap, self._base * 2.0 ** min(self._failures - 1, 32))
        return Reconnect(self._uniform(0.0, ceiling), self.url, contested=False)
