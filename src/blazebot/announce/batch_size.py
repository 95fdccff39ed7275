"""How many messages of an announcement go together. Pure."""

from __future__ import annotations

from typing import Final

_GROWTH: Final = 1.03


class BatchSize:
    """The size of the next batch, at most ``most``: small where many people refuse messages.

    A batch with one refused message is written once more, and each try counts against the quota.
    At three of 1,000 people this settles at some 15 messages, and a twentieth is written twice;
    in batches of 100 it would be a quarter.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = float(most)

    def __int__(self) -> int:
        return int(self._size)

    def taken(self) -> None:
        """Note that a batch was taken as a whole."""
        self._size = min(self._most, self._size * _GROWTH)

    def refused(self) -> None:
        """Note that a batch was refused."""
        self._size = max(1.0, self._size / 2)
