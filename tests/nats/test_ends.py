"""Everything ends at some time: people see every reply once, in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from blazebot.jetstream.connection import CURRENT
from blazebot.jetstream.lease import TAKEN_AFTER
from blazebot.testing.tally import Tally
from tests.nats.conftest import MakeFleet
from tests.nats.fleet import Fleet
from tests.nats.storm import Storm, freeze_holder, kill

TAKEOVER_WITHOUT_NODE = 15.0
"""Seconds within which another has the line of a holder that died with a node of NATS."""


async def started(fleet: Fleet, *, gateways: int = 2, workers: int = 3) -> None:
    """Start gateways, the first of which gets the line, and workers."""
    for number in range(gateways):
        await fleet.gateway(f"gateway{number}").start()
    for number in range(workers):
        await fleet.worker(f"worker{number}", "--concurrency", "16").start()


async def through_a_storm(
    fleet: Fleet, *, people: int, wave: int, kills: int, frozen: float
) -> None:
    """Let gateways and workers be killed so many times in all, and what else there is once.

    In each wave people write so many texts. The holder of the line is frozen for longer than its
    lease.
    """
    await started(fleet)
    names = await fleet.greeted(people)
    ends = [kill(fleet.processes[number % len(fleet.processes)]) for number in range(kills)]
    random.shuffle(ends)
    ends += [kill(fleet.nats.nodes[-1]), freeze_holder(fleet, frozen)]
    storm = Storm(fleet, names, texts=wave * len(ends), waves=len(ends))
    await storm.run(ends)
    counts = await fleet.settle(30)
    assert counts.is_perfect, counts
    assert storm.ended_with_work >= len(ends) // 2


async def test_nothing_is_lost_doubled_or_reordered_whatever_ends(make_fleet: MakeFleet) -> None:
    fleet = await make_fleet(nodes=3, work=0.02)
    await through_a_storm(fleet, people=30, wave=3, kills=3, frozen=2 * TAKEN_AFTER)
    async with fleet.jetstream() as js:
        version = js._nc.connected_server_version
    for process in (fleet.processes[0], fleet.processes[-1]):  # a gateway and a worker
        is_warned = "take a current one" in process.log
        assert is_warned == ((version.major, version.minor) < CURRENT)


@pytest.mark.soak
async def test_the_same_for_long(make_fleet: MakeFleet) -> None:
    fleet = await make_fleet(nodes=3, work=0.02)
    await through_a_storm(fleet, people=200, wave=2, kills=50, frozen=10.0)


@pytest.mark.soak
async def test_the_holder_and_a_node_of_nats_end_together(make_fleet: MakeFleet) -> None:
    fleet = await make_fleet(nodes=3, work=0.02)
    await started(fleet)
    names = await fleet.greeted(40)
    holder = await fleet.holder()
    await fleet.say(dict.fromkeys(names, ("before",)))
    await asyncio.gather(holder.kill(), fleet.nats.nodes[0].kill())
    await fleet.say(dict.fromkeys(names, ("after",)))
    async with asyncio.timeout(TAKEOVER_WITHOUT_NODE):
        assert await fleet.holder() is not holder
    counts = await fleet.settle(30)
    assert counts.is_perfect, counts


@pytest.mark.parametrize(
    ("mechanism", "fault"),
    [
        ("order", lambda counts: counts.out_of_order),
        ("ids", lambda counts: counts.duplicated),
    ],
)
async def test_the_count_notices_what_is_switched_off(
    make_fleet: MakeFleet, mechanism: str, fault: Callable[[Tally], int]
) -> None:
    # Half of the work comes after the reply: what is killed then answers once more.
    fleet = await make_fleet(work=0.6)
    fleet.module = "tests.nats.sabotaged"
    fleet.environment["SWITCHED_OFF"] = mechanism
    await started(fleet, gateways=1, workers=2)
    names = await fleet.greeted(20)
    storm = Storm(fleet, names, texts=15, waves=3)
    await storm.run([kill(worker) for worker in fleet.processes[1:]])
    await fleet.until(lambda: bool(fault(fleet.tally())), 30)
