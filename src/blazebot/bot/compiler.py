"""From what is registered to what runs: everything is checked here, before the bot connects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from blazebot.bot.buttons.button import Callback
from blazebot.bot.buttons.presses import CallbackFilter
from blazebot.bot.commands import CommandFilter
from blazebot.bot.events import Event
from blazebot.bot.filters import Filter, compile_filters
from blazebot.bot.fitting import check_error, check_message, check_receipt
from blazebot.bot.injection import EVERY_KIND, Injector, Plan, Provider, Scope, plan_call
from blazebot.bot.jobs.job import Job, JobRoute
from blazebot.bot.jobs.plans import plan_jobs
from blazebot.bot.message import Message
from blazebot.bot.middleware.chain import chain, link
from blazebot.bot.receipts import Receipt
from blazebot.bot.router import Handlers, Router
from blazebot.bot.routes import AsyncFunction, ErrorRoute, Registered, Route
from blazebot.bot.routing import Branch, ErrorPlan, Leaf, Routing
from blazebot.bot.signatures import Signature
from blazebot.errors import RegistrationError


def compile_routing(root: Handlers, providers: Sequence[Provider]) -> Routing:
    """Return what becomes of the messages of a bot.

    Raises:
        RegistrationError: something cannot be a handler, filter, middleware or factory where it
            stands, or stands there twice; the message names it, its file and line.
    """
    injector = Injector(providers)
    injector.check()
    return _Compiler(injector).routing(root)


class _Context(NamedTuple):
    """What stands around a route."""

    scope: Scope
    inner: tuple[AsyncFunction, ...]
    around_jobs: tuple[AsyncFunction, ...]
    errors: tuple[ErrorPlan, ...]
    conditions: frozenset[object]  # filters and outer middleware


class _Compiler:
    def __init__(self, injector: Injector) -> None:
        self._injector = injector
        self._messages = injector.scope(Message)
        self._events = injector.scope(Event)
        self._errors: dict[Route | None, Sequence[ErrorPlan]] = {}
        self._receipts: list[Plan] = []
        self._startups: list[Plan] = []
        self._shutdowns: list[Plan] = []
        self._jobs: dict[JobRoute, tuple[AsyncFunction, ...]] = {}  # with what is around them
        self._registered: list[Registered] = []
        self._routers: set[Router] = set()
        self._commands: dict[str, list[tuple[frozenset[object], Route]]] = {}
        self._callbacks: dict[str, tuple[type[Callback], Route]] = {}

    def routing(self, root: Handlers) -> Routing:
        context = _Context(self._messages, (), (), (), frozenset())
        branch = self._branch(root, (), context)
        self._errors[None] = self._error_plans(root.registered)
        return Routing(
            self._injector,
            branch,
            errors=self._errors,
            receipts=self._receipts,
            startups=self._startups,
            shutdowns=self._shutdowns,
            jobs=plan_jobs(self._jobs, self._injector.scope(Job)),
            callbacks={name: kind for name, (kind, _) in self._callbacks.items()},
            registered=self._registered,
        )

    def _branch(self, handlers: Handlers, filters: Sequence[Filter], context: _Context) -> Branch:
        registered = handlers.registered
        self._registered.append(registered)
        self._others(registered)
        check = compile_filters(filters, context.scope, EVERY_KIND)
        scope = context.scope.handing(check.hands, repr(handlers)) if check else context.scope
        links, scope = link(registered.outer, scope)
        within = _Context(
            scope,
            (*context.inner, *registered.inner),
            (*context.around_jobs, *registered.around_jobs),
            (*self._error_plans(registered), *context.errors),
            context.conditions.union(filters, registered.outer),
        )
        self._jobs.update(dict.fromkeys(registered.jobs, within.around_jobs))
        nodes = [
            self._router(entry, within) if isinstance(entry, Router) else self._leaf(entry, within)
            for entry in registered.entries
        ]
        nodes += [self._leaf(route, within) for route in registered.fallbacks]
        return Branch(check, links, nodes)

    def _router(self, router: Router, context: _Context) -> Branch:
        if router in self._routers:
            raise RegistrationError(f"{router!r} is included twice: in a bot it stands once")
        self._routers.add(router)
        return self._branch(router, router.filters, context)

    def _leaf(self, route: Route, context: _Context) -> Leaf:
        check_message(Signature(route.handler, "handler"), route.kinds)
        self._check_commands(route, context.conditions)
        self._check_callbacks(route)
        where = f"handler {route.place}"
        try:
            check = compile_filters(route.filters, context.scope, route.kinds)
        except RegistrationError as error:
            raise RegistrationError(f"{where}: {error}") from None
        scope = context.scope.handing(check.hands, f"{where}: a filter") if check else context.scope
        links, scope = link(context.inner, scope)
        plan = plan_call(route.handler, scope, role="handler", given=1)
        self._errors[route] = context.errors
        return Leaf(route, check, chain(links, plan.call))

    def _check_commands(self, route: Route, around: frozenset[object]) -> None:
        """Raise RegistrationError if a command of ``route`` never gets there.

        That is so where all the conditions of a route before it, with the same command, are among
        its own.
        """
        commands = [one for one in route.filters if isinstance(one, CommandFilter)]
        conditions = around.union(route.filters) - set(commands)
        for command in commands:
            for name in command.names:
                taken = self._commands.setdefault(command.prefix + name, [])
                for before, other in taken:
                    if before <= conditions:
                        raise RegistrationError(
                            f"{command.prefix}{name} is taken twice: by handler {other.place}, and "
                            f"by handler {route.place}, which it would never come to"
                        )
                taken.append((conditions, route))

    def _check_callbacks(self, route: Route) -> None:
        """Raise RegistrationError if a callback of ``route`` is called as another one."""
        for one in route.filters:
            if isinstance(one, CallbackFilter):
                kind, first = self._callbacks.setdefault(one.name, (one.kind, route))
                if kind is not one.kind:
                    raise RegistrationError(
                        f"two callbacks are called {one.name!r}: that of handler {first.place}, "
                        f"and that of handler {route.place}: give one a tag of its own"
                    )

    def _error_plans(self, registered: Registered) -> tuple[ErrorPlan, ...]:
        return tuple(self._error_plan(route) for route in registered.errors)

    def _error_plan(self, route: ErrorRoute) -> ErrorPlan:
        signature = Signature(route.handler, "handler")
        check_message(signature, EVERY_KIND)
        check_error(signature, route.kinds)
        plan = plan_call(route.handler, self._messages, role="handler", given=2)
        return ErrorPlan(route.kinds, plan.call)

    def _others(self, registered: Registered) -> None:
        receipts = self._injector.scope(Receipt)
        for handler in registered.receipts:
            check_receipt(Signature(handler, "handler"))
        for handlers, plans, scope, given in (
            (registered.receipts, self._receipts, receipts, 1),
            (registered.startups, self._startups, self._events, 0),
            (registered.shutdowns, self._shutdowns, self._events, 0),
        ):
            for handler in handlers:
                plans.append(plan_call(handler, scope, role="handler", given=given))
