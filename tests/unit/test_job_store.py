"""Jobs on disk: claimed by one at a time, whoever dies meanwhile."""

from __future__ import annotations

import asyncio
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from blazebot.bot.jobs.schedules import Cron, Every
from blazebot.bot.jobs.store import KEPT, JobStore, StoredJob, Terms
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


def put(
    store: JobStore,
    key: str = "key",
    due: float = NOW,
    schedule: Every | Cron | None = None,
    *,
    data: str = "null",
    replace: bool = True,
    remembered: bool = False,
) -> None:
    store.put(StoredJob("job", key, schedule, data, due), replace=replace, remembered=remembered)


def claim(
    store: JobStore, now: float = NOW, limit: int = 10, running: tuple[StoredJob, ...] = ()
) -> list[StoredJob]:
    claims = {one.claim for one in running}
    return store.claim(TERMS, now, limit=limit, running=claims)


def keys(jobs: list[StoredJob]) -> list[str]:
    return [job.key for job in jobs]


# Claims


def test_what_is_due_is_claimed_once(store: JobStore, other: JobStore) -> None:
    put(store, "a", NOW)
    put(store, "b", NOW - 1)
    put(store, "later", NOW + 1)
    assert keys(claim(store, limit=1)) == ["b"]
    assert keys(claim(other)) == ["a"]
    assert claim(store) == claim(other) == []


CLAIMING = """
import sys
from pathlib import Path
from blazebot.bot.jobs.store import JobStore, Terms

store = JobStore(Path(sys.argv[1]), sys.argv[2])
while claimed := store.claim({"job": Terms(60, 60)}, 1.8e9, limit=1, running=()):
    print(claimed[0].key, flush=True)
    if sys.argv[3:]:
        sys.argv.pop()
        sys.stdin.readline()
"""


async def test_processes_that_claim_at_once_share_the_jobs(path: Path, store: JobStore) -> None:
    for number in range(300):
        put(store, str(number))
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


def test_a_claim_of_who_died_ends_with_its_lease(store: JobStore, other: JobStore) -> None:
    put(store)
    (lost,) = claim(store)
    assert claim(other, NOW + LEASE - 1) == []
    (mine,) = claim(other, NOW + LEASE)
    assert mine.begun
    # Who comes back from the dead writes nothing.
    store.finish(lost, NOW + LEASE)
    assert keys(other.all()) == ["key"]
    other.finish(mine, NOW + LEASE)
    assert other.all() == []


def test_who_starts_again_gives_back_what_it_had_claimed(store: JobStore, other: JobStore) -> None:
    put(store, "mine")
    put(store, "others")
    assert keys(claim(store, limit=1)) + keys(claim(other)) == ["mine", "others"]
    store.release(NOW + 1)
    (again,) = claim(store, NOW + 1)
    assert (again.key, again.due, again.begun) == ("mine", NOW, True)


def test_what_runs_here_keeps_its_claim_whatever_the_clock_says(
    store: JobStore, other: JobStore
) -> None:
    put(store)
    (running,) = claim(store)
    later = NOW + 10 * LEASE
    assert claim(store, later, running=(running,)) == []
    assert claim(other, later + LEASE - 1) == []


def test_what_is_scheduled_anew_while_it_runs_stays_and_runs_again(store: JobStore) -> None:
    put(store)
    (running,) = claim(store)
    put(store, due=NOW + 5)
    store.finish(running, NOW)
    assert [job.due for job in store.all()] == [NOW + 5]
    (again,) = claim(store, NOW + 5, running=(running,))
    assert not again.begun or again.claim != running.claim


def test_only_jobs_that_can_run_here_are_claimed(store: JobStore) -> None:
    store.put(StoredJob("unknown", "k", None, "null", NOW), replace=True, remembered=False)
    put(store, due=NOW + 1)
    assert claim(store) == []
    assert store.next_wake(TERMS) == NOW + 1
    assert store.unknown(TERMS) == {"unknown": 1}
    assert store.next_wake({"nothing"}) is None


# What became of them


def test_what_repeats_waits_for_its_next_time(store: JobStore) -> None:
    put(store, schedule=Every(HOUR))
    (job,) = claim(store)
    store.wait(job._replace(tries=2, failed_at=NOW), NOW + 5)
    (job,) = claim(store, NOW + 5)
    assert (job.due, job.tries, job.failed_at, job.begun) == (NOW, 2, NOW, True)
    store.repeat(job, NOW + HOUR)
    (job,) = store.all()
    assert (job.due, job.tries, job.failed_at, job.begun) == (NOW + HOUR, 0, None, False)
    assert store.next_wake(TERMS) == NOW + HOUR


