"""Blazebot's bots, run as their authors run them, and measured."""

from __future__ import annotations

import asyncio
import logging
import signal
import tempfile
from collections.abc import Callable
from typing import Final

from bench.measured import client_arguments, measure
from blazebot import Bot

BEYOND_ANY_QUOTA: Final = 10**9
"""The quota of bots whose speed is measured: with the service's own they would mostly wait."""


def run_measured(description: str | None, add_handlers: Callable[[Bot, str], None]) -> None:
    """Run the bot of ``BLAZEBOT_KEYSTORE`` while it does its work; ``add_handlers(bot, work)``."""
    arguments = client_arguments(description)
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="blazebot-bench-") as directory:
        bot = Bot(server=arguments.url, data_dir=directory, quota=BEYOND_ANY_QUOTA)
        add_handlers(bot, arguments.work)
        measuring: list[asyncio.Task[None]] = []

        @bot.on_startup
        async def begin() -> None:
            measuring.append(asyncio.create_task(_measure(bot)))

        bot.run()


async def _measure(bot: Bot) -> None:
    await bot.wait_open(within=30)
    await measure()
    signal.raise_signal(signal.SIGTERM)
