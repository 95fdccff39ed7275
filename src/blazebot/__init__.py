"""Mixin Messenger bots: a typed asyncio client, a bot framework and a sandbox of the service."""

from blazebot.announce.announcement import Announcement
from blazebot.announce.sources import EVERYONE, Members
from blazebot.announce.templates import Template
from blazebot.bot import middleware
from blazebot.bot.announcing import announcement_words
from blazebot.bot.bot import Bot
from blazebot.bot.buttons.button import Button, Callback
from blazebot.bot.buttons.presses import RefusedCallback
from blazebot.bot.commands import Command
from blazebot.bot.filters import Filter, encrypted, from_user, in_contact, in_group, matches, quoted
from blazebot.bot.injection import Provider
from blazebot.bot.jobs.job import Job, NextJob
from blazebot.bot.jobs.jobs import ScheduledJob
from blazebot.bot.magic import F
from blazebot.bot.message import Message
from blazebot.bot.middleware import Next, NextWith, Translator
from blazebot.bot.outgoing import Conversation, SendOptions, SendResult
from blazebot.bot.receipts import Receipt
from blazebot.bot.router import Router
from blazebot.bot.running import run
from blazebot.bot.settings import BotOptions
from blazebot.bot.states.state import State
from blazebot.bot.states.steps import States, Step, at_step
from blazebot.bot.states.storage import MemoryStateStorage, StateStorage
from blazebot.client.rest import RestClient
from blazebot.client.views import User
from blazebot.errors import (
    AnnouncementError,
    AttachmentError,
    BlazebotError,
    ContentError,
    DecryptionError,
    EncryptionError,
    HandlerTimeout,
    JobError,
    KeystoreError,
    OutboxError,
    RegistrationError,
    SendTimeout,
    ServiceError,
    StateChanged,
    StateError,
    Unauthorized,
)
from blazebot.keys.keystore import Keystore
from blazebot.media import Upload, audio, file, image, video
from blazebot.wire.content import (
    AccountTransfer,
    Audio,
    ButtonGroup,
    Card,
    Contact,
    Content,
    ConversationChange,
    File,
    Image,
    InscriptionTransfer,
    Invalid,
    Live,
    Location,
    Media,
    Pin,
    Post,
    Recall,
    SafeTransfer,
    Sticker,
    Text,
    Transcript,
    TranscriptItem,
    Transfer,
    Unknown,
    Video,
)

__all__ = [
    "EVERYONE",
    "AccountTransfer",
    "Announcement",
    "AnnouncementError",
    "AttachmentError",
    "Audio",
    "BlazebotError",
    "Bot",
    "BotOptions",
    "Button",
    "ButtonGroup",
    "Callback",
    "Card",
    "Command",
    "Contact",
    "Content",
    "ContentError",
    "Conversation",
    "ConversationChange",
    "DecryptionError",
    "EncryptionError",
    "F",
    "File",
    "Filter",
    "HandlerTimeout",
    "Image",
    "InscriptionTransfer",
    "Invalid",
    "Job",
    "JobError",
    "Keystore",
    "KeystoreError",
    "Live",
    "Location",
    "Media",
    "Members",
    "MemoryStateStorage",
    "Message",
    "Next",
    "NextJob",
    "NextWith",
    "OutboxError",
    "Pin",
    "Post",
    "Provider",
    "Recall",
    "Receipt",
    "RefusedCallback",
    "RegistrationError",
    "RestClient",
    "Router",
    "SafeTransfer",
    "ScheduledJob",
    "SendOptions",
    "SendResult",
    "SendTimeout",
    "ServiceError",
    "State",
    "StateChanged",
    "StateError",
    "StateStorage",
    "States",
    "Step",
    "Sticker",
    "Template",
    "Text",
    "Transcript",
    "TranscriptItem",
    "Transfer",
    "Translator",
    "Unauthorized",
    "Unknown",
    "Upload",
    "User",
    "Video",
    "announcement_words",
    "at_step",
    "audio",
    "encrypted",
    "file",
    "from_user",
    "image",
    "in_contact",
    "in_group",
    "matches",
    "middleware",
    "quoted",
    "run",
    "video",
]
