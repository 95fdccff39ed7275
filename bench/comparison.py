"""Blazebot beside the floor: both do the same work against the same stub, in turns."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median, quantiles
from typing import Final, NamedTuple

import msgspec

from bench import peers as others
from bench.peers import PEERS, Peer
from bench.runs import Run, RunFailed, run_once

FLOOR: Final = "bench.floor"


class Comparison(NamedTuple):
    """The work of both, Blazebot's module for it, and the messages and rounds of a whole run.

    ``limit`` is in seconds, for one round of one of them.
    """

    work: str
    module: str
    messages: int
    rounds: int
    limit: float = 60.0


COMPARISONS: Final = {
    "receive": Comparison("receive", "bench.blazebot_bot", 50_000, 3),
    "echo": Comparison("echo", "bench.blazebot_bot", 50_000, 3),
    "router": Comparison("echo", "bench.router_bot", 50_000, 3),
    "encrypted": Comparison("encrypted", "bench.blazebot_bot", 20_000, 3),
    "latency": Comparison("latency", "bench.blazebot_bot", 2_000, 3),
    "backlog": Comparison("receive", "bench.blazebot_bot", 1_000_000, 1, 240.0),
}


class PeerResult(msgspec.Struct):
    """Medians of another client; all are null where it failed, and ``failure`` says how."""

    name: str
    messages: int
    us: float | None = None
    ratio: float | None = None
    rate: float | None = None
    peak_mb: float | None = None
    failure: str = ""


class Result(msgspec.Struct):
    """Medians over all rounds of one benchmark; ``ratio`` is that of the CPU.

    Latencies, from the push of a message to its echo, are null where many are under way at once.
    """

    name: str
    messages: int
    rounds: int
    floor_us: float
    blazebot_us: float
    ratio: float
    floor_rate: float
    rate: float
    floor_p50_ms: float | None
    p50_ms: float | None
    floor_p99_ms: float | None
    p99_ms: float | None
    floor_peak_mb: float
    peak_mb: float
    peers: list[PeerResult] = []


async def compare(
    name: str, messages: int, rounds: int, *, limit: float | None = None, peers: bool = False
) -> Result:
    """Run the floor and Blazebot in turns; raises RunFailed where either drops work.

    With ``peers`` the other clients that are installed receive after them; one that fails does not
    fail the run.
    """
    work, module, *_ = COMPARISONS[name]
    limit = limit or COMPARISONS[name].limit
    floor: list[Run] = []
    blazebot: list[Run] = []
    for _ in range(rounds):
        floor.append(await run_once(FLOOR, work, messages, limit=limit))
        blazebot.append(await run_once(module, work, messages, limit=limit))
    floor_us, blazebot_us = _median(floor, _us), _median(blazebot, _us)
    return Result(
        name=name,
        messages=messages,
        rounds=rounds,
        floor_us=round(floor_us, 2),
        blazebot_us=round(blazebot_us, 2),
        ratio=round(blazebot_us / floor_us, 2),
        floor_rate=round(_median(floor, lambda run: run.rate)),
        rate=round(_median(blazebot, lambda run: run.rate)),
        floor_p50_ms=_latency(floor, 50),
        p50_ms=_latency(blazebot, 50),
        floor_p99_ms=_latency(floor, 99),
        p99_ms=_latency(blazebot, 99),
        floor_peak_mb=round(_median(floor, lambda run: run.peak_mb), 1),
        peak_mb=round(_median(blazebot, lambda run: run.peak_mb), 1),
        peers=[await _peer(one, rounds, floor_us) for one in PEERS if one.is_installed]
        if peers and name == "receive"
        else [],
    )


async def _peer(peer: Peer, rounds: int, floor_us: float) -> PeerResult:
    result = PeerResult(peer.name, others.MESSAGES)
    try:
        runs = [
            await run_once(peer.module, "receive", others.MESSAGES, limit=others.LIMIT)
            for _ in range(rounds)
        ]
    except RunFailed as error:
        result.failure = str(error)
        return result
    us = _median(runs, _us)
    result.us, result.ratio = round(us, 1), round(us / floor_us, 1)
    result.rate = round(_median(runs, lambda run: run.rate))
    result.peak_mb = round(_median(runs, lambda run: run.peak_mb), 1)
    return result


def _us(run: Run) -> float:
    return run.us


def _median(runs: list[Run], of: Callable[[Run], float]) -> float:
    return median(of(run) for run in runs)


def _latency(runs: list[Run], percent: int) -> float | None:
    """Return the percentile of the latencies in milliseconds, or None where there are none."""
    if len(runs[0].latencies) < 2:
        return None
    return round(median(quantiles(run.latencies, n=100)[percent - 1] for run in runs) * 1000, 3)
