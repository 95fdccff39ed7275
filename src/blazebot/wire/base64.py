"""Base64 as it is met on the wire (protocol section 5): read every form, write one."""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

from blazebot.errors import ContentError


def decode_base64(text: str) -> bytes:
    """Return the bytes of base64 in either alphabet, padded or not, white space ignored [C].

    Raises:
        ContentError: ``text`` has characters outside both alphabets, or an impossible length.
    """
    compact = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return a2b_base64(compact + "=" * (-len(compact) % 4), strict_mode=True)
    except (Error, ValueError):
        pass
    compact = "".join(compact.split()).rstrip("=")
    try:
        return a2b_base64(compact + "=" * (-len(compact) % 4), strict_mode=True)
    except (Error, ValueError) as error:
        raise ContentError(f"malformed base64 of {len(text)} characters: {error}") from None


def encode_base64(data: bytes) -> str:
    """Return unpadded base64url, the form of ``data_base64`` [C]."""
    text = b2a_base64(data, newline=False).rstrip(b"=").decode("ascii")
    return text.replace("+", "-").replace("/", "_")


def encode_padded_base64(data: bytes) -> str:
    """Return standard padded base64, the form of ``data`` [C]."""
    return b2a_base64(data, newline=False).decode("ascii")
