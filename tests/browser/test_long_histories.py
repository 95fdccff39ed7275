"""A conversation of ten thousand messages: only what can be seen is drawn."""

from __future__ import annotations

import asyncio

import aiohttp
from playwright.async_api import Page, expect

from blazebot.testing.control import People
from tests.browser.box import Box

MESSAGES = 10_000

SCROLL = """async () => {
  const box = document.querySelector('.virtual');
  const faults = [];
  let most = 0;
  const look = () => {
    const rows = [...box.querySelectorAll('[data-key]')];
    const edges = rows.map((row) => row.getBoundingClientRect());
    const view = box.getBoundingClientRect();
    most = Math.max(most, rows.length);
    if (edges[0].top > view.top + 1 && box.scrollTop > 0) faults.push('a gap above');
    if (edges.at(-1).bottom < view.bottom - 1) faults.push('a gap below');
    edges.forEach((edge, index) => {
      if (index && Math.abs(edge.top - edges[index - 1].bottom) > 1) faults.push('a gap between');
    });
    const numbers = rows.map((row) => /number (\\d+)/.exec(row.textContent)?.[1]).filter(Boolean);
    numbers.forEach((number, index) => {
      if (index && number - numbers[index - 1] !== 1) faults.push(`${number} is out of order`);
    });
    return numbers[0] === '0' && box.scrollTop === 0;
  };
  do {
    box.scrollTop -= 4000;
    await new Promise(requestAnimationFrame);
  } while (!look());
  return { faults, most };
}"""
"""Scrolls to the first message; tells what went wrong on the way, and how many rows were drawn."""

AT_TOP = """async () => {
  const box = document.querySelector('.virtual');
  const frame = () => new Promise(requestAnimationFrame);
  box.scrollTop = 0;
  await frame();
  const key = box.querySelectorAll('[data-key]')[3].dataset.key;
  const place = () => box.querySelector(`[data-key="${key}"]`)?.getBoundingClientRect().top;
  const before = place();
  const height = box.scrollHeight;
  while (box.scrollHeight === height) await frame();
  await frame();
  return place() - before;
}"""
"""Scrolls to the oldest message that is loaded; tells how far it moves when older ones come."""


async def fill(box: Box, bob: str, alice: str) -> str:
    """Let Bob write many messages of different heights; return the conversation."""
    sent = await box.send(bob, recipient_id=alice, text="number 0 of many")
    where = {"person_id": bob, "conversation_id": sent["conversation_id"]}
    async with aiohttp.ClientSession() as http, People(http, box.url) as people:
        for start in range(1, MESSAGES, 1000):
            numbers = range(start, min(start + 1000, MESSAGES))
            await people.send(
                [{**where, "text": f"number {n} " + "and more words " * (n % 23)} for n in numbers]
            )
    return str(sent["conversation_id"])


async def test_ten_thousand_messages_scroll_without_gaps(page: Page, box: Box) -> None:
    bob, alice = await box.person("Bob"), await box.person("Alice")
    conversation = await fill(box, bob, alice)
    await page.goto(box.messenger(bob, conversation))
    newest = page.get_by_role("article").filter(has_text=f"number {MESSAGES - 1} ")
    await expect(newest).to_be_in_viewport()
    async with asyncio.timeout(60):
        assert abs(await page.evaluate(AT_TOP)) < 10  # a bubble may join those above it
        report = await page.evaluate(SCROLL)
    assert report["faults"] == []
    assert report["most"] < 100
    oldest = page.get_by_role("article").filter(has_text="number 0 of many")
    await expect(oldest).to_be_in_viewport()

    # Far from the end nothing moves when something comes, and the way back is short.
    await box.send(alice, conversation_id=conversation, text="news")
    await expect(page.get_by_role("button", name="To the newest message")).to_contain_text("1")
    await expect(oldest).to_be_in_viewport()
    await page.get_by_role("button", name="To the newest message").click()
    await expect(page.get_by_role("article").filter(has_text="news")).to_be_in_viewport()


async def test_all_that_was_not_read_is_read_at_the_end(page: Page, box: Box) -> None:
    bob, alice = await box.person("Bob"), await box.person("Alice")
    sent = await box.send(bob, recipient_id=alice, text="the first")
    async with aiohttp.ClientSession() as http, People(http, box.url) as people:
        where = {"person_id": bob, "conversation_id": sent["conversation_id"]}
        await people.send([{**where, "text": f"number {number}"} for number in range(2500)])
    await page.goto(box.messenger(alice, sent["conversation_id"]))
    await expect(page.get_by_text("New messages")).to_be_in_viewport()
    await expect(page.get_by_role("article").filter(has_text="the first")).to_be_in_viewport()
    await page.get_by_role("button", name="To the newest message").click()
    newest = page.get_by_role("article").filter(has_text="number 2499")
    await expect(newest).to_be_in_viewport()
    await expect(page.get_by_label("unread")).to_have_count(0)
    shown = f"/people/{alice}/conversations/{sent['conversation_id']}"
    assert (await box.control.call("GET", shown))["unread"] == 0


async def test_words_of_long_ago_are_found(page: Page, box: Box) -> None:
    bob, alice = await box.person("Bob"), await box.person("Alice")
    sent = await box.send(bob, recipient_id=alice, text="a needle")
    async with aiohttp.ClientSession() as http, People(http, box.url) as people:
        where = {"person_id": bob, "conversation_id": sent["conversation_id"]}
        await people.send([{**where, "text": f"hay {number}"} for number in range(300)])
    await page.goto(box.messenger(bob, sent["conversation_id"]))
    await page.get_by_role("button", name="Search in this conversation").click()
    await page.get_by_role("searchbox", name="Search in this conversation").fill("NEEDLE")
    await page.get_by_role("search").get_by_role("button", name="a needle").click()
    await expect(page.get_by_role("article").filter(has_text="a needle")).to_be_in_viewport()
