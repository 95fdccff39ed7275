"""Sends announcements that are due, and takes back those that are recalled."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Final, TypeVar

from blazebot.announce.channel import Channel
from blazebot.announce.composer import Composer
from blazebot.announce.drain_lock import DrainLock
from blazebot.announce.ids import AnnouncedIds
from blazebot.announce.store import AnnouncementStore
from blazebot.announce.stored import FAILED, RECALLED, SENT, SKIPPED, StoredAnnouncement, Waiting
from blazebot.delivery.batches import split
from blazebot.errors import (
    AnnouncementError,
    BlazebotError,
    ConnectionLost,
    ContentError,
    EncryptionError,
    RequestTimeout,
    SendTimeout,
    ServiceError,
    Unauthorized,
)
from blazebot.wire.limits import BATCH_LIMIT
from blazebot.wire.messages import MessageRequest

logger = logging.getLogger("blazebot.announce")

T = TypeVar("T")

LOOK_EVERY: Final = 1.0
"""Seconds between two looks for what other processes want."""

IN_FLIGHT: Final = 8
"""Batches that are on their way at once."""

PAGE: Final = 2000
"""Messages that are read at once; between two pages a pause takes effect."""

_AT_ONCE: Final = 16  # calls for single people: conversations, encrypted messages
_MOSTLY_NEW: Final = 4  # where one in so many had no conversation, the others are asked for first
_PAUSE: Final = 0.5
_PAUSE_CAP: Final = 10.0

_FOR_NOW = (ConnectionLost, RequestTimeout, SendTimeout)


class _Stopped(Exception):
    """The announcement was paused, or the like, while a batch waited for the service."""


class Announcer:
    """Works off the announcements in ``store``, of the bot ``app_id``, one process at a time.

    ``now`` returns unix seconds.
    """

    def __init__(
        self,
        app_id: str,
        store: AnnouncementStore,
        lock: DrainLock,
        channel: Channel,
        *,
        batch_limit: int = BATCH_LIMIT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app_id = app_id
        self._store = store
        self._lock = lock
        self._channel = channel
        self._batch_limit = batch_limit
        self._now = now
        self._singles = asyncio.Semaphore(_AT_ONCE)
        self._woken = asyncio.Event()
        self._mostly_new: set[int] = set()

    def wake(self) -> None:
        """Look at once for what there is to do."""
        self._woken.set()

    async def run(self) -> None:
        """Send what is due, now and later, until cancelled.

        Raises:
            Unauthorized: the service refuses this session for good.
        """
        while True:
            self._woken.clear()
            try:
                await self.work_off()
            except AnnouncementError as error:  # a full disk, say: it may have room again
                logger.error("announcements cannot go on for now: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._woken.wait()

    async def work_off(self) -> None:
        """Send all that is due, unless another process is about it.

        Raises:
            Unauthorized: as :meth:`run`.
            AnnouncementError: the file cannot be used.
        """
        if not await self._store.active(self._now()) or not self._lock.acquire():
            return
        try:
            await self._drain()
        finally:
            self._lock.release()

    async def _drain(self) -> None:
        cursors: dict[int, int] = {}
        async with _Flight(self._store) as flight:
            while active := await self._store.active(self._now()):
                cursors = {one.number: cursors.get(one.number, -1) for one in active}
                for one in active:
                    if one.first is not None and one.state == "sending":
                        await self._send_first(one, one.first, flight)
                        continue
                    page = await self._store.page(one, cursors[one.number], PAGE)
                    if page:
                        cursors[one.number] = page[-1].place
                        await self._start(one, page, flight)
                    elif cursors[one.number] == -1:
                        await self._finish(one)
                    else:  # what was put off meanwhile comes again
                        await flight.landed(one.number)
                        cursors[one.number] = -1

    async def _finish(self, one: StoredAnnouncement) -> None:
        if one.state == "recalling":
            await self._store.change(one.id, "recalled", of=("recalling",))
        else:
            await self._store.change(one.id, "done", of=("sending",))

    async def _send_first(self, one: StoredAnnouncement, user_id: str, flight: _Flight) -> None:
        message = await self._store.find(AnnouncedIds(self._app_id, one.id).message(user_id))
        if message is not None:
            await self._start(one, [message], flight)
            await flight.landed(one.number)
        await self._store.first_sent(one.number)

    async def _start(
        self, one: StoredAnnouncement, page: Sequence[Waiting], flight: _Flight
    ) -> None:
        """Send a page; returns when its last batch is on its way."""
        composer = Composer(self._app_id, one)
        recalls = one.state == "recalling"
        messages: list[tuple[Waiting, MessageRequest]] = []
        refused = _Results()
        for message in page:
            if message.stopped and not recalls:
                refused[SKIPPED][message.place] = None
                continue
            try:
                request = composer.recall(message) if recalls else composer.message(message)
            except ContentError as error:
                refused[FAILED][message.place] = str(error)
            else:
                messages.append((message, request))
        flight.settle(one.number, refused, recalls=recalls)
        for numbers in split([request for _, request in messages], self._batch_limit):
            batch = messages[numbers.start : numbers.stop]
            await flight.start(one.number, self._send(one, composer, batch), recalls=recalls)

    async def _send(
        self,
        one: StoredAnnouncement,
        composer: Composer,
        batch: Sequence[tuple[Waiting, MessageRequest]],
    ) -> _Results:
        """Return what became of each message of a batch, by place; of none if it was stopped."""
        recalls = one.state == "recalling"
        results = _Results()
        try:
            if one.number in self._mostly_new and not recalls:
                batch = await self._with_conversations(one, batch, results)
            refusals = await self._refusals(one, composer, batch)
            unknown = [
                pair
                for pair, refusal in zip(batch, refusals, strict=True)
                if isinstance(refusal, ServiceError) and refusal.code == 403
            ]
            if unknown and not recalls and one.number not in self._mostly_new:
                # To who came by OAuth the bot has to open the conversation [S].
                if len(unknown) * _MOSTLY_NEW > len(batch):
                    self._mostly_new.add(one.number)
                again = await self._with_conversations(one, unknown, results)
                _note(batch, refusals, results, but={pair[0].place for pair in unknown})
                batch, refusals = again, await self._refusals(one, composer, again)
            _note(batch, refusals, results, recalls=recalls)
        except _Stopped:
            pass
        return results

    async def _with_conversations(
        self,
        one: StoredAnnouncement,
        batch: Sequence[tuple[Waiting, MessageRequest]],
        results: _Results,
    ) -> list[tuple[Waiting, MessageRequest]]:
        """Return those of a batch with whom there is a conversation, made where needed."""

        async def ensure(request: MessageRequest) -> ServiceError | None:
            try:
                async with self._singles:
                    await self._channel.ensure_conversation(
                        request.conversation_id, request.recipient_id or ""
                    )
            except ServiceError as error:
                if error.temporary or isinstance(error, Unauthorized):
                    raise
                return error
            return None

        refusals = await asyncio.gather(
            *(self._until_taken(one, partial(ensure, request)) for _, request in batch)
        )
        for (message, _), refusal in zip(batch, refusals, strict=True):
            if refusal is not None:
                results[FAILED][message.place] = str(refusal)
        return [pair for pair, refusal in zip(batch, refusals, strict=True) if refusal is None]

    async def _refusals(
        self,
        one: StoredAnnouncement,
        composer: Composer,
        batch: Sequence[tuple[Waiting, MessageRequest]],
    ) -> Sequence[BlazebotError | None]:
        if not batch:
            return []
        if one.encrypt and one.state != "recalling":
            return await asyncio.gather(
                *(self._send_encrypted(one, composer, *pair) for pair in batch)
            )
        requests = [request for _, request in batch]
        return await self._until_taken(one, lambda: self._channel.send(requests))

    async def _send_encrypted(
        self,
        one: StoredAnnouncement,
        composer: Composer,
        message: Waiting,
        request: MessageRequest,
    ) -> BlazebotError | None:
        plaintext = composer.plaintext(message)

        async def send() -> BlazebotError | None:
            try:
                async with self._singles:
                    await self._channel.send_encrypted(request, plaintext)
            except ServiceError as error:
                if error.temporary or isinstance(error, Unauthorized):
                    raise
                return error
            except (EncryptionError, ContentError) as error:
                return error
            return None

        return await self._until_taken(one, send)

    async def _until_taken(self, one: StoredAnnouncement, attempt: Callable[[], Awaitable[T]]) -> T:
        """Do ``attempt`` until the service takes it; raises _Stopped when nobody wants it more."""
        pause = _PAUSE
        while True:
            try:
                return await attempt()
            except (*_FOR_NOW, ServiceError) as error:
                if isinstance(error, ServiceError) and not error.temporary:
                    raise
                logger.warning("announcement %s put off for %.1f s: %s", one.id, pause, error)
            await asyncio.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - jitter
            pause = min(_PAUSE_CAP, pause * 2)
            if (await self._store.get(one.id)).state != one.state:
                raise _Stopped


class _Results(defaultdict[int, dict[int, str | None]]):
    """What became of messages: by outcome, by place, with the reason where there is one."""

    def __init__(self) -> None:
        super().__init__(dict)


def _note(
    batch: Sequence[tuple[Waiting, MessageRequest]],
    refusals: Sequence[BlazebotError | None],
    results: _Results,
    *,
    but: set[int] | None = None,
    recalls: bool = False,
) -> None:
    for (message, _), refusal in zip(batch, refusals, strict=True):
        if but and message.place in but:
            continue
        if refusal is None:
            results[RECALLED if recalls else SENT][message.place] = None
        else:
            results[FAILED][message.place] = (
                f"not taken back: {refusal}" if recalls else str(refusal)
            )


class _Flight:
    """Batches on their way, and the notes of what became of them on their way to disk.

    Notes that come while others are written are written together. What is lost of both by a kill
    is sent again, with the ids that it had.
    """

    def __init__(self, store: AnnouncementStore) -> None:
        self._store = store
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._notes: dict[tuple[int, bool], _Results] = {}
        self._writing: asyncio.Task[None] | None = None
        self._error: AnnouncementError | None = None

    async def __aenter__(self) -> _Flight:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._written()

    async def start(self, number: int, sending: Awaitable[_Results], *, recalls: bool) -> None:
        """Let a batch leave, once fewer than ``IN_FLIGHT`` are on their way.

        Raises what ended one of those before.
        """

        async def send() -> None:
            self.settle(number, await sending, recalls=recalls)

        if self._error is not None:
            raise self._error
        while len(self._tasks) >= IN_FLIGHT:
            await self._some()
        self._tasks[asyncio.create_task(send())] = number

    async def landed(self, number: int) -> None:
        """Return when no batch of an announcement is on its way, and all is on disk."""
        while number in self._tasks.values():
            await self._some()
        await self._written()

    def settle(self, number: int, results: _Results, *, recalls: bool) -> None:
        """Have results written; never waits."""
        notes = self._notes.setdefault((number, recalls), _Results())
        for outcome, places in results.items():
            notes[outcome].update(places)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _some(self) -> None:
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del self._tasks[task]
        for task in done:
            await task

    async def _write(self) -> None:
        try:
            while self._notes:
                notes, self._notes = self._notes, {}
                for (number, recalls), results in notes.items():
                    for outcome, places in results.items():
                        await self._store.settle(number, outcome, places, recalls=recalls)
        except AnnouncementError as error:
            self._error = error
        finally:
            self._writing = None

    async def _written(self) -> None:
        while self._writing is not None:
            await asyncio.shield(self._writing)
        if self._error is not None:
            raise self._error
