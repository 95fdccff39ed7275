"""How long it takes until a bot has its line: the import, and the first connection."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from statistics import median
from typing import Final

import msgspec

from bench.comparison import FLOOR
from bench.runs import RunFailed, run_once

ROUNDS: Final = 5

_IMPORT: Final = """
import time
began = time.perf_counter()
import blazebot
print(time.perf_counter() - began)
"""


class StartResult(msgspec.Struct):
    """Medians over all rounds: microseconds from the start of a process until its line is open.

    ``rate`` is starts a second, ``import_ms`` what ``import blazebot`` takes of each.
    """

    name: str
    rounds: int
    floor_us: float
    blazebot_us: float
    ratio: float
    rate: float
    p99_ms: float | None
    peak_mb: float
    import_ms: float


async def run_start(rounds: int, *, limit: float) -> StartResult:
    """Start the floor and Blazebot in turns; each receives one message, too.

    Raises:
        RunFailed: one does not, or ``blazebot`` cannot be imported.
    """
    floor, blazebot, imports = [], [], []
    for _ in range(rounds):
        floor.append(await run_once(FLOOR, "receive", 1, limit=limit))
        blazebot.append(await run_once("bench.blazebot_bot", "receive", 1, limit=limit))
        imports.append(await _import())
    floor_us = median(run.ready for run in floor) * 1e6
    blazebot_us = median(run.ready for run in blazebot) * 1e6
    return StartResult(
        name="start",
        rounds=rounds,
        floor_us=round(floor_us),
        blazebot_us=round(blazebot_us),
        ratio=round(blazebot_us / floor_us, 2),
        rate=round(1e6 / blazebot_us, 2),
        p99_ms=None,
        peak_mb=round(median(run.peak_mb for run in blazebot), 1),
        import_ms=round(median(imports) * 1000, 1),
    )


async def _import() -> float:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _IMPORT, stdout=PIPE)
    output, _ = await process.communicate()
    if process.returncode:
        raise RunFailed("blazebot cannot be imported; see the error above")
    return float(output)
