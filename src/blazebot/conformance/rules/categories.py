"""Every category, both ways, and the messages that change others (section 5)."""

from __future__ import annotations

from typing import Final

from blazebot.conformance.check import Need, check
from blazebot.conformance.expectations import data_of, expect
from blazebot.conformance.trial import Trial, new_id
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.content import (
    Audio,
    Button,
    ButtonGroup,
    Card,
    Contact,
    Content,
    File,
    Image,
    Live,
    Location,
    Pin,
    Post,
    Recall,
    Sticker,
    Text,
    Transcript,
    TranscriptItem,
    Unknown,
    Video,
)

_ID: Final = "c94ac88f-4671-3976-b60a-09064f1811e8"
_BUTTON: Final = Button(label="Yes", color="#46B8DA", action="input:yes")

PLAIN: Final[tuple[Content, ...]] = (
    Text("你好 🚀"),
    Post("# Title"),
    Image(
        attachment_id=_ID,
        mime_type="image/png",
        size=70,
        width=2,
        height=1,
        thumbnail="iVBORw0KGgo=",
    ),
    Video(attachment_id=_ID, mime_type="video/mp4", size=70, width=2, height=1, duration=1500),
    Audio(attachment_id=_ID, mime_type="audio/ogg", size=9, duration=2000, waveform="AAEC"),
    File(attachment_id=_ID, mime_type="application/pdf", size=9, name="a.pdf"),
    Sticker(sticker_id=_ID),
    Contact(_ID),
    Location(longitude=139.7, latitude=35.7, name="東京"),
    Live(url="https://example.com/a.m3u8", thumb_url="https://example.com/a", width=1, height=1),
    Transcript((TranscriptItem(message_id=_ID, message_category="PLAIN_TEXT", content="hi"),)),
    Unknown("PLAIN_SOMETHING_NEW", b"\x00\xff anything"),
)
"""One of each category that anybody sends, and one that nobody knows."""

APP: Final[tuple[Content, ...]] = (
    ButtonGroup((_BUTTON,) * 6),
    ButtonGroup((_BUTTON,) * 18, many=True),
    Card(title="Old", description="words", icon_url="https://example.com/i", action="https://x.y"),
    Card(title="New", description="words", app_id=_ID, actions=(_BUTTON,)),
)
"""What only bots send, in each of its forms."""


@check("5 [S][D]", needs=Need.PERSON)
async def categories_to_a_person(trial: Trial) -> None:
    """A person gets every category from a bot as it was sent."""
    for content in (*PLAIN, *APP):
        message_id = new_id()
        data = content.encode(message_id)
        draft = trial.draft(
            message_id=message_id, category=content.category, data_base64=encode_base64(data)
        )
        answer = await trial.bot.post("/messages", draft)
        expect(answer.code is None, f"{content.category}: {answer}")
        seen = await trial.person.sees_one(message_id)
        same = (seen["category"], decode_base64(seen["data_base64"])) == (content.category, data)
        expect(same, f"{content.category} is not what was sent")


@check("5 [S][D]", needs=Need.LINE | Need.PERSON)
async def categories_from_a_person(trial: Trial) -> None:
    """A bot gets every category from a person as it was sent, also one that nobody knows."""
    async with trial.bot.line() as line:
        for content in PLAIN:
            message_id = new_id()
            data = content.encode(message_id)
            await trial.person.send(content.category, data, message_id=message_id)
            view = await line.view(message_id)
            got = view.get("category"), decode_base64(str(view.get("data_base64")))
            expect(got == (content.category, data), f"{content.category} is not what was sent")


@check("5 [C]", needs=Need.PERSON)
async def recall(trial: Trial) -> None:
    """MESSAGE_RECALL takes back what the bot has sent."""
    draft = trial.draft()
    data_of(await trial.bot.post("/messages", draft))
    await _edit(trial, Recall(draft["message_id"]))
    seen = await trial.person.sees_one(draft["message_id"])
    expect(seen["recalled"], "the person still has the message")


@check("5 [C]", needs=Need.PERSON)
async def pin(trial: Trial) -> None:
    """MESSAGE_PIN pins messages, and unpins them."""
    draft = trial.draft()
    data_of(await trial.bot.post("/messages", draft))
    for action in ("PIN", "UNPIN"):
        await _edit(trial, Pin(action, (draft["message_id"],)))
        seen = await trial.person.sees_one(draft["message_id"])
        expect(seen["pinned"] == (action == "PIN"), f"nothing has changed by {action}")


async def _edit(trial: Trial, content: Content) -> None:
    edit = trial.draft(category=content.category, data_base64=encode_base64(content.encode()))
    data_of(await trial.bot.post("/messages", edit))
