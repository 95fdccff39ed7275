"""The outbox: sends that no incoming message stands behind, durable once they are accepted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Awaitable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

from blazebot.delivery.attempts import Attempts
from blazebot.delivery.batches import BatchSender
from blazebot.delivery.conversations import Conversations
from blazebot.delivery.encrypted import EncryptedSender
from blazebot.delivery.outbox_storage import OutboxStorage
from blazebot.delivery.outbox_store import Entry, Failed, Kept
from blazebot.delivery.sender import Sender
from blazebot.delivery.session_lock import SessionLock
from blazebot.errors import (
    BlazebotError,
    ContentError,
    EncryptionError,
    NotRunning,
    RequestError,
    SendTimeout,
    ServiceError,
    SessionInUse,
    Unauthorized,
)
from blazebot.wire.limits import BATCH_LIMIT

logger = logging.getLogger("blazebot.delivery")

_PAUSE: Final = 1.0  # seconds until what was not taken for now is sent again
_LOOK_AGAIN: Final = 0.25  # seconds between looks whether what others see to still waits

_FOR_GOOD = (ServiceError, RequestError, EncryptionError, ContentError)


class Outbox:
    """Sends what it accepts, each message once, those of one conversation in order.

    What is accepted is on disk, with its id, until the service has taken or refused it: after a
    crash the next process goes on. As long as nothing is left over, whoever sends does it by
    itself; otherwise :meth:`run` sends all in the order in which it was accepted.
    """

    def __init__(
        self,
        store: OutboxStorage,
        *,
        attempts: Attempts,
        sender: Sender,
        batches: BatchSender,
        encrypted: EncryptedSender,
        conversations: Conversations,
    ) -> None:
        self._store = store
        self._attempts = attempts
        self._sender = sender
        self._batches = batches
        self._encrypted = encrypted
        self._conversations = conversations
        # Conversation -> the number that its sender sees to: one, lest another overtakes it.
        self._own: dict[str, int] = {}
        self._awaited: dict[int, asyncio.Future[None]] = {}
        # What an earlier process has left is looked for first.
        self._is_behind = store.exists
        self._woken = asyncio.Event()

    # For who sends

    async def send(self, entry: Entry) -> None:
        """Accept a message, and return when the service has it.

        Raises:
            OutboxError: it cannot be kept, so it was not accepted.
            ServiceError, EncryptionError, ContentError: it is refused for good.
            Unauthorized: the session is refused, perhaps by one host alone. It stays accepted.
            SendTimeout: it was not taken within ``send_timeout``. It stays accepted.
        """
        deadline = self._attempts.deadline()
        while (number := await self._add(entry)) is None:
            # By its key it waits already, for this process or another. When it does no more, the
            # service says what became of it: it is asked by the same id.
            if time.monotonic() >= deadline:
                raise _late()
            await asyncio.sleep(_LOOK_AGAIN)
        if self._is_behind or entry.request.conversation_id in self._own:
            self._is_behind = True
            await self._wait(number)
        else:
            await self._send_own(Kept(number, entry))

    async def accept(self, entry: Entry) -> None:
        """Accept a message; it is sent as soon as it can be.

        Raises:
            OutboxError: it cannot be kept, so it was not accepted.
        """
        await self._add(entry)
        self._fall_behind()

    async def failed(self) -> list[Failed]:
        """Return what was refused in the last 30 days, with nobody there to be told."""
        return await self._store.failed() if self._store.exists else []

    async def forget(self, user_id: str) -> None:
        """Delete all that is kept for a person; raises OutboxError."""
        if self._store.exists:
            await self._store.forget(user_id.lower())

    async def _add(self, entry: Entry) -> int | None:
        try:
            return await self._store.add(entry)
        except BaseException:
            self._fall_behind()  # it may be kept all the same, as where who sends was cancelled
            raise

    async def _send_own(self, kept: Kept) -> None:
        self._own[kept.entry.request.conversation_id] = kept.number
        try:
            refusal = await self._refusal(self._send_one(kept.entry))
        except BaseException:
            self._fall_behind()
            raise
        finally:
            del self._own[kept.entry.request.conversation_id]
            self._woken.set()  # others may wait behind it
        self._store.taken([kept.number])
        if refusal is not None:  # who sends is told
            raise refusal

    async def _send_one(self, entry: Entry) -> None:
        request = entry.request
        if request.recipient_id is not None:
            await self._attempts.until_taken(
                partial(self._ensure, entry), self._attempts.deadline()
            )
        if entry.plaintext is not None:
            try:
                await self._encrypted.send(request, entry.plaintext)
            except EncryptionError:
                if not entry.may_be_plain:
                    raise
            else:
                return
        await self._sender.send(request)

    async def _ensure(self, entry: Entry, *, within: float) -> None:
        request = entry.request
        await self._conversations.ensure(request.conversation_id, request.recipient_id or "")

    def _fall_behind(self) -> None:
        self._is_behind = True
        self._woken.set()

    async def _wait(self, number: int) -> None:
        done = self._awaited[number] = asyncio.get_running_loop().create_future()
        self._woken.set()
        try:
            async with asyncio.timeout_at(self._attempts.deadline()):
                await done
        except TimeoutError:
            raise _late() from None
        finally:
            self._awaited.pop(number, None)

    def look(self) -> None:
        """Send what others have put into the storage, soon."""
        self._fall_behind()

    async def close(self) -> None:
        """Finish writing, and close the file."""
        await self._store.close()

    # What is left over

    async def run(self) -> None:
        """Send what is left over, now and later, until cancelled or the line is closed.

        Nothing else ends it, a 401 neither: the line finds out whether that is for good.
        """
        while True:
            self._woken.clear()
            if self._is_behind:
                try:
                    await self._catch_up()
                except NotRunning:
                    return
                except BlazebotError as error:
                    logger.warning("the outbox goes on in %.0f s: %s", _PAUSE, error)
                    await asyncio.sleep(_PAUSE)
                    continue
            await self._woken.wait()

    async def take_over(self, directory: Path) -> None:
        """Send what processes of this bot's other sessions have left, where none runs any more."""
        if not self._store.exists:
            return
        for session_id in await self._store.sessions():
            lock = SessionLock(directory, session_id)
            try:
                lock.acquire()
            except SessionInUse:
                continue
            try:
                await self._store.take_over(session_id)
                self._fall_behind()
            finally:
                lock.release()

    async def _catch_up(self) -> None:
        after = 0
        held: set[str] = set()  # conversations whose next one its sender sees to
        while page := await self._store.waiting(after, BATCH_LIMIT):
            after = page[-1].number
            left = []
            for one in page:
                conversation_id = one.entry.request.conversation_id
                if self._own.get(conversation_id) == one.number:
                    held.add(conversation_id)
                elif conversation_id not in held:
                    left.append(one)
            for is_encrypted, some in groupby(left, lambda one: one.entry.plaintext is not None):
                if is_encrypted:
                    await self._send_apart(list(some))
                else:
                    await self._send_together(list(some))
        # What is held, or came meanwhile, is for the next time.
        self._is_behind = bool(held) or self._woken.is_set()

    async def _send_apart(self, some: Sequence[Kept]) -> None:
        """Send encrypted messages, in order within each conversation."""
        lanes: defaultdict[str, list[Kept]] = defaultdict(list)
        for one in some:
            lanes[one.entry.request.conversation_id].append(one)

        async def send(lane: Sequence[Kept]) -> None:
            for one in lane:
                await self._settle(one, await self._refusal(self._send_one(one.entry)))

        ends = await asyncio.gather(*map(send, lanes.values()), return_exceptions=True)
        for end in ends:
            if end is not None:
                raise end

    async def _send_together(self, some: Sequence[Kept]) -> None:
        """Send plain messages in order."""
        there: list[Kept] = []
        for one in some:
            if one.entry.request.recipient_id is not None:
                ensuring = self._ensure(one.entry, within=0)
                if refusal := await self._refusal(ensuring):
                    await self._settle(one, refusal)
                    continue
            there.append(one)
        refusals = await self._batches.send([one.entry.request for one in there])
        for one, refused in zip(there, refusals, strict=True):
            await self._settle(one, refused.error if refused else None)

    async def _refusal(self, sending: Awaitable[None]) -> BlazebotError | None:
        """Return what a send was refused with for good, None if it was not."""
        try:
            await sending
        except Unauthorized:
            raise
        except _FOR_GOOD as error:
            if isinstance(error, ServiceError) and error.temporary:
                raise SendTimeout(str(error)) from error
            return error
        return None

    async def _settle(self, one: Kept, refusal: BlazebotError | None) -> None:
        awaited = self._awaited.get(one.number)
        if awaited is not None and not awaited.done():
            self._store.taken([one.number])
            if refusal is None:
                awaited.set_result(None)
            else:
                awaited.set_exception(refusal)
        elif refusal is None:
            self._store.taken([one.number])
        else:
            message_id = one.entry.request.message_id
            logger.error("message %s of the outbox is refused: %s", message_id, refusal)
            await self._store.refused(one.number, str(refusal))


def _late() -> SendTimeout:
    return SendTimeout(
        "a message was accepted and not taken by its deadline, see send_timeout; it will be sent"
    )
