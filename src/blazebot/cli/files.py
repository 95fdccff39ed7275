"""Files that ``blazebot send`` uploads and ``blazebot download`` stores: by REST, with a bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from blazebot.cli.service import Service, open_service
from blazebot.client.attachments import AttachmentClient
from blazebot.client.attachments import Progress as Report
from blazebot.media import Upload
from blazebot.wire.content import Content

__all__ = ["download_to", "upload"]


async def upload(service: Service, what: Upload[Any]) -> Content:
    """Upload a file; return the content that shows it.

    Raises:
        BlazebotError: it cannot be read or uploaded; the message says why.
    """
    attachments = AttachmentClient(service.rest, service.http)
    with _bar("Uploading") as progress:
        content: Content = await what.content(attachments, encrypt=False, progress=progress)
    return content


async def download_to(attachment_id: str, path: Path, keystore: str | None = None) -> int:
    """Store an attachment at ``path``; return its size in bytes.

    Raises:
        BlazebotError: it cannot be had or written; the message says why.
    """
    async with open_service(keystore) as service:
        attachments = AttachmentClient(service.rest, service.http)
        with _bar("Downloading") as progress:
            return await attachments.download(
                attachment_id, path, limit=service.settings.download_limit, progress=progress
            )


@contextmanager
def _bar(words: str) -> Iterator[Report]:
    columns = (
        TextColumn(words),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(words, total=None)

        def report(done: int, total: int | None) -> None:
            progress.update(task, completed=done, total=total)

        yield report
