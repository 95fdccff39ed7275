"""Ids of what a handler sends: the same on each run, so that the service drops repeats. Pure."""

from __future__ import annotations

from hashlib import sha1, sha256
from typing import Final
from uuid import UUID

from blazebot.wire.ids import format_uuid

NAMESPACE: Final = UUID("b1a2eb07-5e4d-4c0d-9a6e-6f1d5c3a7b10")
"""The namespace of all ids that Blazebot derives. It never changes."""

_SEED: Final = sha1(NAMESPACE.bytes, usedforsecurity=False)


class SentByHandler:
    """What one run of a handler has sent so far, to give each send its id.

    ``app_id`` keeps two bots that answer one message apart.
    """

    __slots__ = ("_app_id", "_counts", "_message_id")

    def __init__(self, app_id: str, message_id: str) -> None:
        self._app_id = app_id
        self._message_id = message_id
        self._counts: dict[str, int] = {}

    def message_id(self, conversation_id: str, category: str, content: bytes) -> str:
        """Return the id of the next send of ``content``, its bytes before encryption.

        UUID v5 over bot, answered message, conversation, category, content and how often the same
        was sent in this run: a rerun that sends the same gives the same id, and one that sends
        something else another.
        """
        digest = sha256(content).hexdigest()
        same = f"{self._app_id}|{self._message_id}|{conversation_id}|{category}|{digest}"
        times = self._counts.get(same, 0)
        self._counts[same] = times + 1
        return _uuid5(f"{same}|{times}")

    def keyed_message_id(self, conversation_id: str, key: str) -> str:
        """Return the id of the send that the handler's author calls ``key``.

        For handlers whose words vary from run to run: the first words that were taken stay.
        """
        return _uuid5(f"{self._app_id}|{self._message_id}|{conversation_id}|key|{key}")


def _uuid5(name: str) -> str:
    digest = _SEED.copy()
    digest.update(name.encode("utf-8", "surrogatepass"))
    return format_uuid(digest.digest()[:16], 5)
