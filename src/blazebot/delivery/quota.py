"""How many messages may leave: what all processes of a bot keep to together.

Pure: no clock, no I/O. Times are in seconds of one clock that all of them read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from blazebot.wire.limits import BATCH_LIMIT

MINUTE: Final = 60
"""Seconds over which the service counts [S]."""

SHARE: Final = 0.98
"""The part of the quota that is used; what is left is for how unevenly messages travel."""

LEASE: Final = 0.1
"""Seconds for which messages that were allowed may still leave."""

LATE: Final = 2 * LEASE
"""Seconds after which all that was allowed has left: a batch may have its room from a lease."""

PAUSE: Final = 1.0
"""Seconds for which nothing leaves after a 429 that does not say for how long."""

RECOVERED: Final = 5.0
"""A 429 within so many seconds of the last pause means that it was too short: it is doubled."""

CELLS: Final = 4 + MINUTE
"""Numbers that the state consists of."""

_SMALL: Final = 0.02  # of the quota: what is set aside for replies, and a burst of batches
_LARGEST: Final = 0.1  # of a quota so small that the above is less than a batch

_FAR: Final = 2 * MINUTE  # a pause that ends after so long is of before the clock began anew

_EMPTY_AT, _PAUSED_UNTIL, _PAUSE, _SECOND, _SECONDS = range(5)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a quota allows, in messages: a bucket of ``burst`` that ``rate`` a second flow into.

    ``largest`` is the most that leaves at once. ``headroom`` is what replies alone may take: all
    others wait until it is full and a whole batch beside it, so that no small one keeps a large
    one waiting for ever.
    """

    rate: float
    burst: float
    headroom: float
    largest: int

    @classmethod
    def of(cls, quota: int) -> Self:
        """Return what a quota of so many messages a minute, at least 60, allows.

        In any minute that is ``burst`` and a minute's ``rate`` together, and what was allowed
        before and left late.
        """
        headroom = max(1.0, _SMALL * quota)
        largest = int(min(BATCH_LIMIT, _LARGEST * quota))
        burst = headroom + max(largest, _SMALL * quota)
        return cls((SHARE * quota - burst) / (MINUTE + LATE), burst, headroom, largest)


class QuotaState:
    """A bucket whose state is ``cells``, so many as ``CELLS``: memory that may be shared.

    Each change is one number written, or harmless if only its first is: whoever is killed over it
    leaves a state in which no more may leave than before.
    """

    __slots__ = ("_allowance", "_cells")

    def __init__(self, cells: memoryview[float], allowance: Allowance) -> None:
        self._cells = cells
        self._allowance = allowance

    def begin(self, now: float) -> None:
        """Begin with an empty bucket: of what left before nothing is known."""
        self._cells[_EMPTY_AT] = now
        for cell in range(_PAUSED_UNTIL, CELLS):
            self._cells[cell] = 0.0

    def take(self, count: int, now: float, *, first: bool) -> float:
        """Take room for ``count`` messages, at most ``largest``; return 0.

        Where there is none yet, nothing is taken: returns after how many seconds to ask again.
        """
        cells, allowance = self._cells, self._allowance
        pause = cells[_PAUSED_UNTIL] - now
        if 0 < pause <= _FAR:
            return pause
        # An empty bucket in time to come: the clock began anew, so nothing is known.
        cells[_EMPTY_AT] = min(cells[_EMPTY_AT], now)
        filled = min(now - cells[_EMPTY_AT], allowance.burst / allowance.rate)  # in seconds
        needed = count if first else allowance.headroom + allowance.largest
        if (wait := needed / allowance.rate - filled) > 0:
            return wait
        cells[_EMPTY_AT] = now - filled + count / allowance.rate
        return 0.0

    def refused(self, retry_after: float | None, now: float) -> None:
        """Let nothing leave for ``retry_after`` seconds after a 429, and then begin empty.

        Without it the pause is a second, and longer each time that this did not help. Refusals of
        what had left before the pause began do not make it longer.
        """
        cells = self._cells
        ago = now - cells[_PAUSED_UNTIL]
        if retry_after is None and -_FAR <= ago < 0:
            return
        pause = 2 * cells[_PAUSE] if 0 <= ago < RECOVERED else PAUSE
        pause = min(max(pause, PAUSE) if retry_after is None else retry_after, MINUTE)
        until = now + pause
        if -_FAR <= ago < 0:
            until = max(until, cells[_PAUSED_UNTIL])
        cells[_EMPTY_AT] = until
        cells[_PAUSE] = pause
        cells[_PAUSED_UNTIL] = until

    # What has left, for those who watch

    def count(self, messages: int, now: float) -> None:
        """Count messages as having left now; fewer than none take back what was counted."""
        self._advance(int(now))
        self._cells[_SECONDS + int(now) % MINUTE] += messages

    def used(self, now: float) -> int:
        """Return how many were counted in this second and the 59 before it."""
        cells = self._cells
        last = int(cells[_SECOND])
        since = max(last, int(now)) - MINUTE + 1
        counted = (cells[_SECONDS + second % MINUTE] for second in range(since, last + 1))
        return max(0, int(sum(counted)))

    def _advance(self, second: int) -> None:
        cells = self._cells
        last = int(cells[_SECOND])
        if second != last:
            begin = last if last < second else -MINUTE  # all, where the clock began anew
            for passed in range(max(begin, second - MINUTE) + 1, second + 1):
                cells[_SECONDS + passed % MINUTE] = 0.0
            cells[_SECOND] = second
