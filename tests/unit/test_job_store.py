"""Jobs on disk: claimed by one at a time, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blazebot.bot.jobs.schedules import Cron, Every
from blazebot.bot.jobs.storage import KEPT, StoredJob, Terms
from blazebot.bot.jobs.store import JobStore
from blazebot.errors import JobError

NOW = 1_800_000_000.0
LEASE = 60.0
HOUR = 3600.0
TERMS = {"job": Terms(HOUR, LEASE)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.db"


@pytest.fixture
def store(path: Path) -> Iterator[JobStore]:
    store = JobStore(path, "one")
    yield store
    store.close()


@pytest.fixture
def other(path: Path) -> Iterator[JobStore]:
    """The same jobs, in another process."""
    other = JobStore(path, "other")
    yield other
    other.close()


async def put(
    store: JobStore,
    key: str = "key",
    due: float = NOW,
    schedule: Every | Cron | None = None,
    *,
    data: str = "null",
    replace: bool = True,
    remembered: bool = False,
) -> None:
    await store.put(
        StoredJob("job", key, schedule, data, due), replace=replace, remembered=remembered
    )


async def claim(
    store: JobStore, now: float = NOW, limit: int = 10, running: tuple[StoredJob, ...] = ()
) -> list[StoredJob]:
    claims = {one.claim for one in running}
    return await store.claim(TERMS, now, limit=limit, running=claims)


def keys(jobs: list[StoredJob]) -> list[str]:
    return [job.key for job in jobs]


# Claims


async def test_what_is_due_is_claimed_once(store: JobStore, other: JobStore) -> None:
    await put(store, "a", NOW)
    await put(store, "b", NOW - 1)
    await put(store, "later", NOW + 1)
    assert keys(await claim(store, limit=1)) == ["b"]
    assert keys(await claim(other)) == ["a"]
    assert await claim(store) == await claim(other) == []


CLAIMING = """
import asyncio
import sys
from pathlib import Path
from blazebot.bot.jobs.storage import Terms
from blazebot.bot.jobs.store import JobStore

store = JobStore(Path(sys.argv[1]), sys.argv[2])

async def main():
    terms = {"job": Terms(60, 60)}
    while claimed := await store.claim(terms, 1.8e9, limit=1, running=()):
        print(claimed[0].key, flush=True)
        if sys.argv[3:]:
            sys.argv.pop()
            sys.stdin.readline()

