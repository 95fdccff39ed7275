"""One announcement, as those who make it see it: how far it is, and what can be done with it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Final

import msgspec

from blazebot.announce.store import AnnouncementStore
from blazebot.announce.stored import Recipient, State, StoredAnnouncement
from blazebot.errors import AnnouncementError

LOOK_EVERY: Final = 0.2
"""Seconds between two looks at how far it is."""

_WINDOW: Final = 10.0  # seconds over which the rate is taken


class Progress(msgspec.Struct, frozen=True):
    """How far an announcement is.

    ``sent`` counts all that the service took, ``delivered`` those of them that were received, and
    ``read`` those of these that were read. ``skipped`` are people who want no announcements.
    ``rate`` is in messages a second, ``seconds_left`` None where nobody can tell; ``due`` and
    ``created_at`` are in unix seconds.
    """

    id: str
    state: State
    total: int
    waiting: int
    sent: int
    delivered: int
    read: int
    failed: int
    skipped: int
    recalled: int
    due: float
    created_at: float
    rate: float = 0.0
    seconds_left: float | None = None


class Announcement:
    """The announcement ``id``; ``wake`` is called when there may be something to do for it."""

    def __init__(self, id: str, store: AnnouncementStore, wake: Callable[[], None]) -> None:
        self.id = id
        self._store = store
        self._wake = wake

    def __repr__(self) -> str:
        return f"<Announcement {self.id}>"

    async def stored(self) -> StoredAnnouncement:
        """Return it as it is kept; raises AnnouncementError: there is none."""
        return await self._store.get(self.id)

    async def status(self) -> Progress:
        """Return how far it is; raises AnnouncementError: there is none."""
        return progress_of(await self.stored())

    async def progress(self, every: float = LOOK_EVERY) -> AsyncIterator[Progress]:
        """Yield how far it is whenever that changes, until nothing goes on by itself any more.

        Looks ``every`` so many seconds, whichever process sends it.
        """
        rates = _Rates()
        last: StoredAnnouncement | None = None
        while last is None or not last.is_over:
            now = await self.stored()
            rate = rates.rate(now.total - now.waiting, time.monotonic())
            if now != last:
                left = now.waiting / rate if rate else None
                last = now
                yield msgspec.structs.replace(
                    progress_of(now), rate=round(rate, 1), seconds_left=left
                )
            if not now.is_over:
                await asyncio.sleep(every)

    async def wait(self) -> Progress:
        """Return how far it is once nothing goes on by itself any more."""
        async for progress in self.progress():
            last = progress
        return last

    async def pause(self) -> None:
        """Send no more for now; what is on its way still arrives."""
        await self._change("paused", ("sending", "loading"), "pause")

    async def resume(self) -> None:
        """Go on."""
        await self._change("sending", ("paused",), "resume")

    async def cancel(self) -> None:
        """Send no more for good; what was sent stays, see :meth:`recall`."""
        await self._change("cancelled", ("sending", "paused", "loading"), "cancel")

    async def recall(self) -> None:
        """Send no more, and take back what was sent, from each person."""
        await self._change(
            "recalling", ("sending", "paused", "done", "cancelled", "loading"), "recall"
        )

    async def retry(self) -> int:
        """Send again to those who failed; return how many they are."""
        stored = await self.stored()
        if stored.state not in ("sending", "paused", "done"):
            raise self._refusal("retry", stored)
        count = await self._store.retry_failed(stored.number)
        await self._store.change(self.id, "sending", of=("done",))
        self._wake()
        return count

    async def recipients(self) -> AsyncIterator[Recipient]:
        """Yield what became of each message."""
        stored = await self.stored()
        async for one in self._store.recipients(stored.number):
            yield one

    async def _change(self, state: State, of: tuple[State, ...], word: str) -> None:
        if not await self._store.change(self.id, state, of=of):
            stored = await self.stored()
            if stored.state != state:
                raise self._refusal(word, stored)
        self._wake()

    def _refusal(self, word: str, stored: StoredAnnouncement) -> AnnouncementError:
        return AnnouncementError(f"cannot {word} announcement {self.id}: it is {stored.state}")


def progress_of(stored: StoredAnnouncement) -> Progress:
    """Return how far an announcement is, without its rate."""
    received = stored.delivered + stored.read
    return Progress(
        id=stored.id,
        state=stored.state,
        total=stored.total,
        waiting=stored.waiting,
        sent=stored.sent + received,
        delivered=received,
        read=stored.read,
        failed=stored.failed,
        skipped=stored.skipped,
        recalled=stored.recalled,
        due=stored.due,
        created_at=stored.created_at,
    )


class _Rates:
    """How many messages a second there were of late."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def rate(self, done: int, now: float) -> float:
        """Return the rate, with so many done by now."""
        seen = self._seen
        seen.append((now, done))
        while now - seen[0][0] > _WINDOW:
            seen.popleft()
        then, before = seen[0]
        return max(0.0, (done - before) / (now - then)) if now > then else 0.0
