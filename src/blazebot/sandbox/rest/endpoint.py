"""The service's REST (protocol sections 9 and 10): who calls, what they call, how it is answered.

Success is HTTP 200; an error is HTTP 202, or 500 where the sandbox itself failed, never 4xx.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from blazebot.errors import ServiceError, TokenError
from blazebot.sandbox.answers import REQUEST_ID, answer_headers, json_answer
from blazebot.sandbox.blaze.line import IncomingReceipt
from blazebot.sandbox.bodies import read_whole
from blazebot.sandbox.faults import ACKNOWLEDGEMENT, CALL, TOKEN, Fault, Faults
from blazebot.sandbox.impersonation.authority import Authority, Identity
from blazebot.sandbox.rest.attachments import origin_of
from blazebot.sandbox.rest.calls import Call, Endpoints, Route, Routes, read_body, read_messages
from blazebot.sandbox.rest.oauth import exchange_code
from blazebot.sandbox.rules.oauth import OAuth
from blazebot.sandbox.rules.refusals import (
    bad_field,
    broken,
    error_body,
    forbidden,
    no_endpoint,
    unauthorized,
)
from blazebot.sandbox.rules.service import Service
from blazebot.sandbox.rules.service_key import INTEGRITY_HEADER
from blazebot.sandbox.storage.rows import NOBODY
from blazebot.sandbox.wire_log import WireLog
from blazebot.wire.codec import encode_json
from blazebot.wire.limits import BATCH_LIMIT

__all__ = ["MessageEndpoints", "Rest"]

_TOKEN_ENDPOINT: Final = ("POST", "/oauth/token")
"""The only call that needs no token of its own."""

_PUBLIC: Final = frozenset({"GET /codes/:id"})
"""What may be called without a token, or with an empty one [C]."""

_ACKNOWLEDGEMENTS: Final = "POST /acknowledgements"

BAD_GATEWAY: Final = 502
"""What a proxy before the service answers, in HTML; the service itself never does."""

_LAST_TIME: Final = 2**63 - 1

logger = logging.getLogger("blazebot.sandbox")


class _Request(NamedTuple):
    """A request as it came. ``uri`` is path and query as sent."""

    method: str
    path: str
    uri: str
    authorization: str | None
    body: bytes
    origin: str


class _Answer(NamedTuple):
    """What a request is answered with: JSON as it is written, and who asked, if that is known."""

    status: int
    text: bytes
    identity: Identity | None = None


class Rest:
    """Answers whatever is asked of the service's REST."""

    def __init__(
        self,
        authority: Authority,
        service: Service,
        oauth: OAuth,
        endpoints: Sequence[Endpoints],
        *,
        faults: Faults,
        log: WireLog,
    ) -> None:
        self._authority = authority
        self._clocks = service.clocks
        self._store = service.store
        self._oauth = oauth
        self._routes = Routes({key: end for group in endpoints for key, end in group.items()})
        calls = (call.rpartition(" ") for call in service.settings.oauth_calls)
        self._scopes = {name: scope for name, _, scope in calls}
        self._faults = faults
        self._log = log

    async def handle(self, request: web.Request) -> web.Response:
        """Answer any request to the service's REST."""
        began = time.monotonic()
        try:
            asked = await _receive(request)
        except ServiceError as error:
            return json_answer(
                {"error": error_body(error)}, 202, answer_headers(request, self._clocks)
            )
        claimed = self._authority.claimed(asked.authorization)
        route = self._routes.find(asked.method, asked.path)
        name = route.name if route else f"{asked.method} {asked.path}"
        fault = self._fault_of(claimed, name)
        answer = self._refuse(fault) if fault is not None else None
        clock = None
        if answer is None and claimed and route is not None:  # a token is checked
            clock = self._faults.take(TOKEN, claimed, name)
        offset = clock.seconds if clock else 0.0
        headers = answer_headers(request, self._clocks, offset)
        if answer is None:
            is_lost = fault is not None and fault.kind == "lost_acknowledgement"
            answer = await self._answer(route, asked, offset, is_lost=is_lost)
            if fault is not None:
                await self._faults.delay(fault)
        response = self._response(request, answer, headers)
        lost = fault is not None and fault.kind == "lost_answer"
        if lost and request.transport is not None:
            request.transport.abort()
        struck = fault or clock
        self._log.call(
            claimed,
            asked.method,
            asked.uri,
            request=asked.body,
            status=0 if lost else response.status,
            answer=answer.text,
            seconds=time.monotonic() - began,
            fault=struck.kind if struck else "",
        )
        return response

    async def _answer(
        self, route: Route | None, asked: _Request, offset: float, *, is_lost: bool
    ) -> _Answer:
        """Do what is asked, and return the answer once that is committed."""
        identity: Identity | None = None
        status = 200
        try:
            if (asked.method, asked.path) == _TOKEN_ENDPOINT:
                answer = exchange_code(self._oauth, asked.body)
            elif route is None:
                raise no_endpoint(asked.method, asked.path)
            elif route.name in _PUBLIC and not _has_token(asked):
                answer = await route.endpoint(
                    Call(NOBODY, "", route.parameters, asked.body, asked.origin)
                )
            else:
                identity = self._authority.identify(
                    asked.authorization,
                    method=asked.method,
                    uri=asked.uri,
                    body=asked.body,
                    offset=offset,
                )
                answer = await self._call(route, identity, asked, is_lost=is_lost)
            await self._store.committed()
        except ServiceError as error:
            status = 500 if error.status == 500 else 202
            answer = {"error": error_body(error)}
        except Exception:
            logger.exception("%s %s failed", asked.method, asked.path)
            status, answer = 500, {"error": error_body(broken())}
        return _Answer(status, encode_json(answer), identity)

    def _response(
        self, request: web.Request, answer: _Answer, headers: dict[str, str]
    ) -> web.Response:
        if answer.status == BAD_GATEWAY:
            return web.Response(
                status=BAD_GATEWAY, body=answer.text, content_type="text/html", headers=headers
            )
        identity = answer.identity
        if identity and identity.authorization and identity.authorization.public_key:
            headers[INTEGRITY_HEADER] = self._oauth.key.integrity_token(
                headers[REQUEST_ID],
                request.method,
                request.raw_path,
                answer.text,
                now=self._clocks.token_now() / 1e9,
            )
        return json_answer(msgspec.Raw(answer.text), answer.status, headers)

    def _fault_of(self, claimed: str, name: str) -> Fault | None:
        fault = None
        if name == _ACKNOWLEDGEMENTS:
            fault = self._faults.take(ACKNOWLEDGEMENT, claimed, name)
        return fault or self._faults.take(CALL, claimed, name)

    def _refuse(self, fault: Fault) -> _Answer | None:
        """Return what a fault answers instead of us, None if it leaves that to us."""
        if fault.kind == "bad_gateway":
            return _Answer(BAD_GATEWAY, b"<html><h1>502 Bad Gateway</h1></html>\n")
        if fault.kind == "unauthorized":
            error = unauthorized(TokenError("session", "a fault"))
        elif fault.kind == "error":
            error = fault.error()
        else:
            return None
        status = 500 if error.status == 500 else 202
        return _Answer(status, encode_json({"error": error_body(error)}))

    async def _call(
        self, route: Route, identity: Identity, asked: _Request, *, is_lost: bool
    ) -> Any:
        user, session_id, authorization = identity
        if authorization is not None:
            scope = self._scopes.get(route.name)
            if scope is None:
                raise forbidden(f"{route.name} is not for calls on behalf of a person")
            if scope not in authorization.scopes:
                raise forbidden(f"{route.name} needs the scope {scope}, which was not granted")
        return await route.endpoint(
            Call(user, session_id, route.parameters, asked.body, asked.origin, is_lost)
        )


