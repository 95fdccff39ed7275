"""What a person has begun or sent is neither lost nor sent twice, whatever happens meanwhile."""

from __future__ import annotations

from playwright.async_api import Page, Route, expect

from tests.browser.box import Box
from tests.browser.network import hold

MESSAGES = "**/control/people/*/messages"


async def test_a_text_whose_answer_is_lost_is_no_other_text(page: Page, box: Box) -> None:
    bob, alice = await box.person("Bob"), await box.person("Alice")
    sent = await box.send(bob, recipient_id=alice, text="Hello, Alice")
    await page.goto(box.messenger(alice, sent["conversation_id"]))

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route(MESSAGES, lose, times=1)
    write = page.get_by_role("textbox", name="Write a message")
    shown = page.get_by_role("article")
    await write.fill("the first")
    await write.press("Enter")
    await expect(page.get_by_text("cannot be reached")).to_be_visible()
    await expect(shown.filter(has_text="the first")).to_have_count(1)
    await write.press("Enter")  # the same again: it is there
    await expect(write).to_have_value("")

    await page.route(MESSAGES, lose, times=1)
    await write.fill("the second")
    await write.press("Enter")
    await expect(shown.filter(has_text="the second")).to_have_count(1)
    await write.fill("the third")
    await write.press("Enter")
    await expect(write).to_have_value("")
    await expect(shown.filter(has_text="the third")).to_have_count(1)
    await expect(shown.filter(has_text="the first")).to_have_count(1)


async def test_what_is_sent_while_one_is_elsewhere_is_no_draft(page: Page, box: Box) -> None:
    bob, carol, alice = [await box.person(name) for name in ("Bob", "Carol", "Alice")]
    there, elsewhere = [
        (await box.send(other, recipient_id=alice, text="Hello"))["conversation_id"]
        for other in (bob, carol)
    ]
    released = await hold(page, MESSAGES, times=1)
    await page.goto(box.messenger(alice, there))
    write = page.get_by_role("textbox", name="Write a message")
    async with page.expect_request(MESSAGES):
        await write.fill("only once")
        await write.press("Enter")
    await page.goto(box.messenger(alice, elsewhere))
    await expect(page.get_by_role("region", name="Carol")).to_be_visible()
    async with page.expect_response(MESSAGES):
        released.set()
    await page.goto(box.messenger(alice, there))
    await expect(page.get_by_role("article").filter(has_text="only once")).to_have_count(1)
    await expect(write).to_have_value("")
