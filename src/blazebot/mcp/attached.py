"""The mailbox of a bot that runs in another process, over its HTTP endpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from blazebot.bot.mailbox.letters import (
    WAIT_LIMIT,
    ConversationSummary,
    Query,
    ReceivedMessage,
    SendRequest,
    SentMessage,
)
from blazebot.bot.mailbox.place import Place
from blazebot.errors import MailboxError

T = TypeVar("T")

_WITHIN: Final = aiohttp.ClientTimeout(total=WAIT_LIMIT + 10, sock_connect=5)


class AttachedMail:
    """The mailbox of bot ``bot_id``. ``find_place`` says where it is, each time anew.

    Methods raise MailboxError: the bot cannot be reached or refuses, and what it says.
    """

    def __init__(
        self, http: aiohttp.ClientSession, bot_id: str, find_place: Callable[[], Place | None]
    ) -> None:
        self._http = http
        self._bot_id = bot_id
        self._find_place = find_place

    async def read(self, query: Query) -> list[ReceivedMessage]:
        """Return messages, the oldest first, and note that they were read."""
        return await self._call("POST", "read", list[ReceivedMessage], query)

    async def find(self, message_id: str) -> ReceivedMessage | None:
        """Return a message by its id, if it came lately."""
        path = f"messages/{quote(message_id, safe='')}"
        # mypy knows no type for an optional as a value.
        return await self._call("GET", path, ReceivedMessage | None)  # type: ignore[arg-type]

    async def conversations(self) -> list[ConversationSummary]:
        """Return the conversations that something came from lately, the newest first."""
        return await self._call("GET", "conversations", list[ConversationSummary])

    async def send(self, request: SendRequest) -> SentMessage:
        """Send words; returns at the latest when they are safe in the bot's outbox."""
        return await self._call("POST", "send", SentMessage, request)

    async def _call(self, method: str, path: str, kind: type[T], body: Any = None) -> T:
        place = self._find_place()
        if place is None:
            raise MailboxError("the bot does not run any more: start it, with its setting mailbox")
        url = f"{place.url.rstrip('/')}/mailboxes/{self._bot_id}/{path}"
        headers = {"Authorization": f"Bearer {place.token}"}
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with self._http.request(
                method, url, data=data, headers=headers, timeout=_WITHIN, allow_redirects=False
            ) as answer:
                raw = await answer.read()
                return _read(raw, answer.status, kind)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise MailboxError(
                f"the bot's endpoint at {place.url} cannot be reached "
                f"({type(error).__name__}): does the bot run? What was being sent may have left"
            ) from None


def _read(raw: bytes, status: int, kind: type[T]) -> T:
    try:
        if status == 200:
            return msgspec.json.decode(raw, type=kind)
        words = msgspec.json.decode(raw, type=dict[str, str])["error"]
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError):
        raise MailboxError(
            f"the endpoint answers {status}, and not as a mailbox does: is it the bot's, and does "
            "that run with its setting mailbox?"
        ) from None
    raise MailboxError(f"the running bot refuses: {words}")
