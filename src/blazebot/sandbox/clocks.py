"""The sandbox's two clocks, both offsets from the real one, and how times are written."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

SECOND: Final = 1_000_000_000
"""Nanoseconds in one."""

UNSET_TIME: Final = "0001-01-01T00:00:00Z"
"""How a time that is not set is written [C]."""


class Clocks:
    """Two clocks, because moving the time of messages must not make tokens look wrong.

    ``retention_offset`` and ``token_offset`` are in seconds. The first clock says when messages
    were created and when they expire, and tests move it freely; the second checks tokens and is
    moved only to show a client what a clock that is off looks like. The first is kept in the
    database, or a restart would move the time of its messages; the second is not, like any fault.
    """

    def __init__(self, retention_offset: float = 0.0) -> None:
        self._retention_offset = retention_offset
        self.token_offset = 0.0
        self.on_move: list[Callable[[], None]] = []
        """Called when the time of messages was moved."""

    @property
    def retention_offset(self) -> float:
        """How far the time of messages is from the real one; see :meth:`move_retention`."""
        return self._retention_offset

    def move_retention(self, offset: float) -> None:
        """Move the time of messages to ``offset`` seconds from the real one."""
        self._retention_offset = offset
        for told in self.on_move:
            told()

    def now(self) -> int:
        """Return the time of messages, in nanoseconds since the epoch."""
        return time.time_ns() + int(self._retention_offset * SECOND)

    def token_now(self) -> int:
        """Return the time by which tokens are checked, in nanoseconds since the epoch."""
        return time.time_ns() + int(self.token_offset * SECOND)


@lru_cache(maxsize=4096)
def timestamp(nanoseconds: int) -> str:
    """Return a time as views have it: RFC 3339 in UTC with nine fractional digits [C]."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    return f"{_whole_second(seconds)}.{fraction:09d}Z"


def time_or_unset(nanoseconds: int) -> str:
    """Return a time as views have it; 0 is one that is not set."""
    return timestamp(nanoseconds) if nanoseconds else UNSET_TIME


@lru_cache(maxsize=64)  # most times of a busy sandbox are of the same few seconds
def _whole_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
