"""Words by which people say that they want no announcements, or want them again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from blazebot.bot.filters import in_contact
from blazebot.bot.message import Message
from blazebot.bot.router import Router
from blazebot.wire.content import Text


def announcement_words(
    stop: Sequence[str] = ("stop", "unsubscribe"),
    start: Sequence[str] = ("subscribe",),
    *,
    stopped: str = "You will get no more announcements.",
    started: str = "You will get announcements again.",
) -> Router:
    """Return a router that lets people stop announcements, and start them again, by a word.

    A text that is one of these words, in either case and perhaps after a ``/``, in a conversation
    of two, is answered with ``stopped`` or ``started``.
    """
    router = Router("announcement words")

    @router.regex(_pattern(stop), in_contact)
    async def stop_them(message: Message[Text]) -> None:
        await message.bot.announcements.stop(message.user_id)
        await message.reply(stopped)

    @router.regex(_pattern(start), in_contact)
    async def start_them(message: Message[Text]) -> None:
        await message.bot.announcements.resume(message.user_id)
        await message.reply(started)

    return router


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile(rf"\A\s*/?(?:{'|'.join(map(re.escape, words))})\s*\Z", re.IGNORECASE)
