"""Runs jobs when they are due: one timer, a bounded number at once."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from blazebot.bot.clock import Alarm, Clock
from blazebot.bot.deadlines import handler_deadline
from blazebot.bot.events import current_event
from blazebot.bot.jobs.plans import JobPlan
from blazebot.bot.jobs.storage import Claim, JobStorage, StoredJob, Terms
from blazebot.bot.settings import BotSettings
from blazebot.delivery.retries import RetryPolicy
from blazebot.errors import ConnectionLost, JobError, SendTimeout

logger = logging.getLogger("blazebot.bot")

LOOK: Final = 60.0
"""Seconds after which the scheduler looks at the latest: another process may have added a job, or
have died with one."""

LEASE_MARGIN: Final = 5.0
"""Seconds for which a claim goes on after its run has to be over."""

OUTAGE_PAUSE: Final = 5.0
"""Seconds until a job runs again that failed because the service was away."""

GIVE_UP: Final = 1.0
"""Seconds after which a job that was cancelled and does not end is left behind."""


class Scheduler:
    """Runs the jobs ``plans`` from ``store``; ``run(plan, job)`` runs one.

    What fails is run again, as a handler is. While the line is not open (``is_online``) no failure
    counts: an outage is not the job's fault.
    """

    def __init__(
        self,
        store: JobStorage,
        plans: Mapping[str, JobPlan],
        clock: Clock,
        settings: BotSettings,
        *,
        run: Callable[[JobPlan, StoredJob], Awaitable[None]],
        is_online: Callable[[], bool],
    ) -> None:
        self._store = store
        self._plans = plans
        self._terms = {
            name: Terms(
                settings.job_grace if plan.route.grace is None else plan.route.grace,
                (plan.route.timeout or settings.handler_timeout) + LEASE_MARGIN,
            )
            for name, plan in plans.items()
        }
        self._clock = clock
        self._run_job = run
        self._is_online = is_online
        self._timeout = settings.handler_timeout
        self._at_once = settings.job_concurrency
        self._retries = RetryPolicy(settings.max_tries, settings.retry_window, random.uniform)
        self._running: dict[Claim, asyncio.Task[None]] = {}
        self._alarm: Alarm | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looks_again = False
        self._active = False

    async def start(self) -> None:
        """Begin to run jobs; raises JobError if the store cannot be used."""
        if not self._plans:
            return
        self._active = True
        now = self._clock.now()
        await self._store.release(now)
        for name, plan in self._plans.items():
            schedule = plan.route.schedule
            if schedule is None:  # perhaps it had one
                await self._store.remove(name, "", now)
            else:
                due = schedule.after(now, now)
                await self._store.declare(StoredJob(name, "", schedule, "null", due))
        for name, count in (await self._store.unknown(self._plans)).items():
            logger.warning("%d jobs wait for %r, which this bot does not have", count, name)
        self.look()

    async def stop(self, grace: float) -> None:
        """Begin none, wait up to ``grace`` seconds for those that run, then cancel them."""
        self._active = False
        self._wind(None)
        if self._looking is not None:
            # What it has claimed runs within the grace.
            await asyncio.wait((self._looking,), timeout=GIVE_UP)
        running = set(self._running.values())
        if running:
            _, running = await asyncio.wait(running, timeout=max(0.0, grace))
        if running:
            logger.warning("%d jobs given up after %g s; they run again", len(running), grace)
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=GIVE_UP)

    def look(self) -> None:
        """Run what is due soon, and see to it that what comes next is; never waits."""
        self._looks_again = True
        if self._looking is None and self._active:
            self._looking = asyncio.create_task(self._look())

    async def _look(self) -> None:
        try:
            while self._looks_again and self._active:
                self._looks_again = False
                await self._run_due()
        finally:
            self._looking = None

    async def _run_due(self) -> None:
        now = self._clock.now()
        try:
            claimed = await self._store.claim(
                self._terms,
                now,
                limit=self._at_once - len(self._running),
                running=self._running,
            )
            for job in claimed:
                self._running[job.claim] = asyncio.create_task(self._run(job))
            self._wind(await self._next(now))
        except JobError as error:
            logger.error("%s. The next look is in %g s", error, LOOK)
            self._wind(now + LOOK)

    async def _next(self, now: float) -> float | None:
        if len(self._running) >= self._at_once:
            return None  # whichever ends first looks again
        wake = await self._store.next_wake(self._plans)
        return now + LOOK if wake is None else min(wake, now + LOOK)

    def _wind(self, moment: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if moment is not None and self._active:
            self._alarm = self._clock.call_at(moment, self.look)

    async def _run(self, job: StoredJob) -> None:
        current_event.set(None)  # that of whoever scheduled it
        try:
            error = await self._try(job)
        except asyncio.CancelledError:  # the bot stops, or its loop ends
            async with _written(job):
                await self._store.wait(job, self._clock.now())
            raise
        finally:
            del self._running[job.claim]
        async with _written(job):
            if error is None:
                await self._over(job, None)
            else:
                await self._failed(job, error)
        self.look()

    async def _try(self, job: StoredJob) -> BaseException | None:
        plan = self._plans[job.name]
        timeout = plan.route.timeout or self._timeout
        try:
            async with handler_deadline(timeout, plan.route.place, "timeout, handler_timeout"):
                await self._run_job(plan, job)
        except asyncio.CancelledError as cancelled:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return cancelled  # it has cancelled itself
        except (Exception, SystemExit) as error:  # argparse exits: no job may end the bot
            return error
        return None

    # What became of a run

    async def _over(self, job: StoredJob, error: str | None) -> None:
        now = self._clock.now()
        if job.schedule is not None:
            try:
                due = job.schedule.after(now, job.due)
            except JobError as never:
                logger.error("job %s can run no more: %s", job, never)
                error = str(never)
            else:
                await self._store.repeat(job, due)
                return
        await self._store.finish(job, now, error)

    async def _failed(self, job: StoredJob, error: BaseException) -> None:
        now = self._clock.now()
        if not self._is_online() or isinstance(error, SendTimeout | ConnectionLost):
            logger.warning("job %s waits for the service: %s: %s", job, type(error).__name__, error)
            await self._store.wait(job, now + OUTAGE_PAUSE)
            return
        tries, failed_at = job.tries + 1, job.failed_at or now
        again = self._retries.next_try(tries, failed_at, now)
        logger.warning(
            "job %s failed (try %d%s)",
            job,
            tries,
            "" if again is None else f", next in {again - now:.1f} s",
            exc_info=error,
        )
        if again is not None:
            await self._store.wait(job._replace(tries=tries, failed_at=failed_at), again)
            return
        words = f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace").decode()
        logger.error("job %s is given up after %d tries: %s", job, tries, words)
        await self._over(job, words)


@asynccontextmanager
async def _written(job: StoredJob) -> AsyncIterator[None]:
    try:
        yield
    except JobError as error:
        logger.error("what became of job %s is not written, so it runs again: %s", job, error)
