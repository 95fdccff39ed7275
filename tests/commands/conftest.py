"""The sandbox that commands are tried against."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from blazebot.testing.control import Control, People
from blazebot.testing.processes import SandboxProcess
from tests.commands.box import Box
from tests.commands.test_commands import blazebot


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Box]:
    folder = tmp_path_factory.mktemp("tools")
    process = SandboxProcess(folder, environment={"BLAZEBOT_SANDBOX_CHECK_SIGNATURES": "true"})
    await process.start()
    async with aiohttp.ClientSession() as http, People(http, process.url) as people:
        box = Box(folder, process.url, Control(http, process.url), people, http)
        await blazebot(folder, "bot", "Echo", "keystore.json", "--server", process.url)
        box.keystore = json.loads((folder / "keystore.json").read_text())
        box.bot_id = box.keystore["app_id"]
        yield box
    await process.stop()
