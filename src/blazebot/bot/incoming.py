"""What a message to the bot holds, decrypted where it has to be."""

from __future__ import annotations

from blazebot.errors import ContentError, DecryptionError
from blazebot.keys.encryption import MessageCipher
from blazebot.wire.base64 import decode_base64
from blazebot.wire.content import Content, Invalid, decode_bytes, decode_content
from blazebot.wire.messages import MessageView

_ENCRYPTED = "ENCRYPTED_"
_PLAIN = "PLAIN_"


def is_encrypted(view: MessageView) -> bool:
    """Tell whether a message came encrypted."""
    return (view.category or "").startswith(_ENCRYPTED)


def read_content(view: MessageView, cipher: MessageCipher) -> Content:
    """Return the content of a message; never raises.

    After decryption ``ENCRYPTED_x`` is exactly ``PLAIN_x`` [D]. What cannot be decrypted is invalid
    content with the reason; then ``raw`` is what came, still encrypted.
    """
    category = view.category or ""
    if not category.startswith(_ENCRYPTED):
        return decode_content(category, view.data_base64, view.data)
    category = _PLAIN + category.removeprefix(_ENCRYPTED)
    text = view.data_base64 or view.data or ""
    try:
        blob = decode_base64(text)
    except ContentError as error:
        return Invalid(category, text.encode("utf-8", "surrogatepass"), str(error))
    try:
        return decode_bytes(category, cipher.decrypt(blob))
    except DecryptionError as error:
        return Invalid(category, blob, f"cannot be decrypted: {error}")
