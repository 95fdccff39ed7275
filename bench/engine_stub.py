"""The stub of the service for bots on an engine: their messages are delivered first, then read.

It prints its address and certificate, waits for a line on standard input to begin to push, and
prints the outcome once every text is echoed, once and in order, and read.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from aiohttp import web

from bench.certificate import HOST, make_certificate
from bench.frames import Receipt, make_texts
from bench.loops import run
from bench.stub import Address, Outcome, Stub

CONVERSATIONS = 1_000


_BEGIN, _END = 0.1, 0.8  # of the messages: in between all workers have enough to do


class EngineOutcome(Outcome):
    """What the stub saw; ``rate`` is how many a second were read while there was enough to do."""

    rate: float


class EngineStub(Stub):
    """Its work is done when all is read."""

    def __init__(self, messages: int) -> None:
        super().__init__(make_texts(messages, CONVERSATIONS), "echo", None)
        self.window = messages
        self._marks: list[tuple[float, int]] = []  # when so many had been read

    def acknowledged(self, receipts: Sequence[Receipt]) -> None:
        super().acknowledged([one for one in receipts if one.status == "READ"])
        self._marks.append((time.perf_counter(), self.checker.acknowledged))

    def engine_outcome(self) -> EngineOutcome:
        whole = self.outcome()
        marks = [one for one in self._marks if _BEGIN <= one[1] / self.count <= _END]
        (began, first), (ended, last) = (marks[0], marks[-1]) if marks else ((0.0, 0), (1.0, 0))
        rate = (last - first) / max(ended - began, 1e-9)
        return EngineOutcome(whole.seconds, whole.pushes, whole.faults, whole.latencies, rate)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("messages", type=int)
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for the work")
    arguments = parser.parse_args()
    stub = EngineStub(arguments.messages)
    runner = web.AppRunner(stub.application(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    with tempfile.TemporaryDirectory(prefix="blazebot-bench-") as directory:
        certificate, context = make_certificate(Path(directory))
        site = web.TCPSite(runner, HOST, 0, ssl_context=context)
        await site.start()
        _print(Address(f"https://{HOST}:{runner.addresses[0][1]}", str(certificate)))
        await asyncio.to_thread(sys.stdin.readline)
        stub.begin.set()
        try:
            async with asyncio.timeout(arguments.limit):
                await stub.complete.wait()
        except TimeoutError:
            stub.last_receipt = time.perf_counter()
        _print(stub.engine_outcome())
        await runner.cleanup()


def _print(what: msgspec.Struct) -> None:
    print(msgspec.json.encode(what).decode(), flush=True)


if __name__ == "__main__":
    run(main())
