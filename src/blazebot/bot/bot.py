"""A bot: a keystore, its handlers, and the ways to run it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias, Unpack, overload

from msgspec.structs import asdict

from blazebot.announce.announcement import Announcement
from blazebot.announce.sources import Members, Recipients
from blazebot.announce.templates import Template
from blazebot.bot import running
from blazebot.bot.buttons.presses import Buttons
from blazebot.bot.clock import Clock
from blazebot.bot.compiler import compile_routing
from blazebot.bot.events import sent_by_current
from blazebot.bot.host import Host, OpenHost
from blazebot.bot.incoming import is_encrypted
from blazebot.bot.injection import Provider
from blazebot.bot.jobs.jobs import Jobs
from blazebot.bot.oauth import OAuth
from blazebot.bot.outgoing import Conversation, Outgoing, Sendable, SendOptions, SendResult, Target
from blazebot.bot.profiles import Profiles
from blazebot.bot.router import Handlers
from blazebot.bot.settings import BotOptions, load_bot_settings
from blazebot.bot.signatures import show
from blazebot.bot.states.keeper import StateKeeper, StateProvider
from blazebot.client.rest import RestClient
from blazebot.client.views import User
from blazebot.delivery.message_ids import SentByHandler
from blazebot.errors import (
    BlazebotError,
    ConnectionLost,
    KeystoreError,
    NotRunning,
    RegistrationError,
    SettingsError,
)
from blazebot.keys.encryption import MessageCipher
from blazebot.keys.keystore import Keystore, keystore_path
from blazebot.media import Upload
from blazebot.watch.counts import BotStatus, State
from blazebot.wire.content import Content, Media
from blazebot.wire.messages import MessageView

if TYPE_CHECKING:
    from blazebot.announce.announcements import Announcements
    from blazebot.announce.options import AnnounceOptions
    from blazebot.client.attachments import Progress
    from blazebot.delivery.outbox_storage import DurableSends

logger = logging.getLogger("blazebot.bot")

KeystoreSource: TypeAlias = str | os.PathLike[str] | Mapping[str, Any] | Keystore
"""A keystore's path, its JSON text, what that says, or a loaded one."""


