"""An announcement beside the bare loop, where the quota is lifted."""

from __future__ import annotations

from statistics import median
from typing import Final
from uuid import uuid4

import msgspec

from bench.announce_stub import Outcome
from bench.measured import Cost
from bench.runs import RunFailed, announced, child
from blazebot.keys.issue import issue_keystore

MESSAGES: Final = 100_000

_QUOTA: Final = "1000000000"


class AnnounceResult(msgspec.Struct):
    """Medians over all rounds: CPU of the client for each message, messages a second, memory."""

    name: str
    messages: int
    rounds: int
    floor_us: float
    blazebot_us: float
    ratio: float
    floor_rate: float
    rate: float
    floor_peak_mb: float
    peak_mb: float


class _Run(msgspec.Struct):
    us: float
    rate: float
    peak_mb: float


async def run_announce(messages: int, rounds: int, *, limit: float) -> AnnounceResult:
    """Run the floor and Blazebot in turns; raises RunFailed where either drops work."""
    floor, blazebot = [], []
    for _ in range(rounds):
        floor.append(await _run("bench.announce_floor", messages, limit))
        blazebot.append(await _run("bench.announce_bot", messages, limit))
    floor_us, us = median(run.us for run in floor), median(run.us for run in blazebot)
    return AnnounceResult(
        name="announce",
        messages=messages,
        rounds=rounds,
        floor_us=round(floor_us, 2),
        blazebot_us=round(us, 2),
        ratio=round(us / floor_us, 2),
        floor_rate=round(median(run.rate for run in floor)),
        rate=round(median(run.rate for run in blazebot)),
        floor_peak_mb=round(median(run.peak_mb for run in floor), 1),
        peak_mb=round(median(run.peak_mb for run in blazebot), 1),
    )


async def _run(module: str, messages: int, limit: float) -> _Run:
    keystore = issue_keystore("ed25519", str(uuid4()), str(uuid4())).document
    environment = {
        "BLAZEBOT_KEYSTORE": msgspec.json.encode(keystore).decode(),
        "BLAZEBOT_QUOTA": _QUOTA,
    }
    try:
        async with child(("bench.announce_stub", str(messages))) as stub:
            url = (await announced(stub)).decode().strip()
            async with child((module, url, str(messages)), **environment) as client:
                await announced(client, limit)  # its people are on disk
                outcome = msgspec.json.decode(await announced(stub, limit), type=Outcome)
                if client.stdin is not None:
                    client.stdin.write(b"\n")
                cost = msgspec.json.decode(await announced(client), type=Cost)
    except TimeoutError:
        raise RunFailed(f"announce: {module} was not done in {limit:g} s") from None
    if outcome.written != messages:
        raise RunFailed(f"announce: {module} has written {outcome.written} messages")
    return _Run(cost.cpu_seconds / messages * 1e6, messages / outcome.seconds, cost.peak_mb)


def print_announce(result: AnnounceResult) -> None:
    """Print a result in words."""
    print(f"{result.name}: {result.messages:,} people, median of {result.rounds}")
    print(f"  {'':9} {'us/message':>10} {'messages/s':>11} {'peak MB':>8}")
    for who, us, rate, peak in (
        ("floor", result.floor_us, result.floor_rate, result.floor_peak_mb),
        ("Blazebot", result.blazebot_us, result.rate, result.peak_mb),
    ):
        print(f"  {who:9} {us:10.1f} {rate:11,.0f} {peak:8.1f}", flush=True)
