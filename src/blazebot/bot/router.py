"""Which handler takes a message: the first, in the order of registration, whose content fits."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from blazebot.bot.message import Message
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content

C = TypeVar("C", bound=Content)
Handler = Callable[[Message[C]], Coroutine[Any, Any, None]]


class Router:
    """Handlers by kind of content."""

    def __init__(self) -> None:
        self._routes: list[tuple[tuple[type[Content], ...], Handler[Any]]] = []
        self._found: dict[type[Content], Handler[Any] | None] = {}

    def add(self, kinds: tuple[type[Content], ...], handler: Handler[Any]) -> None:
        """Let ``handler`` take content of ``kinds``, unless a handler before it does.

        Raises:
            RegistrationError: it cannot be a handler; the message names it, its file and line.
        """
        check_handler(handler, parameters=1)
        for kind in kinds:
            if not (isinstance(kind, type) and issubclass(kind, Content)):
                raise RegistrationError(
                    f"{kind!r} is no kind of content, for handler {place(handler)}"
                )
        if not kinds:
            raise RegistrationError(
                f"no kind of content is named for handler {place(handler)}: write @bot.on(Text)"
            )
        self._routes.append((kinds, handler))
        self._found.clear()

    def find(self, kind: type[Content]) -> Handler[Any] | None:
        """Return the handler of content of ``kind``, or None."""
        try:
            return self._found[kind]
        except KeyError:
            found = next((take for kinds, take in self._routes if issubclass(kind, kinds)), None)
            self._found[kind] = found
            return found


def check_handler(handler: Callable[..., Any], *, parameters: int) -> None:
    """Raise RegistrationError unless ``handler`` is async and takes so many arguments."""
    if not inspect.iscoroutinefunction(handler):
        raise RegistrationError(f"handler {place(handler)} must be `async def`")
    try:
        inspect.signature(handler).bind(*range(parameters))
    except TypeError:
        raise RegistrationError(
            f"handler {place(handler)} must take {parameters} positional argument(s)"
        ) from None


def place(handler: Callable[..., Any]) -> str:
    """Return the name of ``handler`` with its file and line, as far as it has them."""
    name = getattr(handler, "__qualname__", repr(handler))
    code = getattr(handler, "__code__", None)
    return name if code is None else f"{name} ({code.co_filename}:{code.co_firstlineno})"
