"""The demo's bot: it says what it is told. ``python -m blazebot.demo.echo`` runs it.

With ``BLAZEBOT_DEMO_WORK`` set, each message takes up to so many seconds, as real work would.
"""

from __future__ import annotations

import asyncio
import os
import random

from blazebot import Bot, Message, Text

bot = Bot()
work = float(os.environ.get("BLAZEBOT_DEMO_WORK", "0"))


@bot.on(Text)
async def echo(message: Message[Text]) -> None:
    """Reply with the same text."""
    if work:
        await asyncio.sleep(random.uniform(0, work))  # noqa: S311 - not a secret
    await message.reply(message.content.text)


if __name__ == "__main__":
    bot.run()
