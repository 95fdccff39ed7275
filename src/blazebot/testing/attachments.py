"""The attachments of a person in a test. They are small: all is in memory."""

from __future__ import annotations

from typing import BinaryIO

from blazebot.client.attachments import Progress, UploadedAttachment
from blazebot.keys.attachments import decrypt_attachment, encrypt_attachment
from blazebot.testing.control import Control
from blazebot.wire.base64 import decode_base64
from blazebot.wire.content import Media

__all__ = ["PersonAttachments"]


class PersonAttachments:
    """Uploads and downloads as one person's client does."""

    def __init__(self, control: Control, person_id: str) -> None:
        self._control = control
        self._person_id = person_id

    async def upload(
        self, source: BinaryIO, *, encrypt: bool = False, progress: Progress | None = None
    ) -> UploadedAttachment:
        """Upload a file from its current position on; raises SandboxError if it is refused."""
        plain = stored = source.read()
        key = digest = None
        if encrypt:
            encrypted = encrypt_attachment(plain)
            stored, key, digest = encrypted.stored, encrypted.key, encrypted.digest
        answer = await self._control.upload(self._person_id, stored)
        if progress is not None:
            progress(len(stored), len(stored))
        return UploadedAttachment(
            answer["attachment_id"], len(plain), key, digest, answer["created_at"]
        )

    async def download(self, media: Media) -> bytes:
        """Return the bytes of an attachment, decrypted.

        Raises:
            SandboxError: the sandbox does not have it, or no longer.
            DecryptionError: it is not what the message says.
        """
        stored = await self._control.download(media.attachment_id)
        if media.key is None or media.digest is None:
            return stored
        return decrypt_attachment(
            stored, key=decode_base64(media.key), digest=decode_base64(media.digest)
        )
