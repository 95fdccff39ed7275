"""Mailboxes over HTTP, each behind its own token: JSON in and out, as in ``letters``."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from blazebot.bot.mailbox.letters import Query, SendRequest
from blazebot.bot.mailbox.mailbox import Mailbox
from blazebot.errors import BlazebotError, KeystoreError

T = TypeVar("T")

_Answer = Callable[[Mailbox, web.Request], Awaitable[Any]]


def mailbox_routes(mailboxes: Sequence[Mailbox]) -> list[web.RouteDef]:
    """Return the routes of an endpoint that serves mailboxes, by the ids of their bots."""

    def asking(answer: _Answer) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            mailbox = _find(mailboxes, request)
            if mailbox is None:
                return _refused(HTTPStatus.UNAUTHORIZED, "no such mailbox, or not its token")
            try:
                return _json(await answer(mailbox, request))
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                return _refused(HTTPStatus.BAD_REQUEST, f"malformed request: {error}")
            except BlazebotError as error:
                return _refused(HTTPStatus.CONFLICT, str(error))

        return handle

    prefix = "/mailboxes/{bot_id}"
    return [
        web.post(f"{prefix}/read", asking(_read)),
        web.post(f"{prefix}/send", asking(_send)),
        web.get(f"{prefix}/conversations", asking(_conversations)),
        web.get(f"{prefix}/messages/{{message_id}}", asking(_message)),
    ]


def _find(mailboxes: Sequence[Mailbox], request: web.Request) -> Mailbox | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    given = token.strip().encode(errors="replace")
    for one in mailboxes:
        if _id(one) == request.match_info["bot_id"].lower() and scheme.lower() == "bearer":
            return one if hmac.compare_digest(given, one.token.encode()) else None
    return None


def _id(mailbox: Mailbox) -> str:
    try:
        return mailbox.bot_id
    except KeystoreError:
        return ""


async def _read(mailbox: Mailbox, request: web.Request) -> Any:
    # Who is gone has read nothing; aiohttp lets this go on without them.
    query = await _body(request, Query)
    return await mailbox.read(query, lambda: request.transport is not None)


async def _send(mailbox: Mailbox, request: web.Request) -> Any:
    return await mailbox.send(await _body(request, SendRequest))


async def _conversations(mailbox: Mailbox, _: web.Request) -> Any:
    return await mailbox.conversations()


async def _message(mailbox: Mailbox, request: web.Request) -> Any:
    return await mailbox.find(request.match_info["message_id"])


async def _body(request: web.Request, kind: type[T]) -> T:
    return msgspec.json.decode(await request.read(), type=kind)


def _json(document: Any, status: int = HTTPStatus.OK) -> web.Response:
    return web.Response(
        status=status, body=msgspec.json.encode(document), content_type="application/json"
    )


def _refused(status: HTTPStatus, words: str) -> web.Response:
    return _json({"error": words}, status)
