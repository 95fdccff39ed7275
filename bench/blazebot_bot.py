"""Blazebot at the same work as the floor: the bots of the README, with default settings."""

from __future__ import annotations

import tempfile
from uuid import uuid4

from bench.loops import run
from bench.measured import client_arguments, measure
from blazebot import Bot, Message, Text
from blazebot.keys.issue import issue_keystore


def receive_bot(bot: Bot) -> None:
    @bot.on(Text)
    async def receive(message: Message[Text]) -> None:
        pass


def echo_bot(bot: Bot) -> None:
    @bot.on(Text)
    async def echo(message: Message[Text]) -> None:
        await message.reply(message.content.text)


async def main() -> None:
    arguments = client_arguments(__doc__)
    issued = issue_keystore("ed25519", str(uuid4()), str(uuid4()))
    with tempfile.TemporaryDirectory(prefix="blazebot-bench-") as directory:
        bot = Bot(issued.document, server=arguments.url, data_dir=directory)
        add_handlers = {"receive": receive_bot, "echo": echo_bot}[arguments.benchmark]
        add_handlers(bot)
        async with bot:
            await measure()


if __name__ == "__main__":
    run(main())
