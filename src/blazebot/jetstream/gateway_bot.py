"""A bot of which this process holds the line, and runs no handlers."""

from __future__ import annotations

import asyncio

from blazebot.bot.bot import Bot
from blazebot.errors import BlazebotError, NotRunning
from blazebot.jetstream.gateway import Gateway
from blazebot.watch.counts import BotStatus, State


class GatewayBot(Bot):
    """A bot by its keystore alone (None: the setting): what it starts is a gateway."""

    def __init__(self, keystore: str | None, url: str) -> None:
        super().__init__(keystore)
        self._url = url
        self._gateway: Gateway | None = None

    async def start(self) -> None:
        """Stand by for the line; raises as :meth:`Gateway.start`."""
        if self._gateway is not None:
            raise BlazebotError("the gateway runs already")
        self._gateway = Gateway(self.keystore, self.settings, self._url)
        try:
            await self._gateway.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Let go of the line."""
        gateway, self._gateway = self._gateway, None
        if gateway is not None:
            await gateway.stop()

    async def wait_closed(self) -> None:
        """Return when the gateway was stopped; raises Unauthorized if the service refuses it."""
        if self._gateway is None:
            raise NotRunning("the gateway has not been started")
        ended = self._gateway.ended
        await asyncio.wait((ended,))
        if not ended.cancelled():
            await ended

    def status(self) -> BotStatus:
        """Return whether this gateway has an open line, and what it has counted with it."""
        gateway = self._gateway
        if gateway is None:
            return BotStatus(self.id, "stopped")
        state: State = "open" if gateway.is_open else "connecting"
        return BotStatus(self.id, state, counts=gateway.counts())
