"""Which message is handled when: once, in order, and never more than fits. Pure: no I/O, no clock.

A lane is a conversation with messages at hand. Its messages are handled one after another; lanes
stand side by side. The states of a lane:

    ready -> running -> ready (more at hand) | gone (none) | resting (a retry is due later) -> ready
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count

import msgspec

from blazebot.wire.limits import MIB
from blazebot.wire.messages import MessageView


class Verdict(Enum):
    """What became of a message that was offered."""

    ACCEPTED = auto()
    """It is at hand and will be handled."""
    AT_HAND = auto()
    """It is at hand already: a repeat to ignore."""
    HANDLED = auto()
    """It was handled: a repeat to acknowledge again."""
    LET_GO = auto()
    """There is no room: it stays unacknowledged, and is to be asked for again."""


class Item(msgspec.Struct, eq=False):
    """A message at hand: its view, failed tries so far, when the first of them failed.

    ``size`` is that of its content, in bytes of base64.
    """

    view: MessageView
    size: int = 0
    tries: int = 0
    failed_at: float | None = None


class Lane(msgspec.Struct, eq=False):
    """A conversation with messages at hand, oldest first: most often one, so they are a list."""

    conversation_id: str
    items: list[Item] = []


@dataclass(slots=True)
class Awaited:
    """A message let go that its conversation waits for, and when it was first asked for since."""

    message_id: str
    asked_at: float | None = None


class HandledIds:
    """Ids of handled messages with the status to acknowledge them with, bounded.

    An id is kept until its acknowledgement is confirmed and ``keep`` seconds longer, unless more
    than ``limit`` are kept; then those go that were confirmed first, a batch of them at once.
    """

    def __init__(self, *, keep: float, limit: int) -> None:
        self._keep = keep
        self._limit = limit
        self._statuses: dict[str, str] = {}
        # Batches with the time for all in each: cheaper than a time for each id.
        self._batches: deque[tuple[float, Sequence[str]]] = deque()
        self._confirmed = 0

    def __len__(self) -> int:
        return len(self._statuses)

    def status(self, message_id: str) -> str | None:
        """Return the status that a handled message was acknowledged with; None if not known."""
        return self._statuses.get(message_id)

    def add(self, message_id: str, status: str) -> None:
        """Remember a message as handled."""
        self._statuses[message_id] = status
        if len(self._statuses) > self._limit:
            self._make_room()

    def confirmed(self, message_ids: Sequence[str], now: float) -> None:
        """Note that the service has taken the acknowledgements of ``message_ids``."""
        self._batches.append((now, message_ids))
        self._confirmed += len(message_ids)  # acknowledged again, an id counts again
        while self._batches and (
            now - self._batches[0][0] >= self._keep or self._confirmed > self._limit
        ):
            self._forget_batch()

    def _make_room(self) -> None:
        while len(self._statuses) > self._limit:
            if self._batches:
                self._forget_batch()
            else:
                del self._statuses[next(iter(self._statuses))]

    def _forget_batch(self) -> None:
        _, message_ids = self._batches.popleft()
        self._confirmed -= len(message_ids)
        for message_id in message_ids:
            self._statuses.pop(message_id, None)


class Inbox:
    """The messages at hand.

    ``limit`` bounds them in total and ``lane_limit`` for one conversation, so that one person who
    floods delays nobody else; ``bytes_limit`` bounds what they hold. Where a message is let go, its
    conversation takes none until that very message comes again, so its order holds, given that the
    service pushes what is pending in a conversation from the oldest on [A]; so many conversations
    as ``awaited_limit`` are remembered for that.
    """

    def __init__(
        self,
        *,
        limit: int,
        lane_limit: int,
        keep_ids: float,
        ids_limit: int,
        awaited_limit: int = 100_000,
        bytes_limit: int = 64 * MIB,
    ) -> None:
        self._limit = limit
        self._bytes_limit = bytes_limit
        self._bytes = 0
        self._lane_limit = lane_limit
        self._awaited_limit = awaited_limit
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._resting: list[tuple[float, int, Lane]] = []
        self._order = count()
        self._at_hand: set[str] = set()
        # Conversation -> the first message let go. Oldest first, so those asked for lead.
        self._awaited: dict[str, Awaited] = {}
        self._overflowed = False
        self._closed = False
        self._handled = HandledIds(keep=keep_ids, limit=ids_limit)
        self.offered = 0
        """Messages offered so far."""
        self.let_go = 0
        """Messages let go so far."""
        self.repeats = 0
        """Messages offered so far that were at hand or handled."""

    def __len__(self) -> int:
        return len(self._at_hand)

    # Arrival

    def offer(self, view: MessageView) -> Verdict:
        """Take a message in, if it is new and there is room."""
        message_id = view.message_id
        self.offered += 1
        if message_id in self._at_hand:
            self.repeats += 1
            return Verdict.AT_HAND
        if self._handled.status(message_id) is not None:
            self.repeats += 1
            return Verdict.HANDLED
        if self._closed or not self._has_room(view):
            self.let_go += 1
            return Verdict.LET_GO
        self._accept(view)
        return Verdict.ACCEPTED

    def replay(self, view: MessageView) -> Verdict:
        """Take in a message that was handled before, to be handled again after those at hand.

        ``LET_GO``: there is no room, and nothing is asked for: offer it again later.
        """
        if view.message_id in self._at_hand:
            return Verdict.AT_HAND
        if self._closed or self._is_full(view.conversation_id or ""):
            return Verdict.LET_GO
        self._accept(view)
        return Verdict.ACCEPTED

    def _has_room(self, view: MessageView) -> bool:
        conversation_id, message_id = view.conversation_id or "", view.message_id
        awaited = self._awaited.get(conversation_id)
        if self._overflowed and awaited is None:
            return False
        if awaited is not None and awaited.message_id != message_id:
            return False
        if self._is_full(conversation_id):
            self._await(conversation_id, message_id)
            return False
        if awaited is not None:
            del self._awaited[conversation_id]
        return True

    def _is_full(self, conversation_id: str) -> bool:
        lane = self._lanes.get(conversation_id)
        return (
            len(self._at_hand) >= self._limit
            or self._bytes >= self._bytes_limit
            or (lane is not None and len(lane.items) >= self._lane_limit)
        )

    def _await(self, conversation_id: str, message_id: str) -> None:
        # One that came and found no room again goes to the end: it is to be asked for anew.
        known = self._awaited.pop(conversation_id, None) is not None
        if known or len(self._awaited) < self._awaited_limit:
            self._awaited[conversation_id] = Awaited(message_id)
        else:
            # Too many conversations to remember where each stopped: none that is not remembered
            # takes any more until the next line, which begins with the oldest pending.
            self._overflowed = True

    def _accept(self, view: MessageView) -> None:
        conversation_id = view.conversation_id or ""
        self._at_hand.add(view.message_id)
        if view.data_base64:
            view.data = ""  # the same content once more
        size = len(view.data_base64 or view.data or "")
        item = Item(view, size)
        self._bytes += size
        lane = self._lanes.get(conversation_id)
        if lane is None:
            lane = self._lanes[conversation_id] = Lane(conversation_id, [item])
            self._ready.append(lane)
        else:
            lane.items.append(item)

    def line_opened(self) -> None:
        """Start afresh on a new line: the service pushes all that is pending, oldest first."""
        self._awaited.clear()
        self._overflowed = False

    @property
    def awaits_repeats(self) -> bool:
        """Whether messages were let go that have not come again."""
        return bool(self._awaited) or self._overflowed

    def asked(self, now: float) -> None:
        """Note that what was let go is asked for now."""
        for awaited in reversed(self._awaited.values()):
            if awaited.asked_at is not None:
                break
            awaited.asked_at = now

    @property
    def asked_since(self) -> float | None:
        """Since when a message has been asked for and has not come; None where none is missing."""
        longest = next(iter(self._awaited.values()), None)
        return None if longest is None else longest.asked_at

    @property
    def has_overflowed(self) -> bool:
        """Whether only a new line can bring back all that was let go."""
        return self._overflowed

    # Handling

    @property
    def ready(self) -> int:
        """How many lanes have a message that can be handled now."""
        return len(self._ready)

    def next(self) -> Lane | None:
        """Return the lane whose oldest message is to be handled now; it is running then."""
        return self._ready.popleft() if self._ready else None

    def finished(self, lane: Lane, status: str) -> bool:
        """End the lane's oldest message: it is to be acknowledged with ``status``.

        Returns whether half the room is free now and messages that were let go should be asked
        for again.
        """
        item = lane.items[0]
        self._handled.add(item.view.message_id, status)
        return self._remove(lane)

    def released(self, lane: Lane) -> None:
        """Let go of the lane's oldest message, unacknowledged: it should be asked for again."""
        message_id = lane.items[0].view.message_id
        self._remove(lane)
        self._await(lane.conversation_id, message_id)

    def rest(self, lane: Lane, until: float) -> None:
        """Let the lane wait for the next try of its oldest message, holding nothing else up."""
        heapq.heappush(self._resting, (until, next(self._order), lane))

    def wake(self, now: float) -> float | None:
        """Make the lanes ready whose rest is over; return when the next one's is, or None."""
        while self._resting and self._resting[0][0] <= now:
            self._ready.append(heapq.heappop(self._resting)[2])
        return self._resting[0][0] if self._resting else None

    def close(self) -> None:
        """Take no more, and let go of what is not running."""
        self._closed = True
        self._ready.clear()
        self._resting.clear()

    def _remove(self, lane: Lane) -> bool:
        item = lane.items.pop(0)
        self._at_hand.discard(item.view.message_id)
        self._bytes -= item.size
        if self._closed:
            return False
        if lane.items:
            self._ready.append(lane)
        else:
            del self._lanes[lane.conversation_id]
        if not self._awaited and not self._overflowed:
            return False
        return self._half_is_free(lane, item.size)

    def _half_is_free(self, lane: Lane, freed: int) -> bool:
        # True just when messages, their bytes, or an awaiting lane cross their half, so that the
        # service is asked once for each half and not for each message. Having overflowed, few may
        # be taken and the half never be reached from above.
        half, half_of_bytes = self._limit // 2, self._bytes_limit // 2
        if len(self._at_hand) > half or self._bytes > half_of_bytes:
            return False
        return (
            len(self._at_hand) == half
            or self._bytes + freed > half_of_bytes
            or self._overflowed
            or (lane.conversation_id in self._awaited and len(lane.items) == self._lane_limit // 2)
        )

    # Acknowledgement

    def status(self, message_id: str) -> str | None:
        """Return the status that a handled message is to be acknowledged with again, or None."""
        return self._handled.status(message_id)

    def confirmed(self, message_ids: Sequence[str], now: float) -> None:
        """Note that the service has taken the acknowledgements of ``message_ids``."""
        self._handled.confirmed(message_ids, now)
