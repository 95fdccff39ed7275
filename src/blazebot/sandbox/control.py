"""The control API: what drives the sandbox from outside, under ``/control``.

JSON over HTTP, with proper statuses; an error is ``{"error": {"status", "code", "description",
"extra"?}}``. For many people at once there is the socket, see ``control_socket``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from aiohttp import web

from blazebot.errors import FrameError, ServiceError
from blazebot.sandbox.actions import Actions
from blazebot.sandbox.answers import json_answer
from blazebot.sandbox.clocks import timestamp
from blazebot.sandbox.control_requests import (
    ClockChange,
    Friend,
    NewGroup,
    NewPersonSession,
    NewSession,
    NewUser,
    PersonMessage,
    Reading,
)
from blazebot.sandbox.guard import CONTROL_PREFIX
from blazebot.sandbox.refusals import (
    bad_field,
    bad_request,
    bad_shape,
    broken,
    error_body,
    no_endpoint,
)
from blazebot.sandbox.service import Service
from blazebot.sandbox.store import BOT, PERSON, User
from blazebot.sandbox.transfers import NewTransfer
from blazebot.sandbox.views import Snapshot, user_document
from blazebot.wire.codec import decode_json

__all__ = ["Control", "ControlEndpoint"]

ControlEndpoint = Callable[[web.Request], Awaitable[Any]]
"""Answers with the answer's JSON; raises ServiceError to refuse."""

_LIMIT: Final = 100
_LIMIT_MOST: Final = 1000

_NEWEST: Final = 2**62
"""A seq above all."""

_STATUSES: Final = {
    **{code: code for code in (400, 401, 403, 404, 409, 413)},
    **{10002: 400, 20116: 409, 20121: 400},
}
"""HTTP statuses of error codes; 500 for any other."""

logger = logging.getLogger("blazebot.sandbox")


