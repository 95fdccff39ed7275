"""Sessions of bots, as the service and their processes know them."""

from __future__ import annotations

from typing import NamedTuple, Self

from blazebot.keys.issue import issue_keystore


class Session(NamedTuple):
    """A session of a bot: its id, its keystore, and its curve25519 key as base64."""

    bot_id: str
    id: str
    keystore: dict[str, str]
    public_key: str

    @classmethod
    def new(cls, bot_id: str, session_id: str) -> Self:
        """Return a new session."""
        issued = issue_keystore("app", bot_id, session_id)
        assert issued.curve_public_key is not None
        return cls(bot_id, session_id, issued.document, issued.curve_public_key)
