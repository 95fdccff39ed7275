"""What bots are asked to send: one content for each category that clients know (section 5)."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["CATEGORIES", "sample"]

_PIXEL: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
)

_BUTTON: Final = {"label": "More", "color": "#46B8DA", "action": "input:more"}

_CONTENTS: Final[dict[str, Any]] = {
    "PLAIN_TEXT": 'Grüße, 你好 & <good> "morning"\n👋',
    "PLAIN_POST": "# Heading\n\n* one\n* two & <three>",
    "PLAIN_IMAGE": {
        "attachment_id": "",
        "mime_type": "image/png",
        "width": 1,
        "height": 1,
        "size": 68,
        "thumbnail": _PIXEL,
    },
    "PLAIN_VIDEO": {
        "attachment_id": "",
        "mime_type": "video/mp4",
        "width": 640,
        "height": 480,
        "size": 1024,
        "duration": 2500,
        "thumbnail": _PIXEL,
    },
    "PLAIN_AUDIO": {
        "attachment_id": "",
        "mime_type": "audio/ogg",
        "size": 512,
        "duration": 1500,
        "waveform": "AAECAwQFBgc=",
    },
    "PLAIN_DATA": {
        "attachment_id": "",
        "mime_type": "application/pdf",
        "size": 12,
        "name": "report.pdf",
    },
    "PLAIN_STICKER": {"sticker_id": "6b0a3aee-9e7c-4c24-9d4b-1f7a4e1c1f8a"},
    "PLAIN_CONTACT": {"user_id": ""},
    "PLAIN_LIVE": {
        "url": "https://mixin.one/live.m3u8",
        "thumb_url": "https://mixin.one/logo.png",
        "width": 1280,
        "height": 720,
        "shareable": True,
    },
    "PLAIN_LOCATION": {
        "longitude": 139.6917,
        "latitude": 35.6895,
        "name": "Tokyo",
        "address": "Japan",
    },
    "APP_CARD": {
        "app_id": "7404c815-0393-4ea3-b9f2-b08efe4c72da",
        "icon_url": "https://mixin.one/assets/logo.png",
        "title": "A card",
        "description": "which says more",
        "action": "https://mixin.one",
        "shareable": True,
    },
    "APP_BUTTON_GROUP": [_BUTTON, {**_BUTTON, "action": "https://mixin.one"}],
}

CATEGORIES: Final = tuple(_CONTENTS)
"""All of them."""


def sample(category: str, *, user_id: str, attachment_id: str) -> Any:
    """Return a content: text, or what becomes JSON."""
    content = _CONTENTS[category]
    if not isinstance(content, dict):
        return content
    filled = {"user_id": user_id, "attachment_id": attachment_id}
    return {name: filled.get(name, value) for name, value in content.items()}
