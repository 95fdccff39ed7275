"""A bot that sends outside handlers, each text of standard input to the user in its argument.

It prints a line when all are accepted, and serves until it is ended.
"""

from __future__ import annotations

import asyncio
import sys

from blazebot import Bot


async def main() -> None:
    bot = Bot()
    async with bot:
        for line in sys.stdin:
            await bot.enqueue(sys.argv[1], line.strip())
        print("accepted", flush=True)  # noqa: T201
        await bot.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
