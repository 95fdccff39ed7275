"""A person's talk with a bot, as they see and do it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, Locator, Page, expect

from blazebot import Bot, Message, Text
from tests.browser.box import Box

HOSTILE = "<img src=x onerror=\"document.title='bad'\"><script>document.title='bad'</script>"

INSECURE = """
delete Crypto.prototype.randomUUID;
delete Navigator.prototype.clipboard;
"""
"""What a browser keeps from pages that came over plain HTTP from another machine."""


@asynccontextmanager
async def echo(box: Box, bot_id: str) -> AsyncIterator[Bot]:
    bot = await box.program(bot_id)

    @bot.on(Text)
    async def reply(message: Message[Text]) -> None:
        await message.reply(f"You said: {message.content.text}")

    async with bot:
        yield bot


def bubble(page: Page, text: str) -> Locator:
    return page.get_by_role("article").filter(has_text=text)


def item(page: Page, name: str) -> Locator:
    return (
        page.get_by_role("region", name="Conversations").get_by_role("link").filter(has_text=name)
    )


async def choose(page: Page, text: str, what: str) -> None:
    """Pick something of a message's menu."""
    await bubble(page, text).last.locator(".bubble").click(button="right")
    await page.get_by_role("menuitem", name=what).click()


async def test_the_first_person_adds_a_bot_and_talks(page: Page, own_box: Box) -> None:
    bot_id = await own_box.bot("Echo")
    await page.goto(own_box.url)
    await page.get_by_label("Name of a new person").fill("Alice")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="New conversation").first.click()
    await page.get_by_role("button", name="Echo").click()
    await expect(bubble(page, "Hello").get_by_role("img", name="Sent")).to_be_visible()

    async with echo(own_box, bot_id):
        await expect(bubble(page, "You said: Hello")).to_be_visible()
        await expect(page.get_by_role("img", name="Read")).to_have_count(1)
        write = page.get_by_role("textbox", name="Write a message")
        await write.fill("one")
        await write.press("Shift+Enter")
        await write.press_sequentially("two")
        await write.press("Enter")
        await expect(write).to_have_value("")
        await expect(bubble(page, "You said: one\ntwo")).to_be_visible()
        await expect(page.get_by_role("img", name="Read")).to_have_count(2)
    await write.fill("Anybody?")
    await write.press("Enter")
    await expect(bubble(page, "Anybody?").get_by_role("img", name="Sent")).to_be_visible()


async def test_new_messages_are_counted_marked_and_read(page: Page, box: Box) -> None:
    bob, alice = await box.person("Bob"), await box.person("Alice")
    for number in range(40):
        await box.send(bob, recipient_id=alice, text=f"news {number}")
    await page.goto(box.messenger(alice))
    await expect(item(page, "Bob").get_by_label("40 unread messages")).to_be_visible()
    await item(page, "Bob").click()
    await expect(page.get_by_text("New messages")).to_be_in_viewport()
    await expect(bubble(page, "news 0")).to_be_in_viewport()
    await expect(bubble(page, "news 39")).not_to_be_in_viewport()
    await expect(item(page, "Bob").get_by_label("40 unread messages")).to_have_count(0)
    await page.get_by_role("button", name="To the newest message").click()
    await expect(bubble(page, "news 39")).to_be_in_viewport()
    await expect(item(page, "Bob").get_by_label("unread message")).to_have_count(0)

    # At the end it stays there, and reads on.
    await box.send(bob, recipient_id=alice, text="last")
    await expect(bubble(page, "last")).to_be_in_viewport()
    await page.goto(box.messenger(bob))
    await expect(item(page, "Alice").get_by_role("img", name="Read")).to_be_visible()


