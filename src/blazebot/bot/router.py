"""Registering handlers: decorators, the same for a bot and for the routers that it includes."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, Concatenate, TypeVar, overload

from blazebot.bot.buttons.button import Callback
from blazebot.bot.buttons.presses import CallbackFilter, RefusedCallbackFilter
from blazebot.bot.commands import CommandFilter
from blazebot.bot.decorators import PlainFilter, bare_or_empty, bare_or_with_filters
from blazebot.bot.filters import Filter, FilterLike, as_filter, hello, matches
from blazebot.bot.fitting import check_message, check_receipt
from blazebot.bot.jobs.plans import job_route
from blazebot.bot.message import Message
from blazebot.bot.receipts import Receipt
from blazebot.bot.routes import AsyncFunction, ErrorRoute, Registered, Route
from blazebot.bot.signatures import Signature, UnresolvedAnnotation
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content, ConversationChange, Recall, Text, Transfer

C = TypeVar("C", bound=Content)
C2 = TypeVar("C2", bound=Content)
C3 = TypeVar("C3", bound=Content)
C4 = TypeVar("C4", bound=Content)
E = TypeVar("E", bound=BaseException)
M = TypeVar("M", bound=Callable[..., Coroutine[Any, Any, None]])

Handler = Callable[Concatenate[Message[C], ...], Coroutine[Any, Any, None]]
"""``async def handler(message, ...)``: what follows the message is injected."""

Decorator = Callable[[Handler[C]], Handler[C]]
"""What registers a handler and returns it."""

ErrorHandler = Callable[Concatenate[Message[Content], E, ...], Coroutine[Any, Any, None]]
"""``async def handler(message, error, ...)``."""

ReceiptHandler = Callable[Concatenate[Receipt, ...], Coroutine[Any, Any, None]]
"""``async def handler(receipt, ...)``."""


class Handlers:
    """Handlers, the routers included among them, and the middleware around them.

    A message goes to the first that takes it, in the order of registration; an included router
    stands where it was included. Decorators that need nothing stand bare, ``@bot.on_recall``, or
    have parentheses; those for messages take filters there, ``@bot.on_recall(in_group)``.
    """

    def __init__(self) -> None:
        self.registered = Registered()
        """What was registered; the decorators write it, and a bot reads it at its start."""

    # Messages

    @overload
    def on(
        self, a: type[C], b: type[C2], c: type[C3], d: type[C4], /, *more: FilterLike
    ) -> Decorator[C | C2 | C3 | C4]: ...
    @overload
    def on(
        self, a: type[C], b: type[C2], c: type[C3], /, *more: FilterLike
    ) -> Decorator[C | C2 | C3]: ...
    @overload
    def on(self, a: type[C], b: type[C2], /, *more: FilterLike) -> Decorator[C | C2]: ...
    @overload
    def on(self, a: type[C], /, *more: FilterLike) -> Decorator[C]: ...
    def on(self, *more: Any) -> Any:
        """Let the decorated ``async def handler(message, ...)`` take content of these kinds.

        After the kinds, filters may follow, all of which must fit. ``Content`` stands for every
        kind. A message that nobody takes is acknowledged as read. The handler may run again for the
        same message; what it sends takes effect once. What it takes beside the message is found by
        the annotations of its parameters (see ``docs/injection.md``).

        Raises:
            RegistrationError: it cannot be a handler.
        """
        kinds = tuple(one for one in more if isinstance(one, type))
        filters = tuple(one for one in more if not isinstance(one, type))
        if not kinds:  # such as `@bot.on` without parentheses, which would register nothing
            raise RegistrationError("on() is for no kind of content: write @bot.on(Text)")
        return self._taking(self.registered.entries, kinds, filters)

    def command(self, *more: str | FilterLike, prefix: str = "/") -> Decorator[Text]:
        """Let the decorated handler take texts that begin with ``prefix`` and one of the names.

        After the names, filters may follow, all of which must fit. A parameter annotated
        :class:`Command` gets the name and what follows it. Raises RegistrationError as :meth:`on`,
        and when the bot starts if a command is taken twice.
        """
        names = tuple(one for one in more if isinstance(one, str))
        filters = tuple(one for one in more if not isinstance(one, str))
        return self.on(Text, CommandFilter(names, prefix=prefix), *filters)

    def regex(self, pattern: str | re.Pattern[str], *filters: FilterLike) -> Decorator[Text]:
        """Let the decorated handler take texts in which ``pattern`` is found.

        A parameter annotated ``re.Match[str]`` gets where. Raises RegistrationError as :meth:`on`.
        """
        return self.on(Text, matches(pattern), *filters)

    def on_callback(self, kind: type[Callback], *filters: FilterLike) -> Decorator[Text]:
        """Let the decorated handler take presses of buttons whose callback is of this ``kind``.

        A parameter annotated so gets the callback. A text with a forged or expired one never comes
        here. Raises RegistrationError as :meth:`on`, and when the bot starts if another kind is
        called the same.
        """
        return self.on(Text, CallbackFilter(kind), *filters)

    @overload
    def on_refused_callback(self, handler: Handler[Text], /) -> Handler[Text]: ...
    @overload
    def on_refused_callback(self, *filters: PlainFilter) -> Decorator[Text]: ...
    def on_refused_callback(self, *given: Any) -> Any:
        """Let the decorated handler take presses that were forged or have expired.

        A parameter annotated :class:`RefusedCallback` says why. Where nobody takes them they are
        texts as any other. Raises RegistrationError as :meth:`on`.
        """
        return self._event(given, Text, RefusedCallbackFilter())

    @overload
    def on_friend_added(self, handler: Handler[Text], /) -> Handler[Text]: ...
    @overload
    def on_friend_added(self, *filters: PlainFilter) -> Decorator[Text]: ...
    def on_friend_added(self, *given: Any) -> Any:
        """Let the decorated handler take the Hello on behalf of who added the bot as a friend [S].

        The service sends it as a text, "Hello" or "你好", which cannot be told apart from a person
        who writes just that. Raises RegistrationError as :meth:`on`.
        """
        return self._event(given, Text, hello)

    @overload
    def on_transfer(self, handler: Handler[Transfer], /) -> Handler[Transfer]: ...
    @overload
    def on_transfer(self, *filters: PlainFilter) -> Decorator[Transfer]: ...
    def on_transfer(self, *given: Any) -> Any:
        """Let the decorated handler take transfers, of each kind; as ``on(Transfer)``."""
        return self._event(given, Transfer)

    @overload
    def on_conversation_change(
        self, handler: Handler[ConversationChange], /
    ) -> Handler[ConversationChange]: ...
    @overload
    def on_conversation_change(self, *filters: PlainFilter) -> Decorator[ConversationChange]: ...
    def on_conversation_change(self, *given: Any) -> Any:
        """Let the decorated handler take changes of a group; as ``on(ConversationChange)``."""
        return self._event(given, ConversationChange)

    @overload
    def on_recall(self, handler: Handler[Recall], /) -> Handler[Recall]: ...
    @overload
    def on_recall(self, *filters: PlainFilter) -> Decorator[Recall]: ...
    def on_recall(self, *given: Any) -> Any:
        """Let the decorated handler take recalls of messages; as ``on(Recall)``."""
        return self._event(given, Recall)

    @overload
    def fallback(self, handler: Handler[Content], /) -> Handler[Content]: ...
    @overload
    def fallback(self, *filters: PlainFilter) -> Decorator[Content]: ...
    def fallback(self, *given: Any) -> Any:
        """Let the decorated handler take every message that nothing else here takes.

        A router's fallback takes what comes to that router. Raises RegistrationError as :meth:`on`.
        """
        return bare_or_with_filters(
            given, lambda *filters: self._taking(self.registered.fallbacks, (Content,), filters)
        )

    def include(self, router: Router) -> Router:
        """Let a router take messages, after what was registered before it.

        A router may be shared by several bots; within one it stands once, at the latest when the
        bot starts.

        Raises:
            RegistrationError: it is included already, or includes this one itself.
        """
        self._check_idle(f"router {router!r}")
        if not isinstance(router, Router):
            raise RegistrationError(f"{router!r:.80} is no router")
        if router is self or any(one is self for one in router.included()):
            raise RegistrationError(f"{router!r} cannot be included: it would include itself")
        if any(one is router for one in self.registered.entries):
            raise RegistrationError(f"{router!r} is included already")
        self.registered.entries.append(router)
        return router

    # Middleware

    @overload
    def outer(self, middleware: M, /) -> M: ...
    @overload
    def outer(self) -> Callable[[M], M]: ...
    def outer(self, *given: Any) -> Any:
        """Put ``middleware`` around filters and handlers, for every message that comes here.

        It is ``async def middleware(message, call_next)``, and what it does not pass on by ``await
        call_next(message)`` counts as handled. The first stands outermost.

        Raises:
            RegistrationError: it cannot be middleware.
        """
        return self._middleware(self.registered.outer, given, "the message")

    @overload
    def inner(self, middleware: M, /) -> M: ...
    @overload
    def inner(self) -> Callable[[M], M]: ...
    def inner(self, *given: Any) -> Any:
        """Put ``middleware`` around the handler, once it is found; else as :meth:`outer`."""
        return self._middleware(self.registered.inner, given, "the message")

    @overload
    def around_jobs(self, middleware: M, /) -> M: ...
    @overload
    def around_jobs(self) -> Callable[[M], M]: ...
    def around_jobs(self, *given: Any) -> Any:
        """Put ``middleware`` around the jobs of this one and of the routers in it.

        It is ``async def middleware(job, call_next)``, and what it does not pass on by ``await
        call_next(job)`` counts as done. The first stands outermost. Raises RegistrationError as
        :meth:`outer`.
        """
        return self._middleware(self.registered.around_jobs, given, "the job")

    # What is no message

    @overload
    def on_error(self, handler: ErrorHandler[Any], /) -> ErrorHandler[Any]: ...
    @overload
    def on_error(self) -> Callable[[ErrorHandler[Any]], ErrorHandler[Any]]: ...
    @overload
    def on_error(self, *kinds: type[E]) -> Callable[[ErrorHandler[E]], ErrorHandler[E]]: ...
    def on_error(self, *kinds: Any) -> Any:
        """Call the decorated ``async def handler(message, error, ...)`` when the last try failed.

        With types of errors, ``on_error(ValueError)``, it is called for those. The first that fits
        is called: of the router whose handler failed, then of those around it. The message becomes
        a dead letter after it. Raises RegistrationError as :meth:`on`.
        """
        if not any(isinstance(kind, type) for kind in kinds):
            return bare_or_empty(kinds, self.on_error(BaseException))

        def register(handler: Any) -> Any:
            signature = self._check(handler, 2, "the message and the error")
            if not all(
                isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds
            ):
                raise signature.error("is for no type of error: write @bot.on_error(ValueError)")
            self.registered.errors.append(ErrorRoute(kinds, handler))
            return handler

        return register

    @overload
    def on_receipt(self, handler: ReceiptHandler, /) -> ReceiptHandler: ...
    @overload
    def on_receipt(self) -> Callable[[ReceiptHandler], ReceiptHandler]: ...
    def on_receipt(self, *given: Any) -> Any:
        """Call the decorated ``async def handler(receipt, ...)`` for each receipt.

        The service pushes one when somebody has received or read what the bot sent. It is not
        pushed again, so the handler is not tried again. Raises RegistrationError as :meth:`on`.
        """

        def register(handler: Any) -> Any:
            signature = self._check(handler, 1, "the receipt")
            with suppress(UnresolvedAnnotation):  # as for messages
                check_receipt(signature)
            self.registered.receipts.append(handler)
            return handler

        return bare_or_empty(given, register)

    @overload
    def on_startup(self, handler: M, /) -> M: ...
    @overload
    def on_startup(self) -> Callable[[M], M]: ...
    def on_startup(self, *given: Any) -> Any:
        """Call the decorated ``async def handler(...)`` before the line opens.

        What it raises ends the start. REST can be used, but nothing sent. Raises RegistrationError
        as :meth:`on`.
        """
        return self._function(self.registered.startups, given)

    @overload
    def on_shutdown(self, handler: M, /) -> M: ...
    @overload
    def on_shutdown(self) -> Callable[[M], M]: ...
    def on_shutdown(self, *given: Any) -> Any:
        """Call the decorated ``async def handler(...)`` when all handlers have ended.

        The last registered is called first. Raises RegistrationError as :meth:`on`.
        """
        return self._function(self.registered.shutdowns, given)

    @overload
    def job(self, handler: M, /) -> M: ...
    @overload
    def job(
        self,
        *,
        name: str | None = None,
        every: timedelta | None = None,
        cron: str | None = None,
        tz: str | None = None,
        grace: timedelta | None = None,
        timeout: timedelta | None = None,
    ) -> Callable[[M], M]: ...
    def job(self, *given: Any, **options: Any) -> Any:
        """Let the decorated ``async def job(...)`` run at its times; see ``docs/jobs.md``.

        That is ``every`` so often, or by ``cron`` (minute, hour, day, month, day of the week) in
        the time zone ``tz``, by default UTC; without either, whenever ``bot.jobs.schedule`` asks
        for it. A run that was missed is made up for within ``grace``, by default the setting
        ``job_grace``, and may take ``timeout``, by default ``handler_timeout``. ``name`` is by
        default the function's. A parameter annotated :class:`Job` gets what it runs for.

        Raises RegistrationError as :meth:`on`, and when the bot starts if a name is there twice.
        """

        def register(handler: Any) -> Any:
            signature = self._check(handler, 0, "", "job")
            self.registered.jobs.append(job_route(signature, handler, **options))
            return handler

        return bare_or_empty(given, register)

    # What decorators have in common

    def _event(self, given: tuple[Any, ...], kind: type[Content], *which: Filter) -> Any:
        return bare_or_with_filters(
            given,
            lambda *filters: self._taking(self.registered.entries, (kind,), (*which, *filters)),
        )

    def _taking(
        self, routes: list[Any], kinds: tuple[type[Any], ...], filters: tuple[FilterLike, ...]
    ) -> Callable[[Any], Any]:
        def register(handler: Any) -> Any:
            signature = self._check(handler, 1, "the message")
            for kind in kinds:
                if not issubclass(kind, Content):
                    raise signature.error(f"is for {kind!r}, which is no kind of content")
            # Where the annotation names what is defined further down, the start finds out.
            with suppress(UnresolvedAnnotation):
                check_message(signature, kinds)
            routes.append(Route(kinds, tuple(as_filter(one) for one in filters), handler))
            return handler

        return register

    def _middleware(
        self, middlewares: list[AsyncFunction], given: tuple[Any, ...], what: str
    ) -> Any:
        return self._function(middlewares, given, 2, f"{what} and call_next", "middleware")

    def _function(
        self,
        functions: list[AsyncFunction],
        given: tuple[Any, ...],
        count: int = 0,
        names: str = "",
        role: str = "handler",
    ) -> Any:
        def register(function: Any) -> Any:
            self._check(function, count, names, role)
            functions.append(function)
            return function

        return bare_or_empty(given, register)

    def _check(
        self, function: AsyncFunction, given: int, names: str, role: str = "handler"
    ) -> Signature:
        if isinstance(function, Filter):
            raise RegistrationError(
                f"{function!r:.80} is a filter, and no {role}: filters are for messages, as in "
                "@bot.on(Text, filter)"
            )
        if not callable(function):
            raise RegistrationError(f"{function!r:.80} is no function")
        signature = Signature(function, role)
        if not signature.is_async:
            raise signature.error("must be `async def`")
        signature.check_given(given, names)
        self._check_idle(signature.place)
        return signature

    def _check_idle(self, what: str) -> None:
        if self.registered.running:
            raise RegistrationError(f"{what} comes too late: register it before the bot starts")


class Router(Handlers):
    """Handlers that belong together, for messages that fit all of ``filters``.

    ``name`` is shown in errors. Nothing in it belongs to a bot: several may include it.

    Raises:
        RegistrationError: a filter cannot be one, or ``name`` is none.
    """

    def __init__(self, name: str = "", *filters: FilterLike) -> None:
        super().__init__()
        if not isinstance(name, str):
            raise RegistrationError(
                f"{name!r:.80} is no name of a router: write Router(name, filter)"
            )
        self.name = name
        self.filters = tuple(as_filter(one) for one in filters)

    def __repr__(self) -> str:
        return f"<Router {self.name or 'without a name'}>"

    def included(self) -> Iterator[Router]:
        """Yield the routers in it, and those in them."""
        for entry in self.registered.entries:
            if isinstance(entry, Router):
                yield entry
                yield from entry.included()
