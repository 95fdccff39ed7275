"""Ids of what a handler sends: the same on each run, so that the service drops repeats. Pure."""

from __future__ import annotations

from hashlib import sha1, sha256
from typing import Final
from uuid import UUID

import msgspec

from blazebot.wire.ids import format_uuid

NAMESPACE: Final = UUID("b1a2eb07-5e4d-4c0d-9a6e-6f1d5c3a7b10")
"""The namespace of all ids that Blazebot derives. It never changes."""

_SEED: Final = sha1(NAMESPACE.bytes, usedforsecurity=False)


class SentByHandler(msgspec.Struct, eq=False):
    """What one run of a handler has sent so far, to give each send its id.

    ``app_id`` keeps two bots that answer one message apart, ``cause`` is the id of that message,
    or what else the handler runs for. ``counts`` is how often each was sent. ``runs_again`` tells
    whether the handler will run again if it is cut short: where it will not, or has ended, what is
    sent needs the outbox.
    """

    app_id: str
    cause: str
    counts: dict[str, int] = {}
    runs_again: bool = True

    def message_id(self, conversation_id: str, category: str, content: bytes) -> str:
        """Return the id of the next send of ``content``, its bytes before encryption.

        UUID v5 over bot, answered message, conversation, category, content and how often the same
        was sent in this run: a rerun that sends the same gives the same id, and one that sends
        something else another.
        """
        digest = sha256(content).hexdigest()
        same = f"{self.app_id}|{self.cause}|{conversation_id}|{category}|{digest}"
        times = self.counts.get(same, 0)
        self.counts[same] = times + 1
        return _uuid5(f"{same}|{times}")

    def keyed_message_id(self, conversation_id: str, key: str) -> str:
        """Return the id of the send that the handler's author calls ``key``.

        For handlers whose words vary from run to run: the first words that were taken stay.
        """
        return _uuid5(f"{self.app_id}|{self.cause}|{conversation_id}|key|{key}")


def _uuid5(name: str) -> str:
    digest = _SEED.copy()
    digest.update(name.encode("utf-8", "surrogatepass"))
    return format_uuid(digest.digest()[:16], 5)
