"""A gateway: it holds a bot's line while no other does, and runs no handlers."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

from blazebot.bot.settings import BotSettings
from blazebot.delivery.session_lock import open_data_directory
from blazebot.errors import NotRunning
from blazebot.jetstream.connection import Client, close, connect, end, warn_if_old
from blazebot.jetstream.holding import HeldLine
from blazebot.jetstream.lease import Lease
from blazebot.jetstream.names import Names
from blazebot.jetstream.streams import Terms, declare, gateways_bucket
from blazebot.keys.keystore import Keystore
from blazebot.watch.counts import Counts

logger = logging.getLogger("blazebot.jetstream")

AWAY: Final = 10.0
"""Seconds without a line after which the lease is given up: another may reach the service."""

_LOOK_EVERY: Final = 0.5
_PAUSE: Final = 1.0  # before it tries to hold the line again


class Gateway:
    """Of all gateways of a bot one holds its line; the others stand by.

    ``url`` is where NATS is. :meth:`start` returns without waiting for the line.
    """

    def __init__(self, keystore: Keystore, settings: BotSettings, url: str) -> None:
        self._keystore = keystore
        self._settings = settings
        self._url = url
        self._names = Names(keystore.app_id)
        self._client: Client | None = None
        self._held: HeldLine | None = None
        self._run: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Declare streams, and stand by for the line.

        Raises:
            EngineError: NATS cannot be used.
            SettingsError: the data directory cannot be used.
        """
        settings = self._settings
        directory = open_data_directory(settings.data_root, self._keystore.app_id)
        self._client = client = await connect(
            self._url, name=f"blazebot gateway {self._names.app_id}", within=settings.open_timeout
        )
        warn_if_old(client, settings.engine_replicas)
        js = client.jetstream()
        terms = Terms(settings.engine_partitions, settings.engine_replicas)
        await declare(js, self._names, terms)
        lease = Lease(await gateways_bucket(js, terms), self._names.app_id)

        self._run = asyncio.create_task(
            self._serve(
                lease,
                lambda: HeldLine(
                    self._keystore,
                    settings,
                    client=client,
                    js=js,
                    names=self._names,
                    directory=directory,
                ),
            )
        )

    @property
    def ended(self) -> asyncio.Task[None]:
        """Done when the line has ended for good; raises what ended it."""
        if self._run is None:
            raise NotRunning("the gateway has not been started")
        return self._run

    @property
    def is_open(self) -> bool:
        """Whether this gateway holds the line, and it is open."""
        return self._held is not None and self._held.line.is_open

    def counts(self) -> Counts | None:
        """Return what has been counted since it holds the line; None while it stands by."""
        return None if self._held is None else self._held.counts()

    async def stop(self) -> None:
        """Take no more, publish what is at hand, and let another gateway take the line."""
        if self._held is not None:
            await self._held.stop(self._settings.stop_grace)
        if self._run is not None:
            self._run.cancel()
            await asyncio.wait((self._run,), timeout=self._settings.stop_grace)
            await end([self._run])
        if self._client is not None:
            await close(self._client)

    async def _serve(self, lease: Lease, hold: Callable[[], HeldLine]) -> None:
        while True:
            await lease.acquire()
            logger.info("this gateway holds the line of bot %s", self._names.app_id)
            held = self._held = hold()
            try:
                await held.start()
                await _first_of(held.line.run(), lease.keep(), _until_away(held))
            finally:
                # The line is closed before another may have it.
                self._held = None
                await held.close()
                await lease.give_up()
                logger.info("this gateway has let go of the line of bot %s", self._names.app_id)
            await asyncio.sleep(_PAUSE)


async def _first_of(*work: Coroutine[Any, Any, None]) -> None:
    """Return when one of ``work`` is done, and cancel the others; raises what it raised."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    finally:
        await end(tasks)


async def _until_away(held: HeldLine) -> None:
    """Return when there was no line for too long."""
    open_at = time.monotonic()
    while time.monotonic() - open_at < AWAY:
        if held.line.is_open:
            open_at = time.monotonic()
        await asyncio.sleep(_LOOK_EVERY)
    logger.warning("no line to the service for %g s: another gateway may try", AWAY)
