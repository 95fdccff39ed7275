"""Profiles of those who write to the bot, fetched when first asked for and kept for a while."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

from blazebot.bot.clock import Clock
from blazebot.bot.message import Message
from blazebot.client.rest import RestClient
from blazebot.client.views import User

PROFILES_KEPT: Final = 10_000
"""Profiles that are kept in memory, those asked for last."""


class Profiles:
    """Profiles by user id, each kept for ``ttl`` seconds of ``clock``."""

    def __init__(self, ttl: float, clock: Clock) -> None:
        self._ttl = ttl
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, User]] = OrderedDict()

    async def sender(self, message: Message[Any], rest: RestClient) -> User:
        """Return the profile of who sent ``message``; raises as :meth:`RestClient.user`."""
        user_id, now = message.user_id, self._clock.monotonic()
        kept = self._kept.get(user_id)
        if kept is not None and now - kept[0] < self._ttl:
            self._kept.move_to_end(user_id)
            return kept[1]
        user = await rest.user(user_id)
        self._kept[user_id] = (now, user)
        self._kept.move_to_end(user_id)
        if len(self._kept) > PROFILES_KEPT:
            self._kept.popitem(last=False)
        return user
