"""The sandbox under the service's own names, to clients that have these compiled in."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from blazebot.sandbox.impersonation.tls import make_authority
from blazebot.sandbox.listeners import has_ipv6_loopback, port_words
from blazebot.wire.frames import CREATE_MESSAGE
from blazebot.wire.hosts import API_HOSTS, SERVICE_HOSTS
from blazebot.wire.ids import contact_conversation_id
from tests.command_line import forked
from tests.wire.impersonated import Impersonator, running
from tests.wire.sandbox_peers import DEADLINE, Box, new_id, text


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Impersonator]:
    """One for all that leave it as it is; it is not told to touch the hosts file."""
    directory = tmp_path_factory.mktemp("impersonator")
    (directory / "hosts").write_text("127.0.0.1 localhost\n")
    process = Impersonator(directory)
    async with running(process):
        yield process
    assert (directory / "hosts").read_text() == "127.0.0.1 localhost\n"


@pytest.fixture
async def box(sandbox: Impersonator, http: aiohttp.ClientSession) -> Box:
    """The usual listener, where people and bots are made."""
    return Box(f"{sandbox.url}/", http)


@pytest.fixture
async def client(sandbox: Impersonator) -> AsyncIterator[aiohttp.ClientSession]:
    async with sandbox.client() as session:
        yield session


async def test_a_bot_talks_under_each_name(box: Box, client: aiohttp.ClientSession) -> None:
    alice, bot = await box.person("Alice"), await box.bot()
    await box.befriend(alice, bot)
    for host in SERVICE_HOSTS:
        service = Box(f"https://{host}/", client)
        _, me = await service.rest(bot, "GET", "/me")
        assert me["data"]["user_id"] == bot.app_id
        said = await box.say(alice, f"to {host}", recipient_id=bot.app_id)
        async with service.line(bot) as line:
            while (await line.view())["message_id"] != said:
                pass
            answer = await line.request(
                CREATE_MESSAGE,
                {
                    "conversation_id": contact_conversation_id(bot.app_id, alice),
                    "message_id": new_id(),
                    "category": "PLAIN_TEXT",
                    "data_base64": text(f"from {host}"),
                },
            )
            assert answer.error is None
            await line.acknowledge(said)
    texts = [one["text"] for one in await box.sees(alice) if one["user_id"] == bot.app_id]
    assert texts == [f"from {host}" for host in SERVICE_HOSTS]


async def test_attachments_go_up_and_down_under_the_name_that_was_called(
    box: Box, client: aiohttp.ClientSession
) -> None:
    bot = await box.bot()
    for host in API_HOSTS:
        _, answer = await Box(f"https://{host}/", client).rest(bot, "POST", "/attachments")
        upload_url, view_url = answer["data"]["upload_url"], answer["data"]["view_url"]
        assert upload_url.startswith(f"https://{host}/upload/")
        assert view_url.startswith(f"https://{host}/view/")
        headers = {"Content-Type": "application/octet-stream", "x-amz-acl": "public-read"}
        async with client.put(upload_url, data=host.encode(), headers=headers) as uploaded:
            assert uploaded.status == 200
        async with client.get(view_url) as seen:
            assert await seen.read() == host.encode()


async def test_there_is_neither_page_nor_control_api(client: aiohttp.ClientSession) -> None:
    for host in SERVICE_HOSTS:
        for path in (
            "/",
            "/control",
            "/control/",
            "/control/health",
            "/control/people",
            "/control/socket",
            "/control/openapi.json",
            "/%63ontrol/health",
            "/oauth/authorize?client_id=x",
        ):
            for method in ("GET", "POST"):
                async with client.request(method, f"https://{host}{path}") as answer:
                    assert (answer.status, answer.content_type) == (202, "application/json")
                    assert (await answer.json())["error"]["code"] == 404
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await client.ws_connect("https://api.mixin.one/control/socket")


async def test_only_the_service_s_names_are_answered(
    sandbox: Impersonator, client: aiohttp.ClientSession
) -> None:
    url = "https://api.mixin.one/me"
    for host in ("127.0.0.1", "localhost", "", "mixin.one", "api.mixin.one.evil.example", "::1"):
        async with client.get(url, headers={"Host": host}) as answer:
            assert answer.status == 421, host
            assert "api.mixin.one" in await answer.text()
    for host in ("blaze.mixin.one", "API.mixin.one", "api.mixin.one:443", "api.mixin.one:8443"):
        # A library may send an Origin; no page can do harm without a token.
        headers = {"Host": host, "Origin": "http://localhost"}
        async with client.get(url, headers=headers) as answer:
            assert answer.status == 202, host
            assert (await answer.json())["error"]["code"] == 401


async def test_the_usual_listener_does_not_answer_to_these_names(
    sandbox: Impersonator, http: aiohttp.ClientSession
) -> None:
    for host in SERVICE_HOSTS:
        for path in ("/me", "/control/health"):
            async with http.get(sandbox.url + path, headers={"Host": host}) as answer:
                assert answer.status == 403


async def test_it_is_served_on_ipv6_too(sandbox: Impersonator) -> None:
    if not has_ipv6_loopback():
        return
    async with sandbox.client("::1") as client, client.get("https://api.mixin.one/me") as answer:
        assert answer.status == 202


async def test_who_was_not_told_does_not_trust_it(
    sandbox: Impersonator, client: aiohttp.ClientSession
) -> None:
    another = make_authority(SERVICE_HOSTS, now=datetime.now(UTC)).pem.decode()
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await client.get("https://api.mixin.one/me", ssl=ssl.create_default_context(cadata=another))
    async with client.get("https://api.mixin.one/me") as answer:
        assert answer.status == 202


async def test_a_fault_that_cuts_the_service_off_cuts_these_names_off_too(
    box: Box, client: aiohttp.ClientSession
) -> None:
    bot = await box.bot()
    service = Box("https://blaze.mixin.one/", client)
    async with service.line(bot) as line:
        await box.do("POST", "/faults", {"kind": "restart", "seconds": 1})
        await line.closed()
    with pytest.raises(aiohttp.ClientConnectorError):
        await service.connect(bot)
    async with asyncio.timeout(DEADLINE):
        while True:
            try:
                line = await service.connect(bot)
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.05)
            else:
                break
    await line.list_pending()
    await line.socket.close()


def pasted(shell: str) -> dict[str, str]:
    """What a shell has in its environment after these words."""
    ended = subprocess.run(["/bin/sh", "-euc", shell], capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in ended.stdout.splitlines() if "=" in line)


async def test_what_it_prints_can_be_pasted(tmp_path: Path) -> None:
    sandbox = Impersonator(tmp_path)
    async with running(sandbox):
        assert not sandbox.hosts.exists()  # without --apply it only says what to do
    shown = sandbox.log.rpartition("blazebot sandbox: ")[0].partition("#")[2]
    shell = f'sudo() {{ "$@"; }}\n#{shown}\nexec env'
    environment = pasted(shell)
    assert sandbox.exports.items() <= environment.items()
    lines = sandbox.hosts.read_text().splitlines()
    assert lines[0] == f"127.0.0.1 {' '.join(SERVICE_HOSTS)}"
    assert sandbox.exports["MIXIN_SDK_API_HOST"] == sandbox.url
    assert sandbox.exports["MIXIN_SDK_BLAZE_URL"] == f"ws{sandbox.url.removeprefix('http')}/"
    for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        assert Path(sandbox.exports[name]).is_relative_to(sandbox.ca_dir)


async def test_clients_are_told_to_trust_it_only_once(tmp_path: Path) -> None:
    told = []
    for _ in range(2):
        async with running(Impersonator(tmp_path)):
            told.append((tmp_path / "ca" / "authority.pem").read_bytes())
    assert told[0] == told[1]


async def test_under_sudo_it_says_who_can_read_what_it_wrote(tmp_path: Path) -> None:
    for mode, said in ((0o700, True), (0o755, False)):
        directory = tmp_path / str(mode)
        directory.mkdir()
        process = Impersonator(directory, environment={"SUDO_USER": "alice"})
        process.ca_dir.mkdir(mode=mode)
        async with running(process):
            assert ("Only root can read" in process.log) == said


def refused(folder: Path, *arguments: str) -> str:
    """What a sandbox says that does not start under these names."""
    ended = forked(folder, "sandbox", "--port", "0", "--impersonate", *arguments)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    return ended.stderr


def test_a_port_that_is_in_use_is_said_with_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = refused(tmp_path, "--tls-port", str(port), "--ca-dir", str(tmp_path / "ca"))
    assert re.search(rf"port {port} of 127.0.0.1 is in use.*--tls-port", words)


def test_a_port_that_is_not_allowed_is_said_with_the_ways_out() -> None:
    error = OSError(errno.EACCES, os.strerror(errno.EACCES))
    words = port_words("127.0.0.1", 443, "--tls-port", error)
    for way in ("as root", "ip_unprivileged_port_start=443", "above 1023 with --tls-port"):
        assert way in words


def test_an_authority_that_cannot_be_used_ends_the_start_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "ca").touch()
    words = refused(tmp_path, "--tls-port", "0", "--ca-dir", str(tmp_path / "ca"))
    assert "--ca-dir" in words
    assert words.count("\n") == 1
