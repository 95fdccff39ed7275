"""The bot of a soak: it answers every message once with what it is made of."""

from __future__ import annotations

import asyncio
import random
from typing import Final

from blazebot import Bot, Content, Location, Message, State, Unknown
from soak.checker import answer_text, digest_of

PASSED_OVER: Final = "PLAIN_UNKNOWN_TO_CLIENTS"
"""What the fault ``unknown_category`` pushes: nobody wrote it."""

_SOME: Final = 0.25  # of all messages take some time, so that processes die amid work
_WORK: Final = 0.02

bot = Bot()


@bot.on(Location)
async def count(message: Message[Location], state: State) -> None:
    """Count a person's places: a number that a lost or repeated change of state shows."""
    number = state.data.get("places", 0) + 1
    state.update(places=number)
    await answer(message, number)


@bot.on(Content)
async def say(message: Message[Content]) -> None:
    """Answer everything else."""
    if isinstance(message.content, Unknown) and message.category == PASSED_OVER:
        return
    await answer(message, 0)


async def answer(message: Message[Content], number: int) -> None:
    """Answer a message, now and then after some work and with some left to do."""
    works = random.random() < _SOME  # noqa: S311 - no secret
    if works:
        await asyncio.sleep(_WORK * random.random())  # noqa: S311 - no secret
    content = message.content
    digest = digest_of(content.category, content.encode(message.id))
    await message.reply(answer_text(message.id, digest, number))
    if works:
        await asyncio.sleep(_WORK * random.random())  # noqa: S311 - no secret
