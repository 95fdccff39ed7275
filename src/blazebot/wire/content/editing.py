"""What changes messages that were sent before: recall and pin."""

from __future__ import annotations

from typing import ClassVar, Literal

from blazebot.wire.content.base import JsonContent
from blazebot.wire.content.checks import check_count, check_id
from blazebot.wire.limits import BATCH_LIMIT


class Recall(JsonContent, frozen=True, omit_defaults=True):
    """``MESSAGE_RECALL``: takes back a sent message [C]."""

    CATEGORY: ClassVar[str] = "MESSAGE_RECALL"

    message_id: str

    def check(self) -> None:
        """Raise ContentError unless the id is a UUID."""
        check_id("message_id", self.message_id)


class Pin(JsonContent, frozen=True, omit_defaults=True):
    """``MESSAGE_PIN``: pins messages to the top of their conversation, or unpins them [C]."""

    CATEGORY: ClassVar[str] = "MESSAGE_PIN"

    action: Literal["PIN", "UNPIN"]
    message_ids: tuple[str, ...]

    def check(self) -> None:
        """Raise ContentError unless there are ids, each a UUID."""
        check_count("message_ids", self.message_ids, 1, BATCH_LIMIT)
        for number, message_id in enumerate(self.message_ids):
            check_id(f"message_ids[{number}]", message_id)