def test_a_missed_run_is_made_up_for_within_the_grace(store: JobStore) -> None:
    put(store, "hourly", schedule=Every(HOUR))
    put(store, "daily", schedule=Every(24 * HOUR))
    now = NOW + 10.5 * HOUR
    (job,) = claim(store, now)
    assert (job.key, job.due) == ("hourly", NOW + 10 * HOUR)
    assert {one.key: one.due for one in store.all()} == {
        "hourly": NOW + 10 * HOUR,  # on disk: who runs it after a crash runs it for this time
        "daily": NOW + 24 * HOUR,
    }


def test_what_can_run_no_more_has_failed_and_holds_up_nothing(store: JobStore) -> None:
    put(store, "gone", schedule=Cron("0 9 * * *", "Mars/Olympus"), due=NOW - 2 * HOUR)
    put(store, "good")
    assert keys(claim(store)) == ["good"]
    (gone,) = (job for job in store.all() if job.key == "gone")
    assert "no time zone" in (gone.error or "")


def test_what_failed_is_there_to_be_seen_until_it_is_forgotten(store: JobStore) -> None:
    put(store)
    (job,) = claim(store)
    store.finish(job, NOW, "ValueError: bad")
    assert [one.error for one in store.all()] == ["ValueError: bad"]
    assert claim(store, NOW + KEPT) == []
    put(store, "next")
    (job,) = claim(store)
    store.finish(job, NOW + KEPT + 1)
    assert store.all() == []


def test_what_failed_runs_when_it_is_scheduled_again(store: JobStore) -> None:
    put(store)
    (job,) = claim(store)
    store.finish(job, NOW, "ValueError: bad")
    put(store, due=NOW + 1)
    (job,) = claim(store, NOW + 1)
    assert (job.due, job.tries, job.begun, job.error) == (NOW + 1, 0, False, None)


def test_what_a_message_asked_for_is_scheduled_once_though_it_is_over(store: JobStore) -> None:
    put(store, replace=False, remembered=True)
    put(store, due=NOW + 5, replace=False, remembered=True)
    (job,) = claim(store)
    assert job.due == NOW
    store.finish(job, NOW)
    put(store, replace=False, remembered=True)
    assert store.all() == claim(store) == []


def test_cancelled(store: JobStore) -> None:
    put(store, "failed")
    put(store, "runs", NOW + 1)
    put(store, "waits", NOW + 2)
    failed, runs = claim(store, NOW + 1)
    store.finish(failed, NOW + 1, "bad")
    assert [store.remove("job", key, NOW) for key in ("failed", "runs", "waits", "none")] == [
        *(True, True, True),
        False,
    ]
    assert store.all() == []
    store.wait(runs, NOW)  # a run that ends later changes nothing
    assert claim(store, NOW + 2) == []


def test_cancelled_it_is_not_scheduled_again_by_the_same_message(store: JobStore) -> None:
    put(store, replace=False, remembered=True)
    assert store.remove("job", "key", NOW)
    put(store, replace=False, remembered=True)
    assert store.all() == []


def test_a_schedule_in_the_code_keeps_its_time_until_it_changes(store: JobStore) -> None:
    hourly = StoredJob("job", "", Every(HOUR), "null", NOW + HOUR)
    store.declare(hourly)
    store.declare(hourly._replace(due=NOW + 2 * HOUR))
    assert [job.due for job in store.all()] == [NOW + HOUR]
    store.declare(StoredJob("job", "", Every(60.0), "null", NOW + 60))
    assert [(job.due, job.schedule) for job in store.all()] == [(NOW + 60, Every(60.0))]


# The file


def test_it_survives_a_process_that_never_closed(store: JobStore, other: JobStore) -> None:
    put(store, data='{"words": "you said 你好"}', schedule=Cron("0 9 * * *", "Asia/Shanghai"))
    assert other.all() == [
        StoredJob(
            "job",
            "key",
            Cron("0 9 * * *", "Asia/Shanghai"),
            '{"words": "you said 你好"}',
            NOW,
            version=1,
        )
    ]


def test_it_is_for_this_user_alone(store: JobStore, path: Path) -> None:
    put(store)
    files = list(path.parent.iterdir())
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_file_that_is_none(path: Path) -> None:
    path.write_bytes(b"no database at all, but long enough to look like one" * 100)
    with pytest.raises(
        JobError, match=r"jobs\.db cannot be used: file is not a database.*move it away"
    ):
        JobStore(path, "one").all()


def test_a_full_disk_loses_no_job(store: JobStore) -> None:
    put(store)
    pages = store._database.execute("PRAGMA page_count").fetchone()[0]
    store._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JobError, match=r"disk is full\. See to the disk of data_dir"):
        put(store, "large", data=f'"{"x" * 100_000}"')
    assert keys(store.all()) == ["key"]
    assert keys(claim(store)) == ["key"]
