"""The page outlives the sandbox's restarts, and notices another database."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page, expect

from tests.browser.box import Box


def databases(directory: Path) -> list[Path]:
    return [path for path in directory.glob("*.db*") if path.is_file()]


def remove_database(directory: Path) -> None:
    for path in databases(directory):
        path.unlink()


async def test_it_goes_on_after_a_restart(page: Page, own_box: Box) -> None:
    bob, alice = await own_box.person("Bob"), await own_box.person("Alice")
    sent = await own_box.send(bob, recipient_id=alice, text="before")
    await page.goto(own_box.messenger(alice, sent["conversation_id"]))
    messages = page.get_by_role("article")
    await expect(messages.filter(has_text="before")).to_be_visible()

    await own_box.sandbox.kill()
    await expect(page.get_by_text("Connection lost")).to_be_visible()
    write = page.get_by_label("Write a message")
    await write.fill("into the void")
    unreachable = page.get_by_text("The sandbox cannot be reached")
    for _ in range(2):
        await write.press("Enter")
        await expect(unreachable).to_have_count(1)  # however often it is told
    await expect(write).to_have_value("into the void")

    await own_box.sandbox.start()
    await expect(page.get_by_text("Connected")).to_be_visible()
    await own_box.send(bob, conversation_id=sent["conversation_id"], text="after")
    await expect(messages.filter(has_text="after")).to_be_visible()
    await write.press("Enter")
    await expect(messages.filter(has_text="into the void")).to_be_visible()
    await expect(messages.filter(has_text="before")).to_have_count(1)


async def test_another_database_begins_anew(page: Page, own_box: Box, tmp_path: Path) -> None:
    await own_box.person("Alice")
    await page.goto(own_box.url)
    await expect(page.get_by_role("link", name="Alice")).to_be_visible()
    await own_box.sandbox.kill()
    remove_database(tmp_path)
    await own_box.sandbox.start()
    await expect(page.get_by_label("Name of a new person")).to_be_visible()
    await page.get_by_label("Name of a new person").fill("Zoe")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("link", name="Zoe")).to_be_visible()
    await expect(page.get_by_role("link", name="Alice")).to_have_count(0)


async def test_a_database_that_was_put_back_is_shown_as_it_is(
    page: Page, own_box: Box, tmp_path: Path
) -> None:
    bob, alice = await own_box.person("Bob"), await own_box.person("Alice")
    sent = await own_box.send(bob, recipient_id=alice, text="kept")
    await own_box.sandbox.stop()
    saved = {path: path.read_bytes() for path in databases(tmp_path)}
    await own_box.sandbox.start()
    await page.goto(own_box.messenger(alice, sent["conversation_id"]))
    messages = page.get_by_role("article")
    for text in ("lost", "lost too"):
        await own_box.send(bob, conversation_id=sent["conversation_id"], text=text)
    await expect(messages).to_have_count(3)
    await own_box.sandbox.kill()
    remove_database(tmp_path)
    for path, content in saved.items():
        path.write_bytes(content)
    await own_box.sandbox.start()
    await expect(messages).to_have_count(1)
    await expect(messages).to_contain_text("kept")
