"""The place of the wire log: frames and calls as they go by, and faults that are switched on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from playwright.async_api import Locator, Page, expect

from blazebot import Bot, Message, Text
from tests.browser.box import Box


@asynccontextmanager
async def echo(box: Box, name: str = "Echo") -> AsyncIterator[tuple[str, Bot]]:
    """Run a bot that says what it is told; yield its id too."""
    bot_id = await box.bot(name)
    bot = await box.program(bot_id)

    @bot.on(Text)
    async def reply(message: Message[Text]) -> None:
        await message.reply(message.content.text)

    async with bot:
        yield bot_id, bot


async def open_wire(page: Page, box: Box) -> Locator:
    """Show the wire log; return its rows."""
    await page.goto(f"{box.url}#/wire")
    await expect(page.get_by_role("listbox", name="Wire log")).to_be_visible()
    return page.get_by_role("listbox").get_by_role("option")


def switch(page: Page, kind: str) -> Locator:
    return page.get_by_role("switch", name=kind, exact=True)


async def test_frames_of_a_talk_appear_and_can_be_read_whole(page: Page, own_box: Box) -> None:
    rows = await open_wire(page, own_box)
    async with echo(own_box) as (bot, _):
        alice = await own_box.person("Alice", bot)
        sent = await own_box.send(alice, recipient_id=bot, text="<b>How</b> do you do?")
        pushed = rows.filter(has_text="To the bot").filter(has_text="PLAIN_TEXT <b>How</b> do")
        answered = rows.filter(has_text="From the bot").filter(has_text="PLAIN_TEXT <b>How</b> do")
        await expect(pushed).to_have_count(1)
        await expect(answered).to_have_count(1)
        await expect(rows.filter(has_text=r"line 1 opened")).to_have_count(1)
        await expect(pushed).to_contain_text("Echo")
        confirmed = rows.filter(has_text="CREATE_MESSAGE").filter(has_text=" ms").last
        await expect(confirmed.locator(".size")).to_contain_text(" → ")

        await pushed.click()
        detail = page.get_by_role("region", name="Entry")
        await expect(detail).to_contain_text("inflated")
        json = detail.locator(".json").last
        await expect(json.locator(".key").first).to_have_text('"id"')
        await expect(json).to_contain_text(sent["message_id"])
        await expect(detail.locator(".json").first).to_have_text('"<b>How</b> do you do?"')
        await page.keyboard.press("ArrowDown")
        await expect(detail).to_contain_text("From the bot")
        await page.keyboard.press("Escape")
        await expect(detail).to_have_count(0)


async def test_what_is_shown_can_be_narrowed(page: Page, own_box: Box) -> None:
    async with echo(own_box, "One") as (one, bot), echo(own_box, "Two") as (two, _):
        alice = await own_box.person("Alice", one, two)
        await own_box.send(alice, recipient_id=one, text="needle")
        await bot.rest.me()
        rows = await open_wire(page, own_box)
        needles = rows.filter(has_text="needle")
        await expect(needles).to_have_count(2)
        await page.get_by_label("Text to find").fill("NEEDLE")
        await expect(rows).to_have_count(2)
        await page.get_by_label("Text to find").fill("")
        await page.get_by_label("Kind").select_option("Calls")
        await expect(rows).to_have_count(1)
        await expect(rows.locator(".name")).to_have_text("GET /me")
        await page.get_by_label("Kind").select_option("Everything")
        await page.get_by_label("Bot", exact=True).select_option("Two")
        await expect(rows.first).to_contain_text("Two")
        await expect(rows.filter(has_text="One")).to_have_count(0)


async def test_a_fault_is_switched_on_and_recovered_from(page: Page, own_box: Box) -> None:
    rows = await open_wire(page, own_box)
    async with echo(own_box) as (bot, _):
        alice = await own_box.person("Alice", bot)
        await expect(rows.filter(has_text="line 1 opened")).to_have_count(1)
        await switch(page, "drop").click()
        await expect(page.get_by_text("struck once")).to_be_visible()
        closed = rows.filter(has_text="line 1 closed")
        await expect(closed.locator(".fault")).to_have_text("drop")
        await expect(rows.filter(has_text="line 2 opened")).to_have_count(1)
        await own_box.send(alice, recipient_id=bot, text="Still there?")
        answers = rows.filter(has_text="From the bot").filter(has_text="Still there?")
        await expect(answers).to_have_count(1)
        await page.get_by_label("Kind").select_option("With a fault")
        await expect(rows).to_have_count(1)


async def test_faults_take_parameters_and_are_cleared(page: Page, own_box: Box) -> None:
    bot = await own_box.bot("Echo")
    await open_wire(page, own_box)
    await page.get_by_role("button", name="Parameters: error").click()
    await page.get_by_role("combobox", name="Bot").last.select_option("Echo")
    for name, value in (("Times", ""), ("Probability in %", "25"), ("Error code", "429")):
        await page.get_by_label(name).fill(value)
    await page.get_by_label("Only at").fill("POST /messages")
    await switch(page, "error").click()
    await expect(switch(page, "error")).to_be_checked()
    await expect(page.get_by_text("1 on", exact=True)).to_be_visible()
    (fault,) = await own_box.control.faults()
    wanted = {"kind": "error", "bot_id": bot, "left": None, "probability": 0.25, "code": 429}
    assert wanted | {"only": "POST /messages"} == {name: fault[name] for name in (*wanted, "only")}
    await switch(page, "slow").click()
    await expect(page.get_by_text("2 on", exact=True)).to_be_visible()
    await switch(page, "error").click()
    await expect(switch(page, "error")).not_to_be_checked()
    assert [one["kind"] for one in await own_box.control.faults()] == ["slow"]
    await page.get_by_role("button", name="Clear all").click()
    await expect(switch(page, "slow")).not_to_be_checked()
    assert await own_box.control.faults() == []


async def test_every_fault_has_a_switch_with_words(page: Page, box: Box) -> None:
    await open_wire(page, box)
    kinds = [one["kind"] for one in (await box.control.call("GET", "/fault-kinds"))["kinds"]]
    await expect(page.get_by_role("switch")).to_have_count(len(kinds))
    for language in ("中文", "日本語", "English"):
        await page.get_by_role("combobox").filter(has_text="English").select_option(language)
        await expect(page.get_by_role("switch")).to_have_count(len(kinds))
        assert "wire." not in await page.locator(".faults").inner_text()


async def test_the_frames_of_one_message_beside_the_conversation(page: Page, box: Box) -> None:
    async with echo(box) as (bot, _):
        alice = await box.person("Alice")
        conversation = await box.befriend(alice, bot)
        for text in ("this one", "another"):
            await box.send(alice, recipient_id=bot, text=text)
        await page.goto(box.messenger(alice, conversation))
        await page.get_by_text("this one", exact=True).first.click(button="right")
        await page.get_by_role("menuitem", name="frames").click()
        rows = page.get_by_role("listbox", name="Wire log").get_by_role("option")
        await expect(rows.filter(has_text="PLAIN_TEXT this one")).to_have_count(1)
        await expect(rows.filter(has_text="ACKNOWLEDGE_MESSAGE_RECEIPTS")).to_have_count(1)
        await expect(rows).to_have_count(2)


async def test_the_log_of_a_conversation_s_bots_beside_it(page: Page, box: Box) -> None:
    async with echo(box, "Here") as (here, _), echo(box, "Elsewhere") as (elsewhere, _):
        alice = await box.person("Alice", elsewhere)
        conversation = await box.befriend(alice, here)
        await page.goto(box.messenger(alice, conversation))
        await page.get_by_role("button", name="Wire beside the conversation").click()
        beside = page.get_by_role("complementary", name="Wire")
        await box.send(alice, recipient_id=elsewhere, text="not this")
        await box.send(alice, recipient_id=here, text="this one")
        rows = beside.get_by_role("option")
        await expect(rows.filter(has_text="PLAIN_TEXT this one")).to_have_count(2)
        await expect(rows.filter(has_text="not this")).to_have_count(0)
        await page.get_by_role("article").filter(has_text="this one").first.click()
        await beside.get_by_role("button", name="Close").click()
        await expect(beside).to_have_count(0)


async def call_often(box: Box, times: int) -> None:
    async with aiohttp.ClientSession() as http:
        for _ in range(times):
            async with http.get(f"{box.url}/friends") as answer:
                await answer.read()


async def test_of_many_entries_only_those_in_sight_are_drawn(page: Page, own_box: Box) -> None:
    await call_often(own_box, 1000)
    rows = await open_wire(page, own_box)
    await expect(page.get_by_text("1,000 entries")).to_be_visible()
    await expect(rows.last).to_have_attribute("aria-posinset", "1000")
    assert await rows.count() < 60
    log = page.get_by_role("listbox")
    follow = page.get_by_role("button", name="Follow")
    await log.focus()
    await page.keyboard.press("Home")
    await expect(rows.first).to_have_attribute("aria-posinset", "1")
    await expect(follow).to_have_attribute("aria-pressed", "false")
    await call_often(own_box, 10)
    await expect(page.get_by_text("1,010 entries")).to_be_visible()
    await expect(rows.first).to_have_attribute("aria-posinset", "1")  # what is in sight stays
    await follow.click()
    await expect(rows.last).to_have_attribute("aria-posinset", "1010")


async def test_it_pauses_and_goes_on_over_a_restart(page: Page, own_box: Box) -> None:
    rows = await open_wire(page, own_box)
    await call_often(own_box, 3)
    await expect(rows).to_have_count(3)
    await page.get_by_role("button", name="Pause").click()
    await call_often(own_box, 2)
    await page.get_by_role("button", name="Resume").click()
    await expect(rows).to_have_count(5)
    await own_box.sandbox.kill()
    await own_box.sandbox.start()
    await call_often(own_box, 2)
    await expect(rows).to_have_count(7)
    await page.get_by_role("button", name="Clear", exact=True).click()
    await expect(page.get_by_text("Nothing has gone over the wire")).to_be_visible()


async def test_a_restart_hides_nothing_though_its_numbers_were_seen(
    page: Page, own_box: Box
) -> None:
    rows = await open_wire(page, own_box)
    await call_often(own_box, 2)
    await expect(rows).to_have_count(2)
    await page.context.set_offline(True)
    await own_box.sandbox.kill()
    await own_box.sandbox.start()
    await call_often(own_box, 4)
    await page.context.set_offline(False)
    await expect(rows).to_have_count(6)
    async with page.expect_response("**/control/log?*"):  # of a run without entries yet
        await own_box.sandbox.kill()
        await own_box.sandbox.start()
    await page.get_by_role("button", name="Pause").click()
    await call_often(own_box, 6)
    await page.get_by_role("button", name="Resume").click()
    await expect(rows).to_have_count(12)


async def test_memory_is_bounded(page: Page, box: Box) -> None:
    await open_wire(page, box)
    kept: Any = await page.evaluate(
        """async () => {
          const { newestOf } = await import('/messenger/js/wire/rows.js');
          const rows = Array.from({ length: 10 }, (_, key) => ({ key, raw: 'x'.repeat(100) }));
          const keys = (...limits) => newestOf(rows, ...limits).map((row) => row.key);
          return [keys(3, 1e6), keys(100, 250), keys(100, 10), keys(100, 1e6).length];
        }"""
    )
    assert kept == [[7, 8, 9], [8, 9], [9], 10]
