"""What handlers get beside their message: found by annotation, once, before the bot connects."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, NamedTuple, get_args, get_origin

from blazebot.bot.events import Event, current_event
from blazebot.bot.message import Message, takes
from blazebot.bot.signatures import Parameter, Signature, place, show
from blazebot.errors import RegistrationError
from blazebot.wire.content import Content

AsyncCall = Callable[..., Coroutine[Any, Any, object]]

EVERY_KIND: Final = (Content,)


class Provider:
    """Where parameters annotated ``kind`` get their value from.

    ``factory`` is called once for each event, when something first asks. Its own parameters are
    injected too, the message among them. It may be async, and an async generator (or what
    ``asynccontextmanager`` makes of one) goes on after the handler has ended.
    """

    def __init__(self, kind: object, factory: Callable[..., Any]) -> None:
        self.kind = kind
        self.factory = factory

    def __repr__(self) -> str:
        return f"<Provider of {show(self.kind)}>"

    def factory_for(self, annotation: object) -> Callable[..., Any] | None:
        """Return what makes the values for parameters annotated so, or None if nothing does.

        Raises:
            RegistrationError: it is such an annotation, but a wrong one.
        """
        return self.factory if annotation == self.kind else None


class Source(NamedTuple):
    """How one value is got from an event: ``get(event)``, awaited if ``waits``.

    What is not ``certain`` may be missing, and is None then.
    """

    get: Callable[[Event], Any]
    waits: bool = False
    certain: bool = True


class Plan(NamedTuple):
    """A function with all that it needs: ``call(event, ...)``, awaited if ``waits``.

    ``place`` is its role and name, with file and line.
    """

    call: Callable[..., Any]
    waits: bool
    place: str


class Injector:
    """The providers of one bot, compiled."""

    def __init__(self, providers: Sequence[Provider]) -> None:
        self.providers = providers
        self.used: set[object] = set()
        """What handlers and the like ask for, by type, and what filters say that they use."""
        self._sources: dict[tuple[type[Event], object], Source | None] = {}
        self._making: list[object] = []
        self._opens = False

    def scope(self, event: type[Event]) -> Scope:
        """Return what functions that run for such an event can get."""
        return Scope(self, event, {})

    def check(self) -> None:
        """Raise RegistrationError if a factory cannot get what it needs, asked for or not."""
        for provider in self.providers:
            self.source(provider.kind, Message)

    async def run(self, event: Event, call: AsyncCall, *given: object) -> None:
        """Run ``call(event, *given)`` as all that is done for it; close what was opened for it."""
        token = current_event.set(event)
        try:
            await self.closing(call)(event, *given)
        finally:
            current_event.reset(token)
            event.ended()

    def closing(self, call: AsyncCall) -> AsyncCall:
        """Return ``call`` with what closes all that was opened for the event, if anything may be.

        It is for when all is compiled.
        """
        if not self._opens:
            return call

        async def call_and_close(event: Event, *given: object) -> None:
            async with AsyncExitStack() as opened:
                event.handed[AsyncExitStack] = opened
                await call(event, *given)

        return call_and_close

    def kinds(self, event: type[Event]) -> list[object]:
        """Return the types of what is provided for such an event."""
        kinds = [provider.kind for provider in self.providers]
        return [kind for kind in kinds if event is Message or self.source(kind, event)]

    def source(self, annotation: object, event: type[Event]) -> Source | None:
        """Return where values for parameters annotated so come from, or None if from nowhere.

        Raises:
            RegistrationError: a factory on the way cannot get what it needs.
        """
        key = (event, annotation)
        if key not in self._sources:
            self._sources[key] = self._find(annotation, event)
        return self._sources[key]

    def _find(self, annotation: object, event: type[Event]) -> Source | None:
        found = (provider.factory_for(annotation) for provider in self.providers)
        factory = next((one for one in found if one is not None), None)
        if factory is None:
            return None
        try:
            return self._compile(event, annotation, factory)
        except RegistrationError:
            if event is Message:
                raise
            return None  # it needs a message, and there is none

    def _compile(
        self, event: type[Event], annotation: object, factory: Callable[..., Any]
    ) -> Source:
        if annotation in self._making:
            circle = " -> ".join(show(one) for one in (*self._making, annotation))
            raise RegistrationError(f"factory {place(factory)} needs, in the end, itself: {circle}")
        self._making.append(annotation)
        try:
            function = inspect.unwrap(factory)
            if inspect.isgeneratorfunction(function):
                raise RegistrationError(
                    f"factory {place(factory)} yields its value: make it `async def`"
                )
            opens = inspect.isasyncgenfunction(function)
            if inspect.isasyncgenfunction(factory):
                factory = asynccontextmanager(factory)
            plan = plan_call(factory, self.scope(event), role="factory", given=0)
        finally:
            self._making.pop()
        if opens:
            self._opens = True
            return Source(_opened(annotation, plan), waits=True)
        if plan.waits:
            return Source(_awaited(annotation, plan), waits=True)
        return Source(_made(annotation, plan))


class Scope:
    """What can be injected at one point of an event's way.

    That is what ``injector`` provides and, by type, what is ``handed`` over on the way up to here;
    False stands for what may be missing.
    """

    def __init__(
        self, injector: Injector, event: type[Event], handed: Mapping[object, bool]
    ) -> None:
        self._injector = injector
        self._event = event
        self._handed = handed

    @property
    def used(self) -> set[object]:
        """What is used by all that is compiled for the bot; see :attr:`Injector.used`."""
        return self._injector.used

    def handing(self, more: Mapping[object, bool], where: str) -> Scope:
        """Return the scope behind ``where``, which hands ``more`` over.

        Raises:
            RegistrationError: there is such a type already.
        """
        for kind in more:
            if self._find(kind) is not None:
                raise RegistrationError(
                    f"{where} hands over {show(kind)}, which there is already: give one of them a "
                    "type of its own"
                )
        return self.behind(more)

    def behind(self, more: Mapping[object, bool]) -> Scope:
        """Return the scope in which ``more`` is handed over, in place of what there may be."""
        return Scope(self._injector, self._event, {**self._handed, **more}) if more else self

    def takes(self, annotation: object) -> bool:
        """Tell whether a parameter annotated so takes every event that functions here run for."""
        if self._event is Message:
            return takes(annotation, EVERY_KIND)
        if get_args(annotation) == (Any,):
            annotation = get_origin(annotation)
        return annotation is Any or (
            isinstance(annotation, type) and issubclass(self._event, annotation)
        )

    def source(self, parameter: Parameter, where: Signature) -> Source | None:
        """Return where the value of a parameter comes from; None leaves it its default.

        Raises:
            RegistrationError: nothing provides it; the message says what could be injected.
        """
        self.used.add(parameter.kind)
        source = self._find(parameter.kind)
        if source is None:
            if parameter.has_default:
                return None
            raise where.error(
                f"has a parameter {parameter.name}: {show(parameter.kind)}, which nothing provides "
                f"here. There is {', '.join(self._names())}; bot.provide() adds more"
            )
        if not source.certain and not parameter.optional:
            raise where.error(
                f"has a parameter {parameter.name}: {show(parameter.kind)}, which may be missing: "
                f"annotate it {show(parameter.kind)} | None"
            )
        return source

    def _find(self, kind: object) -> Source | None:
        if kind in self._handed:
            return _handed(kind, certain=self._handed[kind])
        origin = get_origin(kind) or kind
        if isinstance(origin, type) and issubclass(origin, Event):
            fits = takes(kind, EVERY_KIND) if origin is Message else True
            return Source(_itself) if fits and issubclass(self._event, origin) else None
        return self._injector.source(kind, self._event)

    def _names(self) -> list[str]:
        return sorted(show(kind) for kind in (*self._injector.kinds(self._event), *self._handed))


def plan_call(function: Callable[..., Any], scope: Scope, *, role: str, given: int) -> Plan:
    """Return how ``function`` is called where ``scope`` is what there is.

    ``given`` is the number of positional arguments that it takes, the event first; with 0 it is
    not given the event. The rest is injected.

    Raises:
        RegistrationError: something cannot be injected; the message names function and parameter.
    """
    signature = Signature(function, role)
    sources: dict[str, Source] = {}
    for parameter in signature.injected(given):
        source = scope.source(parameter, signature)
        if source is not None:
            sources[parameter.name] = source
    call = function if given else lambda _, **values: function(**values)
    waits = any(source.waits for source in sources.values())
    if waits:
        call = _with_awaited_values(call, sources, signature.is_async)
    elif sources:
        call = _with_values(call, sources)
    return Plan(call, waits or signature.is_async, signature.place)


def _with_values(function: Callable[..., Any], sources: Mapping[str, Source]) -> Callable[..., Any]:
    getters = [(name, source.get) for name, source in sources.items()]

    def call(event: Event, *given: Any) -> Any:
        return function(event, *given, **{name: get(event) for name, get in getters})

    return call


def _with_awaited_values(
    function: Callable[..., Any], sources: Mapping[str, Source], is_async: bool
) -> Callable[..., Any]:
    getters = [(name, source.get, source.waits) for name, source in sources.items()]

    async def call(event: Event, *given: Any) -> Any:
        values = {name: await get(event) if waits else get(event) for name, get, waits in getters}
        result = function(event, *given, **values)
        return await result if is_async else result

    return call


# Where values come from. What was made for an event is kept with it, for all who ask.


def _itself(event: Event) -> Event:
    return event


def _handed(kind: object, *, certain: bool) -> Source:
    if certain:
        return Source(lambda event: event.handed[kind])
    return Source(lambda event: event.handed.get(kind), certain=False)


def _made(kind: object, plan: Plan) -> Callable[[Event], Any]:
    def get(event: Event) -> Any:
        handed = event.handed
        if kind not in handed:
            handed[kind] = plan.call(event)
        return handed[kind]

    return get


def _awaited(kind: object, plan: Plan) -> Callable[[Event], Any]:
    async def get(event: Event) -> Any:
        handed = event.handed
        if kind not in handed:
            handed[kind] = await plan.call(event)
        return handed[kind]

    return get


def _opened(kind: object, plan: Plan) -> Callable[[Event], Any]:
    async def get(event: Event) -> Any:
        handed = event.handed
        if kind not in handed:
            opening = plan.call(event)
            opened = await opening if plan.waits else opening
            handed[kind] = await handed[AsyncExitStack].enter_async_context(opened)
        return handed[kind]

    return get
