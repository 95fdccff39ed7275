"""What signs in to NATS is in nothing that gateways and workers write, logs at DEBUG included."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from blazebot.testing.control import Control, People
from blazebot.testing.processes import SandboxProcess
from tests.nats.fleet import ECHO, ROOT, Fleet
from tests.nats.servers import NatsServers
from tests.wire.secret_search import leaks, log_all, secrets_in

USER = "user-that-nobody-is-told"
PASSWORD = "password-that-nobody-is-told"  # noqa: S105


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """One bot on a NATS that asks for user and password, whose processes log all they can."""
    folder = tmp_path / "seen"
    folder.mkdir()
    servers = NatsServers(folder / "nats", 1, ("--user", USER, "--pass", PASSWORD))
    servers.url = servers.url.replace("nats://", f"nats://{USER}:{PASSWORD}@")
    sandbox = SandboxProcess(folder)
    try:
        await servers.start()
        await sandbox.start()
        async with aiohttp.ClientSession() as http, People(http, sandbox.url) as people:
            fleet = Fleet(folder, servers, sandbox, Control(http, sandbox.url), people)
            fleet.environment["PYTHONPATH"] = f"{log_all(tmp_path / 'debug')}:{ROOT}"
            await fleet.prepare(ECHO.replace("max_tries=3", "max_tries=1"), 0.0)
            yield fleet
            await fleet.close()
    finally:
        await sandbox.stop()
        await servers.stop()


async def test_no_secret_of_a_bot_on_nats_is_written_anywhere(fleet: Fleet, tmp_path: Path) -> None:
    """The gateway is told by an address, the worker by a context file."""
    context = tmp_path / "context.json"
    address = fleet.nats.url.replace(f"{USER}:{PASSWORD}@", "")
    context.write_text(json.dumps({"url": address, "user": USER, "password": PASSWORD}))
    gateway, worker = fleet.gateway("gateway"), fleet.worker("worker", "--engine", str(context))
    await gateway.start()
    await worker.start()
    (person,) = await fleet.greeted(1)
    await fleet.say({person: ["poison", "after it"]})
    await fleet.until(lambda: fleet.echoes(person) == ["after it"], 30)
    shown = await fleet.command("dead-letters", "list", "--json")
    assert len(json.loads(shown.splitlines()[-1])["dead_letters"]) == 1
    for process in (gateway, worker):
        assert await process.stop() == 0, process.log
    keystore = fleet.folder / "bot.json"
    secrets = secrets_in(json.loads(keystore.read_text())) | {PASSWORD.encode(), USER.encode()}
    keystore.unlink()
    assert leaks(fleet.folder, secrets) == []
    (fleet.folder / "planted").write_text(f"connecting to {fleet.nats.url}")
    assert leaks(fleet.folder, secrets) != []
