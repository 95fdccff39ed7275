"""The tutorial is followed to the letter, page by page, in one folder, by one reader.

What a page's fenced blocks mean:

- with a ``title`` that is a file's name: that file is written;
- ``console``, with the title of a terminal: what follows ``$`` is run there, ``^C`` ends it, and
  all else is what the terminal shows then, where ``...`` is anything. A name such as ``BOT_ID`` is
  found out where it is first shown. A command runs on beside the others until it ends;
- ``talk``: what people say in the Messenger, and what they are answered;
- ``sh`` and ``ini``: for another time or machine, and not run.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import aiohttp
import pytest

from blazebot.testing.control import Control, People
from blazebot.testing.processes import Process
from tests.commands.talks import Talk

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial"
PAGES = ("sandbox", "echo", "states", "announcement", "production")
WITHIN = 20.0
PORTS = ("7777", "9464")  # free ones stand in for them: others may use these
NOT_RUN = ("sh", "ini")
INTERRUPTED = {0, 130, -signal.SIGINT.value}

_BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"\b[A-Z]+_ID\b")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str
    text: str


@dataclass(frozen=True)
class Step:
    """What is typed in a terminal, and what it shows then."""

    typed: str
    shown: tuple[str, ...]


def blocks(page: str) -> list[Block]:
    """Return the fenced blocks of a page; each of its fences is one of theirs."""
    found = [Block(*match.groups(default="")) for match in _BLOCK.finditer(page)]
    assert 2 * len(found) == len(re.findall(r"^```", page, re.MULTILINE))
    return found


def steps(text: str) -> list[Step]:
    """Return what is done in a terminal, in order."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line == "^C" or line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        else:
            found[-1][1].append(line)
    return [Step(typed, tuple(shown)) for typed, shown in found]


def pattern(shown: tuple[str, ...], known: dict[str, str]) -> str:
    """Return the pattern of what a terminal shows; names that are not ``known`` are its groups."""
    new: set[str] = set()

    def one(line: str) -> Iterator[str]:
        for word in re.split(rf"(\.\.\.|{_NAME.pattern})", line):
            if word == "...":
                yield ".*"
            elif not _NAME.fullmatch(word):
                yield re.escape(word)
            elif word in known:
                yield re.escape(known[word])
            elif word in new:
                yield f"(?P={word})"
            else:
                new.add(word)
                yield rf"(?P<{word}>[\w-]+)"

    lines = [r"(?:.*\n)*?" if line == "..." else "".join(one(line)) + r"\n" for line in shown]
    return "".join(lines)


class Terminal:
    """Where commands run, one after another; what they show goes to ``log``."""

    def __init__(self, log: Path, environment: dict[str, str]) -> None:
        self._log = log
        self._environment = environment
        self._process: Process | None = None
        self._command = ""

    async def type(self, command: str) -> None:
        """Run a command once the one before has ended, which it does well."""
        await self._until_ended({0})
        self._log.unlink(missing_ok=True)
        self._command = command
        bash = ["/bin/bash", "-c", f"exec {command}"]
        self._process = Process(bash, log=self._log, environment=self._environment)
        await self._process.start()

    async def interrupt(self) -> None:
        """Press Ctrl-C."""
        assert self._process is not None
        assert self._process.is_running, self._report("has ended")
        self._process.send_signal(signal.SIGINT)
        await self._until_ended(INTERRUPTED)

    async def until_shown(self, wanted: str, *, again: bool) -> dict[str, str]:
        """Wait until the command has shown what is wanted; return what it named.

        With ``again`` it is given once more where it has shown something else.
        """
        assert self._process is not None
        deadline = time.monotonic() + WITHIN
        while True:
            has_ended = not self._process.is_running
            if found := re.search(wanted, self._process.log):
                return found.groupdict()
            if time.monotonic() > deadline or (has_ended and not again):
                pytest.fail(self._report(f"should show\n{wanted}"))
            if has_ended:
                await self.type(self._command)
            await asyncio.sleep(0.02)

    async def _until_ended(self, statuses: set[int]) -> None:
        if self._process is None:
            return
        try:
            async with asyncio.timeout(WITHIN):
                status = await self._process.wait()
        except TimeoutError:
            pytest.fail(self._report("does not end"))
        assert status in statuses, self._report(f"ends with {status}")

    def _report(self, words: str) -> str:
        shown = self._process.log if self._process else ""
        return f"$ {self._command}\n{words}; it has shown\n{shown}"

    async def close(self) -> None:
        """End what still runs."""
        if self._process is not None:
            await self._process.kill()


