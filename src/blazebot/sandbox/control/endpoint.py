"""The control API: what drives the sandbox from outside, under ``/control``.

JSON over HTTP, with proper statuses; an error is ``{"error": {"status", "code", "description",
"extra"?}}``. ``GET /control/openapi.json`` describes it. For many people at once there is the
socket, see ``control_socket``.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from blazebot.errors import ServiceError, service_error
from blazebot.sandbox.answers import json_answer, refusal
from blazebot.sandbox.control.openapi import describe
from blazebot.sandbox.control.operations import Operation
from blazebot.sandbox.rules.refusals import broken
from blazebot.sandbox.storage.store import Store

__all__ = ["Control"]

logger = logging.getLogger("blazebot.sandbox")


class Control:
    """The control API: ``operations`` and their description, and the ``socket`` as it is."""

    def __init__(self, store: Store, operations: Sequence[Operation], socket: Handler) -> None:
        self._store = store
        self._operations = [
            Operation("GET", "/openapi.json", self._describe, answer=dict[str, Any]),
            *operations,
        ]
        self._socket = socket
        self._description = describe(self._operations)

    def application(self) -> web.Application:
        """Return what serves it, to be put under ``/control``."""
        app = web.Application(middlewares=[_answer_errors])
        app.router.add_get("/socket", self._socket)
        for one in self._operations:
            app.router.add_route(one.method, one.path, self._serving(one))
        return app

    def _serving(
        self, operation: Operation
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def serve(request: web.Request) -> web.StreamResponse:
            answer = await operation.handler(request, await operation.read(request))
            if isinstance(answer, web.StreamResponse):
                return answer
            await self._store.committed()
            return json_answer(answer)

        return serve

    async def _describe(self, _: web.Request, __: None) -> Any:
        """Describe the control API: this document."""
        return self._description


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer whatever goes wrong in JSON, what aiohttp refuses too."""
    try:
        return await handler(request)
    except ServiceError as error:
        return refusal(error)
    except web.HTTPException as error:
        words = service_error(error.status, error.reason, extra={"reason": error.text})
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else None
        return refusal(words, allow)
    except ConnectionError:  # the caller is gone
        raise
    except Exception:
        if request.writer.output_size:  # the answer has begun: it can only be broken off
            raise
        logger.exception("%s %s failed", request.method, request.path)
        return refusal(broken())
