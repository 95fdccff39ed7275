"""How messages of announcements leave: in batches, behind what else the bot sends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from blazebot.delivery.batches import BatchSender, Refusal
from blazebot.delivery.conversations import Conversations
from blazebot.delivery.encrypted import EncryptedSender
from blazebot.wire.messages import MessageRequest

_TRY: Final = 20.0  # seconds after which a pause is looked for


class Channel:
    """Sends by the parts that a bot or a command has.

    What cannot be sent for now raises ConnectionLost, RequestTimeout, SendTimeout or a temporary
    ServiceError: sending it again is safe. Each raises Unauthorized, which the line of the process
    knows to be for good or not.
    """

    def __init__(
        self, batches: BatchSender, encrypted: EncryptedSender, conversations: Conversations
    ) -> None:
        self._batches = batches
        self._encrypted = encrypted
        self._conversations = conversations
        self.has_line = batches.has_line
        """Whether this process has a line, open or not."""

    async def send(self, requests: Sequence[MessageRequest]) -> list[Refusal | None]:
        """Send a batch; see :meth:`BatchSender.send_once` for what became of each message."""
        return await self._batches.send_once(requests, deadline=_deadline())

    async def send_encrypted(self, request: MessageRequest, plaintext: bytes) -> None:
        """Send one message encrypted.

        Raises:
            EncryptionError: the person cannot read it, or the keystore cannot encrypt.
            ContentError: there is no such category encrypted.
            ServiceError: it was refused for good.
        """
        await self._encrypted.send(request, plaintext, first=False, deadline=_deadline())

    async def ensure_conversation(self, conversation_id: str, user_id: str) -> None:
        """Return when the conversation with a person exists; raises as what creates it."""
        await self._conversations.ensure(conversation_id, user_id)


def _deadline() -> float:
    return time.monotonic() + _TRY
