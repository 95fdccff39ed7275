"""Operations of the control API: each holds what serves it and what describes it.

By the same operation a request is routed and read, and ``openapi`` describes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from blazebot.errors import FrameError
from blazebot.sandbox.bodies import read_whole
from blazebot.sandbox.rest.calls import read_body
from blazebot.sandbox.rules.refusals import bad_shape

__all__ = ["JSON", "Done", "Handler", "Operation"]

JSON: Final = "application/json"


class Done(msgspec.Struct):
    """It is done, and there is no more to say of it."""


Handler = Callable[[web.Request, Any], Awaitable[Any]]
"""Gets the request and what it asks: its body or its query as the operation's type, else None.

Returns what the operation says that it answers, or a whole response; raises ServiceError to refuse.
The first paragraph of its docstring describes the operation.
"""


class Operation(NamedTuple):
    """What can be asked of the control API, and what it answers.

    ``path`` follows ``/control`` and has its parameters in braces, as in ``/bots/{bot_id}``; the
    handler finds them in ``request.match_info``. ``body`` is the type of a JSON body, or ``bytes``
    for a body that the handler reads itself; ``query`` is a struct of query parameters, each with
    a default. An operation has one of them or neither.

    ``answer`` is the type of the answer. If that is not of ``media_type`` JSON, the handler returns
    the response, in which each line or the whole is an ``answer``. ``refusals`` are statuses
    beside those that follow from the rest.
    """

    method: str
    path: str
    handler: Handler
    body: Any = None
    query: type[msgspec.Struct] | None = None
    answer: Any = Done
    media_type: str = JSON
    refusals: tuple[int, ...] = ()

    async def read(self, request: web.Request) -> Any:
        """Return what a request asks, for the handler.

        Raises:
            ServiceError: 400 or 10002, it is malformed; or its body cannot be read whole.
            HTTPException: its body is not said to be JSON.
        """
        if self.query is not None:
            try:
                return msgspec.convert(dict(request.query), self.query, strict=False)
            except msgspec.ValidationError as error:
                raise bad_shape(FrameError(str(error)), "query") from None
        if self.body in (None, bytes):
            return None
        text = await read_whole(request)
        if text and request.headers.get("Content-Type") and request.content_type != JSON:
            raise web.HTTPUnsupportedMediaType(
                text=f"instead of {request.content_type} send Content-Type: {JSON}"
            )
        return read_body(text or b"{}", self.body)
