"""Real files between a person and a bot, plain and encrypted: right metadata, the same bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from blazebot import (
    Audio,
    File,
    Image,
    Media,
    Message,
    Upload,
    Video,
    audio,
    file,
    image,
    video,
)
from blazebot.keys.attachments import decrypt_attachment
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.content import decode_bytes
from tests.samples import PDF, clip, picture, sound
from tests.wire.world import World

pytestmark = pytest.mark.sandbox("shared")

SAMPLES: dict[str, tuple[Callable[[Any], Upload[Any]], bytes, Media]] = {
    "photo.png": (
        image,
        picture("PNG"),
        Image(attachment_id="", mime_type="image/png", width=640, height=480),
    ),
    "photo.jpg": (
        image,
        picture("JPEG"),
        Image(attachment_id="", mime_type="image/jpeg", width=640, height=480),
    ),
    "clip.mp4": (
        video,
        clip(),
        Video(attachment_id="", mime_type="video/mp4", width=320, height=180, duration=2000),
    ),
    "voice.ogg": (audio, sound(), Audio(attachment_id="", mime_type="audio/ogg", duration=2000)),
    "paper.pdf": (
        file,
        PDF,
        File(attachment_id="", mime_type="application/pdf", name="paper.pdf"),
    ),
}


@pytest.mark.parametrize("encrypt", ["never", "always"])
@pytest.mark.parametrize("name", SAMPLES)
async def test_from_bot_to_person_and_from_person_to_bot(
    world: World, tmp_path: Path, http: aiohttp.ClientSession, name: str, encrypt: Any
) -> None:
    upload, data, expected = SAMPLES[name]
    path = tmp_path / name
    path.write_bytes(data)
    bot = await world.bot()
    downloaded: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue()

    @bot.on(Media)
    async def take(message: Message[Media]) -> None:
        target = tmp_path / f"from-{message.id}"
        assert await bot.download(message.content, target) == len(data)
        downloaded.put_nowait((target.read_bytes(), message.is_encrypted))

    async with bot:
        alice = await world.person(bot)
        message_id = await bot.send(alice, upload(path), encrypt=encrypt)
        seen = world.people.seen[alice]
        await world.until(lambda: message_id in seen)
        content = decode_bytes(expected.CATEGORY, decode_base64(seen[message_id]["data_base64"]))
        assert isinstance(content, Media)

        # The person has the right words about it, and the same bytes.
        assert content.size == len(data)
        for field in ("mime_type", "width", "height", "name"):
            assert getattr(content, field, None) == getattr(expected, field, None)
        if isinstance(content, Video | Audio) and isinstance(expected, Video | Audio):
            assert content.duration == pytest.approx(expected.duration, abs=60)
        assert content.is_encrypted == (encrypt == "always")
        info = await bot.rest.attachment(content.attachment_id)
        async with http.get(info.view_url) as response:
            stored = await response.read()
        if content.key and content.digest:
            assert stored != data
            stored = decrypt_attachment(
                stored, key=decode_base64(content.key), digest=decode_base64(content.digest)
            )
        assert stored == data

        # Sent back by the person, the bot downloads the same.
        await world.people.send(
            [
                {
                    "person_id": alice,
                    "recipient_id": bot.id,
                    "category": expected.CATEGORY,
                    "data_base64": encode_base64(content.encode()),
                    "encrypted": encrypt == "always",
                }
            ]
        )
        async with asyncio.timeout(20):
            assert await downloaded.get() == (data, encrypt == "always")


async def test_a_handler_that_runs_again_sends_its_file_once(world: World, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(picture("PNG"))
    bot = await world.bot()
    runs = 0

    @bot.on(Media)
    async def take(message: Message[Media]) -> None:
        nonlocal runs
        runs += 1
        await message.reply(image(path))
        if runs == 1:
            raise RuntimeError("after it was sent")

    async with bot:
        alice = await world.person(bot)
        first = await bot.send(alice, image(path))
        seen = world.people.seen[alice]
        await world.until(lambda: first in seen)
        await world.people.send(
            [
                {
                    "person_id": alice,
                    "recipient_id": bot.id,
                    "category": "PLAIN_IMAGE",
                    "data_base64": seen[first]["data_base64"],
                }
            ]
        )
        await world.until(
            lambda: any(
                one["user_id"] == alice
                and one["category"] == "PLAIN_IMAGE"
                and one["status"] == "READ"
                for one in seen.values()
            )
        )
    assert runs == 2
    pictures = [one for one in seen.values() if one["category"] == "PLAIN_IMAGE"]
    assert len(pictures) == 3  # the bot's first, the person's, and one answer
