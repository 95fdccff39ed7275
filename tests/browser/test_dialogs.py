"""What is open over a conversation, or beside it, closes when it is meant to, and only then."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.box import Box


async def open_conversation(page: Page, box: Box) -> None:
    """Let Alice open a conversation with Bob, who said something."""
    bob, alice = await box.person("Bob"), await box.person("Alice")
    sent = await box.send(bob, recipient_id=alice, text="Hello, Alice")
    await page.goto(box.messenger(alice, sent["conversation_id"]))
    await expect(page.get_by_role("article")).to_have_count(1)


async def test_a_selection_that_ends_outside_keeps_what_was_composed(page: Page, box: Box) -> None:
    await open_conversation(page, box)
    await page.get_by_role("button", name="Compose").click()
    dialog = page.get_by_role("dialog")
    text = dialog.get_by_label("Text", exact=True)
    await text.fill("composed with care")
    inside, edge = await text.bounding_box(), await dialog.bounding_box()
    assert inside is not None
    assert edge is not None
    await page.mouse.move(inside["x"] + 80, inside["y"] + 16)
    await page.mouse.down()
    await page.mouse.move(edge["x"] - 20, inside["y"] + 16)
    await page.mouse.up()
    assert await page.evaluate("String(getSelection())") != ""
    await expect(text).to_have_value("composed with care")
    await page.mouse.click(edge["x"] - 20, inside["y"] + 16)
    await expect(dialog).to_have_count(0)


async def test_a_dialog_gives_the_focus_back(page: Page, box: Box) -> None:
    await open_conversation(page, box)
    compose = page.get_by_role("button", name="Compose")
    dialog = page.get_by_role("dialog")
    for name in ("Close", "Send"):
        await compose.press("Enter")
        await dialog.get_by_label("Text", exact=True).fill("tea")
        await dialog.get_by_role("button", name=name, exact=True).press("Enter")
        await expect(dialog).to_have_count(0)
        await expect(compose).to_be_focused()


async def test_escape_closes_what_was_opened_last(page: Page, box: Box) -> None:
    await open_conversation(page, box)
    asked = page.get_by_role("article").locator(".bubble")
    frames = page.get_by_role("complementary", name="Frames")
    search = page.get_by_role("search")
    quoting = page.get_by_role("button", name="Do not quote")

    await page.get_by_role("button", name="Search in this conversation").click()
    await asked.click(button="right")
    await page.get_by_role("menuitem", name="Reply").click()
    await asked.click(button="right")
    await page.get_by_role("menuitem", name="Show frames").click()
    await expect(frames).to_be_visible()
    await frames.get_by_role("button", name="Close").focus()
    await page.keyboard.press("Escape")
    await expect(frames).to_have_count(0)
    await expect(quoting).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(quoting).to_have_count(0)
    await expect(search).to_be_visible()
    await page.get_by_role("textbox", name="Write a message").press("Escape")
    await expect(search).to_have_count(0)
    await page.get_by_role("textbox", name="Write a message").press("Escape")
    await expect(page.get_by_text("Choose a conversation")).to_be_visible()
