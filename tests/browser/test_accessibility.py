"""axe finds nothing serious in the three places, in light and dark."""

from __future__ import annotations

from playwright.async_api import Page, expect

from tests.browser.axe import faults
from tests.browser.box import Box


async def test_the_messenger(page: Page, box: Box) -> None:
    alice, bob = await box.person("Alice"), await box.person("Bob")
    body = {"name": "Tea", "participants": [bob]}
    group = await box.control.call("POST", f"/people/{alice}/conversations", body)
    where = {"conversation_id": group["conversation_id"]}
    first = await box.send(bob, **where, text="a question")
    await box.send(alice, **where, text="an answer", quote_message_id=first["message_id"])
    await page.goto(box.messenger(alice, group["conversation_id"]))
    question = page.get_by_role("article").filter(has_text="a question").first
    await question.locator(".bubble").click(button="right")
    await page.get_by_role("menuitem", name="Pin").click()
    await expect(page.get_by_role("button", name="Pinned message")).to_be_visible()
    assert await faults(page) == []
    await question.locator(".bubble").click(button="right")
    assert await faults(page) == []
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Details").last.click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    assert await faults(page) == []


async def test_a_button_under_the_mouse(page: Page, box: Box) -> None:
    await page.goto(f"{box.url}#/dashboard")
    await page.get_by_role("button", name="New bot").first.hover()
    assert await faults(page) == []


async def test_a_fault_is_noticed(page: Page, box: Box) -> None:
    await page.goto(box.url)
    await page.evaluate("document.body.insertAdjacentHTML('beforeend', '<button></button>')")
    assert any("button-name" in fault for fault in await faults(page))


async def test_dashboard_and_wire(page: Page, own_box: Box) -> None:
    bot = await own_box.bot("Echo")
    await own_box.person("Alice", bot)
    await page.goto(f"{own_box.url}#/dashboard")
    await expect(page.get_by_text("Echo").first).to_be_visible()
    assert await faults(page) == []
    await page.goto(f"{own_box.url}#/wire")
    await expect(page.get_by_role("switch").first).to_be_visible()
    assert await faults(page) == []
