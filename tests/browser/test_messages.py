"""Messages as a person sees them: every category, and nothing in them that does harm."""

from __future__ import annotations

import io
import json
import random
from typing import Any

import pytest
from playwright.async_api import Page, expect

from blazebot import (
    Button,
    ButtonGroup,
    Card,
    Contact,
    Content,
    Live,
    Location,
    Post,
    Recall,
    Sticker,
    Text,
    Transcript,
    TranscriptItem,
    Unknown,
    audio,
    file,
    image,
)
from blazebot.wire.base64 import encode_base64
from blazebot.wire.content import CATEGORIES
from tests.browser.box import Box
from tests.browser.network import hold
from tests.browser.talk import TALL, talking
from tests.samples import PDF, picture, sound

SCRIPT = '<img src=x onerror="window.harmed=1"><script>window.harmed=1</script>'
ID = "6b0d549b-6f03-475a-9600-a35a099950d8"

_BUTTON = Button("Yes", "#46B8DA", "input:yes")
_WORDS: dict[type[Content], tuple[Content, list[str]]] = {
    Text: (Text("see https://mixin.one/x."), ["see https://mixin.one/x."]),
    Post: (Post("# Title\n\n*slanted*"), ["Title", "slanted"]),
    Sticker: (Sticker(name="happy", album_id=ID), ["happy"]),
    Location: (
        Location(longitude=-0.1276, latitude=51.5072, name="London", address="Whitehall"),
        ["London", "Whitehall", "51.50720° N, 0.12760° W"],
    ),
    Live: (
        Live(url="https://a.example/1.m3u8", thumb_url="https://b.example/1", width=3, height=2),
        ["https://a.example/1.m3u8", "b.example"],
    ),
    Transcript: (
        Transcript(
            (
                TranscriptItem(
                    message_id=ID, message_category="PLAIN_TEXT", user_full_name="Bob", content="hi"
                ),
            )
        ),
        ["Bob: hi", "1 message"],
    ),
    ButtonGroup: (ButtonGroup((_BUTTON,)), ["Yes"]),
    Card: (
        Card(
            title="Newer",
            description="with a cover",
            cover_url="https://c.example/c.png",
            actions=(_BUTTON,),
        ),
        ["Newer", "with a cover", "c.example", "Yes"],
    ),
    Unknown: (Unknown("PLAIN_NOVEL", b"\x00 raw"), ["PLAIN_NOVEL", " raw"]),
}


async def test_every_category_that_a_bot_sends_is_drawn(page: Page, box: Box) -> None:
    async with talking(page, box) as talk:
        await talk.bot.send(talk.person, Contact(talk.person))
        await expect(talk.shown("PLAIN_CONTACT")).to_contain_text("Alice")
        for content, words in _WORDS.values():
            await talk.bot.send(talk.person, content)
            for some in words:
                await expect(talk.shown(content.category).last).to_contain_text(some)
        link = talk.shown("PLAIN_TEXT").get_by_role("link")
        await expect(link).to_have_attribute("href", "https://mixin.one/x")
        await expect(link).to_have_attribute("rel", "noopener noreferrer")
        await talk.bot.send(talk.person, Card(title="Older", description="x", action="https://a.b"))
        card = talk.shown("APP_CARD").last.get_by_role("link", name="Older")
        await expect(card).to_have_attribute("href", "https://a.b/")
        for category in ("SYSTEM_ACCOUNT_SNAPSHOT", "SYSTEM_SAFE_SNAPSHOT"):
            paid = {"bot_id": talk.bot.id, "amount": "1.25", "category": category, "memo": "tea"}
            await box.control.call("POST", f"/people/{talk.person}/transfers", paid)
            await expect(talk.shown(category)).to_contain_text("1.25 XIN")
        message_id = await talk.bot.send(talk.person, "not this")
        await expect(page.get_by_text("not this").last).to_be_visible()
        await talk.bot.send(talk.person, Recall(message_id))
        await expect(talk.shown("RECALLED")).to_contain_text("This message was recalled.")


