"""The Messenger in figures: ``python -m tests.browser.speed``, on an idle machine.

First paint of cold loads, the time until a bot's message is shown, and what axe finds.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Literal

from playwright.async_api import Browser, Page, expect

from blazebot import Bot
from tests.browser.axe import faults
from tests.browser.box import Box, running_box
from tests.browser.chromium import chromium

LOADS = 5
SIGNS: dict[str, Literal["listitem", "switch"]] = {"dashboard": "listitem", "wire": "switch"}
MESSAGES = 200
CONVERSATIONS = 20
WITHIN_S = 120

WATCH = """() => {
  window.shown = new Map();
  const look = () => {
    const texts = [...document.querySelectorAll('.body-text')];
    const number = /number (\\d+)/.exec(texts.at(-1)?.textContent)?.[1];
    if (number === undefined || window.shown.has(number)) return;
    window.shown.set(number, 0);
    requestAnimationFrame(() => setTimeout(() => { // the frame with it is drawn
      window.shown.set(number, performance.timeOrigin + performance.now());
    }));
  };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
}"""

SHOWN = "(number) => window.shown.get(number) || false"

FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


async def first_paint(address: str) -> float:
    """Load the page in a browser that has never seen it; return ms until something is painted."""
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(address)
        await expect(page.get_by_role("article").first).to_be_visible()
        painted: float = await page.evaluate(FIRST_PAINT)
        return painted


async def until_shown(page: Page, bot: Bot, person: str, number: int) -> float:
    """Let a bot send a message; return ms until it is shown."""
    began = time.time()
    await bot.send(person, f"number {number}")
    shown = await page.wait_for_function(SHOWN, arg=str(number))
    at: float = await shown.json_value()
    return at - began * 1000


async def measure(browser: Browser, box: Box) -> None:
    person = await box.person("Alice")
    bot_id = await box.bot("Echo")
    conversation = await box.befriend(person, bot_id)
    for number in range(CONVERSATIONS):
        await box.send(await box.person(f"Friend {number}"), recipient_id=person, text="Hello")
    address = box.messenger(person, conversation)

    paints = [await first_paint(address) for _ in range(LOADS)]
    print(f"first paint: {median(paints):.0f} ms, median of {LOADS} cold loads")  # noqa: T201

    page = await browser.new_page()
    async with await box.program(bot_id) as bot:
        await page.goto(address)
        await expect(page.get_by_role("article").first).to_be_visible()
        await page.evaluate(WATCH)
        times = [await until_shown(page, bot, person, number) for number in range(MESSAGES)]
    shown = quantiles(times, n=20)[-1]
    print(f"a message shown: {shown:.0f} ms after the bot sent it, 95th percentile of {MESSAGES}")  # noqa: T201

    found = await faults(page)
    for place, sign in SIGNS.items():
        await page.goto(f"{box.url}#/{place}")
        await expect(page.get_by_role(sign).first).to_be_visible()
        found += await faults(page)
    print(f"axe: {len(found)} serious faults in three places, light and dark")  # noqa: T201


async def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        async with (
            asyncio.timeout(WITHIN_S),
            running_box(Path(directory)) as box,
            chromium() as browser,
        ):
            await measure(browser, box)


if __name__ == "__main__":
    asyncio.run(main())
