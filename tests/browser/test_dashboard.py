"""The place of bots: what a developer does there, up to a bot that runs with what it gave out."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from playwright.async_api import Locator, Page, expect

from blazebot.testing.control import ANSWER_TIMEOUT, People
from blazebot.testing.processes import Process
from tests.browser.box import Box

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f0005000201a5f645400000000049454e44ae426082"
)

SCRIPT = "<img src=x onerror=alert(1)>"

PEAK = """(card) => {
  const { points } = card.querySelector('.plot polyline.pushed');
  return new Set([...points].map((one) => one.y)).size > 1;
}"""
"""Whether a card's plot is no flat line."""


async def open_dashboard(page: Page, box: Box) -> None:
    await page.goto(f"{box.url}#/dashboard")
    await expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def card_of(page: Page, name: str) -> Locator:
    return page.get_by_role("listitem", name=name, exact=True)


async def test_a_bot_from_its_making_to_its_end(page: Page, own_box: Box) -> None:
    await open_dashboard(page, own_box)
    await expect(page.get_by_text("No bots yet.")).to_be_visible()
    await page.get_by_role("button", name="New bot").click()
    await page.get_by_role("textbox", name="Name").fill("  Weather ")
    await page.get_by_role("dialog").get_by_role("button", name="New bot").click()
    card = card_of(page, "Weather")
    await expect(card.get_by_text("Not connected")).to_be_visible()

    await card.get_by_role("button", name="Rename").click()
    await expect(page.get_by_role("textbox", name="Name")).to_have_value("Weather")
    await page.get_by_role("textbox", name="Name").fill(SCRIPT)
    await page.keyboard.press("Enter")
    card = card_of(page, SCRIPT)
    await expect(card.get_by_role("heading")).to_have_text(SCRIPT)

    await card.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text(f"Delete {SCRIPT}?")
    await dialog.get_by_role("button", name="Cancel").click()
    await expect(card).to_be_visible()
    await card.get_by_role("button", name="Delete").click()
    await dialog.get_by_role("button", name="Delete").click()
    await expect(card).to_have_count(0)
    assert (await own_box.control.call("GET", "/bots"))["bots"] == []


async def test_a_picture_is_chosen_kept_and_removed(page: Page, box: Box) -> None:
    bot = await box.bot("Painter")
    await open_dashboard(page, box)
    card = card_of(page, "Painter")
    picture = card.locator("img.avatar")
    await expect(picture).to_have_count(0)
    chooser = card.locator("input[type=file]")
    await chooser.set_input_files({"name": "x.png", "mimeType": "image/png", "buffer": PNG})
    await expect(picture).to_be_visible()
    assert (
        await picture.evaluate("async (image) => (await image.decode(), image.naturalWidth)") == 1
    )
    await chooser.set_input_files(
        {"name": "x.png", "mimeType": "image/png", "buffer": b"<svg onload='alert(1)'/>"}
    )
    await expect(page.get_by_text("should be a picture")).to_be_visible()
    assert (await box.control.bot(bot))["avatar_url"] == await picture.get_attribute("src")
    await card.get_by_role("button", name="Remove picture").click()
    await expect(picture).to_have_count(0)


async def save_keystore(page: Page, name: str, form: str, home: Path) -> list[str]:
    """Generate a session and save its keystore as a browser would; return the command lines."""
    await card_of(page, name).get_by_role("button", name="Generate new session").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator(f"input[value={form}]").check()
    async with page.expect_download() as saving:
        await dialog.get_by_role("button", name="Generate and save").click()
    download = await saving.value
    await download.save_as(home / "Downloads" / download.suggested_filename)
    await expect(dialog).to_contain_text(download.suggested_filename)
    lines = await dialog.locator("pre").all_inner_texts()
    await dialog.get_by_role("button", name="Done").click()
    return lines


