"""What runs a bot: the runtime of one process, or a worker among several."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import aiohttp

    from blazebot.announce.announcements import Announcements
    from blazebot.bot.buttons.presses import Buttons
    from blazebot.bot.clock import Clock
    from blazebot.bot.dispatcher import Dispatcher
    from blazebot.bot.jobs.jobs import Jobs
    from blazebot.bot.outgoing import Outgoing
    from blazebot.bot.settings import BotSettings
    from blazebot.bot.states.keeper import StateKeeper
    from blazebot.client.attachments import AttachmentClient
    from blazebot.client.rest import RestClient
    from blazebot.delivery.outbox_storage import DurableSends
    from blazebot.keys.encryption import MessageCipher
    from blazebot.keys.keystore import Keystore
    from blazebot.watch.counts import Counts


class Line(Protocol):
    """The line to the service, or what stands for it."""

    opened: asyncio.Event
    connections: int

    @property
    def is_open(self) -> bool:
        """Whether requests can be answered now."""

    async def reconnect(self) -> None:
        """Drop the line and open a new one."""


class Host(Protocol):
    """What a bot needs of what runs it; what a host does not have raises NotRunning."""

    @property
    def http(self) -> aiohttp.ClientSession:
        """Where calls go out."""

    @property
    def rest(self) -> RestClient:
        """Signed calls of the bot."""

    @property
    def line(self) -> Line:
        """The line, or what stands for it here."""

    @property
    def buttons(self) -> Buttons:
        """Signing and reading buttons."""

    @property
    def jobs(self) -> Jobs:
        """Scheduling jobs."""

    @property
    def announcements(self) -> Announcements:
        """Messages to many people."""

    @property
    def outbox(self) -> DurableSends:
        """What is accepted and not yet sent."""

    @property
    def outgoing(self) -> Outgoing:
        """Sending."""

    @property
    def attachments(self) -> AttachmentClient:
        """Uploads and downloads."""

    @property
    def serves(self) -> bool:
        """Whether there is a line, open or not; not so while handlers of the start run."""

    @property
    def ended(self) -> asyncio.Task[None]:
        """Done when it has ended for good; raises what ended it."""

    def counts(self) -> Counts:
        """Return what has been counted so far."""

    async def forget(self, user_id: str) -> None:
        """Delete all that is kept of a person."""

    async def start(self) -> None:
        """Begin to serve."""

    async def stop(self) -> None:
        """Take no more, finish handlers within the grace, close."""


class OpenHost(Protocol):
    """Returns what is to run a bot, put together, or leaves nothing open and raises."""

    def __call__(
        self,
        keystore: Keystore,
        settings: BotSettings,
        cipher: MessageCipher,
        dispatcher: Dispatcher,
        *,
        clock: Clock,
        states: StateKeeper,
    ) -> Awaitable[Host]:
        """Open it."""
