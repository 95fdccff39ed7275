"""Messages, receipts and attachments by REST (protocol section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from blazebot.client.calls import Calls
from blazebot.client.fields import at_most, checked_id
from blazebot.client.quota import SendQuota, Sends
from blazebot.client.views import AttachmentInfo, EncryptedReceipt
from blazebot.errors import RequestError
from blazebot.wire.codec import encode_json
from blazebot.wire.limits import BATCH_LIMIT, REQUEST_LIMIT
from blazebot.wire.messages import MessageRequest, MessageView, Receipt

__all__ = ["EncryptedMessageRequest", "Messages", "RecipientSession"]


class RecipientSession(msgspec.Struct):
    """A session that a message is encrypted for."""

    session_id: str


class EncryptedMessageRequest(MessageRequest, kw_only=True, omit_defaults=True):
    """A message for ``/encrypted_messages`` [D].

    ``recipient_sessions`` are those that it is encrypted for, ``checksum`` stands for them
    (section 8). Plain, app and recall categories need neither.
    """

    checksum: str | None = None
    recipient_sessions: list[RecipientSession] | None = None


class Messages(Calls):
    """What REST offers about messages. Each method raises as :meth:`Calls.ask`.

    RequestError stands for more than a request may hold; nothing has left then. Messages leave when
    the quota has room, ``first`` before all others; RequestTimeout if it has none ``within`` so
    many seconds, by default the deadline of a call.
    """

    _quota: SendQuota | None = None

    async def send_messages(
        self,
        messages: Sequence[MessageRequest],
        *,
        first: bool = False,
        within: float | None = None,
        sends: Sends | None = None,
    ) -> None:
        """Send up to 100 messages in one request of at most 128 KiB [D].

        Taken or refused as a whole. Sending the same again is safe, by ``message_id``. ``sends``
        is what asks for room, where the caller has taken some already.
        """
        if messages:
            body = _batch("messages", messages)
            sends = sends or self._sends(len(messages), first)
            await self.call("POST", "/messages", body, sends=sends, within=within)

    async def send_encrypted_messages(
        self,
        messages: Sequence[MessageRequest],
        *,
        first: bool = False,
        within: float | None = None,
    ) -> list[EncryptedReceipt]:
        """Send up to 100 messages, at most 128 KiB; return what became of each [D]."""
        if not messages:
            return []
        body = _batch("messages", messages)
        sends = self._sends(len(messages), first)
        return await self.ask_all(
            EncryptedReceipt, "POST", "/encrypted_messages", body, sends=sends, within=within
        )

    def _sends(self, count: int, first: bool) -> Sends | None:
        return None if self._quota is None else Sends(self._quota, count, first)

    async def acknowledge(self, receipts: Sequence[Receipt]) -> None:
        """Send up to 100 receipts in one call [S]."""
        at_most("receipts", receipts, BATCH_LIMIT)
        if receipts:
            await self.call("POST", "/acknowledgements", receipts)

    async def message_statuses(self, since: int) -> list[MessageView]:
        """Return what became of sent messages since a time in nanoseconds since the epoch [C]."""
        if since < 0:
            raise RequestError("since", f"should be nanoseconds since the epoch, not {since}")
        return await self.ask_all(MessageView, "GET", f"/messages/status/{since}")

    # Attachments

    async def create_attachment(self) -> AttachmentInfo:
        """Return a new attachment, with the address to upload its bytes to [D]."""
        return await self.ask(AttachmentInfo, "POST", "/attachments")

    async def attachment(self, attachment_id: str) -> AttachmentInfo:
        """Return an attachment with the address to read it from; NotFound when it is gone [D]."""
        path = f"/attachments/{checked_id('attachment_id', attachment_id)}"
        return await self.ask(AttachmentInfo, "GET", path)


def _batch(field: str, messages: Sequence[Any]) -> msgspec.Raw:
    at_most(field, messages, BATCH_LIMIT)
    body = encode_json(messages)
    if len(body) > REQUEST_LIMIT:
        raise RequestError(field, f"at most {REQUEST_LIMIT} bytes in one request, not {len(body)}")
    return msgspec.Raw(body)
