"""The HTTP endpoint by which bots are watched: ``/metrics``, ``/healthz`` and ``/readyz``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Self

from aiohttp import web
from aiohttp.typedefs import Handler

from blazebot.errors import SettingsError
from blazebot.http_server import HttpServer
from blazebot.watch.counts import BotStatus
from blazebot.watch.guard import Address, Guard
from blazebot.watch.metrics import exposition

_GRACE: Final = 1.0
"""Seconds for answers that are under way at the end."""

_CONNECTIONS_MOST: Final = 64
"""Connections at once: whoever looks takes no file that the bot needs for its line."""

_PATIENCE: Final = 10.0
"""Seconds within which a request comes, and its answer is taken."""


class Endpoint:
    """Serves what ``statuses()`` returns when somebody asks, while ``async with`` lasts.

    ``routes`` are served too; whoever handles them sees to it who may ask, by a token of its own.
    """

    def __init__(
        self,
        address: Address,
        statuses: Callable[[], Sequence[BotStatus]],
        routes: Sequence[web.RouteDef] = (),
    ) -> None:
        self._address = address
        self._statuses = statuses
        self._guard = Guard(address)
        app = web.Application(middlewares=[self._check])
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.add_routes(routes)
        self._with_own_tokens = {route.handler for route in routes}
        self._server = HttpServer(app, most=_CONNECTIONS_MOST, patience=_PATIENCE, grace=_GRACE)
        self._port = address.port

    @property
    def url(self) -> str:
        """Its address, once it listens."""
        host = self._address.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    async def __aenter__(self) -> Self:
        """Listen; raises SettingsError if it cannot."""
        host, port = self._address.host, self._address.port
        try:
            self._port = await self._server.listen(host, port)
        except OSError as error:
            await self._server.close()
            raise SettingsError(
                f"watch_port: {host} port {port} cannot be listened on: {error.strerror}"
            ) from None
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._server.close()

    @web.middleware
    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._guard.answers_to(request.headers.get("Host", "")):
            return _words(403, "not addressed by this name; if it should be, see watch_allow_hosts")
        if request.match_info.handler not in self._with_own_tokens and not self._guard.admits(
            request.headers.get("Authorization", "")
        ):
            return _words(401, "watch_token is needed, as Authorization: Bearer TOKEN")
        return await handler(request)

    async def _metrics(self, request: web.Request) -> web.Response:
        body, content_type = exposition(self._statuses(), request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def _health(self, _: web.Request) -> web.Response:
        # That it answers is what there is to know: the loop that runs the bots turns.
        return _words(200, "ok")

    async def _ready(self, _: web.Request) -> web.Response:
        statuses = self._statuses()
        is_ready = all(one.state == "open" for one in statuses)
        lines = (f"{one.bot_id} {one.state}{one.reason and f': {one.reason}'}" for one in statuses)
        return _words(200 if is_ready else 503, "\n".join(lines))


def _words(status: int, words: str) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return web.Response(status=status, text=f"{words}\n", headers=headers)
