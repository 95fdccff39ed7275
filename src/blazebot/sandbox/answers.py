"""HTTP answers: JSON, and the headers that every answer of the service carries (section 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.drafts import new_id
from blazebot.wire.codec import encode_json

__all__ = ["REQUEST_ID", "answer_headers", "json_answer"]

REQUEST_ID: Final = "X-Request-Id"
_SERVER_TIME: Final = "X-Server-Time"


def answer_headers(request: web.Request, clocks: Clocks) -> dict[str, str]:
    """Return the request's id, or a new one, and the time in nanoseconds.

    The time is that of the token clock: one app tells by it a clock that is off from a session that
    has ended [C].
    """
    return {
        REQUEST_ID: request.headers.get(REQUEST_ID) or new_id(),
        _SERVER_TIME: str(clocks.token_now()),
    }


def json_answer(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return ``body`` as JSON."""
    return web.Response(
        status=status, body=encode_json(body), content_type="application/json", headers=headers
    )
