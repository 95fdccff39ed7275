"""Whether what a message holds fits its category, as the service would check it (section 5)."""

from __future__ import annotations

from typing import Any, Final

from blazebot.errors import ContentError, DecryptionError, FrameError
from blazebot.keys.encryption import session_ids
from blazebot.sandbox.rules.drafts import Draft
from blazebot.sandbox.rules.encryption import ENCRYPTED
from blazebot.sandbox.rules.refusals import bad_field
from blazebot.wire.codec import decode_json
from blazebot.wire.content import (
    ButtonGroup,
    Card,
    Contact,
    Invalid,
    Pin,
    Recall,
    Transcript,
    decode_bytes,
)

__all__ = ["check_content"]

_FIELD: Final = "data_base64"

_LIMITED: Final = (ButtonGroup, Card, Contact, Pin, Recall, Transcript)
"""Kinds whose limits are documented. Of the others clients send more than is: pictures without
width or height, streams without a thumbnail [C]; their shape is checked alone."""


def check_content(draft: Draft) -> None:
    """Check that a draft's content fits its category; one that is not known fits anything.

    Raises:
        ServiceError: 10002; ``reason`` names the field within the content.
    """
    try:
        if draft.category.startswith(ENCRYPTED):
            session_ids(draft.data)
            return
        content = decode_bytes(draft.category, draft.data)
        if isinstance(content, Invalid):
            raise bad_field(_FIELD, content.reason)
        if isinstance(content, _LIMITED):
            content.check()
    except (ContentError, DecryptionError) as error:
        raise bad_field(_FIELD, str(error)) from None
    if isinstance(content, Transcript):
        _check_transcript_ids(draft)


def _check_transcript_ids(draft: Draft) -> None:
    """Check that each item of a transcript carries the id of its message [C]."""
    try:
        items = decode_json(draft.data, list[dict[str, Any]])
    except FrameError as error:
        raise bad_field(_FIELD, str(error)) from None
    for number, item in enumerate(items):
        if str(item.get("transcript_id", "")).lower() != draft.message_id:
            raise bad_field(
                _FIELD, f"items[{number}].transcript_id: should be {draft.message_id}, its message"
            )
