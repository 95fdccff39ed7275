"""The REST client over a real socket: tries, hosts, deadlines, answers, and every endpoint."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from email.utils import formatdate
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import unused_port

from blazebot.client import calls
from blazebot.client.calls import TRIES
from blazebot.client.http import open_http
from blazebot.client.messages import EncryptedMessageRequest, RecipientSession
from blazebot.client.rest import RestClient
from blazebot.client.views import Conversation, Session, User, time_of
from blazebot.errors import (
    AnswerError,
    AuthorizationExpired,
    BadField,
    ChecksumInvalid,
    ConnectionLost,
    Forbidden,
    GroupFull,
    IntegrityError,
    NotFound,
    NotRunning,
    RequestError,
    RequestTimeout,
    ServiceError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
    UpdateRequired,
)
from blazebot.keys.issue import issue_keystore
from blazebot.keys.keystore import Keystore
from blazebot.keys.tokens import verify_token
from blazebot.wire.ids import contact_conversation_id, group_conversation_id
from blazebot.wire.messages import READ, SENT, MessageRequest, Receipt

APP_ID = "82d20bc7-9a97-4a69-bcd0-4da502374f6c"
USER_ID = "7d7ef298-9720-48c0-acb2-0c6a9b1748c1"
OTHER_ID = "5f1b2c8e-6d36-4b6f-8f2a-1f1f4e0c9d11"
ID = "c87ff6c9-c33a-4bc3-98d7-3d449f4adfe8"
KEYSTORE = Keystore.load(issue_keystore("app", APP_ID, ID).document)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(document: Any = None, *, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON; with a document of bytes as it is."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    async def handle(request: web.Request) -> web.Response:
        request_id = {"X-Request-Id": request.headers["X-Request-Id"]}
        return web.Response(body=text, status=status, headers=request_id | named)

    return handle


def data(document: Any) -> Answer:
    return answer({"data": document})


def refusal(code: int, **extra: Any) -> Answer:
    return answer(
        {"error": {"status": 202, "code": code, "description": "no", **extra}}, status=202
    )


async def broken(request: web.Request) -> web.StreamResponse:
    """Break the connection after the request was read."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def silent(request: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    return web.Response()


