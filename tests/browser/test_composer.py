"""What people send beside text: composed by its fields or its JSON, and files."""

from __future__ import annotations

import asyncio
import base64
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest
from PIL import Image as Pillow
from playwright.async_api import FilePayload, Locator, Page, Route, expect

from blazebot import Audio, Content, File, Image, Invalid, Media, Text, Transfer, Unknown, Video
from blazebot.media.recordings import LEVELS
from blazebot.wire import limits
from blazebot.wire.base64 import decode_base64
from blazebot.wire.content import CATEGORIES
from tests.browser.box import Box
from tests.browser.network import hold
from tests.browser.talk import Talk, talking
from tests.samples import PDF, picture, sound


def clip() -> bytes:
    """Make a video of 1 s that browsers play."""
    made = io.BytesIO()
    from_image: Callable[[Pillow.Image], av.VideoFrame] = av.VideoFrame.from_image
    with av.open(made, "w", format="webm") as container:
        stream = container.add_stream("libvpx", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for _ in range(10):
            container.mux(stream.encode(from_image(Pillow.new("RGB", (320, 180), "red"))))
        container.mux(stream.encode(None))
    return made.getvalue()


def payload(name: str, kind: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": kind, "buffer": data}


PICTURE = payload("photo.png", "image/png", picture("PNG"))
FILES = {
    "PLAIN_IMAGE": PICTURE,
    "PLAIN_VIDEO": payload("clip.webm", "video/webm", clip()),
    "PLAIN_AUDIO": payload("voice.ogg", "audio/ogg", sound()),
    "PLAIN_DATA": payload("paper.pdf", "application/pdf", PDF),
}


async def composer(talk: Talk, category: str) -> Locator:
    """Open the composer for a category."""
    await talk.page.get_by_role("button", name="Compose").click()
    dialog = talk.page.get_by_role("dialog")
    await dialog.get_by_label("Category", exact=True).select_option(category)
    return dialog


def send_button(dialog: Locator) -> Locator:
    return dialog.get_by_role("button", name="Send", exact=True)


async def table(page: Page) -> list[dict[str, Any]]:
    """Return the composer's table of categories; what has no limit has null."""
    found: list[dict[str, Any]] = await page.evaluate(
        "async () => (await import('/messenger/js/composer/categories.js')).CATEGORIES"
    )
    return found


async def test_every_category_that_people_send_is_composed_and_reaches_the_bot(
    page: Page, box: Box
) -> None:
    async with talking(page, box) as talk:
        categories = [one["category"] for one in await table(page)]
        assert set(categories) == set(CATEGORIES) - {"SYSTEM_CONVERSATION"}
        for category in categories:
            dialog = await composer(talk, category)
            await _fill(dialog, category)
            await send_button(dialog).click()
            await expect(page.get_by_role("dialog")).to_have_count(0)
            content = (await talk.hears()).content
            assert isinstance(content, CATEGORIES[category]), content
            if not isinstance(content, Transfer):
                content.check()


async def _fill(dialog: Locator, category: str) -> None:
    """Fill in what is needed beside the example that the composer begins with."""
    if category == "PLAIN_TEXT":
        await dialog.get_by_label("Text", exact=True).fill("Hi")
    elif category == "PLAIN_CONTACT":
        await dialog.get_by_label("User").select_option("Helper")
    elif category == "MESSAGE_RECALL":
        await dialog.get_by_label("Message").select_option(index=1)
    elif category == "MESSAGE_PIN":
        await dialog.get_by_label("Messages").select_option(index=[0, 1])
    elif category in FILES:
        await dialog.locator("input[type=file]").set_input_files(FILES[category])
        await expect(dialog.get_by_label("Attachment id")).not_to_have_value("")


async def test_form_and_json_are_one_and_what_is_wrong_is_said(page: Page, box: Box) -> None:
    async with talking(page, box) as talk:
        dialog = await composer(talk, "APP_CARD")
        source = dialog.get_by_label("Its JSON")
        title = dialog.get_by_label("Title")
        await title.fill("x" * 37)
        await expect(source).to_have_value(re.compile("x{37}"))
        await expect(dialog.get_by_text("1 to 36 characters are allowed.").first).to_be_visible()
        await expect(send_button(dialog)).to_be_disabled()
        button = '{"label": "No", "color": "#ABCDEF", "action": "input:no"}'
        await source.fill(f'{{"title": "T", "description": "D", "actions": [{button}]}}')
        await expect(title).to_have_value("T")
        await expect(dialog.get_by_label("Label")).to_have_value("No")
        await dialog.get_by_role("button", name="Add one").click()
        await expect(dialog.get_by_label("Label")).to_have_count(2)
        await dialog.get_by_role("button", name="Remove number 1").click()
        await expect(source).not_to_have_value(re.compile("#ABCDEF"))
        await dialog.get_by_label("Action").last.fill("javascript:alert(1)")
        await expect(dialog.get_by_text("should begin with one of").first).to_be_visible()
        await source.fill("{")
        await expect(send_button(dialog)).to_be_disabled()
        await expect(title).to_be_disabled()  # it would write over what is being written
        await dialog.get_by_label("Category", exact=True).select_option("PLAIN_LOCATION")
        await dialog.get_by_label("Latitude").fill("1.50")
        await dialog.get_by_label("Longitude").fill("181")
        await expect(dialog.get_by_text("-180 to 180 are allowed.").first).to_be_visible()
        await expect(source).to_have_value(re.compile('"latitude": 1.5,'))
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert talk.told.empty()


async def test_malformed_and_unknown_content_goes_out_as_it_is_written(
    page: Page, box: Box
) -> None:
    async with talking(page, box) as talk:
        dialog = await composer(talk, "PLAIN_LOCATION")
        await dialog.get_by_label("Its JSON").fill('{"latitude": "north"')
        await dialog.get_by_label("As written").check()
        await send_button(dialog).click()
        content = (await talk.hears()).content
        assert isinstance(content, Invalid)
        assert content.raw == b'{"latitude": "north"'
        await expect(talk.shown("PLAIN_LOCATION")).to_contain_text("Malformed content")

        dialog = await composer(talk, "")
        await dialog.get_by_label("Its name").fill("PLAIN_NOVEL")
        await dialog.get_by_label("Text", exact=True).fill("Once")
        await send_button(dialog).click()
        assert (await talk.hears()).content == Unknown("PLAIN_NOVEL", b"Once")


async def test_an_encrypted_picture_comes_with_an_encrypted_file(
    page: Page, box: Box, tmp_path: Path
) -> None:
    async with talking(page, box) as talk:
        dialog = await composer(talk, "PLAIN_IMAGE")
        await dialog.get_by_label("Encrypted", exact=True).check()
        await dialog.locator("input[type=file]").set_input_files(PICTURE)
        await expect(dialog.get_by_label("Key")).not_to_have_value("")
        await send_button(dialog).click()
        message = await talk.hears()
        assert message.is_encrypted
        assert isinstance(message.content, Image)
        await talk.bot.download(message.content, tmp_path / "photo")
        assert (tmp_path / "photo").read_bytes() == PICTURE["buffer"]
        shown = talk.shown("ENCRYPTED_IMAGE").get_by_role("img", name="Picture")
        await expect(shown).to_have_js_property("naturalWidth", 640)


async def test_the_limits_are_those_of_the_wire(page: Page, box: Box) -> None:
    await page.goto(box.url)
    fields = {(one["category"], field["name"]): field for one in await table(page)
              for field in [*one.get("fields", []), *filter(None, [one.get("items")])]}  # fmt: skip
    assert fields["APP_CARD", "title"]["max"] == limits.TITLE_LENGTH
    assert fields["APP_CARD", "description"]["max"] == limits.DESCRIPTION_LENGTH
    assert fields["APP_CARD", "actions"]["max"] == limits.BUTTONS_LIMIT
    assert fields["APP_CARD", "actions"]["fields"][0]["max"] == limits.LABEL_LENGTH
    assert fields["APP_BUTTON_GROUP", "buttons"]["max"] == limits.BUTTONS_LIMIT
    assert fields["PLAIN_DATA", "name"]["max"] == limits.FILE_NAME_LENGTH
    assert fields["PLAIN_TRANSCRIPT", "items"]["max"] == limits.TRANSCRIPT_LIMIT
    assert fields["MESSAGE_PIN", "message_ids"]["max"] == limits.BATCH_LIMIT


EXPECTED: dict[str, tuple[type[Media], dict[str, Any]]] = {
    "PLAIN_IMAGE": (Image, {"width": 640, "height": 480, "mime_type": "image/png"}),
    "PLAIN_VIDEO": (Video, {"width": 320, "height": 180, "mime_type": "video/webm"}),
    "PLAIN_AUDIO": (Audio, {"mime_type": "audio/ogg"}),
    "PLAIN_DATA": (File, {"name": "paper.pdf", "mime_type": "application/pdf"}),
}


async def test_files_are_sent_as_what_the_browser_finds_them_to_be(
    page: Page, box: Box, tmp_path: Path
) -> None:
    async with talking(page, box) as talk:
        found: dict[str, Content] = {}
        for category, one in FILES.items():
            await page.locator(".text-box input[type=file]").set_input_files(one)
            message = await talk.hears()
            found[category] = message.content
            kind, fields = EXPECTED[category]
            assert isinstance(message.content, kind)
            assert {name: getattr(message.content, name) for name in fields} == fields
            await talk.bot.download(message.content, tmp_path / category)
            assert (tmp_path / category).read_bytes() == one["buffer"]
        voice, film, photo = (found[f"PLAIN_{one}"] for one in ("AUDIO", "VIDEO", "IMAGE"))
        assert isinstance(voice, Audio)
        assert abs(voice.duration - 2000) < 100
        levels = decode_base64(voice.waveform or "")
        assert len(levels) == LEVELS
        assert max(levels[:30]) < 10  # it is silent, then loud
        assert min(levels[33:62]) > 200
        assert isinstance(film, Video)
        assert abs(film.duration - 1000) < 150
        assert isinstance(photo, Image)
        for thumbnail in (film.thumbnail, photo.thumbnail):
            with Pillow.open(io.BytesIO(decode_base64(thumbnail or ""))) as small:
                assert (small.format, max(small.size)) == ("JPEG", 100)


GIVE = """async ([how, base64]) => {
  const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], 'given.png', { type: 'image/png' }));
  const event = how === 'paste'
    ? new ClipboardEvent('paste', { clipboardData: given, bubbles: true, cancelable: true })
    : new DragEvent('drop', { dataTransfer: given, bubbles: true, cancelable: true });
  document.querySelector('.text-box textarea').dispatchEvent(event);
}"""


@pytest.mark.parametrize("how", ["paste", "drop"])
async def test_a_picture_is_pasted_or_dropped(page: Page, box: Box, how: str) -> None:
    async with talking(page, box) as talk:
        await page.evaluate(GIVE, [how, base64.b64encode(PICTURE["buffer"]).decode()])
        content = (await talk.hears()).content
        assert isinstance(content, Image)
        assert content.width == 640


async def test_an_upload_is_cancelled_and_nothing_is_sent(page: Page, box: Box) -> None:
    begun = asyncio.Event()

    async def hold(_: Route) -> None:
        begun.set()

    await page.route("**/attachments", hold)
    async with talking(page, box) as talk:
        await page.locator(".text-box input[type=file]").set_input_files(PICTURE)
        await asyncio.wait_for(begun.wait(), 10)
        await expect(page.get_by_role("progressbar", name="Uploading photo.png")).to_be_visible()
        async with page.expect_event("requestfailed"):  # it is given up
            await page.get_by_role("button", name="Cancel photo.png").click()
        await expect(page.get_by_role("progressbar")).to_have_count(0)
        await page.get_by_role("textbox", name="Write a message").fill("after it")
        await page.keyboard.press("Enter")
        assert (await talk.hears()).content == Text("after it")


async def test_an_upload_that_fails_says_why(page: Page, box: Box) -> None:
    await page.route("**/attachments", lambda route: route.abort())
    async with talking(page, box):
        await page.locator(".text-box input[type=file]").set_input_files(PICTURE)
        await expect(page.get_by_role("alert")).to_contain_text("cannot be reached")


async def test_files_are_sent_in_their_order(page: Page, box: Box) -> None:
    released = await hold(page, "**/attachments", times=1)
    async with talking(page, box) as talk:
        files = [payload(f"{place}.bin", "application/octet-stream", b"x") for place in range(3)]
        picking = page.locator(".text-box input[type=file]")
        async with page.expect_request("**/attachments"):
            await picking.set_input_files(files[0])
        async with page.expect_response("**/attachments"):
            await picking.set_input_files(files[1:])
        released.set()
        told = [(await talk.hears()).content for _ in files]
        assert [one.name for one in told if isinstance(one, File)] == ["0.bin", "1.bin", "2.bin"]


async def test_an_upload_that_fails_while_one_is_elsewhere_says_so(page: Page, box: Box) -> None:
    released = asyncio.Event()

    async def refuse(route: Route) -> None:
        await released.wait()
        await route.fulfill(status=413, body="{}")

    await page.route("**/attachments", refuse)
    async with talking(page, box) as talk:
        async with page.expect_request("**/attachments"):
            await page.locator(".text-box input[type=file]").set_input_files(PICTURE)
        await page.goto(box.messenger(talk.person))
        await expect(page.get_by_text("Choose a conversation")).to_be_visible()
        released.set()
        await expect(page.get_by_text("photo.png: HTTP 413")).to_be_visible()
        await page.goto(box.messenger(talk.person, talk.conversation))
        await expect(page.get_by_role("alert")).to_have_text("HTTP 413")


async def test_a_quote_goes_with_what_was_to_answer_and_nothing_else(page: Page, box: Box) -> None:
    released = await hold(page, "**/attachments")
    async with talking(page, box) as talk:
        question = await talk.bot.send(talk.person, "Which tea?")
        reply = page.get_by_role("menuitem", name="Reply")
        asked = page.get_by_role("article").filter(has_text="Which tea?").first.locator(".bubble")
        async with page.expect_request("**/attachments"):
            await page.locator(".text-box input[type=file]").set_input_files(PICTURE)
        await asked.click(button="right")
        await reply.click()
        released.set()
        assert (await talk.hears()).quote_message_id is None
        await expect(page.get_by_role("progressbar")).to_have_count(0)
        await page.keyboard.type("the oolong")
        await page.keyboard.press("Enter")
        assert (await talk.hears()).quote_message_id == question

        await asked.click(button="right")
        await reply.click()
        dialog = await composer(talk, "PLAIN_POST")
        await dialog.get_by_label("Text", exact=True).fill("# Oolong")
        await send_button(dialog).click()
        assert (await talk.hears()).quote_message_id == question
        await expect(page.get_by_role("button", name="Do not quote")).to_have_count(0)
