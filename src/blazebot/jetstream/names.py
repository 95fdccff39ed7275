"""What streams, consumers, buckets and subjects of a bot are called, and its partitions. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from zlib import crc32

GATEWAYS_BUCKET: Final = "BLAZEBOT_gateways"
"""The bucket that says which gateway holds the line of each bot, by the bot's id."""

GATEWAY_CONSUMER: Final = "gateway"
"""The consumer by which gateways learn what was handled."""


@dataclass(frozen=True)
class Names:
    """The names of one bot. All of them begin alike, so that permissions can be given by it."""

    app_id: str

    # Streams and buckets

    @property
    def messages(self) -> str:
        """The stream of messages to the bot."""
        return f"BLAZEBOT_{self.app_id}_messages"

    @property
    def handled(self) -> str:
        """The stream of what was handled, to be acknowledged to the service."""
        return f"BLAZEBOT_{self.app_id}_handled"

    @property
    def dead_letters(self) -> str:
        """The stream of messages that no handler could take."""
        return f"BLAZEBOT_{self.app_id}_dead_letters"

    @property
    def states(self) -> str:
        """The bucket of states."""
        return f"BLAZEBOT_{self.app_id}_states"

    @property
    def jobs(self) -> str:
        """The bucket of jobs."""
        return f"BLAZEBOT_{self.app_id}_jobs"

    @property
    def outbox(self) -> str:
        """The stream of what was accepted to be sent, and of what of it was refused."""
        return f"BLAZEBOT_{self.app_id}_outbox"

    # Subjects

    def subject(self, *tokens: str) -> str:
        """Return a subject of this bot."""
        return ".".join(("blazebot", self.app_id, *tokens))

    @property
    def calls(self) -> str:
        """Where the gateway that holds the line is asked to send."""
        return self.subject("calls")

    @property
    def line(self) -> str:
        """Where that gateway says each second whether its line is open."""
        return self.subject("line")

    @property
    def receipts(self) -> str:
        """Where it says what became of messages that the bot sent."""
        return self.subject("receipts")

    @property
    def outbox_waiting(self) -> str:
        """Where workers put what is to be sent."""
        return self.subject("outbox", "waiting")

    @property
    def outbox_refused(self) -> str:
        """Where the gateway puts what the service refused of it."""
        return self.subject("outbox", "refused")

    @property
    def outbox_news(self) -> str:
        """Where workers say that there is something in the outbox."""
        return self.subject("outbox-news")

    def dead_letter_subject(self, message_id: str) -> str:
        """Return the subject of a dead letter; ``*`` is that of all."""
        return self.subject("dead-letters", message_id)

    # Partitions

    def partition_subject(self, partition: int | str) -> str:
        """Return the subject of a partition's messages."""
        return self.subject("messages", str(partition))

    def deduplication_id(self, message_id: str) -> str:
        """Return the ``Nats-Msg-Id`` of a message to the bot."""
        return f"{self.app_id}:{message_id}"


def partition_of(conversation_id: str, partitions: int) -> int:
    """Return the partition of a conversation, the same in every process and version."""
    return crc32(conversation_id.lower().encode()) % partitions


def consumer_of(partition: int) -> str:
    """Return the name of a partition's consumer."""
    return f"partition-{partition}"
