"""How long something takes, counted in buckets. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import accumulate
from typing import Final

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Upper bounds of the buckets in seconds, beside the last, which has none."""


class Histogram:
    """Durations in seconds, of which only a bucket is remembered; cheap enough for every message.

    Prometheus' own would take a lock and look up labels each time.
    """

    __slots__ = ("_counts", "sum")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0
        """All durations so far, in seconds."""

    def observe(self, seconds: float) -> None:
        """Count a duration."""
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    @property
    def count(self) -> int:
        """How many durations there were."""
        return sum(self._counts)

    def cumulative(self) -> Iterator[tuple[str, int]]:
        """Yield each bucket's upper bound, as Prometheus writes it, and how many were within."""
        bounds = (*(str(float(bound)) for bound in BOUNDS), "+Inf")
        return zip(bounds, accumulate(self._counts), strict=True)
