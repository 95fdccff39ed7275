"""OAuth over a real socket: codes exchanged, calls on a person's behalf, signed answers."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from blazebot.client.calls import Calls
from blazebot.client.http import open_http
from blazebot.client.oauth import Authorization, code_challenge, exchange_code, new_verifier
from blazebot.client.user_client import UserClient
from blazebot.errors import (
    AnswerError,
    AuthorizationExpired,
    Forbidden,
    IntegrityError,
    RequestError,
    ServiceUnavailable,
    Unauthorized,
)
from blazebot.keys.tokens import request_hash, verify_token
from blazebot.wire.base64 import decode_base64, encode_base64

APP_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
USER_ID = "7d7ef298-9720-48c0-acb2-0c6a9b1748c1"
AUTHORIZATION_ID = "5f1b2c8e-6d36-4b6f-8f2a-1f1f4e0c9d11"
SECRET = hashlib.sha256(b"the app's").hexdigest()
CODE = "8ed31bbe5619174691a5a010d513a198"
BEARER = "issued.by.service"


class OAuthService:
    """Exchanges one code, knows who was authorised, and signs what it answers to them."""

    def __init__(self) -> None:
        self.url = ""
        self.key = Ed25519PrivateKey.generate()
        self.signing_key = self.key
        self.challenge = ""
        self.code = CODE
        self.granted: dict[str, Any] | None = None
        self.person_key: Ed25519PublicKey | None = None
        self.calls: list[str] = []
        self.signs = True
        self.tampers = False
        self.other_request = False
        self.gateway = False
        self.refusal: int | None = None

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.calls.append(f"{request.method} {request.raw_path}")
        if self.gateway:
            return web.Response(status=502, text="bad gateway")
        if request.path == "/oauth/token":
            assert "Authorization" not in request.headers
            return web.json_response(self.exchange(json.loads(body)))
        return self.answer(request, body)

    def exchange(self, asked: dict[str, Any]) -> dict[str, Any]:
        verifier = asked.get("code_verifier", "")
        fits = bool(verifier) and code_challenge(verifier) == self.challenge
        if asked["code"] != self.code or not (fits or asked.get("client_secret") == SECRET):
            return {"error": {"status": 202, "code": 20121, "description": "expired"}}
        self.code = ""
        if self.granted is not None:
            return {"data": self.granted}
        if "ed25519" not in asked:
            return {"data": {"scope": "PROFILE:READ", "access_token": BEARER}}
        self.person_key = Ed25519PublicKey.from_public_bytes(decode_base64(asked["ed25519"]))
        return {
            "data": {
                "scope": "PROFILE:READ PHONE:READ",
                "authorization_id": AUTHORIZATION_ID,
                "ed25519": encode_base64(self.key.public_key().public_bytes_raw()),
            }
        }

    def answer(self, request: web.Request, body: bytes) -> web.Response:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        if token != BEARER:
            assert self.person_key is not None
            claims = verify_token(
                token,
                public_key=self.person_key,
                now=time.time(),
                method=request.method,
                uri=request.raw_path,
                body=body,
            )
            assert (claims.iss, claims.aid) == (APP_ID, AUTHORIZATION_ID)
            assert (claims.scp, claims.uid) == ("PROFILE:READ PHONE:READ", "")
            assert claims.jti == request.headers["X-Request-Id"]
        document: dict[str, Any] = {"data": {"user_id": USER_ID, "full_name": "A"}}
        if self.refusal is not None:
            document = {"error": {"status": 202, "code": self.refusal, "description": "no"}}
        text = json.dumps(document).encode()
        headers = {"X-Request-Id": request.headers["X-Request-Id"]}
        if self.signs:
            uri = "/other" if self.other_request else request.raw_path
            claims_of_answer = {
                "jti": headers["X-Request-Id"],
                "sig": request_hash(request.method, uri, text),
            }
            headers["X-Integrity-Token"] = jwt.encode(claims_of_answer, self.signing_key, "EdDSA")
        if self.tampers:
            text = text.replace(b'"A"', b'"B"')
        return web.Response(body=text, headers=headers)


@pytest.fixture
async def service() -> AsyncIterator[OAuthService]:
    service = OAuthService()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield service
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_http() as session:
        yield session


@pytest.fixture
def calls(service: OAuthService, http: aiohttp.ClientSession) -> Calls:
    return Calls(http, urls=[service.url], timeout=5.0)


async def authorize(calls: Calls, *, bearer: bool = False) -> Authorization:
    return await exchange_code(calls, CODE, client_id=APP_ID, client_secret=SECRET, bearer=bearer)


def person(
    authorization: Authorization, service: OAuthService, http: aiohttp.ClientSession
) -> UserClient:
    return UserClient(authorization, http, urls=[service.url], timeout=5.0)


async def test_an_access_token(
    service: OAuthService, calls: Calls, http: aiohttp.ClientSession
) -> None:
    authorization = await authorize(calls, bearer=True)
    assert authorization.access_token == BEARER
    assert authorization.scopes == {"PROFILE:READ"}
    me = await person(authorization, service, http).me()
    assert (me.user_id, me.full_name) == (USER_ID, "A")


async def test_a_key_of_ones_own(
    service: OAuthService, calls: Calls, http: aiohttp.ClientSession
) -> None:
    authorization = await authorize(calls)
    assert authorization.access_token is None
    assert authorization.scopes == {"PROFILE:READ", "PHONE:READ"}
    me = await person(authorization, service, http).me()
    assert me.user_id == USER_ID
    kept = Authorization.load(authorization.document())
    assert (await person(kept, service, http).safe_me()).user_id == USER_ID


async def test_a_verifier_instead_of_the_secret(service: OAuthService, calls: Calls) -> None:
    verifier = new_verifier()
    service.challenge = code_challenge(verifier)
    with pytest.raises(AuthorizationExpired):
        await exchange_code(calls, CODE, client_id=APP_ID, verifier=new_verifier())
    authorization = await exchange_code(calls, CODE, client_id=APP_ID, verifier=verifier)
    assert authorization.keystore is not None


async def test_a_code_works_once_and_is_sent_once(service: OAuthService, calls: Calls) -> None:
    await authorize(calls)
    with pytest.raises(AuthorizationExpired):
        await authorize(calls)
    service.gateway = True
    with pytest.raises(ServiceUnavailable):
        await authorize(calls)
    assert service.calls == ["POST /oauth/token"] * 3


async def test_what_cannot_be_exchanged_does_not_leave(service: OAuthService, calls: Calls) -> None:
    with pytest.raises(RequestError, match="verifier"):
        await exchange_code(calls, CODE, client_id=APP_ID)
    with pytest.raises(RequestError, match="code"):
        await exchange_code(calls, "", client_id=APP_ID, client_secret=SECRET)
    with pytest.raises(RequestError, match="client_id"):
        await exchange_code(calls, CODE, client_id="me", client_secret=SECRET)
    assert service.calls == []


@pytest.mark.parametrize(
    "granted",
    [{"scope": "PROFILE:READ"}, {"authorization_id": AUTHORIZATION_ID, "ed25519": "AAAA"}],
)
async def test_an_answer_that_grants_nothing(
    service: OAuthService, calls: Calls, granted: dict[str, Any]
) -> None:
    service.granted = granted
    with pytest.raises(AnswerError, match="POST /oauth/token"):
        await authorize(calls)


async def test_answers_that_are_not_the_services(
    service: OAuthService, calls: Calls, http: aiohttp.ClientSession
) -> None:
    user = person(await authorize(calls), service, http)

    async def cause() -> str:
        with pytest.raises(IntegrityError) as caught:
            await user.me()
        return caught.value.cause

    service.tampers = True
    assert await cause() == "request"
    service.tampers, service.other_request = False, True
    assert await cause() == "request"
    service.other_request, service.signs = False, False
    assert await cause() == "missing"
    service.signs, service.signing_key = True, Ed25519PrivateKey.generate()
    assert await cause() == "signature"
    service.signing_key = service.key
    assert (await user.me()).user_id == USER_ID


async def test_refusals_are_signed_too_but_for_401(
    service: OAuthService, calls: Calls, http: aiohttp.ClientSession
) -> None:
    user = person(await authorize(calls), service, http)
    service.refusal = 403
    with pytest.raises(Forbidden):
        await user.friends()
    service.signs = False
    with pytest.raises(IntegrityError):
        await user.friends()
    service.refusal = 401
    with pytest.raises(Unauthorized):
        await user.me()


async def test_a_token_need_not_come_with_signed_answers(
    service: OAuthService, calls: Calls, http: aiohttp.ClientSession
) -> None:
    service.signs = False
    user = person(await authorize(calls, bearer=True), service, http)
    assert (await user.me()).user_id == USER_ID


@pytest.mark.parametrize("bearer", [True, False])
async def test_conversations_are_not_created_on_a_persons_behalf(
    service: OAuthService, calls: Calls, http: aiohttp.ClientSession, bearer: bool
) -> None:
    user = person(await authorize(calls, bearer=bearer), service, http)
    before = list(service.calls)
    for asking in (
        user.create_contact(USER_ID),
        user.create_group("Name", [USER_ID]),
        user.call("post", "/conversations/?a=b", {}),
    ):
        with pytest.raises(RequestError, match="the bot's own token"):
            await asking
    assert service.calls == before
