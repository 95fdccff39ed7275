"""The REST client, and a server that answers whatever it likes."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from typing import Any, Final

import aiohttp

from blazebot.client import calls
from blazebot.client.oauth import exchange_code
from blazebot.client.rest import RestClient
from blazebot.errors import BlazebotError
from blazebot.keys.keystore import Keystore
from blazebot.wire.messages import MessageRequest, Receipt
from fuzz.bending import bent, filled, spelled
from fuzz.choices import Choices
from fuzz.seeds import keystores
from fuzz.watch import Watch, check_shows_none
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
    "full_name": "Name",
    "relationship": "FRIEND",
    "mute_until": "0001-01-01T00:00:00Z",
    "membership": {"plan": "basic", "expired_at": "2026-01-01T00:00:00Z"},
    "app": {"app_id": USER_ID, "capabilities": ["GROUP"], "has_safe": True},
    "transfer_notification_threshold": 1.5,
    "session_id": MESSAGE_ID,
}
_CONVERSATION: Final = {
    "type": "conversation",
    "conversation_id": MESSAGE_ID,
    "category": "GROUP",
    "expire_in": 60,
    "participants": [{"user_id": USER_ID, "role": "OWNER"}],
    "participant_sessions": [_SESSION],
}
_ATTACHMENT: Final = {"attachment_id": MESSAGE_ID, "upload_url": "http://a/b", "view_url": "x"}
_VIEW: Final = {"message_id": MESSAGE_ID, "status": "READ", "updated_at": "2026-01-01T00:00:00Z"}
_ENCRYPTED: Final = {"message_id": MESSAGE_ID, "state": "FAILED", "sessions": [_SESSION]}
_GRANT: Final = {"scope": "PROFILE:READ", "authorization_id": MESSAGE_ID, "ed25519": "A" * 43}
_ERROR: Final = {"status": 202, "code": 403, "description": "Forbidden", "extra": {"a": 1}}

_MESSAGE: Final = MessageRequest(
    conversation_id=MESSAGE_ID, message_id=MESSAGE_ID, category="PLAIN_TEXT", status="SENT"
)

_CALLS: Final[tuple[tuple[Callable[[RestClient], Awaitable[Any]], Any], ...]] = (
    (lambda rest: rest.me(), _USER),
    (lambda rest: rest.safe_me(), _USER),
    (lambda rest: rest.user(USER_ID), _USER),
    (lambda rest: rest.users([USER_ID]), [_USER]),
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
)

_STATUSES: Final = (200, 202, 200, 202, 204, 301, 307, 401, 404, 429, 500, 502, 100, 101, 999)
_NAMES: Final = (
    "X-Request-Id",
    "X-Server-Time",
    "Date",
    "Retry-After",
    "X-Integrity-Token",
    "Content-Encoding",
    "Content-Type",
    "Content-Length",
    "Transfer-Encoding",
    "Location",
    "Set-Cookie",
    "Connection",
)
_VALUES: Final = (
    "0",
    "-1",
    "9" * 400,
    "٣",
    "²",
    "Mon, 01 Jan 0001 00:00:00 -0000",
    "Fri, 31 Dec 9999 23:59:59 +9959",
    "Sat, 21 Nov 2026 10:00:00 GMT",
    "gzip",
    "deflate",
    "br",
    "chunked",
    "text/html; charset=nothing",
    "http://127.0.0.1:1/",
    "close",
    "",
    "a" * 9000,
)


class _Server:
    """Answers each request with ``answer``, as it is."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.answer = b""
        self.url = ""
        self.keystore = Keystore.load(keystores()[3])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.answer)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def _serving(watch: Watch) -> AsyncIterator[_Server]:
    calls._BACKOFF = 0.001  # type: ignore[misc] # pauses would be most of the time
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as http:
        it = _Server(http)
        watch.secrets = {one for name, one in keystores()[3].items() if "private" in name}
        server = await asyncio.start_server(it.serve, "127.0.0.1", 0)
        it.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield it


def _answer(choices: Choices, good: Any) -> bytes:
    document = {"data": bent(choices, good)}
    if choices.once_in(4):
        document = {"error": bent(choices, _ERROR)}
    body = spelled(choices, bent(choices, document) if choices.once_in(4) else document)
    headers = [f"Content-Length: {len(body)}"] if not choices.once_in(8) else []
    if choices.once_in(8):
        body = gzip.compress(body, 1)[: 10 + choices.below(2000)]
        headers = ["Content-Encoding: gzip", f"Content-Length: {len(body)}"]
    for _ in range(choices.below(4)):
        value = choices.pick((*_VALUES, choices.text()))
        headers.append(f"{choices.pick(_NAMES)}: {value}")
    status = choices.pick(_STATUSES) if choices.once_in(2) else 200
    head = "\r\n".join([f"HTTP/1.1 {status} OK", *headers, "", ""])
    answer = head.encode("utf-8", "surrogatepass") + body
    if choices.once_in(8):
        at = choices.below(len(answer) + 1)
        answer = answer[:at] + choices.some() + answer[at + choices.below(8) :]
    return answer


async def _attempt(server: _Server, choices: Choices) -> None:
    ask, good = choices.pick(_CALLS)
    server.answer = _answer(choices, filled(choices, good, {}))
    rest = RestClient(server.keystore, server.http, urls=[server.url], timeout=0.5)
    secrets = {one for name, one in keystores()[3].items() if "private" in name}
    try:
        await ask(rest)
    except BlazebotError as error:
        check_shows_none(str(error), secrets)


def answers() -> AbstractContextManager[Attempt]:
    """Statuses, headers and bodies that no service should answer with."""
    return in_loop(_serving, _attempt, allowed=("answered with another's X-Request-Id",))
