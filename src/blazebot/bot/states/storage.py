"""Where states are kept: what a storage has to do, and one in memory."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple, Protocol

from blazebot.wire.limits import MIB


class StateKey(NamedTuple):
    """Whose state it is, in lower case; what makes no difference is empty."""

    user_id: str
    conversation_id: str


class StateStorage(Protocol):
    """Keeps the state of each key: bytes, which are JSON.

    One process uses it for one bot. What is asked for often is not asked of it again.
    """

    async def load(self, key: StateKey) -> bytes | None:
        """Return what is kept for ``key``, or None.

        Raises:
            StateError: it cannot be read.
        """

    async def save(self, key: StateKey, state: bytes, until: float | None) -> None:
        """Keep ``state`` in place of what there is; it is safe when this returns.

        After ``until``, in unix seconds, it need not be kept.

        Raises:
            StateError: it cannot be kept.
        """

    async def forget(self, user_id: str) -> None:
        """Delete what is kept for keys with this person.

        Raises:
            StateError: it cannot be deleted.
        """


class MemoryStateStorage:
    """Keeps states in memory, in up to ``limit`` bytes; then those go that changed longest ago.

    They end with the process: a conversation begins anew then.
    """

    def __init__(self, limit: int = 64 * MIB) -> None:
        self._limit = limit
        self._bytes = 0
        self._states: OrderedDict[StateKey, bytes] = OrderedDict()

    async def load(self, key: StateKey) -> bytes | None:
        """Return what is kept for ``key``, or None."""
        return self._states.get(key)

    async def save(self, key: StateKey, state: bytes, until: float | None) -> None:
        """Keep ``state`` in place of what there is."""
        self._drop(key)
        self._states[key] = state
        self._bytes += len(state)
        while self._bytes > self._limit:
            self._drop(next(iter(self._states)))

    async def forget(self, user_id: str) -> None:
        """Delete what is kept for keys with this person."""
        for key in [one for one in self._states if one.user_id == user_id]:
            self._drop(key)

    def _drop(self, key: StateKey) -> None:
        self._bytes -= len(self._states.pop(key, b""))
