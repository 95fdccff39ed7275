"""What each client does around its work: say when it is ready, and what the work cost."""

from __future__ import annotations

import argparse
import asyncio
import resource
import sys
from typing import Final

import msgspec

WORKS: Final = ("receive", "echo", "encrypted", "latency")
"""What clients do: receive texts, echo them, receive encrypted ones, echo one at a time."""


class Cost(msgspec.Struct):
    """What a client's process has used: CPU seconds of the work alone, memory at its peak."""

    cpu_seconds: float
    peak_mb: float


def client_arguments(description: str | None) -> argparse.Namespace:
    """Return ``work``, ``url`` and ``messages``, as each client takes them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("work", choices=WORKS)
    parser.add_argument("url", help="the stub's address: https://host:port")
    parser.add_argument("messages", type=int)
    return parser.parse_args()


async def measure() -> None:
    """Say that the client is connected, wait until its work is done, and print its cost."""
    before = _cpu_seconds()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    cost = Cost(_cpu_seconds() - before, _peak_mb())
    print(msgspec.json.encode(cost).decode(), flush=True)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _peak_mb() -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
