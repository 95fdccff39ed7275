"""The outbox of a bot in a stream: workers add to it, the gateway sends what stands in it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final, TypeVar

from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from blazebot.delivery.outbox_store import Entry, Failed, Kept
from blazebot.errors import FrameError, OutboxError
from blazebot.jetstream.connection import Client, NatsError
from blazebot.jetstream.names import Names
from blazebot.jetstream.publishing import publish_once
from blazebot.jetstream.streams import erase
from blazebot.wire.codec import decode_json, encode_json

T = TypeVar("T")

logger = logging.getLogger("blazebot.jetstream")

_PUBLISHED: Final = 5.0  # seconds for a PubAck
_ERASED: Final = 5.0  # seconds for what was sent to be taken out, before it is sent again


class OutboxStream:
    """The outbox as it is kept: what stands in the stream is to be sent, in its order.

    What the service has is taken out. As long as the stream has a message, so many days, it is
    accepted; what was refused is remembered for as long.

    Raises:
        OutboxError: from each method; NATS does not take or give it.
    """

    exists = True

    def __init__(self, js: JetStreamContext, names: Names) -> None:
        self._js = js
        self._names = names
        self._taken: list[int] = []
        self._erasing: asyncio.Task[None] | None = None
        self._has_news = False

    def news(self) -> None:
        """Note that a worker has added a message."""
        self._has_news = True

    async def add(self, entry: Entry) -> int | None:
        """Keep a message, and return its number; None if one of its id was kept of late.

        If that one was refused, this one stands in for it, behind all others.
        """
        names, message_id = self._names, entry.request.message_id
        name, body = names.deduplication_id(message_id), encode_json(entry)
        try:
            kept = await publish_once(self._js, names.outbox_waiting, body, name)
            if not kept.duplicate:
                return kept.seq
            async for number, failed in self._read(names.outbox_refused, Failed, kept.seq):
                if failed.message_id == message_id:
                    again = f"{name}:{number}"  # the same for all who ask after this refusal
                    kept = await publish_once(self._js, names.outbox_waiting, body, again)
                    await erase(self._js, names.outbox, number)
                    return kept.seq
        except (NatsError, TimeoutError) as error:
            raise _error(error) from None
        return None

    async def waiting(self, after: int, limit: int) -> list[Kept]:
        """Return messages behind a number, in order."""
        if self._erasing is not None:
            await asyncio.wait((self._erasing,), timeout=_ERASED)
        page: list[Kept] = []
        while not page:
            self._has_news = False
            async for number, entry in self._read(self._names.outbox_waiting, Entry, after):
                page.append(Kept(number, entry))
                if len(page) == limit:
                    break
            if not self._has_news:
                break
        return page

    def taken(self, numbers: Sequence[int]) -> None:
        """Take messages out soon: the service has them, and drops them should they come again."""
        self._taken += numbers
        if self._erasing is None:
            self._erasing = asyncio.create_task(self._erase_taken())

    async def refused(self, number: int, reason: str) -> None:
        """Remember that the service does not take a message."""
        async for found, entry in self._read(self._names.outbox_waiting, Entry, number - 1):
            if found == number:
                request = entry.request
                failed = Failed(
                    request.message_id,
                    request.conversation_id,
                    request.recipient_id,
                    reason,
                    time.time(),
                )
                try:
                    await self._js.publish(
                        self._names.outbox_refused, encode_json(failed), timeout=_PUBLISHED
                    )
                    await erase(self._js, self._names.outbox, number)
                except (NatsError, TimeoutError) as error:
                    raise _error(error) from None
            return

    async def failed(self) -> list[Failed]:
        """Return what was refused, the earliest first."""
        return [one async for _, one in self._read(self._names.outbox_refused, Failed, 0)]

    async def forget(self, user_id: str) -> None:
        """Delete all that is kept for a person, sent or not."""
        numbers = [
            number
            async for number, entry in self._read(self._names.outbox_waiting, Entry, 0)
            if entry.request.recipient_id == user_id
        ]
        numbers += [
            number
            async for number, one in self._read(self._names.outbox_refused, Failed, 0)
            if one.recipient_id == user_id
        ]
        try:
            for number in numbers:
                await erase(self._js, self._names.outbox, number)
        except (NatsError, TimeoutError) as error:
            raise _error(error) from None

    async def sessions(self) -> list[str]:
        """Return none: whoever holds the line sends all."""
        return []

    async def take_over(self, session_id: str) -> None:
        """Do nothing: whoever holds the line sends all."""

    async def close(self) -> None:
        """Give up taking out what was sent: it is sent again, and dropped by its id."""
        if self._erasing is not None:
            await asyncio.wait((self._erasing,), timeout=_ERASED)

    async def _read(self, subject: str, kind: type[T], after: int) -> AsyncIterator[tuple[int, T]]:
        while (found := await self._next(subject, after)) is not None:
            after = found.seq or 0
            try:
                yield after, decode_json(found.data or b"", kind)
            except FrameError as error:
                logger.error("message %d of the outbox cannot be read: %s", after, error)

    async def _next(self, subject: str, after: int) -> RawStreamMsg | None:
        try:
            return await self._js.get_msg(
                self._names.outbox, seq=after + 1, subject=subject, next=True
            )
        except NotFoundError:
            return None
        except (NatsError, TimeoutError) as error:
            raise _error(error) from None

    async def _erase_taken(self) -> None:
        try:
            while self._taken:
                await erase(self._js, self._names.outbox, self._taken.pop(0))
        except (NatsError, TimeoutError) as error:
            logger.debug("stays in the outbox: %s", str(error) or type(error).__name__)
        finally:
            self._erasing = None


class StreamOutbox:
    """The outbox as a worker has it: what it accepts the gateway sends."""

    def __init__(self, client: Client, js: JetStreamContext, names: Names) -> None:
        self._client = client
        self._names = names
        self._stream = OutboxStream(js, names)

    async def send(self, entry: Entry) -> None:
        """Accept a message; raises OutboxError: JetStream has not taken it, or perhaps."""
        await self._stream.add(entry)
        try:
            await self._client.publish(self._names.outbox_news, b"")
        except NatsError as error:
            logger.debug("the gateway looks by itself: %s", str(error) or type(error).__name__)

    accept = send

    async def failed(self) -> list[Failed]:
        """Return what the service refused in the last 7 days; raises OutboxError."""
        return await self._stream.failed()

    async def forget(self, user_id: str) -> None:
        """Delete all that is kept for a person; raises OutboxError."""
        await self._stream.forget(user_id.lower())


def _error(error: Exception) -> OutboxError:
    words = str(error) or type(error).__name__
    return OutboxError(f"messages cannot be kept in JetStream: {words}; see that NATS runs")
