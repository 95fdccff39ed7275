"""Requests that wait for their answer, matched by ``id``. Pure: the caller brings the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from blazebot.client.quota import Sends

W = TypeVar("W")


@dataclass(slots=True)
class Outstanding(Generic[W]):
    """One request: its bytes, who waits for the answer, and until when.

    A request that is ``repeated`` is written again, byte for byte, when no answer came within the
    time for one try, and after a reconnect: the same frame id means that a late answer to an
    earlier try counts. ``written_at`` is None while it has not been written on this line. What it
    ``sends``, if messages, is asked of the quota before each write; ``waits`` while that has no
    room.
    """

    body: bytes
    waiter: W
    deadline: float
    repeated: bool
    written_at: float | None = None
    sends: Sends | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Due(Generic[W]):
    """What a look at the clock gives: requests to write again, and those to give up."""

    again: list[Outstanding[W]]
    expired: list[Outstanding[W]]


class OutstandingRequests(Generic[W]):
    """All requests of one client that wait for an answer, in the order in which they came."""

    def __init__(self, *, try_timeout: float) -> None:
        self._try_timeout = try_timeout
        self._requests: dict[str, Outstanding[W]] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def __contains__(self, frame_id: str) -> bool:
        return frame_id in self._requests

    def add(self, frame_id: str, request: Outstanding[W]) -> None:
        """Remember ``request`` until it is answered, expires or is dropped."""
        self._requests[frame_id] = request

    def answered(self, frame_id: str) -> Outstanding[W] | None:
        """Return the request that a frame with ``frame_id`` answers, once; or None."""
        return self._requests.pop(frame_id, None)

    def dropped(self, frame_id: str) -> None:
        """Forget a request that nobody waits for any more."""
        self._requests.pop(frame_id, None)

    def unwritten(self) -> list[Outstanding[W]]:
        """Return what is still to be written on a line that has just opened, in order."""
        return [one for one in self._requests.values() if one.written_at is None and not one.waits]

    def lost(self) -> list[Outstanding[W]]:
        """Drop and return the requests that end with the line; the repeated ones stay."""
        ended = {key: one for key, one in self._requests.items() if not one.repeated}
        for key in ended:
            del self._requests[key]
        for one in self._requests.values():
            one.written_at = None
        return list(ended.values())

    def abandoned(self) -> list[Outstanding[W]]:
        """Drop and return all requests."""
        ended, self._requests = list(self._requests.values()), {}
        return ended

    def due(self, now: float) -> Due[W]:
        """Return what to write again and what to give up at ``now``; the latter is dropped."""
        again: list[Outstanding[W]] = []
        expired: list[Outstanding[W]] = []
        for key, one in list(self._requests.items()):
            if now >= one.deadline:
                expired.append(one)
                del self._requests[key]
            elif (
                one.repeated
                and not one.waits
                and one.written_at is not None
                and now - one.written_at >= self._try_timeout
            ):
                again.append(one)
        return Due(again, expired)
