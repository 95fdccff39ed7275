"""``python -m bench``: what Blazebot costs beside its bare libraries, and what the sandbox carries.

``receive`` and ``echo`` compare the bot end with the floor, and so does ``router``, an echo behind
20 handlers, two middlewares and a state; ``sandbox`` and ``scale`` measure the service end. All run
by default but ``scale``, which takes a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from statistics import median
from typing import Final

import msgspec

from bench import sandbox, scale
from bench.runs import Run, RunFailed, run_once
from bench.sandbox import SandboxResult, run_sandbox
from bench.scale import ScaleResult, run_scale

MESSAGES: Final = {
    "receive": 50_000,
    "echo": 20_000,
    "router": 20_000,
    "sandbox": sandbox.MESSAGES,
    "scale": scale.MESSAGES,
}
"""Messages of one run."""

BY_DEFAULT: Final = ("receive", "echo", "router", "sandbox")

FLOOR: Final = "bench.floor"
BLAZEBOT: Final = {
    "receive": ("receive", "bench.blazebot_bot"),
    "echo": ("echo", "bench.blazebot_bot"),
    "router": ("echo", "bench.router_bot"),
}
"""What is compared with the floor: the work that both do, and Blazebot's module for it."""


class Result(msgspec.Struct):
    """Medians over all rounds of one benchmark. ``p99_ms`` is null where it is not measured."""

    name: str
    messages: int
    rounds: int
    floor_us: float
    blazebot_us: float
    ratio: float
    floor_rate: float
    rate: float
    p99_ms: float | None
    floor_peak_mb: float
    peak_mb: float


AnyResult = Result | SandboxResult | ScaleResult


async def run_benchmark(name: str, messages: int, rounds: int, *, limit: float) -> Result:
    """Run the floor and Blazebot in turns; raises RunFailed where either drops work."""
    work, module = BLAZEBOT[name]
    floor: list[Run] = []
    blazebot: list[Run] = []
    for _ in range(rounds):
        floor.append(await run_once(FLOOR, work, messages, limit=limit))
        blazebot.append(await run_once(module, work, messages, limit=limit))
    floor_us = median(run.us for run in floor)
    blazebot_us = median(run.us for run in blazebot)
    return Result(
        name=name,
        messages=messages,
        rounds=rounds,
        floor_us=round(floor_us, 2),
        blazebot_us=round(blazebot_us, 2),
        ratio=round(blazebot_us / floor_us, 2),
        floor_rate=round(median(run.rate for run in floor)),
        rate=round(median(run.rate for run in blazebot)),
        p99_ms=None,
        floor_peak_mb=round(median(run.peak_mb for run in floor), 1),
        peak_mb=round(median(run.peak_mb for run in blazebot), 1),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("benchmark", nargs="?", default="all", choices=("all", *MESSAGES))
    parser.add_argument("--messages", type=_count, help="of one run (default: by benchmark)")
    parser.add_argument("--rounds", type=_count, default=3, help="default: %(default)s")
    parser.add_argument(
        "--bots", type=_count, default=scale.BOTS, help="of scale (default: %(default)s)"
    )
    parser.add_argument(
        "--limit", type=float, default=60.0, help="seconds for one run (default: %(default)g)"
    )
    parser.add_argument("--json", action="store_true", help="one object for each benchmark")
    options = parser.parse_args(arguments)
    names = BY_DEFAULT if options.benchmark == "all" else (options.benchmark,)
    for name in names:
        try:
            result = asyncio.run(_run(name, options))
        except RunFailed as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
        if options.json:
            print(msgspec.json.encode(result).decode(), flush=True)
        else:
            _print(result)
    return 0


async def _run(name: str, options: argparse.Namespace) -> AnyResult:
    messages, rounds, limit = options.messages or MESSAGES[name], options.rounds, options.limit
    if name == "sandbox":
        return await run_sandbox(messages, rounds, limit=limit)
    if name == "scale":
        return await run_scale(bots=options.bots, messages=messages, limit=limit)
    return await run_benchmark(name, messages, rounds, limit=limit)


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def _print(result: AnyResult) -> None:
    if isinstance(result, SandboxResult):
        _print_sandbox(result)
    elif isinstance(result, ScaleResult):
        _print_scale(result)
    else:
        _print_beside_floor(result)


def _print_sandbox(result: SandboxResult) -> None:
    print(f"{result.name}: {result.messages:,} durable echoes, median of {result.rounds}")
    print(
        f"  {result.rate:,.0f} echoes/s on one core, {result.cpu_us:.1f} us of CPU for each, "
        f"{result.peak_mb:.0f} MB",
        flush=True,
    )


def _print_scale(result: ScaleResult) -> None:
    print(
        f"{result.name}: {result.bots:,} bots and {result.messages:,} messages, "
        f"a file of {result.file_mb:,.0f} MB"
    )
    print(f"  {'':30} {'samples':>8} {'p50 ms':>10} {'p99 ms':>10}")
    for one in result.timings:
        print(f"  {one.name:30} {one.samples:8} {one.p50_ms:10.2f} {one.p99_ms:10.2f}", flush=True)


def _print_beside_floor(result: Result) -> None:
    print(f"{result.name}: {result.messages:,} messages, median of {result.rounds}")
    print(f"  {'':9} {'us/message':>10} {'messages/s':>11} {'peak MB':>8} {'x floor':>8}")
    for who, us, rate, peak, ratio in (
        ("floor", result.floor_us, result.floor_rate, result.floor_peak_mb, 1.0),
        ("Blazebot", result.blazebot_us, result.rate, result.peak_mb, result.ratio),
    ):
        print(f"  {who:9} {us:10.1f} {rate:11,.0f} {peak:8.1f} {ratio:8.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
