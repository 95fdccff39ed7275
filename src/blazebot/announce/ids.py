"""Ids of announcements and of what they send, the same on each run. Pure."""

from __future__ import annotations

from hashlib import sha1, sha256
from typing import Final

from blazebot.delivery.message_ids import NAMESPACE
from blazebot.wire.ids import format_uuid

_DIGITS: Final = 12


def announcement_id(category: str, content: bytes) -> str:
    """Return the id of the announcement of a content: the same content is the same announcement."""
    return sha256(category.encode() + b"|" + content).hexdigest()[:_DIGITS]


class AnnouncedIds:
    """The message ids of one announcement of the bot ``app_id``: UUID v5 over both and the user.

    A message that is sent again, by whatever process, has the id that it had: the service drops it.
    """

    def __init__(self, app_id: str, announcement: str) -> None:
        prefix = f"{app_id}|announcement|{announcement}|"
        self._seed = sha1(NAMESPACE.bytes + prefix.encode(), usedforsecurity=False)

    def message(self, user_id: str) -> str:
        """Return the id of the message to a user, whose id is in lower case."""
        return self._derived(user_id)

    def recall(self, user_id: str) -> str:
        """Return the id of the message that takes it back."""
        return self._derived(f"{user_id}|recall")

    def _derived(self, name: str) -> str:
        digest = self._seed.copy()
        digest.update(name.encode())
        return format_uuid(digest.digest()[:16], 5)
