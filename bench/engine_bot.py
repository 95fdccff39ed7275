"""An echo bot for workers: its handler waits for ``BENCH_WORK`` seconds, as for a model."""

from __future__ import annotations

import asyncio
import os

from blazebot import Bot, Message, Text

WORK = float(os.environ.get("BENCH_WORK", "0"))

bot = Bot()


@bot.on(Text)
async def echo(message: Message[Text]) -> None:
    if WORK:
        await asyncio.sleep(WORK)
    await message.reply(message.content.text)
