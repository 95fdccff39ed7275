"""Jobs in a key-value bucket, for all workers of a bot: each run is claimed by one of them."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Final, NamedTuple

from msgspec import Struct
from msgspec.structs import replace as changed_to
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.errors import APIError, KeyNotFoundError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from blazebot.bot.jobs.schedules import due_now
from blazebot.bot.jobs.storage import KEPT, Claim, StoredJob, Terms
from blazebot.errors import FrameError, JobError
from blazebot.jetstream.connection import NatsError
from blazebot.jetstream.names import Names
from blazebot.wire.codec import decode_json, encode_json

logger = logging.getLogger("blazebot.jetstream")

REREAD: Final = 30.0
"""Seconds after which all jobs are read again: a watch may have ended unseen, and what is deleted
leaves no mark."""

_PAUSE: Final = 1.0


class _Row(Struct, frozen=True):
    """A job as it stands in the bucket: JSON. ``wake`` is None when it is over.

    ``job.version`` is the revision that was claimed: no two claims have the same.
    """

    job: StoredJob
    wake: float | None
    remembered: bool = False
    over_at: float | None = None


class _Kept(NamedTuple):
    row: _Row | None
    revision: int


class BucketJobStorage:
    """Keeps jobs in ``bucket``; what stands there is known here by :meth:`watch`.

    What another worker has changed is never written over: a write names the revision that it
    follows. Clocks of machines may differ by less than a lease. ``changed`` is called when another
    has changed something.

    Raises:
        JobError: from each method; NATS cannot be used.
    """

    def __init__(
        self,
        js: JetStreamContext,
        names: Names,
        bucket: KeyValue,
        changed: Callable[[], None],
    ) -> None:
        self._js = js
        self._bucket = bucket
        self._bucket_name = names.jobs
        self._stream = f"KV_{names.jobs}"
        self._changed = changed
        self._kept: dict[str, _Kept] = {}
        self.loaded = asyncio.Event()
        """Set once all jobs are known."""

    # What there is

    async def watch(self) -> None:
        """Learn what other workers change, until cancelled."""
        while True:
            try:
                await self._watch_for(REREAD)
            except (NatsError, TimeoutError) as error:
                logger.debug("jobs cannot be watched: %s", str(error) or type(error).__name__)
                await asyncio.sleep(_PAUSE)

    async def _watch_for(self, seconds: float) -> None:
        before, seen = dict(self._kept), set()
        watcher = await self._bucket.watchall()
        try:
            until = time.monotonic() + seconds
            while (left := until - time.monotonic()) > 0:
                try:
                    entry = await watcher.updates(timeout=left)  # type: ignore[no-untyped-call]
                except NatsTimeout:
                    return
                if entry is not None:
                    seen.add(entry.key)
                    self._learn(entry.key, entry.value or b"", entry.revision or 0)
                    continue
                for name in before.keys() - seen:
                    if self._kept.get(name) is before[name]:
                        del self._kept[name]
                self.loaded.set()
        finally:
            with suppress(NatsError):
                await watcher.stop()  # type: ignore[no-untyped-call]

    def _learn(self, name: str, value: bytes, revision: int) -> None:
        kept = self._kept.get(name)
        if kept is None or kept.revision < revision:
            self._kept[name] = _Kept(_decoded(name, value), revision)
            self._changed()

    async def put(self, job: StoredJob, *, replace: bool, remembered: bool) -> None:
        """Keep a job; JetStream has it when this returns.

        One with its name and key is replaced, or else left as it is, even if it is over.
        """
        name = _name(job.name, job.key)
        while True:
            row, revision = await self._read(name)
            if row is not None and not replace:
                return
            new = _Row(job._replace(version=revision), job.due, remembered)
            if await self._write(name, new, revision):
                return

    async def declare(self, job: StoredJob) -> None:
        """Keep a job whose schedule stands in the code; if it is the same, so is its time."""
        name = _name(job.name, job.key)
        while True:
            row, revision = await self._read(name)
            if row is not None and row.job.schedule == job.schedule:
                return
            if await self._write(name, _Row(job._replace(version=revision), job.due), revision):
                return

    async def remove(self, name: str, key: str, now: float) -> bool:
        """Let a job not run, or not run again; return whether there was one, or a failed one."""
        in_bucket = _name(name, key)
        while True:
            row, revision = await self._read(in_bucket)
            if row is None or (row.wake is None and row.job.error is None):
                return False
            job = row.job._replace(error=None, version=revision)
            if await self._end(in_bucket, changed_to(row, job=job), revision, now):
                return True

    async def all(self) -> list[StoredJob]:
        """Return the jobs that are to run, or have failed, by their time."""
        jobs = [row.job for _, row, _ in self._rows() if row.wake is not None or row.job.error]
        return sorted(jobs, key=lambda job: (job.due, job.name, job.key))

    async def unknown(self, names: Iterable[str]) -> dict[str, int]:
        """Return how many jobs there are to run of other names than these, by name."""
        known = set(names)
        waiting = (row.job.name for _, row, _ in self._rows() if row.wake is not None)
        return dict(Counter(name for name in waiting if name not in known))

    # Running

    async def next_wake(self, names: Iterable[str]) -> float | None:
        """Return when there is next something to do for jobs of these names."""
        known = set(names)
        wakes = (row.wake for _, row, _ in self._rows() if row.job.name in known)
        return min((wake for wake in wakes if wake is not None), default=None)

    async def release(self, now: float) -> None:
        """Forget what is over for long; what a worker had that died is free after its lease."""
        for name, row, revision in self._rows():
            if row.over_at is not None and row.over_at < now - KEPT:
                await self._write(name, None, revision)

    async def claim(
        self,
        terms: Mapping[str, Terms],
        now: float,
        *,
        limit: int,
        running: Collection[Claim],
    ) -> list[StoredJob]:
        """Claim up to ``limit`` jobs that are due; as JobStorage has it."""
        due = [
            (row.wake, name, row, revision)
            for name, row, revision in self._rows()
            if row.wake is not None and row.wake <= now and row.job.name in terms
        ]
        claimed: list[StoredJob] = []
        for _, name, row, revision in sorted(due, key=lambda one: one[:2]):
            grace, lease = terms[row.job.name]
            try:
                if row.job.claim in running:
                    await self._write(name, changed_to(row, wake=now + lease), revision)
                elif len(claimed) < limit:
                    moment = await self._moment(name, row, revision, grace, now)
                    if moment is None:
                        continue
                    job = row.job._replace(due=moment, version=revision, begun=True)
                    taken = changed_to(row, job=job, wake=now + lease)
                    if await self._write(name, taken, revision):
                        claimed.append(job)
                    else:
                        await self._read(name)  # another worker has it
            except JobError:
                if not claimed:
                    raise
                break  # what is claimed is to be run
        return claimed

    async def _moment(
        self, name: str, row: _Row, revision: int, grace: float, now: float
    ) -> float | None:
        """Return the time that a job is to run for, None if it is too late for that."""
        job = row.job
        try:
            moment = due_now(job.schedule, job.due, now, grace, begun=job.begun, tries=job.tries)
            if moment is None and job.schedule is not None:
                logger.warning("job %s was missed, and it is too late now; see job_grace", job)
                await self._write(name, _again(row, job.schedule.after(now, job.due)), revision)
        except JobError as error:  # the time zones of this machine have changed, say
            logger.error("job %s can run no more: %s", job, error)
            failed = changed_to(row, job=job._replace(error=str(error)))
            await self._end(name, failed, revision, now)
            return None
        return moment

    # What became of a claim; nothing is written where it is no longer ours.

    async def repeat(self, job: StoredJob, due: float) -> None:
        """Let a job that repeats wait for its next time."""
        await self._settle(job, lambda name, row, last: self._write(name, _again(row, due), last))

    async def wait(self, job: StoredJob, until: float) -> None:
        """Let a job be run again from ``until`` on; its tries and first failure are kept."""

        def waiting(row: _Row) -> _Row:
            tried = row.job._replace(tries=job.tries, failed_at=job.failed_at)
            return changed_to(row, job=tried, wake=until)

        await self._settle(job, lambda name, row, last: self._write(name, waiting(row), last))

    async def finish(self, job: StoredJob, now: float, error: str | None = None) -> None:
        """Note that a job is over; it is remembered if it failed, or was to be."""

        def over(row: _Row) -> _Row:
            return changed_to(row, job=row.job._replace(error=error))

        await self._settle(job, lambda name, row, last: self._end(name, over(row), last, now))

    async def _settle(
        self, job: StoredJob, write: Callable[[str, _Row, int], Awaitable[bool]]
    ) -> None:
        name = _name(job.name, job.key)
        row, revision = self._kept.get(name) or await self._read(name)
        while row is not None and row.job.version == job.version:
            if await write(name, row, revision):
                return
            row, revision = await self._read(name)

    # The bucket

    def _rows(self) -> Iterator[tuple[str, _Row, int]]:
        for name, (row, revision) in list(self._kept.items()):
            if row is not None:
                yield name, row, revision

    async def _read(self, name: str) -> _Kept:
        """Return what stands in the bucket now."""
        try:
            entry = await self._bucket.get(name)
        except KeyNotFoundError:
            self._kept.pop(name, None)
            return _Kept(None, 0)
        except (NatsError, TimeoutError) as error:
            raise _error(error) from None
        kept = _Kept(_decoded(name, entry.value or b""), entry.revision or 0)
        self._kept[name] = kept
        return kept

    async def _end(self, name: str, row: _Row, revision: int, now: float) -> bool:
        if row.job.error is None and not row.remembered:
            return await self._write(name, None, revision)
        return await self._write(name, changed_to(row, wake=None, over_at=now), revision)

    async def _write(self, name: str, row: _Row | None, revision: int) -> bool:
        """Write or delete what follows a revision; return False if there is a later one."""
        try:
            if row is None:
                # Not the bucket's own deletion, which leaves a mark for ever; and only up to this
                # revision, so that what is scheduled anew meanwhile stays.
                subject = f"$KV.{self._bucket_name}.{name}"
                await self._js.purge_stream(self._stream, seq=revision + 1, subject=subject)
                if self._kept.get(name, _Kept(None, 0)).revision <= revision:
                    self._kept.pop(name, None)
            else:
                written = await self._bucket.update(name, encode_json(row), last=revision)
                self._kept[name] = _Kept(row, written)
        except KeyWrongLastSequenceError:
            return False
        except (NatsError, TimeoutError) as error:
            raise _error(error) from None
        return True


def _again(row: _Row, due: float) -> _Row:
    job = row.job._replace(due=due, begun=False, tries=0, failed_at=None)
    return changed_to(row, job=job, wake=due)


def _name(name: str, key: str) -> str:
    # Both may have what a key in a bucket may not.
    return sha256(f"{name}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()


def _decoded(name: str, value: bytes) -> _Row | None:
    if not value:
        return None
    try:
        return decode_json(value, _Row)
    except FrameError as error:
        logger.error("job %s in NATS cannot be read: %s", name, error)
        return None


def _error(error: Exception) -> JobError:
    words = error.description if isinstance(error, APIError) else str(error)
    return JobError(f"the jobs in NATS cannot be read or written: {words or type(error).__name__}")
