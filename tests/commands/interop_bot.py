"""A bot for the steps of `python -m interop`, on our own client: MODE KEYSTORE."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from blazebot import Bot, Message, Text


def write(said: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()


async def asks() -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    return reader


async def main(mode: str, keystore: str) -> None:
    bot = Bot(keystore, data_dir=f"{keystore}.data")

    @bot.on(Text)
    async def echo(message: Message[Text]) -> None:
        if mode == "deaf":
            return
        for _ in range(2 if mode == "twice" else 1):
            await message.reply(message.content.text)
        if mode == "unread":
            await asyncio.Event().wait()

    write({"version": "1.2.3"})
    lines = await asks()
    async with bot:
        while line := await lines.readline():
            asked = json.loads(line)
            if mode == "crash":
                break
            write({"printed": "by a client"})
            if asked["do"] != "send":
                write({"id": asked["id"], "error": f"{asked['do']}: no such thing"})
                continue
            words = asked["content"]
            await bot.send(asked["to"], words.upper() if mode == "loud" else words)
            write({"id": asked["id"], "answer": None})
        os._exit(0)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
