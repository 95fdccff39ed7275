"""Where TLS is asked for, nothing is said to a server that has none."""

from __future__ import annotations

import asyncio
import gc
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from bench.certificate import make_certificate
from blazebot.errors import EngineError
from blazebot.jetstream import connection
from blazebot.jetstream.connection import Client, connect
from tests.nats.fake_server import FakeNats
from tests.nats.servers import NatsNode, free_ports

PASSWORD = "hunter2"  # noqa: S105


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[str, ssl.SSLContext]:
    """A file with a certificate of this machine and its key, and a server's context with it."""
    path, context = make_certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(path.read_text() + (tmp_path / "key.pem").read_text())
    return str(both), context


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_RECONNECT_PAUSE", 0.01)


def context_file(folder: Path, port: int, scheme: str = "nats", **fields: Any) -> str:
    path = folder / "context.json"
    document = {"url": f"{scheme}://127.0.0.1:{port}", "user": "me", "password": PASSWORD}
    path.write_text(json.dumps(document | fields))
    return str(path)


async def test_without_tls_it_signs_in_where_no_tls_is_asked_for(tmp_path: Path) -> None:
    async with FakeNats() as server:
        client = await connect(context_file(tmp_path, server.port), name="test", within=5)
        await client.close()
    assert server.sign_in["pass"] == PASSWORD


@pytest.mark.parametrize("asks", ["tls", "ca", "cert"])
async def test_a_server_without_tls_is_told_nothing(
    asks: str, tmp_path: Path, certificate: tuple[str, ssl.SSLContext]
) -> None:
    path, _ = certificate
    scheme, fields = ("tls", {}) if asks == "tls" else ("nats", {asks: path})
    async with FakeNats({"auth_required": True, "nonce": "abc"}) as server:
        engine = context_file(tmp_path, server.port, scheme, **fields)
        with pytest.raises(EngineError, match="TLS is asked for") as caught:
            await connect(engine, name="test", within=0.2)
        assert server.refused.is_set()
    assert server.received == []
    assert PASSWORD not in str(caught.value)


async def test_an_address_alone_asks_for_tls() -> None:
    async with FakeNats() as server:
        engine = f"nats://127.0.0.1:{server.port},tls://me:{PASSWORD}@127.0.0.1:{server.port}"
        with pytest.raises(EngineError, match="TLS is asked for"):
            await connect(engine, name="test", within=0.2)
    assert server.received == []


async def test_the_next_server_is_told_nothing_either(
    tmp_path: Path, certificate: tuple[str, ssl.SSLContext]
) -> None:
    """Somebody takes the port of the server, while it is away."""
    path, tls = certificate
    stranger = {"tls_required": True, "connect_urls": ["127.0.0.1:1"]}
    async with FakeNats(stranger, tls=tls) as server:
        engine = context_file(tmp_path, server.port, ca=path)
        client = await connect(engine, name="test", within=5)
        try:
            assert server.sign_in["pass"] == PASSWORD
            assert client.discovered_servers == []  # what is said before TLS adds none
            server.info, server.tls = {}, None
            server.received.clear()
            server.refused.clear()
            server.cut()
            async with asyncio.timeout(10):
                await server.refused.wait()
            assert server.received == []
            server.info, server.tls = {"tls_available": True}, tls
            server.signed_in.clear()
            async with asyncio.timeout(10):
                await server.signed_in.wait()
            assert server.sign_in["pass"] == PASSWORD
        finally:
            await connection.close(client)


async def test_a_server_that_leaves_the_choice_is_asked_for_tls(
    tmp_path: Path, certificate: tuple[str, ssl.SSLContext]
) -> None:
    path, _ = certificate
    (port,) = free_ports(1)
    config = tmp_path / "nats.conf"
    files = f"cert_file: '{path}', key_file: '{path}', timeout: 5"
    config.write_text(f"tls: {{{files}}}\nallow_non_tls: true\n")
    node = NatsNode(tmp_path, port, ("-c", str(config), "-D", "--user", "me", "--pass", PASSWORD))
    await node.start()
    try:
        for fields in ({}, {"ca": path}):
            assert "TLS handshake complete" not in node.log
            engine = context_file(tmp_path, port, **fields)
            client = await connect(engine, name="test", within=10)
            await client.close()
        assert "TLS handshake complete" in node.log
    finally:
        await node.kill()


async def test_tls_may_come_first(tmp_path: Path, certificate: tuple[str, ssl.SSLContext]) -> None:
    path, tls = certificate
    async with FakeNats(tls=tls, handshake_first=True) as server:
        engine = context_file(tmp_path, server.port, ca=path, tls_first=True)
        client = await connect(engine, name="test", within=5)
        await client.close()
    assert server.sign_in["pass"] == PASSWORD


async def test_a_password_arrives_as_it_was_before_it_was_encoded() -> None:
    async with FakeNats() as server:
        engine = f"nats://m%40e:a%23b%2Fc%3Fd%2Ce%5Bf%3Ag%25h%C3%A9@127.0.0.1:{server.port}"
        client = await connect(engine, name="test", within=5)
        await client.close()
    assert (server.sign_in["user"], server.sign_in["pass"]) == ("m@e", "a#b/c?d,e[f:g%hé")


async def test_a_connection_lost_again_and_again_leaves_no_traceback() -> None:
    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: said.append(context["message"])
    )
    async with FakeNats(drops=10) as server:
        client = await connect(f"nats://127.0.0.1:{server.port}", name="test", within=5)
        async with asyncio.timeout(10):
            while server.drops or not client.is_connected:  # noqa: ASYNC110 - in the client
                await asyncio.sleep(0.01)
        await connection.close(client)
    gc.collect()  # what nobody has asked a task for is said when it goes
    assert said == []


async def test_a_client_that_overhears_the_end_is_ended_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As Python's own ``wait_for`` may make it (before 3.12)."""

    async def deaf(self: Client, *arguments: object, **options: object) -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            await asyncio.sleep(30)

    monkeypatch.setattr(Client, "connect", deaf)
    async with asyncio.timeout(10):
        with pytest.raises(EngineError, match="no connection"):
            await connect("nats://127.0.0.1:1", name="test", within=0.01)
