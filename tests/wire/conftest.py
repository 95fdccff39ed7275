"""A real sandbox process, people in it, and bots in the test's own loop."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blazebot import Bot
from blazebot.keys.issue import issue_keystore
from blazebot.testing.control import Control, People
from blazebot.testing.processes import SandboxProcess
from tests.wire.world import MakeBot, World

APP_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
SESSION_ID = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"


@pytest.fixture
def make_bot(tmp_path: Path) -> MakeBot:
    """Make a bot with a data directory of its own; without a keystore it gets any."""

    def make(server: str, keystore: Mapping[str, Any] | None = None, **settings: Any) -> Bot:
        document = keystore or issue_keystore("app", APP_ID, SESSION_ID).document
        return Bot(
            json.dumps(dict(document)),
            server=server,
            data_dir=str(tmp_path / "data"),
            **{"receipt_delay": 0.01, **settings},
        )

    return make


class Logged(logging.Handler):
    """Waits for a line in the log."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._news = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())
        self._news.set()

    async def until(self, words: str) -> None:
        """Return when a line with ``words`` has been logged."""
        async with asyncio.timeout(20):
            while not any(words in line for line in self._lines):
                self._news.clear()
                await self._news.wait()


@pytest.fixture
def logged() -> Iterator[Logged]:
    """What ``blazebot`` logs."""
    handler = Logged()
    logging.getLogger("blazebot").addHandler(handler)
    yield handler
    logging.getLogger("blazebot").removeHandler(handler)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxProcess]:
    """A sandbox that is restarted at will, and refuses a wrong ``sig``."""
    process = SandboxProcess(tmp_path, environment={"BLAZEBOT_SANDBOX_CHECK_SIGNATURES": "true"})
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def control(http: aiohttp.ClientSession, sandbox: SandboxProcess) -> Control:
    return Control(http, sandbox.url)


@pytest.fixture
async def people(http: aiohttp.ClientSession, sandbox: SandboxProcess) -> AsyncIterator[People]:
    async with People(http, sandbox.url) as watching:
        yield watching


@pytest.fixture
def world(sandbox: SandboxProcess, control: Control, people: People, make_bot: MakeBot) -> World:
    return World(sandbox, control, people, make_bot)
