"""A tea shop's bot and some people who talk, for pictures of the page."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from PIL import Image as Pillow
from PIL import ImageDraw

from blazebot import Bot, Button, ButtonGroup, Message, Post, Text, image
from tests.browser.box import Box

MENU = """\
### Today's teas

| tea | 100 g |
| --- | --- |
| **Sencha** from Uji | 0.8 XIN |
| **Oolong**, roasted | 1.2 XIN |
| **Assam**, second flush | 0.6 XIN |

Free delivery from *200 g* on.
"""

CHATTER = (0.2,) * 10 + (0.04,) * 40 + (0.1,) * 20 + (0.5,) * 4
"""Seconds between what is asked."""


def tea() -> bytes:
    """Draw a cup of tea, in few colours."""
    width, height = 640, 400
    picture = Pillow.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    for part, colour in enumerate(("#fbdcae", "#f6cb9b", "#efb88c", "#e6a481")):
        draw.rectangle((0, 70 * part, width, height), fill=colour)
    draw.ellipse((430, 40, 540, 150), fill="#fff3d6")
    draw.polygon([(0, 260), (180, 150), (340, 250), (480, 170), (640, 270), (640, 400), (0, 400)],
                 fill="#8a9a6b")  # fmt: skip
    draw.rectangle((0, 320, width, height), fill="#6b4a34")
    draw.ellipse((190, 340, 450, 376), fill="#513626")
    draw.arc((370, 236, 454, 316), -90, 90, fill="#f4efe6", width=16)
    draw.pieslice((210, 130, 420, 350), 0, 180, fill="#f4efe6")
    draw.ellipse((210, 220, 420, 260), fill="#e3d8c5")
    draw.ellipse((222, 225, 408, 255), fill="#a5642a")
    made = io.BytesIO()
    picture.save(made, "PNG")
    return made.getvalue()


@dataclass
class Scene:
    """A person and their conversation with the shop; another one, who asks it too."""

    box: Box
    person: str
    conversation: str
    other: str
    shop: str

    async def chatter(self) -> None:
        """Let another one ask the shop something, now more, now less: there is traffic to see."""
        for pause in CHATTER:
            await self.box.send(self.other, recipient_id=self.shop, text="Are you open today?")
            await asyncio.sleep(pause)  # a plot is made of seconds


@asynccontextmanager
async def acted(box: Box) -> AsyncIterator[Scene]:
    """Let it all happen; the shop's bot runs until the end of the block."""
    shop, weather = await box.bot("Tea Shop"), await box.bot("Weather")
    await box.bot("Survey")
    mia, jonas, lin = [await box.person(name) for name in ("Mia", "Jonas", "林小雨")]
    program = await box.program(shop)

    @program.on(Text)
    async def answer(message: Message[Text]) -> None:
        if "open" in message.content.text:
            await message.reply("We are, until 8 in the evening.")

    async with program:
        await _elsewhere(box, mia, jonas, lin, weather)
        conversation = await box.befriend(mia, shop)
        await _at_the_shop(box, program, mia, conversation)
        await _read_all(box, mia)
        yield Scene(box, mia, conversation, jonas, shop)


async def _elsewhere(box: Box, mia: str, jonas: str, lin: str, weather: str) -> None:
    await box.befriend(mia, weather)
    await box.send(jonas, recipient_id=mia, text="The photos are up, have a look!")
    hike = {"name": "Weekend hike", "participants": [mia, jonas]}
    group = await box.control.call("POST", f"/people/{lin}/conversations", hike)
    where = {"conversation_id": group["conversation_id"]}
    await box.send(lin, **where, text="我们周六八点在车站见面")
    await box.send(jonas, **where, text="I bring the map.")


async def _at_the_shop(box: Box, bot: Bot, mia: str, conversation: str) -> None:
    async def says(text: str, **more: str) -> str:
        sent = await box.send(mia, conversation_id=conversation, text=text, **more)
        return str(sent["message_id"])

    await says("Hi! What do you have today?")
    menu = await bot.send(mia, Post(MENU))
    await says("The oolong sounds good. How dark is it?", quote_message_id=menu)
    await bot.send(mia, image(io.BytesIO(tea())))
    await bot.send(mia, "Like this one: roasted twice, over charcoal. https://example.com/oolong")
    await bot.send(
        mia,
        ButtonGroup(
            (
                Button("100 g", "#2F9E6E", "input:/buy 100"),
                Button("200 g", "#2F7FD8", "input:/buy 200"),
                Button("About us", "#8B5FBF", "https://example.com/about"),
            )
        ),
    )
    await says("/buy 200")
    await bot.send(mia, "Thank you, Mia! It leaves today.")


async def _read_all(box: Box, person: str) -> None:
    found = (await box.control.call("GET", f"/people/{person}/conversations"))["conversations"]
    for one in found:
        if one["name"] == "Jonas":
            continue  # something is left to read
        path = f"/people/{person}/conversations/{one['conversation_id']}/messages"
        messages = (await box.control.call("GET", path))["messages"]
        ids = [message["message_id"] for message in messages]
        await box.control.call("POST", f"/people/{person}/read", {"message_ids": ids})
