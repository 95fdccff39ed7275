"""A person's conversation with a running bot, shown by the page, and what the bot is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

from blazebot import Bot, Content, Message
from tests.browser.box import Box

TALL = {"width": 1280, "height": 6000}
"""A window in which no message is out of view."""


@dataclass
class Talk:
    """``told`` is what comes to the bot, without the first Hello."""

    page: Page
    bot: Bot
    person: str
    conversation: str
    told: asyncio.Queue[Message[Content]]

    async def hears(self) -> Message[Content]:
        """Return the next message that comes to the bot."""
        return await asyncio.wait_for(self.told.get(), 10)

    def shown(self, category: str) -> Locator:
        """The messages of a category that are shown."""
        return self.page.locator(f'[data-category="{category}"]')


@asynccontextmanager
async def talking(page: Page, box: Box) -> AsyncIterator[Talk]:
    """Let Alice, in a tall window, have a conversation with a running bot open."""
    await page.set_viewport_size({"width": TALL["width"], "height": TALL["height"]})
    bot_id = await box.bot("Helper")
    bot = await box.program(bot_id)
    told: asyncio.Queue[Message[Content]] = asyncio.Queue()

    @bot.on(Content)
    async def note(message: Message[Content]) -> None:
        told.put_nowait(message)

    async with bot:
        person = await box.person("Alice")
        conversation = await box.befriend(person, bot_id)
        await asyncio.wait_for(told.get(), 10)
        await page.goto(box.messenger(person, conversation))
        await expect(page.locator('[data-category="PLAIN_TEXT"]')).to_have_count(1)
        yield Talk(page, bot, person, conversation, told)