asyncio.run(main())
"""


async def test_processes_that_claim_at_once_share_the_jobs(path: Path, store: JobStore) -> None:
    for number in range(300):
        await put(store, str(number))
    processes = [
        await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-c",
                CLAIMING,
                str(path),
                f"process {number}",
                "wait after the first",
            ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for number in range(3)
    ]
    async with asyncio.timeout(30):
        firsts = [(await one.stdout.readline()).decode() for one in processes if one.stdout]
        outputs = await asyncio.gather(*(one.communicate(b"go\n") for one in processes))
    claimed = " ".join([*firsts, *(out.decode() for out, _ in outputs)]).split()
    assert sorted(claimed, key=int) == [str(number) for number in range(300)]


async def test_a_claim_of_who_died_ends_with_its_lease(store: JobStore, other: JobStore) -> None:
    await put(store)
    (lost,) = await claim(store)
    assert await claim(other, NOW + LEASE - 1) == []
    (mine,) = await claim(other, NOW + LEASE)
    assert mine.begun
    # Who comes back from the dead writes nothing.
    await store.finish(lost, NOW + LEASE)
    assert keys(await other.all()) == ["key"]
    await other.finish(mine, NOW + LEASE)
    assert await other.all() == []


async def test_who_starts_again_gives_back_what_it_had_claimed(
    store: JobStore, other: JobStore
) -> None:
    await put(store, "mine")
    await put(store, "others")
    assert keys(await claim(store, limit=1)) + keys(await claim(other)) == ["mine", "others"]
    await store.release(NOW + 1)
    (again,) = await claim(store, NOW + 1)
    assert (again.key, again.due, again.begun) == ("mine", NOW, True)


async def test_what_runs_here_keeps_its_claim_whatever_the_clock_says(
    store: JobStore, other: JobStore
) -> None:
    await put(store)
    (running,) = await claim(store)
    later = NOW + 10 * LEASE
    assert await claim(store, later, running=(running,)) == []
    assert await claim(other, later + LEASE - 1) == []


async def test_what_is_scheduled_anew_while_it_runs_stays_and_runs_again(store: JobStore) -> None:
    await put(store)
    (running,) = await claim(store)
    await put(store, due=NOW + 5)
    await store.finish(running, NOW)
    assert [job.due for job in await store.all()] == [NOW + 5]
    (again,) = await claim(store, NOW + 5, running=(running,))
    assert not again.begun or again.claim != running.claim


async def test_only_jobs_that_can_run_here_are_claimed(store: JobStore) -> None:
    await store.put(StoredJob("unknown", "k", None, "null", NOW), replace=True, remembered=False)
    await put(store, due=NOW + 1)
    assert await claim(store) == []
    assert await store.next_wake(TERMS) == NOW + 1
    assert await store.unknown(TERMS) == {"unknown": 1}
    assert await store.next_wake({"nothing"}) is None


# What became of them


async def test_what_repeats_waits_for_its_next_time(store: JobStore) -> None:
    await put(store, schedule=Every(HOUR))
    (job,) = await claim(store)
    await store.wait(job._replace(tries=2, failed_at=NOW), NOW + 5)
    (job,) = await claim(store, NOW + 5)
    assert (job.due, job.tries, job.failed_at, job.begun) == (NOW, 2, NOW, True)
    await store.repeat(job, NOW + HOUR)
    (job,) = await store.all()
    assert (job.due, job.tries, job.failed_at, job.begun) == (NOW + HOUR, 0, None, False)
    assert await store.next_wake(TERMS) == NOW + HOUR


async def test_a_missed_run_is_made_up_for_within_the_grace(store: JobStore) -> None:
    await put(store, "hourly", schedule=Every(HOUR))
    await put(store, "daily", schedule=Every(24 * HOUR))
    now = NOW + 10.5 * HOUR
    (job,) = await claim(store, now)
    assert (job.key, job.due) == ("hourly", NOW + 10 * HOUR)
    assert {one.key: one.due for one in await store.all()} == {
        "hourly": NOW + 10 * HOUR,  # on disk: who runs it after a crash runs it for this time
        "daily": NOW + 24 * HOUR,
    }


async def test_what_can_run_no_more_has_failed_and_holds_up_nothing(store: JobStore) -> None:
    await put(store, "gone", schedule=Cron("0 9 * * *", "Mars/Olympus"), due=NOW - 2 * HOUR)
    await put(store, "good")
    assert keys(await claim(store)) == ["good"]
    (gone,) = (job for job in await store.all() if job.key == "gone")
    assert "no time zone" in (gone.error or "")


async def test_what_failed_is_there_to_be_seen_until_it_is_forgotten(store: JobStore) -> None:
    await put(store)
    (job,) = await claim(store)
    await store.finish(job, NOW, "ValueError: bad")
    assert [one.error for one in await store.all()] == ["ValueError: bad"]
    assert await claim(store, NOW + KEPT) == []
    await put(store, "next")
    (job,) = await claim(store)
    await store.finish(job, NOW + KEPT + 1)
    assert await store.all() == []


async def test_what_failed_runs_when_it_is_scheduled_again(store: JobStore) -> None:
    await put(store)
    (job,) = await claim(store)
    await store.finish(job, NOW, "ValueError: bad")
    await put(store, due=NOW + 1)
    (job,) = await claim(store, NOW + 1)
    assert (job.due, job.tries, job.begun, job.error) == (NOW + 1, 0, False, None)


async def test_what_a_message_asked_for_is_scheduled_once_though_it_is_over(
    store: JobStore,
) -> None:
    await put(store, replace=False, remembered=True)
    await put(store, due=NOW + 5, replace=False, remembered=True)
    (job,) = await claim(store)
    assert job.due == NOW
    await store.finish(job, NOW)
    await put(store, replace=False, remembered=True)
    assert await store.all() == await claim(store) == []


async def test_cancelled(store: JobStore) -> None:
    await put(store, "failed")
    await put(store, "runs", NOW + 1)
    await put(store, "waits", NOW + 2)
    failed, runs = await claim(store, NOW + 1)
    await store.finish(failed, NOW + 1, "bad")
    assert [await store.remove("job", key, NOW) for key in ("failed", "runs", "waits", "none")] == [
        *(True, True, True),
        False,
    ]
    assert await store.all() == []
    await store.wait(runs, NOW)  # a run that ends later changes nothing
    assert await claim(store, NOW + 2) == []


async def test_cancelled_it_is_not_scheduled_again_by_the_same_message(store: JobStore) -> None:
    await put(store, replace=False, remembered=True)
    assert await store.remove("job", "key", NOW)
    await put(store, replace=False, remembered=True)
    assert await store.all() == []


async def test_a_schedule_in_the_code_keeps_its_time_until_it_changes(store: JobStore) -> None:
    hourly = StoredJob("job", "", Every(HOUR), "null", NOW + HOUR)
    await store.declare(hourly)
    await store.declare(hourly._replace(due=NOW + 2 * HOUR))
    assert [job.due for job in await store.all()] == [NOW + HOUR]
    await store.declare(StoredJob("job", "", Every(60.0), "null", NOW + 60))
    assert [(job.due, job.schedule) for job in await store.all()] == [(NOW + 60, Every(60.0))]


# The file


async def test_it_survives_a_process_that_never_closed(store: JobStore, other: JobStore) -> None:
    await put(store, data='{"words": "you said 你好"}', schedule=Cron("0 9 * * *", "Asia/Shanghai"))
    assert await other.all() == [
        StoredJob(
            "job",
            "key",
            Cron("0 9 * * *", "Asia/Shanghai"),
            '{"words": "you said 你好"}',
            NOW,
            version=1,
        )
    ]


async def test_it_is_for_this_user_alone(store: JobStore, path: Path) -> None:
    await put(store)
    assert modes(path.parent) == {0o600}


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.fixture
def damaged(path: Path) -> Path:
    path.write_bytes(b"no database at all, but long enough to look like one" * 100)
    return path


async def test_a_file_that_is_none(damaged: Path) -> None:
    with pytest.raises(
        JobError, match=r"jobs\.db cannot be used: file is not a database.*move it away"
    ):
        await JobStore(damaged, "one").all()


async def test_a_full_disk_loses_no_job(store: JobStore) -> None:
    await put(store)
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JobError, match=r"disk is full\. See to the disk of data_dir"):
        await put(store, "large", data=f'"{"x" * 100_000}"')
    assert keys(await store.all()) == ["key"]
    assert keys(await claim(store)) == ["key"]