class Reader:
    """Who follows the tutorial in ``folder``: does as it says, and sees whether it is right."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self._url = f"http://127.0.0.1:{self._ports[PORTS[0]]}"
        self._terminals: dict[str, Terminal] = {}
        self._known: dict[str, str] = {}
        self._talk: Talk | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()
        for terminal in self._terminals.values():
            await terminal.close()

    async def follow(self, block: Block) -> None:
        """Do what a block of a page says."""
        text = block.text
        for port, free in self._ports.items():
            text = text.replace(port, free)
        if block.language == "console":
            for step in steps(text):
                await self._do(self._terminal(block.title), step)
        elif block.language == "talk":
            self._talk = self._talk or await self._begin_talk()
            await self._talk.play(text)
        elif block.title:
            (self._folder / block.title).write_text(text)
        else:
            assert block.language in NOT_RUN, block

    async def _do(self, terminal: Terminal, step: Step) -> None:
        if step.typed == "^C":
            await terminal.interrupt()
            return
        command = _NAME.sub(lambda name: self._known[name[0]], step.typed)
        if command.startswith(("blazebot bot ", "blazebot sandbox log")):
            command += f" --server {self._url}"  # they look at port 7777 unless told otherwise
        await terminal.type(command)
        # Whom a bot has just met it writes down within half a second: readers are not so quick.
        again = "--dry-run" in command
        self._known |= await terminal.until_shown(pattern(step.shown, self._known), again=again)

    async def _begin_talk(self) -> Talk:
        http = await self._open.enter_async_context(aiohttp.ClientSession())
        people = await self._open.enter_async_context(People(http, self._url))
        return Talk(Control(http, self._url), people, self._known["BOT_ID"])

    def _terminal(self, title: str) -> Terminal:
        if title not in self._terminals:
            environment = {
                "BLAZEBOT_DATA_DIR": str(self._folder / "data"),
                "BLAZEBOT_SANDBOX_PORT": self._ports[PORTS[0]],
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
                "PYTEST_ADDOPTS": "-p no:schemathesis",  # which readers need not have
                "PYTHONUNBUFFERED": "1",
            }
            log = self._folder / f"{title.lower().replace(' ', '-')}.log"
            self._terminals[title] = Terminal(log, environment)
        return self._terminals[title]


def free_ports(count: int) -> list[str]:
    """Return ports that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        return [str(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


async def test_the_tutorial_works_to_the_letter(tmp_path: Path) -> None:
    async with Reader(tmp_path) as reader:
        for page in PAGES:
            for block in blocks((TUTORIAL / f"{page}.md").read_text()):
                await reader.follow(block)
    assert {path.stem for path in TUTORIAL.glob("*.md") if "." not in path.stem} == set(PAGES)


def test_what_a_terminal_shows_is_compared() -> None:
    shown = ("bot Tea (BOT_ID): keystore.json", "...", "... BOT_ID open")
    wanted = pattern(shown, {})
    said = "bot Tea (12-ab): keystore.json\nmore\nand more\nline of 12-ab open\n"
    found = re.search(wanted, said)
    assert found is not None
    assert found.groupdict() == {"BOT_ID": "12-ab"}
    assert re.search(wanted, said.replace("of 12-ab", "of 13-ab")) is None
    assert re.search(wanted, said.replace("open", "closed")) is None
    assert re.search(pattern(shown, {"BOT_ID": "another"}), said) is None


def test_a_console_is_read_by_step() -> None:
    assert steps("$ run it\nit runs\n^C\n$ again\n") == [
        Step("run it", ("it runs",)),
        Step("^C", ()),
        Step("again", ()),
    ]
