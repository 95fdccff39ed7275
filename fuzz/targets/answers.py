"""The REST client, and a server that answers whatever it likes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, Final

import aiohttp
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blazebot.client import calls
from blazebot.client.oauth import Authorization, exchange_code
from blazebot.client.rest import RestClient
from blazebot.client.user_client import UserClient
from blazebot.client.views import time_of
from blazebot.errors import BlazebotError
from blazebot.keys.keystore import Keystore
from blazebot.wire.messages import MessageRequest, MessageView, Receipt
from fuzz.bending import bent, filled, spelled
from fuzz.choices import Choices
from fuzz.raw_http import answering, odd_answer
from fuzz.seeds import keystores
from fuzz.watch import Watch, check, check_shows_none
from fuzz.worlds import Attempt, in_loop
from tests.contents import MESSAGE_ID, USER_ID

_SESSION: Final = {
    "type": "session",
    "user_id": USER_ID,
    "session_id": MESSAGE_ID,
    "public_key": "A" * 43,
    "platform": "Android",
}
_USER: Final = {
    "type": "user",
    "user_id": USER_ID,
    "identity_number": "7000",
    "full_name": "@names",
    "relationship": "FRIEND",
    "mute_until": "@times",
    "membership": {"plan": "basic", "expired_at": "@times"},
    "app": {"app_id": USER_ID, "capabilities": ["GROUP"], "has_safe": True},
    "transfer_notification_threshold": "@numbers",
    "session_id": MESSAGE_ID,
}
_CONVERSATION: Final = {
    "type": "conversation",
    "conversation_id": MESSAGE_ID,
    "category": "GROUP",
    "expire_in": "@numbers",
    "name": "@names",
    "created_at": "@times",
    "participants": [{"user_id": USER_ID, "role": "OWNER"}],
    "participant_sessions": [_SESSION],
}
_ATTACHMENT: Final = {"attachment_id": MESSAGE_ID, "upload_url": "http://a/b", "view_url": "x"}
_VIEW: Final = {"message_id": MESSAGE_ID, "status": "READ", "created_at": "@times"}
_ENCRYPTED: Final = {"message_id": MESSAGE_ID, "state": "FAILED", "sessions": [_SESSION]}
_GRANT: Final = {"scope": "PROFILE:READ", "authorization_id": MESSAGE_ID, "ed25519": "A" * 43}
_ERROR: Final = {"status": 202, "code": 403, "description": "Forbidden", "extra": {"a": 1}}

_MESSAGE: Final = MessageRequest(
    conversation_id=MESSAGE_ID, message_id=MESSAGE_ID, category="PLAIN_TEXT", status="SENT"
)

_NESTED: Final = "as deep as can be"
"""A text in whose place there are lists in lists."""

_VALUES: Final[dict[str, Any]] = {
    "names": ("Name", _NESTED, "\ud800", "é" * 300),
    "numbers": (1.5, 60, "60", 2**63, -(2**70), 1e308, 1e-320, "1e999", "NaN", "-inf", True),
    "times": (
        "2026-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-02T00:00:00+23:59",
        "9999-12-31T23:59:59.999999999-23:59",
        "2026-02-30T24:61:00Z",
        "2026-W01-1",
        "2026-01-01T00:00:00+٠٣:٠٠",
    ),
}
"""What stands for ``@names`` and the others: the first is a plain one."""


async def _ask_for_a_person(rest: RestClient) -> None:
    """Ask on behalf of a person: no answer passes, as the service's key has signed none."""
    person = UserClient(
        Authorization(
            app_id=USER_ID,
            scope="PROFILE:READ",
            access_token="t",  # noqa: S106
            integrity_key=Ed25519PrivateKey.generate().public_key(),
        ),
        rest._http,
        urls=rest._urls,
        timeout=rest._timeout,
    )
    await person.me()
    check(False, "an answer was taken that the service has not signed")


