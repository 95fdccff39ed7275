"""``python -m bench.jetstream``: how much a gateway and workers on NATS JetStream get done.

First as fast as they can with one worker, on one node of NATS and on three; then with handlers that
take 50 ms each and 16 of them at once in 1, 2 and 4 workers.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final
from uuid import uuid4

import msgspec
import psutil

from bench.bots import BEYOND_ANY_QUOTA
from bench.engine_stub import EngineOutcome
from bench.runs import RunFailed, announced, child
from bench.stub import Address
from blazebot.keys.issue import issue_keystore
from blazebot.testing.processes import Process
from tests.nats.servers import NatsServers

MESSAGES: Final = 20_000
WORK: Final = 0.05
CONCURRENCY: Final = 16
WORKERS: Final = (1, 2, 4)
SECONDS: Final = 8
"""How long the workers with slow handlers are kept busy."""

ROOT: Final = Path(__file__).parent.parent

_LIMIT: Final = 60.0
_SERVES: Final = ("this gateway holds the line", "this worker takes messages")


class Throughput(msgspec.Struct):
    """Messages a second that are echoed and read, and CPU of each part for one.

    The rate is that while there is enough to do for all workers.
    """

    nodes: int
    workers: int
    rate: float
    cpu_us: dict[str, int]


async def run_jetstream(
    messages: int, *, nodes: int = 1, workers: int = 1, work: float = 0.0, concurrency: int = 256
) -> Throughput:
    """Let a gateway and workers echo ``messages``.

    Raises:
        RunFailed: they did not, or not each once and in order.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="blazebot-bench-")))
        servers = NatsServers(folder / "nats", nodes)
        stack.push_async_callback(servers.stop)
        await servers.start()
        stub = await stack.enter_async_context(
            child(("bench.engine_stub", str(messages), "--limit", str(_LIMIT)))
        )
        address = msgspec.json.decode(await announced(stub), type=Address)
        keystore = issue_keystore("ed25519", str(uuid4()), str(uuid4())).document
        environment = {
            "BLAZEBOT_KEYSTORE": msgspec.json.encode(keystore).decode(),
            "BLAZEBOT_SERVER": address.url,
            "BLAZEBOT_ENGINE": servers.url,
            "BLAZEBOT_ENGINE_REPLICAS": str(nodes),
            "SSL_CERT_FILE": address.certificate,
            "BLAZEBOT_QUOTA": str(BEYOND_ANY_QUOTA),
            "BENCH_WORK": str(work),
        }
        parts: dict[str, Process] = {}
        for name, command in _commands(workers, concurrency).items():
            parts[name] = process = Process(
                [sys.executable, "-m", "blazebot", *command],
                log=folder / f"{name}.log",
                environment={
                    **environment,
                    "BLAZEBOT_DATA_DIR": str(folder / name),
                    "PYTHONPATH": str(ROOT),
                },
            )
            stack.push_async_callback(process.kill)
            await process.start()
        for process in parts.values():
            await _serves(process)
        parts |= {f"node {number}": node for number, node in enumerate(servers.nodes)}
        before = _cpu(parts)
        if stub.stdin is not None:
            stub.stdin.write(b"\n")
        outcome = msgspec.json.decode(await announced(stub, _LIMIT + 5), type=EngineOutcome)
        after = _cpu(parts)
        if outcome.faults:
            faults = ", ".join(f"{count} {fault}" for fault, count in outcome.faults.items())
            raise RunFailed(faults)
        cpu = {name: round((after[name] - before[name]) / messages * 1e6) for name in after}
        return Throughput(nodes, workers, outcome.rate, cpu)


def _commands(workers: int, concurrency: int) -> dict[str, tuple[str, ...]]:
    worker = ("worker", "bench.engine_bot:bot", "--concurrency", str(concurrency))
    return {"gateway": ("gateway",)} | {f"worker {number}": worker for number in range(workers)}


async def _serves(process: Process) -> None:
    async with asyncio.timeout(_LIMIT):
        while not any(words in process.log for words in _SERVES):
            if not process.is_running:
                raise RunFailed(process.log)
            await asyncio.sleep(0.02)


def _cpu(parts: Mapping[str, Process]) -> dict[str, float]:
    times = {name: psutil.Process(one.pid).cpu_times() for name, one in parts.items()}
    return {name: one.user + one.system for name, one in times.items()}


async def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.jetstream", description=__doc__)
    parser.add_argument("--messages", type=int, default=MESSAGES)
    options = parser.parse_args()
    try:
        for nodes in (1, 3):
            _print(await run_jetstream(options.messages, nodes=nodes))
        for workers in WORKERS:
            most = workers * CONCURRENCY / WORK
            result = await run_jetstream(
                int(most * SECONDS), workers=workers, work=WORK, concurrency=CONCURRENCY
            )
            _print(result, f", {result.rate / most:.0%} of {most:,.0f}")
    except RunFailed as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


def _print(result: Throughput, beside: str = "") -> None:
    print(
        f"{result.workers} workers, {result.nodes} nodes: {result.rate:,.0f} echoes/s{beside}; "
        f"us of CPU for each: {result.cpu_us}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
