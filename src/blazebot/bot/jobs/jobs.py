"""``bot.jobs``: scheduling jobs, cancelling them, and seeing which there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import msgspec

from blazebot.bot.clock import Clock
from blazebot.bot.events import sent_by_current
from blazebot.bot.jobs.plans import JobPlan
from blazebot.bot.jobs.schedules import Schedule, schedule_of
from blazebot.bot.jobs.storage import JobStorage, StoredJob
from blazebot.errors import JobError

DATA_LIMIT: Final = 64 * 1024
"""Bytes of a job's data as JSON."""

LATEST: Final = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""The last time that a job can be scheduled for."""

KEY_LENGTH: Final = 500
"""Characters of a job's key."""


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job that is to run, or that has failed: then ``error`` says of what.

    ``due`` is when, in UTC; ``schedule`` how it repeats, or None; ``tries`` how often it has failed
    since it was due.
    """

    name: str
    key: str
    due: datetime
    schedule: Schedule | None
    data: Any
    tries: int
    error: str | None


class Jobs:
    """The jobs of a running bot, kept in ``store``. ``changed`` is called when there is a new one.

    Raises:
        JobError: from each method; the jobs cannot be read or written, such as on a full disk.
    """

    def __init__(
        self,
        store: JobStorage,
        plans: Mapping[str, JobPlan],
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._store = store
        self._plans = plans
        self._clock = clock
        self._changed = changed

    async def schedule(
        self,
        job: str | Callable[..., object],
        *,
        at: datetime | None = None,
        after: timedelta | None = None,
        every: timedelta | None = None,
        cron: str | None = None,
        tz: str | None = None,
        key: str | None = None,
        data: object = None,
    ) -> str:
        """Let a job of the bot, by its function or name, run; it is safe when this returns.

        It runs once, ``at`` a time or ``after`` a while, however late; or again and again:
        ``every`` so often, or by ``cron`` in the time zone ``tz`` (UTC). ``data`` is what it finds
        in ``Job.data``: anything that msgspec makes JSON of.

        A job is known by its name and ``key``, which is returned: scheduled again, it is moved.
        Without ``key`` it is another one each time; but a handler that runs again for its message
        schedules nothing twice.

        Raises:
            JobError: there is no such job, or it cannot be scheduled so.
        """
        plan = self._plan(job)
        schedule = schedule_of(every, cron, tz)
        due = self._when(at, after, schedule)
        raw = _encoded(data, plan)
        sent = sent_by_current() if key is None else None
        if key is not None:
            _check_key(key)
        elif sent is not None:
            key = sent.message_id("", f"job {plan.route.name}", raw)
        else:
            key = str(uuid4())
        await self._store.put(
            StoredJob(plan.route.name, key, schedule, raw.decode(), due),
            replace=sent is None,
            remembered=sent is not None,
        )
        self._changed()
        return key

    async def cancel(self, job: str | Callable[..., object], key: str) -> bool:
        """Let a job not run any more; return whether there was one. A run under way goes on.

        Raises:
            JobError: the bot has no job of this name.
        """
        _check_key(key)
        return await self._store.remove(self._plan(job).route.name, key, self._clock.now())

    async def all(self) -> list[ScheduledJob]:
        """Return the jobs that are to run and those that have failed, by their time."""
        return [
            ScheduledJob(
                one.name,
                one.key,
                datetime.fromtimestamp(one.due, UTC),
                one.schedule,
                msgspec.json.decode(one.data),
                one.tries,
                one.error,
            )
            for one in await self._store.all()
        ]

    def _plan(self, job: str | Callable[..., object]) -> JobPlan:
        for name, plan in self._plans.items():
            if job in (name, plan.route.handler):
                return plan
        asked = job if isinstance(job, str) else getattr(job, "__name__", job)
        there = f"there are {', '.join(self._plans)}" if self._plans else "there are none"
        raise JobError(f"the bot has no job {asked!r:.120}; {there}. Register it by @bot.job")

    def _when(
        self, at: datetime | None, after: timedelta | None, schedule: Schedule | None
    ) -> float:
        given = sum(one is not None for one in (at, after, schedule))
        if given != 1:
            raise JobError(f"at, after, every, cron: one of them is needed, not {given}")
        now = self._clock.now()
        if schedule is not None:
            due = schedule.after(now, now)
        elif at is not None:
            if not isinstance(at, datetime) or at.tzinfo is None:
                raise JobError(f"at: should be a datetime with a time zone, not {at!r:.80}")
            due = at.timestamp()
        else:
            if not isinstance(after, timedelta):
                raise JobError(f"after: should be a timedelta, not {after!r:.80}")
            due = now + after.total_seconds()
        if due > LATEST:
            raise JobError("at, after, every: is beyond the year 9999")
        return due


def _check_key(key: str) -> None:
    if not isinstance(key, str) or not 1 <= len(key) <= KEY_LENGTH:
        raise JobError(f"key: should be text of 1 to {KEY_LENGTH} characters, not {key!r:.80}")


def _encoded(data: object, plan: JobPlan) -> bytes:
    try:
        raw = msgspec.json.encode(data)
        plan.data.decode(raw)
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError) as error:
        raise JobError(f"data: cannot be kept for job {plan.route.name}: {error}") from None
    if len(raw) > DATA_LIMIT:
        raise JobError(f"data: has {len(raw)} bytes as JSON; {DATA_LIMIT} are allowed")
    return raw
