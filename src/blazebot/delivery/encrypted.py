"""Encrypted messages on their way out (protocol section 8)."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import msgspec

from blazebot.client.messages import EncryptedMessageRequest, RecipientSession
from blazebot.client.rest import RestClient
from blazebot.client.views import Session
from blazebot.delivery.attempts import Attempts
from blazebot.errors import (
    ChecksumInvalid,
    ContentError,
    EncryptionError,
    RequestTimeout,
    ServiceUnavailable,
)
from blazebot.keys.encryption import (
    SESSIONS_LIMIT,
    MessageCipher,
    Recipient,
    sessions_checksum,
)
from blazebot.wire.base64 import decode_base64, encode_base64
from blazebot.wire.messages import MessageRequest

logger = logging.getLogger("blazebot.delivery")

SESSIONS_REMEMBERED: Final = 10_000
"""People and groups whose sessions are kept."""

SESSIONS_FRESH: Final = 600.0
"""Seconds for which sessions are taken to be as they were; the service tells of a change anyway."""

_ROUNDS: Final = 3  # how often sessions may change under one send

_PLAIN, _ENCRYPTED = "PLAIN_", "ENCRYPTED_"


class EncryptedSender:
    """Encrypts for all sessions of a person or group and sends by REST, in turn with the rest."""

    def __init__(self, cipher: MessageCipher, attempts: Attempts, rest: RestClient) -> None:
        self._cipher = cipher
        self._attempts = attempts
        self._rest = rest
        self._sessions: OrderedDict[str, tuple[float, Sequence[Session]]] = OrderedDict()

    async def can_read(self, conversation_id: str, user_id: str | None) -> bool:
        """Tell whether all who are to read a message can read it encrypted.

        ``user_id`` is the recipient, None in a group. Raises what asking the service raises.
        """
        if not self._cipher.can_encrypt:
            return False
        return _readable(await self._sessions_of(conversation_id, user_id))

    async def send(
        self,
        request: MessageRequest,
        plaintext: bytes,
        *,
        first: bool = True,
        deadline: float | None = None,
    ) -> None:
        """Send ``plaintext`` encrypted, as ``request`` says; return once the service has it.

        ``request`` is that of the plain message. Where the service says that the sessions have
        changed, it is encrypted for the new ones and sent again. ``first``: before all others that
        wait for room in the quota; ``deadline`` as for :meth:`Attempts.in_turn`.

        Raises:
            EncryptionError: the recipient has no sessions, or one cannot read encrypted messages,
                or the bot's own keystore cannot encrypt.
            ContentError: the category cannot be encrypted.
            ServiceError, SendTimeout: as :meth:`Attempts.in_turn`.
        """
        if not request.category.startswith(_PLAIN):
            raise ContentError(f"category: {request.category} cannot be encrypted")

        async def attempt(*, within: float) -> None:
            try:
                async with asyncio.timeout(within):
                    await self._attempt(request, plaintext, first, within)
            except TimeoutError:
                raise RequestTimeout("the service did not take an encrypted message") from None

        await self._attempts.in_turn(request.conversation_id, attempt, deadline)

    async def _attempt(
        self, request: MessageRequest, plaintext: bytes, first: bool, within: float
    ) -> None:
        sessions = await self._sessions_of(request.conversation_id, request.recipient_id)
        for _ in range(_ROUNDS):
            encrypted = self._encrypted(request, plaintext, sessions)
            receipts = await self._rest.send_encrypted_messages(
                [encrypted], first=first, within=within
            )
            receipt = next((one for one in receipts if one.message_id == request.message_id), None)
            if receipt is None:
                raise ServiceUnavailable(500, "the answer does not say what became of the message")
            if receipt.succeeded:
                return
            logger.info("sessions in %s have changed: encrypting again", request.conversation_id)
            sessions = self._remember(request.conversation_id, receipt.sessions)
        raise ChecksumInvalid(20140, "the recipient's sessions keep changing")

    def _encrypted(
        self, request: MessageRequest, plaintext: bytes, sessions: Sequence[Session]
    ) -> EncryptedMessageRequest:
        if not sessions:
            raise EncryptionError("the recipient has no session: gone, or never signed in")
        if not _readable(sessions):
            raise EncryptionError(
                "a session of the recipient cannot read encrypted messages, or there are more than "
                f"{SESSIONS_LIMIT}; send it plain"
            )
        blob = self._cipher.encrypt(
            plaintext,
            [Recipient(one.session_id, decode_base64(one.public_key)) for one in sessions],
        )
        return EncryptedMessageRequest(
            **msgspec.structs.asdict(request)
            | {
                "category": _ENCRYPTED + request.category.removeprefix(_PLAIN),
                "data_base64": encode_base64(blob),
            },
            checksum=sessions_checksum(one.session_id for one in sessions),
            recipient_sessions=[RecipientSession(one.session_id) for one in sessions],
        )

    async def _sessions_of(self, conversation_id: str, user_id: str | None) -> Sequence[Session]:
        kept = self._sessions.get(conversation_id)
        if kept is not None and time.monotonic() - kept[0] < SESSIONS_FRESH:
            return kept[1]
        if user_id is not None:
            return self._remember(conversation_id, await self._rest.fetch_sessions([user_id]))
        conversation = await self._rest.conversation(conversation_id)
        others = [
            one for one in conversation.participant_sessions if one.user_id != self._rest.app_id
        ]
        return self._remember(conversation_id, others)

    def _remember(self, conversation_id: str, sessions: Sequence[Session]) -> Sequence[Session]:
        if not _readable(sessions):
            self._sessions.pop(conversation_id, None)  # they may soon be
            return sessions
        self._sessions[conversation_id] = (time.monotonic(), sessions)
        self._sessions.move_to_end(conversation_id)
        if len(self._sessions) > SESSIONS_REMEMBERED:
            self._sessions.popitem(last=False)
        return sessions


def _readable(sessions: Sequence[Session]) -> bool:
    return 0 < len(sessions) <= SESSIONS_LIMIT and all(one.public_key for one in sessions)
