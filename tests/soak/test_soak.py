"""``python -m soak``: its short form, and that it fails where a mechanism is switched off."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from soak.sabotaged import MECHANISMS

ROOT: Final = Path(__file__).parents[2]

SEEDS: Final = {
    "ids": 1623,
    "deduplication": 1235,
    "order": 1054,
    "acknowledging": 2954,
    "retries": 838,
    "isolation": 2,
}
"""For each mechanism a seed whose plan begins with what it is for."""

QUICK: Final = ("ids", "isolation")


async def soak(*arguments: object, within: float) -> tuple[int, dict[str, Any], str]:
    """Run it; return its exit status, its last line, and what it has told meanwhile."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "soak", *map(str, arguments)),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(within):
            out, told = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    last = json.loads(out.decode().splitlines()[-1])
    return process.returncode or 0, last, told.decode()


async def test_everything_is_broken_and_nothing_is_lost() -> None:
    status, found, told = await soak("--seconds", 30, "--seed", 7, within=120)
    assert found["passed"], f"{found}\n{told}"
    assert status == 0
    assert found["messages"] > 3_000
    assert found["encrypted"] >= 0.2
    assert sum(count > 0 for count in found["faults"].values()) > 6
    for process in ("bot", "sandbox"):
        assert any(found["kills"][process].values())
    assert found["amid_work"] > 0


async def fails_without(mechanism: str) -> None:
    seed = SEEDS[mechanism]
    for seconds in (8, 24):  # on a slow machine the first strikes may fall when nothing is at work
        arguments = ("--without", mechanism, "--seconds", seconds, "--rate", 80, "--seed", seed)
        status, found, told = await soak(*arguments, within=180)
        if status:
            break
    assert status == 1
    assert found[MECHANISMS[mechanism][1]] > 0, f"{found}\n{told}"
    assert f"--seed {seed}" in told


@pytest.mark.parametrize("mechanism", QUICK)
async def test_the_checker_notices_a_mechanism_that_is_switched_off(mechanism: str) -> None:
    await fails_without(mechanism)


@pytest.mark.soak
@pytest.mark.parametrize("mechanism", sorted(set(MECHANISMS) - set(QUICK)))
async def test_the_checker_notices_every_mechanism_that_is_switched_off(mechanism: str) -> None:
    await fails_without(mechanism)


@pytest.mark.soak
async def test_five_minutes_over_jetstream() -> None:
    status, found, told = await soak("--engine", "jetstream", "--seconds", "5m", within=1500)
    assert status == 0, f"{found}\n{told}"
