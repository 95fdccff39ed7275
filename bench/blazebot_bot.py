"""Blazebot at the same work as the floor: the bots of the README, with default settings."""

from __future__ import annotations

from bench.bots import run_measured
from blazebot import Bot, Message, Text


def add_handlers(bot: Bot, work: str) -> None:
    """Let ``bot`` receive texts, or echo them."""

    async def receive(message: Message[Text]) -> None:
        pass

    async def echo(message: Message[Text]) -> None:
        await message.reply(message.content.text)

    bot.on(Text)(echo if work in ("echo", "latency") else receive)


if __name__ == "__main__":
    run_measured(__doc__, add_handlers)
