"""What signs in to NATS is in nothing that gateways and workers write, logs at DEBUG included."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bench.certificate import make_certificate
from blazebot.errors import EngineError
from blazebot.jetstream.connection import connect
from blazebot.testing.control import Control, People
from blazebot.testing.processes import SandboxProcess
from tests.nats.fleet import ECHO, ROOT, Fleet
from tests.nats.servers import NatsServers
from tests.wire.secret_search import all_forms, leaks, log_all, secrets_in

USER = "user-that-nobody-is-told"
PASSWORD = "password-that-nobody-is-told"  # noqa: S105
TOKEN = "token-that-nobody-is-told"  # noqa: S105


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
    secrets = secrets_in(json.loads(keystore.read_text())) | all_forms(PASSWORD, USER)
    keystore.unlink()
    assert leaks(fleet.folder, secrets) == []
    (fleet.folder / "planted").write_text(f"connecting to {fleet.nats.url}")
    assert leaks(fleet.folder, secrets) != []


def certified(folder: Path) -> tuple[str, str]:
    """Return a file with a certificate of this machine and its key, and that key."""
    folder.mkdir()
    certificate, _ = make_certificate(folder)
    key = (folder / "key.pem").read_text()
    both = folder / "tls.pem"
    both.write_text(key + certificate.read_text())
    return str(both), key


async def test_a_token_and_a_client_key_are_not_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither where they are taken nor where they are refused."""
    caplog.set_level(logging.DEBUG)
    certificate, key = certified(tmp_path / "one")
    other, other_key = certified(tmp_path / "other")
    tls = ("--tlsverify", "--tlscert", certificate, "--tlskey", certificate)
    servers = NatsServers(tmp_path / "seen", 1, (*tls, "--tlscacert", certificate, "--auth", TOKEN))
    (node,) = servers.nodes
    good = {"url": servers.url, "ca": certificate, "cert": certificate, "token": TOKEN}
    context = tmp_path / "context.json"
    await node.start()
    try:
        async with asyncio.timeout(10):
            while "Server is ready" not in node.log:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.01)
        context.write_text(json.dumps(good))
        client = await connect(str(context), name="test", within=10)
        told = [repr(client)]
        await client.close()
        for wrong in ({"token": TOKEN + "!"}, {"cert": other}, {"key": other}):
            context.write_text(json.dumps(good | wrong))
            with pytest.raises(EngineError) as caught:
                await connect(str(context), name="test", within=0.5)
            told.append(f"{caught.getrepr()} {caught.value!r}")
    finally:
        await servers.stop()
    (tmp_path / "seen" / "told.txt").write_text("\n".join((*told, caplog.text)))
    secrets = all_forms(
        TOKEN, *(line for one in (key, other_key) for line in one.splitlines()[1:-1])
    )
    assert "Authorization Violation" in (tmp_path / "seen" / "told.txt").read_text()
    assert leaks(tmp_path / "seen", secrets) == []
