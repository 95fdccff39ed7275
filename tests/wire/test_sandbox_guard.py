"""Host, Origin and the start-up token: who may speak to a sandbox at all."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from blazebot.sandbox import SandboxSettings
from blazebot.sandbox.guard import Guard
from tests.wire.sandbox_peers import Box, new_id, sandbox_here

PATHS = ("", "me", "control/health", "control/socket", "control/people")


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here(allow_hosts=("api.mixin.one",)) as box:
        yield box


async def status(box: Box, path: str, **headers: str) -> int:
    async with box.http.get(box.url + path, headers=headers) as answer:
        return answer.status


@pytest.mark.parametrize("path", PATHS)
async def test_a_foreign_host_or_origin_is_refused(box: Box, path: str) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:7777"},
        {"Host": "localhost@evil.example"},
        {"Host": ""},
        {"Host": "10.0.0.1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1.evil.example"},
        {"Origin": "file://"},
        {"Origin": "http://["},
    ):
        assert await status(box, path, **headers) == 403, headers
    own = box.url.rstrip("/")
    for headers in (
        {},
        {"Host": "localhost:1"},
        {"Host": "[::1]:7777"},
        {"Host": "LOCALHOST"},
        {"Host": "api.mixin.one"},
        {"Host": "api.mixin.one", "Origin": "https://api.mixin.one"},
        {"Origin": own},
        {"Origin": "http://localhost:3000"},
    ):
        assert await status(box, path, **headers) != 403, headers


async def test_a_refusal_says_what_to_do(box: Box) -> None:
    async with box.http.get(f"{box.url}me", headers={"Host": "bots.example"}) as answer:
        assert "--allow-host bots.example" in await answer.text()


async def test_beyond_loopback_the_control_api_needs_the_token() -> None:
    async with sandbox_here(host="0.0.0.0", token="open-sesame") as box:  # noqa: S104, S106
        box.url = box.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        for path in ("control/health", "control", "control/no/such/thing", "%63ontrol/health"):
            assert await status(box, path) == 403
            assert await status(box, path, Authorization="Bearer open-sesam") == 403
            assert await status(box, f"{path}?token=x") == 403
            assert await status(box, path, Authorization="Bearer open-sesame") != 403
            assert await status(box, f"{path}?token=open-sesame") != 403
        assert await status(box, "me") == 202  # a bot shows its own token
        assert await status(box, "me", Host="evil.example") == 403


def test_an_address_cannot_be_rebound_but_a_name_can() -> None:
    guard = Guard("0.0.0.0", allow_hosts=("box.lan",), token=new_id())  # noqa: S104
    for host in ("192.0.2.7:7777", "[2001:db8::1]", "box.lan:80", "127.0.0.1"):
        assert guard.complaint(host, None) is None
        assert guard.complaint(host, f"http://{host}") is None
        assert guard.complaint(host, "http://localhost") is not None
    assert guard.complaint("evil.example", None) is not None
    assert not guard.admits_control(None, None)
    assert not guard.admits_control("Bearer ", "")


def test_the_token_is_in_no_repr() -> None:
    settings = SandboxSettings(token="open-sesame")  # noqa: S106
    assert "open-sesame" not in repr(settings)
    assert "port=7777" in repr(settings)
