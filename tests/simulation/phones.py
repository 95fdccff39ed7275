"""A person's sessions, with keys of their own: what bots encrypt for, and who encrypts for them."""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from blazebot.keys.encryption import MessageCipher, Recipient, sessions_checksum
from blazebot.wire.base64 import decode_base64, encode_base64
from tests.simulation.sessions import Session

USER_ID: Final = "7d7ef298-9720-48c0-acb2-0c6a9b1748c1"
"""The person who writes."""


class Phones:
    """The person's sessions: one at first."""

    def __init__(self) -> None:
        self._ciphers: dict[str, MessageCipher] = {}

    def renew(self, session_ids: list[str]) -> None:
        """Let the person have these sessions, and none that there were."""
        self._ciphers = {
            one: MessageCipher(one, Ed25519PrivateKey.generate()) for one in session_ids
        }

    def sessions(self) -> list[dict[str, str]]:
        """Return them as REST shows them."""
        return [
            {
                "user_id": USER_ID,
                "session_id": one,
                "public_key": encode_base64(cipher.public_key),
            }
            for one, cipher in self._ciphers.items()
        ]

    @property
    def checksum(self) -> str:
        """What stands for them all."""
        return sessions_checksum(self._ciphers)

    def encrypted(self, text: str, session: Session) -> str:
        """Return a text encrypted for a bot, as base64."""
        sender = next(iter(self._ciphers.values()))
        recipient = Recipient(session.id, decode_base64(session.public_key))
        return encode_base64(sender.encrypt(text.encode(), [recipient]))

    def decrypted(self, data_base64: str) -> str:
        """Return what a bot has encrypted, which each session can read."""
        blob = decode_base64(data_base64)
        texts = {cipher.decrypt(blob) for cipher in self._ciphers.values()}
        assert len(texts) == 1
        return texts.pop().decode()
