"""Jobs are the same for all workers, and each run is one worker's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from nats.js import JetStreamContext

from blazebot.bot.jobs.schedules import Every
from blazebot.bot.jobs.storage import KEPT, StoredJob, Terms
from blazebot.jetstream.connection import connect
from blazebot.jetstream.jobs import BucketJobStorage
from blazebot.jetstream.names import Names
from blazebot.jetstream.streams import Terms as EngineTerms
from blazebot.jetstream.streams import jobs_bucket
from tests.nats.conftest import MakeFleet
from tests.nats.servers import NatsServers
from tests.nats.storm import kill

NAMES = Names("82d20bc7-9a97-4a69-bcd0-4da502374f6c")
NOW = 1_800_000_000.0
LEASE = 60.0
TERMS = {"job": Terms(grace=3600.0, lease=LEASE)}
JOB = StoredJob("job", "the key, with 你好", None, "null", NOW)

BOT = """
import asyncio
from datetime import timedelta
from pathlib import Path

from blazebot import Bot, Job, Message, Text

bot = Bot("bot.json", receipt_delay=0.01)
SOON = timedelta(seconds=1)

@bot.on(Text)
async def remind(message: Message[Text]) -> None:
    data = [message.user_id, message.content.text]
    await bot.jobs.schedule(reminder, after=SOON, data=data)

@bot.job(timeout=SOON)
async def reminder(job: Job[list[str]]) -> None:
    person, text = job.data
    await bot.send(person, text)
    await asyncio.sleep({work})

@bot.job(every=SOON)
async def tick(job: Job) -> None:
    with Path("ticks").open("a") as ticks:
        ticks.write(f"{job.due.isoformat()}\\n")
"""


@pytest.fixture
async def js(tmp_path: Path) -> AsyncIterator[JetStreamContext]:
    servers = NatsServers(tmp_path)
    try:
        await servers.start()
        client = await connect(servers.url, name="test", within=10)
        yield client.jetstream(timeout=1)
        await client.close()
    finally:
        await servers.stop()


@asynccontextmanager
async def worker(js: JetStreamContext) -> AsyncIterator[BucketJobStorage]:
    """Yield jobs as one of several workers has them."""
    bucket = await jobs_bucket(js, NAMES, EngineTerms(partitions=4, replicas=1))
    storage = BucketJobStorage(js, NAMES, bucket, lambda: None)
    watching = asyncio.create_task(storage.watch())
    await asyncio.wait_for(storage.loaded.wait(), 10)
    try:
        yield storage
    finally:
        watching.cancel()


async def knows(storage: BucketJobStorage, condition: Callable[[list[StoredJob]], object]) -> None:
    """Return when a worker has learned what another has done."""
    async with asyncio.timeout(10):
        while not condition(await storage.all()):  # noqa: ASYNC110 - it comes over the wire
            await asyncio.sleep(0.01)


async def test_a_job_is_claimed_by_one_and_again_only_after_its_lease(
    js: JetStreamContext,
) -> None:
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(worker(js)) for _ in range(2)]
        await one.put(JOB, replace=True, remembered=False)
        await knows(other, bool)
        claims = await asyncio.gather(
            *(storage.claim(TERMS, NOW, limit=9, running=()) for storage in (one, other))
        )
        ((lost,),) = [claim for claim in claims if claim]
        loser, winner = (one, other) if claims[0] else (other, one)
        await knows(winner, lambda jobs: jobs[0].version == lost.version)
        assert await winner.claim(TERMS, NOW + LEASE - 1, limit=9, running=()) == []
        (mine,) = await winner.claim(TERMS, NOW + LEASE, limit=9, running=())
        # Who comes back from the dead writes nothing.
        await loser.finish(lost, NOW + LEASE)
        await loser.wait(lost, NOW)
        assert [job.version for job in await winner.all()] == [mine.version]
        await winner.finish(mine, NOW + LEASE)
        assert await winner.all() == []
        assert (await js.stream_info(f"KV_{NAMES.jobs}")).state.messages == 0


async def test_what_a_message_asked_for_is_scheduled_once_by_all_workers(
    js: JetStreamContext,
) -> None:
    async with AsyncExitStack() as stack:
        one, other = [await stack.enter_async_context(worker(js)) for _ in range(2)]
        await one.put(JOB, replace=False, remembered=True)
        await other.put(JOB._replace(due=NOW + 5), replace=False, remembered=True)
        (job,) = await one.claim(TERMS, NOW, limit=9, running=())
        assert job.due == NOW
        await one.finish(job, NOW)
        await other.put(JOB, replace=False, remembered=True)
        for storage in (one, other):
            await knows(storage, lambda jobs: not jobs)
        await one.release(NOW + KEPT + 1)
        await other.put(JOB, replace=False, remembered=True)
        assert [one.due for one in await other.all()] == [NOW]


async def test_what_repeats_fails_and_is_cancelled(js: JetStreamContext) -> None:
    hourly = JOB._replace(key="", schedule=Every(3600.0))
    async with worker(js) as storage:
        await storage.declare(hourly)
        await storage.declare(hourly._replace(due=NOW + 1))
        (job,) = await storage.claim(TERMS, NOW, limit=9, running=())
        await storage.wait(job._replace(tries=2, failed_at=NOW), NOW + 5)
        (job,) = await storage.claim(TERMS, NOW + 5, limit=9, running=())
        assert (job.due, job.tries, job.failed_at) == (NOW, 2, NOW)
        # While it runs its lease goes on.
        assert await storage.claim(TERMS, NOW + 99, limit=9, running={job.claim}) == []
        assert await storage.next_wake(TERMS) == NOW + 99 + LEASE
        await storage.repeat(job, NOW + 3600)
        (job,) = await storage.all()
        assert (job.due, job.tries, job.begun) == (NOW + 3600, 0, False)
        # Missed by more than its grace it waits for its next time.
        assert await storage.claim(TERMS, NOW + 3600 * 3 - 1, limit=9, running=()) != []
        await storage.put(JOB, replace=True, remembered=False)
        (job,) = await storage.claim(TERMS, NOW, limit=9, running=())
        await storage.finish(job, NOW, "ValueError: bad")
        assert [one.error for one in await storage.all() if one.key] == ["ValueError: bad"]
        assert await storage.remove("job", JOB.key, NOW)
        assert not await storage.remove("job", JOB.key, NOW)
        assert await storage.unknown(()) == {"job": 1}


async def test_each_job_runs_once_over_all_workers_though_one_is_killed(
    make_fleet: MakeFleet,
) -> None:
    fleet = await make_fleet(work=0.3, bot=BOT)
    workers = [fleet.worker(name) for name in ("one", "two")]
    for process in (fleet.gateway("gateway"), *workers):
        await process.start()
    people = await fleet.greeted(5)
    texts = [f"text {number}" for number in range(8)]
    await fleet.say(dict.fromkeys(people, texts))
    await fleet.until(lambda: fleet.echoed() >= len(people), 30)
    await kill(workers[0])()
    await fleet.until(lambda: all(len(fleet.echoes(one)) >= len(texts) for one in people), 40)
    await asyncio.sleep(1)  # for what would come twice
    assert [sorted(fleet.echoes(one)) for one in people] == [texts] * len(people)
    ticks = [datetime.fromisoformat(line) for line in lines(fleet.folder / "ticks")]
    assert len(ticks) > 2
    assert len(set(ticks)) >= len(ticks) - 1  # one may have run when its worker was killed


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines()
