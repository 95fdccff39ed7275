"""The service's REST endpoints (protocol sections 9 and 10).

Success is HTTP 200; an error is HTTP 202, or 500 where the sandbox itself failed, never 4xx.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from blazebot.errors import FrameError, ServiceError
from blazebot.sandbox.answers import answer_headers, json_answer
from blazebot.sandbox.authority import Authority
from blazebot.sandbox.blaze import IncomingReceipt
from blazebot.sandbox.drafts import read_id, read_optional_id
from blazebot.sandbox.refusals import (
    bad_field,
    bad_request,
    bad_shape,
    broken,
    error_body,
    no_endpoint,
    not_found,
)
from blazebot.sandbox.service import Service
from blazebot.sandbox.store import CONTACT, GROUP, User
from blazebot.sandbox.views import conversation_view, me_view
from blazebot.wire.codec import decode_json
from blazebot.wire.ids import contact_conversation_id
from blazebot.wire.limits import BATCH_LIMIT, REQUEST_LIMIT
from blazebot.wire.messages import IncomingRequest

__all__ = ["Rest"]

_CONVERSATION: Final = re.compile(r"/conversations/([^/]+)")

_log = logging.getLogger("blazebot.sandbox")


class _Call(NamedTuple):
    """A request whose token was found good."""

    user: User
    session_id: str
    path: str
    body: bytes


class _ParticipantRequest(msgspec.Struct):
    """Requests may carry a role and times too, even empty ones [C]; they mean nothing here."""

    user_id: str


class _ConversationRequest(msgspec.Struct):
    category: str
    conversation_id: str
    participants: list[_ParticipantRequest] = []
    name: str | None = None
    announcement: str | None = None
    random_id: str | None = None


class Rest:
    """The REST endpoints of the service."""

    def __init__(self, authority: Authority, service: Service) -> None:
        self._authority = authority
        self._service = service
        self._directory = service.directory
        self._store = service.store
        self._endpoints: dict[tuple[str, str], Callable[[_Call], Awaitable[Any]]] = {
            ("GET", "/me"): self._me,
            ("POST", "/messages"): self._messages,
            ("POST", "/acknowledgements"): self._acknowledgements,
            ("POST", "/conversations"): self._create_conversation,
            ("GET", "/conversations/:id"): self._conversation,
        }

    async def handle(self, request: web.Request) -> web.Response:
        """Answer any request to the service's REST."""
        status = 200
        try:
            answer = await self._answer(request)
        except ServiceError as error:
            status = 500 if error.status == 500 else 202
            answer = {"error": error_body(error)}
        except Exception:
            _log.exception("%s %s failed", request.method, request.path)
            status, answer = 500, {"error": error_body(broken())}
        return json_answer(answer, status, answer_headers(request, self._service.clocks))

    async def _answer(self, request: web.Request) -> Any:
        path = request.path
        pattern = "/conversations/:id" if _CONVERSATION.fullmatch(path) else path
        endpoint = self._endpoints.get((request.method, pattern))
        if endpoint is None:
            raise no_endpoint(request.method, path)
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise bad_request("the body is too large") from None
        identity = self._authority.identify(
            request.headers.get("Authorization"),
            method=request.method,
            uri=request.raw_path,
            body=body,
        )
        answer = await endpoint(_Call(*identity, path, body))
        await self._store.committed()
        return answer

    async def _me(self, call: _Call) -> Any:
        return {"data": me_view(call.user)}

    async def _messages(self, call: _Call) -> Any:
        if len(call.body) > REQUEST_LIMIT:
            raise bad_request(f"the body has more than {REQUEST_LIMIT} bytes")
        requests = _read(call.body, list[IncomingRequest] | IncomingRequest)
        if isinstance(requests, IncomingRequest):
            requests = [requests]
        self._service.send(call.user, call.session_id, requests)
        return {}

    async def _acknowledgements(self, call: _Call) -> Any:
        receipts = _read(call.body, list[IncomingReceipt])
        if len(receipts) > BATCH_LIMIT:
            raise bad_field("messages", f"at most {BATCH_LIMIT} in one request")
        for receipt in receipts:
            self._service.acknowledge(call.user.user_id, receipt.message_id, receipt.status or "")
        return {"data": receipts}

    async def _create_conversation(self, call: _Call) -> Any:
        request = _read(call.body, _ConversationRequest)
        conversation_id = read_id("conversation_id", request.conversation_id)
        participant_ids = [
            read_id("participants", participant.user_id) for participant in request.participants
        ]
        if request.category == CONTACT:
            if len(participant_ids) != 1:
                raise bad_field("participants", "a conversation of two names one, the other user")
            derived = contact_conversation_id(call.user.user_id, participant_ids[0])
            if conversation_id != derived:
                raise bad_field("conversation_id", f"should be {derived}, derived from both ids")
            other = self._store.user(participant_ids[0])
            if other is None:
                raise bad_field("participants", f"there is no user {participant_ids[0]}")
            conversation = self._directory.contact(call.user, other)
        elif request.category == GROUP:
            conversation = self._directory.group(
                call.user,
                participant_ids,
                name=request.name or "",
                announcement=request.announcement or "",
                conversation_id=conversation_id,
                random_id=read_optional_id("random_id", request.random_id),
            )
        else:
            raise bad_field("category", f"should be {CONTACT} or {GROUP}")
        sessions = self._directory.live_sessions(conversation)
        return {"data": conversation_view(conversation, sessions)}

    async def _conversation(self, call: _Call) -> Any:
        conversation_id = call.path.rpartition("/")[2].lower()
        if self._store.conversation(conversation_id) is None:
            raise not_found(f"there is no conversation {conversation_id}")
        conversation = self._directory.conversation_of(call.user.user_id, conversation_id)
        sessions = self._directory.live_sessions(conversation)
        return {"data": conversation_view(conversation, sessions)}


def _read(body: bytes, kind: Any) -> Any:
    """Return a JSON body as ``kind``; 400 if it is no JSON, 10002 if it has another shape."""
    try:
        return decode_json(body, kind)
    except FrameError as error:
        try:
            decode_json(body, msgspec.Raw)
        except FrameError:
            raise bad_request(str(error)) from None
        raise bad_shape(error, "body") from None
