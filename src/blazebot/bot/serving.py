"""One bot of a process: served until it is told to stop, with a new keystore where it gets one."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from blazebot.bot.events import current_bot
from blazebot.errors import BlazebotError, KeystoreError, Unauthorized
from blazebot.keys.keystore import Keystore
from blazebot.watch.counts import BotStatus

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot

logger = logging.getLogger("blazebot")

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at a keystore's file."""


class ServedBot:
    """A bot that is served; what ends it ends no other.

    With ``reload_keystore``, a bot that the service refuses for good waits until the file of its
    keystore holds another session, and starts again with that.
    """

    def __init__(self, bot: Bot, *, reload_keystore: bool) -> None:
        self._bot = bot
        self._reload_keystore = reload_keystore
        self.name = str(bot.keystore_path or "a bot")
        """The bot's id or, until that is known, the path of its keystore."""
        self.error: BaseException | None = None
        """Why it is not served: it has ended with this, or waits since for a keystore."""

    def status(self) -> BotStatus:
        """Return how the bot is doing."""
        if self.error is not None:
            words = f"{type(self.error).__name__}: {self.error}"
            return BotStatus(self.name, "stopped", words)
        if "keystore" not in vars(self._bot):
            return BotStatus(self.name, "stopped")
        return self._bot.status()

    async def serve(self, stopping: asyncio.Event) -> None:
        """Return when ``stopping`` is set or the bot has ended; never raises an error of it."""
        try:
            self.name = self._bot.id
            current_bot.set(self.name)
            while not stopping.is_set():
                self.error = None
                try:
                    return await self._serve(stopping)
                except Unauthorized as error:
                    self.error = error
                    path = self._bot.keystore_path
                    if not self._reload_keystore or path is None:
                        raise
                    logger.error("bot %s waits for another session in %s", self.name, path)
                await _until(stopping, _another_session(self._bot, path))
        except BlazebotError as error:
            self.error = error
            logger.error("bot %s has ended: %s", self.name, error)
        except Exception as error:
            self.error = error
            logger.exception("bot %s has ended", self.name)

    async def _serve(self, stopping: asyncio.Event) -> None:
        try:
            await _until(stopping, self._run())
        finally:
            await self._bot.stop()

    async def _run(self) -> None:
        await self._bot.start()
        gc.freeze()  # what is there by now stays: no need to look through it again and again
        await self._bot.wait_closed()


async def _until(stopping: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Return when ``work`` is done, which is cancelled when ``stopping`` is set."""
    working = asyncio.ensure_future(work)
    told = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((working, told), return_when=asyncio.FIRST_COMPLETED)
    finally:
        told.cancel()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def _another_session(bot: Bot, path: Path) -> None:
    """Return when the keystore's file holds another session of the bot, which it then uses."""
    seen = None
    while True:
        now = _signature(path)
        if now != seen:
            seen = now
            try:
                keystore = Keystore.load(path)
            except KeystoreError as error:
                logger.warning("bot %s goes on waiting: %s", bot.id, error)
            else:
                if keystore.app_id != bot.id:
                    logger.warning("bot %s: %s is now for bot %s", bot.id, path, keystore.app_id)
                elif _session(keystore) != _session(bot.keystore):
                    logger.info("bot %s has a new session in %s and starts again", bot.id, path)
                    bot.use(path)
                    return
        await asyncio.sleep(LOOK_EVERY)


def _session(keystore: Keystore) -> tuple[str, str]:
    return keystore.session_id, keystore.fingerprint


def _signature(path: Path) -> tuple[int, ...]:
    # A new file in place of the old one has another number, though all else be the same.
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns, status.st_size
