"""``blazebot send`` and ``blazebot download``: by REST only, beside a bot that runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from blazebot.bot.settings import BotSettings, load_bot_settings
from blazebot.client.attachments import AttachmentClient
from blazebot.client.attachments import Progress as Report
from blazebot.client.proxies import Proxies, open_http
from blazebot.client.rest import RestClient
from blazebot.errors import ContentError
from blazebot.keys.keystore import Keystore
from blazebot.media import Upload, audio, file, image, video
from blazebot.wire.base64 import encode_base64
from blazebot.wire.content import Content, Text
from blazebot.wire.ids import contact_conversation_id, is_uuid
from blazebot.wire.messages import SENT, MessageRequest

KINDS: Final[dict[str, Callable[[Path], Upload[Any]]]] = {
    "file": file,
    "image": image,
    "video": video,
    "audio": audio,
}


async def send(to: str, what: Content | Upload[Any], *, is_conversation: bool) -> str:
    """Send a content or a file to a user or conversation; return the message's id.

    Raises:
        BlazebotError: it cannot be sent; the message says why.
    """
    if not is_uuid(to):
        raise ContentError(f"to: a user or conversation id is a UUID, not {to!r:.80}")
    settings = load_bot_settings()
    async with _service(settings) as (rest, attachments):
        conversation_id = to.lower()
        if not is_conversation:
            await rest.create_contact(to)
            conversation_id = contact_conversation_id(rest.app_id, to)
        if isinstance(what, Upload):
            with _bar("Uploading") as progress:
                content: Content = await what.content(attachments, encrypt=False, progress=progress)
        else:
            content = what
        message_id = str(uuid4())
        request = MessageRequest(
            conversation_id=conversation_id,
            message_id=message_id,
            category=content.category,
            status=SENT,
            data_base64=encode_base64(content.encode(message_id)),
        )
        await rest.send_messages([request])
        return message_id


async def download(attachment_id: str, path: Path) -> int:
    """Store an attachment at ``path``; return its size in bytes; raises as :func:`send`."""
    settings = load_bot_settings()
    async with _service(settings) as (_, attachments):
        with _bar("Downloading") as progress:
            return await attachments.download(
                attachment_id, path, limit=settings.download_limit, progress=progress
            )


def content_of(text: str | None, path: Path | None, kind: str) -> Content | Upload[Any]:
    """Return what to send: a text, or a file of ``kind``.

    Raises:
        ContentError: neither or both are given, or there is no such kind.
    """
    if (text is None) == (path is None):
        raise ContentError("give either a text, or a file by --file")
    if text is not None:
        return Text(text)
    if kind not in KINDS:
        raise ContentError(f"--as: should be one of {', '.join(KINDS)}, not {kind!r:.80}")
    return KINDS[kind](path or Path())


@asynccontextmanager
async def _service(settings: BotSettings) -> AsyncIterator[tuple[RestClient, AttachmentClient]]:
    keystore = Keystore.load(settings.keystore)
    async with open_http(Proxies(settings.proxy)) as http:
        rest = RestClient(
            keystore, http, urls=settings.rest_addresses, timeout=settings.request_timeout
        )
        yield rest, AttachmentClient(rest, http)


@contextmanager
def _bar(words: str) -> Iterator[Report]:
    columns = (
        TextColumn(words),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(words, total=None)

        def report(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield report
