"""What no well-behaved program sends, and lines that break off: the page stands it."""

from __future__ import annotations

import json
from typing import Any

from playwright.async_api import Page, Route, expect

from blazebot.wire.base64 import encode_base64
from tests.browser.box import Box

ID = "6b0d549b-6f03-475a-9600-a35a099950d8"
FILE = {"attachment_id": ID, "mime_type": "text/plain", "name": "odd.txt", "size": 1}
PLACE = {"latitude": 1, "longitude": 2, "name": "Nowhere"}


async def receive(box: Box, **contents: Any) -> str:
    """Let Bob send these contents unchecked, and a text; return the address where Alice sees it."""
    bob, alice = await box.person("Bob"), await box.person("Alice")
    for category, content in contents.items():
        data = encode_base64(json.dumps(content).encode())
        await box.send(bob, recipient_id=alice, category=category, data_base64=data, unchecked=True)
    sent = await box.send(bob, recipient_id=alice, text="the end")
    return box.messenger(alice, sent["conversation_id"])


async def test_sizes_that_no_file_has(page: Page, box: Box) -> None:
    sizes = {"size": -1, "width": 1e308, "height": -1, "duration": -1e300}
    kinds = ("PLAIN_DATA", "PLAIN_IMAGE", "PLAIN_VIDEO", "PLAIN_AUDIO")
    await page.goto(await receive(box, **dict.fromkeys(kinds, FILE | sizes)))
    await expect(page.get_by_role("article")).to_have_count(len(kinds) + 1)
    await expect(page.get_by_role("button", name="odd.txt")).to_contain_text("-1")


async def test_names_without_end_and_names_that_turn_the_words_around(page: Page, box: Box) -> None:
    endless, turning = "N" * 10_000, "Bob\u202e"
    bob, alice = await box.person(turning), await box.person("Alice")
    group = await box.control.call(
        "POST", "/groups", {"creator_id": bob, "name": turning, "participants": [alice]}
    )
    button = {"label": endless, "color": "#FF0000", "action": f"input:{endless}"}
    contents: dict[str, Any] = {
        "PLAIN_DATA": FILE | {"name": endless},
        "PLAIN_STICKER": {"sticker_id": ID, "name": endless},
        "PLAIN_LOCATION": PLACE | {"name": endless, "address": endless},
        "APP_BUTTON_GROUP": [button],
        "APP_CARD": {"title": endless, "description": endless, "actions": [button]},
        "SYSTEM_ACCOUNT_SNAPSHOT": {"snapshot_id": ID, "asset_id": ID, "amount": endless},
    }
    await page.set_viewport_size({"width": 360, "height": 740})
    await page.goto(box.messenger(alice, group["conversation_id"]))
    history = page.get_by_role("list", name="Messages")
    await expect(history.get_by_text("Bob created the group", exact=True)).to_be_attached()
    for category, content in contents.items():
        await box.send(
            bob,
            conversation_id=group["conversation_id"],
            category=category,
            data_base64=encode_base64(json.dumps(content).encode()),
            unchecked=True,
        )
        shown = page.locator(f'[data-category="{category}"]')
        await expect(shown).to_contain_text("NNN")
        box_shown = await shown.bounding_box()
        assert box_shown
        assert box_shown["height"] < 2500, category
        assert box_shown["x"] + box_shown["width"] <= 360, category


async def test_a_message_that_cannot_be_drawn_leaves_the_others(page: Page, box: Box) -> None:
    async def sabotage(route: Route) -> None:
        broken = "export function Location() { throw new Error('no such place'); }"
        await route.fulfill(body=broken, content_type="text/javascript")

    await page.route("**/messages/location.js", sabotage)
    await page.goto(await receive(box, PLAIN_LOCATION=PLACE, PLAIN_DATA=FILE))
    place = page.locator('[data-category="PLAIN_LOCATION"]')
    await expect(place).to_contain_text("no such place")
    await expect(place).to_contain_text("Nowhere")
    await expect(page.get_by_role("article").filter(has_text="the end")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Write a message")).to_be_editable()


async def test_a_post_that_the_parser_would_not_get_done_with(page: Page, box: Box) -> None:
    await page.goto(box.url)
    shown = await page.evaluate(
        """async () => {
          const { markdownElements } = await import('/messenger/js/messages/markdown.js');
          return markdownElements('_a'.repeat(1e6)).textContent.length;
        }"""
    )
    assert shown == 2_000_000


async def test_an_answer_that_breaks_off_is_told_as_any_other_outage(page: Page, box: Box) -> None:
    await page.goto(box.url)
    found = await page.evaluate(
        """async () => {
          const { call } = await import('/messenger/js/api.js');
          const broken = new ReadableStream({ pull: (one) => one.error(new TypeError('cut')) });
          window.fetch = async () => new Response(broken);
          return call('GET', '/people').catch(({ name, status }) => [name, status]);
        }"""
    )
    assert found == ["ApiError", 0]


async def test_what_was_cancelled_before_its_upload_is_not_uploaded(page: Page, box: Box) -> None:
    alice = await box.person("Alice")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(box.messenger(alice))
    found = await page.evaluate(
        """async (person) => {
          const { uploadFile } = await import('/messenger/js/composer/attachments.js');
          const cancelling = new AbortController();
          const file = new File(['x'], 'x.txt');
          const uploading = uploadFile(person, file, { signal: cancelling.signal });
          cancelling.abort();
          return uploading.catch((error) => error.name);
        }""",
        alice,
    )
    assert found == "AbortError"
    assert not [url for url in asked if url.endswith("/attachments")]
