"""What the service itself says: transfers, and changes of a conversation. A bot cannot send it [A].

Amounts are decimals, times aware datetimes.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final

import msgspec

from blazebot.errors import ContentError
from blazebot.wire.content.base import JsonContent, write_json

Time = Annotated[datetime, msgspec.Meta(tz=True)]

_DIGITS_LIMIT: Final = 64
"""Digits of an amount, before and behind the point: beyond it is no amount of anything."""


class Transfer(JsonContent, frozen=True, kw_only=True, omit_defaults=True):
    """What all transfers have. ``opponent_id`` is the other user; a negative amount was paid."""

    SENDABLE: ClassVar[bool] = False
    ALIASES: ClassVar[dict[str, str]] = {"counter_user_id": "opponent_id"}

    snapshot_id: str
    asset_id: str
    amount: Decimal
    opponent_id: str | None = None
    type: str = ""
    memo: str = ""
    created_at: Time | None = None

    def check_read(self) -> None:
        """Raise ContentError if the amount is no number, or a monstrous one."""
        if not self.amount.is_finite():
            raise ContentError("amount: is not a number")
        _, digits, exponent = self.amount.as_tuple()
        if abs(int(exponent)) > _DIGITS_LIMIT or len(digits) > 2 * _DIGITS_LIMIT:
            raise ContentError("amount: has too many digits")

    check = check_read

    def encode(self, message_id: str = "") -> bytes:
        """Return the transfer as JSON with the amount as a decimal string; raises as above."""
        self.check()
        fields: dict[str, Any] = {
            name: value for name, value in msgspec.structs.asdict(self).items() if value is not None
        }
        fields["amount"] = format(self.amount, "f")
        return write_json(fields)


class AccountTransfer(Transfer, frozen=True, kw_only=True):
    """``SYSTEM_ACCOUNT_SNAPSHOT``: a transfer of the older kind [D]."""

    CATEGORY: ClassVar[str] = "SYSTEM_ACCOUNT_SNAPSHOT"

    trace_id: str | None = None


class SafeTransfer(Transfer, frozen=True, kw_only=True):
    """``SYSTEM_SAFE_SNAPSHOT``: a transfer of the newer kind; deposits have their own hash [C]."""

    CATEGORY: ClassVar[str] = "SYSTEM_SAFE_SNAPSHOT"

    user_id: str | None = None
    transaction_hash: str | None = None
    deposit_hash: str | None = None


class InscriptionTransfer(SafeTransfer, frozen=True, kw_only=True):
    """``SYSTEM_SAFE_INSCRIPTION``: a transfer of an inscription [C]."""

    CATEGORY: ClassVar[str] = "SYSTEM_SAFE_INSCRIPTION"

    inscription_hash: str | None = None


class ConversationChange(JsonContent, frozen=True, kw_only=True, omit_defaults=True):
    """``SYSTEM_CONVERSATION``: somebody joined, left, was given a role, or the like [C].

    ``action`` is CREATE, ADD, REMOVE, JOIN, EXIT, ROLE, UPDATE or EXPIRE; ``participant_id`` whom
    it is about; ``expire_in`` is in seconds.
    """

    CATEGORY: ClassVar[str] = "SYSTEM_CONVERSATION"
    SENDABLE: ClassVar[bool] = False

    action: str
    participant_id: str | None = None
    user_id: str | None = None
    role: str | None = None
    expire_in: int | None = None