async def test_who_opens_at_the_first_unread_and_sees_the_end_stays_there(
    page: Page, box: Box
) -> None:
    bob, alice = await box.person("Bob"), await box.person("Alice")
    sent = await box.send(bob, recipient_id=alice, text="unread")
    await page.goto(box.messenger(alice, sent["conversation_id"]))
    await expect(page.get_by_text("New messages")).to_be_in_viewport()
    for number in range(40):
        await box.send(bob, conversation_id=sent["conversation_id"], text=f"news {number}")
    await expect(bubble(page, "news 39")).to_be_in_viewport()
    await expect(page.get_by_role("button", name="To the newest message")).to_have_count(0)


async def test_quotes_recalls_and_pins(page: Page, box: Box) -> None:
    bob, alice = await box.person("Bob"), await box.person("Alice")
    sent = await box.send(bob, recipient_id=alice, text="the first of all")
    for number in range(150):
        await box.send(bob, conversation_id=sent["conversation_id"], text=f"more {number}")
    answer = {"text": "to the first", "quote_message_id": sent["message_id"]}
    await box.send(bob, conversation_id=sent["conversation_id"], **answer)
    await page.goto(box.messenger(alice, sent["conversation_id"]))
    await page.get_by_role("button", name="To the newest message").click()

    quote = bubble(page, "to the first").get_by_role("button", name="the first of all")
    await quote.click()
    first = page.locator(".message", has_text="the first of all").first
    await expect(first).to_be_in_viewport()

    await choose(page, "the first of all", "Pin")
    await page.get_by_role("button", name="To the newest message").click()
    await page.get_by_role("button", name="Pinned message").click()
    await expect(first).to_be_in_viewport()
    await choose(page, "the first of all", "Unpin")
    await expect(page.get_by_role("button", name="Pinned message")).to_have_count(0)

    await choose(page, "the first of all", "Reply")
    await page.keyboard.type("An answer")
    await page.keyboard.press("Enter")
    mine = bubble(page, "An answer")
    await expect(mine.get_by_role("button", name="the first of all")).to_be_visible()
    await choose(page, "An answer", "Recall")
    await expect(mine).to_have_count(0)
    seen = await box.control.call("GET", f"/people/{bob}/messages/{sent['message_id']}")
    assert seen["pinned"] is False


async def test_people_of_two_tabs_talk(page: Page, context: BrowserContext, own_box: Box) -> None:
    alice, bob = await own_box.person("Alice"), await own_box.person("Bob")
    sent = await own_box.send(bob, recipient_id=alice, text="Hello, Alice")
    await page.goto(own_box.messenger(alice, sent["conversation_id"]))
    other = await context.new_page()
    await other.goto(own_box.messenger(alice))
    await other.get_by_role("link", name="Bob", exact=True).click()
    await item(other, "Alice").click()
    await page.get_by_label("Write a message").fill("Hello, Bob")
    await page.get_by_role("button", name="Send", exact=True).click()
    await expect(bubble(other, "Hello, Bob")).to_be_visible()
    await expect(bubble(page, "Hello, Bob").get_by_role("img", name="Read")).to_be_visible()


async def test_a_person_says_hello_to_another(page: Page, own_box: Box) -> None:
    alice, _ = await own_box.person("Alice"), await own_box.person("Bob")
    await page.goto(own_box.messenger(alice))
    for _ in range(2):  # the second time it is there already
        await page.get_by_role("button", name="New conversation").first.click()
        await page.get_by_role("tab", name="Person").click()
        await page.get_by_role("dialog").get_by_role("button", name="Bob").click()
        await expect(page.get_by_role("region", name="Bob")).to_be_visible()
        await expect(bubble(page, "Hello")).to_have_count(1)


async def test_a_page_that_is_no_secure_context_will_do(page: Page, box: Box) -> None:
    await page.add_init_script(INSECURE)
    bob, alice = await box.person("Bob"), await box.person("Alice")
    sent = await box.send(bob, recipient_id=alice, text="Copy this")
    await page.goto(box.messenger(alice, sent["conversation_id"]))
    await page.get_by_label("Write a message").fill("An answer")
    await page.keyboard.press("Enter")
    await expect(bubble(page, "An answer")).to_be_visible()
    await choose(page, "Copy this", "Copy")
    await expect(page.get_by_text("copy it with Ctrl+C")).to_be_visible()
    assert await page.evaluate("String(getSelection())") == "Copy this"


