"""What is registered with a router or a bot, before it is compiled."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from blazebot.bot.filters import Filter
from blazebot.bot.jobs.job import JobRoute
from blazebot.bot.signatures import full_name, place
from blazebot.wire.content import Content

if TYPE_CHECKING:
    from blazebot.bot.router import Router

AsyncFunction = Callable[..., Coroutine[Any, Any, None]]


@dataclass(frozen=True, eq=False)
class Route:
    """A handler, with the kinds of content and the filters by which it takes messages."""

    kinds: tuple[type[Content], ...]
    filters: tuple[Filter, ...]
    handler: AsyncFunction

    @cached_property
    def name(self) -> str:
        """The handler's name with its module, for logs and metrics."""
        return full_name(self.handler)

    @property
    def place(self) -> str:
        """The handler's name with its file and line, for errors."""
        return place(self.handler)


@dataclass(frozen=True, eq=False)
class ErrorRoute:
    """A handler of errors of these types."""

    kinds: tuple[type[BaseException], ...]
    handler: AsyncFunction


@dataclass(eq=False)
class Registered:
    """What is registered with one router or bot, in order."""

    entries: list[Route | Router] = field(default_factory=list)
    fallbacks: list[Route] = field(default_factory=list)
    outer: list[AsyncFunction] = field(default_factory=list)
    inner: list[AsyncFunction] = field(default_factory=list)
    errors: list[ErrorRoute] = field(default_factory=list)
    receipts: list[AsyncFunction] = field(default_factory=list)
    startups: list[AsyncFunction] = field(default_factory=list)
    shutdowns: list[AsyncFunction] = field(default_factory=list)
    jobs: list[JobRoute] = field(default_factory=list)
    around_jobs: list[AsyncFunction] = field(default_factory=list)
    running: int = 0
    """Bots that run with it: what is registered meanwhile would not be heard of."""
