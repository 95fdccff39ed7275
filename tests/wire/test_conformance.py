"""The conformance checks, checked: each passes on a right service, and fails on a wrong one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio

from blazebot.conformance.check import Need, check
from blazebot.conformance.rules import CHECKS, handshakes
from blazebot.conformance.runner import FAILED, OK, Result, run_checks
from blazebot.conformance.service import Service
from blazebot.conformance.targets import SandboxTarget, own_sandbox
from blazebot.conformance.trial import Trial
from blazebot.testing.control import Control
from blazebot.testing.processes import SandboxProcess
from blazebot.wire.frames import LIST_PENDING_MESSAGES
from tests.wire.distorting_proxy import Answer, Frame, Socket, Wrong, changing, distorted, pushing
from tests.wire.wrong_services import (
    Deaf,
    Deflates,
    Eager,
    Edits,
    Lax,
    LosesReceipts,
    NoPongs,
    Picky,
    PushesOnce,
    Refuses,
    RefusesOtherwise,
    RefusesRepeats,
    Slow,
    Strict,
    Swaps,
    TextFrames,
    WithoutProtocol,
    answering_sends,
    emptied,
    fresh_id,
    in_words,
    inverted,
    is_action,
    lifetime,
    made_ago,
    only_newer_data,
    only_text,
    plain_type,
    status_instead,
    token_part,
    with_category,
    with_code,
    with_data,
    with_fresh_times,
    with_list,
    with_more,
    with_view,
    without_header,
    without_members,
)

BY_NAME = {check.name: check for check in CHECKS}

INFORMATION = {"token-sig"}
"""Says only what it has seen."""

FLIPPED = {
    "BLAZEBOT_SANDBOX_ATOMIC_BATCHES": "false",
    "BLAZEBOT_SANDBOX_BOTS_HEAR_BOTS": "true",
    "BLAZEBOT_SANDBOX_CHECK_CONTENTS": "false",
    "BLAZEBOT_SANDBOX_HEARTBEAT": "3600",
    "BLAZEBOT_SANDBOX_NEWER_CONNECTION_WINS": "false",
    "BLAZEBOT_SANDBOX_REFUSE_BLOCKED": "false",
    "BLAZEBOT_SANDBOX_SERVICE_CATEGORIES": "NOTHING_",
    "BLAZEBOT_SANDBOX_STRICT_TOKENS": "true",
}
FLIPPED_CHECKS = {
    "batch-atomic",
    "bots-deaf-to-bots",
    "bad-content-refused",
    "server-pings",
    "one-line-per-session",
    "blocked",
    "system-messages-refused",
    "token-reused",
    "handshake-token-reused",
}

WRONG: dict[str, tuple[Callable[[], Wrong], set[str]]] = {
    "takes what should be refused": (
        Lax,
        {
            "token-of-another-key",
            "token-algorithm",
            "token-expired",
            "token-clock",
            "token-of-an-unknown-session",
            "token-of-another-bot",
            "token-malformed",
            "oauth-no-conversations",
            "oauth-code-once",
            "receipts-at-most-100",
            "unknown-action",
            "messages-at-most-100",
            "messages-at-most-128-kib",
            "bad-ids-refused",
            "bad-base64-refused",
            "unknown-conversation-refused",
            "batch-at-most-100",
            "batch-plain-only",
            "batch-with-recipients",
            "batch-quotes-from-text",
            "batch-represents-in-contacts",
            "contact-id-checked",
            "conversation-unknown",
            "group-id-derived",
            "group-limits",
            "group-joined-by-code",
            "group-of-others",
            "encrypted-for-others-on-the-line",
            "unknown-endpoint",
            "bad-json",
            "empty-bearer",
            "acknowledgements-at-most-100",
            "user-unknown",
            "attachment-unknown",
        },
    ),
    "refuses every token": (lambda: Strict(lambda *_: True), {"token-taken"}),
    "allows no clock to be off": (
        lambda: Strict(lambda _, headers: made_ago(headers) > 60),
        {"token-clock-slightly-off"},
    ),
    "wants typ": (
        lambda: Strict(lambda _, headers: "typ" not in token_part(headers, 0)),
        {"token-without-typ"},
    ),
    "wants jti": (
        lambda: Strict(lambda _, headers: "jti" not in token_part(headers, 1)),
        {"token-bare"},
    ),
    "caps exp": (
        lambda: Strict(lambda _, headers: lifetime(headers) > 90 * 24 * 3600),
        {"token-long-lived"},
    ),
    "dislikes headers": (
        lambda: Strict(lambda _, headers: "X-Unknown" in headers),
        {"unknown-headers"},
    ),
    "dislikes queries": (lambda: Strict(lambda call, _: "%2f" in call), {"uri-as-sent"}),
    "tells somebody else": (
        lambda: with_data("GET /", user_id=str(uuid4())),
        {"oauth-profile", "safe-me", "users-searched"},
    ),
    "signs nothing": (lambda: without_header("X-Integrity-Token"), {"oauth-answers-signed"}),
    "answers with more": (
        lambda: pushing(with_more),
        {"listing-answered-bare", "receipts-answered-bare"},
    ),
    "speaks in text": (TextFrames, {"frames-binary"}),
    "knows no offset": (
        lambda: Refuses(lambda frame: bool(frame.get("params"))),
        {"listing-with-offset"},
    ),
    "lists once": (lambda: Refuses(is_action(LIST_PENDING_MESSAGES), 1), {"listing-again"}),
    "refuses receipts": (
        lambda: Refuses(is_action("ACKNOWLEDGE_MESSAGE_RECEIPT", "ACKNOWLEDGE_MESSAGE_RECEIPTS")),
        {"receipts-of-anything", "own-sends-acknowledged"},
    ),
    "loses receipts": (
        LosesReceipts,
        {
            "acknowledged-comes-no-more",
            "acknowledged-on-the-line",
            "acknowledged-in-a-batch",
            "acknowledged-by-rest",
            "status-forward",
            "acknowledgements-answered",
        },
    ),
    "has codes that are text": (
        lambda: pushing(lambda frame: with_code(frame, "x")),
        {"error-frame"},
    ),
    "has other codes": (
        lambda: pushing(lambda frame: with_code(frame, 500)),
        {"text-frame", "bad-frame"},
    ),
    "answers sends in full": (lambda: pushing(with_category), {"send-answered"}),
    "answers repeats otherwise": (
        lambda: pushing(with_fresh_times),
        {"repeat-answered-alike"},
    ),
    "takes repeats": (lambda: Edits(fresh_id), {"repeat-is-one-message"}),
    "answers with data": (lambda: changing(answering_sends), {"messages-by-rest"}),
    "wants no lists": (
        lambda: Picky("POST /messages", lambda body: isinstance(body, list)),
        {"messages-in-a-list"},
    ),
    "reads data_base64 only": (lambda: Edits(only_newer_data), {"base64-in-any-form"}),
    "takes no batches": (lambda: Refuses(is_action("CREATE_PLAIN_MESSAGES")), {"batch-taken"}),
    "pushes null": (lambda: with_view(representative_id=None), {"view-complete"}),
    "forgets quotes": (lambda: with_view(quote_message_id=""), {"view-true"}),
    "pushes the sender's base64": (
        lambda: with_view(data_base64="Pj4-\nPz8_IQ=="),
        {"view-base64", "view-re-encoded"},
    ),
    "lives in the past": (
        lambda: with_view(created_at="2020-01-01T00:00:00.000000Z"),
        {"view-times"},
    ),
    "tells no source": (lambda: with_view(source=""), {"view-source"}),
    "delivers text only": (lambda: Edits(only_text), {"categories-to-a-person", "recall", "pin"}),
    "delivers nothing": (
        lambda: with_view(data_base64=""),
        {"categories-from-a-person", "hello-of-a-friend"},
    ),
    "delivers everything as text": (
        lambda: with_view(category="PLAIN_TEXT"),
        {"encrypted-from-a-person"},
    ),
    "is eager": (Eager, {"nothing-before-listing"}),
    "pushes once": (PushesOnce, {"pushed-until-acknowledged"}),
    "swaps": (Swaps, {"pending-in-order"}),
    "tells no sender": (Deaf, {"sender-told"}),
    "has other ids": (
        lambda: with_data("POST /conversations", conversation_id=str(uuid4())),
        {"contact-id-derived", "group-id-free"},
    ),
    "wants no roles": (
        lambda: Picky("POST /conversations", lambda body: "role" in body["participants"][0]),
        {"participants-with-more"},
    ),
    "shows conversations with null": (
        lambda: with_data("GET /conversations", icon_url=None),
        {"conversation-complete"},
    ),
    "keeps names": (
        lambda: with_data("POST /conversations", name="unchanged"),
        {"group-changed"},
    ),
    "gives no roles": (lambda: changing(without_members), {"group-participants"}),
    "has no keys": (
        lambda: with_list("POST /sessions/fetch", lambda one: one.update(public_key="")),
        {"own-session-fetched"},
    ),
    "tells no sessions": (lambda: emptied("POST /sessions/fetch"), {"sessions-fetched"}),
    "inverts states": (
        lambda: with_list("POST /encrypted_messages", inverted),
        {
            "encrypted-to-a-person",
            "encrypted-for-others-failed",
            "encrypted-for-nobody-failed",
            "encrypted-endpoint-takes-others",
        },
    ),
    "succeeds with 201": (lambda: status_instead("GET /me", 200, 201), {"success"}),
    "fails with 400": (lambda: status_instead("", 202, 400), {"error", "no-http-4xx"}),
    "explains in words": (lambda: changing(in_words), {"error-extra"}),
    "is plain": (lambda: changing(plain_type), {"content-type"}),
    "forgets the request": (lambda: without_header("X-Request-Id"), {"request-id"}),
    "tells no time": (lambda: without_header("X-Server-Time"), {"server-time"}),
    "knows no receipts": (lambda: emptied("GET /messages/status"), {"receipts-since"}),
    "has no counter": (lambda: with_data("GET /me", tip_counter=None), {"me-complete"}),
    "has no app": (lambda: with_data("GET /users", app=None), {"user-complete"}),
    "has half a membership": (
        lambda: with_data("GET /me", membership={"plan": "x"}),
        {"membership"},
    ),
    "has no phone": (lambda: with_data("GET /users", phone=None), {"other-user-complete"}),
    "fetches nobody": (lambda: emptied("POST /users/fetch"), {"users-fetched"}),
    "mixes up codes": (
        lambda: with_data("GET /codes", type="code"),
        {"code-of-a-user", "code-of-a-conversation"},
    ),
    "has no friends": (
        lambda: with_data("POST /relationships", relationship="STRANGER"),
        {"relationships"},
    ),
    "tells nowhere to upload": (
        lambda: with_data("POST /attachments", upload_url=""),
        {"attachment-created"},
    ),
    "takes uploads with 201": (
        lambda: status_instead("PUT /upload", 200, 201),
        {"attachment-uploaded"},
    ),
    "shows no attachments": (
        lambda: with_data("GET /attachments", view_url=""),
        {"attachment-shown"},
    ),
    "refuses handshakes otherwise": (RefusesOtherwise, {"handshake-refused"}),
    "takes a token once": (RefusesRepeats, {"handshake-token-reused"}),
    "echoes nothing": (WithoutProtocol, {"subprotocol-echoed"}),
    "deflates": (Deflates, {"no-deflate"}),
    "has no pongs": (NoPongs, {"pings-answered"}),
    "is slow": (Slow, {"answers-in-time"}),
}


# The checks, checked

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[SandboxProcess]:
    # What the proxy changes on its way has no right signature any more.
    environment = {"BLAZEBOT_SANDBOX_CHECK_SIGNATURES": "false"}
    process = SandboxProcess(tmp_path_factory.mktemp("sandbox"), environment=environment)
    await process.start()
    yield process
    await process.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def tried(
    http: aiohttp.ClientSession,
    sandbox: SandboxProcess,
    url: str,
    names: Iterable[str],
    *,
    patience: float = 1.0,
) -> list[Result]:
    """Try checks on what stands at ``url`` before the sandbox."""
    service = Service.at(http, url, patience=patience)
    target = SandboxTarget(service, Control(http, sandbox.url))
    return [result async for result in run_checks(target, [BY_NAME[name] for name in names])]


def others(results: list[Result], outcome: str) -> dict[str, str]:
    """What came out otherwise, and how."""
    return {
        result.check.name: f"{result.outcome}: {result.detail}"
        for result in results
        if result.outcome != outcome
    }


async def test_checks_pass_on_a_right_service(
    http: aiohttp.ClientSession, sandbox: SandboxProcess
) -> None:
    names = BY_NAME.keys() - {
        "server-pings"
    }  # which takes long, and is tried by the command's test
    async with distorted(http, sandbox.url, Wrong()) as url:
        results = await tried(http, sandbox, url, names, patience=10.0)
    assert others(results, OK) == {}


@pytest.mark.parametrize("what", WRONG)
async def test_checks_fail_on_a_service_that(
    http: aiohttp.ClientSession, sandbox: SandboxProcess, what: str
) -> None:
    wrong, names = WRONG[what]
    async with distorted(http, sandbox.url, wrong()) as url:
        results = await tried(http, sandbox, url, names)
    assert others(results, FAILED) == {}
    assert all("of an unknown form" not in result.detail for result in results)


async def test_checks_fail_where_assumptions_are_flipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshakes, "_PING_LIMIT", 1.0)
    async with own_sandbox(FLIPPED) as target:
        checks = [BY_NAME[name] for name in FLIPPED_CHECKS]
        results = [result async for result in run_checks(target, checks)]
    assert others(results, FAILED) == {}


async def test_each_check_has_been_seen_to_fail() -> None:
    seen = INFORMATION | FLIPPED_CHECKS | {name for _, names in WRONG.values() for name in names}
    assert seen == BY_NAME.keys()


async def test_a_service_that_does_not_answer_holds_nobody_up(
    http: aiohttp.ClientSession, sandbox: SandboxProcess
) -> None:
    class Silent(Wrong):
        def pushed(self, frame: Frame, socket: Socket) -> None:
            """Pass nothing on."""

    async with distorted(http, sandbox.url, Silent()) as url:
        (result,) = await tried(http, sandbox, url, ["listing-again"], patience=0.2)
    assert (result.outcome, result.detail) == (
        FAILED,
        "no answer to LIST_PENDING_MESSAGES within 0.2 s",
    )


async def test_a_check_has_a_deadline(http: aiohttp.ClientSession, sandbox: SandboxProcess) -> None:
    @check("1 [A]", deadline=0.1)
    async def endless(_: Trial) -> None:
        """Nobody waits for ever."""
        await asyncio.Event().wait()

    target = SandboxTarget(Service.at(http, sandbox.url), Control(http, sandbox.url))
    (result,) = [result async for result in run_checks(target, [endless])]
    assert (result.outcome, result.detail) == (FAILED, "no answer in time")


async def test_a_lost_connection_is_called_so(
    http: aiohttp.ClientSession, sandbox: SandboxProcess
) -> None:
    results = await tried(http, sandbox, "http://127.0.0.1:1", ["token-taken", "listing-again"])
    assert others(results, FAILED) == {}
    assert all("the connection failed" in result.detail for result in results)


async def test_answers_of_any_form_are_failures(
    http: aiohttp.ClientSession, sandbox: SandboxProcess
) -> None:
    def odd(answer: Answer) -> None:
        answer.document = {"data": ["?"]}

    names = [name for name in BY_NAME if Need.LINE not in BY_NAME[name].needs]
    async with distorted(http, sandbox.url, changing(odd)) as url:
        results = await tried(http, sandbox, url, names)
    assert {result.outcome for result in results} == {OK, FAILED}
    assert any("of an unknown form" in result.detail for result in results)
