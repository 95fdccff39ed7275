"""The service's REST (protocol sections 9 and 10): who calls, what they call, how it is answered.

Success is HTTP 200; an error is HTTP 202, or 500 where the sandbox itself failed, never 4xx.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from blazebot.errors import ServiceError
from blazebot.sandbox.answers import REQUEST_ID, answer_headers, json_answer
from blazebot.sandbox.authority import Authority, Identity
from blazebot.sandbox.blaze import IncomingReceipt
from blazebot.sandbox.calls import Call, Endpoints, Route, Routes, read_body, read_messages
from blazebot.sandbox.oauth import OAuth
from blazebot.sandbox.refusals import (
    bad_field,
    bad_request,
    broken,
    error_body,
    forbidden,
    no_endpoint,
)
from blazebot.sandbox.rest_attachments import origin_of
from blazebot.sandbox.rest_oauth import exchange_code
from blazebot.sandbox.service import Service
from blazebot.sandbox.service_key import INTEGRITY_HEADER
from blazebot.wire.codec import encode_json
from blazebot.wire.limits import BATCH_LIMIT

__all__ = ["MessageEndpoints", "Rest"]

_TOKEN_ENDPOINT: Final = ("POST", "/oauth/token")
"""The only call that needs no token of its own."""

logger = logging.getLogger("blazebot.sandbox")


class _Request(NamedTuple):
    """A request as it came. ``uri`` is path and query as sent."""

    method: str
    path: str
    uri: str
    authorization: str | None
    body: bytes
    origin: str


class Rest:
    """Answers whatever is asked of the service's REST."""

    def __init__(
        self, authority: Authority, service: Service, oauth: OAuth, endpoints: Sequence[Endpoints]
    ) -> None:
        self._authority = authority
        self._clocks = service.clocks
        self._store = service.store
        self._oauth = oauth
        self._routes = Routes({key: end for group in endpoints for key, end in group.items()})
        calls = (call.rpartition(" ") for call in service.settings.oauth_calls)
        self._scopes = {name: scope for name, _, scope in calls}

    async def handle(self, request: web.Request) -> web.Response:
        """Answer any request to the service's REST."""
        headers = answer_headers(request, self._clocks)
        identity: Identity | None = None
        status = 200
        try:
            asked = await _receive(request)
            if (asked.method, asked.path) == _TOKEN_ENDPOINT:
                answer = exchange_code(self._oauth, asked.body)
            else:
                route = self._routes.find(asked.method, asked.path)
                if route is None:
                    raise no_endpoint(asked.method, asked.path)
                identity = self._identify(asked)
                answer = await self._call(route, identity, asked)
            await self._store.committed()
        except ServiceError as error:
            status = 500 if error.status == 500 else 202
            answer = {"error": error_body(error)}
        except Exception:
            logger.exception("%s %s failed", request.method, request.path)
            status, answer = 500, {"error": error_body(broken())}
        text = encode_json(answer)
        if identity and identity.authorization and identity.authorization.public_key:
            headers[INTEGRITY_HEADER] = self._oauth.key.integrity_token(
                headers[REQUEST_ID],
                request.method,
                request.raw_path,
                text,
                now=self._clocks.token_now() / 1e9,
            )
        return json_answer(msgspec.Raw(text), status, headers)

    def _identify(self, asked: _Request) -> Identity:
        return self._authority.identify(
            asked.authorization, method=asked.method, uri=asked.uri, body=asked.body
        )

    async def _call(self, route: Route, identity: Identity, asked: _Request) -> Any:
        user, session_id, authorization = identity
        if authorization is not None:
            scope = self._scopes.get(route.name)
            if scope is None:
                raise forbidden(f"{route.name} is not for calls on behalf of a person")
            if scope not in authorization.scopes:
                raise forbidden(f"{route.name} needs the scope {scope}, which was not granted")
        return await route.endpoint(
            Call(user, session_id, route.parameters, asked.body, asked.origin)
        )


async def _receive(request: web.Request) -> _Request:
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise bad_request("the body is too large") from None
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

    def endpoints(self) -> Endpoints:
        """Return the endpoints."""
        return {
            ("POST", "/messages"): self._messages,
            ("POST", "/acknowledgements"): self._acknowledgements,
        }

    async def _messages(self, call: Call) -> Any:
        self._service.send(call.user, call.session_id, read_messages(call.body))
        return {}

    async def _acknowledgements(self, call: Call) -> Any:
        receipts = read_body(call.body, list[IncomingReceipt])
        if len(receipts) > BATCH_LIMIT:
            raise bad_field("messages", f"at most {BATCH_LIMIT} in one request")
        for receipt in receipts:
            self._service.acknowledge(call.user.user_id, receipt.message_id, receipt.status or "")
        return {"data": receipts}
