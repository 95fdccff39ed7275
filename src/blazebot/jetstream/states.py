"""States in a key-value bucket, for all workers of a bot."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from nats.js.errors import KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from blazebot.bot.states.storage import StateKey
from blazebot.errors import StateError
from blazebot.jetstream.connection import NatsError

_REVISIONS: Final = 100_000  # keys of which it is known what was read last

_ANY: Final = "_"  # what makes no difference, in a key


class BucketStateStorage:
    """Keeps states in ``bucket``.

    What another worker has changed since it was read is not written over: that is an error, after
    which the handler runs again.
    """

    def __init__(self, bucket: KeyValue) -> None:
        self._bucket = bucket
        self._revisions: OrderedDict[StateKey, int] = OrderedDict()

    async def load(self, key: StateKey) -> bytes | None:
        """Return what is kept for ``key``, or None; raises StateError: it cannot be read."""
        try:
            entry = await self._bucket.get(_name(key))
        except KeyNotFoundError as gone:
            # What was deleted has a revision too, the deletion's.
            self._read(key, 0 if gone.entry is None else gone.entry.revision or 0)
            return None
        except NatsError as error:
            raise _error(error) from None
        self._read(key, entry.revision or 0)
        return entry.value

    async def save(self, key: StateKey, state: bytes, until: float | None) -> None:
        """Keep ``state``; NATS has it when this returns.

        Raises:
            StateError: it has not, or another worker has changed the state.
        """
        try:
            revision = await self._bucket.update(
                _name(key), state, last=self._revisions.get(key, 0)
            )
        except KeyWrongLastSequenceError:
            self._revisions.pop(key, None)
            raise StateError(
                "another worker has changed this state meanwhile; the handler runs again"
            ) from None
        except NatsError as error:
            raise _error(error) from None
        self._read(key, revision)

    async def forget(self, user_id: str) -> None:
        """Delete what is kept for keys with this person; raises StateError: it is not deleted."""
        try:
            for name in await self._names_of(user_id):
                await self._bucket.purge(name)
        except NatsError as error:
            raise _error(error) from None

    async def _names_of(self, user_id: str) -> list[str]:
        watcher = await self._bucket.watch(f"{user_id}.*", ignore_deletes=True, meta_only=True)
        names: list[str] = []
        try:
            async for entry in watcher:
                if entry is None:  # that was all
                    break
                names.append(entry.key)
        finally:
            await watcher.stop()  # type: ignore[no-untyped-call]
        return names

    def _read(self, key: StateKey, revision: int) -> None:
        self._revisions[key] = revision
        self._revisions.move_to_end(key)
        if len(self._revisions) > _REVISIONS:
            self._revisions.popitem(last=False)


def _name(key: StateKey) -> str:
    return f"{key.user_id or _ANY}.{key.conversation_id or _ANY}"


def _error(error: Exception) -> StateError:
    return StateError(f"states cannot be kept in NATS: {str(error) or type(error).__name__}")
