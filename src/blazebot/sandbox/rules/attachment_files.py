"""What is uploaded, on disk: one file each, in a directory beside the database."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, Final

from blazebot.errors import SandboxError
from blazebot.sandbox.rules.drafts import new_id
from blazebot.sandbox.rules.refusals import too_large

__all__ = ["AttachmentFiles"]

_BLOCK: Final = 1024 * 1024
"""Bytes written at a time, in a thread: so much of an upload is in memory."""

_PART: Final = ".part"

logger = logging.getLogger("blazebot.sandbox")


class AttachmentFiles:
    """The files of attachments, named by id: a UUID in lower case, never what a client wrote.

    They are in ``<db>.<kind>/`` (mode 0700), or in a temporary directory that is removed at the
    end where ``db`` is None. With ``durable`` a file outlives a loss of power once it is kept.

    Raises:
        SandboxError: the directory cannot be used; the message says why.
    """

    def __init__(self, db: str | None, *, durable: bool, kind: str = "attachments") -> None:
        self._durable = durable
        self._temporary: TemporaryDirectory[str] | None = None
        if db is None:
            self._temporary = TemporaryDirectory(prefix=f"blazebot-{kind}-")
            self._directory = Path(self._temporary.name)
            return
        self._directory = Path(f"{db}.{kind}")
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            for part in self._directory.glob(f"*{_PART}"):  # of uploads that a kill broke off
                part.unlink()
        except OSError as error:
            raise SandboxError(f"{self._directory}: cannot be used: {error.strerror}") from None

    def close(self) -> None:
        """Remove the directory if it is a temporary one."""
        if self._temporary is not None:
            self._temporary.cleanup()

    def path(self, attachment_id: str) -> Path:
        """Return where an attachment's bytes are, if they are there."""
        return self._directory / attachment_id

    @asynccontextmanager
    async def receive(
        self, chunks: AsyncIterator[bytes], limit: int, *, setting: str = ""
    ) -> AsyncIterator[Path]:
        """Write a stream to a part file, which is gone afterwards unless it was kept.

        Raises:
            ServiceError: 413, it has more than ``limit`` bytes, which is this ``setting`` if any.
        """
        part = self._directory / f"{new_id()}{_PART}"
        try:
            with _create_private(part) as file:
                await _write(file, chunks, limit, setting)
                if self._durable:
                    await asyncio.to_thread(os.fsync, file.fileno())
            yield part
        finally:
            part.unlink(missing_ok=True)

    def keep(self, part: Path, attachment_id: str) -> None:
        """Make a part file the attachment's, at once and whole."""
        part.replace(self.path(attachment_id))
        if self._durable:
            directory = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def remove(self, attachment_ids: Iterable[str]) -> None:
        """Remove the files of these attachments; that may take a while."""
        for attachment_id in attachment_ids:
            try:
                self.path(attachment_id).unlink(missing_ok=True)
            except OSError as error:
                logger.warning("the file %s cannot be removed: %s", attachment_id, error)


async def _write(file: BinaryIO, chunks: AsyncIterator[bytes], limit: int, setting: str) -> None:
    block, size = bytearray(), 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit:
            raise too_large(limit, setting)
        block += chunk
        if len(block) >= _BLOCK:
            await asyncio.to_thread(file.write, block)
            block = bytearray()
    await asyncio.to_thread(file.write, block)
    await asyncio.to_thread(file.flush)


def _create_private(path: Path) -> BinaryIO:
    return os.fdopen(
        os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "wb"
    )
