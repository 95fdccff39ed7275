"""Messages that no handler could take, in a stream, for whoever looks at them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import msgspec
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from blazebot.delivery.dead_letters import DeadLetter
from blazebot.errors import EngineError, FrameError
from blazebot.jetstream.connection import NatsError, close, connect
from blazebot.jetstream.names import Names, partition_of
from blazebot.jetstream.streams import declared_partitions, erase
from blazebot.wire.codec import decode_json, encode_json
from blazebot.wire.messages import MessageView

REPLAY: Final = "Blazebot-Replay"
"""The header of a message that is to be handled again though it may have been."""

_PUBLISHED: Final = 5.0  # seconds for a PubAck


class StoredDeadLetter(msgspec.Struct):
    """A dead letter as it stands in the stream: JSON. ``buried_at`` is in unix seconds."""

    view: MessageView
    error: str
    tries: int
    buried_at: float


class DeadLetterStream:
    """The dead letters of one bot, by message: buried again, one replaces what was kept of it.

    Raises:
        EngineError: from each method; JetStream does not take or give it.
    """

    def __init__(self, js: JetStreamContext, names: Names) -> None:
        self._js = js
        self._names = names

    # A worker's part

    async def add(self, view: MessageView, error: BaseException, tries: int) -> None:
        """Keep a message; JetStream has it when this returns."""
        words = f"{type(error).__name__}: {error}".encode("utf-8", "backslashreplace").decode()
        letter = StoredDeadLetter(view, words, tries, time.time())
        subject = self._names.dead_letter_subject(view.message_id)
        try:
            await self._js.publish(subject, encode_json(letter), timeout=_PUBLISHED)
        except (NatsError, TimeoutError) as failure:
            raise _error(failure) from None

    # What a person does

    async def all(self) -> list[DeadLetter]:
        """Return the dead letters, oldest first."""
        return [letter async for _, letter in self._read()]

    async def get(self, message_id: str) -> DeadLetter | None:
        """Return the dead letter that is this message; None if there is none."""
        found = await self._find(message_id)
        return None if found is None else found[1]

    async def ask_replay(self, message_ids: Sequence[str]) -> None:
        """Have messages handled again by a worker: they are dead letters no more, or anew."""
        partitions = await declared_partitions(self._js, self._names)
        for message_id in message_ids:
            found = await self._find(message_id)
            if found is None:
                continue
            number, letter = found
            partition = partition_of(letter.view.conversation_id or "", partitions)
            try:
                await self._js.publish(
                    self._names.partition_subject(partition),
                    encode_json(letter.view),
                    timeout=_PUBLISHED,
                    headers={REPLAY: "1"},
                )
                # By its number: if it failed again meanwhile, that one stays.
                await erase(self._js, self._names.dead_letters, number)
            except (NatsError, TimeoutError) as failure:
                raise _error(failure) from None

    async def drop(self, message_ids: Sequence[str]) -> None:
        """Forget messages for good."""
        try:
            for message_id in message_ids:
                subject = self._names.dead_letter_subject(message_id)
                await self._js.purge_stream(self._names.dead_letters, subject=subject)
        except (NatsError, TimeoutError) as failure:
            raise _error(failure) from None

    async def _read(self) -> AsyncIterator[tuple[int, DeadLetter]]:
        number = 0
        while True:
            try:
                found = await self._js.get_msg(
                    self._names.dead_letters,
                    seq=number + 1,
                    subject=self._names.dead_letter_subject("*"),
                    next=True,
                )
            except NotFoundError:
                return
            except (NatsError, TimeoutError) as failure:
                raise _error(failure) from None
            number = found.seq or 0
            yield number, _letter(found.data or b"")

    async def _find(self, message_id: str) -> tuple[int, DeadLetter] | None:
        subject = self._names.dead_letter_subject(message_id)
        try:
            found = await self._js.get_last_msg(self._names.dead_letters, subject)
        except NotFoundError:
            return None
        except (NatsError, TimeoutError) as failure:
            raise _error(failure) from None
        return found.seq or 0, _letter(found.data or b"")


@asynccontextmanager
async def dead_letters_at(url: str, app_id: str, within: float) -> AsyncIterator[DeadLetterStream]:
    """Yield a bot's dead letters in NATS at ``url``, reached ``within`` so many seconds.

    Raises:
        EngineError: NATS cannot be used, or the bot has no engine there.
    """
    client = await connect(url, name="blazebot dead-letters", within=within)
    try:
        js, names = client.jetstream(), Names(app_id)
        await declared_partitions(js, names)
        yield DeadLetterStream(js, names)
    finally:
        await close(client)


def _letter(body: bytes) -> DeadLetter:
    try:
        stored = decode_json(body, StoredDeadLetter)
    except FrameError as error:
        raise _error(error) from None
    return DeadLetter(stored.view, stored.error, stored.tries, stored.buried_at)


def _error(error: Exception) -> EngineError:
    words = str(error) or type(error).__name__
    return EngineError(f"the dead letters in JetStream cannot be read or written: {words}")
