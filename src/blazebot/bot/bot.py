"""A bot: a keystore, its handlers, and the ways to run it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Self
from uuid import uuid4

from blazebot.bot.message import Message
from blazebot.bot.router import C, Handler, Router, check_handler
from blazebot.bot.runtime import Runtime
from blazebot.bot.settings import load_bot_settings
from blazebot.client.rest import RestClient
from blazebot.delivery.message_ids import SentByHandler
from blazebot.errors import BlazebotError, ContentError, NotRunning
from blazebot.keys.keystore import Keystore
from blazebot.wire.base64 import encode_base64
from blazebot.wire.content import Content, Text, decode_content
from blazebot.wire.ids import contact_conversation_id, is_uuid
from blazebot.wire.messages import SENT, MessageRequest, MessageView

ErrorHandler = Callable[[Message[Content], BaseException], Coroutine[Any, Any, None]]

# What the handler that runs in this context has sent, so that bot.send() inside a handler derives
# its ids as a reply does.
_sent_by_handler: ContextVar[SentByHandler | None] = ContextVar("sent_by_handler", default=None)


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation to send to, by its id; a plain str as a target is a user id."""

    id: str


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
        self, to: str | Conversation, content: Content | str, *, key: str | None = None
    ) -> str:
        """Send ``content`` (text, where it is a str) to a user by id, or to a conversation.

        Returns the id of the message once the service has taken it. Inside a handler it takes
        effect once though the handler may run again, as a reply does; ``key`` as there.

        Raises:
            ContentError: the content cannot be sent.
            NotRunning: the bot does not run.
            ServiceError: the service refused it.
            SendTimeout: the service did not take it within ``send_timeout``.
        """
        target = to.id if isinstance(to, Conversation) else to
        if not is_uuid(target):
            raise BlazebotError(f"cannot send to {target!r}: a user or conversation id is a UUID")
        if isinstance(to, Conversation):
            return await self.send_to_conversation(to.id.lower(), content, key=key)
        conversation_id = contact_conversation_id(self.id, to)
        return await self.send_to_conversation(conversation_id, content, key=key)

    async def send_to_conversation(
        self,
        conversation_id: str,
        content: Content | str,
        *,
        key: str | None = None,
        sent: SentByHandler | None = None,
    ) -> str:
        """Send to the conversation with this id; see :meth:`send`.

        ``sent`` derives the id where no handler runs in this context.
        """
        runtime = self._running()
        if isinstance(content, str):
            content = Text(content)
        if not content.SENDABLE:
            raise ContentError(f"category: a bot cannot send {content.category or content!r}")
        sent = _sent_by_handler.get() or sent
        if sent is None:
            message_id = str(uuid4())
        elif key is not None:
            message_id = sent.keyed_message_id(conversation_id, key)
        else:
            message_id = sent.message_id(conversation_id, content.category, content.encode())
        await runtime.sender.send(
            MessageRequest(
                conversation_id=conversation_id,
                message_id=message_id,
                category=content.category,
                status=SENT,
                data_base64=encode_base64(content.encode(message_id)),
            )
        )
        return message_id

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
            self.keystore, self.settings, handle=self._handle, last_try_failed=self._last_try_failed
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

    async def wait_open(self) -> None:
        """Return when the line is open; raises Unauthorized if the service refuses the session."""
        runtime = self._running()
        opening = asyncio.ensure_future(runtime.line.opened.wait())
        try:
            await asyncio.wait((opening, runtime.ended), return_when=asyncio.FIRST_COMPLETED)
        finally:
            opening.cancel()
        if runtime.ended.done():
            await runtime.ended

    async def wait_closed(self) -> None:
        """Return when the bot was stopped; raises Unauthorized if the service refuses it."""
        await asyncio.wait((self._running().ended,))
        if self._runtime is not None and not self._runtime.ended.cancelled():
            await self._runtime.ended

    async def __aenter__(self) -> Self:
        await self.start()
        try:
            await self.wait_open()
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
        await self.start()
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, _on_signal, number, stopping)
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
        content = decode_content(view.category or "", view.data_base64, view.data)
        handler = self._router.find(type(content))
        if handler is None:
            return
        sent = SentByHandler(self.id, view.message_id)
        token = _sent_by_handler.set(sent)
        try:
            await handler(Message(self, view, content, sent))
        finally:
            _sent_by_handler.reset(token)

    async def _last_try_failed(self, view: MessageView, error: BaseException) -> None:
        content = decode_content(view.category or "", view.data_base64, view.data)
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