class Bot(Handlers):
    """A bot for one keystore: its handlers, sending, and the ways to run it.

    ``keystore`` is a path, JSON text, a mapping or a loaded keystore; None takes the setting
    ``keystore``, such as the environment variable ``BLAZEBOT_KEYSTORE``. ``settings`` are those
    of :class:`~blazebot.bot.settings.BotSettings`, over environment and ``blazebot.toml``. The
    keystore is loaded when it is first needed, at the latest at the start.

    Raises:
        SettingsError: a setting is unknown or malformed.
    """

    def __init__(
        self, keystore: KeystoreSource | None = None, **settings: Unpack[BotOptions]
    ) -> None:
        super().__init__()
        self.settings = load_bot_settings(settings)
        """Its settings, as they count."""
        self._keystore = keystore
        self.clock = Clock()
        """The time that jobs, buttons, throttling and kept profiles go by."""
        self._providers = [
            *(Provider(kind, lambda: self) for kind in {Bot, type(self)}),
            Provider(RestClient, lambda: self.rest),
            Provider(User, Profiles(self.settings.profile_ttl, self.clock).sender),
            StateProvider(),
        ]
        self.states = StateKeeper(self)
        """Where people are in conversations with steps."""
        self.oauth = OAuth(self, lambda: self._running().http)
        """Letting people authorise the bot, and acting for them."""
        self.open_host: OpenHost = _open_runtime
        """What runs it from the next start on: this process alone, unless an engine says else."""
        self._runtime: Host | None = None

    def __repr__(self) -> str:
        return f"<Bot {self.id}>" if "keystore" in vars(self) else "<Bot>"

    @cached_property
    def keystore(self) -> Keystore:
        """Who it is; raises KeystoreError: it cannot be used."""
        keystore = Keystore.load(self._keystore_source)
        if keystore.authorization_id is not None:
            raise KeystoreError(
                "authorization_id: this keystore acts for a user; a bot runs with its own"
            )
        return keystore

    @property
    def keystore_path(self) -> Path | None:
        """The file of its keystore; None if it was given otherwise."""
        return keystore_path(self._keystore_source)

    @property
    def _keystore_source(self) -> KeystoreSource | None:
        return self.settings.keystore if self._keystore is None else self._keystore

    def use(self, keystore: KeystoreSource, **settings: Unpack[BotOptions]) -> None:
        """Be another bot from the next start on, with these settings over those it has.

        So a test runs a bot as it is, and never as itself.

        Raises:
            BlazebotError: the bot runs.
            SettingsError: a setting is unknown or malformed.
        """
        if self._runtime is not None:
            raise BlazebotError("the bot runs: stop it first")
        self.settings = load_bot_settings({**asdict(self.settings), **settings})
        self._keystore = keystore
        vars(self).pop("keystore", None)  # it is loaded anew

    @property
    def id(self) -> str:
        """The bot's user id."""
        return self.keystore.app_id

    @property
    def rest(self) -> RestClient:
        """Signed REST calls; raises NotRunning while the bot does not run."""
        return self._running().rest

    @property
    def buttons(self) -> Buttons:
        """Signing and reading buttons; raises NotRunning while the bot does not run."""
        return self._running().buttons

    @property
    def jobs(self) -> Jobs:
        """Scheduling jobs; raises NotRunning while the bot does not run."""
        return self._running().jobs

    @property
    def outbox(self) -> DurableSends:
        """What is accepted and not yet sent; raises NotRunning while the bot does not run."""
        return self._running().outbox

    @property
    def announcements(self) -> Announcements:
        """All announcements, and who wants none; raises NotRunning while the bot does not run."""
        return self._running().announcements

    @overload
    def provide(self, value: object, /) -> None: ...
    @overload
    def provide(self, kind: object, factory: Callable[..., Any], /) -> None: ...
    def provide(self, kind: Any, factory: Callable[..., Any] | None = None, /) -> None:
        """Let handlers, filters and the like get a value by a parameter annotated with its type.

        ``provide(value)`` gives this very value. ``provide(Type, factory)`` gives what ``factory``
        makes for each message or other event, when something first asks; see :class:`Provider` for
        what it may be, which can be given as the only argument too.

        Raises:
            RegistrationError: there is such a type already, or the bot runs.
        """
        if isinstance(kind, Provider):
            provider = kind
        elif kind is None:
            raise RegistrationError("provide(None): pass an object, or its type and what makes one")
        elif factory is not None:
            if not callable(factory):
                raise RegistrationError(
                    f"provide({show(kind)}, ...): {factory!r:.80} is no factory: write lambda: ..."
                )
            provider = Provider(kind, factory)
        elif isinstance(kind, type):
            raise RegistrationError(
                f"provide({show(kind)}): pass an object of this type, or what makes one beside it"
            )
        else:
            provider = Provider(type(kind), lambda: kind)
        self._check_idle(repr(provider))
        if any(one.kind == provider.kind for one in self._providers):
            raise RegistrationError(f"{show(provider.kind)} is provided already")
        self._providers.append(provider)

    def check(self) -> None:
        """Check all handlers, filters, middleware and factories, as the start does.

        Raises:
            RegistrationError: something cannot be one; the message names it, its file and line.
        """
        compile_routing(self, self._providers)

    # Sending

    async def send(
        self, to: str | Conversation, what: Sendable, **options: Unpack[SendOptions]
    ) -> str:
        """Send ``what`` (a content, a file to upload, or text) to a user by id, or a conversation.

        The conversation with a user is created where the bot has not heard from it, once. Returns
        the id of the message once the service has taken it. Inside a handler it takes effect once
        though the handler may run again, as a reply does. Elsewhere it is on disk first: should the
        process end before the service has it, the next one sends it. For ``options`` see
        :class:`~blazebot.bot.outgoing.SendOptions`.

        Raises:
            ContentError: the content cannot be sent, or ``to`` is no id.
            EncryptionError: it was to be encrypted, and cannot be.
            AttachmentError: the file cannot be uploaded.
            NotRunning: the bot does not run.
            OutboxError: outside handlers, it cannot be kept; it was not accepted.
            ServiceError: the service refused it.
            Unauthorized, SendTimeout: the service did not take it within ``send_timeout``, or
                refuses the session. Outside handlers it is kept, and sent when it can be.
        """
        outgoing = self._sending()
        return await outgoing.send(outgoing.target(to), what, options, sent=sent_by_current())

    async def enqueue(
        self, to: str | Conversation, what: Sendable, **options: Unpack[SendOptions]
    ) -> str:
        """Accept a message to be sent; return its id once it is on disk, in the outbox.

        It is sent once, by this process or the next. Raises as :meth:`send`, but for what the
        service refuses: that is logged, and kept for :attr:`outbox`.
        """
        outgoing = self._sending()
        return await outgoing.send(
            outgoing.target(to), what, options, sent=sent_by_current(), waits=False
        )

    async def send_batch(
        self, messages: Sequence[tuple[str, Content | str]], **options: Unpack[SendOptions]
    ) -> list[SendResult]:
        """Send many plain messages, each a user id and a content, up to 100 in a frame [S].

        Returns what became of each, in order: one that the service refuses does not touch the
        others. Only text can quote in a batch. A ``key`` stands for each recipient's message (their
        first, their second): so a rerun may have more recipients, fewer, or others.

        Raises:
            ContentError: one cannot go in a batch; none is sent.
            NotRunning, SendTimeout: as :meth:`send`; some may have taken effect.
        """
        return await self._sending().send_batch(messages, options, sent=sent_by_current())

    async def forget(self, user_id: str) -> None:
        """Delete all that the bot keeps of a person; what the service has is not touched.

        Jobs stay: cancel those that are about them. So do profiles in memory, for ``profile_ttl``.

        Raises:
            AnnouncementError: it is no user's id, or a file cannot be written.
            OutboxError, StateError: a file cannot be written.
            NotRunning: the bot does not run.
        """
        await self._running().forget(user_id)

    async def announce(
        self,
        content: Content | Upload[Any] | Template | str,
        to: Recipients | Conversation,
        **options: Unpack[AnnounceOptions],
    ) -> Announcement:
        """Send ``content`` to each person of ``to``, once; returns when all of them are on disk.

        ``to`` is the path of a file of user ids, ``EVERYONE``, a group, or what yields user ids,
        each perhaps with values for a :class:`~blazebot.announce.templates.Template`. What was
        announced is sent, by this process or the next. The same content is the same announcement:
        whoever has it does not get it again. For ``options`` see
        :class:`~blazebot.announce.options.AnnounceOptions`.

        Raises:
            AnnouncementError: it cannot be made as asked, or with ``strict`` a line is bad.
            ContentError, MediaError, AttachmentError: the content cannot be sent.
            NotRunning: the bot does not run.
        """
        if isinstance(to, Conversation):
            to = Members(to.id)
        announcement = await self.announcements.announce(content, to, **options)
        count, bad = await self.announcements.bad_lines(announcement.id)
        if count:
            logger.warning(
                "announcement %s goes past %d of those it was to go to; the first: line %d %s",
                announcement.id,
                count,
                *bad[0],
            )
        return announcement

    async def send_answer(
        self,
        view: MessageView,
        what: Sendable,
        options: SendOptions,
        *,
        sent: SentByHandler,
    ) -> str:
        """Send to where ``view`` came from; for :meth:`Message.reply`, which says the rest.

        ``sent`` derives the id where no handler runs in this context.
        """
        return await self._sending().send(
            Target(view.conversation_id or "", answers=view.user_id),
            what,
            options,
            sent=sent_by_current() or sent,
            answers_encrypted=is_encrypted(view),
        )

    async def download(
        self,
        media: Media,
        path: str | os.PathLike[str],
        *,
        limit: int | None = None,
        progress: Progress | None = None,
    ) -> int:
        """Store the attachment of ``media`` at ``path``, decrypted; return its size in bytes.

        ``limit`` bounds it, in bytes; by default it is the setting ``download_limit``. ``progress``
        is called with the bytes so far and in all. A path made of a name that somebody sent should
        go through :func:`~blazebot.client.attachments.safe_name`.

        Raises:
            AttachmentError: it is gone, too large, or cannot be stored.
            DecryptionError: it was tampered with; nothing is stored.
            NotRunning: the bot does not run.
            ServiceError, ConnectionLost, RequestTimeout: the service could not be asked.
        """
        limit = self.settings.download_limit if limit is None else limit
        return await self._running().attachments.download(
            media, path, limit=limit, progress=progress
        )

    # Running

    async def start(self) -> None:
        """Start to serve in the running loop; returns without waiting for the line.

        Raises:
            KeystoreError: the keystore cannot be used.
            RegistrationError: a handler, filter or the like cannot be one; the message names it.
            SessionInUse: another process of this machine runs a bot with this session.
            SettingsError: the data directory cannot be used.
            HandlerTimeout: a handler of the start took longer than ``handler_timeout``; what it
                raises itself ends the start too.
        """
        if self._runtime is not None:
            raise BlazebotError("the bot runs already")
        from blazebot.bot.dispatcher import Dispatcher  # noqa: PLC0415 - what only who runs needs

        if self.settings.engine is not None and self.open_host is _open_runtime:
            raise SettingsError(
                "engine: this bot is to run on NATS: start it by `blazebot run`, or by `blazebot "
                "worker` beside `blazebot gateway`"
            )
        cipher = MessageCipher(self.keystore.session_id, self.keystore.private_key)
        routing = compile_routing(self, self._providers)
        self.states.learn(routing.injector.used)
        dispatcher = Dispatcher(
            self,
            routing,
            cipher,
            around=self.states.around,
            timeout=self.settings.handler_timeout,
            receipts_limit=self.settings.inbox_limit,
        )
        self._runtime = await self.open_host(
            self.keystore,
            self.settings,
            cipher,
            dispatcher,
            clock=self.clock,
            states=self.states,
        )
        try:
            await self._runtime.start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop: take no more, finish running handlers within ``stop_grace``, close."""
        runtime = self._runtime
        if runtime is not None:
            try:
                await runtime.stop()
            finally:
                self._runtime = None

    async def wait_open(self, within: float | None = None) -> None:
        """Return when the line is open, ``within`` seconds if given.

        Raises:
            ConnectionLost: it did not open in time.
            NotRunning: the bot was stopped.
            Unauthorized: the service refuses the session for good.
        """
        runtime = self._running()
        opening = asyncio.ensure_future(runtime.line.opened.wait())
        try:
            await asyncio.wait(
                (opening, runtime.ended), timeout=within, return_when=asyncio.FIRST_COMPLETED
            )
            opened = opening.done()
        finally:
            opening.cancel()
        if runtime.ended.cancelled():
            raise NotRunning("the bot was stopped before its line opened")
        if runtime.ended.done():
            await runtime.ended
        if not opened:
            raise ConnectionLost(f"no line to the service in {within:g} s; see open_timeout")

    async def wait_closed(self) -> None:
        """Return when the bot was stopped; raises Unauthorized if the service refuses it."""
        ended = self._running().ended
        await asyncio.wait((ended,))
        if not ended.cancelled():
            await ended

    async def __aenter__(self) -> Self:
        """Start, and wait ``open_timeout`` for the line; raises as start and wait_open."""
        await self.start()
        try:
            await self.wait_open(self.settings.open_timeout)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.stop()

    def status(self) -> BotStatus:
        """Return how the bot is doing, and what has been counted of it while it runs."""
        runtime = self._runtime
        if runtime is None:
            return BotStatus(self.id, "stopped")
        state: State = "open" if runtime.line.is_open else "connecting"
        return BotStatus(self.id, state, counts=runtime.counts())

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, then stop cleanly; a second SIGINT ends at once.

        Logs to standard error unless logging is set up already.

        Raises:
            Unauthorized: the service refuses the session for good.
            RegistrationError, SessionInUse, SettingsError, HandlerTimeout: see :meth:`start`.
        """
        running.run(self, reload_keystores=False)

    def _running(self) -> Host:
        if self._runtime is None:
            raise NotRunning(
                "the bot does not run: use bot.run(), `async with bot` or await bot.start()"
            )
        return self._runtime

    def _sending(self) -> Outgoing:
        runtime = self._running()
        if not runtime.serves:
            raise NotRunning("nothing can be sent in on_startup: the line opens after it")
        return runtime.outgoing


async def _open_runtime(*parts: Any, **options: Any) -> Host:
    from blazebot.bot.runtime import Runtime  # noqa: PLC0415 - what only who runs needs

    return await Runtime.open(*parts, **options)