class Service:
    """Answers one request after another with ``answers``, the last of them for ever."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [data({"user_id": USER_ID})]
        self.requests: list[tuple[str, str, bytes]] = []
        self.tokens: list[str] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.requests.append((request.method, request.raw_path, body))
        token = request.headers["Authorization"].removeprefix("Bearer ")
        verify_token(
            token,
            public_key=KEYSTORE.public_key,
            now=time.time(),
            method=request.method,
            uri=request.raw_path,
            body=body,
        )
        self.tokens.append(token)
        reply = self.answers[0] if len(self.answers) == 1 else self.answers.pop(0)
        return await reply(request)


@asynccontextmanager
async def serving() -> AsyncIterator[Service]:
    service = Service()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        await runner.cleanup()


@pytest.fixture
async def service() -> AsyncIterator[Service]:
    async with serving() as service:
        yield service


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with open_http() as session:
        yield session


@pytest.fixture
def rest(service: Service, http: aiohttp.ClientSession) -> RestClient:
    return RestClient(KEYSTORE, http, urls=[service.url], timeout=10.0)


@pytest.fixture(autouse=True)
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_BACKOFF", 0.001)


# Errors


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (10002, BadField),
        (10006, UpdateRequired),
        (20116, GroupFull),
        (20121, AuthorizationExpired),
        (20140, ChecksumInvalid),
        (20133, ServiceError),
    ],
)
async def test_errors_by_code(
    service: Service, rest: RestClient, code: int, kind: type[ServiceError]
) -> None:
    service.answers = [refusal(code, extra={"field": "x"})]
    with pytest.raises(ServiceError) as caught:
        await rest.me()
    assert type(caught.value) is kind
    assert (caught.value.code, caught.value.extra) == (code, {"field": "x"})
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("text", "status"), [(b"<html>", 502), (b"", 500), (b"[]", 200), (b"moved", 302)]
)
async def test_what_is_not_the_services_json(
    service: Service, rest: RestClient, text: bytes, status: int
) -> None:
    service.answers = [answer(text, status=status, X_Request_Id="of a gateway")]
    with pytest.raises(ServiceUnavailable, match=f"HTTP {status}"):
        await rest.call("POST", "/x")


async def test_an_answer_may_have_any_type(service: Service, rest: RestClient) -> None:
    service.answers = [answer({"data": {"user_id": USER_ID}}, Content_Type="text/plain")]
    assert (await rest.me()).user_id == USER_ID


async def test_an_answer_is_bounded(
    service: Service, rest: RestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "ANSWER_LIMIT", 100_000)
    service.answers = [data({"user_id": USER_ID, "full_name": "x" * 99_000})]
    assert len((await rest.me()).full_name) == 99_000
    service.answers = [data("x" * 100_000)]
    with pytest.raises(AnswerError, match="more than 100000 bytes"):
        await rest.me()


async def test_the_answer_to_another_request_is_refused(
    service: Service, rest: RestClient, caplog: pytest.LogCaptureFixture
) -> None:
    service.answers = [answer({"data": {}}, X_Request_Id=OTHER_ID)]
    with pytest.raises(IntegrityError) as caught:
        await rest.me()
    assert caught.value.cause == "request-id"
    assert OTHER_ID in caplog.text
    assert len(service.requests) == 1


async def test_the_request_id_is_that_of_the_token(service: Service, rest: RestClient) -> None:
    async def upper(request: web.Request) -> web.StreamResponse:
        request_id = request.headers["X-Request-Id"]
        claims = verify_token(
            service.tokens[-1],
            public_key=KEYSTORE.public_key,
            now=time.time(),
            method="GET",
            uri="/me",
        )
        assert claims.jti == request_id
        return web.json_response(
            {"data": {"user_id": USER_ID}}, headers={"X-Request-Id": request_id.upper()}
        )

    service.answers = [upper]
    assert (await rest.me()).user_id == USER_ID


@pytest.mark.parametrize("document", [{"data": []}, {"data": {}}, {}, {"data": {"user_id": [1]}}])
async def test_an_answer_of_another_form(service: Service, rest: RestClient, document: Any) -> None:
    service.answers = [answer(document)]
    with pytest.raises(AnswerError, match="GET /me: not the documented form"):
        await rest.me()


@pytest.mark.parametrize("path", ["me", "/m e", "/mé", "/a\r\nb"])
async def test_paths_are_sent_as_they_are_or_not_at_all(rest: RestClient, path: str) -> None:
    with pytest.raises(RequestError, match="percent-encoded"):
        await rest.call("GET", path)


@pytest.mark.parametrize("method", ["", "G T", "GÉT", "GET\r\nX: y"])
async def test_a_method_that_is_none_is_not_sent(rest: RestClient, method: str) -> None:
    with pytest.raises(RequestError, match=r"method: .* such as GET"):
        await rest.call(method, "/me")


@pytest.mark.parametrize("body", [{"text": "\udcff"}, {"a": object()}])
async def test_a_body_that_is_no_json_is_not_sent(
    service: Service, rest: RestClient, body: Any
) -> None:
    with pytest.raises(RequestError, match="body: cannot be sent as JSON"):
        await rest.call("POST", "/x", body)
    assert service.requests == []


async def test_the_query_is_signed_as_it_is_sent(service: Service, rest: RestClient) -> None:
    await rest.call("GET", "/x%2Fy?b=%20&a=%C3%A9&&c")
    assert service.requests[0][1] == "/x%2Fy?b=%20&a=%C3%A9&&c"


async def test_a_closed_session_is_told(rest: RestClient, http: aiohttp.ClientSession) -> None:
    await http.close()
    with pytest.raises(NotRunning):
        await rest.me()


# Tries


REFUSED = {"error": {"status": 202, "code": 429, "description": "too many requests"}}

REPEATED = [
    ("GET", "/me"),
    ("POST", "/messages"),
    ("POST", "/encrypted_messages"),
    ("POST", "/acknowledgements"),
    ("POST", "/conversations"),
    ("POST", "/sessions/fetch"),
    ("POST", "/users/fetch"),
]
ONCE = [
    ("POST", "/me"),
    ("POST", "/attachments"),
    ("POST", f"/conversations/{ID}"),
    ("POST", f"/conversations/{ID}/exit"),
    ("POST", "/relationships"),
    ("POST", "/oauth/token"),
]


@pytest.mark.parametrize("trouble", [broken, refusal(7000), answer(b"bad gateway", status=502)])
@pytest.mark.parametrize(("method", "path"), REPEATED)
async def test_what_is_safe_is_tried_again(
    service: Service, rest: RestClient, method: str, path: str, trouble: Answer
) -> None:
    service.answers = [trouble, trouble, answer({})]
    await rest.call(method, path, None if method == "GET" else [])
    assert len(service.requests) == 3
    assert len(set(service.requests)) == 1


@pytest.mark.parametrize("trouble", [broken, refusal(7000), refusal(429)])
@pytest.mark.parametrize(("method", "path"), ONCE)
async def test_what_is_not_safe_is_sent_once(
    service: Service, rest: RestClient, method: str, path: str, trouble: Answer
) -> None:
    service.answers = [trouble, answer({})]
    with pytest.raises((ConnectionLost, ServiceUnavailable, TooManyRequests)):
        await rest.call(method, path, {})
    assert len(service.requests) == 1


async def test_tries_end(service: Service, rest: RestClient) -> None:
    service.answers = [refusal(7001)]
    with pytest.raises(ServiceUnavailable, match="7001"):
        await rest.me()
    assert len(service.requests) == TRIES


async def test_retry_after_is_waited_for(service: Service, rest: RestClient) -> None:
    service.answers = [answer(REFUSED, status=202, Retry_After="1"), data({"user_id": USER_ID})]
    began = time.monotonic()
    await rest.me()
    assert 1.0 <= time.monotonic() - began < 5.0


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "3600"},
        {
            "Retry-After": formatdate(1_000_003_600, usegmt=True),
            "Date": formatdate(1_000_000_000, usegmt=True),
        },
    ],
)
@pytest.mark.parametrize("text", [json.dumps(REFUSED).encode(), b"slow down"])
async def test_a_retry_after_beyond_the_deadline_is_left_to_the_caller(
    service: Service, rest: RestClient, headers: dict[str, str], text: bytes
) -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        return web.Response(body=text, status=429, headers=headers)

    service.answers = [refuse]
    with pytest.raises(TooManyRequests) as caught:
        await rest.me()
    assert caught.value.retry_after == 3600
    assert len(service.requests) == 1


@pytest.mark.parametrize("text", ["", "soon", "-1", "99999999999999999999"])
async def test_an_odd_retry_after(service: Service, rest: RestClient, text: str) -> None:
    service.answers = [answer(REFUSED, status=202, Retry_After=text), data({"user_id": USER_ID})]
    if text.isdecimal():
        with pytest.raises(TooManyRequests):
            await rest.me()
    else:
        assert (await rest.me()).user_id == USER_ID


async def test_the_deadline_holds(service: Service, http: aiohttp.ClientSession) -> None:
    service.answers = [silent]
    rest = RestClient(KEYSTORE, http, urls=[service.url], timeout=0.2)
    with pytest.raises(RequestTimeout, match=r"within 0\.2 s; see request_timeout"):
        await rest.me()


async def test_the_alternate_host_is_found_and_stayed_with(
    service: Service, http: aiohttp.ClientSession
) -> None:
    dead = f"http://127.0.0.1:{unused_port()}"
    rest = RestClient(KEYSTORE, http, urls=[dead, service.url], timeout=10.0)
    for method, path in (("POST", "/relationships"), ("GET", "/me")):  # safe: nothing was sent
        await rest.call(method, path)
    assert len(service.requests) == 2
    async with serving() as other:
        rest = RestClient(KEYSTORE, http, urls=[other.url, service.url], timeout=10.0)
        other.answers = [broken]
        await rest.me()
        await rest.me()
        assert {path for _, path, _ in other.requests} == {"/me"}
        assert len(service.requests) == 4


async def test_no_host_at_all(http: aiohttp.ClientSession) -> None:
    dead = [f"http://127.0.0.1:{unused_port()}" for _ in range(2)]
    rest = RestClient(KEYSTORE, http, urls=dead, timeout=10.0)
    with pytest.raises(ConnectionLost, match="POST /me: the service cannot be reached"):
        await rest.call("POST", "/me")


# Endpoints


ME = {"type": "user", "user_id": USER_ID, "full_name": "A", "phone": None, "pin_token": "secret"}
GROUP = {
    "type": "conversation",
    "conversation_id": ID,
    "category": "GROUP",
    "name": "",
    "announcement": None,
    "mute_until": "0001-01-01T00:00:00Z",
    "participants": [{"type": "participant", "user_id": USER_ID, "role": "OWNER", "new": 1}],
    "participant_sessions": [{"user_id": USER_ID, "session_id": ID, "public_key": None}],
}


async def sent(service: Service, asking: Awaitable[Any], reply: Any) -> tuple[Any, str, str, Any]:
    """Return what a call returns, and its method, path and body."""
    service.answers = [data(reply)]
    returned = await asking
    method, path, body = service.requests[-1]
    return returned, method, path, json.loads(body) if body else None


async def test_oneself(service: Service, rest: RestClient) -> None:
    me, *request = await sent(service, rest.me(), ME)
    assert request == ["GET", "/me", None]
    assert (me.user_id, me.full_name, me.phone) == (USER_ID, "A", "")
    assert "secret" not in repr(me)
    assert not hasattr(me, "pin_token")
    _, *request = await sent(service, rest.safe_me(), ME)
    assert request == ["GET", "/safe/me", None]
    _, *request = await sent(service, rest.update_me(full_name="B", avatar=b"\xff\xfe"), ME)
    assert request == ["POST", "/me", {"full_name": "B", "avatar_base64": "//4="}]


async def test_users(service: Service, rest: RestClient) -> None:
    app = {"app_id": APP_ID, "capabilities": ["GROUP"], "resource_patterns": None}
    user, *request = await sent(service, rest.user("7000"), ME | {"app": app})
    assert request == ["GET", "/users/7000", None]
    assert user.app.capabilities == ("GROUP",)
    users, *request = await sent(service, rest.users([USER_ID.upper(), USER_ID]), [ME, None])
    assert request == ["POST", "/users/fetch", [USER_ID]]
    assert [one.user_id for one in users] == [USER_ID]
    _, *request = await sent(service, rest.search("+1 555/0"), ME)
    assert request == ["GET", "/search/%2B1%20555%2F0", None]
    for listing, path in ((rest.friends, "/friends"), (rest.blocking_users, "/blocking_users")):
        users, *request = await sent(service, listing(), [ME])
        assert request == ["GET", path, None]
        assert type(users[0]) is User
        assert (await sent(service, listing(), None))[0] == []


async def test_relationships(service: Service, rest: RestClient) -> None:
    for change, action in (
        (rest.add_friend, "ADD"),
        (rest.remove_friend, "REMOVE"),
        (rest.block, "BLOCK"),
        (rest.unblock, "UNBLOCK"),
    ):
        user, *request = await sent(service, change(USER_ID.upper()), ME)
        assert request == ["POST", "/relationships", {"user_id": USER_ID, "action": action}]
        assert user.user_id == USER_ID


async def test_codes(service: Service, rest: RestClient) -> None:
    user, *request = await sent(service, rest.code("ab/c"), ME)
    assert request == ["GET", "/codes/ab%2Fc", None]
    assert isinstance(user, User)
    assert isinstance((await sent(service, rest.code("c"), GROUP))[0], Conversation)
    other = {"type": "payment", "amount": "1"}
    assert (await sent(service, rest.code("c"), other))[0] == other
    odd = {"type": ["user"]}
    assert (await sent(service, rest.code("c"), odd))[0] == odd
    with pytest.raises(AnswerError):
        await sent(service, rest.code("c"), {"type": "user"})


async def test_sessions(service: Service, rest: RestClient) -> None:
    reply = [{"user_id": USER_ID, "session_id": ID, "public_key": "k", "platform": "iOS"}]
    sessions, *request = await sent(service, rest.fetch_sessions([USER_ID]), reply)
    assert request == ["POST", "/sessions/fetch", [USER_ID]]
    assert sessions == [Session(session_id=ID, user_id=USER_ID, public_key="k", platform="iOS")]


def message(**fields: Any) -> MessageRequest:
    return MessageRequest(
        **{
            "conversation_id": ID,
            "message_id": str(uuid4()),
            "category": "PLAIN_TEXT",
            "status": SENT,
            "data_base64": "aGk",
            **fields,
        }
    )


async def test_messages(service: Service, rest: RestClient) -> None:
    service.answers = [answer({})]
    one = message(silent=True)
    await rest.send_messages([one])
    method, path, body = service.requests[-1]
    assert (method, path) == ("POST", "/messages")
    assert json.loads(body) == [
        {
            "conversation_id": ID,
            "message_id": one.message_id,
            "category": "PLAIN_TEXT",
            "status": "SENT",
            "data_base64": "aGk",
            "silent": True,
        }
    ]
    await rest.acknowledge([Receipt(ID, READ)])
    assert service.requests[-1] == (
        "POST",
        "/acknowledgements",
        b'[{"message_id":"%s","status":"READ"}]' % ID.encode(),
    )
    statuses, *request = await sent(
        service, rest.message_statuses(1_600_000_000_000_000_000), [{"message_id": ID}]
    )
    assert request == ["GET", "/messages/status/1600000000000000000", None]
    assert statuses[0].message_id == ID


async def test_encrypted_messages(service: Service, rest: RestClient) -> None:
    one = EncryptedMessageRequest(
        conversation_id=ID,
        message_id=OTHER_ID,
        category="ENCRYPTED_TEXT",
        status=None,
        recipient_id=USER_ID,
        checksum="c",
        recipient_sessions=[RecipientSession(ID)],
    )
    reply = [
        {"message_id": OTHER_ID, "state": "FAILED", "sessions": [{"session_id": ID}]},
        {"message_id": OTHER_ID, "state": "SUCCESS", "sessions": None},
    ]
    receipts, *request = await sent(service, rest.send_encrypted_messages([one]), reply)
    assert request[:2] == ["POST", "/encrypted_messages"]
    assert request[2][0]["recipient_sessions"] == [{"session_id": ID}]
    assert [one.succeeded for one in receipts] == [False, True]
    assert [len(one.sessions) for one in receipts] == [1, 0]


async def test_attachments(service: Service, rest: RestClient) -> None:
    reply = {"attachment_id": ID, "upload_url": "https://u/?signed", "view_url": "https://v"}
    made, *request = await sent(service, rest.create_attachment(), reply)
    assert request == ["POST", "/attachments", None]
    assert (made.upload_url, made.view_url) == ("https://u/?signed", "https://v")
    assert "signed" not in repr(made)
    _, *request = await sent(service, rest.attachment(ID), reply)
    assert request == ["GET", f"/attachments/{ID}", None]


async def test_creating_conversations(service: Service, rest: RestClient) -> None:
    made, *request = await sent(service, rest.create_contact(USER_ID.upper()), GROUP)
    assert request == [
        "POST",
        "/conversations",
        {
            "category": "CONTACT",
            "conversation_id": contact_conversation_id(APP_ID, USER_ID),
            "participants": [{"user_id": USER_ID}],
        },
    ]
    assert made.participants[0].role == "OWNER"
    assert (made.name, made.announcement) == ("", "")
    assert made.participant_sessions[0].public_key == ""
    group = rest.create_group("Name", [USER_ID, OTHER_ID, APP_ID], random_id=ID.upper())
    _, *request = await sent(service, group, GROUP)
    assert request[2] == {
        "category": "GROUP",
        "conversation_id": group_conversation_id(APP_ID, "Name", [USER_ID, OTHER_ID], ID),
        "participants": [{"user_id": USER_ID}, {"user_id": OTHER_ID}],
        "name": "Name",
        "random_id": ID,
    }
    ids = set()
    for _ in range(2):
        _, *request = await sent(service, rest.create_group("Name", [USER_ID]), GROUP)
        ids.add(request[2]["conversation_id"])
    assert len(ids) == 2


async def test_conversations(service: Service, rest: RestClient) -> None:
    base = f"/conversations/{ID}"
    people = [{"user_id": USER_ID}]
    admin, member = ([{"user_id": USER_ID, "role": role}] for role in ("ADMIN", ""))
    changed = {"name": "N", "announcement": ""}
    requests: list[tuple[Awaitable[Conversation | None], str, str, Any]] = [
        (rest.conversation(ID.upper()), "GET", base, None),
        (rest.update_conversation(ID, name="N", announcement=""), "POST", base, changed),
        (rest.add_participants(ID, [USER_ID]), "POST", f"{base}/participants/ADD", people),
        (rest.remove_participants(ID, [USER_ID]), "POST", f"{base}/participants/REMOVE", people),
        (rest.set_role(ID, [USER_ID], "ADMIN"), "POST", f"{base}/participants/ROLE", admin),
        (rest.set_role(ID, [USER_ID], ""), "POST", f"{base}/participants/ROLE", member),
        (rest.exit(ID), "POST", f"{base}/exit", None),
        (rest.rotate(ID), "POST", f"{base}/rotate", None),
        (rest.mute(ID, 3600), "POST", f"{base}/mute", {"duration": 3600}),
        (rest.disappear(ID, 7_257_600), "POST", f"{base}/disappear", {"duration": 7_257_600}),
        (rest.join("a code"), "POST", "/conversations/a%20code/join", None),
    ]
    for asking, *expected in requests:
        returned, *request = await sent(service, asking, GROUP)
        assert request == expected
        assert returned is None or returned.conversation_id == ID


async def test_limits_are_checked_before_anything_leaves(
    service: Service, rest: RestClient
) -> None:
    many = [str(uuid4()) for _ in range(257)]
    big = message(data_base64="x" * 128 * 1024)
    refused: list[tuple[Awaitable[Any], str]] = [
        (rest.send_messages([message()] * 101), "messages: at most 100 in one request, not 101"),
        (rest.send_messages([big]), "messages: at most 131072 bytes in one request"),
        (rest.send_encrypted_messages([big]), "messages: at most 131072 bytes"),
        (rest.acknowledge([Receipt(ID, READ)] * 101), "receipts: at most 100"),
        (rest.message_statuses(-1), "since: should be nanoseconds"),
        (rest.update_conversation(ID, name="x" * 513), "name: at most 512 characters, not 513"),
        (rest.update_conversation(ID, announcement="x" * 1025), "announcement: at most 1024"),
        (rest.create_group("x" * 513, [USER_ID]), "name: at most 512"),
        (rest.create_group(" ", [USER_ID]), "name: a group needs one"),
        (rest.create_group("x", many[:256]), "user_ids: at most 256"),
        (rest.add_participants(ID, many), "user_ids: at most 256"),
        (rest.add_participants(ID, []), "user_ids: at least one"),
        (rest.add_participants(ID, USER_ID), "user_ids: should be a list"),
        (rest.set_role(ID, [USER_ID], "OWNER"), "role: should be"),
        (rest.mute(ID, -1), "duration: should be at least 0"),
        (rest.disappear(ID, 7_257_601), "duration: .* at most 7257600 seconds"),
        (rest.create_contact("me"), "user_id: should be a UUID"),
        (rest.conversation("../me"), "conversation_id: should be a UUID"),
        (rest.search(""), "query: should have 1 to 256"),
        (rest.user(".."), "user_id: should have"),
    ]
    for asking, words in refused:
        with pytest.raises(RequestError, match=words):
            await asking
    assert service.requests == []
    await rest.send_messages([])
    assert await rest.users([]) == []
    assert await rest.fetch_sessions([]) == []
    assert service.requests == []


def test_times() -> None:
    moment = time_of("2026-03-01T10:00:00.123456789Z")
    assert moment is not None
    assert moment.isoformat() == "2026-03-01T10:00:00.123456+00:00"
    assert [time_of(text) for text in ("", "0001-01-01T00:00:00Z", "soon")] == [None] * 3
