"""Middleware in a row: each around the next, and at the end what they all stand around."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeAlias, TypeVarTuple, get_args, get_origin

from blazebot.bot.events import Event
from blazebot.bot.injection import Scope, plan_call
from blazebot.bot.jobs.job import Job
from blazebot.bot.message import Message
from blazebot.bot.signatures import Signature, show

Ts = TypeVarTuple("Ts")

Next: TypeAlias = Callable[[Message[Any]], Awaitable[None]]
"""The second parameter of middleware: ``await call_next(message)`` goes on with the message."""

Handle: TypeAlias = Callable[[Any], Coroutine[Any, Any, Any]]
"""Takes a message, or a job."""


class NextWith(Protocol[*Ts]):
    """A ``call_next`` that hands values over: ``call_next: NextWith[Session]``.

    ``await call_next(message, session)`` then gives it to all parameters annotated ``Session``.
    """

    def __call__(self, event: Message[Any] | Job[Any], /, *values: *Ts) -> Awaitable[None]:
        """Go on with the message, or the job."""


class Link:
    """One middleware; ``scope`` is what there is behind it.

    Raises:
        RegistrationError: it needs what cannot be injected; the message names file and line.
    """

    def __init__(self, middleware: Callable[..., Any], scope: Scope) -> None:
        signature = Signature(middleware, "middleware")
        if not scope.takes(signature.given(0)):
            raise signature.error(f"takes {show(signature.given(0))}: it has to take every kind")
        follows = signature.given(1)
        self._hands = get_args(follows) if get_origin(follows) is NextWith else ()
        self._call = plan_call(middleware, scope, role="middleware", given=2).call
        self.scope = scope.handing(dict.fromkeys(self._hands, True), signature.place)

    def around(self, rest: Handle) -> Handle:
        """Return the middleware around ``rest``."""
        call, hands = self._call, self._hands
        names = ", ".join(map(show, hands))
        if not hands:
            return lambda event: call(event, rest)

        def call_next(event: Event, *values: Any) -> Awaitable[None]:
            if len(values) != len(hands):
                raise TypeError(f"call_next has to hand over {names} behind the message")
            event.handed.update(zip(hands, values, strict=True))
            return rest(event)

        return lambda event: call(event, call_next)


def link(middleware: Sequence[Callable[..., Any]], scope: Scope) -> tuple[list[Link], Scope]:
    """Return ``middleware``, the outermost first, and what there is behind it; raises as Link."""
    links: list[Link] = []
    for one in middleware:
        links.append(Link(one, scope))
        scope = links[-1].scope
    return links, scope


def chain(links: Sequence[Link], end: Handle) -> Handle:
    """Return ``end`` with middleware around it."""
    for one in reversed(links):
        end = one.around(end)
    return end
