"""Routers, compiled: nothing is looked up by name or inspected while messages come."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from blazebot.bot.buttons.button import Callback
from blazebot.bot.filters import Check
from blazebot.bot.injection import Injector, Plan
from blazebot.bot.jobs.plans import JobPlan
from blazebot.bot.message import Message
from blazebot.bot.middleware.chain import Handle, Link, chain
from blazebot.bot.routes import Registered, Route
from blazebot.wire.content import Content

AnyMessage = Message[Any]


class Leaf(NamedTuple):
    """A route with all that it needs."""

    route: Route
    check: Check | None
    run: Handle


class _Step(NamedTuple):
    check: Callable[[AnyMessage], Any] | None
    waits: bool
    run: Handle
    route: Route | None  # None: it is a router, whose run returns whether something there took it


class Branch:
    """A router: routes and routers, in order, behind a check and outer middleware."""

    def __init__(
        self, check: Check | None, links: Sequence[Link], nodes: Sequence[Leaf | Branch]
    ) -> None:
        self.check = check
        self._nodes = nodes
        self._steps: dict[type[Content], tuple[_Step, ...]] = {}
        self._is_plain = check is None and not links
        self.enter = chain(links, self._search)
        """Gives a message to the first that takes it, if anybody does."""
        self.run = self._run if links else self._search
        """Enters with a message; returns whether anybody took it.

        What middleware does not pass on is taken.
        """

    async def _run(self, message: AnyMessage) -> bool:
        await self.enter(message)
        return not message.handed.pop(self, False)

    async def _search(self, message: AnyMessage) -> bool:
        kind = type(message.content)
        steps = self._steps.get(kind)
        if steps is None:
            steps = self._steps[kind] = self._select(kind)
        for check, waits, run, route in steps:
            if check is not None:
                fits = check(message)
                if not (await fits if waits else fits):
                    continue
            if route is not None:
                message.route = route
                await run(message)
                return True
            if await run(message):
                return True
        message.handed[self] = True  # for _run: middleware in between returns nothing
        return False

    def _select(self, kind: type[Content]) -> tuple[_Step, ...]:
        steps: list[_Step] = []
        for node in self._nodes:
            route = node.route if isinstance(node, Leaf) else None
            if isinstance(node, Branch) and node._is_plain:
                steps.extend(node._select(kind))
            elif route is None or issubclass(kind, route.kinds):
                run, waits = (node.check.run, node.check.waits) if node.check else (None, False)
                steps.append(_Step(run, waits, node.run, route))
        return tuple(steps)


class ErrorPlan(NamedTuple):
    """A handler of errors of ``kinds`` with all that it needs."""

    kinds: tuple[type[BaseException], ...]
    call: Callable[..., Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Routing:
    """The handlers of one bot, its routers among them, with all that they need.

    ``errors`` are the handlers of errors by route, the nearest first; None stands for what failed
    before a route was found. ``registered`` is all that this was made of.
    """

    injector: Injector
    root: Branch
    errors: Mapping[Route | None, Sequence[ErrorPlan]]
    receipts: Sequence[Plan]
    startups: Sequence[Plan]
    shutdowns: Sequence[Plan]
    jobs: Mapping[str, JobPlan]
    callbacks: Mapping[str, type[Callback]]
    registered: Sequence[Registered]

    def hold(self) -> None:
        """Let no more handlers be registered: they would not be heard of."""
        for one in self.registered:
            one.running += 1

    def release(self) -> None:
        """Let handlers be registered again."""
        for one in self.registered:
            one.running -= 1
