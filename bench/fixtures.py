"""What one test with the pytest plugin takes: a bot, a person, a text and its echo."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path
from statistics import median
from typing import Final

import msgspec

from bench.runs import RunFailed

TESTS: Final = 100
"""Tests of one run."""

_BOT: Final = """
from blazebot import Bot, Message, Text

bot = Bot("keystore.json")

@bot.on(Text)
async def echo(message: Message[Text]) -> None:
    await message.reply(message.content.text)
"""

_TEST: Final = """
import pytest

@pytest.mark.parametrize("number", range({count}))
async def test_echo(bot, alice, number):
    await alice.send("hello")
    assert (await alice.next()).text == "hello"
"""

_SETTINGS: Final = """
[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
blazebot_bot = echo:bot
"""

_TIME: Final = re.compile(r'<testcase [^>]*\btime="([\d.]+)"')


class FixturesResult(msgspec.Struct):
    """The median over all tests of all rounds: milliseconds of one, its fixtures included."""

    name: str
    messages: int
    rounds: int
    test_ms: float
    rate: float


async def run_fixtures(tests: int, rounds: int, *, limit: float) -> FixturesResult:
    """Run so many tests; one sandbox serves them all, as in anybody's project.

    Raises:
        RunFailed: a test does.
    """
    taken: list[float] = []
    for _ in range(rounds):
        taken += await _run(tests, limit)
    seconds = median(taken)
    return FixturesResult(
        name="fixtures",
        messages=tests,
        rounds=rounds,
        test_ms=round(seconds * 1000, 1),
        rate=round(1 / seconds, 2),
    )


async def _run(count: int, limit: float) -> list[float]:
    """Return the seconds of each test, as pytest itself took them."""
    with tempfile.TemporaryDirectory(prefix="blazebot-bench-") as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text(_SETTINGS)
        (folder / "echo.py").write_text(_BOT)
        (folder / "test_bot.py").write_text(_TEST.format(count=count))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "pytest", "-q", "--junitxml=times.xml"),
            *("-p", "no:cacheprovider", "-p", "no:schemathesis"),
            cwd=folder,
            env={name: value for name, value in os.environ.items() if "PYTEST" not in name},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
        )
        try:
            async with asyncio.timeout(limit):
                output, _ = await process.communicate()
        except TimeoutError:
            process.terminate()
            await process.wait()
            raise RunFailed(f"{count} tests did not end within {limit:.0f} s") from None
        if process.returncode:
            raise RunFailed(f"a test failed:\n{output.decode(errors='replace')}")
        return [float(time) for time in _TIME.findall((folder / "times.xml").read_text())]
