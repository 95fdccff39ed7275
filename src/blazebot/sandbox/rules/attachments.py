"""Attachments: who may upload where, what is there, and for how long (protocol section 9)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, NamedTuple

from blazebot.sandbox.clocks import Clocks
from blazebot.sandbox.rules.attachment_files import AttachmentFiles
from blazebot.sandbox.rules.drafts import new_id
from blazebot.sandbox.rules.refusals import conflict, forbidden, not_found, too_large
from blazebot.sandbox.settings import SandboxSettings
from blazebot.sandbox.storage.database import Database

__all__ = ["Attachment", "Attachments"]

_EXPIRED_MOST: Final = 1000
"""Attachments that are removed at a time."""

_LIMIT_SETTING: Final = "attachment_limit"


class Attachment(NamedTuple):
    """An attachment; ``size`` is in bytes, None until it is uploaded."""

    attachment_id: str
    user_id: str
    upload_hash: bytes
    size: int | None
    created_at: int


class Attachments:
    """The attachments of a sandbox.

    They are kept for ``attachment_retention`` by the retention clock; see ``expiry``.
    """

    def __init__(
        self, database: Database, files: AttachmentFiles, clocks: Clocks, settings: SandboxSettings
    ) -> None:
        self._database = database
        self._files = files
        self._clocks = clocks
        self._settings = settings
        self._removals: set[asyncio.Task[None]] = set()

    def create(self, user_id: str) -> tuple[Attachment, str]:
        """Create an attachment that is to be uploaded; return it and the secret for that."""
        secret = secrets.token_urlsafe(32)
        attachment = Attachment(new_id(), user_id, _hash(secret), None, self._clocks.now())
        self._database.write("INSERT INTO attachments VALUES (?, ?, ?, ?, ?)", attachment)
        return attachment, secret

    def find(self, attachment_id: str) -> Attachment:
        """Return an attachment that is uploaded.

        Raises:
            ServiceError: 404, there is none, it is not uploaded, or it has expired.
        """
        attachment = self._read(attachment_id)
        if attachment.size is None:
            raise not_found(f"attachment {attachment.attachment_id} is not uploaded")
        return attachment

    def path(self, attachment_id: str) -> Path:
        """Return the file of an attachment; raises as :meth:`find`."""
        return self._files.path(self.find(attachment_id).attachment_id)

    def admit(self, attachment_id: str, secret: str, length: int | None) -> Attachment:
        """Return the attachment that may be uploaded with this secret, ``length`` bytes if known.

        Raises:
            ServiceError: 403, the secret is wrong; 404, there is no such attachment; 409, it is
                uploaded already; 413, it is too large.
        """
        attachment = self._read(attachment_id)
        if not hmac.compare_digest(attachment.upload_hash, _hash(secret)):
            raise forbidden("this is not the upload_url of the attachment")
        self._check_free(attachment)
        if length is not None and length > self._settings.attachment_limit:
            raise too_large(self._settings.attachment_limit, _LIMIT_SETTING)
        return attachment

    async def upload(self, attachment: Attachment, chunks: AsyncIterator[bytes]) -> int:
        """Take the bytes of an attachment that is not uploaded; return how many they are.

        It is there whole, or not at all.

        Raises:
            ServiceError: 404, 409 or 413 as :meth:`admit`, which may have changed meanwhile.
        """
        async with self._files.receive(
            chunks, self._settings.attachment_limit, setting=_LIMIT_SETTING
        ) as part:
            # From here to the write nothing is awaited: of two uploads one is the first.
            self._check_free(self._read(attachment.attachment_id))
            size = part.stat().st_size
            self._files.keep(part, attachment.attachment_id)
            self._database.write(
                "UPDATE attachments SET size = ? WHERE attachment_id = ?",
                (size, attachment.attachment_id),
            )
        await self._database.committed()
        return size

    def _check_free(self, attachment: Attachment) -> None:
        if attachment.size is not None and not self._settings.attachments_overwritten:
            raise conflict(f"attachment {attachment.attachment_id} is uploaded already")

    def _read(self, attachment_id: str) -> Attachment:
        row = self._database.read(
            "SELECT attachment_id, user_id, upload_hash, size, created_at FROM attachments"
            " WHERE attachment_id = ? AND created_at >= ?",
            (attachment_id.lower(), self._horizon()),
        ).fetchone()
        if row is None:
            raise not_found(f"there is no attachment {attachment_id}, or no longer")
        return Attachment._make(row)

    def _horizon(self) -> int:
        return self._clocks.now() - int(self._settings.attachment_retention * 1e9)

    def remove_expired(self) -> bool:
        """Remove a number of those that were kept long enough; return whether there were any."""
        rows = self._database.read(
            "SELECT attachment_id FROM attachments WHERE created_at < ? LIMIT ?",
            (self._horizon(), _EXPIRED_MOST),
        ).fetchall()
        if not rows:
            return False
        self._database.write_all("DELETE FROM attachments WHERE attachment_id = ?", rows)
        expired = [attachment_id for (attachment_id,) in rows]

        def remove(error: Exception | None) -> None:
            if error is None:
                # Removing a large file takes a while.
                task = asyncio.ensure_future(asyncio.to_thread(self._files.remove, expired))
                self._removals.add(task)
                task.add_done_callback(self._removals.discard)

        self._database.after_commit(remove)
        return True


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="replace")).digest()
