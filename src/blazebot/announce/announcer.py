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

from blazebot.announce.batch_size import BatchSize
from blazebot.announce.channel import Channel
from blazebot.announce.composer import Composer
from blazebot.announce.drain_lock import DrainLock
from blazebot.announce.ids import AnnouncedIds
from blazebot.announce.store import AnnouncementStore
from blazebot.announce.stored import FAILED, RECALLED, SENT, SKIPPED, StoredAnnouncement, Waiting
from blazebot.delivery.batches import Refusal, in_pieces, split
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
"""Full batches that are on their way at once."""

REQUESTS: Final = 32
"""Batches of fewer messages that are on their way at once."""

PAGE: Final = 2000
"""Messages that are read at once; between two pages a pause takes effect."""

_AT_ONCE: Final = 16  # calls for single people: conversations, encrypted messages
_MOSTLY_NEW: Final = 4  # where one in so many had no conversation, the others are asked for first
_MANY_NEW: Final = 25  # and so many had none at all
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
        self._newness: defaultdict[int, _Newness] = defaultdict(_Newness)
        self._sizes: defaultdict[int, BatchSize] = defaultdict(lambda: BatchSize(batch_limit))

    def wake(self) -> None:
        """Look at once for what there is to do."""
        self._woken.set()

    async def run(self) -> None:
        """Send what is due, now and later, until cancelled.

        Raises:
            Unauthorized: the service refuses this session, in a process without a line; where
                there is one, it finds out whether that is for good.
        """
        while True:
            self._woken.clear()
            try:
                await self.work_off()
            except BlazebotError as error:
                # A full disk may have room again; a bot goes on as long as its line.
                if not (isinstance(error, AnnouncementError) or self._channel.has_line):
                    raise
                logger.error("announcements cannot go on for now: %s", error)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY):
                    await self._woken.wait()

    async def work_off(self) -> None:
        """Send all that is due, unless another process is about it.

        Raises:
            Unauthorized: the service refuses this session, perhaps at one host alone.
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
        async with _Flight(self._store, IN_FLIGHT * self._batch_limit) as flight:
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
            await self._store.finish(one.number)

    async def _send_first(self, one: StoredAnnouncement, user_id: str, flight: _Flight) -> None:
        message = await self._store.find(AnnouncedIds(self._app_id, one.id).message(user_id))
        if message is not None:
            await self._start(one, [message], flight)
            await flight.landed(one.number)
            if await self._store.find(message.message_id):  # it was paused, or the like
                return
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
        while messages:
            await flight.room()
            some = messages[: int(self._sizes[one.number])]
            count = len(split([request for _, request in some])[0])
            batch, messages = messages[:count], messages[count:]
            flight.start(one.number, count, self._send(one, composer, batch), recalls=recalls)

    async def _send(
        self,
        one: StoredAnnouncement,
        composer: Composer,
        batch: Sequence[tuple[Waiting, MessageRequest]],
    ) -> _Results:
        """Return what became of each message of a batch, by place; of none if it was stopped."""
        recalls = one.state == "recalling"
        results = _Results()
        newness = self._newness[one.number]
        asks_first = newness.is_high and not recalls
        try:
            if asks_first:
                batch = await self._with_conversations(one, batch, results)
            refusals = await self._refusals(one, composer, batch)
            unknown = [
                pair
                for pair, refusal in zip(batch, refusals, strict=True)
                if isinstance(refusal, ServiceError) and refusal.code == 403
            ]
            newness.count(len(unknown), len(batch))
            if unknown and not recalls and not asks_first:
                # To who came by OAuth the bot has to open the conversation [S].
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
        size = self._sizes[one.number]

        async def send(piece: Sequence[MessageRequest]) -> list[Refusal | None]:
            return await self._until_taken(one, partial(self._channel.send, piece))

        refusals = await in_pieces([request for _, request in batch], self._batch_limit, send)
        if any(refusals):
            size.refused()
        else:
            size.taken()
        return [None if refusal is None else refusal.error for refusal in refusals]

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


class _Newness:
    """How many of the people of an announcement had no conversation with the bot."""

    def __init__(self) -> None:
        self._new = self._all = 0

    def count(self, new: int, all: int) -> None:
        self._new += new
        self._all += all

    @property
    def is_high(self) -> bool:
        return self._new >= _MANY_NEW and self._new * _MOSTLY_NEW > self._all


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

    def __init__(self, store: AnnouncementStore, most: int) -> None:
        self._store = store
        self._most = most  # messages at once
        self._tasks: dict[asyncio.Task[None], tuple[int, int]] = {}  # announcement, messages
        self._notes: dict[tuple[int, bool], _Results] = {}
        self._writing: asyncio.Task[None] | None = None
        self._error: AnnouncementError | None = None

    async def __aenter__(self) -> _Flight:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._written()
        except AnnouncementError:
            if kind is None:  # otherwise it would hide why this ends, such as a cancellation
                raise

    async def room(self) -> None:
        """Return when another batch may leave; raises what ended one of those before."""
        if self._error is not None:
            raise self._error
        while len(self._tasks) >= REQUESTS or self._messages >= self._most:
            await self._some()

    @property
    def _messages(self) -> int:
        return sum(count for _, count in self._tasks.values())

    def start(
        self, number: int, count: int, sending: Awaitable[_Results], *, recalls: bool
    ) -> None:
        """Let a batch of ``count`` messages leave."""

        async def send() -> None:
            self.settle(number, await sending, recalls=recalls)

        self._tasks[asyncio.create_task(send())] = (number, count)

    async def landed(self, number: int) -> None:
        """Return when no batch of an announcement is on its way, and all is on disk."""
        while any(number == one for one, _ in self._tasks.values()):
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
