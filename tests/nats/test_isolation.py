"""The gateway that holds the line is cut off from one of its two sides."""

from __future__ import annotations

import asyncio
import time
from urllib.parse import urlsplit

import pytest

from blazebot.jetstream.streams import RECEIPTS_ACK_WAIT
from blazebot.testing.processes import Process
from tests.nats.conftest import MakeFleet
from tests.nats.fleet import Fleet
from tests.nats.tcp_proxy import TcpProxy

TAKEOVER = 5.0
"""Seconds within which another gateway has the line of one that is lost."""


async def other_than(fleet: Fleet, process: Process) -> float:
    """Return after how many seconds another gateway holds the line."""
    began = time.monotonic()
    async with asyncio.timeout(40):
        while await fleet.holder() is process:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    return time.monotonic() - began


def port_of(url: str) -> int:
    return urlsplit(url).port or 0


@pytest.mark.parametrize("side", ["NATS", "the service"])
async def test_nothing_is_lost_or_doubled(make_fleet: MakeFleet, side: str) -> None:
    fleet = await make_fleet(work=0.02)
    url = fleet.nats.url if side == "NATS" else fleet.sandbox.url
    async with TcpProxy(port_of(url)) as way:
        if side == "NATS":
            through = {"BLAZEBOT_ENGINE": f"nats://127.0.0.1:{way.port}"}
        else:
            through = {
                "BLAZEBOT_SERVER": f"http://127.0.0.1:{way.port}",
                "BLAZEBOT_HEARTBEAT": "1",
            }
        holder = fleet.gateway("holder", **through)
        await holder.start()
        assert await fleet.holder() is holder
        await fleet.gateway("standby").start()
        await fleet.worker("worker").start()
        people = await fleet.greeted(20)
        texts = [f"text {number}" for number in range(30)]
        await fleet.say(dict.fromkeys(people, texts[:10]))
        way.cut()
        await fleet.say(dict.fromkeys(people, texts[10:20]))
        waited = await other_than(fleet, holder)
        if side == "NATS":
            assert waited < TAKEOVER
        await fleet.until(lambda: fleet.echoed() == 20 * len(people), 30)
        way.mend()
        await fleet.say(dict.fromkeys(people, texts[20:]))
        counts = await fleet.settle(RECEIPTS_ACK_WAIT + 10)
        assert counts.is_perfect, counts
