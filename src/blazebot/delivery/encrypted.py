"""Encrypted messages on their way out (protocol section 8)."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import msgspec

from blazebot.delivery.sender import Sender
from blazebot.errors import ContentError, EncryptionError, ServiceError
from blazebot.keys.encryption import MessageCipher, Recipient, sessions_checksum
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.messages import MessageRequest

logger = logging.getLogger("blazebot.delivery")

SESSIONS_REMEMBERED: Final = 10_000
"""Conversations whose sessions are kept."""

SESSIONS_FRESH: Final = 600.0
"""Seconds for which sessions are taken as they were; the service tells of changes anyway."""

_ROUNDS: Final = 3  # how often sessions may change under one send

_PLAIN, _ENCRYPTED = "PLAIN_", "ENCRYPTED_"
_SUCCESS = "SUCCESS"


class SessionInfo(msgspec.Struct, frozen=True):
    """A session of somebody, with its curve25519 key in base64 if it can read encrypted text."""

    session_id: str
    public_key: str | None = None


class SendState(msgspec.Struct):
    """What became of one encrypted message [D]: ``SUCCESS``, or ``FAILED`` with the sessions."""

    message_id: str
    state: str = ""
    sessions: list[SessionInfo] | None = None


FetchSessions = Callable[[str], Awaitable[Sequence[SessionInfo]]]
SendEncrypted = Callable[[Sequence[dict[str, Any]]], Awaitable[Sequence[SendState]]]


class EncryptedSender:
    """Encrypts for all sessions of a conversation and sends by REST.

    ``fetch(conversation_key)`` asks for the sessions of a person or group; ``send`` is
    ``POST /encrypted_messages``.
    """

    def __init__(
        self, cipher: MessageCipher, sender: Sender, *, fetch: FetchSessions, send: SendEncrypted
    ) -> None:
        self._cipher = cipher
        self._sender = sender
        self._fetch = fetch
        self._send = send
        self._sessions: OrderedDict[str, tuple[float, list[SessionInfo]]] = OrderedDict()

    async def can_read(self, whom: str) -> bool:
        """Tell whether all sessions of ``whom`` have keys, so that all can read what is sent."""
        return self._cipher.can_encrypt and _readable(await self._sessions_of(whom))

    async def send(self, request: MessageRequest, plaintext: bytes, whom: str) -> None:
        """Send ``plaintext`` encrypted, as ``request`` says; return once the service has it.

        ``request`` is that of the plain message; ``whom`` is whose sessions are to read it. Where
        the service says that these have changed, it is encrypted and sent again.

        Raises:
            EncryptionError: ``whom`` has no sessions, or one cannot read encrypted messages.
            ContentError: the category cannot be encrypted.
            ServiceError, SendTimeout: as :meth:`Sender.send`.
        """
        if not request.category.startswith(_PLAIN):
            raise ContentError(f"category: {request.category} cannot be encrypted")

        async def attempt(*, within: float) -> None:
            await self._attempt(request, plaintext, whom)

        await self._sender.in_turn(request.conversation_id, attempt)

    async def _attempt(self, request: MessageRequest, plaintext: bytes, whom: str) -> None:
        sessions = await self._sessions_of(whom)
        for _ in range(_ROUNDS):
            states = await self._send([self._item(request, plaintext, sessions)])
            state = states[0] if states else None
            if state is None or state.state == _SUCCESS:
                return
            sessions = state.sessions or []
            self._remember(whom, sessions)
            logger.info("sessions of %s have changed: encrypting again", whom)
        raise ServiceError(20140, "the recipient's sessions keep changing")

    def _item(
        self, request: MessageRequest, plaintext: bytes, sessions: Sequence[SessionInfo]
    ) -> dict[str, Any]:
        if not sessions:
            raise EncryptionError("the recipient has no session: gone, or never signed in")
        if not _readable(sessions):
            raise EncryptionError(
                "a session of the recipient cannot read encrypted messages; send it plain"
            )
        recipients = [
            Recipient(one.session_id, decode_base64(one.public_key or "")) for one in sessions
        ]
        fields: dict[str, Any] = msgspec.to_builtins(request)
        fields.pop("data", None)
        return fields | {
            "category": _ENCRYPTED + request.category.removeprefix(_PLAIN),
            "data_base64": encode_base64(self._cipher.encrypt(plaintext, recipients)),
            "checksum": sessions_checksum(one.session_id for one in sessions),
            "recipient_sessions": [{"session_id": one.session_id} for one in sessions],
        }

    async def _sessions_of(self, whom: str) -> list[SessionInfo]:
        kept = self._sessions.get(whom)
        if kept is not None and time.monotonic() - kept[0] < SESSIONS_FRESH:
            return kept[1]
        return self._remember(whom, await self._fetch(whom))

    def _remember(self, whom: str, sessions: Sequence[SessionInfo]) -> list[SessionInfo]:
        kept = list(sessions)
        self._sessions[whom] = (time.monotonic(), kept)
        self._sessions.move_to_end(whom)
        if len(self._sessions) > SESSIONS_REMEMBERED:
            self._sessions.popitem(last=False)
        return kept


def _readable(sessions: Sequence[SessionInfo]) -> bool:
    return bool(sessions) and all(one.public_key for one in sessions)
