"""``python -m bench``: what Blazebot costs beside the bare loop of its libraries."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from statistics import median
from typing import Final

import msgspec

from bench.runs import Run, RunFailed, run_once

MESSAGES: Final = {"receive": 50_000, "echo": 20_000}
"""Messages of one run."""

FLOOR: Final = "bench.floor"
BLAZEBOT: Final = "bench.blazebot_bot"


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


async def run_benchmark(name: str, messages: int, rounds: int, *, limit: float) -> Result:
    """Run the floor and Blazebot in turns; raises RunFailed where either drops work."""
    floor: list[Run] = []
    blazebot: list[Run] = []
    for _ in range(rounds):
        floor.append(await run_once(FLOOR, name, messages, limit=limit))
        blazebot.append(await run_once(BLAZEBOT, name, messages, limit=limit))
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
        "--limit", type=float, default=60.0, help="seconds for one run (default: %(default)g)"
    )
    parser.add_argument("--json", action="store_true", help="one object for each benchmark")
    options = parser.parse_args(arguments)
    names = MESSAGES if options.benchmark == "all" else (options.benchmark,)
    for name in names:
        messages = options.messages or MESSAGES[name]
        try:
            result = asyncio.run(run_benchmark(name, messages, options.rounds, limit=options.limit))
        except RunFailed as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
        if options.json:
            print(msgspec.json.encode(result).decode(), flush=True)
        else:
            _print_table(result)
    return 0


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def _print_table(result: Result) -> None:
    print(f"{result.name}: {result.messages:,} messages, median of {result.rounds}")
    print(f"  {'':9} {'us/message':>10} {'messages/s':>11} {'peak MB':>8} {'x floor':>8}")
    for who, us, rate, peak, ratio in (
        ("floor", result.floor_us, result.floor_rate, result.floor_peak_mb, 1.0),
        ("Blazebot", result.blazebot_us, result.rate, result.peak_mb, result.ratio),
    ):
        print(f"  {who:9} {us:10.1f} {rate:11,.0f} {peak:8.1f} {ratio:8.2f}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