async def test_what_others_write_is_shown_as_text(page: Page, box: Box) -> None:
    bob, alice = await box.person(HOSTILE[:60]), await box.person("Alice")
    body = {"name": HOSTILE[:38], "participants": [alice], "announcement": HOSTILE}
    group = await box.control.call("POST", f"/people/{bob}/conversations", body)
    first = await box.send(bob, conversation_id=group["conversation_id"], text=HOSTILE)
    answer = {"text": HOSTILE, "quote_message_id": first["message_id"]}
    await box.send(bob, conversation_id=group["conversation_id"], **answer)
    await page.goto(box.messenger(alice, group["conversation_id"]))
    await expect(bubble(page, HOSTILE)).to_have_count(2)
    await page.get_by_role("button", name="Details").first.click()
    await expect(page.get_by_role("dialog")).to_contain_text(HOSTILE)
    assert await page.title() == "Blazebot Messenger"
    assert await page.locator("img[src=x]").count() == 0


async def test_it_can_be_used_by_keyboard_on_a_narrow_screen(page: Page, box: Box) -> None:
    await page.set_viewport_size({"width": 360, "height": 640})
    alice = await box.person("Alice", await box.bot("Echo"), await box.bot("Other"))
    await page.goto(box.messenger(alice))
    await expect(item(page, "Other")).to_be_visible()
    await page.keyboard.press("Control+k")
    await page.keyboard.type("ech")
    await expect(item(page, "Other")).to_have_count(0)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(bubble(page, "Hello")).to_be_visible()
    await expect(item(page, "Echo")).to_be_hidden()
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(overflow) == 0
    await page.get_by_role("list", name="Messages").focus()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name="Reply")).to_be_focused()
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(item(page, "Echo")).to_be_visible()


async def test_the_list_says_of_a_recall_what_the_conversation_says(page: Page, box: Box) -> None:
    bob, alice = await box.person("Bob"), await box.person("Alice")
    body = {"name": "Tea", "participants": [bob]}
    group = await box.control.call("POST", f"/people/{alice}/conversations", body)
    await box.send(alice, conversation_id=group["conversation_id"], text="a secret")
    await page.goto(box.messenger(alice, group["conversation_id"]))
    await choose(page, "a secret", "Recall")
    last = page.get_by_role("link").filter(has_text="Tea").locator(".last")
    await expect(last).to_have_text("This message was recalled.")
    await expect(last.get_by_role("img")).to_have_count(0)
    await page.reload()
    await expect(last).to_have_text("This message was recalled.")
    await page.locator("select.language").select_option("ja")
    await expect(last).to_have_text("このメッセージは取り消されました。")
    await page.goto(box.messenger(bob))
    await expect(last).to_have_text("このメッセージは取り消されました。")


async def test_the_recall_of_an_older_message_leaves_the_newest_in_the_list(
    page: Page, box: Box
) -> None:
    bob, alice = await box.person("Bob"), await box.person("Alice")
    body = {"name": "Tea", "participants": [bob]}
    group = await box.control.call("POST", f"/people/{alice}/conversations", body)
    for words in ("older", "newest"):
        await box.send(alice, conversation_id=group["conversation_id"], text=words)
    await page.goto(box.messenger(alice, group["conversation_id"]))
    await choose(page, "older", "Recall")
    await expect(page.get_by_text("This message was recalled.")).to_have_count(1)
    last = page.get_by_role("link").filter(has_text="Tea").locator(".last")
    await expect(last).to_contain_text("newest")
    await page.reload()
    await expect(last).to_contain_text("newest")
