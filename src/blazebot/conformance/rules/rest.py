"""How REST answers, whatever is asked (sections 9 and 10)."""

from __future__ import annotations

import time

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import Answer, data_of, expect, refused
from blazebot.conformance.shapes import ERROR, VIEW, expect_shape
from blazebot.conformance.trial import Trial, new_id
from blazebot.wire.limits import BATCH_LIMIT, CLOCK_TOLERANCE
from blazebot.wire.messages import READ

_REQUEST_ID = "X-Request-Id"
_SERVER_TIME = "X-Server-Time"
_NOWHERE = "/no/such/endpoint"


@check("9 [D]")
async def success(trial: Trial) -> None:
    """A success is exactly HTTP 200 and JSON with data, without the key error."""
    answer = await trial.bot.get("/me")
    expect(answer.status == 200, f"{answer}")
    document = answer.document
    expect(isinstance(document, dict) and "data" in document, f"{answer}")
    expect("error" not in document, "the answer has the key error")


@check("9 [D]")
async def error(trial: Trial) -> None:
    """An error is HTTP 202 and JSON with status and code as numbers, description and no data."""
    for answer in await _errors(trial):
        expect(answer.status == 202, f"{answer}")
        expect_shape(f"{answer.call}: error", answer.error, ERROR)
        expect("data" not in answer.document, f"{answer.call}: the error comes with data")


@check("10 [C]")
async def error_extra(trial: Trial) -> None:
    """The extra of an error is an object, or absent."""
    for answer in await _errors(trial):
        extra = (answer.error or {}).get("extra", {})
        expect(isinstance(extra, dict), f"{answer}")


@check("10 [C]")
async def no_http_4xx(trial: Trial) -> None:
    """No error comes as HTTP 4xx."""
    for answer in await _errors(trial):
        expect(not 400 <= answer.status < 500, f"{answer}")


@check("10 [C]")
async def content_type(trial: Trial) -> None:
    """Successes and errors are application/json."""
    for answer in (await trial.bot.get("/me"), *await _errors(trial)):
        kind = answer.headers.get("Content-Type", "none")
        expect(kind.partition(";")[0] == "application/json", f"{answer.call}: {kind}")


@check("9 [C]")
async def request_id(trial: Trial) -> None:
    """The answer repeats X-Request-Id, and has one of its own if the request had none."""
    sent = new_id()
    for uri in ("/me", _NOWHERE):
        answer = await trial.bot.call("GET", uri, headers={_REQUEST_ID: sent})
        got = answer.headers.get(_REQUEST_ID)
        expect(got == sent, f"{answer.call}: {got!r} came back")
        answer = await trial.bot.call("GET", uri, headers={_REQUEST_ID: ""})
        expect(answer.headers.get(_REQUEST_ID), f"{answer.call}: none was made")


@check("10 [C]")
async def server_time(trial: Trial) -> str:
    """Every answer has X-Server-Time: nanoseconds since the epoch."""
    off = 0.0
    for answer in (await trial.bot.get("/me"), *await _errors(trial)):
        told = answer.headers.get(_SERVER_TIME, "")
        expect(told.isdecimal(), f"{answer.call}: {told!r}")
        off = int(told) / 1e9 - time.time()
        expect(abs(off) < CLOCK_TOLERANCE, f"{answer.call}: {off:.0f} s from this clock")
    return f"{off:+.1f} s from this clock"


@check("9 [D]")
async def unknown_endpoint(trial: Trial) -> None:
    """An endpoint that there is not is answered with 404."""
    for method in ("GET", "POST"):
        refused(await trial.bot.call(method, _NOWHERE), 404)


@check("9 [D]")
async def bad_json(trial: Trial) -> None:
    """A body that is no JSON is answered with 400."""
    refused(await trial.bot.post("/messages", b"[{"), 400)


@check("3 [S]")
async def uri_as_sent(trial: Trial) -> None:
    """A query is taken as it was sent and signed, percent-encoded or not."""
    data_of(await trial.bot.get("/me?a=%7E%2f&b=%C3%BC"))


@check("10 [C]")
async def unknown_headers(trial: Trial) -> None:
    """Headers that mean nothing to the service do no harm."""
    headers = {"X-Unknown": "x", "Mixin-Device-Id": new_id(), "Accept-Language": "ja"}
    data_of(await trial.bot.call("GET", "/me", headers=headers))


@check("10 [C]")
async def empty_bearer(trial: Trial) -> None:
    """An empty token is ignored where none is needed."""
    body = {"client_id": trial.bot.user_id, "code": "0" * 64, "client_secret": "0" * 64}
    headers = {"Authorization": "Bearer "}
    answer = await trial.bot.call("POST", "/oauth/token", body, token="", headers=headers)
    expect(answer.code not in (None, 401), f"{answer}")


@check("9 [D]")
async def acknowledgements_answered(trial: Trial) -> None:
    """POST /acknowledgements answers data with the list that it was given."""
    receipts = [{"message_id": new_id(), "status": READ}]
    data = data_of(await trial.bot.post("/acknowledgements", receipts))
    expect(data == receipts, "it answers something else")


@check("9 [S][D]")
async def acknowledgements_at_most_100(trial: Trial) -> None:
    """POST /acknowledgements refuses more than 100 receipts."""
    receipts = [{"message_id": new_id(), "status": READ}] * (BATCH_LIMIT + 1)
    answer = await trial.bot.post("/acknowledgements", receipts)
    expect(answer.code is not None, f"{BATCH_LIMIT + 1} receipts were taken")


@check("9 [C]", needs=Need.PERSON)
async def receipts_since(trial: Trial) -> None:
    """GET /messages/status/:offset tells what became of messages since then, as views."""
    began = time.time_ns() - 60_000_000_000
    draft = trial.draft()
    data_of(await trial.bot.post("/messages", draft))
    await trial.person.read(draft["message_id"])
    views = data_of(await trial.bot.get(f"/messages/status/{began}"))
    found = [view for view in views if view.get("message_id") == draft["message_id"]]
    expect(found, "the message that was read is not among them")
    expect(found[-1].get("status") == READ, f"its status is {found[-1].get('status')!r}")
    missing = ", ".join(sorted(set(VIEW) - set(found[-1])))
    expect(not missing, f"it is no whole view: it lacks {missing}")


async def _errors(trial: Trial) -> list[Answer]:
    """Return answers to several things that are wrong; all must be refused."""
    answers = [
        await trial.bot.call("GET", "/me", token=new_id()),
        await trial.bot.get(_NOWHERE),
        await trial.bot.get(f"/users/{new_id()}"),
        await trial.bot.post("/messages", b"[{"),
        await trial.bot.post("/users/fetch", ["nonsense"]),
    ]
    for answer in answers:
        expect(answer.code is not None, f"should be refused; {answer}")
    return answers