async def test_what_happens_to_a_group_is_said_in_words(page: Page, box: Box) -> None:
    alice, bob = await box.person("Alice"), await box.person("Bob")
    group = await box.control.call("POST", f"/people/{alice}/conversations", {"name": "Tea"})
    where = f"/people/{alice}/conversations/{group['conversation_id']}"
    await page.goto(box.messenger(alice, group["conversation_id"]))
    members = {"participants": [{"user_id": bob, "role": "ADMIN"}]}
    for change, words in {
        "ADD": "You added Bob",
        "ROLE": "You made Bob an admin",
        "REMOVE": "You removed Bob",
    }.items():
        await box.control.call("POST", f"{where}/participants", {"action": change, **members})
        await expect(page.get_by_text(words, exact=True).first).to_be_visible()


async def test_a_script_in_any_text_is_shown_as_text(page: Page, box: Box) -> None:
    await page.set_viewport_size({"width": TALL["width"], "height": 9000})
    bob = await box.person(SCRIPT)
    alice = await box.person("Alice")
    new = {"creator_id": bob, "name": SCRIPT, "participants": [alice]}
    group = (await box.control.call("POST", "/groups", new))["conversation_id"]
    await page.goto(box.messenger(alice, group))
    for category, data in _scripted().items():
        await box.send(
            bob,
            conversation_id=group,
            category=category,
            unchecked=True,
            data_base64=encode_base64(data),
        )
    for category in _SHOWING_TEXT:
        shown = page.locator(f'[data-category="{category}"]')
        await expect(shown).to_contain_text("onerror")
    await page.locator(".body-transcript").click()
    await expect(page.get_by_role("dialog")).to_contain_text(SCRIPT)
    await page.keyboard.press("Escape")
    await page.locator(".body-post").get_by_role("button").click()
    await expect(page.get_by_role("dialog")).to_contain_text(SCRIPT)
    assert await page.locator("img[src=x]").count() == 0
    harm = "script:not([src]), iframe, [onerror], [href^='javascript:' i], [style*='url(']"
    assert await page.locator(harm).count() == 0
    assert await page.evaluate("window.harmed") is None


_SHOWING_TEXT = (
    "PLAIN_TEXT", "PLAIN_POST", "PLAIN_DATA", "PLAIN_STICKER", "PLAIN_LOCATION", "PLAIN_LIVE",
    "PLAIN_TRANSCRIPT", "APP_BUTTON_GROUP", "APP_CARD", "PLAIN_NOVEL", "SYSTEM_SAFE_SNAPSHOT",
)  # fmt: skip


def _scripted() -> dict[str, bytes]:
    """Return contents whose texts all are a script, or an address that runs one."""
    address = "javascript:window.harmed=1//" + SCRIPT
    button = {"label": SCRIPT, "color": SCRIPT, "action": address}
    texts = dict.fromkeys(
        ("name", "address", "sticker_id", "mime_type", "thumbnail", "title", "description", "memo",
         "snapshot_id", "asset_id", "amount", "waveform", "participant_id", "action", "role"),
        SCRIPT,
    )  # fmt: skip
    everything: dict[str, Any] = {
        **texts, "attachment_id": SCRIPT, "size": 1, "latitude": 1, "longitude": 1,
        "url": address, "thumb_url": address, "cover_url": address, "icon_url": address,
        "user_id": SCRIPT, "message_ids": [SCRIPT],
    }  # fmt: skip
    del everything["action"]
    item = {"message_id": ID, "category": "PLAIN_TEXT", "user_full_name": SCRIPT, "content": SCRIPT}
    contents: dict[str, Any] = {
        category: everything for category in CATEGORIES if category != "MESSAGE_RECALL"
    }
    contents |= {
        "PLAIN_TRANSCRIPT": [item],
        "APP_BUTTON_GROUP": [button],
        "APP_CARD": {**everything, "actions": [button]},
        "SYSTEM_CONVERSATION": {**everything, "action": SCRIPT},
    }
    texts_alone = {
        "PLAIN_TEXT": SCRIPT,
        "PLAIN_POST": f"{SCRIPT}\n\n[x]({address}) ![{SCRIPT}](x) <a href='{address}'>y</a>",
        "PLAIN_NOVEL": SCRIPT,
    }
    return {name: json.dumps(one).encode() for name, one in contents.items()} | {
        name: one.encode() for name, one in texts_alone.items()
    }


