"""What was read or written lately, so that it need not be read again."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, TypeVar

__all__ = ["Cache"]

K = TypeVar("K")
V = TypeVar("V")


class Cache(OrderedDict[K, V], Generic[K, V]):  # a dict slows down as its first entries go
    """A dict of at most ``most`` entries, which forgets its oldest when it is full."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def keep(self, key: K, value: V) -> V:
        """Keep an entry, and return its value."""
        if len(self) >= self._most and key not in self:
            self.popitem(last=False)
        self[key] = value
        return value
