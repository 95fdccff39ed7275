"""Jobs run when they are due: retried, bounded, never lost, with a clock that the test moves."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest

from blazebot.bot.clock import Clock
from blazebot.bot.events import current_event
from blazebot.bot.injection import Injector
from blazebot.bot.jobs.job import Job, JobRoute
from blazebot.bot.jobs.jobs import DATA_LIMIT, Jobs, ScheduledJob
from blazebot.bot.jobs.plans import JobPlan, plan_jobs
from blazebot.bot.jobs.scheduler import LEASE_MARGIN, LOOK, OUTAGE_PAUSE, Scheduler
from blazebot.bot.jobs.schedules import Every
from blazebot.bot.jobs.storage import StoredJob, Terms
from blazebot.bot.jobs.store import JobStore
from blazebot.bot.settings import BotSettings
from blazebot.errors import JobError, SendTimeout
from tests.routed import make_bot

HOUR = timedelta(hours=1)
WITHIN = 10.0


class Reminder(msgspec.Struct):
    words: str


async def hourly() -> None: ...


async def remind(job: Job[Reminder]) -> None: ...


async def note(job: Job) -> None: ...


async def brief() -> None: ...


class Stage:
    """A scheduler over a real store, with a clock to move, that notes what it runs."""

    def __init__(
        self,
        path: Path,
        owner: str = "one",
        plans: Mapping[str, JobPlan] | None = None,
        **settings: Any,
    ) -> None:
        self.clock = Clock()
        self.offset = 0.0
        self.online = True
        self.runs: asyncio.Queue[StoredJob] = asyncio.Queue()
        self.do: Callable[[StoredJob], Awaitable[None]] | None = None
        routes = (
            JobRoute("hourly", hourly, Every(HOUR.total_seconds())),
            JobRoute("remind", remind, None),
            JobRoute("note", note, None),
            JobRoute("brief", brief, None, timeout=0.02),
        )
        self.plans = plans or plan_jobs(dict.fromkeys(routes, ()), Injector(()).scope(Job))
        self.store = JobStore(path, owner)
        self.scheduler = Scheduler(
            self.store,
            self.plans,
            self.clock,
            BotSettings(**settings),
            run=self._run,
            is_online=lambda: self.online,
        )
        self.jobs = Jobs(self.store, self.plans, self.clock, self.scheduler.look)

    async def _run(self, plan: JobPlan, job: StoredJob) -> None:
        await self.runs.put(job)
        if self.do is not None:
            await self.do(job)

    async def next(self) -> StoredJob:
        async with asyncio.timeout(WITHIN):
            return await self.runs.get()

    async def settled(self) -> None:
        """Return when no run is under way."""
        running = list(self.scheduler._running.values())
        await asyncio.wait_for(asyncio.gather(*running, return_exceptions=True), WITHIN)

    async def looked(self) -> None:
        """Return when the scheduler has looked for what is due."""
        looking = self.scheduler._looking
        if looking is not None:
            await asyncio.wait_for(asyncio.shield(looking), WITHIN)

    def move(self, by: float | timedelta) -> None:
        self.offset += by.total_seconds() if isinstance(by, timedelta) else by
        self.clock.move(self.offset)

    async def close(self, grace: float = 0.0) -> None:
        await self.scheduler.stop(grace)
        self.store.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
async def stage(path: Path) -> AsyncIterator[Stage]:
    stage = Stage(path)
    await stage.scheduler.start()
    yield stage
    await stage.close()


# In time


async def test_what_is_due_runs_and_not_before(stage: Stage) -> None:
    key = await stage.jobs.schedule("note", after=timedelta(minutes=10), data=[1])
    stage.move(599)
    await stage.looked()
    assert stage.runs.empty()
    stage.move(2)
    job = await stage.next()
    assert (job.name, job.key, job.data) == ("note", key, "[1]")
    await stage.settled()
    assert [one.name for one in await stage.jobs.all()] == ["hourly"]


async def test_without_moving_the_clock_time_passes_by_itself(stage: Stage) -> None:
    await stage.jobs.schedule("note", after=timedelta(milliseconds=20))
    assert (await stage.next()).name == "note"


async def test_a_schedule_in_the_code_runs_again_and_again(stage: Stage) -> None:
    due = []
    for _ in range(3):
        stage.move(HOUR)
        due.append((await stage.next()).due)
        await stage.settled()
    assert [b - a for a, b in pairwise(due)] == [3600.0, 3600.0]


async def test_a_clock_that_jumps_brings_one_run_and_no_burst(stage: Stage) -> None:
    stage.move(100 * HOUR)
    job = await stage.next()
    await stage.settled()
    assert stage.runs.empty()
    assert 0 <= stage.clock.now() - job.due < 3600


async def test_one_timer_and_none_without_jobs(path: Path) -> None:
    stage = Stage(path)
    stage.plans.clear()  # type: ignore[attr-defined]
    await stage.scheduler.start()
    assert not stage.clock._alarms
    assert "_database" not in vars(stage.store)
    await stage.close()
    stage = Stage(path)
    await stage.scheduler.start()
    for minutes in range(5):
        await stage.jobs.schedule("note", after=timedelta(minutes=minutes + 1))
    await stage.looked()
    assert len(stage.clock._alarms) == 1
    await stage.close()
    assert not stage.clock._alarms


async def test_what_another_process_scheduled_is_seen_within_a_minute(
    stage: Stage, path: Path
) -> None:
    other = Stage(path, "other")
    await other.jobs.schedule("note", after=timedelta(seconds=1))
    await other.close()
    stage.move(LOOK + 1)
    assert (await stage.next()).name == "note"


async def test_a_bounded_number_runs_at_once(path: Path) -> None:
    stage = Stage(path, job_concurrency=2)
    go = asyncio.Event()
    stage.do = lambda job: _wait(go)
    await stage.scheduler.start()
    for _ in range(5):
        await stage.jobs.schedule("note", after=timedelta(0))
    await stage.next()
    await stage.next()
    await asyncio.sleep(0)
    assert len(stage.scheduler._running) == 2
    assert stage.runs.empty()
    go.set()
    for _ in range(3):
        await stage.next()
    await stage.close(WITHIN)


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


async def test_what_schedules_a_job_is_not_what_it_runs_for(stage: Stage) -> None:
    current_event.set(Job(make_bot(), "other", "k", 0.0, None))
    events: list[object] = []

    async def look(job: StoredJob) -> None:
        events.append(current_event.get())

    stage.do = look
    await stage.jobs.schedule("note", after=timedelta(0))
    await stage.next()
    await stage.settled()
    assert events == [None]


# Failure


async def test_what_fails_is_tried_again_and_then_given_up_and_kept(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(job: StoredJob) -> None:
        raise ValueError(f"bad {job.tries}")

    stage.do = fail
    await stage.jobs.schedule("remind", after=timedelta(0), key="k", data=Reminder("x"))
    tries = []
    for _ in range(5):
        tries.append((await stage.next()).tries)
        await stage.settled()
        stage.move(10)
    assert tries == [0, 1, 2, 3, 4]
    (job,) = [one for one in await stage.jobs.all() if one.name == "remind"]
    assert job.error == "ValueError: bad 4"
    assert "job remind k is given up after 5 tries: ValueError: bad 4" in caplog.text
    stage.do = None
    await stage.jobs.schedule("remind", after=timedelta(0), key="k", data=Reminder("x"))
    assert (await stage.next()).tries == 0


async def test_what_repeats_goes_on_after_a_run_was_given_up(path: Path) -> None:
    stage = Stage(path, max_tries=1)

    async def fail(job: StoredJob) -> None:
        raise ValueError

    stage.do = fail
    await stage.scheduler.start()
    for _ in range(2):
        stage.move(HOUR)
        assert (await stage.next()).tries == 0
        await stage.settled()
    assert [one.error for one in await stage.jobs.all()] == [None]
    await stage.close()


async def test_an_outage_is_not_the_jobs_fault(stage: Stage) -> None:
    errors: list[BaseException] = [SendTimeout("no answer"), ValueError("for being offline")]

    async def fail(job: StoredJob) -> None:
        stage.online = len(errors) == 2
        raise errors.pop(0)

    stage.do = fail
    await stage.jobs.schedule("note", after=timedelta(0))
    for left in (1, 0):
        assert (await stage.next()).tries == 0
        await stage.settled()
        assert len(errors) == left
        stage.move(OUTAGE_PAUSE)
    stage.do = None
    assert (await stage.next()).tries == 0


@pytest.mark.parametrize(
    ("job", "seconds", "handler_timeout"), [("note", "0.05", 0.05), ("brief", "0.02", 60.0)]
)
async def test_what_takes_too_long_has_failed(
    path: Path, job: str, seconds: str, handler_timeout: float
) -> None:
    stage = Stage(path, handler_timeout=handler_timeout, max_tries=1)
    never = asyncio.Event()
    stage.do = lambda job: _wait(never)
    await stage.scheduler.start()
    await stage.jobs.schedule(job, after=timedelta(0))
    await stage.next()
    await stage.settled()
    (failed,) = [one for one in await stage.jobs.all() if one.name == job]
    assert f"HandlerTimeout: {job}" in (failed.error or "")
    assert f"{seconds} s; see timeout, handler_timeout" in (failed.error or "")
    await stage.close()


async def test_what_cancels_itself_has_failed(stage: Stage) -> None:
    async def cancel(job: StoredJob) -> None:
        raise asyncio.CancelledError

    stage.do = cancel
    await stage.jobs.schedule("note", after=timedelta(0))
    await stage.next()
    await stage.settled()
    (job,) = [one for one in await stage.jobs.all() if one.name == "note"]
    assert job.tries == 1


async def test_a_store_that_cannot_be_written_stops_nothing(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    held = sqlite3.connect(stage.store._path, isolation_level=None)
    stage.store._database.execute("PRAGMA busy_timeout = 0")
    await stage.jobs.schedule("note", after=timedelta(seconds=30))
    held.execute("BEGIN IMMEDIATE")
    stage.move(31)
    stage.scheduler.look()
    await stage.looked()
    assert "database is locked. See to the disk" in caplog.text
    held.execute("ROLLBACK")
    held.close()
    stage.move(LOOK)
    assert (await stage.next()).name == "note"


async def test_a_run_whose_end_cannot_be_written_runs_again_after_its_lease(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    held = sqlite3.connect(stage.store._path, isolation_level=None)
    stage.store._database.execute("PRAGMA busy_timeout = 0")

    async def hold(job: StoredJob) -> None:
        held.execute("BEGIN IMMEDIATE")

    stage.do = hold
    await stage.jobs.schedule("note", after=timedelta(0))
    first = await stage.next()
    await stage.settled()
    assert "is not written, so it runs again: the jobs on disk" in caplog.text
    held.execute("ROLLBACK")
    held.close()
    stage.do = None
    stage.move(60 + LEASE_MARGIN + LOOK)
    again = await stage.next()
    assert (again.key, again.due, again.begun) == (first.key, first.due, True)


# Stop and restart


async def test_at_the_end_what_runs_has_the_grace_and_then_runs_again(path: Path) -> None:
    stage = Stage(path)
    finished: list[str] = []
    slow_has_begun = asyncio.Event()

    async def work(job: StoredJob) -> None:
        if job.key == "slow":
            slow_has_begun.set()
            await asyncio.Event().wait()
        await slow_has_begun.wait()
        finished.append(job.key)

    stage.do = work
    await stage.scheduler.start()
    for key in ("quick", "slow"):
        await stage.jobs.schedule("note", after=timedelta(0), key=key)
    await stage.next()
    await stage.next()
    await stage.close(0.05)
    assert finished == ["quick"]

    again = Stage(path)
    await again.scheduler.start()
    job = await again.next()
    assert (job.key, job.begun, job.tries) == ("slow", True, 0)
    await again.close()


async def test_after_a_crash_it_runs_again_at_once_for_the_same_time(path: Path) -> None:
    stage = Stage(path)
    await stage.jobs.schedule("note", after=timedelta(0), key="k")
    terms, now = {"note": Terms(0, 65)}, stage.clock.now()
    (crashed,) = await stage.store.claim(terms, now, limit=1, running=())
    stage.store.close()
    again = Stage(path)
    await again.scheduler.start()
    job = await again.next()
    assert (job.key, job.due) == ("k", crashed.due)
    await again.close()


async def test_a_schedule_that_is_gone_from_the_code_runs_no_more(path: Path) -> None:
    stage = Stage(path)
    await stage.scheduler.start()
    assert [job.name for job in await stage.jobs.all()] == ["hourly"]
    await stage.close()
    for schedule in (None, Every(HOUR.total_seconds())):
        route = JobRoute("hourly", hourly, schedule)
        plans = plan_jobs({route: ()}, Injector(()).scope(Job))
        again = Stage(path, plans=plans)
        await again.scheduler.start()
        assert len(await again.jobs.all()) == (schedule is not None)
        await again.close()


async def test_a_job_that_exits_is_tried_again(path: Path) -> None:
    stage = Stage(path, max_tries=2)

    async def leave(job: StoredJob) -> None:
        raise SystemExit(2)

    stage.do = leave
    await stage.scheduler.start()
    await stage.jobs.schedule("note", after=timedelta(0), key="k")
    await stage.next()
    await stage.settled()
    (note,) = [job for job in await stage.jobs.all() if job.name == "note"]
    assert note.tries == 1
    await stage.close()


async def test_what_was_missed_while_nothing_ran(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(path)
    await stage.scheduler.start()
    await stage.jobs.schedule("note", after=HOUR, key="k")
    await stage.close()
    again = Stage(path, job_grace=1800)
    again.move(100.75 * HOUR)
    await again.scheduler.start()
    assert (await again.next()).key == "k"
    await again.settled()
    assert again.runs.empty()
    assert "job hourly was missed, and it is too late now; see job_grace" in caplog.text
    (job,) = await again.jobs.all()
    assert 0 < job.due.timestamp() - again.clock.now() <= 3600
    await again.close()


async def test_jobs_that_the_bot_does_not_have_wait_and_are_told_of(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage(path)
    await stage.store.put(StoredJob("old", "k", None, "null", 0.0), replace=True, remembered=False)
    await stage.scheduler.start()
    assert "1 jobs wait for 'old', which this bot does not have" in caplog.text
    assert [one.name for one in await stage.jobs.all()] == ["old", "hourly"]
    await stage.close()


# Scheduling


async def test_a_job_is_known_by_its_key(stage: Stage) -> None:
    for minutes in (10, 20):
        await stage.jobs.schedule(
            remind, after=timedelta(minutes=minutes), key="alice", data=Reminder(f"{minutes}")
        )
    bobs = await stage.jobs.schedule(
        remind, at=datetime(2040, 1, 1, tzinfo=UTC), data={"words": ""}
    )
    hers, _, his = await stage.jobs.all()
    assert (hers.key, hers.data) == ("alice", {"words": "20"})
    assert his == ScheduledJob(
        "remind", bobs, datetime(2040, 1, 1, tzinfo=UTC), None, {"words": ""}, 0, None
    )
    assert await stage.jobs.cancel(remind, "alice")
    assert not await stage.jobs.cancel("remind", "alice")


async def test_scheduled_again_and_again_by_the_application(stage: Stage) -> None:
    await stage.jobs.schedule("note", cron="0 9 * * *", tz="Asia/Shanghai", key="daily")
    (job,) = [one for one in await stage.jobs.all() if one.name == "note"]
    assert job.due.astimezone(UTC).hour == 1
    stage.move(job.due.timestamp() - stage.clock.now())
    while (await stage.next()).name != "note":
        pass
    await stage.settled()
    (moved,) = [one for one in await stage.jobs.all() if one.name == "note"]
    assert moved.due - job.due == timedelta(days=1)


@pytest.mark.parametrize(
    ("job", "options", "words"),
    [
        ("remid", {"after": HOUR}, "has no job 'remid'; there are hourly, remind, note, brief"),
        (print, {"after": HOUR}, "has no job 'print'"),
        ("note", {}, "one of them is needed, not 0"),
        ("note", {"after": HOUR, "every": HOUR}, "one of them is needed, not 2"),
        ("note", {"after": 60}, "after: should be a timedelta"),
        ("note", {"after": timedelta.max}, "beyond the year 9999"),
        ("note", {"at": datetime(2040, 1, 1)}, "at: should be a datetime with a time zone"),
        ("note", {"at": 5}, "at: should be a datetime"),
        ("note", {"cron": "0 9 * *"}, "five fields"),
        ("note", {"after": HOUR, "tz": "UTC"}, "tz: goes with cron"),
        ("note", {"after": HOUR, "key": ""}, "key: should be text of 1 to 500"),
        ("note", {"after": HOUR, "key": 5}, "key: should be text"),
        ("note", {"after": HOUR, "data": object()}, "data: cannot be kept for job note"),
        ("note", {"after": HOUR, "data": "\ud800"}, "data: cannot be kept"),
        ("note", {"after": HOUR, "data": "x" * DATA_LIMIT}, "65536 are allowed"),
        ("remind", {"after": HOUR}, "data: cannot be kept for job remind"),
        ("remind", {"after": HOUR, "data": {"word": "x"}}, "missing required field `words`"),
    ],
)
async def test_what_cannot_be_scheduled(
    stage: Stage, job: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(JobError, match=words):
        await stage.jobs.schedule(job, **options)
    assert [one.name for one in await stage.jobs.all()] == ["hourly"]
