"""A sandbox in this process, with people and bots in it, that inputs are sent to."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final, cast

import aiohttp
import msgspec
from yarl import URL

from blazebot.client.calls import Calls
from blazebot.client.oauth import exchange_code
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import sign_token
from blazebot.sandbox.server import Sandbox
from blazebot.sandbox.settings import SandboxSettings
from blazebot.testing.control import Control
from fuzz.choices import Choices
from fuzz.watch import Watch, check, check_shows_none

_CHALLENGE: Final = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
_VERIFIER: Final = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
"""Of the appendix of RFC 7636."""

SERVER_ERRORS: Final = (500, 7000, 7001)

UNREADABLE: Final = ("400, message:",)
"""What aiohttp logs of requests that are no HTTP, or not encoded as they say."""


class Served:
    """A sandbox at ``url``; ``ids`` are those of what is in it, by kind.

    ``keystore`` is that of a bot whose session stays; ``keystores`` are all that sign.
    """

    def __init__(self, sandbox: Sandbox, http: aiohttp.ClientSession, watch: Watch) -> None:
        self.sandbox = sandbox
        self.url = sandbox.url.rstrip("/")
        self.http = http
        self.watch = watch
        self.control = Control(http, sandbox.url)
        self.ids: dict[str, list[str]] = {}
        self.operations: list[tuple[str, str, dict[str, Any]]] = []
        self.schemas: dict[str, Any] = {}

    async def settle(self) -> None:
        """Put people, bots and what they have said into it."""
        control = self.control
        alice, bob = [await control.create_person(name) for name in ("Alice", "Bob")]
        bot, other = [await control.create_bot(name) for name in ("Bot", "Other")]
        documents = [await control.issue_session(one, "app") for one in (bot, other)]
        self.keystore, second = [Keystore.load(one) for one in documents]
        talk = await control.call("POST", f"/people/{alice}/friends", {"user_id": bot})
        message = await control.call(
            "POST", f"/people/{alice}/messages", {"recipient_id": bot, "text": "Hi"}
        )
        everybody = {"creator_id": alice, "participants": [bob, bot, other]}
        group = await control.call("POST", "/groups", everybody)
        attachment = await control.upload(alice, b"a file")
        oauth = await self._authorize(alice, bot)
        self.keystores = [self.keystore, second, oauth]
        session = await control.open_session(bob)
        self.ids = {
            "people": [alice, bob],
            "bots": [bot, other],
            "anybody": [bot, alice, bob, other],
            "conversations": [talk["conversation_id"], group["conversation_id"]],
            "messages": [message["message_id"]],
            "codes": [group["code_id"], alice],
            "attachments": [attachment["attachment_id"]],
            "sessions": [session["session_id"], self.keystore.session_id],
            "authorizations": [oauth.authorization_id or ""],
            "faults": ["1", "2"],
        }
        for document in documents:
            self.watch.secrets |= {
                str(value) for name, value in document.items() if "private" in name
            }
        description = await control.call("GET", "/openapi.json")
        self.schemas = description["components"]["schemas"]
        self.operations = [
            (method.upper(), path, one)
            for path, methods in description["paths"].items()
            for method, one in methods.items()
        ]

    async def _authorize(self, person: str, bot: str) -> Keystore:
        grant = {"bot_id": bot, "scope": "PROFILE:READ CONTACTS:READ", "code_challenge": _CHALLENGE}
        code = (await self.control.call("POST", f"/people/{person}/authorizations", grant))["code"]
        calls = Calls(self.http, urls=[self.url], timeout=5.0)
        authorization = await exchange_code(calls, code, client_id=bot, verifier=_VERIFIER)
        check(authorization.keystore, "an authorization without a key")
        return cast("Keystore", authorization.keystore)

    def sign(self, keystore: Keystore, method: str, uri: str, body: bytes = b"") -> str:
        """Return a token, which is a secret from now on."""
        token = sign_token(keystore, method, uri, body, now=time.time())
        self.watch.secrets.add(token.rpartition(".")[2])
        return token

    async def ask(
        self, method: str, uri: str, body: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        """Send a request as it is; return status and body of the answer."""
        url = URL(self.url + uri, encoded=True)
        async with self.http.request(
            method, url, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            text = await answer.read()
        check(answer.status not in SERVER_ERRORS, f"{method} {uri[:200]}: {answer.status} {text!r}")
        check_shows_none(text.decode("utf-8", "replace"), self.watch.secrets)
        return answer.status, text

    async def check_alive(self) -> None:
        """Check that it still serves the bot whose session stays."""
        headers = {"Authorization": f"Bearer {self.sign(self.keystore, 'GET', '/me')}"}
        status, text = await self.ask("GET", "/me", b"", headers)
        check(status == 200, f"it serves no more: {status} {text!r}")

    def forget_secrets(self, keep: set[str]) -> None:
        """Forget the tokens of this input."""
        self.watch.secrets &= keep


@asynccontextmanager
async def served(watch: Watch) -> AsyncIterator[Served]:
    """A sandbox that is stopped at the end."""
    limits = aiohttp.ClientTimeout(total=8)
    async with (
        Sandbox(SandboxSettings(port=0, quota=10**9, stop_grace=0.5)) as sandbox,
        aiohttp.ClientSession(
            timeout=limits, connector=aiohttp.TCPConnector(force_close=True)
        ) as http,
    ):
        watch.secrets.clear()
        world = Served(sandbox, http, watch)
        await world.settle()
        yield world


def error_of(text: bytes) -> dict[str, Any] | None:
    """Return the error that an answer holds, None if it holds none; Finding if it is no JSON."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        check(False, f"an answer that is no JSON: {text[:200]!r}")
    error = document.get("error") if isinstance(document, dict) else None
    if error is not None:
        check(isinstance(error.get("code"), int), f"an error without a code: {text[:200]!r}")
        check(error["code"] not in SERVER_ERRORS, f"an error of the sandbox: {text[:300]!r}")
    return error


def segment(choices: Choices, known: list[str]) -> str:
    """Return one segment of a path: most often an id that there is."""
    if choices.once_in(6):
        return choices.pick(("..", "%2e%2e", "%00", "%ff", "a" * 3000, "%F0%9F%92%A3", "%2F", ";"))
    return choices.new_id() if choices.once_in(6) else choices.pick(known)
