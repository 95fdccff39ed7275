"""``blazebot announce`` and ``announcements``: what they say, their exit codes, and memory."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest

from bench.announce import run_announce
from blazebot.keys.issue import issue_keystore
from blazebot.testing.control import Control, People
from tests.command_line import Program, afresh, forked


class Commands:
    """Runs ``blazebot`` in ``directory`` as a bot of the sandbox at ``server``."""

    def __init__(self, directory: Path, server: str, keystore: Mapping[str, Any]) -> None:
        self.directory = directory
        self.environment = {
            "BLAZEBOT_KEYSTORE": json.dumps(keystore),
            "BLAZEBOT_SERVER": server,
            "BLAZEBOT_DATA_DIR": str(directory / "data"),
        }

    async def start(self, *arguments: str, **settings: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "blazebot", *arguments),
            cwd=self.directory,
            env={**os.environ, **self.environment, **settings},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *arguments: str, program: Program = forked) -> tuple[int, str, str]:
        """Return the exit code, and what it printed to output and error."""
        ended = await asyncio.to_thread(program, self.directory, *arguments, **self.environment)
        return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture
async def commands(sandbox_url: str, tmp_path: Path) -> AsyncIterator[Commands]:
    """Those of a bot with ten friends, in people.txt; the last blocks it."""
    async with aiohttp.ClientSession() as http, People(http, sandbox_url) as acting:
        control = Control(http, sandbox_url)
        bot_id = await control.create_bot("Bot")
        people = await acting.create(["Person"] * 10)
        await acting.add_friend(people, bot_id)
        await control.call(
            "POST", f"/people/{people[-1]}/relationships", {"user_id": bot_id, "action": "BLOCK"}
        )
        (tmp_path / "people.txt").write_text("\n".join(people))
        (tmp_path / "message.md").write_text("# News")
        yield Commands(tmp_path, sandbox_url, await control.issue_session(bot_id, "app"))


@pytest.fixture
def people(commands: Commands) -> list[str]:
    return (commands.directory / "people.txt").read_text().split()


async def test_from_the_first_to_the_last_command(people: list[str], commands: Commands) -> None:
    of = partial(commands.run, "announcements", program=afresh)
    to = ("message.md", "--to", "people.txt", "--id", "news")
    code, output, error = await commands.run("announce", *to, "--dry-run")
    assert (code, error) == (0, "")
    assert "10 people" in output
    first = ("announce", *to, "--first", people[3])
    code, output, error = await commands.run(*first, program=afresh)
    assert (code, output.split()[:2]) == (0, ["news", "paused"])
    assert "blazebot announcements resume news" in error
    code, output, _ = await of("resume", "news", "--json")
    last = json.loads(output.splitlines()[-1])
    assert (code, last["state"], last["sent"], last["failed"]) == (3, "done", 9, 1)
    code, output, _ = await commands.run("announce", *to)  # there is nothing left to do
    assert (code, "9 sent" in output) == (3, True)
    code, output, _ = await of("retry", "news")
    assert (code, "1 failed" in output) == (3, True)
    code, output, _ = await of("list", "--json")
    assert [one["id"] for one in json.loads(output)["announcements"]] == ["news"]
    code, output, _ = await of("export", "news", "--json")
    outcomes = [json.loads(line)["outcome"] for line in output.splitlines()]
    assert sorted(outcomes) == ["failed", *["sent"] * 9] or "delivered" in outcomes
    code, output, _ = await of("recall", "news", "--json")
    assert json.loads(output.splitlines()[-1])["recalled"] == 9
    code, _, error = await commands.run("announcements", "resume", "news")
    assert (code, error) == (1, "blazebot: cannot resume announcement news: it is recalled\n")


async def test_bad_lines_are_told_and_with_strict_stop_it(
    people: list[str], commands: Commands
) -> None:
    lines = [people[0], "", "nobody", "x" * 10_000_000, people[1], people[0]]
    (commands.directory / "bad.txt").write_text("\n".join(lines))
    arguments = ("announce", "message.md", "--to", "bad.txt")
    code, output, error = await commands.run(*arguments, "--strict")
    assert (code, output) == (1, "")
    assert "nothing was sent, because of bad lines: line 2 is empty; line 3 is not" in error
    code, output, error = await commands.run(*arguments, "--json")
    assert (code, json.loads(output.splitlines()[-1])["sent"]) == (0, 2)
    assert error.splitlines() == [
        "blazebot: line 2 is empty",
        "blazebot: line 3 is not a user's id, a UUID: 'nobody'",
        "blazebot: line 4 has more than 64 KiB",
        "blazebot: line 6 is the same person as line 1",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.md", "--everyone"], "none.md cannot be read"),
        (["message.md", "--to", "none.txt"], "none.txt cannot be read"),
        (["message.md", "--to", "pipe"], "pipe is no file; save what it holds to one"),
        (["empty.md", "--everyone"], "empty.md: there is nothing in it to announce"),
        (["message.md", "--everyone", "--dry-run", "--id", " x"], "id: should be 1 to 100"),
        (["message.md", "--everyone", "--first", "me"], "should be a user's id, a UUID"),
    ],
)
async def test_what_cannot_be_is_told_in_a_line(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "message.md").write_text("# News")
    (tmp_path / "empty.md").write_text("\ufeff\n")
    os.mkfifo(tmp_path / "pipe")
    code, output, error = await nobodys(tmp_path).run("announce", *arguments)
    assert (code, output, error.count("\n")) == (1, "", 1)
    assert words in error


def nobodys(directory: Path) -> Commands:
    """Return the commands of a bot that no service knows."""
    keystore = issue_keystore("app", str(uuid4()), str(uuid4())).document
    return Commands(directory, "http://127.0.0.1:9", keystore)


async def test_ctrl_c_pauses_and_the_same_command_goes_on(commands: Commands) -> None:
    arguments = ("announce", "message.md", "--to", "people.txt", "--json")
    # With so small a quota six leave at once, and more only after seconds.
    process = await commands.start(*arguments, BLAZEBOT_QUOTA="60")
    assert process.stdout is not None
    async with asyncio.timeout(40):
        while json.loads(await process.stdout.readline())["sent"] == 0:
            pass
        process.send_signal(signal.SIGINT)
        _, error = await process.communicate()
    assert process.returncode == 130
    assert b"is paused; the same command goes on" in error
    code, output, _ = await commands.run(*arguments)
    assert (code, json.loads(output.splitlines()[-1])["sent"]) == (3, 9)


async def test_the_benchmark_counts_each_message_once() -> None:
    result = await run_announce(2_000, 1, limit=30.0)
    assert result.rate > 0
    assert result.ratio == pytest.approx(result.blazebot_us / result.floor_us, abs=0.02)


# Memory


MEASURED = """
import atexit, re, sys
from pathlib import Path
from blazebot.cli.main import app

