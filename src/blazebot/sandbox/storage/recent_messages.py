"""The messages that changed last, in memory: who looks at once need not read them again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from itertools import takewhile
from typing import Final

from blazebot.sandbox.storage.rows import StoredMessage

__all__ = ["RecentMessages"]

_MOST: Final = 8_192

_BYTES_MOST: Final = 16 * 1024 * 1024
"""Content of all of them."""


class RecentMessages:
    """Messages as they are now, in the order of their changes.

    All that changed after position ``since`` are here.
    """

    def __init__(self, since: int) -> None:
        self.since = since
        self._newest = since
        self._by_change: OrderedDict[int, StoredMessage] = OrderedDict()
        self._changes: dict[str, int] = {}
        self._bytes = 0

    def put(self, message: StoredMessage) -> None:
        """Keep a message that was just written, in place of what it was before."""
        before = self._changes.get(message.message_id)
        if before is not None:
            self._bytes -= len(self._by_change.pop(before).data)
        self._by_change[message.changed] = message
        self._changes[message.message_id] = self._newest = message.changed
        self._bytes += len(message.data)
        while len(self._by_change) > _MOST or self._bytes > _BYTES_MOST:
            self.since, oldest = self._by_change.popitem(last=False)
            del self._changes[oldest.message_id]
            self._bytes -= len(oldest.data)

    def find(self, message_id: str) -> StoredMessage | None:
        """Return a message, if it is here."""
        change = self._changes.get(message_id)
        return None if change is None else self._by_change[change]

    def after(self, position: int) -> Iterator[StoredMessage]:
        """Return the messages that changed after a position, which is not before ``since``."""
        newer = takewhile(lambda one: one.changed > position, reversed(self._by_change.values()))
        return reversed(list(newer))

    def clear(self) -> None:
        """Forget all: what was put may never have been."""
        self.since = self._newest
        self._by_change.clear()
        self._changes.clear()
        self._bytes = 0