_CALLS: Final[tuple[tuple[Callable[[RestClient], Awaitable[Any]], Any], ...]] = (
    (lambda rest: rest.me(), _USER),
    (lambda rest: rest.safe_me(), _USER),
    (lambda rest: rest.user(USER_ID), _USER),
    (lambda rest: rest.users([USER_ID]), [_USER, _USER]),
    (lambda rest: rest.search("7000"), _USER),
    (lambda rest: rest.code(MESSAGE_ID), _CONVERSATION),
    (lambda rest: rest.friends(), [_USER]),
    (lambda rest: rest.block(USER_ID), _USER),
    (lambda rest: rest.fetch_sessions([USER_ID]), [_SESSION]),
    (lambda rest: rest.create_contact(USER_ID), _CONVERSATION),
    (lambda rest: rest.create_group("name", [USER_ID]), _CONVERSATION),
    (lambda rest: rest.conversation(MESSAGE_ID), _CONVERSATION),
    (lambda rest: rest.members(MESSAGE_ID), _CONVERSATION),
    (lambda rest: rest.exit(MESSAGE_ID), {}),
    (lambda rest: rest.mute(MESSAGE_ID, 60), _CONVERSATION),
    (lambda rest: rest.send_messages([_MESSAGE]), {}),
    (lambda rest: rest.send_encrypted_messages([_MESSAGE]), [_ENCRYPTED]),
    (lambda rest: rest.acknowledge([Receipt(MESSAGE_ID, "READ")]), [_VIEW]),
    (lambda rest: rest.message_statuses(0), [_VIEW]),
    (lambda rest: rest.create_attachment(), _ATTACHMENT),
    (lambda rest: rest.attachment(MESSAGE_ID), _ATTACHMENT),
    (lambda rest: exchange_code(rest, "a", client_id=USER_ID, client_secret="s"), _GRANT),  # noqa: S106
    (_ask_for_a_person, _USER),
)


class _Client:
    """A REST client, whose requests are answered with ``answer``, as it is."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.answer = b""
        self.url = ""
        self.keystore = Keystore.load(keystores()[3])

    async def reply(self, _: bytes, __: asyncio.StreamReader) -> bytes:
        return self.answer


@asynccontextmanager
async def _serving(watch: Watch) -> AsyncIterator[_Client]:
    calls._BACKOFF = 0.001  # type: ignore[misc] # pauses would be most of the time
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        it = _Client(http)
        watch.secrets = {one for name, one in keystores()[3].items() if "private" in name}
        async with answering(it.reply) as it.url:
            yield it


def _answer(choices: Choices, good: Any) -> bytes:
    document = {"data": bent(choices, good)}
    if choices.once_in(4):
        document = {"error": bent(choices, _ERROR)}
    body = spelled(choices, bent(choices, document) if choices.once_in(4) else document)
    text = json.dumps(_NESTED).encode()
    if text in body:
        depth = 1 + choices.below(4000)
        body = body.replace(text, b"[" * depth + b"]" * depth)
    return odd_answer(choices, body)


async def _attempt(server: _Client, choices: Choices) -> None:
    ask, good = choices.pick(_CALLS)
    server.answer = _answer(choices, filled(choices, good, _VALUES))
    rest = RestClient(server.keystore, server.http, urls=[server.url], timeout=0.5)
    secrets = {one for name, one in keystores()[3].items() if "private" in name}
    try:
        found = await ask(rest)
    except BlazebotError as error:
        check_shows_none(str(error), secrets)
    else:
        for one in found if isinstance(found, list) else [found]:
            _check_types(one)


def _check_types(found: Any) -> None:
    """Check that what came is of the types that it says, and that its times can be read."""
    if not isinstance(found, msgspec.Struct):
        return
    try:
        # Of a float that is no number it is not the same again.
        msgspec.convert(msgspec.to_builtins(found), type(found))
    except msgspec.ValidationError as error:
        check(False, f"{found!r:.200} is not what it says: {error}")
    for name in found.__struct_fields__:
        value = getattr(found, name)
        if isinstance(value, str):
            time_of(value)
        _check_types(value)
    if isinstance(found, MessageView):
        found.created  # noqa: B018 - reads a time of any form


def answers() -> AbstractContextManager[Attempt]:
    """Statuses, headers and bodies that no service should answer with."""
    return in_loop(_serving, _attempt, allowed=("answered with another's X-Request-Id",))
