"""Mixin Messenger bots: a typed asyncio client, a bot framework and a sandbox of the service."""

from blazebot.bot.bot import Bot, Conversation
from blazebot.bot.message import Message
from blazebot.errors import (
    BlazebotError,
    ContentError,
    KeystoreError,
    SendTimeout,
    ServiceError,
    Unauthorized,
)
from blazebot.keys.keystore import Keystore
from blazebot.wire.content import Content, Invalid, Text, Unknown

__all__ = [
    "BlazebotError",
    "Bot",
    "Content",
    "ContentError",
    "Conversation",
    "Invalid",
    "Keystore",
    "KeystoreError",
    "Message",
    "SendTimeout",
    "ServiceError",
    "Text",
    "Unauthorized",
    "Unknown",
]