async def test_a_picture_is_blurred_until_it_is_there_and_enlarged_by_a_click(
    page: Page, box: Box
) -> None:
    released = await hold(page, "**/view/*")
    async with talking(page, box) as talk:
        await talk.bot.send(talk.person, image(io.BytesIO(picture("JPEG"))))
        bubble = talk.shown("PLAIN_IMAGE")
        await expect(bubble.locator(".body-blur")).to_be_visible()
        room = await bubble.bounding_box()
        released.set()
        shown = bubble.get_by_role("img", name="Picture")
        await expect(shown).to_have_js_property("naturalWidth", 640)
        assert await bubble.bounding_box() == room  # nothing jumps
        await bubble.get_by_role("button", name="Enlarge").click()
        large = page.get_by_role("dialog").get_by_role("img", name="Picture")
        await expect(large).to_have_js_property("naturalWidth", 640)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(shown).to_be_visible()  # Escape has closed the picture alone


async def test_files_are_decrypted_and_saved_under_their_names(page: Page, box: Box) -> None:
    async with talking(page, box) as talk:
        upload = file(io.BytesIO(PDF), name="paper.pdf")
        await talk.bot.send(talk.person, upload, encrypt="always")
        bubble = talk.shown("ENCRYPTED_DATA")
        await expect(bubble).to_contain_text(f"{len(PDF)} bytes")
        async with page.expect_download() as downloading:
            await bubble.get_by_role("button", name="Save paper.pdf").click()
        download = await downloading.value
        assert download.suggested_filename == "paper.pdf"
        assert (await download.path()).read_bytes() == PDF


async def test_a_voice_message_shows_its_waveform_and_how_far_it_is_played(
    page: Page, box: Box
) -> None:
    async with talking(page, box) as talk:
        await talk.bot.send(talk.person, audio(io.BytesIO(sound())))
        bubble = talk.shown("PLAIN_AUDIO")
        heights = await bubble.locator("rect").evaluate_all(
            "all => all.map((one) => Number(one.getAttribute('height')))"
        )
        assert max(heights[:15]) < min(heights[25:])  # it is silent, then loud
        await expect(bubble).to_contain_text("0:02")
        await bubble.get_by_role("button", name="Play").click()
        await expect(bubble.locator("rect.played").nth(5)).to_be_attached()
        await expect(bubble.get_by_role("slider")).to_be_enabled()


