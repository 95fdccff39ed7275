"""Tokens, sessions and connections: who is let in, and who is sent away (sections 3, 6, 10)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import jwt
import pytest

from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import request_hash, sign_token
from tests.wire.sandbox_peers import Box, dial_raw, new_id, sandbox_here


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    async with sandbox_here() as box:
        yield box


async def refused_with(box: Box, token: str) -> str:
    """Dial with a token that is refused, and return the cause."""
    async with box.http.get(
        box.url,
        headers={
            "Authorization": f"Bearer {token}",
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        },
    ) as answer:
        assert answer.status == 401
        assert answer.headers["X-Server-Time"].isdigit()
        error = (await answer.json())["error"]
    assert error["code"] == 401
    cause: str = error["extra"]["cause"]
    return cause


def other_key(bot: Keystore, form: str) -> Keystore:
    """A keystore of the same session with another key."""
    return Keystore.load(issue_keystore(form, bot.app_id, bot.session_id).document)


async def test_each_bad_token_is_refused_with_its_cause(box: Box) -> None:
    bot, other = await box.bot(), await box.bot()
    now = time.time()

    def token(keystore: Keystore = bot, at: float = now, lifetime: int = 60) -> str:
        return sign_token(keystore, "GET", "/", now=at, lifetime=lifetime)

    claims = {"uid": bot.app_id, "sid": bot.session_id, "iat": now, "exp": now + 60}
    claims["sig"] = request_hash("GET", "/")
    stranger = issue_keystore("app", new_id(), new_id()).document
    mixed = issue_keystore("app", other.app_id, bot.session_id).document
    bad = {
        "": "malformed",
        "x.y.z": "malformed",
        jwt.encode(claims, "", algorithm="none"): "algorithm",
        jwt.encode(claims, "0" * 32, algorithm="HS256"): "algorithm",
        token(other_key(bot, "rsa")): "algorithm",
        token(other_key(bot, "app")): "signature",
        token(Keystore.load(stranger)): "session",
        token(Keystore.load(mixed)): "session",
        token(at=now - 120): "expired",
        token(at=now - 330, lifetime=3600): "clock",
        token(at=now + 330): "clock",
        sign_token(bot, "GET", "/me", now=now): "request",
        sign_token(bot, "GET", "/", b"x", now=now): "request",
    }
    for refused, cause in bad.items():
        assert await refused_with(box, refused) == cause
    for fine in (token(), token(at=now - 290, lifetime=3600), token(at=now + 290)):
        await (await box.dial(fine)).close()
    state = await box.do("GET", f"/bots/{bot.app_id}")
    assert (state["connections"], state["wrong_signatures"]) == (3, 2)


async def test_the_token_clock_can_be_put_off(box: Box) -> None:
    bot = await box.bot()
    clocks = await box.do("POST", "/clocks", {"token_offset": 400})
    assert clocks["retention_offset"] == 0
    assert await refused_with(box, sign_token(bot, "GET", "/", now=time.time())) == "clock"
    answer, body = await box.rest(bot, "GET", "/me")
    assert (answer.status, body["error"]["code"]) == (202, 401)
    assert int(answer.headers["X-Server-Time"]) / 1e9 == pytest.approx(time.time() + 400, abs=5)
    await box.do("POST", "/clocks", {"token_offset": 0})
    async with box.line(bot):
        pass


async def test_every_form_of_a_keystore_gets_in(box: Box) -> None:
    for form in ("rsa", "ed25519", "app", "network-user"):
        async with box.line(await box.bot(form)):
            pass


async def test_a_repeated_token_is_counted_or_refused(box: Box) -> None:
    bot = await box.bot()
    token = sign_token(bot, "GET", "/", now=time.time())
    for _ in range(2):
        await (await box.dial(token)).close()
    assert (await box.do("GET", f"/bots/{bot.app_id}"))["repeated_tokens"] == 1
    async with sandbox_here(strict_tokens=True) as strict:
        bot = await strict.bot()
        token = sign_token(bot, "GET", "/", now=time.time())
        await (await strict.dial(token)).close()
        assert await refused_with(strict, token) == "reused"


async def test_a_wrong_sig_can_be_let_pass() -> None:
    async with sandbox_here(check_signatures=False) as box:
        bot = await box.bot()
        await (await box.dial(sign_token(bot, "GET", "/ws", now=time.time()))).close()
        assert (await box.do("GET", f"/bots/{bot.app_id}"))["wrong_signatures"] == 1
        assert await refused_with(box, sign_token(other_key(bot, "app"), "GET", "/", now=0))


async def test_subprotocols_are_echoed(box: Box) -> None:
    bot = await box.bot()
    for offered in ("Mixin-Blaze-1", "MixinBot-Blaze-1"):
        socket = await box.dial(sign_token(bot, "GET", "/", now=time.time()), (offered,))
        assert socket.protocol == offered
        assert not socket.compress
        await socket.close()
    socket = await box.dial(sign_token(bot, "GET", "/", now=time.time()), ())
    assert socket.protocol is None
    await socket.close()


async def test_a_new_session_ends_the_old_one(box: Box) -> None:
    bot = await box.bot("rsa")
    async with box.line(bot) as line:
        newer = await box.new_session(bot.app_id, "ed25519")
        frame = await line.pushed()
        assert frame.action == "ERROR"
        assert frame.error is not None
        assert frame.error.code == 401
        assert await line.closed() == aiohttp.WSCloseCode.POLICY_VIOLATION
    assert await refused_with(box, sign_token(bot, "GET", "/", now=time.time())) == "session"
    _, answer = await box.rest(bot, "GET", "/me")
    assert answer["error"]["code"] == 401
    async with box.line(newer):
        state = await box.do("GET", f"/bots/{bot.app_id}")
        assert (state["connected"], state["session_id"]) == (True, newer.session_id)


async def test_the_newer_connection_wins(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    async with box.line(bot) as older, box.line(bot) as newer:
        assert await older.closed() == aiohttp.WSCloseCode.POLICY_VIOLATION
        await box.befriend(alice, bot)
        await newer.view()
        state = await box.do("GET", f"/bots/{bot.app_id}")
        assert (state["connected"], state["connections"]) == (True, 2)


async def test_or_the_older_one_if_it_is_so_assumed() -> None:
    async with sandbox_here(newer_connection_wins=False) as box:
        bot = await box.bot()
        async with box.line(bot) as older, box.line(bot, listing=False) as newer:
            assert await newer.closed() == aiohttp.WSCloseCode.POLICY_VIOLATION
            await older.list_pending()


async def test_the_sandbox_pings_and_answers_pings() -> None:
    async with sandbox_here(heartbeat=0.05) as box:
        bot = await box.bot()
        socket = await box.http.ws_connect(
            box.url,
            headers={"Authorization": f"Bearer {sign_token(bot, 'GET', '/', now=time.time())}"},
            autoping=False,
        )
        async with asyncio.timeout(5):
            assert (await socket.receive()).type is aiohttp.WSMsgType.PING
            await socket.ping(b"are you there")
            while (answer := await socket.receive()).type is aiohttp.WSMsgType.PING:
                pass
        assert (answer.type, answer.data) == (aiohttp.WSMsgType.PONG, b"are you there")
        await socket.close()


async def test_a_line_without_a_sign_of_life_is_dropped() -> None:
    async with sandbox_here(heartbeat=0.05, silence_limit=0.2) as box:
        bot = await box.bot()
        token = sign_token(bot, "GET", "/", now=time.time())
        silent = await box.http.ws_connect(
            box.url, headers={"Authorization": f"Bearer {token}"}, autoping=False
        )
        async with asyncio.timeout(5):
            while (await silent.receive()).type is aiohttp.WSMsgType.PING:
                pass
        assert silent.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
        await silent.close()


async def test_a_peer_that_does_not_read_cannot_hold_its_line(box: Box) -> None:
    alice, bot = await box.person(), await box.bot()
    words = "x" * 100_000
    async with box.driver() as driver:
        for _ in range(10):
            message = {"person_id": alice, "recipient_id": bot.app_id, "text": words}
            await driver.data("send", messages=[message] * 10)
    _, writer = await dial_raw(box.url, "/", sign_token(bot, "GET", "/", now=time.time()))
    async with box.line(bot) as newer:  # the older one is sent away though it does not listen
        await newer.view()
        assert (await box.do("GET", f"/bots/{bot.app_id}"))["connected"]
    writer.close()


async def test_the_token_that_opened_a_line_opens_the_next(box: Box) -> None:
    """Shipped clients reuse it when they connect again, however old it is by then [C]."""
    bot = await box.bot()
    began = time.time() - 290
    token = sign_token(bot, "GET", "/", now=began, lifetime=3600)
    await (await box.dial(token)).close()
    await box.do("POST", "/clocks", {"token_offset": 60})  # it is 350 s old by now
    await (await box.dial(token)).close()
    newer = sign_token(bot, "GET", "/", now=began, lifetime=3600)
    assert await refused_with(box, newer) == "clock"
    await box.do("POST", "/clocks", {"token_offset": 4000})
    assert await refused_with(box, token) == "clock"  # and expired
    async with sandbox_here(lines_reopen=False) as strict:
        bot = await strict.bot()
        token = sign_token(bot, "GET", "/", now=began, lifetime=3600)
        await (await strict.dial(token)).close()
        await strict.do("POST", "/clocks", {"token_offset": 60})
        assert await refused_with(strict, token) == "clock"
