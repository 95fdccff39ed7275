"""What an outbox is kept in, and what accepts messages for one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from blazebot.delivery.outbox_store import Entry, Failed, Kept


class DurableSends(Protocol):
    """Accepts sends that no incoming message stands behind, for good."""

    async def send(self, entry: Entry) -> None:
        """Accept a message; raises OutboxError: it was not accepted, or what refuses it."""

    async def accept(self, entry: Entry) -> None:
        """Accept a message and do not wait; raises OutboxError: it was not accepted."""

    async def failed(self) -> list[Failed]:
        """Return what was refused, with nobody there to be told."""

    async def forget(self, user_id: str) -> None:
        """Delete all that is kept for a person; raises OutboxError."""


class OutboxStorage(Protocol):
    """Keeps what was accepted until it is sent.

    Raises:
        OutboxError: from each method; it cannot be read or written.
    """

    @property
    def exists(self) -> bool:
        """Whether there may be something in it."""

    async def add(self, entry: Entry) -> int | None:
        """Keep a message, and return its number; None if one of its id is to be sent already.

        If one of its id was refused, it stands in for that one, behind all others.
        """

    async def waiting(self, after: int, limit: int) -> list[Kept]:
        """Return messages behind a number, in order."""

    def taken(self, numbers: Sequence[int]) -> None:
        """Forget messages soon: the service has them, and drops them should they come again."""

    async def refused(self, number: int, reason: str) -> None:
        """Remember that the service does not take a message."""

    async def failed(self) -> list[Failed]:
        """Return what was refused of late, the earliest first."""

    async def forget(self, user_id: str) -> None:
        """Delete all that is kept for a person, sent or not."""

    async def sessions(self) -> list[str]:
        """Return the other sessions whose processes were to send something."""

    async def take_over(self, session_id: str) -> None:
        """Send what the process of another session was to send."""

    async def close(self) -> None:
        """Finish writing, and close it."""