async def test_a_pressed_button_reaches_the_bot(page: Page, box: Box) -> None:
    async with talking(page, box) as talk:
        group = ButtonGroup(
            (
                _BUTTON,
                Button("Docs", "#FFFFFF", "https://mixin.one/docs"),
                Button("Wallet", "#000000", "mixin://transfer/1"),
            )
        )
        await talk.bot.send(talk.person, group)
        buttons = talk.shown("APP_BUTTON_GROUP")
        await buttons.get_by_role("button", name="Yes").click()
        assert (await talk.hears()).content == Text("yes")
        docs = buttons.get_by_role("link", name="Docs")
        await expect(docs).to_have_attribute("href", "https://mixin.one/docs")
        await expect(docs).to_have_attribute("target", "_blank")
        await buttons.get_by_role("button", name="Wallet").click()
        await expect(page.get_by_text("Messenger would open mixin://transfer/1")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_any_colour_of_a_button_is_readable(page: Page, box: Box, scheme: Any) -> None:
    await page.emulate_media(color_scheme=scheme)
    await page.goto(box.url)
    chance = random.Random(1)
    colours = ["#000000", "#FFFFFF", "#FFFF00"]
    colours += [f"#{chance.randrange(2**24):06X}" for _ in range(200)]
    shown = await page.evaluate(_COLOURS, colours)
    for colour, (ink, ground) in zip(colours, shown, strict=True):
        lighter, darker = sorted((_luminance(ink), _luminance(ground)), reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 4.5, colour


_COLOURS = """async (colours) => {
  const { readable } = await import('/messenger/js/messages/colours.js');
  const button = document.createElement('button');
  button.className = 'body-button';
  document.body.append(button);
  const parts = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map(Number);
  return colours.map((colour) => {
    button.style.color = readable(colour);
    const { color, backgroundColor } = getComputedStyle(button);
    return [parts(color), parts(backgroundColor)];
  });
}"""


def _luminance(colour: list[float]) -> float:
    """Return the relative luminance (WCAG 2) of red, green and blue from 0 to 255."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (one / 255 for one in colour)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


async def test_a_contact_begins_a_conversation(page: Page, box: Box) -> None:
    other = await box.bot("Shop")
    async with talking(page, box) as talk:
        await talk.bot.send(talk.person, Contact(other))
        await talk.shown("PLAIN_CONTACT").get_by_role("button", name="Add").click()
        await expect(page.get_by_role("region", name="Shop")).to_be_visible()


@pytest.mark.parametrize("width", [1280, 360])
async def test_what_is_wide_goes_on_in_the_next_line(page: Page, box: Box, width: int) -> None:
    buttons = tuple(Button(f"{word} the tea", "#46B8DA", "input:x") for word in ("Order", "Return"))
    name = "Wolfeschlegelsteinhausen" * 3
    item = TranscriptItem(
        message_id=ID, message_category="PLAIN_TEXT", user_full_name=name, content=name
    )
    async with talking(page, box) as talk:
        await page.set_viewport_size({"width": width, "height": 900})
        card = Card(title="Tea", description="black", actions=(_BUTTON, *buttons))
        await talk.bot.send(talk.person, card)
        await expect(talk.shown("APP_CARD").get_by_role("button")).to_have_count(3)
        assert await talk.shown("APP_CARD").locator(".body-card").evaluate(_HIDDEN) == 0
        await talk.bot.send(talk.person, Transcript((item,)))
        await talk.shown("PLAIN_TRANSCRIPT").locator(".body-transcript").click()
        assert await page.get_by_role("dialog").evaluate(_HIDDEN) == 0


_HIDDEN = "(box) => box.scrollWidth - box.clientWidth"


LINKS = [
    ("(see https://a.b/c_(d).)", ["https://a.b/c_(d)"]),
    ("看https://例え.jp/絵。mixin://users/1，x", ["https://例え.jp/絵", "mixin://users/1"]),
    ("javascript:alert(1) data:text/html,x ftp://a.b", []),
    ("https://a.b?q=1&r=2#x!", ["https://a.b?q=1&r=2#x"]),
    ("https://", []),
]


async def test_links_are_found_and_nothing_of_the_text_is_lost(page: Page, box: Box) -> None:
    await page.goto(box.url)
    chance = random.Random(2)
    pieces = ["https://a.b", "mixin://x", "@7000100001", " ", ").", "（", "\n", "<b>", "é", "🚀"]
    noise = ["".join(chance.choices(pieces, k=12)) for _ in range(300)]
    parted = await page.evaluate(
        """async (texts) => {
          const { parts } = await import('/messenger/js/messages/addresses.js');
          return texts.map(parts);
        }""",
        [text for text, _ in LINKS] + noise,
    )
    for text, parts in zip([text for text, _ in LINKS] + noise, parted, strict=True):
        assert "".join(part["text"] for part in parts) == text
    for (_, links), parts in zip(LINKS, parted, strict=False):
        assert [part["text"] for part in parts if part["kind"] == "link"] == links
