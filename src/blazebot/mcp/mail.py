"""What the tools need of a mailbox, wherever it is."""

from __future__ import annotations

from typing import Protocol

from blazebot.bot.mailbox.letters import (
    ConversationSummary,
    Query,
    ReceivedMessage,
    SendRequest,
    SentMessage,
)


class Mail(Protocol):
    """The mailbox of a bot, in this process or another; methods raise errors of ours."""

    async def read(self, query: Query) -> list[ReceivedMessage]:
        """Return messages, the oldest first, and note that they were read."""

    async def find(self, message_id: str) -> ReceivedMessage | None:
        """Return a message by its id, if it came lately."""

    async def conversations(self) -> list[ConversationSummary]:
        """Return the conversations that something came from lately, the newest first."""

    async def send(self, request: SendRequest) -> SentMessage:
        """Send words; returns at the latest when they are safe in the outbox."""