def _has_token(asked: _Request) -> bool:
    return bool((asked.authorization or "").strip().partition(" ")[2])


async def _receive(request: web.Request) -> _Request:
    body = await read_whole(request)
    return _Request(
        request.method,
        request.path,
        request.raw_path,
        request.headers.get("Authorization"),
        body,
        origin_of(request),
    )


class MessageEndpoints:
    """Messages and their receipts."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._deliveries = service.deliveries

    def endpoints(self) -> Endpoints:
        """Return the endpoints."""
        return {
            ("POST", "/messages"): self._messages,
            ("POST", "/acknowledgements"): self._acknowledgements,
            ("GET", "/messages/status/:offset"): self._statuses,
        }

    async def _messages(self, call: Call) -> Any:
        self._service.send(call.user, call.session_id, read_messages(call.body))
        return {}

    async def _acknowledgements(self, call: Call) -> Any:
        receipts = read_body(call.body, list[IncomingReceipt])
        if len(receipts) > BATCH_LIMIT:
            raise bad_field("messages", f"at most {BATCH_LIMIT} in one request")
        for receipt in () if call.is_lost else receipts:
            self._deliveries.acknowledge(call.user.user_id, receipt.message_id, receipt.status)
        return {"data": receipts}

    async def _statuses(self, call: Call) -> Any:
        """Show receipts of the bot's messages since an offset, in nanoseconds since the epoch."""
        text = call.parameters[0]
        is_time = text.isascii() and text.isdigit() and len(text) <= len(str(_LAST_TIME))
        if not is_time or int(text) > _LAST_TIME:
            raise bad_field("offset", "should be nanoseconds since the epoch")
        return {"data": self._deliveries.receipts(call.user.user_id, since=int(text))}
