"""Messages that no handler could take, in a stream, for whoever looks at them."""

from __future__ import annotations

import time

import msgspec
from nats.js import JetStreamContext

from blazebot.errors import EngineError
from blazebot.jetstream.connection import NatsError
from blazebot.jetstream.names import Names
from blazebot.wire.codec import encode_json
from blazebot.wire.messages import MessageView

_PUBLISHED = 5.0  # seconds for a PubAck


class StoredDeadLetter(msgspec.Struct):
    """A dead letter as it stands in the stream: JSON. ``buried_at`` is in unix seconds."""

    view: MessageView
    error: str
    tries: int
    buried_at: float


class DeadLetterStream:
    """The dead letters of one bot, each once however often it is buried within the window."""

    def __init__(self, js: JetStreamContext, names: Names) -> None:
        self._js = js
        self._names = names

    async def add(self, view: MessageView, error: BaseException, tries: int) -> None:
        """Keep a message; JetStream has it when this returns. Raises EngineError: it has not."""
        words = f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace").decode()
        letter = StoredDeadLetter(view, words, tries, time.time())
        try:
            await self._js.publish(
                self._names.subject("dead-letters"),
                encode_json(letter),
                timeout=_PUBLISHED,
                headers={"Nats-Msg-Id": self._names.deduplication_id(view.message_id)},
            )
        except NatsError as failure:
            raise EngineError(
                f"JetStream did not take a dead letter: {failure or type(failure).__name__}"
            ) from None
