"""HTTP answers: JSON, and the headers that every answer of the service carries (section 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from blazebot.errors import ServiceError
from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.rules.drafts import new_id
from blazebot.sandbox.rules.refusals import error_body
from blazebot.wire.codec import encode_json

__all__ = ["REQUEST_ID", "answer_headers", "json_answer", "refusal"]

REQUEST_ID: Final = "X-Request-Id"
_SERVER_TIME: Final = "X-Server-Time"

_STATUSES: Final = {10002: 400, 20116: 409, 20121: 400}
"""HTTP statuses of the service's own error codes; the lesser codes are HTTP statuses."""


def answer_headers(request: web.Request, clocks: Clocks, offset: float = 0.0) -> dict[str, str]:
    """Return the request's id, or a new one, and the time in nanoseconds.

    The time is that of the token clock, ``offset`` seconds off: one app tells by it a clock that is
    off from a session that has ended [C].
    """
    return {
        REQUEST_ID: request.headers.get(REQUEST_ID) or new_id(),
        _SERVER_TIME: str(clocks.token_now() + int(offset * 1e9)),
    }


def json_answer(
    body: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return ``body`` as JSON."""
    return web.Response(
        status=status, body=encode_json(body), content_type="application/json", headers=headers
    )


def refusal(error: ServiceError, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return an error where HTTP statuses tell it, as the service's REST does not."""
    body = error_body(error)
    body.status = _STATUSES.get(error.code, error.code if error.code < 600 else 500)
    return json_answer({"error": body}, body.status, headers)
