"""What the service says of a transfer: the contents of the three kinds of it (section 5)."""

from __future__ import annotations

import secrets
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Literal

from msgspec import Struct

from blazebot.sandbox.clocks import timestamp
from blazebot.sandbox.rules.drafts import new_id, read_id, read_optional_id
from blazebot.sandbox.rules.refusals import bad_field
from blazebot.sandbox.storage.rows import User
from blazebot.wire.content import AccountTransfer, InscriptionTransfer

__all__ = ["NewTransfer", "transfer_document"]

_XIN: Final = "c94ac88f-4671-3976-b60a-09064f1811e8"

_DECIMALS: Final = 8
"""Digits behind the point of an amount, at most (ours)."""

_HASH_BYTES: Final = 32


class NewTransfer(Struct, kw_only=True):
    """What a person transfers to a bot: a positive ``amount``, as a decimal string.

    ``category`` is how the bot is told: of a transfer of the older wallet (``ACCOUNT``), of the
    newer one, or of an inscription. What is absent is made up; ``trace_id`` belongs to the older
    kind, ``inscription_hash`` to inscriptions.
    """

    bot_id: str
    amount: str = "1"
    category: Literal[
        "SYSTEM_ACCOUNT_SNAPSHOT", "SYSTEM_SAFE_SNAPSHOT", "SYSTEM_SAFE_INSCRIPTION"
    ] = "SYSTEM_SAFE_SNAPSHOT"
    asset_id: str = _XIN
    memo: str = ""
    trace_id: str | None = None
    inscription_hash: str | None = None


def transfer_document(new: NewTransfer, payer: User, payee: User, now: int) -> dict[str, Any]:
    """Return what the payee is told of a transfer at ``now``, in nanoseconds since the epoch.

    The other user is ``opponent_id``, and for older readers ``counter_user_id`` too [C].

    Raises:
        ServiceError: 10002, a field is malformed.
    """
    common = {
        "snapshot_id": new_id(),
        "opponent_id": payer.user_id,
        "counter_user_id": payer.user_id,
        "asset_id": read_id("asset_id", new.asset_id),
        "amount": _amount(new.amount),
        "memo": new.memo,
        "created_at": timestamp(now),
    }
    if new.category == AccountTransfer.CATEGORY:
        trace_id = read_optional_id("trace_id", new.trace_id) or new_id()
        return {"type": "transfer", **common, "trace_id": trace_id}
    safe = {"type": "snapshot", **common, "user_id": payee.user_id, "transaction_hash": _hash()}
    if new.category == InscriptionTransfer.CATEGORY:
        safe["inscription_hash"] = new.inscription_hash or _hash()
    return safe


def _amount(text: str) -> str:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("nan")
    if not (amount.is_finite() and 0 < amount < 10**20):
        raise bad_field("amount", "should be a decimal number above 0, as text")
    if amount != round(amount, _DECIMALS):
        raise bad_field("amount", f"at most {_DECIMALS} digits behind the point")
    return format(amount, "f")


def _hash() -> str:
    return secrets.token_hex(_HASH_BYTES)
