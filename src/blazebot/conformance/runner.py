"""Tries checks, each within its deadline, whatever goes wrong."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import aiohttp

from blazebot.conformance.check import Check, Need
from blazebot.conformance.expectations import NotApplicable
from blazebot.conformance.targets import Target
from blazebot.errors import BlazebotError

__all__ = ["FAILED", "OK", "SKIPPED", "Outcome", "Result", "run_checks"]

Outcome = Literal["ok", "failed", "skipped"]

OK: Final = "ok"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"

_WHY: Final = {
    Need.PERSON: "needs a person on the other side, whom only --target sandbox has",
    Need.PEER: "needs a second bot: pass --peer-keystore",
    Need.RECIPIENT: "needs somebody to write to: pass --peer-keystore or --to",
    Need.LINE: "needs the session's line",
}

logger = logging.getLogger("blazebot.conformance")


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a check: ``detail`` is what was seen, or why it was skipped."""

    check: Check
    outcome: Outcome
    detail: str
    seconds: float


async def run_checks(target: Target, checks: Sequence[Check]) -> AsyncGenerator[Result]:
    """Try checks, as many at once as the target takes; yield their results in order."""
    lanes = asyncio.Semaphore(target.lanes)

    async def one(check: Check) -> Result:
        async with lanes:
            return await attempt(target, check)

    # Side by side the one that waits longest should not be the last to begin.
    order = sorted(checks, key=lambda check: -check.deadline) if target.lanes > 1 else checks
    tasks = {check: asyncio.create_task(one(check)) for check in order}
    try:
        for check in checks:
            yield await tasks[check]
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def attempt(target: Target, check: Check) -> Result:
    """Try one check."""
    for need, why in _WHY.items():
        if need & check.needs & ~target.offers:
            return Result(check, SKIPPED, why, 0.0)
    began = time.monotonic()
    outcome, detail = await _outcome(target, check)
    return Result(check, outcome, detail, round(time.monotonic() - began, 3))


async def _outcome(target: Target, check: Check) -> tuple[Outcome, str]:
    try:
        async with asyncio.timeout(check.deadline), target.trial(check.needs) as trial:
            return OK, await check.attempt(trial) or ""
    except NotApplicable as error:
        return SKIPPED, str(error)
    except BlazebotError as error:
        return FAILED, str(error)
    except TimeoutError:
        return FAILED, "no answer in time"
    except (aiohttp.ClientError, OSError) as error:
        return FAILED, f"the connection failed: {error or type(error).__name__}"
    except Exception as error:
        # The service may answer anything: that is a failure too, and the others go on.
        logger.debug("%s failed", check.name, exc_info=True)
        return FAILED, f"an answer of an unknown form: {type(error).__name__}: {error}"
