"""``python -m bench``: what Blazebot costs beside its bare libraries, and what the sandbox carries.

Each comparison runs the bot end and the floor in turns: ``receive``, ``echo``, ``router`` (an echo
behind 20 handlers, two middlewares and a state), ``encrypted`` (texts, nine of ten from senders
seen before), ``latency`` (echoes one at a time) and ``backlog`` (a million pending messages).
``announce`` is an announcement to many people. ``start`` is the time until a line is open.
``stages`` tells what each stage of a message's way costs. ``sandbox`` and ``scale`` measure the
service end; ``fixtures`` a test with the pytest plugin. All run by default but ``scale``, which
takes a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from bench import announce, fixtures, plots, sandbox, scale, stages, start
from bench.announce import AnnounceResult, print_announce, run_announce
from bench.comparison import COMPARISONS, Result, compare
from bench.fixtures import FixturesResult, run_fixtures
from bench.runs import RunFailed
from bench.sandbox import SandboxResult, run_sandbox
from bench.scale import ScaleResult, run_scale
from bench.stages import StagesResult, run_stages
from bench.start import StartResult, run_start

MESSAGES: Final = {
    **{name: one.messages for name, one in COMPARISONS.items()},
    "announce": announce.MESSAGES,
    "start": 1,
    "stages": stages.MESSAGES,
    "sandbox": sandbox.MESSAGES,
    "fixtures": fixtures.TESTS,
    "scale": scale.MESSAGES,
}
"""Messages of one run."""

BY_DEFAULT: Final = (*COMPARISONS, "announce", "start", "stages", "sandbox", "fixtures")

ROUNDS: Final = 3

LIMIT: Final = 60.0
"""Seconds for one run."""

FIELDS: Final = ("name", "floor_us", "blazebot_us", "ratio", "rate", "p99_ms", "peak_mb")
"""What each object has at the least; null where a benchmark knows no such thing."""

AnyResult = (
    Result
    | AnnounceResult
    | StartResult
    | StagesResult
    | SandboxResult
    | FixturesResult
    | ScaleResult
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("benchmark", nargs="?", default="all", choices=("all", *MESSAGES))
    parser.add_argument("--messages", type=_count, help="of one run (default: by benchmark)")
    parser.add_argument("--rounds", type=_count, help="default: by benchmark")
    parser.add_argument(
        "--bots", type=_count, default=scale.BOTS, help="of scale (default: %(default)s)"
    )
    parser.add_argument("--limit", type=float, help="seconds for one run (default: by benchmark)")
    parser.add_argument(
        "--peers", action="store_true", help="other clients too, where make interop put them"
    )
    parser.add_argument(
        "--plots", type=Path, metavar="FOLDER", help="draw what was measured there, as SVG"
    )
    parser.add_argument("--json", action="store_true", help="one object for each benchmark")
    options = parser.parse_args(arguments)
    names = BY_DEFAULT if options.benchmark == "all" else (options.benchmark,)
    results: list[AnyResult] = []
    for name in names:
        try:
            result = asyncio.run(_run(name, options))
        except RunFailed as error:
            print(f"failed: {error}", file=sys.stderr)
            return 1
        results.append(result)
        if options.json:
            print(msgspec.json.encode(_document(result)).decode(), flush=True)
        else:
            _print(result)
    if options.plots is not None:
        plots.draw(results, options.plots)
    return 0


async def _run(name: str, options: argparse.Namespace) -> AnyResult:
    messages, limit = options.messages or MESSAGES[name], options.limit or LIMIT
    result: AnyResult
    if name in COMPARISONS:
        rounds = options.rounds or COMPARISONS[name].rounds
        result = await compare(name, messages, rounds, limit=options.limit, peers=options.peers)
    elif name == "announce":
        result = await run_announce(messages, options.rounds or ROUNDS, limit=limit)
    elif name == "stages":
        result = await run_stages(messages, options.rounds or ROUNDS)
    elif name == "start":
        result = await run_start(options.rounds or start.ROUNDS, limit=limit)
    elif name == "sandbox":
        result = await run_sandbox(messages, options.rounds or ROUNDS, limit=limit)
    elif name == "fixtures":
        result = await run_fixtures(messages, options.rounds or 1, limit=limit)
    else:
        result = await run_scale(bots=options.bots, messages=messages, limit=limit)
    return result


def _document(result: AnyResult) -> dict[str, Any]:
    known: dict[str, Any] = msgspec.to_builtins(result)
    return dict.fromkeys(FIELDS) | known


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError
    return count


def _print(result: AnyResult) -> None:
    if isinstance(result, SandboxResult):
        _print_sandbox(result)
    elif isinstance(result, FixturesResult):
        _print_fixtures(result)
    elif isinstance(result, ScaleResult):
        _print_scale(result)
    elif isinstance(result, StartResult):
        _print_start(result)
    elif isinstance(result, StagesResult):
        _print_stages(result)
    elif isinstance(result, AnnounceResult):
        print_announce(result)
    else:
        _print_comparison(result)


def _print_sandbox(result: SandboxResult) -> None:
    print(f"{result.name}: {result.messages:,} durable echoes, median of {result.rounds}")
    print(
        f"  {result.rate:,.0f} echoes/s on one core, {result.cpu_us:.1f} us of CPU for each, "
        f"{result.peak_mb:.0f} MB",
        flush=True,
    )


def _print_fixtures(result: FixturesResult) -> None:
    print(f"{result.name}: median of {result.rounds * result.messages:,} tests with the plugin")
    print(f"  {result.test_ms:.0f} ms for a test: a bot, a person, a text and its echo", flush=True)


def _print_scale(result: ScaleResult) -> None:
    print(
        f"{result.name}: {result.bots:,} bots and {result.messages:,} messages, "
        f"a file of {result.file_mb:,.0f} MB"
    )
    print(f"  {'':30} {'samples':>8} {'p50 ms':>10} {'p99 ms':>10}")
    for one in result.timings:
        print(f"  {one.name:30} {one.samples:8} {one.p50_ms:10.2f} {one.p99_ms:10.2f}", flush=True)


def _print_stages(result: StagesResult) -> None:
    print(f"{result.name}: microseconds of each stage, median of {result.rounds}")
    for one in result.stages:
        print(f"  {one.name:45} {one.us:6.2f}", flush=True)


def _print_start(result: StartResult) -> None:
    print(
        f"{result.name}: from the start of the process to an open line, median of {result.rounds}"
    )
    print(
        f"  {result.blazebot_us / 1000:.0f} ms, of these {result.import_ms:.0f} ms to import "
        f"blazebot; floor {result.floor_us / 1000:.0f} ms",
        flush=True,
    )


def _print_comparison(result: Result) -> None:
    print(f"{result.name}: {result.messages:,} messages, median of {result.rounds}")
    print(f"  {'':9} {'us/message':>10} {'x floor':>8} {'messages/s':>11} {'peak MB':>8}")
    for who, us, ratio, rate, peak in (
        ("floor", result.floor_us, 1.0, result.floor_rate, result.floor_peak_mb),
        ("Blazebot", result.blazebot_us, result.ratio, result.rate, result.peak_mb),
    ):
        print(f"  {who:9} {us:10.1f} {ratio:8.2f} {rate:11,.0f} {peak:8.1f}", flush=True)
    for one in result.peers:
        if one.us is None or one.ratio is None or one.rate is None or one.peak_mb is None:
            print(f"  {one.name:9} failed: {one.failure}", flush=True)
        else:
            print(
                f"  {one.name:9} {one.us:10.1f} {one.ratio:8.1f} {one.rate:11,.0f} "
                f"{one.peak_mb:8.1f}",
                flush=True,
            )
    if result.p99_ms is not None:
        print(
            f"  a message there and back: p50 {result.p50_ms:.2f} ms (floor "
            f"{result.floor_p50_ms:.2f}), p99 {result.p99_ms:.2f} ms (floor "
            f"{result.floor_p99_ms:.2f})",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())
