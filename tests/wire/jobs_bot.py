"""A bot whose job dies half-way: SERVER KEYSTORE DATA_DIR PERSON, and `die` the first time."""

from __future__ import annotations

import os
import signal
import sys
from datetime import timedelta

from blazebot import Bot, Job

server, keystore, data_dir, person, *die = sys.argv[1:]
bot = Bot(keystore, server=server, data_dir=data_dir)


@bot.on_startup
async def schedule(bot: Bot) -> None:
    if die:
        await bot.jobs.schedule(announce, after=timedelta(0), key="news", data=["one", "two"])


@bot.job
async def announce(job: Job[list[str]]) -> None:
    for words in job.data:
        await bot.send(person, words)
    if die:
        os.kill(os.getpid(), signal.SIGKILL)
    await bot.send(person, "three")


bot.run()
