"""The stub of the service for bots on an engine: their messages are delivered first, then read.

It prints its address and certificate, waits for a line on standard input to begin to push, and
prints the outcome once every text is echoed, once and in order, and read.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from bench.frames import Receipt, make_texts
from bench.loops import run
from bench.stub import Outcome, Stub, serving, show

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
    async with serving(stub, arguments.limit) as is_complete:
        if not is_complete:
            stub.last_receipt = time.perf_counter()
        show(stub.engine_outcome())


if __name__ == "__main__":
    run(main())
