"""Pictures of users: unlike attachments they are kept for good, and are there to be shown."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, NamedTuple

from blazebot.sandbox.rules.attachment_files import AttachmentFiles
from blazebot.sandbox.rules.drafts import new_id
from blazebot.sandbox.rules.refusals import bad_field, not_found
from blazebot.sandbox.storage.rows import User
from blazebot.sandbox.storage.store import Store
from blazebot.wire.ids import is_uuid

__all__ = ["Avatar", "Avatars", "picture_type"]

_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of a picture (ours)."""

_HEAD: Final = 12
"""Bytes by which the type of a picture is known."""


class Avatar(NamedTuple):
    """A picture: where its bytes are, and its media type."""

    path: Path
    media_type: str


class Avatars:
    """The pictures of users, each a file named by an id that only this picture ever has."""

    def __init__(self, store: Store, files: AttachmentFiles) -> None:
        self._store = store
        self._files = files
        self._removals: set[asyncio.Task[None]] = set()

    async def receive(self, chunks: AsyncIterator[bytes], *, field: str) -> str:
        """Keep the bytes of a picture, which is nobody's yet; return its id.

        Raises:
            ServiceError: 10002 for ``field``, it is no picture; 413, it is too large.
        """
        async with self._files.receive(chunks, _LIMIT) as part:
            if picture_type(_head(part)) is None:
                raise bad_field(field, "should be a picture: PNG, JPEG, GIF or WebP")
            avatar_id = new_id()
            self._files.keep(part, avatar_id)
        return avatar_id

    def give(self, user: User, avatar_id: str) -> User:
        """Make a picture a user's, or none for an empty id; the one before is removed."""
        changed = user._replace(avatar_id=avatar_id)
        self._store.update_user(changed)
        if user.avatar_id:
            self._store.after_commit(self._removal(user.avatar_id))
        return changed

    def _removal(self, avatar_id: str) -> Callable[[Exception | None], None]:
        def remove(error: Exception | None) -> None:
            if error is None:
                task = asyncio.ensure_future(asyncio.to_thread(self._files.remove, [avatar_id]))
                self._removals.add(task)
                task.add_done_callback(self._removals.discard)

        return remove

    def find(self, avatar_id: str) -> Avatar:
        """Return a picture.

        Raises:
            ServiceError: 404, there is none with this id.
        """
        path = self._files.path(avatar_id.lower())
        media_type = picture_type(_head(path)) if is_uuid(avatar_id) and path.is_file() else None
        if media_type is None:
            raise not_found(f"there is no picture {avatar_id[:40]}, or no longer")
        return Avatar(path, media_type)


def picture_type(head: bytes) -> str | None:
    """Return the media type of a picture by its first bytes; None for what could hold a script."""
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    if head.startswith(b"RIFF") and head[8:_HEAD] == b"WEBP":
        return "image/webp"
    return None


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)
