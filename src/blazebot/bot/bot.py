"""A bot: a keystore, its handlers, and the ways to run it."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Self, Unpack

from blazebot.bot.incoming import is_encrypted, read_content
from blazebot.bot.message import Message
from blazebot.bot.outgoing import Conversation, Sendable, SendOptions, SendResult, Target
from blazebot.bot.router import C, Handler, Router, check_handler
from blazebot.bot.runtime import Runtime
from blazebot.bot.settings import load_bot_settings
from blazebot.client.attachments import Progress
from blazebot.client.oauth import Authorization, authorize_url, exchange_code
from blazebot.client.rest import RestClient
from blazebot.client.user_client import UserClient
from blazebot.delivery.message_ids import SentByHandler
from blazebot.errors import BlazebotError, ConnectionLost, KeystoreError, NotRunning
from blazebot.keys.encryption import MessageCipher
from blazebot.keys.keystore import Keystore
from blazebot.wire.content import Content, Invalid, Media
from blazebot.wire.messages import MessageView

logger = logging.getLogger("blazebot")

ErrorHandler = Callable[[Message[Content], BaseException], Coroutine[Any, Any, None]]

# What the handler that runs in this context has sent, so that bot.send() inside a handler derives
# its ids as a reply does.
_sent_by_handler: ContextVar[SentByHandler | None] = ContextVar("sent_by_handler", default=None)


class Bot:
    """A bot for one keystore.

    ``keystore`` is a path, JSON text, a mapping or a loaded keystore; None takes the setting
    ``keystore``, such as the environment variable ``BLAZEBOT_KEYSTORE``. ``settings`` are those
    of :class:`~blazebot.bot.settings.BotSettings`, over environment and ``blazebot.toml``.

    Raises:
        KeystoreError: the keystore cannot be used.
        SettingsError: a setting is unknown or malformed.
    """

    def __init__(
        self,
        keystore: str | os.PathLike[str] | Mapping[str, Any] | Keystore | None = None,
        **settings: Any,
    ) -> None:
        self.settings = load_bot_settings(settings)
        self.keystore = Keystore.load(self.settings.keystore if keystore is None else keystore)
        if self.keystore.authorization_id is not None:
            raise KeystoreError(
                "authorization_id: this keystore acts for a user; a bot runs with its own"
            )
        self._cipher = MessageCipher(self.keystore.session_id, self.keystore.private_key)
        self._router = Router()
        self._error_handlers: list[ErrorHandler] = []
        self._runtime: Runtime | None = None

    def __repr__(self) -> str:
        return f"<Bot {self.id}>"

    @property
    def id(self) -> str:
        """The bot's user id."""
        return self.keystore.app_id

    @property
    def rest(self) -> RestClient:
        """Signed REST calls; raises NotRunning while the bot does not run."""
        return self._running().rest

    # Handlers

    def on(self, *kinds: type[C]) -> Callable[[Handler[C]], Handler[C]]:
        """Let the decorated ``async def handler(message)`` take content of these kinds.

        The first handler whose kinds fit takes a message; ``Content`` fits every kind. A message
        that none takes is acknowledged as read. The handler may run again for the same message;
        what it sends takes effect once.

        Raises:
            RegistrationError: it cannot be a handler.
        """

        def register(handler: Handler[C]) -> Handler[C]:
            self._router.add(kinds, handler)
            return handler

        return register

    def on_error(self, handler: ErrorHandler) -> ErrorHandler:
        """Call the decorated ``async def handler(message, error)`` when the last try has failed.

        The message becomes a dead letter after it. Raises RegistrationError as :meth:`on`.
        """
        check_handler(handler, parameters=2)
        self._error_handlers.append(handler)
        return handler

    # Sending

    async def send(
        self, to: str | Conversation, what: Sendable, **options: Unpack[SendOptions]
    ) -> str:
        """Send ``what`` (a content, a file to upload, or text) to a user by id, or a conversation.

        The conversation with a user is created where the bot has not heard from it, once. Returns
        the id of the message once the service has taken it. Inside a handler it takes effect once
        though the handler may run again, as a reply does. For ``options`` see
        :class:`~blazebot.bot.outgoing.SendOptions`.

        Raises:
            ContentError: the content cannot be sent, or ``to`` is no id.
            EncryptionError: it was to be encrypted, and cannot be.
            AttachmentError: the file cannot be uploaded.
            NotRunning: the bot does not run.
            ServiceError: the service refused it.
            SendTimeout: the service did not take it within ``send_timeout``.
        """
        outgoing = self._running().outgoing
        return await outgoing.send(outgoing.target(to), what, options, sent=_sent_by_handler.get())

    async def send_batch(
        self, messages: Sequence[tuple[str, Content | str]], **options: Unpack[SendOptions]
    ) -> list[SendResult]:
        """Send many plain messages, each a user id and a content, up to 100 in a frame [S].

        Returns what became of each, in order: one that the service refuses does not touch the
        others. Only text can quote in a batch.

        Raises:
            ContentError: one cannot go in a batch; none is sent.
            NotRunning, SendTimeout: as :meth:`send`; some may have taken effect.
        """
        outgoing = self._running().outgoing
        return await outgoing.send_batch(messages, options, sent=_sent_by_handler.get())

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
        outgoing = self._running().outgoing
        return await outgoing.send(
            Target(view.conversation_id or "", answers=view.user_id),
            what,
            options,
            sent=_sent_by_handler.get() or sent,
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

    # People who authorise the bot (OAuth)

    def authorize_url(
        self, scopes: Iterable[str], *, state: str, challenge: str | None = None
    ) -> str:
        """Return the address at which a person lets the bot act for them [D].

        ``scopes`` are such as ``PROFILE:READ``; ``state`` comes back with the code and should be of
        :func:`~blazebot.client.oauth.new_state`; ``challenge`` is
        :func:`~blazebot.client.oauth.code_challenge` of a verifier that you keep.
        """
        return authorize_url(self.id, scopes, state=state, challenge=challenge)

    async def exchange_code(
        self, code: str, *, verifier: str | None = None, client_secret: str | None = None
    ) -> Authorization:
        """Exchange the code that a person came back with; keep what is returned for later.

        Give the ``verifier`` where the address had its challenge, else the app's secret.

        Raises:
            NotRunning: the bot does not run.
            ServiceError: AuthorizationExpired and others, the service refused it.
        """
        return await exchange_code(
            self.rest, code, client_id=self.id, verifier=verifier, client_secret=client_secret
        )

    def as_user(self, authorization: Authorization) -> UserClient:
        """Return calls on behalf of a person: their profile, and what else they granted.

        It cannot create conversations [S]: greet the person by :meth:`send`, which does. Raises
        NotRunning while the bot does not run.
        """
        runtime = self._running()
        return UserClient(
            authorization,
            runtime.http,
            urls=self.settings.rest_addresses,
            timeout=self.settings.request_timeout,
        )

    # Running

    async def start(self) -> None:
        """Start to serve in the running loop; returns without waiting for the line.

        Raises:
            SessionInUse: another process of this machine runs a bot with this session.
            SettingsError: the data directory cannot be used.
        """
        if self._runtime is not None:
            raise BlazebotError("the bot runs already")
        self._runtime = Runtime(
            self.keystore,
            self.settings,
            self._cipher,
            handle=self._handle,
            last_try_failed=self._last_try_failed,
        )
        await self._runtime.start()

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

    def run(self) -> None:
        """Serve until SIGINT or SIGTERM, then stop cleanly; a second SIGINT ends at once.

        Logs to standard error unless logging is set up already.

        Raises:
            Unauthorized: the service refuses the session for good.
            SessionInUse, SettingsError: see :meth:`start`.
        """
        if not logging.getLogger().handlers:
            logging.basicConfig(
                level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
            )
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, _on_signal, number, stopping)
        except (ValueError, RuntimeError):
            raise BlazebotError(
                "bot.run() needs the main thread; elsewhere use `async with bot`"
            ) from None
        await self.start()
        gc.freeze()  # what is there by now stays: no need to look through it again and again
        ended = self._running().ended
        waiting = asyncio.ensure_future(stopping.wait())
        try:
            await asyncio.wait((waiting, ended), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                await ended
        finally:
            waiting.cancel()
            await self.stop()

    def _running(self) -> Runtime:
        if self._runtime is None:
            raise NotRunning(
                "the bot does not run: use bot.run(), `async with bot` or await bot.start()"
            )
        return self._runtime

    # Dispatch

    async def _handle(self, view: MessageView) -> None:
        content = read_content(view, self._cipher)
        handler = self._router.find(type(content))
        if handler is None:
            if isinstance(content, Invalid):
                logger.warning(
                    "message %s (%s) cannot be read and no handler takes Invalid: %s",
                    view.message_id,
                    content.name,
                    content.reason,
                )
            return
        sent = SentByHandler(self.id, view.message_id)
        token = _sent_by_handler.set(sent)
        try:
            await handler(Message(self, view, content, sent))
        finally:
            _sent_by_handler.reset(token)

    async def _last_try_failed(self, view: MessageView, error: BaseException) -> None:
        content = read_content(view, self._cipher)
        # Apart from what the message's own handler sent, be it in the same words.
        sent = SentByHandler(self.id, f"{view.message_id}|error")
        token = _sent_by_handler.set(sent)
        try:
            for handler in self._error_handlers:
                await handler(Message(self, view, content, sent), error)
        finally:
            _sent_by_handler.reset(token)


def _on_signal(number: signal.Signals, stopping: asyncio.Event) -> None:
    if stopping.is_set() and number is signal.SIGINT:
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    stopping.set()


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415 - an optional extra
    except ImportError:
        return None
    return uvloop.new_event_loop
