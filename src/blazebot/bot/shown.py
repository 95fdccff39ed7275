"""What a message holds, as people and other programs are shown it: without keys."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from blazebot.wire.content import Content, Invalid, Post, Text

SECRETS: Final = ("key", "digest", "media_key", "media_digest", "thumbnail", "thumb_image")
"""Fields of content that are for programs alone."""


def shown(content: Content) -> str | dict[str, Any]:
    """Return the words of a text or post; of other content its fields, but for :data:`SECRETS`."""
    if isinstance(content, Text | Post):
        return content.text
    if isinstance(content, Invalid):
        return {"unreadable": content.reason}
    fields: dict[str, Any] = msgspec.to_builtins(content)
    return {name: value for name, value in fields.items() if name not in SECRETS}


def printable(text: str) -> str:
    """Return ``text`` without what would steer a terminal, as others wrote it."""
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