@asynccontextmanager
async def running(line: str, home: Path) -> AsyncIterator[None]:
    """Run a command line as a developer with this home would, until the end of the block."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {"HOME": str(home), "PATH": path, "XDG_DATA_HOME": str(home / "data")}
    process = Process(["bash", "-c", line], log=home / "bot.log", environment=variables)
    await process.start()
    try:
        yield
    except AssertionError as error:
        error.add_note(process.log)
        raise
    finally:
        os.killpg(process.pid, signal.SIGTERM)  # the shell, and the bot that it runs
        await process.wait()


async def answers(box: Box, bot: str, text: str) -> None:
    """Say something to a bot as a new person, and return when it has said the same."""
    person = await box.person("Alice", bot)
    await box.send(person, recipient_id=bot, text=text)
    async with aiohttp.ClientSession() as http, People(http, box.url) as people:
        await people.watch([person])
        seen = people.seen[person]
        await people.until(
            lambda: any(one["user_id"] == bot and one["text"] == text for one in seen.values()),
            ANSWER_TIMEOUT,
        )


@pytest.mark.parametrize("form", ["app", "rsa"])
async def test_the_line_that_is_shown_runs_a_bot(
    page: Page, box: Box, tmp_path: Path, form: str
) -> None:
    name = f"Echo 天气 {form}"
    bot = await box.bot(name)
    await open_dashboard(page, box)
    card = card_of(page, name)
    line, _ = await save_keystore(page, name, form, tmp_path)
    async with running(line, tmp_path):
        await expect(card.get_by_text("Connected", exact=True)).to_be_visible()
        await answers(box, bot, "Are you there?")
        await expect(card.locator("dd").first).to_have_text("0")
        await expect(card.locator("dd").last).to_contain_text("2 / 100,000")
        (keystore,) = (tmp_path / "Downloads").iterdir()
        assert keystore.stat().st_mode & 0o777 == 0o600
    await expect(card.get_by_text("Not connected")).to_be_visible()


async def test_the_other_line_begins_a_project(page: Page, box: Box, tmp_path: Path) -> None:
    bot = await box.bot("test")
    await open_dashboard(page, box)
    _, line = await save_keystore(page, "test", "app", tmp_path)
    async with running(line, tmp_path):
        await expect(card_of(page, "test").get_by_text("Connected", exact=True)).to_be_visible()
        await answers(box, bot, "Are you there?")
    assert (tmp_path / "test-bot" / "pyproject.toml").exists()


async def test_a_new_session_ends_the_one_before(page: Page, box: Box, tmp_path: Path) -> None:
    bot = await box.bot("Renewed")
    await box.control.issue_session(bot, "app")
    before = (await box.control.bot(bot))["session_id"]
    await open_dashboard(page, box)
    card = card_of(page, "Renewed")
    await card.get_by_role("button", name="Generate new session").click()
    await expect(page.get_by_role("dialog")).to_contain_text(
        "The session that the bot has now ends"
    )
    await page.keyboard.press("Escape")
    assert (await box.control.bot(bot))["session_id"] == before
    await save_keystore(page, "Renewed", "app", tmp_path)
    assert (await box.control.bot(bot))["session_id"] != before


async def test_rates_are_those_of_counts_that_may_begin_again(page: Page, box: Box) -> None:
    await open_dashboard(page, box)
    looks = [(10, 0), (30, 100), (5, 100)]  # sent and pushed, a second apart; then a restart
    shown = await page.evaluate(
        """async (looks) => {
          const { nextRates } = await import('/messenger/js/dashboard/rates.js');
          let rates = new Map();
          looks.forEach(([sent, pushed], second) => {
            rates = nextRates(rates, [{ user_id: 'x', sent, pushed }], second * 1000);
          });
          return rates.get('x').map((one) => [one.sentRate, one.pushedRate]);
        }""",
        looks,
    )
    assert shown == [[0, 0], [20, 100], [5, 0]]


async def test_the_plot_shows_what_goes_on(page: Page, box: Box) -> None:
    bot = await box.bot("Busy")
    program = await box.program(bot)
    alice = await box.person("Alice", bot)
    await open_dashboard(page, box)
    card = card_of(page, "Busy")
    await expect(card.get_by_role("img", name="Messages a second")).to_be_visible()
    async with program:
        for number in range(20):
            await box.send(alice, recipient_id=bot, text=str(number))
        await page.wait_for_function(PEAK, arg=await card.element_handle())
