"""What is kept of announcements."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

import msgspec

State: TypeAlias = Literal[
    "loading", "sending", "paused", "done", "cancelled", "recalling", "recalled"
]
"""``loading``: who it goes to is being read. ``sending`` is also one whose time is yet to come."""

Outcome: TypeAlias = Literal[
    "waiting", "sent", "delivered", "read", "failed", "skipped", "recalled"
]
"""What became of one message. ``skipped``: the person wants no announcements."""

OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)

WAITING, SENT, DELIVERED, READ, FAILED, SKIPPED, RECALLED = range(7)


class StoredAnnouncement(msgspec.Struct, frozen=True):
    """An announcement as it stands. Each count is of messages that are just so.

    ``due`` and ``created_at`` are in unix seconds. ``first`` is who gets it before all others.
    ``fingerprint`` is that of a file, as it was before it was uploaded.
    """

    number: int
    id: str
    state: State
    category: str
    content: bytes
    fingerprint: str | None
    is_template: bool
    encrypt: bool
    due: float
    created_at: float
    first: str | None
    tried: int
    total: int
    sent: int
    delivered: int
    read: int
    failed: int
    skipped: int
    recalled: int

    @property
    def waiting(self) -> int:
        """Messages that are yet to be sent."""
        over = self.sent + self.delivered + self.read + self.failed + self.skipped + self.recalled
        return self.total - over

    @property
    def is_over(self) -> bool:
        """Whether nothing goes on by itself any more."""
        return self.state not in ("loading", "sending", "recalling")


class Waiting(msgspec.Struct, frozen=True, array_like=True):
    """A message that is to be sent, or taken back."""

    place: int
    user_id: str
    message_id: str
    values: dict[str, str] | None
    stopped: bool = False


class Recipient(msgspec.Struct, frozen=True):
    """What became of the message to one person; ``line`` is that of the file they came from."""

    user_id: str
    message_id: str
    outcome: Outcome
    reason: str | None
    line: int


class Source(msgspec.Struct, frozen=True):
    """Where people of an announcement come from, such as a file, and how far it is read.

    ``bad`` are lines that are nobody, duplicates included; ``known`` are people that the
    announcement had from an earlier source.
    """

    number: int
    announcement: int
    digest: str
    lines: int
    complete: bool
    bad: int
    known: int