class Control:
    """The control API over HTTP: its own endpoints and ``more`` by method and path."""

    def __init__(
        self,
        actions: Actions,
        service: Service,
        more: Sequence[tuple[str, str, ControlEndpoint]] = (),
    ) -> None:
        self._more = more
        self._actions = actions
        self._service = service
        self._directory = service.directory
        self._store = service.store
        self._clocks = service.clocks

    def routes(self) -> list[web.RouteDef]:
        """Return the endpoints, without the socket."""
        endpoints: list[tuple[str, str, ControlEndpoint]] = [
            ("GET", "/health", self._health),
            ("GET", "/clocks", self._show_clocks),
            ("POST", "/clocks", self._set_clocks),
            ("POST", "/people", self._create_people),
            ("GET", "/people", self._list_people),
            ("POST", "/bots", self._create_bot),
            ("GET", "/bots", self._list_bots),
            ("GET", "/bots/{id}", self._show_bot),
            ("POST", "/bots/{id}/sessions", self._issue_session),
            ("POST", "/people/{id}/friends", self._befriend),
            ("POST", "/groups", self._create_group),
            ("GET", "/people/{id}/conversations", self._conversations),
            (
                "GET",
                "/people/{id}/conversations/{conversation_id}/messages",
                self._history,
            ),
            ("GET", "/people/{id}/messages", self._messages),
            ("POST", "/people/{id}/messages", self._send),
            ("POST", "/people/{id}/read", self._read),
            ("POST", "/people/{id}/sessions", self._open_person_session),
            ("POST", "/people/{id}/transfers", self._transfer),
            *self._more,
            ("*", "/{path:.*}", self._unknown),
        ]
        return [
            web.route(method, CONTROL_PREFIX + path, self._answering(endpoint))
            for method, path, endpoint in endpoints
        ]

    def _answering(
        self, endpoint: ControlEndpoint
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            status = 200
            try:
                answer = await endpoint(request)
                await self._store.committed()
            except ServiceError as error:
                status = _STATUSES.get(error.code, 500)
                body = error_body(error)
                body.status = status
                answer = {"error": body}
            except web.HTTPException as error:  # the body is too large
                status = error.status
                answer = {"error": {"status": status, "code": status, "description": error.reason}}
            except Exception:
                logger.exception("%s %s failed", request.method, request.path)
                status, answer = 500, {"error": error_body(broken())}
            return json_answer(answer, status)

        return handle

    # The sandbox

    async def _health(self, _: web.Request) -> Any:
        return {"status": "ok", "cursor": self._store.last_change()}

    async def _show_clocks(self, _: web.Request) -> Any:
        return {
            "retention_offset": self._clocks.retention_offset,
            "retention_now": timestamp(self._clocks.now()),
            "token_offset": self._clocks.token_offset,
            "token_now": timestamp(self._clocks.token_now()),
        }

    async def _set_clocks(self, request: web.Request) -> Any:
        change = await _body(request, ClockChange)
        if change.retention_offset is not None:
            self._clocks.retention_offset = change.retention_offset
        if change.token_offset is not None:
            self._clocks.token_offset = change.token_offset
        return await self._show_clocks(request)

    async def _unknown(self, request: web.Request) -> Any:
        raise no_endpoint(request.method, request.path)

    # Bots

    async def _create_bot(self, request: web.Request) -> Any:
        new = await _body(request, NewUser)
        return self._actions.bot_document(self._directory.create_bot(new.full_name))

    async def _list_bots(self, _: web.Request) -> Any:
        return {"bots": [self._actions.bot_document(bot) for bot in self._store.users(BOT)]}

    async def _show_bot(self, request: web.Request) -> Any:
        return self._actions.bot_document(self._directory.bot(request.match_info["id"]))

    async def _issue_session(self, request: web.Request) -> Any:
        bot = self._directory.bot(request.match_info["id"])
        new = await _body(request, NewSession)
        issued = self._directory.issue_session(bot, new.form)
        self._service.end_session(bot.user_id)
        return issued.document

    # People

    async def _create_people(self, request: web.Request) -> Any:
        new = await _body(request, list[NewUser] | NewUser)
        if isinstance(new, NewUser):
            return self._actions.create_person(new)
        return {"people": [self._actions.create_person(one) for one in new]}

    async def _list_people(self, _: web.Request) -> Any:
        return {"people": [user_document(user) for user in self._store.users(PERSON)]}

    async def _befriend(self, request: web.Request) -> Any:
        friend = await _body(request, Friend)
        return self._actions.befriend(request.match_info["id"], friend.user_id)

    async def _create_group(self, request: web.Request) -> Any:
        new = await _body(request, NewGroup)
        creator = self._store.user(new.creator_id.lower())
        if creator is None:
            raise bad_field("creator_id", f"there is no user {new.creator_id}")
        conversation = self._directory.group(
            creator, new.participants, name=new.name, announcement=new.announcement
        )
        return self._actions.conversation_document(conversation)

    async def _conversations(self, request: web.Request) -> Any:
        person = self._person(request)
        documents = []
        for conversation_id in self._store.conversation_ids(person.user_id):
            conversation = self._directory.conversation_of(person.user_id, conversation_id)
            newest = self._service.look_back(person, conversation_id, before=_NEWEST, limit=1)
            documents.append(
                self._actions.conversation_document(conversation, person.user_id)
                | {
                    "unread": self._store.count_unread(person.user_id, conversation_id),
                    "last_message": newest[0] if newest else None,
                }
            )
        return {"conversations": documents}

    async def _history(self, request: web.Request) -> Any:
        messages = self._service.look_back(
            self._person(request),
            request.match_info["conversation_id"].lower(),
            before=_number(request, "before", _NEWEST, least=0, most=_NEWEST),
            limit=_number(request, "limit", _LIMIT, least=1, most=_LIMIT_MOST),
        )
        return {"messages": messages}

    async def _messages(self, request: web.Request) -> Any:
        person = self._person(request)
        cursor = _number(request, "after", 0, least=0, most=_NEWEST)
        limit = _number(request, "limit", _LIMIT, least=1, most=_LIMIT_MOST)
        messages: list[Snapshot] = []
        received: set[int] = set()
        ended = False
        while not ended and len(messages) < limit:
            glance = self._service.look(
                {person.user_id}, after=cursor, limit=limit - len(messages), received=received
            )
            messages += [sighting.message for sighting in glance.sightings]
            cursor, ended = glance.cursor, glance.ended
            await asyncio.sleep(0)  # there may be many of other people's to go over
        return {"messages": messages, "cursor": cursor, "more": not ended}

    async def _send(self, request: web.Request) -> Any:
        message = await _body(request, PersonMessage)
        return self._actions.send(request.match_info["id"], message)

    async def _read(self, request: web.Request) -> Any:
        reading = await _body(request, Reading)
        self._actions.read(request.match_info["id"], reading.message_ids)
        return {}

    async def _open_person_session(self, request: web.Request) -> Any:
        new = await _body(request, NewPersonSession)
        return self._actions.open_session(request.match_info["id"], new)

    async def _transfer(self, request: web.Request) -> Any:
        new = await _body(request, NewTransfer)
        return self._actions.transfer(request.match_info["id"], new)

    def _person(self, request: web.Request) -> User:
        return self._directory.person(request.match_info["id"])


async def _body(request: web.Request, kind: Any) -> Any:
    """Return a request's JSON as ``kind``; no body at all is an empty object."""
    try:
        return decode_json(await request.read() or b"{}", kind)
    except FrameError as error:
        raise bad_shape(error, "body") from None


def _number(request: web.Request, name: str, default: int, *, least: int, most: int) -> int:
    text = request.query.get(name)
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise bad_request(f"{name} should be a number from {least} to {most}")
    return number
