"""The quota, kept by all processes of a bot on one machine together."""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from blazebot.delivery.quota import CELLS, LEASE, Allowance, QuotaState
from blazebot.delivery.session_lock import unusable
from blazebot.errors import NotRunning, RequestError, SettingsError

_BUSY: Final = 0.001  # seconds until another process has surely done with the file
_PATIENCE: Final = 5.0  # seconds for that at the start
_HEADER: Final = 64  # bytes that say whose the numbers are
_SIZE: Final = _HEADER + 8 * CELLS


class QuotaLimiter:
    """Lets messages leave as the quota allows: ``quota`` a minute, of all processes together.

    They share a small file at ``path``, in memory and behind a lock that the system frees however
    a process ends. A process with much to send takes a little more than it needs, and leaves the
    file alone until that is used or a tenth of a second is over. ``clock`` is one that all
    processes of the machine share, and that only a new start of the machine sets back.

    Raises:
        SettingsError: the file cannot be made or used.
    """

    def __init__(
        self, path: Path, quota: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._quota = quota
        self._allowance = Allowance.of(quota)
        self._clock = clock
        self._leased = 0
        self._leased_at = 0.0
        self._lease = 0  # how much more than is needed to take next time
        self._turns = {first: asyncio.Lock() for first in (False, True)}
        self._file: int | None = None
        self._state: QuotaState | None = None
        try:
            self._open(path)
        except OSError as error:
            self.close()
            raise unusable(path, error) from None

    def _open(self, path: Path) -> None:
        file = self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + _PATIENCE
        while not self._lock():
            if time.monotonic() > deadline:
                raise SettingsError(f"{path} is held by another process, which hangs: end that one")
            time.sleep(_BUSY)
        try:
            header = f"blazebot quota 1 {_boot_id()}".encode().ljust(_HEADER, b"\0")
            is_new = os.pread(file, _HEADER, 0) != header or os.fstat(file).st_size != _SIZE
            if is_new:
                os.ftruncate(file, _SIZE)
                os.pwrite(file, bytes(_SIZE), 0)  # written, lest the disk is full later
            shared = memoryview(mmap.mmap(file, _SIZE))
            state = QuotaState(shared[_HEADER:].cast("d"), self._allowance)
            if is_new:
                state.begin(self._clock())
                os.pwrite(file, header, 0)
            self._state = state
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    @property
    def quota(self) -> int:
        """Messages a minute."""
        return self._quota

    @property
    def largest(self) -> int:
        """The most messages that may leave at once."""
        return self._allowance.largest

    @property
    def used(self) -> int:
        """How many messages of all processes have left in the last minute."""
        # What is left of a lease was counted when it was taken, perhaps more than a minute ago.
        return max(0, self._state.used(self._clock()) - self._leased) if self._state else 0

    async def take(self, count: int = 1, *, first: bool = False) -> None:
        """Return when ``count`` messages may leave: at once, then, and at most :attr:`largest`.

        ``first`` goes before all others that wait, whatever process they are of. What was taken
        and is not used, because the caller was cancelled, is lost.

        Raises:
            RequestError: so many can never leave at once.
            NotRunning: the limiter was closed.
        """
        if self.try_take(count, first=first):
            return
        async with self._turns[first]:
            # No event tells of room: who took the rest may be another process.
            while wait := self._draw(count, self._clock(), first=first):  # noqa: ASYNC110
                await asyncio.sleep(wait)

    def try_take(self, count: int, *, first: bool) -> bool:
        """Take room for ``count`` messages if there is some now, and nobody waits for it.

        Returns whether there was; raises as :meth:`take`.
        """
        now = self._clock()
        if self._leased >= count and self._leased_at <= now < self._leased_at + LEASE:
            self._leased -= count
            return True
        return not self._turns[first].locked() and not self._draw(count, now, first=first)

    def refused(self, retry_after: float | None) -> None:
        """Say that the service answered 429, perhaps with the seconds to wait.

        For so long, or a second and more if that does not help, nothing leaves any process.
        """
        self._leased = 0
        with self._locked() as state:
            if state is not None:  # otherwise the next refusal says it
                state.refused(retry_after, self._clock())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = self._state = None
            self._leased = 0

    def _draw(self, count: int, now: float, *, first: bool) -> float:
        """Take from what all share; return 0, or the seconds until the next try."""
        if count > self._allowance.largest:
            raise RequestError(
                "messages",
                f"at most {self.largest} at once with a quota of {self._quota} a minute, "
                f"not {count}",
            )
        with self._locked() as state:
            if state is None:
                return _BUSY
            unused, self._leased = self._leased, 0
            self._lease = 0 if unused else min(2 * self._lease + 1, self.largest)
            more = min(self._lease, self.largest - count)
            # More than is needed is taken as a batch is: never from what is there for replies.
            if more and not state.take(count + more, now, first=False):
                self._leased, self._leased_at = more, now
            elif wait := state.take(count, now, first=first):
                state.count(-unused, now)
                return wait
            state.count(count + self._leased - unused, now)
            return 0.0

    @contextmanager
    def _locked(self) -> Iterator[QuotaState | None]:
        """Hold the file, and give what stands in it; None if another process holds it now."""
        is_ours = self._lock()
        try:
            yield self._state if is_ours else None
        finally:
            if is_ours and self._file is not None:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _lock(self) -> bool:
        # Never waits: a process that is frozen at this moment would freeze all others.
        if self._file is None:
            raise NotRunning("the bot was stopped")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def _boot_id() -> str:
    """Return what is another after each start of the machine; empty where it does not say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