def tell():
    status = Path("/proc/self/status").read_text()
    print(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1], file=sys.stderr)

atexit.register(tell)
app()
"""


def peak_mb(directory: Path, people: int) -> tuple[float, dict[str, Any]]:
    """Announce to so many people, one of them twice; return the peak of memory, and its words."""
    first = str(uuid4())
    with (directory / "many.txt").open("w") as file:
        file.writelines(f"{uuid4() if number else first}\n" for number in range(people))
        file.write(first)
    (directory / "message.txt").write_text("news")
    arguments = ("announce", "message.txt", "--to", "many.txt", "--no-wait", "--json")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments],
        cwd=directory,
        env={**os.environ, **nobodys(directory).environment},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert f"line {people + 1} is the same person as line 1" in done.stderr
    return int(done.stderr.split()[-1]) / 1024, json.loads(done.stdout)


LINUX = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")


@LINUX
def test_memory_does_not_grow_with_the_people(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.mkdir()
    large.mkdir()
    few, _ = peak_mb(small, 10_000)
    many, status = peak_mb(large, 100_000)
    assert status["total"] == 100_000  # the one who stands there twice counts once
    assert many < 120
    assert many - few < 40  # the part of the index that is at hand


@pytest.mark.soak
@LINUX
def test_a_million_people_in_under_150_mb(tmp_path: Path) -> None:
    peak, status = peak_mb(tmp_path, 1_000_000)
    assert status["total"] == 1_000_000
    assert peak < 150
