"""A real sandbox process, people in it, and bots in the test's own loop."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blazebot import Bot
from blazebot.keys.issue import issue_keystore
from blazebot.testing.control import Control, People
from blazebot.testing.processes import SandboxProcess, running_sandbox
from tests.wire.world import WITHIN, MakeBot, World

APP_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
SESSION_ID = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"
SETTINGS: dict[str, object] = {"check_signatures": "true"}


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


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "sandbox(whose, **settings): 'shared' with other tests, which saves its start, or 'own'",
    )


@pytest.fixture(scope="session")
def process_for_all(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., SandboxProcess]]:
    """Sandboxes that live as long as the tests do, for those that leave them as they are.

    There is one for all tests that want the same settings.
    """
    with ExitStack() as stack:

        @cache
        def with_settings(**settings: object) -> SandboxProcess:
            directory = tmp_path_factory.mktemp("sandbox")
            return stack.enter_context(running_sandbox(directory, settings=settings))

        yield with_settings


def settings_of(test: pytest.Item) -> dict[str, object]:
    """The settings of a test's sandbox: the usual ones, and those that its marker names."""
    marker = test.get_closest_marker("sandbox")
    return SETTINGS | dict(marker.kwargs if marker else {})


@pytest.fixture
def shared_process(request: pytest.FixtureRequest) -> SandboxProcess | None:
    """The sandbox for all, if the test shares it."""
    marker = request.node.get_closest_marker("sandbox")
    if marker is None or marker.args == ("own",):
        return None
    process: SandboxProcess = request.getfixturevalue("process_for_all")(
        **settings_of(request.node)
    )
    return process


@pytest.fixture
async def sandbox(
    request: pytest.FixtureRequest,
    shared_process: SandboxProcess | None,
    tmp_path: Path,
    http: aiohttp.ClientSession,
) -> AsyncIterator[SandboxProcess]:
    """A sandbox that refuses a wrong ``sig``; one that is not shared is restarted at will."""
    if shared_process is not None:
        yield shared_process
        control = Control(http, shared_process.url, patience=WITHIN)
        await control.clear_faults()
        await control.call("POST", "/clocks", {"retention_offset": 0.0, "token_offset": 0.0})
        return
    environment = {
        f"BLAZEBOT_SANDBOX_{name.upper()}": str(value)
        for name, value in settings_of(request.node).items()
    }
    process = SandboxProcess(tmp_path, environment=environment)
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
