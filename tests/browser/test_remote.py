"""What is elsewhere: nothing of it is loaded before somebody clicks on it, and then only that."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.async_api import Locator, Page, Route, expect

from blazebot import Card, Content, Live, Post, Sticker, Transcript, TranscriptItem
from tests.browser.box import Box
from tests.browser.talk import talking
from tests.samples import picture

ELSEWHERE = "https://elsewhere.example"
ID = "6a4e5f6e-0d9f-4b39-8a1d-6f5d1f0c2b3a"


async def outside(page: Page, own: str) -> list[str]:
    """Answer what goes to other origins with a picture; return where all of it goes to."""
    seen: list[str] = []

    async def answer(route: Route) -> None:
        address = route.request.url
        if urlsplit(address).scheme in ("http", "https") and not address.startswith(own):
            seen.append(address)
            await route.fulfill(body=picture("PNG"), content_type="image/png")
        else:
            await route.continue_()

    await page.context.route("**/*", answer)
    return seen


def card(page: Page, title: str) -> Locator:
    return page.locator(".body-card").filter(has_text=title)


async def test_nothing_is_loaded_from_elsewhere_by_itself(page: Page, box: Box) -> None:
    seen = await outside(page, box.url)
    address = f"{ELSEWHERE}/x.png"
    item = TranscriptItem(
        message_id=ID, message_category="PLAIN_LIVE", user_full_name="Bob",
        thumb_url=address, media_url=address,
    )  # fmt: skip
    contents: list[Content] = [
        Card(title="Old", description=address, action=address, icon_url=address),
        Card(title="New", description=f"![x]({address})", cover_url=address),
        Post(f"![x]({address}) <img src='{address}'> <style>@import '{address}'</style>"),
        Live(url=f"{ELSEWHERE}/live.m3u8", thumb_url=address, width=640, height=360),
        Transcript((item,)),
        Sticker(sticker_id=ID, name=address),
    ]
    async with talking(page, box) as talk:
        for content in contents:
            await talk.bot.send(talk.person, content)
            await expect(talk.shown(content.category).last).to_be_visible()
        await page.locator(".body-transcript").click()
        await expect(page.get_by_role("dialog")).to_contain_text("elsewhere.example")
        await page.keyboard.press("Escape")
        await page.wait_for_load_state("networkidle")
        assert seen == []

        loading = card(page, "New").get_by_role("button", name="Load the picture")
        await loading.click()
        shown = card(page, "New").get_by_role("img", name="Picture")
        await expect(shown).to_have_js_property("naturalWidth", 640)
        assert seen == [address]


async def test_what_cannot_be_shown_says_so(page: Page, box: Box) -> None:
    seen = await outside(page, box.url)
    address, thumbnail = f"{ELSEWHERE}/live.m3u8", "http://elsewhere.example/x.png"
    async with talking(page, box) as talk:
        live = Live(url=address, thumb_url=thumbnail, width=640, height=360)
        await talk.bot.send(talk.person, live)
        stream = page.locator(".body-live")
        await expect(stream.get_by_role("link", name=address)).to_have_attribute("href", address)
        await expect(stream.get_by_role("button")).to_have_text("Watch")  # http is not loaded
        await stream.get_by_role("button", name="Watch").click()
        await expect(stream).to_contain_text("It is no video that the browser can play.")
        assert set(seen) == {address}
