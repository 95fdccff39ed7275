"""The mailbox of a bot that runs: it keeps what comes, and sends through the bot's outbox."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from blazebot.bot.incoming import is_encrypted, read_content
from blazebot.bot.mailbox.letters import (
    ConversationSummary,
    Query,
    ReceivedMessage,
    SendRequest,
    SentMessage,
)
from blazebot.bot.mailbox.place import Place, remove_place, write_place
from blazebot.bot.mailbox.store import FILE_NAME, Kept, MailboxStore
from blazebot.bot.message import Message
from blazebot.bot.middleware.chain import Next
from blazebot.bot.outgoing import Conversation, SendOptions
from blazebot.bot.shown import shown
from blazebot.errors import ContentError, SendTimeout
from blazebot.keys.encryption import MessageCipher
from blazebot.wire.content import Content, Post, Recall, Text
from blazebot.wire.ids import contact_conversation_id

if TYPE_CHECKING:
    from blazebot.bot.bot import Bot
    from blazebot.bot.settings import BotSettings

_SEND_WAIT: Final = 20.0  # seconds for the service to take a message; then it waits in the outbox


class Mailbox:
    """What came to ``bot`` lately, and sending by it.

    Each message is on disk here before a handler gets it, so that it is acknowledged only then. One
    that is recalled is removed. While the bot runs, its data directory says that this mailbox is
    at :attr:`url`, once that is set.
    """

    def __init__(self, bot: Bot, settings: BotSettings) -> None:
        self._bot = bot
        self._settings = settings
        self._store: MailboxStore | None = None
        self._news = asyncio.Event()
        self.token = settings.mailbox_token or secrets.token_urlsafe(32)
        """What its endpoint asks for."""
        self.url = ""
        """Where its endpoint listens, without the path."""

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Keep what comes, as long as this lasts; the bot starts after it began."""
        registered = self._bot.registered
        registered.outer.insert(0, self._keep)  # outermost: nothing is filtered before it
        registered.startups.insert(0, self._opened)
        registered.shutdowns.insert(0, self._closed)
        try:
            yield
        finally:
            registered.outer.remove(self._keep)
            registered.startups.remove(self._opened)
            registered.shutdowns.remove(self._closed)

    @property
    def bot_id(self) -> str:
        """Whose it is; raises KeystoreError: its keystore cannot be used."""
        return self._bot.id

    # Reading

    async def read(
        self, query: Query, is_wanted: Callable[[], bool] = lambda: True
    ) -> list[ReceivedMessage]:
        """Return messages, the oldest first, and note that they were read; raises MailboxError.

        There are none if, once they are found, ``is_wanted()`` says that nobody waits any more.
        """
        deadline = time.monotonic() + query.wait
        while True:
            news = self._news  # of what comes from now on
            kept = await self._kept.messages(query)
            left = deadline - time.monotonic()
            if kept or left <= 0:
                break
            try:
                async with asyncio.timeout(left):
                    await news.wait()
            except TimeoutError:
                break
        if not is_wanted():
            return []
        received = [self._received(one) for one in kept]
        await self._kept.mark_read([one.message_id for one in received if not one.was_read])
        return received

    async def find(self, message_id: str) -> ReceivedMessage | None:
        """Return a message by its id, if it came lately; raises MailboxError."""
        kept = await self._kept.find(message_id)
        return None if kept is None else self._received(kept)

    async def conversations(self) -> list[ConversationSummary]:
        """Return the conversations that something came from lately, the newest first."""
        everything = Query(limit=self._settings.mailbox_limit, include_read=True)
        found: dict[str, list[Kept]] = {}
        for one in await self._kept.messages(everything):
            key = one.view.conversation_id or ""
            found[key] = found.pop(key, [])  # the newest last
            found[key].append(one)
        return [self._summary(key, found[key]) for key in reversed(found)]

    def _received(self, kept: Kept) -> ReceivedMessage:
        view = kept.view
        keystore = self._bot.keystore
        content = read_content(view, MessageCipher(keystore.session_id, keystore.private_key))
        words = shown(content)
        return ReceivedMessage(
            message_id=view.message_id,
            conversation_id=view.conversation_id or "",
            user_id=view.user_id or "",
            category=view.category or "",
            created_at=view.created_at or "",
            is_group=self._is_group(kept),
            is_encrypted=is_encrypted(view),
            was_read=kept.was_read,
            text=words if isinstance(words, str) else json.dumps(words, ensure_ascii=False),
        )

    def _summary(self, conversation_id: str, kept: list[Kept]) -> ConversationSummary:
        return ConversationSummary(
            conversation_id=conversation_id,
            is_group=any(map(self._is_group, kept)),
            user_ids=tuple(dict.fromkeys(one.view.user_id or "" for one in kept)),
            messages=len(kept),
            unread=sum(not one.was_read for one in kept),
            last_at=kept[-1].view.created_at or "",
        )

    def _is_group(self, kept: Kept) -> bool:
        contact = contact_conversation_id(self._bot.id, kept.view.user_id or self._bot.id)
        return kept.view.conversation_id != contact

    # Sending

    async def send(self, request: SendRequest) -> SentMessage:
        """Send words through the outbox; returns at the latest when they are safe there.

        Raises:
            ContentError: it cannot be sent as it is.
            ServiceError: the service refused it.
            OutboxError: it cannot be kept, and is not sent.
            NotRunning: the bot does not run.
        """
        if bool(request.user_id) == bool(request.conversation_id):
            raise ContentError("to: give either user_id or conversation_id")
        to = Conversation(request.conversation_id) if request.conversation_id else request.user_id
        what = Post(request.text) if request.markdown else Text(request.text)
        # By its key it is the same message, however often it is handed over.
        options: SendOptions = {"key": f"mailbox|{uuid4()}"}
        if request.quote:
            options["quote"] = request.quote
        if request.encrypt:
            options["encrypt"] = "auto"
        try:
            async with asyncio.timeout(_SEND_WAIT):
                return SentMessage(await self._bot.send(to, what, **options), "sent")
        except (TimeoutError, SendTimeout):
            return SentMessage(await self._bot.enqueue(to, what, **options), "waiting")

    # While the bot runs

    @property
    def _kept(self) -> MailboxStore:
        if self._store is None:
            path = self._directory / FILE_NAME
            self._store = MailboxStore(path, self._settings.mailbox_limit)
        return self._store

    async def _keep(self, message: Message[Content], call_next: Next) -> None:
        content = message.content
        if isinstance(content, Recall):
            await self._kept.remove(content.message_id)
        else:
            await self._kept.keep(message.view)
            news, self._news = self._news, asyncio.Event()
            news.set()
        await call_next(message)

    async def _opened(self) -> None:
        if self.url:
            write_place(self._directory, Place(self.url, self.token))

    async def _closed(self) -> None:
        remove_place(self._directory, Place(self.url, self.token))
        await self._kept.close()

    @property
    def _directory(self) -> Path:
        return self._settings.data_root / self._bot.id
