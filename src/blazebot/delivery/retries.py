"""How often and when a failed handler is tried again. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """At most ``tries`` tries within ``window`` seconds of the first failure, backing off.

    The pauses are ``base`` seconds and doubling, at most ``cap``; each drawn by ``uniform`` from
    its upper half, so that handlers that failed together do not all come back together.
    """

    tries: int
    window: float
    uniform: Callable[[float, float], float]
    base: float = 0.5
    cap: float = 10.0

    def next_try(self, tries: int, first_failure: float, now: float) -> float | None:
        """Return when to try again after ``tries`` failed ones; None when it is enough."""
        if tries >= self.tries:
            return None
        pause = min(self.cap, self.base * 2.0 ** (tries - 1))
        at = now + self.uniform(pause / 2, pause)
        return at if at - first_failure <= self.window else None
