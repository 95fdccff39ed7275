"""The sandbox that commands are tried against."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest
import pytest_asyncio

from blazebot.testing.control import Control, People
from blazebot.testing.processes import running_sandbox
from tests.commands.box import Box


@pytest.fixture(scope="session")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a sandbox for all tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("sandbox")
    with running_sandbox(folder, settings={"check_signatures": "true"}) as sandbox:
        yield sandbox.url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box(sandbox_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    folder = tmp_path_factory.mktemp("tools")
    async with aiohttp.ClientSession() as http, People(http, sandbox_url) as people:
        box = Box(folder, sandbox_url, Control(http, sandbox_url), people, http)
        await box.run("bot", "Echo", "keystore.json", "--server", sandbox_url)
        box.keystore = json.loads((folder / "keystore.json").read_text())
        box.bot_id = box.keystore["app_id"]
        yield box
