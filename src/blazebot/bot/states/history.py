"""How a state became what it is, so that a message sees it as it was for that message. Pure.

A state has versions. What a message saw is remembered: when it comes again after a crash, though
later messages have changed the state since, it sees the same and so goes to the same handler,
whose replies have the same ids. By this, and not by times, versions are ordered: what was handled
first comes first, whatever clocks say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Final

import msgspec

SEEN_LIMIT: Final = 256
"""Messages of one state that are remembered with what they saw.

What counts is how many of them can have been handled and not be acknowledged when a process dies:
that is a matter of milliseconds, and does not grow while the bot is down, though the service may
push them again for 7 days [S].
"""

HISTORY_LIMIT: Final = 256 * 1024
"""Bytes that older versions of one state may take, with the newest; those beyond it go."""

_SEEN_SIZE: Final = 150  # bytes, about, that a remembered message takes in memory
_VERSION_SIZE: Final = 200
_HISTORY_SIZE: Final = 1000


class Version(msgspec.Struct, frozen=True, array_like=True):
    """A state: the name of its step, or none, and its data, a JSON object.

    ``at`` is the time of the message that made it, in unix seconds.
    """

    step: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")
    at: float = 0.0

    @property
    def is_none(self) -> bool:
        """Whether there is no state."""
        return not self.step and self.data == NOTHING.data


NOTHING: Final = Version()
"""The state of who is at no step and has said nothing."""


class Change(msgspec.Struct):
    """What a handler does to a state: clear it first, put fields of its data, go to a step.

    ``fields`` are JSON by name. A step of None leaves it.
    """

    clear: bool = False
    fields: dict[str, msgspec.Raw] = {}
    step: str | None = None

    def applied_to(self, version: Version, at: float) -> Version:
        """Return the version that this makes of ``version``."""
        before = NOTHING if self.clear else version
        step = before.step if self.step is None else self.step
        return Version(step, merged(before.data, self.fields), at)


def merged(data: msgspec.Raw, fields: Mapping[str, msgspec.Raw]) -> msgspec.Raw:
    """Return a JSON object with ``fields`` put over its own."""
    if not fields:
        return data
    return msgspec.Raw(msgspec.json.encode({**_FIELDS.decode(data), **fields}))


_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Stored(msgspec.Struct, array_like=True):
    first: int
    versions: Annotated[list[Version], msgspec.Meta(min_length=1)]
    seen: dict[str, int]


_STORED: Final = msgspec.json.Decoder(_Stored)


class History:
    """The versions of one state, numbered, and which of them each message saw.

    ``versions`` are those that are kept, the newest last; ``first`` is the number of the oldest of
    them. ``seen`` is by message id, in the order in which messages were handled.

    Version 0 is that there is no state.
    """

    __slots__ = ("_first", "_seen", "_versions", "newest", "size")

    def __init__(
        self,
        versions: Iterable[Version] = (NOTHING,),
        seen: Mapping[str, int] | None = None,
        first: int = 0,
    ) -> None:
        self._versions = tuple(versions)
        self._seen = dict(seen or {})
        self._first = first
        self.newest = first + len(self._versions) - 1
        """The number of the state as it is now."""
        self.size = _HISTORY_SIZE + sum(map(_size, self._versions)) + len(self._seen) * _SEEN_SIZE
        """Bytes that it takes in memory, about."""

    def version(self, number: int) -> Version:
        """Return one of the versions that are kept: the newest, and those that messages saw."""
        return self._versions[number - self._first]

    def seen_by(self, message_id: str) -> int:
        """Return the number of the version that a message is to see."""
        return self._seen.get(message_id, self.newest)

    def note(self, message_id: str, number: int) -> None:
        """Remember that a message saw version ``number`` when it was handled.

        Of one that comes again it is what it saw first.
        """
        seen = self._seen
        if message_id not in seen and self._first <= number <= self.newest:
            seen[message_id] = number
            if len(seen) > SEEN_LIMIT:
                del seen[next(iter(seen))]
            else:
                self.size += _SEEN_SIZE

    def takes(self, message_id: str) -> bool:
        """Tell whether a message may change the state.

        One that was handled before may not, once there are versions after the one that it saw: one
        of them is what it has made, or others have gone on from there.
        """
        return self.seen_by(message_id) == self.newest

    def changed(self, message_id: str, saw: int, version: Version) -> History:
        """Return the history in which a message that saw version ``saw`` has made ``version``."""
        seen = dict(self._seen)
        seen.setdefault(message_id, min(saw, self.newest))
        while len(seen) > SEEN_LIMIT:
            del seen[next(iter(seen))]
        versions = (*self._versions, version)
        oldest = max(self._first, min(seen.values()))
        versions = versions[oldest - self._first :]
        # Together they may be too large; the newest stays in any case.
        left = sum(map(_size, versions))
        while left > HISTORY_LIMIT and len(versions) > 1:
            left -= _size(versions[0])
            versions = versions[1:]
            oldest += 1
        seen = {one: number for one, number in seen.items() if number >= oldest}
        return History(versions, seen, oldest)

    def encode(self) -> bytes:
        """Return it as it is stored: JSON."""
        return msgspec.json.encode(_Stored(self._first, list(self._versions), self._seen))

    @classmethod
    def decode(cls, stored: bytes) -> History:
        """Return what was stored; raises msgspec.DecodeError: it is no history.

        Who is said to have seen what is not there sees the newest.
        """
        read = _STORED.decode(stored)
        kept = range(read.first, read.first + len(read.versions))
        seen = {one: number for one, number in read.seen.items() if number in kept}
        return cls(read.versions, seen, read.first)


def _size(version: Version) -> int:
    return _VERSION_SIZE + len(version.data)
