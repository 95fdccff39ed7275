"""Finding the mailbox: that of a bot that runs, or one of our own, which holds the line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Final, NamedTuple

import aiohttp
from msgspec.structs import asdict

from blazebot.bot.bot import Bot
from blazebot.bot.mailbox.mailbox import Mailbox
from blazebot.bot.mailbox.place import Place, read_place
from blazebot.bot.mailbox.routes import mailbox_routes
from blazebot.bot.settings import BotSettings
from blazebot.errors import MailboxError, SessionInUse
from blazebot.mcp.attached import AttachedMail
from blazebot.mcp.mail import Mail
from blazebot.mcp.settings import McpSettings
from blazebot.watch.endpoint import Endpoint
from blazebot.watch.guard import Address

logger = logging.getLogger("blazebot.mcp")

_LOCAL: Final = Address("127.0.0.1", 0)

_HOW: Final = "run it with its setting mailbox: `blazebot run ... --mailbox`"


class FoundMail(NamedTuple):
    """A mailbox; ``ended`` is done when one of our own has ended by itself, and raises why."""

    mail: Mail
    ended: asyncio.Task[None] | None


@asynccontextmanager
async def find_mail(settings: McpSettings, bot_settings: BotSettings) -> AsyncIterator[FoundMail]:
    """Yield the mailbox of the bot that ``bot_settings`` are for.

    Raises:
        MailboxError: the bot runs without one, or with ``attach_only`` does not run.
        KeystoreError, SettingsError: as for running a bot.
    """
    bot = Bot(**asdict(bot_settings))
    directory = bot_settings.data_root / bot.id
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())
        if settings.at is not None:
            place = Place(settings.at, bot_settings.mailbox_token)
            attached = AttachedMail(http, bot.id, lambda: place)
            await attached.conversations()  # raises what is wrong with the address, or the token
            yield FoundMail(attached, None)
            return
        if read_place(directory) is not None:
            attached = AttachedMail(http, bot.id, partial(read_place, directory))
            try:
                await attached.conversations()
            except MailboxError as error:
                logger.info("the mailbox that is said to be there is not: %s", error)
            else:
                logger.info("attached to the bot that runs with this session")
                yield FoundMail(attached, None)
                return
        if settings.attach_only:
            raise MailboxError(f"no bot with a mailbox runs with this session here: {_HOW}")
        try:
            mail = await _own(stack, bot)
        except SessionInUse as error:
            raise MailboxError(f"{error}; or, to attach to it, {_HOW}") from None
        logger.info(
            "no bot runs with this session on this machine: its line is held here, and taken from "
            "one that runs elsewhere. What comes is acknowledged once it is on disk."
        )
        yield FoundMail(mail, asyncio.create_task(bot.wait_closed()))


async def _own(stack: AsyncExitStack, bot: Bot) -> Mail:
    """Run a bot that does nothing but keep what comes, and serve it to others of its kind."""
    mailbox = Mailbox(bot, bot.settings)
    endpoint = Endpoint(_LOCAL, lambda: [bot.status()], mailbox_routes([mailbox]))
    await stack.enter_async_context(endpoint)
    mailbox.url = endpoint.url
    stack.enter_context(mailbox.attached())
    stack.push_async_callback(bot.stop)
    await bot.start()
    return mailbox
