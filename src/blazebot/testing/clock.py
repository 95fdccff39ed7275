"""The time that a test moves: one for the sandbox and for the bots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from blazebot import Bot
from blazebot.errors import SandboxError
from blazebot.testing.control import Control

__all__ = ["Clock"]

_NONE = timedelta(0)


class Clock:
    """By it messages are created, expire and disappear, and jobs of bots become due.

    Tokens keep the real time, so that moving this one never looks like a clock that is off.
    """

    def __init__(self, control: Control) -> None:
        self._control = control
        self._bots: list[Bot] = []
        self.offset = _NONE
        """How far it is ahead of the real time."""

    def now(self) -> datetime:
        """Return what it shows, in UTC."""
        return datetime.now(UTC) + self.offset

    async def advance(self, by: timedelta) -> None:
        """Move it forward, at once. What becomes due by that begins, and is not waited for.

        Raises:
            SandboxError: ``by`` is negative.
        """
        if by < _NONE:
            raise SandboxError(f"time does not go back: {by}")
        await self._show(self.offset + by)

    async def reset(self) -> None:
        """Show the real time again."""
        if self.offset:
            await self._show(_NONE)

    def follow(self, bot: Bot) -> None:
        """Let a bot go by it."""
        self._bots.append(bot)
        bot.clock.move(self.offset.total_seconds())

    async def _show(self, offset: timedelta) -> None:
        seconds = offset.total_seconds()
        await self._control.call("POST", "/clocks", {"retention_offset": seconds})
        self.offset = offset
        for bot in self._bots:
            bot.clock.move(seconds)
