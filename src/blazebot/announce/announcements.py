"""All announcements of a bot: making them, finding them, and who wants none."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Unpack
from uuid import uuid4

import msgspec

from blazebot.announce.announcement import Announcement, Progress, progress_of
from blazebot.announce.announcer import Announcer
from blazebot.announce.channel import Channel
from blazebot.announce.composer import Composer, encoded
from blazebot.announce.database import FILE_NAME, Database
from blazebot.announce.drain_lock import DrainLock
from blazebot.announce.hearing import Hearing
from blazebot.announce.ids import AnnouncedIds, announcement_id
from blazebot.announce.options import AnnounceOptions, check_options
from blazebot.announce.people import People
from blazebot.announce.recipients import BadLine
from blazebot.announce.sources import Loader, Recipients
from blazebot.announce.store import AnnouncementStore
from blazebot.announce.stored import StoredAnnouncement
from blazebot.announce.templates import Template
from blazebot.errors import AnnouncementError
from blazebot.media.upload import Upload, Uploader
from blazebot.wire.content import Content, Text
from blazebot.wire.ids import is_uuid
from blazebot.wire.limits import BATCH_LIMIT

logger = logging.getLogger("blazebot.announce")

LOCK_NAME: Final = "announcing.lock"
"""The file's name in a bot's data directory."""

_BAD_SHOWN: Final = 10


class Rehearsal(msgspec.Struct, frozen=True):
    """Whom an announcement would go to. ``example`` is what the first would get by a template.

    ``stopped`` more want no announcements; ``bad`` lines are nobody, ``bad_lines`` the first of
    them.
    """

    people: int
    stopped: int
    bad: int
    bad_lines: list[BadLine]
    example: str


class Announcements:
    """The announcements of the bot ``app_id``, kept in its data directory.

    ``channel`` is how messages leave, ``members(conversation_id)`` asks who is in a group.
    Ids of users may be in either case.

    Raises:
        AnnouncementError: from each method; the file cannot be used.
    """

    def __init__(
        self,
        app_id: str,
        directory: Path,
        channel: Channel,
        *,
        members: Callable[[str], Awaitable[Iterable[str]]],
        attachments: Uploader,
        batch_limit: int = BATCH_LIMIT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._app_id = app_id
        self.directory = directory
        """The bot's data directory."""
        self._database = Database(directory / FILE_NAME)
        self._store = AnnouncementStore(self._database)
        self._people = People(self._database)
        self._loader = Loader(app_id, self._store, self._people, members)
        self._announcer = Announcer(
            app_id,
            self._store,
            DrainLock(directory / LOCK_NAME),
            channel,
            batch_limit=batch_limit,
            now=now,
        )
        self._attachments = attachments
        self._now = now
        self.hearing = Hearing(app_id, self._store, self._people)
        """What the line of a running bot is to tell."""
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to send what is due, beside whatever else this loop does."""
        self._running = asyncio.create_task(self._announcer.run())
        self._running.add_done_callback(_report_end)

    @property
    def running(self) -> asyncio.Task[None]:
        """Done only if the service refuses the session, in a process without a line."""
        if self._running is None:
            raise AnnouncementError("nothing is sent: start() comes first")
        return self._running

    async def stop_sending(self) -> None:
        """Send no more; what is not sent goes on with the next process."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def close(self) -> None:
        """Stop, write what was heard, and close the file."""
        await self.stop_sending()
        await self.hearing.close()
        await self._database.close()

    # Making one

    async def announce(
        self,
        content: Content | Upload[Any] | Template | str,
        to: Recipients,
        **options: Unpack[AnnounceOptions],
    ) -> Announcement:
        """Send ``content`` to each person of ``to``, once; return when all of them are on disk.

        The same content, or the same ``id``, is the same announcement: who has it does not get it
        again, and one that was paused goes on, unless there is a ``first``.

        Raises:
            AnnouncementError: it cannot be made as asked, or with ``strict`` a line is bad.
            ContentError, MediaError, AttachmentError: the content cannot be sent.
        """
        check_options(options)
        first, at = options.get("first"), options.get("at")
        due = self._now() if at is None else at.timestamp()
        stored, names = await self._made(content, options, due)
        if stored.state in ("cancelled", "recalling", "recalled"):
            raise AnnouncementError(
                f"announcement {stored.id} is {stored.state}: give this one another id"
            )
        is_new = stored.state == "loading"
        if options.get("strict") and not is_new:
            await self._check_first(stored, content, to)
        await self._load(stored, names, to)
        if options.get("strict") and is_new:
            await self._check_lines(stored)
        if first is not None and is_new:
            await self._add_first(stored, first.lower())
        loaded = await self._store.get(stored.id)
        if first is not None and not is_new and loaded.first is None:
            # That one has got it: the others wait for a word.
            await self._store.change(stored.id, "paused", of=("done",) if loaded.waiting else ())
        elif is_new or loaded.waiting:
            # As it was before: who paused or cancelled it meanwhile is heard.
            changes = is_new or at is not None
            await self._store.go(stored.number, due if changes else None, of=(stored.state, "done"))
        self._announcer.wake()
        return Announcement(stored.id, self._store, self._announcer.wake)

    async def _load(
        self, stored: StoredAnnouncement, names: frozenset[str], to: Recipients
    ) -> None:
        try:
            await self._loader.load(stored, names, to)
        except Exception:  # of who yields people, too
            if not (await self._store.get(stored.id)).total:
                await self._store.discard(stored.id)
            raise

    async def rehearse(
        self, content: Content | Upload[Any] | Template | str, to: Recipients
    ) -> Rehearsal:
        """Return whom an announcement would go to, and keep nothing of it; raises as above."""
        if isinstance(content, Upload):
            await content.fingerprint()  # it can be read; what it says is only known once sent
            content = "a file"
        options: AnnounceOptions = {"id": f"rehearsal-{uuid4()}"}
        stored, names = await self._made(content, options, self._now())
        try:
            await self._loader.load(stored, names, to)
            stored = await self._store.get(stored.id)
            count, bad = await self.bad_lines(stored.id)
            page = await self._store.page(stored, -1, 1, try_them=False)
            example = Composer(self._app_id, stored).plaintext(page[0]) if page else b""
            stopped = await self._store.stopped(stored.number)
        finally:
            await self._store.discard(stored.id)
        return Rehearsal(
            people=stored.total - stopped,
            stopped=stopped,
            bad=count,
            bad_lines=bad,
            example=example.decode() if names else "",
        )

    async def _made(
        self,
        content: Content | Upload[Any] | Template | str,
        options: AnnounceOptions,
        due: float,
    ) -> tuple[StoredAnnouncement, frozenset[str]]:
        """Return the announcement, made where there is none, and the names in its template."""
        id, encrypt, first = options.get("id"), options.get("encrypt", False), options.get("first")
        template, fingerprint = None, None
        if isinstance(content, Upload):
            category, digest = content.kind.CATEGORY, await content.fingerprint()
            id, fingerprint = id or announcement_id(category, digest), digest.hex()
            raw = await self._uploaded(id, content, encrypt=encrypt)
        else:
            category, raw, template = _said(content)
        stored = await self._store.create(
            id or announcement_id(category, raw),
            category,
            raw,
            is_template=template is not None,
            encrypt=encrypt,
            due=due,
            first=first and first.lower(),
            fingerprint=fingerprint,
        )
        return stored, template.names if template else frozenset()

    async def _uploaded(self, id: str, content: Upload[Any], *, encrypt: bool) -> bytes:
        with suppress(AnnouncementError):
            return (await self._store.get(id)).content  # it is uploaded already
        return encoded(await content.content(self._attachments, encrypt=encrypt))

    async def _check_lines(self, stored: StoredAnnouncement) -> None:
        count = sum(source.bad for source in await self._store.sources(stored.number))
        if count:
            bad = await self._store.bad_lines(stored.number)
            await self._store.discard(stored.id)
            raise _bad_lines_error(count, bad)

    async def _check_first(
        self,
        stored: StoredAnnouncement,
        content: Content | Upload[Any] | Template | str,
        to: Recipients,
    ) -> None:
        """Look for bad lines before anybody is added: whoever is may be sent to at once."""
        if not isinstance(to, str | os.PathLike):
            raise AnnouncementError(
                f"strict: {stored.id} is {stored.state}; it takes more people from a file alone"
            )
        if not await self._loader.has_all_of(stored, Path(to)):
            rehearsal = await self.rehearse(content, to)
            if rehearsal.bad:
                raise _bad_lines_error(rehearsal.bad, rehearsal.bad_lines)

    async def _add_first(self, stored: StoredAnnouncement, user_id: str) -> None:
        example = await self._store.page(stored, -1, 1, try_them=False)
        await self._loader.add(stored, user_id, example[0].values if example else None)

    # Finding them

    async def get(self, announcement_id: str) -> Announcement:
        """Return an announcement; raises AnnouncementError: there is none."""
        await self._store.get(announcement_id)
        return Announcement(announcement_id, self._store, self._announcer.wake)

    async def all(self) -> list[Progress]:
        """Return how far each announcement is, oldest first."""
        return [progress_of(one) for one in await self._store.all()]

    async def bad_lines(self, announcement_id: str) -> tuple[int, list[BadLine]]:
        """Return how many lines of its sources were nobody, and the first of them."""
        stored = await self._store.get(announcement_id)
        count = sum(source.bad for source in await self._store.sources(stored.number))
        return count, await self._store.bad_lines(stored.number)

    # People

    async def stop(self, user_id: str) -> None:
        """Let no announcement go to somebody any more."""
        await self._people.stop(_checked(user_id))

    async def resume(self, user_id: str) -> None:
        """Let announcements go to somebody again."""
        await self._people.resume(_checked(user_id))

    async def has_stopped(self, user_id: str) -> bool:
        """Tell whether somebody wants no announcements."""
        return await self._people.has_stopped(_checked(user_id))

    async def forget(self, user_id: str) -> None:
        """Delete all that is kept of somebody; that they want none is kept without their name."""
        user_id = _checked(user_id)
        await self.hearing.forget(user_id)
        message_ids = {
            one.number: AnnouncedIds(self._app_id, one.id).message(user_id)
            for one in await self._store.all()
        }
        await self._store.forget(user_id, message_ids)


def _said(content: object) -> tuple[str, bytes, Template | None]:
    """Return category, bytes and template of what is to be announced."""
    template = content if isinstance(content, Template) else None
    said = content if template is None else template.content
    said = Text(said) if isinstance(said, str) else said
    if not isinstance(said, Content):
        raise AnnouncementError(
            f"content: should be a content, a Template or text, not {type(content).__name__}"
        )
    return said.category, encoded(said), template


def _bad_lines_error(count: int, bad: Sequence[BadLine]) -> AnnouncementError:
    words = "; ".join(f"line {one.line} {one.reason}" for one in bad[:_BAD_SHOWN])
    more = f"; and {count - _BAD_SHOWN:,} more" if count > _BAD_SHOWN else ""
    return AnnouncementError(f"nothing was sent, because of bad lines: {words}{more}")


def _checked(user_id: str) -> str:
    if not is_uuid(user_id):
        raise AnnouncementError(f"a user's id is a UUID, not {user_id!r:.80}")
    return user_id.lower()


def _report_end(run: asyncio.Task[None]) -> None:
    if not run.cancelled() and (error := run.exception()) is not None:
        logger.error("no announcement is sent any more: %s", error)
